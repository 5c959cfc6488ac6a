/* SPDX-License-Identifier: MIT */
/* Single bits, counts of bits, and fields. */
#include "integer.h"

/* --- BT, BTS, BTR, BTC ------------------------------------------------------------------- */

static uint64_t change_bit(unsigned op, uint64_t value, uint64_t bit)
{
	switch (op) {
	case XE_BIT_SET:
		return value | bit;
	case XE_BIT_RESET:
		return value & ~bit;
	case XE_BIT_COMPLEMENT:
		return value ^ bit;
	default:
		return value;
	}
}

/* In memory a register's number of the bit is signed and reaches beyond the operand (SDM vol. 2, BT). */
static uint64_t bit_offset(const struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t number)
{
	size_t size = insn->operand[0].size;
	uint64_t offset = xe_offset(cpu, insn);

	if (insn->operand[1].kind != XE_IMM) {
		int64_t units = (int64_t)xe_sign_extend(number, size) >> (3 + __builtin_ctz((unsigned)size));

		offset += (uint64_t)units * size;
	}
	return offset & xe_mask(insn->address_size);
}

static enum xe_result bit_in_memory(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t offset, uint64_t bit,
                                    uint64_t *value)
{
	size_t size = insn->operand[0].size;
	struct xe_place place;
	enum xe_result r;

	if (insn->op == XE_BIT_TEST)
		return xe_load(cpu, insn->segment, offset, size, value);
	do {
		r = xe_open_memory(cpu, insn->segment, offset, size, insn->prefixes & XE_LOCK, &place, value);
		if (r == XE_OK)
			r = xe_close(cpu, &place, change_bit(insn->op, *value, bit));
	} while (r == XE_RETRY);
	return r;
}

/* CF is the bit; Intel's processors leave the flags that are undefined. */
enum xe_result xe_bit(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t number, value, bit;
	enum xe_result r = xe_get(cpu, insn, 1, &number);

	if (r != XE_OK)
		return r;
	bit = UINT64_C(1) << (number & (xe_bits(size) - 1));
	if (xe_is_memory(insn, 0)) {
		r = bit_in_memory(cpu, insn, bit_offset(cpu, insn, number), bit, &value);
	} else {
		value = xe_get_register(cpu, &insn->operand[0]);
		if (insn->op != XE_BIT_TEST)
			xe_set_register(cpu, &insn->operand[0], change_bit(insn->op, value, bit));
	}
	if (r == XE_OK)
		xe_set_flags(cpu, HY_X86_RFLAGS_CF, xe_flag_if(value & bit, HY_X86_RFLAGS_CF));
	return r;
}

/* --- Counts --------------------------------------------------------------------------------- */

static unsigned lowest_bit(uint64_t value)
{
	return (unsigned)__builtin_ctzll(value);
}

static unsigned highest_bit(uint64_t value)
{
	return 63 - (unsigned)__builtin_clzll(value);
}

/*
 * Of zero BSF and BSR leave the destination alone, all 64 bits (Intel and AMD alike).  Of the
 * flags only ZF is defined; Intel's processors take SF and PF from the result.
 */
enum xe_result xe_bit_scan(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value, result = 0;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	if (r != XE_OK)
		return r;
	if (value) {
		result = insn->op == XE_SCAN_FORWARD ? lowest_bit(value) : highest_bit(value);
		xe_set_register(cpu, &insn->operand[0], result);
	}
	xe_set_flags(cpu, XE_RFLAGS_STATUS,
	             (xe_flags_result(result, 8) & ~(uint64_t)HY_X86_RFLAGS_ZF) | xe_flag_if(!value, HY_X86_RFLAGS_ZF));
	return XE_OK;
}

static unsigned count_zeros(unsigned op, uint64_t value, size_t size)
{
	if (!value)
		return xe_bits(size);
	return op == XE_SCAN_FORWARD ? lowest_bit(value) : xe_bits(size) - 1 - highest_bit(value);
}

/* TZCNT, LZCNT. */
enum xe_result xe_count_zeros(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value;
	unsigned count;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	if (r != XE_OK)
		return r;
	count = count_zeros(insn->op, value, insn->operand[0].size);
	xe_set_register(cpu, &insn->operand[0], count);
	xe_set_flags(cpu, XE_RFLAGS_STATUS,
	             xe_flag_if(!value, HY_X86_RFLAGS_CF) | xe_flag_if(!count, HY_X86_RFLAGS_ZF));
	return XE_OK;
}

enum xe_result xe_popcnt(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	if (r != XE_OK)
		return r;
	xe_set_register(cpu, &insn->operand[0], (unsigned)__builtin_popcountll(value));
	xe_set_flags(cpu, XE_RFLAGS_STATUS, xe_flag_if(!value, HY_X86_RFLAGS_ZF));
	return XE_OK;
}

/* --- CRC32: Castagnoli's polynomial, bits reversed ----------------------------------------------- */

#define CRC32C_POLYNOMIAL 0x82f63b78u

enum xe_result xe_crc32(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint32_t crc = (uint32_t)xe_get_register(cpu, &insn->operand[0]);
	uint64_t value;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	if (r != XE_OK)
		return r;
	for (unsigned bit = 0; bit < xe_bits(insn->operand[1].size); bit++) {
		bool odd = (crc ^ value >> bit) & 1;

		crc = crc >> 1 ^ (odd ? CRC32C_POLYNOMIAL : 0);
	}
	/* Of 16-bit code too, the register is one of 32 (SDM vol. 2, CRC32). */
	xe_set_gpr(cpu, insn->operand[0].reg, 8, crc);
	return XE_OK;
}

/* --- BMI1: ANDN, BEXTR, BLSI, BLSMSK, BLSR; BMI2: BZHI, PDEP, PEXT ------------------------------------ */

/* SF and ZF of a result, and what CF is; the rest, of which AF and PF are undefined, is 0. */
static enum xe_result finish_bmi(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t result, bool carry)
{
	size_t size = insn->operand[0].size;

	result &= xe_mask(size);
	xe_set_register(cpu, &insn->operand[0], result);
	xe_set_flags(cpu, XE_RFLAGS_STATUS,
	             (xe_flags_result(result, size) & (HY_X86_RFLAGS_SF | HY_X86_RFLAGS_ZF)) |
	                     xe_flag_if(carry, HY_X86_RFLAGS_CF));
	return XE_OK;
}

/* The sources of an instruction with VEX: operands 1 and, where there are three, 2. */
static enum xe_result get_sources(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t *a, uint64_t *b)
{
	enum xe_result r;

	if (!xe_vex_ok(cpu, insn))
		return xe_raise(cpu, XE_UD);
	r = xe_get(cpu, insn, 1, a);
	if (r == XE_OK && insn->operand_count > 2)
		r = xe_get(cpu, insn, 2, b);
	return r;
}

static uint64_t low_bits(uint64_t count)
{
	return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

enum xe_result xe_andn(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t a, b;
	enum xe_result r = get_sources(cpu, insn, &a, &b);

	return r == XE_OK ? finish_bmi(cpu, insn, ~a & b, false) : r;
}

/* SF is undefined here; processors make it 0. */
enum xe_result xe_bextr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value, control;
	enum xe_result r = get_sources(cpu, insn, &value, &control);

	if (r != XE_OK)
		return r;
	value = (control & 0xff) < 64 ? value >> (control & 0xff) : 0;
	r = finish_bmi(cpu, insn, value & low_bits(control >> 8 & 0xff), false);
	xe_set_flags(cpu, HY_X86_RFLAGS_SF, 0);
	return r;
}

enum xe_result xe_lowest_bit(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value, unused;
	enum xe_result r = get_sources(cpu, insn, &value, &unused);

	if (r != XE_OK)
		return r;
	switch (insn->op) {
	case XE_LOWEST_ISOLATE:
		return finish_bmi(cpu, insn, value & (0 - value), value != 0);
	case XE_LOWEST_MASK:
		return finish_bmi(cpu, insn, value ^ (value - 1), value == 0);
	default:
		return finish_bmi(cpu, insn, value & (value - 1), value == 0);
	}
}

enum xe_result xe_bzhi(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value, index;
	enum xe_result r = get_sources(cpu, insn, &value, &index);

	if (r != XE_OK)
		return r;
	index &= 0xff;
	return finish_bmi(cpu, insn, value & low_bits(index), index >= xe_bits(insn->operand[0].size));
}

static uint64_t deposit(uint64_t value, uint64_t mask)
{
	uint64_t result = 0;

	for (; mask; mask &= mask - 1, value >>= 1)
		if (value & 1)
			result |= mask & (0 - mask);
	return result;
}

static uint64_t extract(uint64_t value, uint64_t mask)
{
	uint64_t result = 0;

	for (unsigned to = 0; mask; mask &= mask - 1, to++)
		result |= (value >> lowest_bit(mask) & 1) << to;
	return result;
}

/* PDEP, PEXT: no flags. */
enum xe_result xe_scatter(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value, mask;
	enum xe_result r = get_sources(cpu, insn, &value, &mask);

	if (r == XE_OK)
		xe_set_register(cpu, &insn->operand[0],
		                insn->op == XE_SCATTER_DEPOSIT ? deposit(value, mask) : extract(value, mask));
	return r;
}
