/* SPDX-License-Identifier: MIT */
/*
 * The x87's state, and the instructions that control it.
 *
 * xe_fpu.st is what FXSAVE has: ST(0) first, wherever TOP points.  The registers
 * that are numbered from their place in the processor are "physical": tags are by
 * them, and the MMX registers are their low parts.
 *
 * FCS and FDS read as zero (CPUID.7.0:EBX bit 13), FOP changes with unmasked
 * exceptions only (SDM vol. 1, sections 8.1.8 and 8.1.9).
 */
#include "fpu.h"

#define FCW_FIXED 0x40u
#define FCW_MASK 0x1f7fu
#define ENVIRONMENT_WORDS 7

/* --- State ---------------------------------------------------------------------------------------- */

/*
 * Without CR0.NE the error goes out by FERR# and comes back as an interrupt of the
 * machine (SDM vol. 1, section 8.7.2); there is none, and as with IGNNE# one goes on.
 */
bool xe_fpu_error_due(const struct xe_cpu *cpu)
{
	return (cpu->fpu.fsw & XE_FSW_ES) && (cpu->cr0 & HY_X86_CR0_NE);
}

enum xe_result xe_fpu_begin(struct xe_cpu *cpu, bool waits)
{
	enum xe_result r = xe_need(cpu, XE_PART_FPU);

	if (r != XE_OK)
		return r;
	if (cpu->cr0 & (HY_X86_CR0_EM | HY_X86_CR0_TS))
		return xe_raise(cpu, XE_NM);
	return waits && xe_fpu_error_due(cpu) ? xe_raise(cpu, XE_MF) : XE_OK;
}

void xe_fpu_set_top(struct xe_fpu *fpu, unsigned top)
{
	unsigned by = (top - xe_fpu_top(fpu)) & 7;
	uint8_t old[8][16];

	memcpy(old, fpu->st, sizeof(old));
	for (unsigned i = 0; i < 8; i++)
		memcpy(fpu->st[i], old[(i + by) & 7], sizeof(old[i]));
	fpu->fsw = (uint16_t)((fpu->fsw & ~XE_FSW_TOP) | (top & 7) << XE_FSW_TOP_SHIFT);
}

bool xe_fpu_is_empty(const struct xe_fpu *fpu, unsigned i)
{
	return !(fpu->ftw >> ((xe_fpu_top(fpu) + i) & 7) & 1);
}

void xe_fpu_set_empty(struct xe_fpu *fpu, unsigned i, bool empty)
{
	unsigned bit = 1u << ((xe_fpu_top(fpu) + i) & 7);

	fpu->ftw = (uint8_t)(empty ? fpu->ftw & ~bit : fpu->ftw | bit);
}

void xe_fpu_set_control(struct xe_fpu *fpu, uint16_t fcw, uint16_t fsw)
{
	fpu->fcw = (uint16_t)((fcw & FCW_MASK) | FCW_FIXED);
	fpu->fsw = (uint16_t)(fsw & ~(XE_FSW_ES | XE_FSW_B));
	if (fsw & ~fcw & XE_FSW_EXCEPTIONS)
		fpu->fsw |= XE_FSW_ES | XE_FSW_B;
}

void xe_fpu_init(struct xe_fpu *fpu)
{
	xe_fpu_set_top(fpu, 0);
	fpu->fcw = XE_FCW_RESET;
	fpu->fsw = 0;
	fpu->ftw = 0;
	fpu->fop = 0;
	fpu->fip = fpu->fdp = 0;
}

uint8_t *xe_fpu_mm(struct xe_cpu *cpu, unsigned i)
{
	return cpu->fpu.st[(i - xe_fpu_top(&cpu->fpu)) & 7];
}

void xe_fpu_enter_mmx(struct xe_cpu *cpu)
{
	xe_fpu_set_top(&cpu->fpu, 0);
	cpu->fpu.ftw = 0xff;
	cpu->changed |= XE_PART_FPU;
}

/* --- Control ---------------------------------------------------------------------------------------- */

static void do_control(struct xe_fpu *fpu, const struct xe_insn *insn)
{
	unsigned i = insn->operand[0].reg;

	switch (insn->op & XE_X87_OP) {
	case XE_X87_INIT:
		xe_fpu_init(fpu);
		break;
	case XE_X87_CLEAR:
		fpu->fsw &= (uint16_t) ~(XE_FSW_EXCEPTIONS | XE_FSW_SF | XE_FSW_ES | XE_FSW_B);
		break;
	case XE_X87_INCREMENT:
	case XE_X87_DECREMENT:
		xe_fpu_set_top(fpu, xe_fpu_top(fpu) + ((insn->op & XE_X87_OP) == XE_X87_INCREMENT ? 1u : 7u));
		fpu->fsw &= (uint16_t)~XE_FSW_C1;
		break;
	case XE_X87_FREE: /* C1 is undefined, and 0 on processors */
		xe_fpu_set_empty(fpu, i, true);
		fpu->fsw &= (uint16_t)~XE_FSW_C1;
		break;
	case XE_X87_FREE_POP:
		xe_fpu_set_empty(fpu, i, true);
		xe_fpu_set_empty(fpu, 0, true);
		xe_fpu_set_top(fpu, xe_fpu_top(fpu) + 1);
		fpu->fsw &= (uint16_t)~XE_FSW_C1;
		break;
	default: /* XE_X87_NOTHING */
		break;
	}
}

/* FNINIT, FNCLEX, FNOP, FINCSTP, FDECSTP, FFREE. */
enum xe_result xe_fpu_control(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, insn->op & XE_X87_WAITS);

	if (r != XE_OK)
		return r;
	do_control(&cpu->fpu, insn);
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

/* CR0.EM doesn't count, and TS only with MP (SDM vol. 3, table 2-2). */
enum xe_result xe_fpu_wait(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_need(cpu, XE_PART_FPU);

	(void)insn;
	if (r != XE_OK)
		return r;
	if ((cpu->cr0 & HY_X86_CR0_MP) && (cpu->cr0 & HY_X86_CR0_TS))
		return xe_raise(cpu, XE_NM);
	return xe_fpu_error_due(cpu) ? xe_raise(cpu, XE_MF) : XE_OK;
}

/* Other than x87 instructions it is #UD with CR0.EM. */
enum xe_result xe_mmx_empty(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r;

	(void)insn;
	if (cpu->cr0 & HY_X86_CR0_EM)
		return xe_raise(cpu, XE_UD);
	r = xe_fpu_begin(cpu, true);
	if (r != XE_OK)
		return r;
	xe_fpu_enter_mmx(cpu);
	cpu->fpu.ftw = 0;
	return XE_OK;
}

enum xe_result xe_fpu_load_control(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, true);
	uint64_t fcw;

	if (r == XE_OK)
		r = xe_get(cpu, insn, 0, &fcw);
	if (r != XE_OK)
		return r;
	xe_fpu_set_control(&cpu->fpu, (uint16_t)fcw, cpu->fpu.fsw);
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

enum xe_result xe_fpu_store_control(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, false);

	return r == XE_OK ? xe_put(cpu, insn, 0, cpu->fpu.fcw) : r;
}

enum xe_result xe_fpu_store_status(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, false);

	return r == XE_OK ? xe_put(cpu, insn, 0, cpu->fpu.fsw) : r;
}

/* --- The environment in memory (SDM vol. 1, section 8.1.10) ------------------------------------------ */

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned tag_of(const uint8_t st[16])
{
	uint64_t mantissa;
	uint16_t exponent;

	memcpy(&mantissa, st, 8);
	memcpy(&exponent, st + 8, 2);
	exponent &= XE_F80_EXPONENT;
	if (exponent == 0 && mantissa == 0)
		return TAG_ZERO;
	return exponent == 0 || exponent == XE_F80_EXPONENT || !(mantissa >> 63) ? TAG_SPECIAL : TAG_VALID;
}

static uint16_t full_tags(const struct xe_fpu *fpu)
{
	unsigned tags = 0, top = xe_fpu_top(fpu);

	for (unsigned i = 0; i < 8; i++)
		tags |= (xe_fpu_is_empty(fpu, i) ? TAG_EMPTY : tag_of(fpu->st[i])) << 2 * ((top + i) & 7);
	return (uint16_t)tags;
}

static uint8_t abridged_tags(unsigned tags)
{
	unsigned abridged = 0;

	for (unsigned i = 0; i < 8; i++)
		abridged |= (tags >> 2 * i & 3) != TAG_EMPTY ? 1u << i : 0;
	return (uint8_t)abridged;
}

/* Seven words; with an operand size of 16 the low half of each (figures 8-9 to 8-12). */
static size_t word_size(const struct xe_insn *insn)
{
	return insn->operand_size == 2 ? 2 : 4;
}

static void write_environment(const struct xe_cpu *cpu, const struct xe_insn *insn, uint8_t *bytes)
{
	const struct xe_fpu *fpu = &cpu->fpu;
	const uint32_t reserved = 0xffff0000, ip = (uint32_t)fpu->fip, dp = (uint32_t)fpu->fdp;
	uint32_t words[ENVIRONMENT_WORDS] = { reserved | fpu->fcw, reserved | fpu->fsw, reserved | full_tags(fpu) };
	size_t size = word_size(insn);

	words[3] = ip;
	words[5] = dp;
	if (xe_is_protected(cpu)) {
		words[4] = (uint32_t)fpu->fop << 16;
		words[6] = reserved;
	} else {
		words[3] |= size == 4 ? reserved : 0;
		words[4] = ip >> 16 << 12 | fpu->fop;
		words[5] |= size == 4 ? reserved : 0;
		words[6] = dp >> 16 << 12;
	}
	for (unsigned i = 0; i < ENVIRONMENT_WORDS; i++)
		memcpy(bytes + i * size, &words[i], size);
}

static void read_environment(struct xe_cpu *cpu, const struct xe_insn *insn, const uint8_t *bytes)
{
	struct xe_fpu *fpu = &cpu->fpu;
	uint32_t words[ENVIRONMENT_WORDS] = { 0 };
	size_t size = word_size(insn);

	for (unsigned i = 0; i < ENVIRONMENT_WORDS; i++)
		memcpy(&words[i], bytes + i * size, size);
	xe_fpu_set_top(fpu, words[1] >> XE_FSW_TOP_SHIFT & 7);
	xe_fpu_set_control(fpu, (uint16_t)words[0], (uint16_t)words[1]);
	fpu->ftw = abridged_tags(words[2]);
	if (xe_is_protected(cpu)) {
		fpu->fip = words[3];
		fpu->fop = words[4] >> 16 & 0x7ff;
		fpu->fdp = words[5];
	} else {
		fpu->fip = (words[3] & 0xffff) | (words[4] >> 12 & 0xffff) << 16;
		fpu->fop = words[4] & 0x7ff;
		fpu->fdp = (words[5] & 0xffff) | (words[6] >> 12 & 0xffff) << 16;
	}
	cpu->changed |= XE_PART_FPU;
}

/* Alignment is that of the words (SDM vol. 3, table 6-7). */
static enum xe_result check_first_word(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned access)
{
	return xe_check(cpu, insn->segment, xe_offset(cpu, insn), word_size(insn), access);
}

/* FNSTENV masks all exceptions after it, FNSAVE is followed by FNINIT. */
enum xe_result xe_fpu_store_environment(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint8_t bytes[4 * ENVIRONMENT_WORDS + 80];
	size_t size = ENVIRONMENT_WORDS * word_size(insn);
	bool all = insn->op == XE_X87_ALL;
	enum xe_result r = xe_fpu_begin(cpu, false);

	if (r != XE_OK)
		return r;
	r = check_first_word(cpu, insn, HY_PROT_WRITE);
	if (r != XE_OK)
		return r;
	write_environment(cpu, insn, bytes);
	for (unsigned i = 0; all && i < 8; i++, size += 10)
		memcpy(bytes + size, cpu->fpu.st[i], 10);
	r = xe_store_bytes(cpu, insn->segment, xe_offset(cpu, insn), bytes, size);
	if (r != XE_OK)
		return r;
	if (all)
		xe_fpu_init(&cpu->fpu);
	else
		xe_fpu_set_control(&cpu->fpu, cpu->fpu.fcw | XE_FSW_EXCEPTIONS, cpu->fpu.fsw);
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

/* FLDENV, FRSTOR. */
enum xe_result xe_fpu_load_environment(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint8_t bytes[4 * ENVIRONMENT_WORDS + 80];
	size_t size = ENVIRONMENT_WORDS * word_size(insn);
	bool all = insn->op == XE_X87_ALL;
	enum xe_result r = xe_fpu_begin(cpu, true);

	if (r == XE_OK)
		r = check_first_word(cpu, insn, HY_PROT_READ);
	if (r == XE_OK)
		r = xe_load_bytes(cpu, insn->segment, xe_offset(cpu, insn), bytes, size + (all ? 80 : 0));
	if (r != XE_OK)
		return r;
	read_environment(cpu, insn, bytes);
	for (unsigned i = 0; all && i < 8; i++)
		memcpy(cpu->fpu.st[i], bytes + size + 10 * i, 10);
	return XE_OK;
}
