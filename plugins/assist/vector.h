/* SPDX-License-Identifier: MIT */
/* What the files of vector and x87 instructions share. */
#ifndef HY_ASSIST_VECTOR_H
#define HY_ASSIST_VECTOR_H

#include "handlers.h"

/* MXCSR's bits that may be set (SDM vol. 1, section 10.2.3): DAZ is there. */
#define XE_MXCSR_MASK 0xffffu
#define XE_MXCSR_RESET 0x1f80u
#define XE_FCW_RESET 0x37fu

/* XCR0 and XSTATE_BV (SDM vol. 1, section 13.1). */
#define XE_XSTATE_X87 1u
#define XE_XSTATE_SSE 2u
#define XE_XSTATE_AVX 4u

/* --- Vector instructions: x86-vector.c ------------------------------------------------------- */

static inline bool xe_is_vex(const struct xe_insn *insn)
{
	return (insn->prefixes & XE_VEX) != 0;
}

/* Lanes of an instruction, by the table's XE_V8... */
static inline size_t xe_lane_size(const struct xe_insn *insn)
{
	return (size_t)1 << ((insn->op & XE_V_LANE) >> XE_V_LANE_SHIFT);
}

static inline unsigned xe_vector_op(const struct xe_insn *insn)
{
	return insn->op & XE_V_OP;
}

static inline uint64_t xe_lane(const union xe_vector *vector, size_t size, size_t i)
{
	uint64_t lane = 0;

	memcpy(&lane, vector->b + i * size, size);
	return lane;
}

static inline void xe_set_lane(union xe_vector *vector, size_t size, size_t i, uint64_t lane)
{
	memcpy(vector->b + i * size, &lane, size);
}

/*
 * Registers that an instruction works on.  `first` and `second` are its sources:
 * the same operand where it has but one; the destination is operand 0.
 */
struct xe_shape {
	size_t size; /* 8: MMX; 16; 32 */
	unsigned first, second;
};
void xe_vector_shape(const struct xe_insn *insn, struct xe_shape *shape);

/* What comes before all else: #UD, #NM, #MF, or cpu->fpu is there. */
enum xe_result xe_vector_begin(struct xe_cpu *cpu, const struct xe_insn *insn);

/*
 * Reads `size` bytes of an operand, zero-extended.  Memory of 16 bytes is aligned
 * without VEX (SDM vol. 2, table 2-17: type 4).
 */
enum xe_result xe_vector_get(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, size_t size,
                             union xe_vector *value);
/* Begins, and reads both sources; of memory as much as the decoder says. */
enum xe_result xe_vector_sources(struct xe_cpu *cpu, const struct xe_insn *insn, struct xe_shape *shape,
                                 union xe_vector *first, union xe_vector *second);

/*
 * Writes operand 0, as the last act of an instruction: to memory and to a general
 * register `size` bytes, a vector register with all that is above (SDM vol. 1,
 * section 14.3).
 */
enum xe_result xe_vector_put(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, const union xe_vector *value);

/* #GP(0) where the memory operand isn't aligned to `size`. */
enum xe_result xe_check_aligned(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size);

/* --- x87: x86-fpu.c ---------------------------------------------------------------------------- */

/* Whether a waiting instruction gets #MF. */
bool xe_fpu_error_due(const struct xe_cpu *cpu);
/* MM(i) is the low part of physical register i, whatever TOP is (SDM vol. 3, section 12.2). */
uint8_t *xe_fpu_mm(struct xe_cpu *cpu, unsigned i);
/* What all MMX instructions but EMMS do to the x87 state: TOP 0, all registers valid. */
void xe_fpu_enter_mmx(struct xe_cpu *cpu);
/* FNINIT. */
void xe_fpu_init(struct xe_fpu *fpu);
/* FCW and FSW as the processor keeps them: bits that are fixed, and ES and B by what is pending. */
void xe_fpu_set_control(struct xe_fpu *fpu, uint16_t fcw, uint16_t fsw);

#endif /* HY_ASSIST_VECTOR_H */
