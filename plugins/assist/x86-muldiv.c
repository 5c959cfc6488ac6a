/* SPDX-License-Identifier: MIT */
/* Multiplication and division. */
#include "integer.h"

/* A value of twice the operand's size. */
__extension__ typedef unsigned __int128 wide;
__extension__ typedef __int128 signed_wide;

/* --- The pair: AX of bytes, else rDX:rAX -------------------------------------------------- */

static wide get_pair(const struct xe_cpu *cpu, size_t size)
{
	if (size == 1)
		return xe_gpr(cpu, XE_RAX, 2);
	return (wide)xe_gpr(cpu, XE_RDX, size) << xe_bits(size) | xe_gpr(cpu, XE_RAX, size);
}

static void set_pair(struct xe_cpu *cpu, size_t size, uint64_t low, uint64_t high)
{
	if (size == 1) {
		xe_set_gpr(cpu, XE_RAX, 2, (low & 0xff) | high << 8);
		return;
	}
	xe_set_gpr(cpu, XE_RAX, size, low);
	xe_set_gpr(cpu, XE_RDX, size, high);
}

/* --- Multiplication ---------------------------------------------------------------------------- */

/*
 * CF and OF: the product doesn't fit one operand.  The others are undefined; Intel's processors
 * take SF and PF from the lower half and clear ZF and AF.
 */
static void set_product_flags(struct xe_cpu *cpu, uint64_t low, size_t size, bool overflows)
{
	uint64_t flags = xe_flags_of(low, size) & ~(uint64_t)HY_X86_RFLAGS_ZF;

	xe_set_flags(cpu, XE_RFLAGS_STATUS, flags | xe_flag_if(overflows, XE_RFLAGS_CF_OF));
}

enum xe_result xe_mul(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t factor, high;
	wide product;
	enum xe_result r = xe_get(cpu, insn, 0, &factor);

	if (r != XE_OK)
		return r;
	product = (wide)xe_gpr(cpu, XE_RAX, size) * factor;
	high = (uint64_t)(product >> xe_bits(size));
	set_pair(cpu, size, (uint64_t)product, high);
	set_product_flags(cpu, (uint64_t)product, size, high != 0);
	return XE_OK;
}

static signed_wide multiply_signed(uint64_t a, uint64_t b, size_t size, bool *overflows)
{
	signed_wide product = (signed_wide)(int64_t)xe_sign_extend(a, size) * (int64_t)xe_sign_extend(b, size);

	*overflows = product != (int64_t)xe_sign_extend((uint64_t)product, size);
	return product;
}

static enum xe_result imul_pair(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t factor;
	signed_wide product;
	bool overflows;
	enum xe_result r = xe_get(cpu, insn, 0, &factor);

	if (r != XE_OK)
		return r;
	product = multiply_signed(xe_gpr(cpu, XE_RAX, size), factor, size, &overflows);
	set_pair(cpu, size, (uint64_t)product, (uint64_t)((wide)product >> xe_bits(size)));
	set_product_flags(cpu, (uint64_t)product, size, overflows);
	return XE_OK;
}

/* With one operand, two (the first is a factor too) or three. */
enum xe_result xe_imul(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	unsigned first = insn->operand_count == 3 ? 1 : 0;
	uint64_t a, b, product;
	bool overflows;
	enum xe_result r;

	if (insn->operand_count == 1)
		return imul_pair(cpu, insn);
	r = xe_get(cpu, insn, first, &a);
	if (r == XE_OK)
		r = xe_get(cpu, insn, first + 1, &b);
	if (r != XE_OK)
		return r;
	product = (uint64_t)multiply_signed(a, b, size, &overflows);
	xe_set_register(cpu, &insn->operand[0], product);
	set_product_flags(cpu, product, size, overflows);
	return XE_OK;
}

/* Where both destinations are one register, the upper half is there (SDM vol. 2, MULX). */
enum xe_result xe_mulx(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t factor;
	wide product;
	enum xe_result r;

	if (!xe_vex_ok(cpu, insn))
		return xe_raise(cpu, XE_UD);
	r = xe_get(cpu, insn, 2, &factor);
	if (r != XE_OK)
		return r;
	product = (wide)xe_gpr(cpu, XE_RDX, size) * factor;
	xe_set_register(cpu, &insn->operand[1], (uint64_t)product);
	xe_set_register(cpu, &insn->operand[0], (uint64_t)(product >> xe_bits(size)));
	return XE_OK;
}

/* --- Division ------------------------------------------------------------------------------------ */

/* Flags are undefined; Intel's processors leave them. */
enum xe_result xe_div(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	wide dividend = get_pair(cpu, size), quotient;
	uint64_t divisor;
	enum xe_result r = xe_get(cpu, insn, 0, &divisor);

	if (r != XE_OK)
		return r;
	if (!divisor)
		return xe_raise(cpu, XE_DE);
	quotient = dividend / divisor;
	if (quotient > xe_mask(size))
		return xe_raise(cpu, XE_DE);
	set_pair(cpu, size, (uint64_t)quotient, (uint64_t)(dividend % divisor));
	return XE_OK;
}

/* Sign-extends a pair of 2 * size bytes. */
static signed_wide extend_pair(wide pair, size_t size)
{
	unsigned unused = 128 - 2 * xe_bits(size);

	return (signed_wide)(pair << unused) >> unused;
}

enum xe_result xe_idiv(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	signed_wide dividend = extend_pair(get_pair(cpu, size), size), quotient;
	uint64_t value;
	int64_t divisor;
	enum xe_result r = xe_get(cpu, insn, 0, &value);

	if (r != XE_OK)
		return r;
	divisor = (int64_t)xe_sign_extend(value, size);
	/* The least dividend of 128 bits by -1 overflows even here. */
	if (!divisor || (divisor == -1 && dividend == (signed_wide)((wide)1 << 127)))
		return xe_raise(cpu, XE_DE);
	quotient = dividend / divisor;
	if (quotient != (int64_t)xe_sign_extend((uint64_t)quotient, size))
		return xe_raise(cpu, XE_DE);
	set_pair(cpu, size, (uint64_t)quotient, (uint64_t)(dividend % divisor) & xe_mask(size));
	return XE_OK;
}
