/* SPDX-License-Identifier: MIT */
/* What the files of x87 instructions share. */
#ifndef HY_ASSIST_FPU_H
#define HY_ASSIST_FPU_H

#include "vector.h"

/* FSW (SDM vol. 1, section 8.1.3); the low six are exceptions, in FCW their masks. */
#define XE_FSW_IE 0x1u
#define XE_FSW_DE 0x2u
#define XE_FSW_OE 0x8u
#define XE_FSW_UE 0x10u
#define XE_FSW_PE 0x20u
#define XE_FSW_EXCEPTIONS 0x3fu
#define XE_FSW_SF 0x40u
#define XE_FSW_ES 0x80u
#define XE_FSW_C1 0x200u
#define XE_FSW_TOP_SHIFT 11
#define XE_FSW_TOP 0x3800u
#define XE_FSW_B 0x8000u

/* --- State: x86-fpu.c -------------------------------------------------------------------------- */

static inline unsigned xe_fpu_top(const struct xe_fpu *fpu)
{
	return (fpu->fsw & XE_FSW_TOP) >> XE_FSW_TOP_SHIFT;
}

/* What comes before: #NM; of waiting instructions #MF; or cpu->fpu is there. */
enum xe_result xe_fpu_begin(struct xe_cpu *cpu, bool waits);
/* Sets TOP; registers stay what they are by their physical numbers. */
void xe_fpu_set_top(struct xe_fpu *fpu, unsigned top);
bool xe_fpu_is_empty(const struct xe_fpu *fpu, unsigned i);
void xe_fpu_set_empty(struct xe_fpu *fpu, unsigned i, bool empty);

/* --- Formats: x86-fpu-convert.c ------------------------------------------------------------------ */

/* A number of extended precision (SDM vol. 1, section 4.2.2). */
struct xe_f80 {
	uint64_t mantissa; /* with the integer bit */
	uint16_t exponent; /* and the sign at the top */
};

#define XE_F80_SIGN 0x8000u
#define XE_F80_EXPONENT 0x7fffu
#define XE_F80_INDEFINITE ((struct xe_f80){ UINT64_C(0xc000000000000000), 0xffff })

/* A value in another format and what came with it: bits for FSW. */
struct xe_converted {
	uint64_t bits;
	unsigned flags;
};

/* From 4 or 8 bytes; `flags` gets IE or DE. */
struct xe_f80 xe_f80_from_float(uint64_t bits, size_t size, unsigned *flags);
struct xe_f80 xe_f80_from_int(int64_t value);
/* By FCW's rounding and masks: an unmasked overflow or underflow gives no bits to store. */
struct xe_converted xe_f80_to_float(struct xe_f80 value, size_t size, uint16_t fcw);
/* To 2, 4 or 8 bytes. */
struct xe_converted xe_f80_to_int(struct xe_f80 value, size_t size, bool truncate, uint16_t fcw);

#endif /* HY_ASSIST_FPU_H */
