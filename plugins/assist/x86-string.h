/* SPDX-License-Identifier: MIT */
/* String instructions: what x86-string.c and x86-io.c share. */
#ifndef HY_ASSIST_X86_STRING_H
#define HY_ASSIST_X86_STRING_H

#include "handlers.h"

struct xe_string {
	/* One item, with its pointers and flags: whole or not at all. */
	enum xe_result (*item)(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size);
	/* Or NULL: up to `count` items at once and how many, 0 where each must be done on its own. */
	uint64_t (*run)(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, uint64_t count);
	bool compares; /* REPE and REPNE look at ZF */
	uint8_t cut;   /* how many of rDI, rSI lose their upper half when there is nothing to do */
};

/* Once, or with a REP prefix as often as rCX says. */
enum xe_result xe_string_repeat(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size,
                                const struct xe_string *string);

/* Moves rSI or rDI over so many bytes, downwards if DF says so. */
void xe_string_advance(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned reg, uint64_t bytes);

static inline uint64_t xe_string_pointer(const struct xe_cpu *cpu, const struct xe_insn *insn, unsigned reg)
{
	return xe_gpr(cpu, reg, insn->address_size);
}

#endif /* HY_ASSIST_X86_STRING_H */
