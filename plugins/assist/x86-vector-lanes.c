/* SPDX-License-Identifier: MIT */
/*
 * Vector instructions that do the same with each lane of two sources: logic,
 * integer arithmetic, comparisons, shifts.  Lanes come zero-extended, and of
 * what a function returns the lane's bytes count.
 */
#include "vector.h"

typedef uint64_t lane_function(uint64_t a, uint64_t b, size_t size);

static int64_t sign(uint64_t lane, size_t size)
{
	return (int64_t)xe_sign_extend(lane, size);
}

static uint64_t saturate(int64_t value, int64_t least, int64_t most)
{
	return (uint64_t)(value < least ? least : value > most ? most : value);
}

/* Lanes of 1 to 4 bytes. */
static uint64_t saturate_signed(int64_t value, size_t size)
{
	int64_t most = (int64_t)(xe_mask(size) >> 1);

	return saturate(value, -most - 1, most);
}

static uint64_t saturate_unsigned(int64_t value, size_t size)
{
	return saturate(value, 0, (int64_t)xe_mask(size));
}

static uint64_t lane_and(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a & b;
}

static uint64_t lane_andn(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return ~a & b;
}

static uint64_t lane_or(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a | b;
}

static uint64_t lane_xor(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a ^ b;
}

static uint64_t lane_add(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a + b;
}

static uint64_t lane_sub(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a - b;
}

static uint64_t lane_add_signed(uint64_t a, uint64_t b, size_t size)
{
	return saturate_signed(sign(a, size) + sign(b, size), size);
}

static uint64_t lane_sub_signed(uint64_t a, uint64_t b, size_t size)
{
	return saturate_signed(sign(a, size) - sign(b, size), size);
}

static uint64_t lane_add_unsigned(uint64_t a, uint64_t b, size_t size)
{
	return saturate_unsigned((int64_t)(a + b), size);
}

static uint64_t lane_sub_unsigned(uint64_t a, uint64_t b, size_t size)
{
	return saturate_unsigned((int64_t)(a - b), size);
}

static uint64_t lane_equal(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a == b ? UINT64_MAX : 0;
}

static uint64_t lane_greater(uint64_t a, uint64_t b, size_t size)
{
	return sign(a, size) > sign(b, size) ? UINT64_MAX : 0;
}

static uint64_t lane_min_signed(uint64_t a, uint64_t b, size_t size)
{
	return sign(a, size) < sign(b, size) ? a : b;
}

static uint64_t lane_max_signed(uint64_t a, uint64_t b, size_t size)
{
	return sign(a, size) > sign(b, size) ? a : b;
}

static uint64_t lane_min_unsigned(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a < b ? a : b;
}

static uint64_t lane_max_unsigned(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a > b ? a : b;
}

static uint64_t lane_average(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return (a + b + 1) >> 1;
}

static uint64_t lane_absolute(uint64_t a, uint64_t b, size_t size)
{
	(void)a;
	return sign(b, size) < 0 ? 0 - b : b;
}

static uint64_t lane_sign(uint64_t a, uint64_t b, size_t size)
{
	return b == 0 ? 0 : sign(b, size) < 0 ? 0 - a : a;
}

static uint64_t lane_multiply_low(uint64_t a, uint64_t b, size_t size)
{
	(void)size;
	return a * b;
}

static uint64_t lane_multiply_high(uint64_t a, uint64_t b, size_t size)
{
	return (uint64_t)(sign(a, size) * sign(b, size)) >> 8 * size;
}

static uint64_t lane_multiply_high_unsigned(uint64_t a, uint64_t b, size_t size)
{
	return a * b >> 8 * size;
}

/* PMULHRSW: the 17 upper bits, rounded. */
static uint64_t lane_multiply_round(uint64_t a, uint64_t b, size_t size)
{
	return (((uint64_t)(sign(a, size) * sign(b, size)) >> 14) + 1) >> 1;
}

/* PMULDQ, PMULUDQ: the low halves of lanes of 8. */
static uint64_t lane_multiply_wide(uint64_t a, uint64_t b, size_t size)
{
	return (uint64_t)(sign(a, size / 2) * sign(b, size / 2));
}

static uint64_t lane_multiply_wide_unsigned(uint64_t a, uint64_t b, size_t size)
{
	return (a & xe_mask(size / 2)) * (b & xe_mask(size / 2));
}

/* PMADDWD: lanes of 4. */
static uint64_t lane_multiply_add(uint64_t a, uint64_t b, size_t size)
{
	size_t half = size / 2;

	return (uint64_t)(sign(a, half) * sign(b, half) + sign(a >> 8 * half, half) * sign(b >> 8 * half, half));
}

/* PMADDUBSW: lanes of 2; the first source's bytes are unsigned. */
static uint64_t lane_multiply_add_bytes(uint64_t a, uint64_t b, size_t size)
{
	return saturate_signed((int64_t)(a & 0xff) * sign(b, 1) + (int64_t)(a >> 8) * sign(b >> 8, 1), size);
}

/* PSADBW: lanes of 8. */
static uint64_t lane_sum_of_differences(uint64_t a, uint64_t b, size_t size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < size; i++, a >>= 8, b >>= 8)
		sum += (a & 0xff) > (b & 0xff) ? (a & 0xff) - (b & 0xff) : (b & 0xff) - (a & 0xff);
	return sum;
}

static uint64_t lane_shift_left(uint64_t a, uint64_t b, size_t size)
{
	return b < 8 * size ? a << b : 0;
}

static uint64_t lane_shift_right(uint64_t a, uint64_t b, size_t size)
{
	return b < 8 * size ? a >> b : 0;
}

static uint64_t lane_shift_arithmetic(uint64_t a, uint64_t b, size_t size)
{
	return (uint64_t)(sign(a, size) >> (b < 8 * size ? b : 8 * size - 1));
}

static lane_function *const functions[] = {
	[XE_V_AND] = lane_and,
	[XE_V_ANDN] = lane_andn,
	[XE_V_OR] = lane_or,
	[XE_V_XOR] = lane_xor,
	[XE_V_ADD] = lane_add,
	[XE_V_SUB] = lane_sub,
	[XE_V_ADDS] = lane_add_signed,
	[XE_V_SUBS] = lane_sub_signed,
	[XE_V_ADDUS] = lane_add_unsigned,
	[XE_V_SUBUS] = lane_sub_unsigned,
	[XE_V_EQUAL] = lane_equal,
	[XE_V_GREATER] = lane_greater,
	[XE_V_MINS] = lane_min_signed,
	[XE_V_MAXS] = lane_max_signed,
	[XE_V_MINU] = lane_min_unsigned,
	[XE_V_MAXU] = lane_max_unsigned,
	[XE_V_AVERAGE] = lane_average,
	[XE_V_ABS] = lane_absolute,
	[XE_V_SIGN] = lane_sign,
	[XE_V_MULL] = lane_multiply_low,
	[XE_V_MULH] = lane_multiply_high,
	[XE_V_MULHU] = lane_multiply_high_unsigned,
	[XE_V_MULHRS] = lane_multiply_round,
	[XE_V_MULW] = lane_multiply_wide,
	[XE_V_MULWU] = lane_multiply_wide_unsigned,
	[XE_V_MADD] = lane_multiply_add,
	[XE_V_MADDUBS] = lane_multiply_add_bytes,
	[XE_V_SAD] = lane_sum_of_differences,
	[XE_V_SHL] = lane_shift_left,
	[XE_V_SHR] = lane_shift_right,
	[XE_V_SAR] = lane_shift_arithmetic,
};

enum xe_result xe_vector_lanes(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	lane_function *function = functions[xe_vector_op(insn)];
	size_t lane = xe_lane_size(insn);
	union xe_vector a, b, result;
	struct xe_shape shape;
	enum xe_result r = xe_vector_sources(cpu, insn, &shape, &a, &b);

	if (r != XE_OK)
		return r;
	for (size_t i = 0; i < shape.size / lane; i++)
		xe_set_lane(&result, lane, i, function(xe_lane(&a, lane, i), xe_lane(&b, lane, i), lane));
	return xe_vector_put(cpu, insn, shape.size, &result);
}

/* PSLLW...: all lanes by one count, of 64 bits in a register or memory, of 8 in the code. */
enum xe_result xe_vector_shift(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	lane_function *function = functions[xe_vector_op(insn)];
	size_t lane = xe_lane_size(insn);
	unsigned last = insn->operand_count - 1u;
	union xe_vector value, count = { .q = { insn->imm & 0xff } };
	enum xe_result r = xe_vector_begin(cpu, insn);
	struct xe_shape shape;

	xe_vector_shape(insn, &shape);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, last - 1, shape.size, &value);
	if (r == XE_OK && insn->operand[last].kind != XE_IMM)
		r = xe_vector_get(cpu, insn, last, shape.size < 16 ? shape.size : 16, &count);
	if (r != XE_OK)
		return r;
	for (size_t i = 0; i < shape.size / lane; i++)
		xe_set_lane(&value, lane, i, function(xe_lane(&value, lane, i), count.q[0], lane));
	return xe_vector_put(cpu, insn, shape.size, &value);
}

/* PTEST, VTESTPS, VTESTPD: ZF and CF; of lanes the signs count, of the whole (XE_V128) all bits. */
enum xe_result xe_vector_test(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t lane = xe_lane_size(insn);
	uint64_t select = lane == 4 ? UINT64_C(0x8000000080000000) : lane == 8 ? UINT64_C(1) << 63 : UINT64_MAX;
	uint64_t both = 0, second_only = 0;
	struct xe_shape shape;
	union xe_vector a, b;
	enum xe_result r = xe_vector_begin(cpu, insn);

	xe_vector_shape(insn, &shape);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 0, shape.size, &a);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, shape.size, &b);
	if (r != XE_OK)
		return r;
	for (size_t i = 0; i < shape.size / 8; i++) {
		both |= a.q[i] & b.q[i] & select;
		second_only |= ~a.q[i] & b.q[i] & select;
	}
	xe_set_flags(cpu, XE_RFLAGS_STATUS, (both ? 0 : HY_X86_RFLAGS_ZF) | (second_only ? 0 : HY_X86_RFLAGS_CF));
	return XE_OK;
}

/* PMOVZX, PMOVSX: lanes of `lane` bytes become lanes of XE_V_TO_... */
enum xe_result xe_vector_widen(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t from = xe_lane_size(insn), to = (size_t)1 << (insn->op & XE_V_WIDE);
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector source, result;
	struct xe_shape shape;

	xe_vector_shape(insn, &shape);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, insn->operand[1].kind == XE_MEM ? shape.size * from / to : 16, &source);
	if (r != XE_OK)
		return r;
	for (size_t i = 0; i < shape.size / to; i++) {
		uint64_t lane = xe_lane(&source, from, i);

		xe_set_lane(&result, to, i, insn->op & XE_V_SIGNED ? xe_sign_extend(lane, from) : lane);
	}
	return xe_vector_put(cpu, insn, shape.size, &result);
}

/* PHMINPOSUW: the least word and where it is. */
enum xe_result xe_vector_least(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector source, result = { 0 };
	unsigned least = 0;

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, 16, &source);
	if (r != XE_OK)
		return r;
	for (unsigned i = 1; i < 8; i++)
		least = source.w[i] < source.w[least] ? i : least;
	result.w[0] = source.w[least];
	result.w[1] = (uint16_t)least;
	return xe_vector_put(cpu, insn, 16, &result);
}
