/* SPDX-License-Identifier: MIT */
/* Decimal arithmetic, of 16 and 32-bit code (SDM vol. 2). */
#include "integer.h"

#define CF_AF (HY_X86_RFLAGS_CF | HY_X86_RFLAGS_AF)

/* DAA and DAS: op is whether it was a subtraction. */
enum xe_result xe_decimal_adjust(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	unsigned al = (unsigned)xe_gpr(cpu, XE_RAX, 1), correction = 0;
	bool had_carry = cpu->rflags & HY_X86_RFLAGS_CF;
	uint64_t flags = 0;

	if ((al & 0xf) > 9 || (cpu->rflags & HY_X86_RFLAGS_AF)) {
		correction = 6;
		flags |= HY_X86_RFLAGS_AF;
		/* Only DAS keeps a borrow of this step, and only in the other's absence (SDM vol. 2, DAS). */
		flags |= xe_flag_if(insn->op && al < 6, HY_X86_RFLAGS_CF);
	}
	if (al > 0x99 || had_carry) {
		correction += 0x60;
		flags |= HY_X86_RFLAGS_CF;
	}
	al = (insn->op ? al - correction : al + correction) & 0xff;
	xe_set_gpr(cpu, XE_RAX, 1, al);
	xe_set_flags(cpu, XE_RFLAGS_STATUS, flags | xe_flags_result(al, 1));
	return XE_OK;
}

/* AAA and AAS: op is whether it was a subtraction. */
enum xe_result xe_ascii_adjust(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t ax = xe_gpr(cpu, XE_RAX, 2);
	bool adjusts = (ax & 0xf) > 9 || (cpu->rflags & HY_X86_RFLAGS_AF);

	if (adjusts)
		ax += insn->op ? -UINT64_C(0x106) : UINT64_C(0x106);
	ax &= 0xff0f;
	xe_set_gpr(cpu, XE_RAX, 2, ax);
	xe_set_flags(cpu, XE_RFLAGS_STATUS, xe_flag_if(adjusts, CF_AF) | xe_flags_result(ax & 0xff, 1));
	return XE_OK;
}

enum xe_result xe_aam(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t al = xe_gpr(cpu, XE_RAX, 1), base = insn->imm & 0xff;

	if (!base)
		return xe_raise(cpu, XE_DE);
	xe_set_gpr(cpu, XE_RAX, 2, (al / base) << 8 | al % base);
	xe_set_flags(cpu, XE_RFLAGS_STATUS, xe_flags_result(al % base, 1));
	return XE_OK;
}

enum xe_result xe_aad(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t al = xe_gpr(cpu, XE_RAX, 1), ah = xe_gpr(cpu, XE_RAX, 2) >> 8;
	uint64_t tens = (ah * insn->imm) & 0xff, sum = (al + tens) & 0xff;

	xe_set_gpr(cpu, XE_RAX, 2, sum);
	/* OF, AF and CF are undefined; Intel's processors have those of the sum. */
	xe_set_flags(cpu, XE_RFLAGS_STATUS, xe_flags_add(al, tens, sum, 1));
	return XE_OK;
}
