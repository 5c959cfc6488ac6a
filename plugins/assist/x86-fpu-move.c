/* SPDX-License-Identifier: MIT */
/* x87 instructions that move numbers: loads, stores, constants, exchange, signs. */
#include "fpu.h"

static struct xe_f80 get_st(const struct xe_fpu *fpu, unsigned i)
{
	struct xe_f80 value;

	memcpy(&value.mantissa, fpu->st[i], 8);
	memcpy(&value.exponent, fpu->st[i] + 8, 2);
	return value;
}

static void set_st(struct xe_fpu *fpu, unsigned i, struct xe_f80 value)
{
	memcpy(fpu->st[i], &value.mantissa, 8);
	memcpy(fpu->st[i] + 8, &value.exponent, 2);
	xe_fpu_set_empty(fpu, i, false);
}

static void push(struct xe_fpu *fpu, struct xe_f80 value)
{
	xe_fpu_set_top(fpu, xe_fpu_top(fpu) + 7);
	set_st(fpu, 0, value);
}

static void pop(struct xe_fpu *fpu)
{
	xe_fpu_set_empty(fpu, 0, true);
	xe_fpu_set_top(fpu, xe_fpu_top(fpu) + 1);
}

/* The last 11 bits of the opcode (SDM vol. 1, section 8.1.9): of D8 to DF, behind prefixes, and ModRM. */
static uint16_t opcode_of(const struct xe_insn *insn)
{
	unsigned i = 0;

	while (i < insn->length && (insn->bytes[i] & 0xf8) != 0xd8)
		i++;
	return (uint16_t)((insn->bytes[i] & 7) << 8 | insn->bytes[i + 1]);
}

/*
 * Unmasked exceptions that leave the instruction without a result; after the
 * others it is there, the inexact one and that of a denormal which was loaded.
 */
#define FORBIDDING (XE_FSW_EXCEPTIONS & ~(XE_FSW_PE | XE_FSW_DE))

/* The end of an instruction: exceptions, C1, and where it was.  Whether its result counts. */
static bool conclude(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned flags)
{
	struct xe_fpu *fpu = &cpu->fpu;
	unsigned unmasked = flags & ~fpu->fcw & XE_FSW_EXCEPTIONS;

	xe_fpu_set_control(fpu, fpu->fcw, (uint16_t)((fpu->fsw & ~XE_FSW_C1) | flags));
	fpu->fip = cpu->rip;
	if (insn->operand[0].kind == XE_MEM)
		fpu->fdp = xe_offset(cpu, insn);
	if (unmasked)
		fpu->fop = opcode_of(insn);
	cpu->changed |= XE_PART_FPU;
	return !(unmasked & FORBIDDING);
}

/* --- To the stack ----------------------------------------------------------------------------------------- */

/*
 * Pushes, if there is room: else the indefinite number (SDM vol. 1, section
 * 8.5.1.1).  A source that is empty comes first.
 */
static void push_checked(struct xe_cpu *cpu, const struct xe_insn *insn, struct xe_f80 value, unsigned flags)
{
	if (!(flags & XE_FSW_SF) && !xe_fpu_is_empty(&cpu->fpu, 7)) {
		flags = XE_FSW_IE | XE_FSW_SF | XE_FSW_C1;
		value = XE_F80_INDEFINITE;
	}
	if (conclude(cpu, insn, flags))
		push(&cpu->fpu, value);
}

static enum xe_result load_float(struct xe_cpu *cpu, const struct xe_insn *insn, struct xe_f80 *value, unsigned *flags)
{
	size_t size = insn->operand[0].size;
	uint8_t bytes[10] = { 0 };
	enum xe_result r = xe_load_bytes(cpu, insn->segment, xe_offset(cpu, insn), bytes, size);

	memcpy(&value->mantissa, bytes, 8);
	memcpy(&value->exponent, bytes + 8, 2);
	if (r == XE_OK && size < 10)
		*value = xe_f80_from_float(value->mantissa, size, flags);
	return r;
}

enum xe_result xe_fpu_load(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	const struct xe_operand *operand = &insn->operand[0];
	enum xe_result r = xe_fpu_begin(cpu, true);
	struct xe_f80 value = XE_F80_INDEFINITE;
	unsigned flags = 0;

	if (r == XE_OK && operand->kind == XE_MEM)
		r = load_float(cpu, insn, &value, &flags);
	if (r != XE_OK)
		return r;
	if (operand->kind != XE_MEM) {
		if (xe_fpu_is_empty(&cpu->fpu, operand->reg))
			flags = XE_FSW_IE | XE_FSW_SF;
		else
			value = get_st(&cpu->fpu, operand->reg);
	}
	push_checked(cpu, insn, value, flags);
	return XE_OK;
}

/* FILD: exact, no exceptions but the stack's. */
enum xe_result xe_fpu_load_integer(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, true);
	uint64_t value;

	if (r == XE_OK)
		r = xe_get(cpu, insn, 0, &value);
	if (r == XE_OK)
		push_checked(cpu, insn, xe_f80_from_int((int64_t)xe_sign_extend(value, insn->operand[0].size)), 0);
	return r;
}

/* FLD1...: kept longer than a register and rounded (SDM vol. 1, section 8.3.8). */
static const struct {
	uint16_t exponent;
	uint64_t mantissa; /* rounded down */
	bool inexact, nearest_is_up;
} constants[] = {
	[XE_X87_ZERO] = { 0, 0, false, false },
	[XE_X87_ONE] = { 0x3fff, UINT64_C(0x8000000000000000), false, false },
	[XE_X87_LOG2_10] = { 0x4000, UINT64_C(0xd49a784bcd1b8afe), true, false },
	[XE_X87_LOG2_E] = { 0x3fff, UINT64_C(0xb8aa3b295c17f0bb), true, true },
	[XE_X87_PI] = { 0x4000, UINT64_C(0xc90fdaa22168c234), true, true },
	[XE_X87_LOG10_2] = { 0x3ffd, UINT64_C(0x9a209a84fbcff798), true, true },
	[XE_X87_LN_2] = { 0x3ffe, UINT64_C(0xb17217f7d1cf79ab), true, true },
};

enum xe_result xe_fpu_constant(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, true);
	struct xe_f80 value = { constants[insn->op].mantissa, constants[insn->op].exponent };
	unsigned rounding;

	if (r != XE_OK)
		return r;
	rounding = cpu->fpu.fcw >> 10 & 3;
	if (constants[insn->op].inexact && (rounding == 2 || (rounding == 0 && constants[insn->op].nearest_is_up)))
		value.mantissa++;
	push_checked(cpu, insn, value, 0);
	return XE_OK;
}

/* --- From the stack --------------------------------------------------------------------------------------- */

/* Memory first, which may fault; whether the result counts is known before. */
static enum xe_result store(struct xe_cpu *cpu, const struct xe_insn *insn, const void *bytes, unsigned flags)
{
	bool counts = !(flags & ~cpu->fpu.fcw & FORBIDDING);
	enum xe_result r = XE_OK;

	if (counts)
		r = xe_store_bytes(cpu, insn->segment, xe_offset(cpu, insn), bytes, insn->operand[0].size);
	if (r == XE_OK && conclude(cpu, insn, flags) && (insn->op & XE_X87_POP))
		pop(&cpu->fpu);
	return r;
}

static enum xe_result store_register(struct xe_cpu *cpu, const struct xe_insn *insn, struct xe_f80 value,
                                     unsigned flags)
{
	if (!conclude(cpu, insn, flags))
		return XE_OK;
	set_st(&cpu->fpu, insn->operand[0].reg, value);
	if (insn->op & XE_X87_POP)
		pop(&cpu->fpu);
	return XE_OK;
}

/* FST, FSTP. */
enum xe_result xe_fpu_store(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, true);
	struct xe_f80 value = XE_F80_INDEFINITE;
	struct xe_converted to;
	uint8_t bytes[10];
	unsigned flags = 0;

	if (r != XE_OK)
		return r;
	if (xe_fpu_is_empty(&cpu->fpu, 0))
		flags = XE_FSW_IE | XE_FSW_SF;
	else
		value = get_st(&cpu->fpu, 0);
	if (insn->operand[0].kind != XE_MEM)
		return store_register(cpu, insn, value, flags);
	memcpy(bytes, &value.mantissa, 8);
	memcpy(bytes + 8, &value.exponent, 2);
	if (insn->operand[0].size < 10) {
		to = xe_f80_to_float(value, insn->operand[0].size, cpu->fpu.fcw);
		memcpy(bytes, &to.bits, 8);
		flags |= to.flags;
	}
	return store(cpu, insn, bytes, flags);
}

/* FIST, FISTP, FISTTP. */
enum xe_result xe_fpu_store_integer(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, true);
	struct xe_converted to;
	bool empty;

	if (r != XE_OK)
		return r;
	empty = xe_fpu_is_empty(&cpu->fpu, 0);
	to = xe_f80_to_int(empty ? XE_F80_INDEFINITE : get_st(&cpu->fpu, 0), insn->operand[0].size,
	                   insn->op & XE_X87_TRUNCATE, cpu->fpu.fcw);
	return store(cpu, insn, &to.bits, to.flags | (empty ? XE_FSW_SF : 0));
}

/* --- Within the stack ------------------------------------------------------------------------------------- */

/* An empty register counts as the indefinite number, if the exception is masked. */
static struct xe_f80 get_checked(const struct xe_fpu *fpu, unsigned i, unsigned *flags)
{
	if (!xe_fpu_is_empty(fpu, i))
		return get_st(fpu, i);
	*flags |= XE_FSW_IE | XE_FSW_SF;
	return XE_F80_INDEFINITE;
}

enum xe_result xe_fpu_exchange(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, true);
	unsigned i = insn->operand[0].reg, flags = 0;
	struct xe_f80 top, other;

	if (r != XE_OK)
		return r;
	top = get_checked(&cpu->fpu, 0, &flags);
	other = get_checked(&cpu->fpu, i, &flags);
	if (!conclude(cpu, insn, flags))
		return XE_OK;
	set_st(&cpu->fpu, 0, other);
	set_st(&cpu->fpu, i, top);
	return XE_OK;
}

/* FCHS, FABS: of an empty register the indefinite number, as it is. */
enum xe_result xe_fpu_sign(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_fpu_begin(cpu, true);
	struct xe_f80 value;
	unsigned flags = 0;

	if (r != XE_OK)
		return r;
	value = get_checked(&cpu->fpu, 0, &flags);
	if (!flags)
		value.exponent =
			insn->op == XE_X87_ABS ? value.exponent & XE_F80_EXPONENT : value.exponent ^ XE_F80_SIGN;
	if (conclude(cpu, insn, flags))
		set_st(&cpu->fpu, 0, value);
	return XE_OK;
}

/* FCMOVB, FCMOVE, FCMOVBE, FCMOVU and their opposites: op is the flags, one of which must be set. */
enum xe_result xe_fpu_move_if(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	bool holds = !(cpu->rflags & insn->op & XE_RFLAGS_STATUS) == !!(insn->op & XE_X87_NOT);
	enum xe_result r = xe_fpu_begin(cpu, true);
	struct xe_f80 value, other;
	unsigned flags = 0;

	if (r != XE_OK)
		return r;
	value = get_checked(&cpu->fpu, 0, &flags);
	other = get_checked(&cpu->fpu, insn->operand[1].reg, &flags);
	if (flags)
		value = XE_F80_INDEFINITE;
	else if (holds)
		value = other;
	/* C1 changes only on underflow. */
	if (conclude(cpu, insn, flags ? flags : cpu->fpu.fsw & XE_FSW_C1))
		set_st(&cpu->fpu, 0, value);
	return XE_OK;
}
