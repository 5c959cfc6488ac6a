/* SPDX-License-Identifier: MIT */
/*
 * Vector instructions that move lanes about: within 8 bytes (MMX) or each half of
 * 16 bytes on its own, and few that cross halves.
 */
#include "vector.h"

/* One half of the sources and what comes of it. */
struct half {
	union xe_vector a, b; /* 16 bytes of each, or 8 */
	union xe_vector to;
	size_t size, lane;
	unsigned imm;
	unsigned number; /* which half: immediates of lanes of 8, and some others, go on */
};

typedef void half_function(struct half *half);

static uint64_t of_a(const struct half *half, size_t i)
{
	return xe_lane(&half->a, half->lane, i);
}

static uint64_t of_b(const struct half *half, size_t i)
{
	return xe_lane(&half->b, half->lane, i);
}

static void set(struct half *half, size_t i, uint64_t lane)
{
	xe_set_lane(&half->to, half->lane, i, lane);
}

static void unpack(struct half *half, size_t from)
{
	for (size_t i = 0; i < half->size / half->lane / 2; i++) {
		set(half, 2 * i, of_a(half, from + i));
		set(half, 2 * i + 1, of_b(half, from + i));
	}
}

static void unpack_low(struct half *half)
{
	unpack(half, 0);
}

static void unpack_high(struct half *half)
{
	unpack(half, half->size / half->lane / 2);
}

/* A lane of twice the size, signed, cut to what `least` and `most` allow. */
static void pack(struct half *half, int64_t least, int64_t most)
{
	size_t count = half->size / half->lane, wide = 2 * half->lane;

	for (size_t i = 0; i < count; i++) {
		const union xe_vector *from = i < count / 2 ? &half->a : &half->b;
		int64_t value = (int64_t)xe_sign_extend(xe_lane(from, wide, i % (count / 2)), wide);

		set(half, i, (uint64_t)(value < least ? least : value > most ? most : value));
	}
}

static void pack_signed(struct half *half)
{
	int64_t most = (int64_t)(xe_mask(half->lane) >> 1);

	pack(half, -most - 1, most);
}

static void pack_unsigned(struct half *half)
{
	pack(half, 0, (int64_t)xe_mask(half->lane));
}

/* PHADDW...: pairs of the first source, then of the second. */
static void horizontal(struct half *half, int factor, bool saturate)
{
	size_t count = half->size / half->lane;
	int64_t most = (int64_t)(xe_mask(half->lane) >> 1);

	for (size_t i = 0; i < count; i++) {
		const union xe_vector *from = i < count / 2 ? &half->a : &half->b;
		size_t pair = 2 * (i % (count / 2));
		int64_t value = (int64_t)xe_sign_extend(xe_lane(from, half->lane, pair), half->lane) +
		                factor * (int64_t)xe_sign_extend(xe_lane(from, half->lane, pair + 1), half->lane);

		if (saturate)
			value = value > most ? most : value < -most - 1 ? -most - 1 : value;
		set(half, i, (uint64_t)value);
	}
}

static void horizontal_add(struct half *half)
{
	horizontal(half, 1, false);
}

static void horizontal_sub(struct half *half)
{
	horizontal(half, -1, false);
}

static void horizontal_add_signed(struct half *half)
{
	horizontal(half, 1, true);
}

static void horizontal_sub_signed(struct half *half)
{
	horizontal(half, -1, true);
}

/* PALIGNR: both sources, the second below, shifted right. */
static void align_right(struct half *half)
{
	uint8_t both[64] = { 0 };

	memcpy(both, &half->b, half->size);
	memcpy(both + half->size, &half->a, half->size);
	memcpy(&half->to, both + (half->imm < 2 * half->size ? half->imm : 2 * half->size), half->size);
}

static void shift_bytes_left(struct half *half)
{
	size_t count = half->imm < half->size ? half->imm : half->size;

	memset(&half->to, 0, half->size);
	memcpy(half->to.b + count, &half->b, half->size - count);
}

static void shift_bytes_right(struct half *half)
{
	size_t count = half->imm < half->size ? half->imm : half->size;

	memset(&half->to, 0, half->size);
	memcpy(&half->to, half->b.b + count, half->size - count);
}

static void shuffle_bytes(struct half *half)
{
	for (size_t i = 0; i < half->size; i++)
		half->to.b[i] = half->b.b[i] & 0x80 ? 0 : half->a.b[half->b.b[i] & (half->size - 1)];
}

/* PSHUFD: lanes of 4, two bits each. */
static void shuffle_dwords(struct half *half)
{
	for (unsigned i = 0; i < 4; i++)
		half->to.d[i] = half->b.d[half->imm >> 2 * i & 3];
}

static void shuffle_words(struct half *half, unsigned from)
{
	half->to = half->b;
	for (unsigned i = 0; i < 4; i++)
		half->to.w[from + i] = half->b.w[from + (half->imm >> 2 * i & 3)];
}

/* PSHUFLW; PSHUFW of MMX, which has no more. */
static void shuffle_low_words(struct half *half)
{
	shuffle_words(half, 0);
}

static void shuffle_high_words(struct half *half)
{
	shuffle_words(half, 4);
}

/* SHUFPS: two lanes of each source. */
static void shuffle_singles(struct half *half)
{
	for (unsigned i = 0; i < 4; i++)
		half->to.d[i] = (i < 2 ? half->a : half->b).d[half->imm >> 2 * i & 3];
}

/* SHUFPD: one bit for each lane, other bits for the other half. */
static void shuffle_doubles(struct half *half)
{
	unsigned imm = half->imm >> 2 * half->number;

	half->to.q[0] = half->a.q[imm & 1];
	half->to.q[1] = half->b.q[imm >> 1 & 1];
}

/* VPERMILPD with an immediate; with one source SHUFPD's rule. */
static void permute_doubles(struct half *half)
{
	half->a = half->b;
	shuffle_doubles(half);
}

/* VPERMILPS, VPERMILPD with a register: of the first source, by bits of each lane of the second. */
static void permute_by_lanes(struct half *half)
{
	for (unsigned i = 0; i < half->size / half->lane; i++)
		set(half, i, of_a(half, half->lane == 4 ? of_b(half, i) & 3 : of_b(half, i) >> 1 & 1));
}

/* MOVSLDUP, MOVSHDUP. */
static void double_even(struct half *half)
{
	for (unsigned i = 0; i < 4; i++)
		half->to.d[i] = half->b.d[i & 2];
}

static void double_odd(struct half *half)
{
	for (unsigned i = 0; i < 4; i++)
		half->to.d[i] = half->b.d[i | 1];
}

/* MOVDDUP. */
static void double_low(struct half *half)
{
	half->to.q[0] = half->to.q[1] = half->b.q[0];
}

/* BLENDPS...: a bit for each lane; only words have the same eight in both halves. */
static void blend(struct half *half)
{
	unsigned count = (unsigned)(half->size / half->lane);
	unsigned imm = half->lane == 2 ? half->imm : half->imm >> count * half->number;

	for (unsigned i = 0; i < count; i++)
		set(half, i, imm >> i & 1 ? of_b(half, i) : of_a(half, i));
}

/* MPSADBW: four bytes of the second source against eight places of the first. */
static void sums_of_differences(struct half *half)
{
	unsigned imm = half->imm >> 3 * half->number, a = (imm >> 2 & 1) * 4, b = (imm & 3) * 4;

	for (unsigned i = 0; i < 8; i++) {
		int sum = 0;

		for (unsigned k = 0; k < 4; k++) {
			int difference = half->a.b[a + i + k] - half->b.b[b + k];

			sum += difference < 0 ? -difference : difference;
		}
		half->to.w[i] = (uint16_t)sum;
	}
}

static half_function *const functions[] = {
	[XE_V_UNPACKL] = unpack_low,
	[XE_V_UNPACKH] = unpack_high,
	[XE_V_PACKS] = pack_signed,
	[XE_V_PACKUS] = pack_unsigned,
	[XE_V_HADD] = horizontal_add,
	[XE_V_HSUB] = horizontal_sub,
	[XE_V_HADDS] = horizontal_add_signed,
	[XE_V_HSUBS] = horizontal_sub_signed,
	[XE_V_ALIGNR] = align_right,
	[XE_V_BYTESL] = shift_bytes_left,
	[XE_V_BYTESR] = shift_bytes_right,
	[XE_V_SHUFB] = shuffle_bytes,
	[XE_V_SHUFD] = shuffle_dwords,
	[XE_V_SHUFLW] = shuffle_low_words,
	[XE_V_SHUFHW] = shuffle_high_words,
	[XE_V_SHUFPS] = shuffle_singles,
	[XE_V_SHUFPD] = shuffle_doubles,
	[XE_V_PERMILPD] = permute_doubles,
	[XE_V_PERMIL] = permute_by_lanes,
	[XE_V_DUPEVEN] = double_even,
	[XE_V_DUPODD] = double_odd,
	[XE_V_DUPLOW] = double_low,
	[XE_V_BLEND] = blend,
	[XE_V_MPSAD] = sums_of_differences,
};

enum xe_result xe_vector_halves(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	half_function *function = functions[xe_vector_op(insn)];
	struct half half = { .lane = xe_lane_size(insn), .imm = insn->imm & 0xff };
	union xe_vector a, b, result = { 0 };
	struct xe_shape shape;
	enum xe_result r = xe_vector_sources(cpu, insn, &shape, &a, &b);

	if (r != XE_OK)
		return r;
	half.size = shape.size < 16 ? shape.size : 16;
	for (size_t at = 0; at < shape.size; at += half.size, half.number++) {
		memcpy(&half.a, a.b + at, half.size);
		memcpy(&half.b, b.b + at, half.size);
		function(&half);
		memcpy(result.b + at, &half.to, half.size);
	}
	return xe_vector_put(cpu, insn, shape.size, &result);
}

/* VPERMILPS, VPERMILPD: with an immediate or a register two instructions of one name. */
enum xe_result xe_vector_permil(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_insn one = *insn;

	one.op = (uint16_t)(insn->op & ~XE_V_OP);
	if (insn->operand[2].kind != XE_IMM)
		one.op |= XE_V_PERMIL;
	else
		one.op |= xe_lane_size(insn) == 4 ? XE_V_SHUFD : XE_V_PERMILPD;
	return xe_vector_halves(cpu, &one);
}

/* BLENDVPS, BLENDVPD, PBLENDVB: by the signs of lanes of XMM0, of VEX's fourth operand. */
enum xe_result xe_vector_blendv(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t lane = xe_lane_size(insn), size = xe_is_vex(insn) ? insn->vector_size : 16;
	unsigned first = xe_is_vex(insn) ? 1 : 0;
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector a, b, mask;

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, first, size, &a);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, first + 1, size, &b);
	if (r != XE_OK)
		return r;
	mask = cpu->fpu.ymm[xe_is_vex(insn) ? insn->operand[3].reg : 0];
	for (size_t i = 0; i < size / lane; i++)
		if (mask.b[i * lane + lane - 1] & 0x80)
			xe_set_lane(&a, lane, i, xe_lane(&b, lane, i));
	return xe_vector_put(cpu, insn, size, &a);
}

/* VPERM2F128, VPERM2I128: each half is one of four, or nothing. */
enum xe_result xe_vector_permute128(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector from[2], result = { 0 };

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, 32, &from[0]);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 2, 32, &from[1]);
	if (r != XE_OK)
		return r;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t choice = insn->imm >> 4 * i;

		if (!(choice & 8))
			memcpy(result.b + 16 * i, from[choice >> 1 & 1].b + 16 * (choice & 1), 16);
	}
	return xe_vector_put(cpu, insn, 32, &result);
}

/* VPERMQ, VPERMPD: lanes of 8 by an immediate; VPERMD, VPERMPS: of 4 by the first source. */
enum xe_result xe_vector_permute(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t lane = xe_lane_size(insn);
	union xe_vector control, source, result;
	struct xe_shape shape;
	enum xe_result r = xe_vector_sources(cpu, insn, &shape, &control, &source);

	if (r != XE_OK)
		return r;
	for (size_t i = 0; i < 32 / lane; i++)
		xe_set_lane(&result, lane, i,
		            xe_lane(&source, lane, lane == 8 ? insn->imm >> 2 * i & 3 : control.d[i] & 7));
	return xe_vector_put(cpu, insn, 32, &result);
}
