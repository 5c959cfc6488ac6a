/* SPDX-License-Identifier: MIT */
/*
 * What all vector instructions have in common: who may execute them, and their
 * operands.  The instructions are in x86-vector-move.c, x86-vector-lanes.c,
 * x86-vector-shuffle.c.
 */
#include "vector.h"

static bool has_operand(const struct xe_insn *insn, enum xe_operand_kind kind)
{
	for (unsigned i = 0; i < insn->operand_count; i++)
		if (insn->operand[i].kind == kind)
			return true;
	return false;
}

/*
 * EVEX has the names of VEX.  It begins with 62H, behind prefixes for the segment
 * and the size of addresses.
 */
static bool is_evex(const struct xe_insn *insn)
{
	unsigned i = 0;

	while ((insn->bytes[i] & 0xe7) == 0x26 || (insn->bytes[i] & 0xfc) == 0x64)
		i++;
	return insn->bytes[i] == 0x62;
}

/* SDM vol. 2, section 2.4: what VEX asks for, in all exception types. */
static enum xe_result begin_vex(struct xe_cpu *cpu)
{
	const uint64_t needs = XE_XSTATE_SSE | XE_XSTATE_AVX;

	if (!xe_is_protected(cpu) || !(cpu->cr4 & HY_X86_CR4_OSXSAVE) || (cpu->xcr0 & needs) != needs)
		return xe_raise(cpu, XE_UD);
	return cpu->cr0 & HY_X86_CR0_TS ? xe_raise(cpu, XE_NM) : XE_OK;
}

/* SDM vol. 3, tables 13-1 and 12-3. */
static enum xe_result begin_legacy(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (cpu->cr0 & HY_X86_CR0_EM)
		return xe_raise(cpu, XE_UD);
	if (has_operand(insn, XE_VECTOR) && !(cpu->cr4 & HY_X86_CR4_OSFXSR))
		return xe_raise(cpu, XE_UD);
	if (cpu->cr0 & HY_X86_CR0_TS)
		return xe_raise(cpu, XE_NM);
	if (has_operand(insn, XE_MMX) && xe_fpu_error_due(cpu))
		return xe_raise(cpu, XE_MF);
	return XE_OK;
}

enum xe_result xe_vector_begin(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_need(cpu, XE_PART_FPU);

	if (r != XE_OK)
		return r;
	if (is_evex(insn))
		return xe_refuse(cpu, XE_REFUSED_INSN, HY_ADDR_UNKNOWN, 0, "an instruction of AVX-512");
	return xe_is_vex(insn) ? begin_vex(cpu) : begin_legacy(cpu, insn);
}

void xe_vector_shape(const struct xe_insn *insn, struct xe_shape *shape)
{
	unsigned last = insn->operand_count - 1u;

	if (last > 0 && insn->operand[last].kind == XE_IMM)
		last--;
	shape->second = last;
	shape->first = last == 2 ? 1 : 0;
	shape->size = xe_is_vex(insn) ? insn->vector_size : has_operand(insn, XE_MMX) ? 8 : 16;
}

enum xe_result xe_check_aligned(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	uint64_t linear = xe_linear(cpu, insn->segment, xe_offset(cpu, insn));

	return linear & (size - 1) ? xe_raise_error(cpu, XE_GP, 0) : XE_OK;
}

static enum xe_result get_memory(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, void *data)
{
	if (size == 16 && !xe_is_vex(insn) && xe_check_aligned(cpu, insn, size) != XE_OK)
		return XE_EXCEPTION;
	return xe_load_bytes(cpu, insn->segment, xe_offset(cpu, insn), data, size);
}

enum xe_result xe_vector_get(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, size_t size,
                             union xe_vector *value)
{
	const struct xe_operand *operand = &insn->operand[i];

	memset(value, 0, sizeof(*value));
	switch (operand->kind) {
	case XE_VECTOR:
		memcpy(value, &cpu->fpu.ymm[operand->reg], size);
		return XE_OK;
	case XE_MMX:
		memcpy(value, xe_fpu_mm(cpu, operand->reg), size < 8 ? size : 8);
		return XE_OK;
	case XE_GPR:
		value->q[0] = xe_gpr(cpu, operand->reg, size);
		return XE_OK;
	default:
		return get_memory(cpu, insn, size, value);
	}
}

enum xe_result xe_vector_sources(struct xe_cpu *cpu, const struct xe_insn *insn, struct xe_shape *shape,
                                 union xe_vector *first, union xe_vector *second)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	const struct xe_operand *last;

	if (r != XE_OK)
		return r;
	xe_vector_shape(insn, shape);
	last = &insn->operand[shape->second];
	r = xe_vector_get(cpu, insn, shape->second, last->kind == XE_MEM ? last->size : shape->size, second);
	if (r == XE_OK && shape->first != shape->second)
		return xe_vector_get(cpu, insn, shape->first, shape->size, first);
	*first = *second;
	return r;
}

static void put_vector(struct xe_cpu *cpu, const struct xe_insn *insn, const union xe_vector *value)
{
	union xe_vector *reg = &cpu->fpu.ymm[insn->operand[0].reg];

	if (!xe_is_vex(insn)) {
		memcpy(reg, value, 16);
		return;
	}
	memset(reg, 0, sizeof(*reg));
	memcpy(reg, value, insn->vector_size);
}

static void put_mmx(struct xe_cpu *cpu, unsigned i, uint64_t value)
{
	uint8_t *reg = xe_fpu_mm(cpu, i);

	memcpy(reg, &value, 8);
	memset(reg + 8, 0xff, 2); /* sign and exponent: a NaN to the x87 */
}

enum xe_result xe_vector_put(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, const union xe_vector *value)
{
	const struct xe_operand *operand = &insn->operand[0];
	enum xe_result r;

	if (operand->kind == XE_MEM) {
		r = xe_store_bytes(cpu, insn->segment, xe_offset(cpu, insn), value, size);
		if (r != XE_OK)
			return r;
	}
	if (has_operand(insn, XE_MMX))
		xe_fpu_enter_mmx(cpu);
	if (operand->kind == XE_GPR) {
		xe_set_gpr(cpu, operand->reg, size, value->q[0]);
	} else if (operand->kind == XE_VECTOR) {
		put_vector(cpu, insn, value);
		cpu->changed |= XE_PART_FPU;
	} else if (operand->kind == XE_MMX) {
		put_mmx(cpu, operand->reg, value->q[0]);
	}
	return XE_OK;
}

static unsigned registers(const struct xe_cpu *cpu)
{
	return xe_is_64(cpu) ? 16 : 8;
}

/* VZEROUPPER, VZEROALL: op is where in a register they begin. */
enum xe_result xe_vector_zero(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	size_t from = insn->op;

	if (r != XE_OK)
		return r;
	for (unsigned i = 0; i < registers(cpu); i++)
		memset(cpu->fpu.ymm[i].b + from, 0, sizeof(union xe_vector) - from);
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

/* LDMXCSR, STMXCSR: as other instructions of SSE, though they name no register of it. */
static enum xe_result begin_mxcsr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (!xe_is_vex(insn) && !(cpu->cr4 & HY_X86_CR4_OSFXSR))
		return xe_raise(cpu, XE_UD);
	return xe_vector_begin(cpu, insn);
}

enum xe_result xe_load_mxcsr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = begin_mxcsr(cpu, insn);
	uint64_t value;

	if (r == XE_OK)
		r = xe_load(cpu, insn->segment, xe_offset(cpu, insn), 4, &value);
	if (r != XE_OK)
		return r;
	if (value & ~(uint64_t)XE_MXCSR_MASK)
		return xe_raise_error(cpu, XE_GP, 0);
	cpu->fpu.mxcsr = (uint32_t)value;
	cpu->changed |= XE_PART_FPU;
	return XE_OK;
}

enum xe_result xe_store_mxcsr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = begin_mxcsr(cpu, insn);

	return r == XE_OK ? xe_store(cpu, insn->segment, xe_offset(cpu, insn), 4, cpu->fpu.mxcsr) : r;
}
