/* SPDX-License-Identifier: MIT */
/* Who executes what: the handlers that x86-table.c names, by the file that has them. */
#ifndef HY_ASSIST_HANDLERS_H
#define HY_ASSIST_HANDLERS_H

#include "internal.h"

/* --- x86-move.c --- */
xe_handler xe_mov, xe_movzx, xe_movsx, xe_xchg, xe_lea, xe_bswap, xe_movbe, xe_xlat;
xe_handler xe_cmov, xe_setcc; /* op: the condition */
xe_handler xe_convert, xe_convert_double; /* op: the operand size */
xe_handler xe_lahf, xe_sahf, xe_salc, xe_flag; /* op of the last: XE_FLAG_* */
enum { XE_FLAG_CLC, XE_FLAG_STC, XE_FLAG_CMC, XE_FLAG_CLD, XE_FLAG_STD };
xe_handler xe_nop, xe_fence, xe_clflush;

/* --- x86-alu.c, x86-decimal.c --- */
xe_handler xe_alu, xe_compare, xe_alu_unary; /* op: XE_ALU_* */
enum {
	XE_ALU_ADD,
	XE_ALU_ADC,
	XE_ALU_SUB,
	XE_ALU_SBB,
	XE_ALU_CMP,
	XE_ALU_AND,
	XE_ALU_OR,
	XE_ALU_XOR,
	XE_ALU_TEST,
	XE_ALU_INC,
	XE_ALU_DEC,
	XE_ALU_NEG,
	XE_ALU_NOT
};
xe_handler xe_add_by_flag; /* op: the flag that carries */
xe_handler xe_xadd, xe_cmpxchg, xe_cmpxchg8b, xe_cmpxchg16b;
xe_handler xe_decimal_adjust, xe_ascii_adjust; /* op: 0 after addition, 1 after subtraction */
xe_handler xe_aam, xe_aad;

/* --- x86-shift.c --- */
xe_handler xe_shift, xe_double_shift, xe_shift_plain; /* op: XE_SHIFT_* */
enum {
	XE_SHIFT_ROL,
	XE_SHIFT_ROR,
	XE_SHIFT_RCL,
	XE_SHIFT_RCR, /* the last rotation */
	XE_SHIFT_SHL,
	XE_SHIFT_SHR,
	XE_SHIFT_SAR
};

/* --- x86-muldiv.c --- */
xe_handler xe_mul, xe_imul, xe_mulx, xe_div, xe_idiv;

/* --- x86-bits.c --- */
xe_handler xe_bit; /* op: XE_BIT_* */
enum { XE_BIT_TEST, XE_BIT_SET, XE_BIT_RESET, XE_BIT_COMPLEMENT };
xe_handler xe_bit_scan, xe_count_zeros; /* op: XE_SCAN_*, from the lowest bit or from the highest */
enum { XE_SCAN_FORWARD, XE_SCAN_REVERSE };
xe_handler xe_popcnt, xe_crc32, xe_andn, xe_bextr, xe_bzhi;
xe_handler xe_lowest_bit; /* op: XE_LOWEST_* */
enum { XE_LOWEST_ISOLATE, XE_LOWEST_MASK, XE_LOWEST_RESET };
xe_handler xe_scatter; /* op: XE_SCATTER_* */
enum { XE_SCATTER_DEPOSIT, XE_SCATTER_EXTRACT };

/* --- x86-stack.c --- */
xe_handler xe_push, xe_pop, xe_push_all, xe_pop_all, xe_push_flags, xe_pop_flags, xe_enter, xe_leave;

/* --- x86-branch.c --- */
xe_handler xe_jump, xe_jump_if, xe_call, xe_return; /* op of the second: the condition */
xe_handler xe_loop, xe_jump_if_zero_count; /* op of the first: XE_LOOP_* */
enum { XE_LOOP_ALWAYS, XE_LOOP_WHILE_EQUAL, XE_LOOP_WHILE_NOT_EQUAL };

/* --- x86-string.c --- */
/* op: the size of an item */
xe_handler xe_string_move, xe_string_compare, xe_string_scan, xe_string_load, xe_string_store;
xe_handler xe_movsd, xe_cmpsd; /* the string forms, or SSE2's; op is for the latter */

/* --- x86-io.c --- */
xe_handler xe_in, xe_out, xe_string_in, xe_string_out; /* op of the string forms: the size of an item */

/* --- x86-system.c, x86-control.c, x86-msr.c, x86-debug.c --- */
xe_handler xe_mov_cr, xe_mov_dr; /* x86-move.c hands over what has such an operand */
xe_handler xe_clear_task_switched, xe_load_msw, xe_store_msw;
xe_handler xe_load_table, xe_store_table; /* op: XE_TABLE_* */
enum { XE_TABLE_GDT, XE_TABLE_IDT };
xe_handler xe_invalidate_page, xe_invalidate_caches, xe_invalidate_pcid;
xe_handler xe_cpuid, xe_read_tsc, xe_read_counter; /* op of the second: 1 is RDTSCP */
xe_handler xe_read_xcr, xe_write_xcr, xe_read_pkru, xe_write_pkru;
xe_handler xe_halt, xe_clear_interrupts, xe_set_interrupts, xe_set_smap_override; /* op of the last: the new AC */
xe_handler xe_swap_gs, xe_read_base, xe_write_base; /* op of the last two: XE_FS, XE_GS */
xe_handler xe_read_msr, xe_write_msr;
xe_handler xe_undefined;

/* --- x86-segment.c, x86-selector.c --- */
xe_handler xe_load_pointer; /* op: the segment register */
xe_handler xe_store_system_selector, xe_load_ldtr, xe_load_tr; /* op of the first: XE_LDTR, XE_TR */
xe_handler xe_verify, xe_load_rights, xe_load_limit, xe_adjust_rpl; /* op of the first: HY_PROT_READ, _WRITE */

/* --- x86-far.c, x86-return.c --- */
xe_handler xe_far_jump, xe_far_call, xe_far_return; /* x86-branch.c hands over what has XE_FAR_BRANCH */
xe_handler xe_interrupt_return;

/* --- x86-event.c --- */
xe_handler xe_interrupt; /* op: the event's kind in the high byte, the vector (INT n: 0) in the low one */
xe_handler xe_bound;

/* --- x86-syscall.c --- */
xe_handler xe_syscall, xe_sysret, xe_sysenter, xe_sysexit;

/* --- x86-vector.c --- */
/* The op of a vector instruction: what is done and the size of lanes. */
#define XE_V_OP 0xffu
#define XE_V_LANE_SHIFT 8
#define XE_V_LANE 0x700u
#define XE_V8 0u
#define XE_V16 0x100u
#define XE_V32 0x200u
#define XE_V64 0x300u
#define XE_V128 0x400u
xe_handler xe_vector_zero, xe_load_mxcsr, xe_store_mxcsr;

/* --- x86-vector-move.c --- */
#define XE_V_ALIGNED 1u /* of xe_vector_move: memory has to be */
#define XE_V_TO_HIGH 1u /* of xe_vector_half */
#define XE_V_FROM_HIGH 2u
xe_handler xe_vector_move, xe_vector_low, xe_vector_scalar, xe_vector_half, xe_vector_signs;
xe_handler xe_vector_insert, xe_vector_extract, xe_vector_insert_single, xe_vector_broadcast;
xe_handler xe_vector_insert128, xe_vector_extract128, xe_vector_mask_bytes, xe_vector_mask_lanes;

/* --- x86-vector-lanes.c --- */
enum {
	XE_V_AND,
	XE_V_ANDN,
	XE_V_OR,
	XE_V_XOR,
	XE_V_ADD,
	XE_V_SUB,
	XE_V_ADDS,
	XE_V_SUBS,
	XE_V_ADDUS,
	XE_V_SUBUS,
	XE_V_EQUAL,
	XE_V_GREATER,
	XE_V_MINS,
	XE_V_MAXS,
	XE_V_MINU,
	XE_V_MAXU,
	XE_V_AVERAGE,
	XE_V_ABS,
	XE_V_SIGN,
	XE_V_MULL,
	XE_V_MULH,
	XE_V_MULHU,
	XE_V_MULHRS,
	XE_V_MULW,
	XE_V_MULWU,
	XE_V_MADD,
	XE_V_MADDUBS,
	XE_V_SAD,
	XE_V_SHL,
	XE_V_SHR,
	XE_V_SAR
};
#define XE_V_WIDE 0xfu /* of xe_vector_widen: log2 of the size of a lane then */
#define XE_V_TO16 1u
#define XE_V_TO32 2u
#define XE_V_TO64 3u
#define XE_V_SIGNED 0x10u
xe_handler xe_vector_lanes, xe_vector_shift, xe_vector_test, xe_vector_widen, xe_vector_least;

/* --- x86-vector-shuffle.c --- */
enum {
	XE_V_UNPACKL,
	XE_V_UNPACKH,
	XE_V_PACKS,
	XE_V_PACKUS,
	XE_V_HADD,
	XE_V_HSUB,
	XE_V_HADDS,
	XE_V_HSUBS,
	XE_V_ALIGNR,
	XE_V_BYTESL,
	XE_V_BYTESR,
	XE_V_SHUFB,
	XE_V_SHUFD,
	XE_V_SHUFLW,
	XE_V_SHUFHW,
	XE_V_SHUFPS,
	XE_V_SHUFPD,
	XE_V_PERMILPD,
	XE_V_PERMIL,
	XE_V_DUPEVEN,
	XE_V_DUPODD,
	XE_V_DUPLOW,
	XE_V_BLEND,
	XE_V_MPSAD
};
xe_handler xe_vector_halves, xe_vector_permil, xe_vector_blendv, xe_vector_permute128, xe_vector_permute;

/* --- x86-fpu.c --- */
#define XE_X87_OP 0xffu /* of xe_fpu_control */
#define XE_X87_WAITS 0x100u
enum {
	XE_X87_NOTHING,
	XE_X87_INIT,
	XE_X87_CLEAR,
	XE_X87_INCREMENT,
	XE_X87_DECREMENT,
	XE_X87_FREE,
	XE_X87_FREE_POP
};
#define XE_X87_ALL 1u /* of xe_fpu_load_environment and xe_fpu_store_environment: FRSTOR and FNSAVE */
xe_handler xe_fpu_control, xe_fpu_wait, xe_fpu_load_control, xe_fpu_store_control, xe_fpu_store_status;
xe_handler xe_fpu_load_environment, xe_fpu_store_environment, xe_mmx_empty;

/* --- x86-fpu-move.c --- */
enum { XE_X87_ZERO, XE_X87_ONE, XE_X87_LOG2_10, XE_X87_LOG2_E, XE_X87_PI, XE_X87_LOG10_2, XE_X87_LN_2 };
enum { XE_X87_CHANGE_SIGN, XE_X87_ABS };
#define XE_X87_POP 1u /* of xe_fpu_store and xe_fpu_store_integer */
#define XE_X87_TRUNCATE 2u
#define XE_X87_NOT 2u /* of xe_fpu_move_if, beside bits of RFLAGS: none of them is set; bit 1 is no flag */
xe_handler xe_fpu_load, xe_fpu_load_integer, xe_fpu_constant, xe_fpu_store, xe_fpu_store_integer;
xe_handler xe_fpu_exchange, xe_fpu_sign, xe_fpu_move_if;

/* --- x86-xsave.c --- */
#define XE_XSAVE_WIDE 1u /* op: the form of 64-bit pointers */
#define XE_XSAVE_OPT 2u
xe_handler xe_fxsave, xe_fxrstor, xe_xsave, xe_xrstor;

#endif /* HY_ASSIST_HANDLERS_H */
