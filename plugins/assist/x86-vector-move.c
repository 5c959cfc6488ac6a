/* SPDX-License-Identifier: MIT */
/* Vector moves: whole registers, parts of them, lanes, by mask. */
#include "vector.h"

/* MOVAPS, MOVUPS, MOVDQA, LDDQU, MOVNTDQ...: all of a register; `op` says whether memory must be aligned. */
enum xe_result xe_vector_move(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	const struct xe_operand *operand = insn->operand;
	bool is_memory = operand[0].kind == XE_MEM || operand[1].kind == XE_MEM;
	enum xe_result r = xe_vector_begin(cpu, insn);
	struct xe_shape shape;
	union xe_vector value = { 0 };

	xe_vector_shape(insn, &shape);
	if (r == XE_OK && xe_vector_op(insn) == XE_V_ALIGNED && is_memory)
		r = xe_check_aligned(cpu, insn, shape.size);
	if (r != XE_OK)
		return r;
	if (operand[1].kind == XE_MEM)
		r = xe_load_bytes(cpu, insn->segment, xe_offset(cpu, insn), &value, shape.size);
	else
		r = xe_vector_get(cpu, insn, 1, shape.size, &value);
	return r == XE_OK ? xe_vector_put(cpu, insn, shape.size, &value) : r;
}

/* MOVD, MOVQ, MOVDQ2Q, MOVQ2DQ: one low lane, the rest is cleared. */
enum xe_result xe_vector_low(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = xe_lane_size(insn);
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value;

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, size, &value);
	return r == XE_OK ? xe_vector_put(cpu, insn, size, &value) : r;
}

/* MOVSS, MOVSD: from memory as MOVD; between registers the rest is the first source's. */
enum xe_result xe_vector_scalar(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = xe_lane_size(insn);
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, low;
	struct xe_shape shape;

	if (insn->operand[0].kind != XE_VECTOR || insn->operand[1].kind != XE_VECTOR)
		return xe_vector_low(cpu, insn);
	xe_vector_shape(insn, &shape);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, shape.first, 16, &value);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, shape.second, size, &low);
	if (r != XE_OK)
		return r;
	xe_set_lane(&value, size, 0, low.q[0]);
	return xe_vector_put(cpu, insn, size, &value);
}

/* MOVLPS, MOVHPS, MOVLHPS, MOVHLPS...: one half of a register; `op` says which, of both sides. */
enum xe_result xe_vector_half(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	unsigned to = xe_vector_op(insn) & XE_V_TO_HIGH ? 1 : 0, from = xe_vector_op(insn) & XE_V_FROM_HIGH ? 1 : 0;
	bool is_store = insn->operand[0].kind == XE_MEM;
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, half;
	struct xe_shape shape;

	xe_vector_shape(insn, &shape);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, is_store ? 1 : shape.first, 16, &value);
	if (r == XE_OK && !is_store)
		r = xe_vector_get(cpu, insn, shape.second, insn->operand[shape.second].kind == XE_MEM ? 8 : 16, &half);
	if (r != XE_OK)
		return r;
	if (is_store)
		value.q[0] = value.q[to];
	else
		value.q[to] = half.q[from];
	return xe_vector_put(cpu, insn, 8, &value);
}

/* MOVMSKPS, MOVMSKPD, PMOVMSKB: the signs of all lanes. */
enum xe_result xe_vector_signs(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t lane = xe_lane_size(insn), size = insn->operand[1].kind == XE_MMX ? 8 : 16;
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, signs = { 0 };

	if (xe_is_vex(insn))
		size = insn->vector_size;
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, size, &value);
	if (r != XE_OK)
		return r;
	for (size_t i = 0; i < size / lane; i++)
		signs.d[0] |= (uint32_t)(xe_lane(&value, lane, i) >> (8 * lane - 1)) << i;
	return xe_vector_put(cpu, insn, 4, &signs);
}

/* PINSRB, PINSRW, PINSRD, PINSRQ. */
enum xe_result xe_vector_insert(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t lane = xe_lane_size(insn);
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, source;
	struct xe_shape shape;

	xe_vector_shape(insn, &shape);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, shape.first, shape.size, &value);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, shape.second, lane, &source);
	if (r != XE_OK)
		return r;
	xe_set_lane(&value, lane, insn->imm & (shape.size / lane - 1), source.q[0]);
	return xe_vector_put(cpu, insn, shape.size, &value);
}

/* PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: a general register gets the lane zero-extended. */
enum xe_result xe_vector_extract(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t lane = xe_lane_size(insn), size = insn->operand[1].kind == XE_MMX ? 8 : 16;
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, extracted = { 0 };

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, size, &value);
	if (r != XE_OK)
		return r;
	extracted.q[0] = xe_lane(&value, lane, insn->imm & (size / lane - 1));
	return xe_vector_put(cpu, insn, insn->operand[0].kind == XE_MEM ? lane : 8, &extracted);
}

/* INSERTPS (SDM vol. 2): bits 7:6 of the immediate are the source's lane, 5:4 the destination's, 3:0 lanes to clear. */
enum xe_result xe_vector_insert_single(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, source;
	struct xe_shape shape;
	bool is_memory;

	xe_vector_shape(insn, &shape);
	is_memory = insn->operand[shape.second].kind == XE_MEM;
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, shape.first, 16, &value);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, shape.second, is_memory ? 4 : 16, &source);
	if (r != XE_OK)
		return r;
	value.d[insn->imm >> 4 & 3] = source.d[is_memory ? 0 : insn->imm >> 6 & 3];
	for (unsigned i = 0; i < 4; i++)
		value.d[i] = insn->imm >> i & 1 ? 0 : value.d[i];
	return xe_vector_put(cpu, insn, 16, &value);
}

/* VBROADCASTSS, VPBROADCASTB... */
enum xe_result xe_vector_broadcast(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t lane = xe_lane_size(insn);
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, source;

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, lane, &source);
	if (r != XE_OK)
		return r;
	for (size_t i = 0; i < sizeof(value) / lane; i++)
		memcpy(value.b + i * lane, &source, lane);
	return xe_vector_put(cpu, insn, insn->vector_size, &value);
}

/* VINSERTF128, VINSERTI128. */
enum xe_result xe_vector_insert128(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, source;

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, 32, &value);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 2, 16, &source);
	if (r != XE_OK)
		return r;
	memcpy(value.b + 16 * (insn->imm & 1), &source, 16);
	return xe_vector_put(cpu, insn, 32, &value);
}

/* VEXTRACTF128, VEXTRACTI128: to memory no more than 16 bytes, of a register all. */
enum xe_result xe_vector_extract128(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, half = { 0 };

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, 32, &value);
	if (r != XE_OK)
		return r;
	memcpy(&half, value.b + 16 * (insn->imm & 1), 16);
	return xe_vector_put(cpu, insn, 16, &half);
}

/* --- By mask ----------------------------------------------------------------------------------- */

/* A run of neighbouring bytes that a mask selects, from `at` on: false where there is none. */
struct run {
	size_t at, size;
};

static bool next_run(const union xe_vector *mask, size_t size, struct run *run)
{
	size_t end;

	run->at += run->size;
	while (run->at < size && !(mask->b[run->at] & 0x80))
		run->at++;
	for (end = run->at; end < size && (mask->b[end] & 0x80);)
		end++;
	run->size = end - run->at;
	return run->size > 0;
}

/* Of lanes: all bytes of a lane by its sign. */
static void spread_signs(union xe_vector *mask, size_t lane, size_t size)
{
	for (size_t i = 0; i < size / lane; i++)
		memset(mask->b + i * lane, mask->b[i * lane + lane - 1] & 0x80 ? 0xff : 0, lane);
}

/* Past the end of 16-bit addresses is past the segment's end; only 4 GiB wrap. */
static uint64_t place(const struct xe_insn *insn, uint64_t offset, const struct run *run)
{
	return insn->mode == 8 ? offset + run->at : (uint32_t)(offset + run->at);
}

/* What isn't selected is neither touched nor checked (SDM vol. 2, VMASKMOV: "Faults..."). */
static enum xe_result store_runs(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t offset,
                                 const union xe_vector *mask, const union xe_vector *value, size_t size)
{
	enum xe_result r = XE_OK;

	for (struct run run = { 0 }; r == XE_OK && next_run(mask, size, &run);)
		r = xe_check(cpu, insn->segment, place(insn, offset, &run), run.size, HY_PROT_WRITE);
	for (struct run run = { 0 }; r == XE_OK && next_run(mask, size, &run);)
		r = xe_store_bytes(cpu, insn->segment, place(insn, offset, &run), value->b + run.at, run.size);
	return r;
}

static enum xe_result load_runs(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t offset,
                                const union xe_vector *mask, union xe_vector *value, size_t size)
{
	enum xe_result r = XE_OK;

	for (struct run run = { 0 }; r == XE_OK && next_run(mask, size, &run);)
		r = xe_load_bytes(cpu, insn->segment, place(insn, offset, &run), value->b + run.at, run.size);
	return r;
}

/* MASKMOVQ, MASKMOVDQU: to DS:rDI, which the decoder gives as the memory operand. */
enum xe_result xe_vector_mask_bytes(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value, mask;
	struct xe_shape shape;

	xe_vector_shape(insn, &shape);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 0, shape.size, &value);
	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, shape.size, &mask);
	if (r == XE_OK)
		r = store_runs(cpu, insn, xe_offset(cpu, insn), &mask, &value, shape.size);
	if (r == XE_OK && insn->operand[0].kind == XE_MMX)
		xe_fpu_enter_mmx(cpu);
	return r;
}

/* The mask is operand 1. */
static enum xe_result mask_lanes(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->vector_size;
	enum xe_result r = xe_vector_begin(cpu, insn);
	union xe_vector value = { 0 }, mask;

	if (r == XE_OK)
		r = xe_vector_get(cpu, insn, 1, size, &mask);
	if (r != XE_OK)
		return r;
	spread_signs(&mask, xe_lane_size(insn), size);
	if (insn->operand[0].kind == XE_MEM) {
		r = xe_vector_get(cpu, insn, 2, size, &value);
		return r == XE_OK ? store_runs(cpu, insn, xe_offset(cpu, insn), &mask, &value, size) : r;
	}
	r = load_runs(cpu, insn, xe_offset(cpu, insn), &mask, &value, size);
	return r == XE_OK ? xe_vector_put(cpu, insn, size, &value) : r;
}

/* VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ: there is no #AC (SDM vol. 2, VMASKMOV). */
enum xe_result xe_vector_mask_lanes(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t flags = cpu->rflags;
	enum xe_result r;

	cpu->rflags &= ~(uint64_t)XE_RFLAGS_AC;
	r = mask_lanes(cpu, insn);
	cpu->rflags = flags;
	return r;
}
