/* SPDX-License-Identifier: MIT */
/* System instructions that have no file of their own (SDM vol. 2; vol. 3, section 2.8). */
#include "handlers.h"

enum xe_result xe_undefined(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	return xe_raise(cpu, XE_UD);
}

/* EDX:EAX. */
static void set_pair(struct xe_cpu *cpu, uint64_t value)
{
	cpu->gpr[XE_RAX] = (uint32_t)value;
	cpu->gpr[XE_RDX] = value >> 32;
}

static uint64_t get_pair(const struct xe_cpu *cpu)
{
	return cpu->gpr[XE_RDX] << 32 | (uint32_t)cpu->gpr[XE_RAX];
}

/* --- GDTR, IDTR --------------------------------------------------------------------- */

static struct hy_segment *table_of(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return insn->op == XE_TABLE_GDT ? &cpu->gdtr : &cpu->idtr;
}

/* In memory: a limit of 16 bits, a base of 32, in 64-bit mode of 64. */
static size_t table_size(const struct xe_insn *insn)
{
	return insn->mode == 8 ? 10 : 6;
}

/* With 16-bit operands only 24 bits of the base count. */
enum xe_result xe_load_table(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct hy_segment *table = table_of(cpu, insn);
	uint8_t image[10] = { 0 };
	uint16_t limit;
	uint64_t base;
	enum xe_result r = xe_check_privileged(cpu);

	if (r == XE_OK)
		r = xe_load_bytes(cpu, insn->segment, xe_offset(cpu, insn), image, table_size(insn));
	if (r != XE_OK)
		return r;
	memcpy(&limit, image, sizeof(limit));
	memcpy(&base, image + sizeof(limit), sizeof(base));
	if (insn->mode != 8 && insn->operand_size == 2)
		base &= 0xffffff;
	if (!xe_is_canonical_base(cpu, base))
		return xe_raise_error(cpu, XE_GP, 0);
	table->limit = limit;
	table->base = base;
	return XE_OK;
}

/* All of the base, also with 16-bit operands: the manual says otherwise, processors since the 386 don't. */
enum xe_result xe_store_table(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	const struct hy_segment *table = table_of(cpu, insn);
	uint16_t limit = (uint16_t)table->limit;
	uint8_t image[10];

	if (cpu->cpl && (cpu->cr4 & XE_CR4_UMIP))
		return xe_raise_error(cpu, XE_GP, 0);
	memcpy(image, &limit, sizeof(limit));
	memcpy(image + sizeof(limit), &table->base, sizeof(table->base));
	return xe_store_bytes(cpu, insn->segment, xe_offset(cpu, insn), image, table_size(insn));
}

/* --- Translations and caches -------------------------------------------------------------- */

/* Never faults for its operand; what isn't canonical is no page (SDM vol. 2, INVLPG). */
enum xe_result xe_invalidate_page(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_check_privileged(cpu);

	if (r == XE_OK)
		xe_flush_page(cpu, xe_linear(cpu, insn->segment, xe_offset(cpu, insn)));
	return r;
}

/* INVD, WBINVD: memory is coherent. */
enum xe_result xe_invalidate_caches(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	return xe_check_privileged(cpu);
}

enum { INVPCID_ADDRESS, INVPCID_ONE, INVPCID_ALL, INVPCID_ALL_BUT_GLOBAL };

static bool is_invpcid_ok(const struct xe_cpu *cpu, uint64_t type, const uint64_t descriptor[2])
{
	if (type > INVPCID_ALL_BUT_GLOBAL || descriptor[0] >> 12)
		return false;
	if (type <= INVPCID_ONE && descriptor[0] && !(cpu->cr4 & XE_CR4_PCIDE))
		return false;
	return type != INVPCID_ADDRESS || xe_is_canonical_base(cpu, descriptor[1]);
}

/* Translations of different PCIDs aren't told apart, and none outlives a change of CR3. */
enum xe_result xe_invalidate_pcid(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t type = xe_gpr(cpu, insn->operand[0].reg, xe_is_64(cpu) ? 8 : 4);
	uint64_t descriptor[2];
	enum xe_result r = xe_check_privileged(cpu);

	if (r == XE_OK)
		r = xe_load_bytes(cpu, insn->segment, xe_offset(cpu, insn), descriptor, sizeof(descriptor));
	if (r != XE_OK)
		return r;
	if (!is_invpcid_ok(cpu, type, descriptor))
		return xe_raise_error(cpu, XE_GP, 0);
	if (type == INVPCID_ADDRESS)
		xe_flush_page(cpu, descriptor[1]);
	else
		xe_flush_all(cpu);
	return XE_OK;
}

/* --- What the processor is, clocks -------------------------------------------------------- */

#define CPUID_OSXSAVE (1u << 27)    /* leaf 1, ECX */
#define CPUID_OSPKE (1u << 4)       /* leaf 7, ECX */
#define XSTATE_AVX 4u               /* of XCR0 */
#define XSAVE_SIZE_WITHOUT_AVX 576u /* SDM vol. 1, section 13.4 */

static uint32_t replace_bit(uint32_t word, uint32_t bit, bool set)
{
	return set ? word | bit : word & ~bit;
}

/* Bits that follow from the registers, not from the model. */
static void update_cpuid(const struct xe_cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	if (leaf == 1)
		answer[2] = replace_bit(answer[2], CPUID_OSXSAVE, cpu->cr4 & HY_X86_CR4_OSXSAVE);
	else if (leaf == 7 && subleaf == 0)
		answer[2] = replace_bit(answer[2], CPUID_OSPKE, cpu->cr4 & XE_CR4_PKE);
	else if (leaf == 0xd && subleaf == 0 && answer[1])
		answer[1] = cpu->xcr0 & XSTATE_AVX ? XE_XSAVE_SIZE : XSAVE_SIZE_WITHOUT_AVX;
}

enum xe_result xe_cpuid(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint32_t leaf = (uint32_t)cpu->gpr[XE_RAX], subleaf = (uint32_t)cpu->gpr[XE_RCX];
	uint32_t answer[4] = { 0 };
	enum xe_result r = xe_need(cpu, XE_PART_FPU);

	(void)insn;
	if (r != XE_OK)
		return r;
	cpu->bus->cpuid(cpu->ctx, leaf, subleaf, answer);
	update_cpuid(cpu, leaf, subleaf, answer);
	cpu->gpr[XE_RAX] = answer[0];
	cpu->gpr[XE_RBX] = answer[1];
	cpu->gpr[XE_RCX] = answer[2];
	cpu->gpr[XE_RDX] = answer[3];
	return XE_OK;
}

/* RDTSC; RDTSCP with the auxiliary value. */
enum xe_result xe_read_tsc(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r;

	if (cpu->cpl && (cpu->cr4 & XE_CR4_TSD))
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_need(cpu, XE_PART_MSRS);
	if (r != XE_OK)
		return r;
	set_pair(cpu, xe_guest_tsc(cpu));
	if (insn->op)
		cpu->gpr[XE_RCX] = (uint32_t)cpu->msr.tsc_aux;
	return XE_OK;
}

/* There are no performance counters: no number is good. */
enum xe_result xe_read_counter(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	return xe_raise_error(cpu, XE_GP, 0);
}

/* --- Extended control registers, protection keys --------------------------------------------- */

static bool is_xcr0_ok(const struct xe_cpu *cpu, uint64_t value)
{
	uint64_t known = cpu->features & XE_HAS_AVX ? 7 : 3;

	if ((value & ~known) || !(value & 1))
		return false;
	return !(value & XSTATE_AVX) || (value & 2);
}

enum xe_result xe_read_xcr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r;

	(void)insn;
	if (!(cpu->cr4 & HY_X86_CR4_OSXSAVE))
		return xe_raise(cpu, XE_UD);
	if ((uint32_t)cpu->gpr[XE_RCX])
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_need(cpu, XE_PART_FPU);
	if (r == XE_OK)
		set_pair(cpu, cpu->xcr0);
	return r;
}

enum xe_result xe_write_xcr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r;

	(void)insn;
	if (!(cpu->cr4 & HY_X86_CR4_OSXSAVE))
		return xe_raise(cpu, XE_UD);
	if (cpu->cpl || (uint32_t)cpu->gpr[XE_RCX] || !is_xcr0_ok(cpu, get_pair(cpu)))
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_need(cpu, XE_PART_FPU);
	if (r != XE_OK)
		return r;
	cpu->xcr0 = get_pair(cpu);
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

enum xe_result xe_read_pkru(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	if (!(cpu->cr4 & XE_CR4_PKE))
		return xe_raise(cpu, XE_UD);
	if ((uint32_t)cpu->gpr[XE_RCX])
		return xe_raise_error(cpu, XE_GP, 0);
	set_pair(cpu, cpu->pkru);
	return XE_OK;
}

enum xe_result xe_write_pkru(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	if (!(cpu->cr4 & XE_CR4_PKE))
		return xe_raise(cpu, XE_UD);
	if ((uint32_t)cpu->gpr[XE_RCX] || (uint32_t)cpu->gpr[XE_RDX])
		return xe_raise_error(cpu, XE_GP, 0);
	cpu->pkru = (uint32_t)cpu->gpr[XE_RAX];
	xe_flush_all(cpu);
	return XE_OK;
}

/* --- Halting, interrupts ------------------------------------------------------------------------ */

enum xe_result xe_halt(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_check_privileged(cpu);

	(void)insn;
	return r == XE_OK ? XE_HALT : r;
}

/* Whether IF is out of reach, and there is a virtual one instead (SDM vol. 3, sections 20.3 and 20.4). */
static bool has_virtual_if(const struct xe_cpu *cpu)
{
	return cpu->cpl == 3 && (cpu->cr4 & (xe_is_v8086(cpu) ? XE_CR4_VME : XE_CR4_PVI));
}

static bool may_change_if(const struct xe_cpu *cpu)
{
	return cpu->cpl <= xe_iopl(cpu);
}

enum xe_result xe_clear_interrupts(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	if (may_change_if(cpu))
		cpu->rflags &= ~(uint64_t)HY_X86_RFLAGS_IF;
	else if (has_virtual_if(cpu))
		cpu->rflags &= ~(uint64_t)XE_RFLAGS_VIF;
	else
		return xe_raise_error(cpu, XE_GP, 0);
	return XE_OK;
}

/* Interrupts wait for one more instruction, if they weren't allowed before. */
enum xe_result xe_set_interrupts(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	if (may_change_if(cpu)) {
		cpu->next_shadow = !(cpu->rflags & HY_X86_RFLAGS_IF);
		cpu->rflags |= HY_X86_RFLAGS_IF;
	} else if (has_virtual_if(cpu) && !(cpu->rflags & XE_RFLAGS_VIP)) {
		cpu->rflags |= XE_RFLAGS_VIF;
	} else {
		return xe_raise_error(cpu, XE_GP, 0);
	}
	return XE_OK;
}

/* CLAC, STAC. */
enum xe_result xe_set_smap_override(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (cpu->cpl)
		return xe_raise(cpu, XE_UD);
	xe_set_flags(cpu, XE_RFLAGS_AC, insn->op ? XE_RFLAGS_AC : 0);
	return XE_OK;
}

/* --- Bases of FS and GS ---------------------------------------------------------------------------- */

enum xe_result xe_swap_gs(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t base = cpu->seg[XE_GS].base;
	enum xe_result r = xe_check_privileged(cpu);

	(void)insn;
	if (r == XE_OK)
		r = xe_need(cpu, XE_PART_MSRS);
	if (r != XE_OK)
		return r;
	cpu->seg[XE_GS].base = cpu->msr.kernel_gs_base;
	cpu->msr.kernel_gs_base = base;
	cpu->changed |= XE_PART_MSRS;
	return XE_OK;
}

/* RDFSBASE... are of 64-bit mode alone, and 66 doesn't make them 16 bits wide. */
enum xe_result xe_read_base(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (!(cpu->cr4 & XE_CR4_FSGSBASE))
		return xe_raise(cpu, XE_UD);
	xe_set_register(cpu, &insn->operand[0], cpu->seg[insn->op].base);
	return XE_OK;
}

enum xe_result xe_write_base(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t base = xe_get_register(cpu, &insn->operand[0]);

	if (!(cpu->cr4 & XE_CR4_FSGSBASE))
		return xe_raise(cpu, XE_UD);
	if (!xe_is_canonical(cpu, base))
		return xe_raise_error(cpu, XE_GP, 0);
	cpu->seg[insn->op].base = base;
	return XE_OK;
}
