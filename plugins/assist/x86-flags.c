/* SPDX-License-Identifier: MIT */
/* Flags and conditions. */
#include "integer.h"

uint64_t xe_flags_of(uint64_t result, size_t size)
{
	return xe_flags_result(result & xe_mask(size), size);
}

static bool sign_differs(uint64_t flags)
{
	return !(flags & HY_X86_RFLAGS_SF) != !(flags & HY_X86_RFLAGS_OF);
}

/* Odd conditions are the even ones before them, negated. */
bool xe_condition(const struct xe_cpu *cpu, unsigned condition)
{
	uint64_t flags = cpu->rflags;
	bool holds;

	switch (condition >> 1) {
	case 0:
		holds = flags & HY_X86_RFLAGS_OF;
		break;
	case 1:
		holds = flags & HY_X86_RFLAGS_CF;
		break;
	case 2:
		holds = flags & HY_X86_RFLAGS_ZF;
		break;
	case 3:
		holds = flags & (HY_X86_RFLAGS_CF | HY_X86_RFLAGS_ZF);
		break;
	case 4:
		holds = flags & HY_X86_RFLAGS_SF;
		break;
	case 5:
		holds = flags & HY_X86_RFLAGS_PF;
		break;
	case 6:
		holds = sign_differs(flags);
		break;
	default:
		holds = sign_differs(flags) || (flags & HY_X86_RFLAGS_ZF);
		break;
	}
	return holds != (condition & 1);
}
