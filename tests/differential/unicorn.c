/* SPDX-License-Identifier: MIT */
/*
 * Unicorn, one engine for each mode.
 *
 * Its API sets no hidden parts of segments and no mode flags.  So the whole state
 * goes through a saved context, which is QEMU's CPUX86State as it is in memory:
 * where things are in it is found at the start, by writing values through the API
 * and looking for them.  Its exceptions end in a hook and aren't delivered; a hook
 * on every instruction stops it after the first.
 */
#include <stdlib.h>

#include <Zydis/Zydis.h>
#include <unicorn/unicorn.h>

#include "worker.h"

/* From the general registers on. */
#define AT_RIP 128
#define AT_FLAGS 136
#define AT_MODE 176
#define AT_SEGMENTS 184
#define AT_LDTR 328
#define AT_TR 352
#define AT_GDTR 376
#define AT_IDTR 400
#define AT_CR 424
#define AT_EFER 560
#define SEGMENT_SIZE 24
#define FPU_REGISTERS 20 /* from fpstt on */

/* Of QEMU's mode flags ("hflags"). */
#define MODE_INHIBIT (1u << 3)
#define MODE_CS32 (1u << 4)
#define MODE_SS32 (1u << 5)
#define MODE_ADDSEG (1u << 6)
#define MODE_PE (1u << 7)
#define MODE_MP_SHIFT 9
#define MODE_LMA (1u << 14)
#define MODE_CS64 (1u << 15)
#define MODE_OSFXSR (1u << 22)

#define REP_MAX 300

struct engine {
	uc_engine *uc;
	uc_context *clean, *context;
	unsigned mode;
	unsigned steps, faults;
	uint64_t stopped_at; /* linear address of the next instruction, where it was reached */
	uint32_t vector;
	bool dirty; /* translations of another mode may be cached */
	const struct df_case *c;
	struct df_result *result;
};

static struct engine engines[DF_MODES];
static uint8_t *memory[DF_MODES];

/* Where things are in a context; 0: not found yet. */
static struct {
	size_t size;
	size_t gpr, xmm, fpu, lstar, sysenter, dr, pat, mxcsr;
} at;

/* --- Hooks -------------------------------------------------------------------------------- */

static void on_code(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
	struct engine *e = user;
	uint64_t base = df_modes[e->mode].size == 8 ? 0 : e->c->before.seg[XE_CS].base;

	(void)size;
	if (!e->steps++)
		return;
	if (e->c->repeats && address == e->c->before.rip + base && e->steps < REP_MAX)
		return;
	e->stopped_at = address;
	uc_emu_stop(uc);
}

static void on_interrupt(uc_engine *uc, uint32_t vector, void *user)
{
	struct engine *e = user;

	if (!e->faults++)
		e->vector = vector;
	uc_emu_stop(uc);
}

static uint32_t on_in(uc_engine *uc, uint32_t port, int size, void *user)
{
	struct engine *e = user;
	uint32_t value = df_port_value(port, (unsigned)size);

	(void)uc;
	df_note_io(e->result, port, (unsigned)size, false, value);
	return value;
}

static void on_out(uc_engine *uc, uint32_t port, int size, uint32_t value, void *user)
{
	struct engine *e = user;

	(void)uc;
	df_note_io(e->result, port, (unsigned)size, true, value & (uint32_t)xe_mask((size_t)size));
}

/* --- Contexts ------------------------------------------------------------------------------- */

static void put(uc_context *context, size_t offset, const void *data, size_t size)
{
	memcpy((uint8_t *)context + offset, data, size);
}

static void put64(uc_context *context, size_t offset, uint64_t value)
{
	put(context, offset, &value, 8);
}

static void put32(uc_context *context, size_t offset, uint32_t value)
{
	put(context, offset, &value, 4);
}

static void get(const uc_context *context, size_t offset, void *data, size_t size)
{
	memcpy(data, (const uint8_t *)context + offset, size);
}

static uint64_t get64(const uc_context *context, size_t offset)
{
	uint64_t value;

	get(context, offset, &value, 8);
	return value;
}

static uint32_t get32(const uc_context *context, size_t offset)
{
	uint32_t value;

	get(context, offset, &value, 4);
	return value;
}

/* Attributes are in the place that they have in a descriptor's high half. */
static void put_segment(uc_context *context, size_t offset, const struct hy_segment *s)
{
	put32(context, offset, s->selector);
	put64(context, offset + 8, s->base);
	put32(context, offset + 16, s->limit);
	put32(context, offset + 20, (s->attributes & 0xf0ffu) << 8);
}

static void get_segment(const uc_context *context, size_t offset, struct hy_segment *s)
{
	s->selector = (uint16_t)get32(context, offset);
	s->base = get64(context, offset + 8);
	s->limit = get32(context, offset + 16);
	s->attributes = get32(context, offset + 20) >> 8 & 0xf0ff;
	if (!(s->attributes & HY_X86_SEG_P))
		s->attributes |= HY_X86_SEG_UNUSABLE;
}

static uint32_t mode_flags(const struct xe_cpu *cpu, uint8_t cpl)
{
	uint32_t flags = cpl | (uint32_t)(cpu->cr0 << (MODE_MP_SHIFT - 1) & 0xe00);
	bool is_long = (cpu->efer & HY_X86_EFER_LMA) != 0;

	if (cpu->cr0 & HY_X86_CR0_PE)
		flags |= MODE_PE;
	if (cpu->cr4 & HY_X86_CR4_OSFXSR)
		flags |= MODE_OSFXSR;
	if (is_long)
		flags |= MODE_LMA;
	if (is_long && (cpu->seg[XE_CS].attributes & HY_X86_SEG_L))
		return flags | MODE_CS32 | MODE_SS32 | MODE_CS64;
	if (cpu->seg[XE_CS].attributes & HY_X86_SEG_DB)
		flags |= MODE_CS32;
	if (cpu->seg[XE_SS].attributes & HY_X86_SEG_DB)
		flags |= MODE_SS32;
	if (!(flags & MODE_CS32) || !(cpu->cr0 & HY_X86_CR0_PE) || (cpu->rflags & HY_X86_RFLAGS_VM) ||
	    cpu->seg[XE_DS].base || cpu->seg[XE_ES].base || cpu->seg[XE_SS].base)
		flags |= MODE_ADDSEG;
	return flags;
}

/* Whole: execution begins with taking them apart. */
static void put_flags(uc_context *context, uint64_t rflags)
{
	put64(context, at.gpr + AT_FLAGS, rflags);
}

static void put_system(uc_context *context, const struct xe_cpu *cpu)
{
	uint64_t cr[5] = { cpu->cr0, 0, cpu->cr2, cpu->cr3, cpu->cr4 };

	put(context, at.gpr + AT_CR, cr, sizeof(cr));
	put64(context, at.gpr + AT_EFER, cpu->efer);
	put_segment(context, at.gpr + AT_GDTR, &cpu->gdtr);
	put_segment(context, at.gpr + AT_IDTR, &cpu->idtr);
	put64(context, at.sysenter, cpu->msr.sysenter_cs);
	put64(context, at.sysenter + 8, cpu->msr.sysenter_esp);
	put64(context, at.sysenter + 16, cpu->msr.sysenter_eip);
	put64(context, at.sysenter + 24, cpu->msr.star);
	put64(context, at.lstar, cpu->msr.lstar);
	put64(context, at.lstar + 8, cpu->msr.cstar);
	put64(context, at.lstar + 16, cpu->msr.fmask);
	put64(context, at.lstar + 24, cpu->msr.kernel_gs_base);
	put64(context, at.pat, cpu->msr.pat);
}

/* From fpstt on: top, status without it, control, tags by physical register, registers by physical number. */
static void put_fpu(uc_context *context, const struct xe_fpu *fpu)
{
	unsigned top = fpu->fsw >> 11 & 7;
	uint16_t fsw = fpu->fsw & 0xc7ff;

	put32(context, at.fpu, top);
	put(context, at.fpu + 4, &fsw, 2);
	put(context, at.fpu + 6, &fpu->fcw, 2);
	for (unsigned i = 0; i < 8; i++) {
		uint8_t is_empty = !(fpu->ftw >> i & 1);

		put(context, at.fpu + 8 + i, &is_empty, 1);
		put(context, at.fpu + FPU_REGISTERS + 16 * ((top + i) & 7), fpu->st[i], 10);
	}
	put32(context, at.mxcsr, fpu->mxcsr);
	for (unsigned i = 0; i < 16; i++)
		put(context, at.xmm + 64 * i, &fpu->ymm[i], 16);
}

static void get_fpu(const uc_context *context, struct xe_fpu *fpu)
{
	unsigned top = get32(context, at.fpu) & 7;

	get(context, at.fpu + 4, &fpu->fsw, 2);
	fpu->fsw = (uint16_t)((fpu->fsw & 0xc7ff) | top << 11);
	get(context, at.fpu + 6, &fpu->fcw, 2);
	fpu->ftw = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t is_empty;

		get(context, at.fpu + 8 + i, &is_empty, 1);
		fpu->ftw |= (uint8_t)(!is_empty << i);
		get(context, at.fpu + FPU_REGISTERS + 16 * ((top + i) & 7), fpu->st[i], 10);
	}
	fpu->mxcsr = get32(context, at.mxcsr);
	for (unsigned i = 0; i < 16; i++)
		get(context, at.xmm + 64 * i, &fpu->ymm[i], 16);
}

static void put_case(struct engine *e, const struct df_case *c)
{
	const struct xe_cpu *cpu = &c->before;

	memcpy(e->context, e->clean, at.size);
	put(e->context, at.gpr, cpu->gpr, sizeof(cpu->gpr));
	put64(e->context, at.gpr + AT_RIP, cpu->rip);
	put_flags(e->context, cpu->rflags);
	put32(e->context, at.gpr + AT_MODE, mode_flags(cpu, df_modes[c->mode].cpl));
	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		put_segment(e->context, at.gpr + AT_SEGMENTS + SEGMENT_SIZE * i, &cpu->seg[i]);
	put_system(e->context, cpu);
	put_fpu(e->context, &cpu->fpu);
}

static void get_system(const uc_context *context, struct xe_cpu *cpu)
{
	uint64_t cr[5];

	get(context, at.gpr + AT_CR, cr, sizeof(cr));
	cpu->cr0 = cr[0];
	cpu->cr2 = cr[2];
	cpu->cr3 = cr[3];
	cpu->cr4 = cr[4];
	cpu->efer = get64(context, at.gpr + AT_EFER);
	get_segment(context, at.gpr + AT_GDTR, &cpu->gdtr);
	get_segment(context, at.gpr + AT_IDTR, &cpu->idtr);
	cpu->msr.sysenter_cs = get32(context, at.sysenter);
	cpu->msr.sysenter_esp = get64(context, at.sysenter + 8);
	cpu->msr.sysenter_eip = get64(context, at.sysenter + 16);
	cpu->msr.star = get64(context, at.sysenter + 24);
	cpu->msr.lstar = get64(context, at.lstar);
	cpu->msr.cstar = get64(context, at.lstar + 8);
	cpu->msr.fmask = get64(context, at.lstar + 16);
	cpu->msr.kernel_gs_base = get64(context, at.lstar + 24);
	cpu->msr.pat = get64(context, at.pat);
}

static void get_case(struct engine *e, struct df_result *result)
{
	struct xe_cpu *cpu = &result->after;

	uc_reg_read(e->uc, UC_X86_REG_EFLAGS, &cpu->rflags);
	cpu->rflags &= UINT32_MAX;
	uc_context_save(e->uc, e->context);
	get(e->context, at.gpr, cpu->gpr, sizeof(cpu->gpr));
	cpu->rip = get64(e->context, at.gpr + AT_RIP);
	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		get_segment(e->context, at.gpr + AT_SEGMENTS + SEGMENT_SIZE * i, &cpu->seg[i]);
	/* In a hook RIP has the linear address. */
	if (e->stopped_at && !(get32(e->context, at.gpr + AT_MODE) & MODE_CS64))
		cpu->rip = e->stopped_at - cpu->seg[XE_CS].base;
	if (!(get32(e->context, at.gpr + AT_MODE) & MODE_CS64))
		cpu->rip &= UINT32_MAX;
	get_system(e->context, cpu);
	get_fpu(e->context, &cpu->fpu);
	result->error = get32(e->context, at.dr - 16);
}

/* --- Calibration ------------------------------------------------------------------------------ */

static size_t find(const uc_context *context, const void *pattern, size_t size)
{
	for (size_t i = 0; i + size <= at.size; i++)
		if (!memcmp((const uint8_t *)context + i, pattern, size))
			return i;
	return 0;
}

static void write_msr(uc_engine *uc, uint32_t index, uint64_t value)
{
	uc_x86_msr msr = { index, value };

	uc_reg_write(uc, UC_X86_REG_MSR, &msr);
}

/* Writes known values through the API and finds them. */
static bool calibrate(uc_engine *uc, uc_context *context)
{
	static const int gpr[] = { UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX };
	static const int debug[] = { UC_X86_REG_DR0, UC_X86_REG_DR1, UC_X86_REG_DR2, UC_X86_REG_DR3 };
	uint64_t values[4], xmm[2] = { UINT64_C(0x6b1f9ce30d5a7482), UINT64_C(0x1d2e3f4051627384) };
	uint64_t st[2] = { UINT64_C(0xc3a5d1e7f9081726), 0x4005 };
	uint32_t mxcsr = 0x1fa5;

	at.size = uc_context_size(uc);
	for (unsigned i = 0; i < 4; i++) {
		values[i] = UINT64_C(0x5a17e2c94b36d800) + i;
		uc_reg_write(uc, gpr[i], &values[i]);
	}
	uc_context_save(uc, context);
	at.gpr = find(context, values, sizeof(values));
	for (unsigned i = 0; i < 4; i++) {
		values[i] += 0x100;
		uc_reg_write(uc, debug[i], &values[i]);
	}
	write_msr(uc, HY_X86_MSR_STAR, values[0] ^ 0xff0000);
	write_msr(uc, HY_X86_MSR_LSTAR, values[1] ^ 0xff0000);
	write_msr(uc, HY_X86_MSR_PAT, UINT64_C(0x0105040601070400));
	uc_reg_write(uc, UC_X86_REG_XMM0, xmm);
	uc_reg_write(uc, UC_X86_REG_FP0, st);
	uc_reg_write(uc, UC_X86_REG_MXCSR, &mxcsr);
	uc_context_save(uc, context);
	at.dr = find(context, values, sizeof(values));
	at.sysenter = find(context, &(uint64_t){ values[0] ^ 0xff0000 }, 8) - 24;
	at.lstar = find(context, &(uint64_t){ values[1] ^ 0xff0000 }, 8);
	at.pat = find(context, &(uint64_t){ UINT64_C(0x0105040601070400) }, 8);
	at.xmm = find(context, xmm, sizeof(xmm));
	at.fpu = find(context, st, 10) - FPU_REGISTERS;
	at.mxcsr = find(context, &mxcsr, 4);
	return at.gpr && at.dr && at.lstar && at.pat && at.xmm && at.mxcsr && at.sysenter < at.lstar &&
	       at.fpu == at.gpr + AT_EFER + 12;
}

/* --- Engines ------------------------------------------------------------------------------------ */

static bool map_memory(struct engine *e)
{
	uint8_t *pages = memory[e->mode] = aligned_alloc(XE_PAGE_SIZE, DF_MEMORY);

	if (!pages)
		return false;
	memcpy(pages, df_image(e->mode), DF_MEMORY);
	/* It looks for memory before it walks page tables: holes in them need some too. */
	for (uint32_t page = 0; page < DF_MEMORY; page += XE_PAGE_SIZE)
		if ((df_is_memory(page) || df_modes[e->mode].paging != DF_FLAT) &&
		    uc_mem_map_ptr(e->uc, page, XE_PAGE_SIZE, UC_PROT_ALL, pages + page))
			return false;
	return true;
}

static bool open_engine(unsigned mode)
{
	struct engine *e = &engines[mode];
	uc_hook hook;

	e->mode = mode;
	if (uc_open(UC_ARCH_X86, UC_MODE_64, &e->uc) || !map_memory(e))
		return false;
	if (uc_context_alloc(e->uc, &e->clean) || uc_context_alloc(e->uc, &e->context))
		return false;
	uc_context_save(e->uc, e->clean);
	if (!at.gpr && !calibrate(e->uc, e->context))
		return false;
	return !uc_hook_add(e->uc, &hook, UC_HOOK_CODE, (void *)on_code, e, 1, 0) &&
	       !uc_hook_add(e->uc, &hook, UC_HOOK_INTR, (void *)on_interrupt, e, 1, 0) &&
	       !uc_hook_add(e->uc, &hook, UC_HOOK_INSN, (void *)on_in, e, 1, 0, UC_X86_INS_IN) &&
	       !uc_hook_add(e->uc, &hook, UC_HOOK_INSN, (void *)on_out, e, 1, 0, UC_X86_INS_OUT);
}

static void close_engine(struct engine *e)
{
	uc_close(e->uc);
	uc_context_free(e->clean);
	uc_context_free(e->context);
	free(memory[e->mode]);
}

#define MODES ((1u << DF_MODE_NATIVE16) - 1)

/* In the child, whose end closes them. */
static bool open_engines(void)
{
	for (unsigned i = 0; i < DF_MODES; i++)
		if ((MODES >> i & 1) && !open_engine(i))
			return false;
	return true;
}

/*
 * Forgets the engine's translations of addresses: restoring a context doesn't.  A change
 * of CR4.PGE does, written in real mode.
 */
static void flush(struct engine *e)
{
	static const uint8_t mov_cr4[] = { 0x0f, 0x22, 0xe0, 0xf4 };
	struct df_case c = { .mode = DF_MODE_REAL };

	df_setup(DF_MODE_REAL, &c.before);
	c.before.seg[XE_CS].base = 0;
	c.before.rip = DF_HANDLERS + 0x800;
	c.before.gpr[XE_RAX] = c.before.cr4 | HY_X86_CR4_PGE;
	e->c = &c;
	put_case(e, &c);
	memcpy(memory[e->mode] + DF_HANDLERS + 0x800, mov_cr4, sizeof(mov_cr4));
	uc_context_restore(e->uc, e->context);
	e->steps = 0;
	e->stopped_at = 0;
	e->faults = 0;
	uc_emu_start(e->uc, c.before.rip, 0, 0, 0);
	memset(memory[e->mode] + DF_HANDLERS + 0x800, 0xf4, sizeof(mov_cr4));
}

/* --- Cases ---------------------------------------------------------------------------------------- */

/* What stopped it came in fetching from where the instruction went to: that itself is done. */
static bool has_moved(const struct df_case *c, const struct df_result *result)
{
	uint64_t base = df_modes[c->mode].size == 8 ? 0 : c->before.seg[XE_CS].base;

	return result->after.rip != c->before.rip && result->after.rip != c->before.rip + base;
}

static void end(struct engine *e, const struct df_case *c, uc_err error, struct df_result *result)
{
	bool moved = has_moved(c, result);

	result->outcome = DF_DONE;
	if (e->faults) {
		result->outcome = DF_FAULT;
		result->vector = (uint8_t)e->vector;
		if (e->vector == XE_PF && moved) {
			result->outcome = DF_DONE;
			result->after.cr2 = c->before.cr2;
		}
	} else if (error == UC_ERR_INSN_INVALID) {
		result->outcome = moved ? DF_DONE : DF_FAULT;
		result->vector = XE_UD;
	} else if (error == UC_ERR_READ_UNMAPPED || error == UC_ERR_WRITE_UNMAPPED) {
		result->outcome = DF_OUTSIDE;
	} else if (error == UC_ERR_FETCH_UNMAPPED) {
		result->outcome = moved ? DF_DONE : DF_OUTSIDE;
	} else if (error) {
		result->outcome = DF_LOST;
		result->text = uc_strerror(error);
	} else if (c->mnemonic == ZYDIS_MNEMONIC_HLT) {
		result->outcome = DF_HALT;
	}
}

static bool changes_translations(const struct df_case *c)
{
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_MOV: case ZYDIS_MNEMONIC_LMSW: case ZYDIS_MNEMONIC_WRMSR: case ZYDIS_MNEMONIC_SYSRET:
		return c->code[0] != 0xb8;
	default:
		return false;
	}
}

/* The engine doesn't see the code page change. */
static void forget_code(struct engine *e, uint64_t linear)
{
	if (linear)
		uc_ctl_remove_cache(e->uc, linear, linear + 1);
}

static void run_case(const struct df_case *c, struct df_result *result)
{
	struct engine *e = &engines[c->mode];
	uint64_t linear = c->before.rip + (df_modes[c->mode].size == 8 ? 0 : c->before.seg[XE_CS].base);
	uc_err error;

	memset(result, 0, sizeof(*result));
	result->after = c->before;
	if (e->dirty)
		flush(e);
	df_prepare(c, memory[c->mode]);
	put_case(e, c);
	e->c = c;
	e->result = result;
	e->steps = 0;
	e->stopped_at = 0;
	e->faults = 0;
	uc_context_restore(e->uc, e->context);
	error = uc_emu_start(e->uc, c->before.rip, 0, 0, 0);
	get_case(e, result);
	end(e, c, error, result);
	df_collect(c, memory[c->mode], result);
	e->dirty = df_restore(c, memory[c->mode]);
	forget_code(e, linear);
	forget_code(e, e->stopped_at);
	e->dirty |= changes_translations(c) && (result->after.cr0 != c->before.cr0 || result->after.cr3 != c->before.cr3 ||
	                                       result->after.cr4 != c->before.cr4 || result->after.efer != c->before.efer);
}

static void unicorn_run(const struct df_case *cases, struct df_result *results, size_t count)
{
	df_worker_run(open_engines, run_case, cases, results, count);
}

static const char *unicorn_open(uint32_t *features, unsigned *xcr0)
{
	if (!open_engine(DF_MODE_REAL))
		return "it can't be opened, or its context isn't laid out as in Unicorn 2.0.1";
	close_engine(&engines[DF_MODE_REAL]);
	*features = XE_HAS_VME | XE_HAS_PSE | XE_HAS_PAE | XE_HAS_PGE | XE_HAS_NX | XE_HAS_LONG |
	            XE_HAS_SYSCALL | XE_HAS_SYSENTER | XE_HAS_LZCNT | XE_HAS_BMI1 | XE_HAS_BMI2 | XE_HAS_CX16 | XE_HAS_ADX |
	            XE_HAS_SMAP | XE_HAS_SMEP;
	*xcr0 = 1;
	return NULL;
}

/* What it lacks, hooks instead of doing it, or answers from a clock. */
static bool unicorn_can(const struct df_case *c)
{
	/* QEMU's x87 is no processor's, by far; the processor itself is the better judge. */
	if (c->is_x87)
		return false;
	/* It decodes VEX as if it had AVX, without the upper halves: nothing to compare with. */
	if (*ZydisMnemonicGetString((ZydisMnemonic)c->mnemonic) == 'v' && c->mnemonic != ZYDIS_MNEMONIC_VERR &&
	    c->mnemonic != ZYDIS_MNEMONIC_VERW)
		return false;
	if (c->is_vex && (c->mnemonic == ZYDIS_MNEMONIC_LZCNT || c->mnemonic == ZYDIS_MNEMONIC_TZCNT))
		return false;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_SYSCALL: case ZYDIS_MNEMONIC_SYSENTER: case ZYDIS_MNEMONIC_INT: case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_CPUID:
	case ZYDIS_MNEMONIC_RDTSC: case ZYDIS_MNEMONIC_RDTSCP: case ZYDIS_MNEMONIC_RDPMC: case ZYDIS_MNEMONIC_RDPID:
	case ZYDIS_MNEMONIC_RDRAND: case ZYDIS_MNEMONIC_RDSEED:
		return false;
	default:
		return true;
	}
}

/* What it has of extensions. */
static void unicorn_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)ctx;
	(void)subleaf;
	if (leaf == 1) {
		answer[2] = 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20;
		answer[3] = 1u << 0 | 1u << 19 | 1u << 23 | 1u << 24 | 1u << 25 | 1u << 26;
	}
}

const struct df_side df_unicorn = {
	.name = "unicorn",
	.modes = MODES,
	.open = unicorn_open,
	.can = unicorn_can,
	.run = unicorn_run,
	.close = df_worker_close,
	.renew = df_worker_renew,
	.cpuid = unicorn_cpuid,
};
