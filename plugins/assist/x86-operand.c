/* SPDX-License-Identifier: MIT */
/* Operands: where they are, what they hold. */
#include "internal.h"

uint64_t xe_offset(const struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t offset = (uint64_t)insn->disp;

	if (insn->base == XE_BASE_RIP)
		offset += cpu->next_rip;
	else if (insn->base != XE_NO_REG)
		offset += cpu->gpr[insn->base];
	if (insn->index != XE_NO_REG)
		offset += cpu->gpr[insn->index] * insn->scale;
	return offset & xe_mask(insn->address_size);
}

enum xe_result xe_get(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, uint64_t *value)
{
	const struct xe_operand *operand = &insn->operand[i];

	switch (operand->kind) {
	case XE_MEM:
		return xe_load(cpu, insn->segment, xe_offset(cpu, insn), operand->size, value);
	case XE_IMM:
		*value = insn->imm;
		return XE_OK;
	default:
		*value = xe_get_register(cpu, operand);
		return XE_OK;
	}
}

enum xe_result xe_put(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, uint64_t value)
{
	const struct xe_operand *operand = &insn->operand[i];

	if (operand->kind == XE_MEM)
		return xe_store(cpu, insn->segment, xe_offset(cpu, insn), operand->size, value);
	xe_set_register(cpu, operand, value);
	return XE_OK;
}
