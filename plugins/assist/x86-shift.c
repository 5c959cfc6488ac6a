/* SPDX-License-Identifier: MIT */
/* Shifts and rotations. */
#include "integer.h"

/* SDM vol. 2, SAL/SAR/SHL/SHR: 5 bits of the count, with 64-bit operands 6. */
static unsigned mask_count(uint64_t count, size_t size)
{
	return (unsigned)count & (size == 8 ? 63 : 31);
}

/* --- Rotations -------------------------------------------------------------------------- */

static uint64_t rotate_left(uint64_t value, unsigned count, size_t size)
{
	count %= xe_bits(size);
	return count ? (value << count | value >> (xe_bits(size) - count)) & xe_mask(size) : value;
}

static uint64_t rotate_right(uint64_t value, unsigned count, size_t size)
{
	return rotate_left(value, xe_bits(size) - count % xe_bits(size), size);
}

/* By way of CF, which is the bit above the value. */
static uint64_t rotate_carry_left(uint64_t value, unsigned count, size_t size, unsigned *carry)
{
	for (count %= xe_bits(size) + 1; count; count--) {
		unsigned out = xe_top(value, size);

		value = (value << 1 | *carry) & xe_mask(size);
		*carry = out;
	}
	return value;
}

static uint64_t rotate_carry_right(uint64_t value, unsigned count, size_t size, unsigned *carry)
{
	count %= xe_bits(size) + 1;
	return count ? rotate_carry_left(value, xe_bits(size) + 1 - count, size, carry) : value;
}

/* OF is what a count of 1 would have made it: see rotated_flags. */
static uint64_t rotate(unsigned op, uint64_t value, unsigned count, size_t size, uint64_t rflags, uint64_t *flags)
{
	unsigned carry = rflags & HY_X86_RFLAGS_CF, overflow = xe_top(value, size);
	uint64_t result;

	switch (op) {
	case XE_SHIFT_ROL:
		overflow ^= xe_top(value << 1, size);
		result = rotate_left(value, count, size);
		carry = result & 1;
		break;
	case XE_SHIFT_ROR:
		overflow ^= value & 1;
		result = rotate_right(value, count, size);
		carry = xe_top(result, size);
		break;
	case XE_SHIFT_RCL:
		overflow ^= xe_top(value << 1, size);
		result = rotate_carry_left(value, count, size, &carry);
		break;
	default:
		overflow ^= carry;
		result = rotate_carry_right(value, count, size, &carry);
		break;
	}
	*flags = xe_flag_if(carry, HY_X86_RFLAGS_CF) | xe_flag_if(overflow, HY_X86_RFLAGS_OF);
	return result;
}

/* --- Shifts -------------------------------------------------------------------------------- */

/* Counts up to 31 meet operands of 8 and 16 bits: then all bits are gone, and CF holds the last. */
static uint64_t shift_left(uint64_t value, unsigned count, size_t size, uint64_t *flags)
{
	bool carry = count <= xe_bits(size) && (value >> (xe_bits(size) - count) & 1);
	bool overflow = xe_top(value ^ value << 1, size);

	*flags = xe_flag_if(carry, HY_X86_RFLAGS_CF) | xe_flag_if(overflow, HY_X86_RFLAGS_OF);
	return value << count & xe_mask(size);
}

static uint64_t shift_right(uint64_t value, unsigned count, size_t size, uint64_t *flags)
{
	*flags = xe_flag_if(value >> (count - 1) & 1, HY_X86_RFLAGS_CF) |
	         xe_flag_if(xe_top(value, size), HY_X86_RFLAGS_OF);
	return value >> count;
}

static uint64_t shift_right_signed(uint64_t value, unsigned count, size_t size, uint64_t *flags)
{
	int64_t extended = (int64_t)xe_sign_extend(value, size);

	*flags = xe_flag_if(extended >> (count - 1) & 1, HY_X86_RFLAGS_CF);
	return (uint64_t)(extended >> count) & xe_mask(size);
}

static uint64_t shift(unsigned op, uint64_t value, unsigned count, size_t size, uint64_t *flags)
{
	uint64_t result;

	if (op == XE_SHIFT_SHL)
		result = shift_left(value, count, size, flags);
	else if (op == XE_SHIFT_SHR)
		result = shift_right(value, count, size, flags);
	else
		result = shift_right_signed(value, count, size, flags);
	*flags |= xe_flags_result(result, size);
	return result;
}

/* --- The instructions ---------------------------------------------------------------------- */

/*
 * OF is defined for a count of 1 only.  Intel's processors make it what a count of 1 would have
 * made it, and leave it in two cases: ROL and ROR of a register by an immediate count, RCL and
 * RCR all around.
 */
static uint64_t rotated_flags(const struct xe_insn *insn, unsigned count)
{
	bool leaves;

	if (insn->op == XE_SHIFT_RCL || insn->op == XE_SHIFT_RCR)
		leaves = count % (xe_bits(insn->operand[0].size) + 1) == 0;
	else
		leaves = insn->operand[1].kind == XE_IMM && count != 1 && !xe_is_memory(insn, 0);
	return leaves ? HY_X86_RFLAGS_CF : XE_RFLAGS_CF_OF;
}

/* A count of 0 changes no flags, but it does write: memory, or the upper half of a register. */
enum xe_result xe_shift(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	bool rotates = insn->op <= XE_SHIFT_RCR;
	uint64_t count, value, flags = 0;
	struct xe_place place;
	enum xe_result r = xe_get(cpu, insn, 1, &count);

	if (r != XE_OK)
		return r;
	count = mask_count(count, size);
	r = xe_open(cpu, insn, 0, &place, &value);
	if (r != XE_OK)
		return r;
	if (count && rotates)
		value = rotate(insn->op, value, (unsigned)count, size, cpu->rflags, &flags);
	else if (count)
		value = shift(insn->op, value, (unsigned)count, size, &flags);
	r = xe_close(cpu, &place, value);
	if (r == XE_OK && count)
		xe_set_flags(cpu, rotates ? rotated_flags(insn, (unsigned)count) : XE_RFLAGS_STATUS, flags);
	return r;
}

/*
 * SHLD: value:filler shifted left.  Of 16 bits and a count above them the result is undefined;
 * Intel's processors go on with the value itself.
 */
static uint64_t double_left(uint64_t value, uint64_t filler, unsigned count, size_t size, bool *carry)
{
	unsigned bits = xe_bits(size);

	if (count > bits) {
		uint64_t old = value;

		value = filler;
		filler = old;
		count -= bits;
	}
	*carry = value >> (bits - count) & 1;
	return count == bits ? filler : (value << count | filler >> (bits - count)) & xe_mask(size);
}

static uint64_t double_right(uint64_t value, uint64_t filler, unsigned count, size_t size, bool *carry)
{
	unsigned bits = xe_bits(size);

	if (count > bits) {
		uint64_t old = value;

		value = filler;
		filler = old;
		count -= bits;
	}
	*carry = value >> (count - 1) & 1;
	return count == bits ? filler : (value >> count | filler << (bits - count)) & xe_mask(size);
}

static uint64_t double_shift(unsigned op, uint64_t value, uint64_t filler, unsigned count, size_t size,
                             uint64_t *flags)
{
	bool carry, overflow;
	uint64_t result;

	if (op == XE_SHIFT_SHL) {
		overflow = xe_top(value ^ value << 1, size);
		result = double_left(value, filler, count, size, &carry);
	} else {
		overflow = xe_top(value, size) != (filler & 1);
		result = double_right(value, filler, count, size, &carry);
	}
	*flags = xe_flags_result(result, size) | xe_flag_if(carry, HY_X86_RFLAGS_CF) |
	         xe_flag_if(overflow, HY_X86_RFLAGS_OF);
	return result;
}

/* SHLD, SHRD. */
enum xe_result xe_double_shift(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t filler = xe_get_register(cpu, &insn->operand[1]), count, value, flags = 0;
	struct xe_place place;
	enum xe_result r = xe_get(cpu, insn, 2, &count);

	if (r != XE_OK)
		return r;
	count = mask_count(count, size);
	r = xe_open(cpu, insn, 0, &place, &value);
	if (r != XE_OK)
		return r;
	if (count)
		value = double_shift(insn->op, value, filler, (unsigned)count, size, &flags);
	r = xe_close(cpu, &place, value);
	if (r == XE_OK && count)
		xe_set_flags(cpu, XE_RFLAGS_STATUS, flags);
	return r;
}

/* RORX, SARX, SHLX, SHRX: no flags. */
enum xe_result xe_shift_plain(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t value, count, flags;
	enum xe_result r;

	if (!xe_vex_ok(cpu, insn))
		return xe_raise(cpu, XE_UD);
	r = xe_get(cpu, insn, 1, &value);
	if (r == XE_OK)
		r = xe_get(cpu, insn, 2, &count);
	if (r != XE_OK)
		return r;
	count = mask_count(count, size);
	if (count && insn->op == XE_SHIFT_ROR)
		value = rotate_right(value, (unsigned)count, size);
	else if (count)
		value = shift(insn->op, value, (unsigned)count, size, &flags);
	xe_set_register(cpu, &insn->operand[0], value);
	return XE_OK;
}
