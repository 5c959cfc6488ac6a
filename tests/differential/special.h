/* SPDX-License-Identifier: MIT */
/* What single instructions need so that something happens. */
#ifndef DIFFERENTIAL_SPECIAL_H
#define DIFFERENTIAL_SPECIAL_H

#include "encode.h"

/* A linear address for an operand of `size` bytes. */
uint32_t df_target(struct df_random *r, unsigned size);

/* Before the memory operand is led anywhere: registers. */
void df_special_registers(struct df_random *r, struct df_case *c, const struct df_insn *insn);
/* Where it was led: contents. */
void df_special_memory(struct df_random *r, struct df_case *c, const struct df_insn *insn, uint32_t target);
/* In the end: the stack's contents. */
void df_special_last(struct df_random *r, struct df_case *c, const struct df_insn *insn);

#endif /* DIFFERENTIAL_SPECIAL_H */
