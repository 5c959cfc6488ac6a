/* SPDX-License-Identifier: MIT */
/* Which extension an instruction is of, and whether the guest's processor has it. */
#ifndef HY_ASSIST_ISA_H
#define HY_ASSIST_ISA_H

#include <Zydis/Zydis.h>

#include "internal.h"

/* By the guest's CPUID; what belongs to no extension, all have. */
bool xe_isa_ok(struct xe_cpu *cpu, const ZydisDecodedInstructionMeta *meta);

#endif /* HY_ASSIST_ISA_H */
