/* SPDX-License-Identifier: MIT */
/* Flags of integer instructions, computed at once: cheap enough, and always there to be read. */
#ifndef HY_ASSIST_INTEGER_H
#define HY_ASSIST_INTEGER_H

#include "handlers.h"

#define XE_RFLAGS_CF_OF (HY_X86_RFLAGS_CF | HY_X86_RFLAGS_OF)

static inline unsigned xe_bits(size_t size)
{
	return 8 * (unsigned)size;
}

/* The top bit of a value of `size` bytes: 0 or 1. */
static inline unsigned xe_top(uint64_t value, size_t size)
{
	return (unsigned)(value >> (xe_bits(size) - 1) & 1);
}

/* SF, ZF and PF of a result, which has nothing above its size. */
static inline uint64_t xe_flags_result(uint64_t result, size_t size)
{
	uint64_t flags = xe_top(result, size) ? HY_X86_RFLAGS_SF : 0;

	if (!result)
		flags |= HY_X86_RFLAGS_ZF;
	if (!__builtin_parity((unsigned)(result & 0xff)))
		flags |= HY_X86_RFLAGS_PF;
	return flags;
}

static inline uint64_t xe_flag_if(bool condition, uint64_t flag)
{
	return condition ? flag : 0;
}

/* All flags of result = a + b, or a + b + 1: whether a carry came in shows in the result. */
static inline uint64_t xe_flags_add(uint64_t a, uint64_t b, uint64_t result, size_t size)
{
	uint64_t carries = (a & b) | ((a | b) & ~result);

	return xe_flags_result(result, size) | xe_flag_if(xe_top(carries, size), HY_X86_RFLAGS_CF) |
	       xe_flag_if(xe_top((a ^ result) & (b ^ result), size), HY_X86_RFLAGS_OF) |
	       ((a ^ b ^ result) & HY_X86_RFLAGS_AF);
}

/* The same of result = a - b, or a - b - 1. */
static inline uint64_t xe_flags_sub(uint64_t a, uint64_t b, uint64_t result, size_t size)
{
	uint64_t borrows = (~a & b) | ((~a | b) & result);

	return xe_flags_result(result, size) | xe_flag_if(xe_top(borrows, size), HY_X86_RFLAGS_CF) |
	       xe_flag_if(xe_top((a ^ b) & (a ^ result), size), HY_X86_RFLAGS_OF) |
	       ((a ^ b ^ result) & HY_X86_RFLAGS_AF);
}

static inline bool xe_is_memory(const struct xe_insn *insn, unsigned i)
{
	return insn->operand[i].kind == XE_MEM;
}

/*
 * Instructions with VEX don't exist in real and virtual-8086 mode (SDM vol. 2, section 2.3.5:
 * LES and LDS have their opcodes); the decoder knows the size of code alone.
 */
static inline bool xe_vex_ok(const struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return !(insn->prefixes & XE_VEX) || xe_is_protected(cpu);
}

#endif /* HY_ASSIST_INTEGER_H */
