/* SPDX-License-Identifier: MIT */
/* Near branches (SDM vol. 2).  Far ones are in x86-far.c. */
#include "handlers.h"

enum xe_result xe_branch(struct xe_cpu *cpu, uint64_t target, size_t size)
{
	target &= xe_mask(size);
	if (xe_is_64(cpu) ? !xe_is_canonical(cpu, target) : target > cpu->seg[XE_CS].limit)
		return xe_raise_error(cpu, XE_GP, 0);
	cpu->next_rip = target;
	return XE_OK;
}

/* In 64-bit mode near branches have 64 bits, whatever the prefixes say (SDM vol. 1, section 6.2.1). */
static size_t branch_size(const struct xe_insn *insn)
{
	return insn->mode == 8 ? 8 : insn->operand_size;
}

static enum xe_result get_target(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t *target)
{
	if (insn->operand[0].kind != XE_IMM)
		return xe_get(cpu, insn, 0, target);
	*target = cpu->next_rip + insn->imm;
	return XE_OK;
}

enum xe_result xe_jump(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t target;
	enum xe_result r;

	if (insn->prefixes & XE_FAR_BRANCH)
		return xe_far_jump(cpu, insn);
	r = get_target(cpu, insn, &target);
	return r == XE_OK ? xe_branch(cpu, target, branch_size(insn)) : r;
}

enum xe_result xe_jump_if(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (!xe_condition(cpu, insn->op))
		return XE_OK;
	return xe_branch(cpu, cpu->next_rip + insn->imm, branch_size(insn));
}

enum xe_result xe_call(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t back = cpu->next_rip;
	struct xe_stack stack;
	uint64_t target;
	enum xe_result r;

	if (insn->prefixes & XE_FAR_BRANCH)
		return xe_far_call(cpu, insn);
	xe_stack_here(cpu, &stack);
	r = get_target(cpu, insn, &target);
	if (r == XE_OK)
		r = xe_branch(cpu, target, branch_size(insn));
	if (r == XE_OK)
		r = xe_stack_push(cpu, &stack, branch_size(insn), back);
	if (r == XE_OK)
		xe_stack_done(cpu, &stack);
	return r;
}

enum xe_result xe_return(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_stack stack;
	uint64_t target;
	enum xe_result r;

	if (insn->prefixes & XE_FAR_BRANCH)
		return xe_far_return(cpu, insn);
	xe_stack_here(cpu, &stack);
	r = xe_stack_pop(cpu, &stack, branch_size(insn), &target);
	if (r == XE_OK)
		r = xe_branch(cpu, target, branch_size(insn));
	if (r != XE_OK)
		return r;
	if (insn->operand_count)
		stack.sp += insn->imm & 0xffff;
	xe_stack_done(cpu, &stack);
	return XE_OK;
}

/* The counter has the size of addresses. */
enum xe_result xe_loop(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t count = (cpu->gpr[XE_RCX] - 1) & xe_mask(insn->address_size);
	bool equal = cpu->rflags & HY_X86_RFLAGS_ZF;
	enum xe_result r = XE_OK;

	if (count && (insn->op == XE_LOOP_ALWAYS || equal == (insn->op == XE_LOOP_WHILE_EQUAL)))
		r = xe_branch(cpu, cpu->next_rip + insn->imm, branch_size(insn));
	if (r == XE_OK)
		xe_set_gpr(cpu, XE_RCX, insn->address_size, count);
	return r;
}

enum xe_result xe_jump_if_zero_count(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (xe_gpr(cpu, XE_RCX, insn->address_size))
		return XE_OK;
	return xe_branch(cpu, cpu->next_rip + insn->imm, branch_size(insn));
}
