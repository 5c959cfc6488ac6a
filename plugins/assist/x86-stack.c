/* SPDX-License-Identifier: MIT */
/* The stack: PUSH, POP and their relatives (SDM vol. 2; vol. 1, chapter 6). */
#include "handlers.h"

/* --- For all who push and pop ------------------------------------------------------- */

void xe_stack_here(const struct xe_cpu *cpu, struct xe_stack *stack)
{
	stack->ss = cpu->seg[XE_SS];
	stack->sp = cpu->gpr[XE_RSP];
	stack->size = cpu->stack_size;
	stack->as = 0;
}

static enum xe_result check_range(struct xe_cpu *cpu, const struct xe_stack *stack, uint64_t offset, size_t bytes,
                                  unsigned access)
{
	uint64_t linear;
	enum xe_result r;

	offset &= xe_mask(stack->size);
	r = xe_check_segment(cpu, &stack->ss, XE_SS, offset, bytes, access | stack->as, &linear);
	return r == XE_OK ? xe_check_linear(cpu, linear, bytes, access | stack->as) : r;
}

/* A stack pointer of 16 or 32 bits may wrap between two pushes: then there are two ranges. */
enum xe_result xe_stack_check(struct xe_cpu *cpu, const struct xe_stack *stack, size_t bytes)
{
	uint64_t top = stack->sp & xe_mask(stack->size);
	enum xe_result r;

	if (top >= bytes || top == 0 || stack->size == 8)
		return check_range(cpu, stack, top - bytes, bytes, HY_PROT_WRITE);
	r = check_range(cpu, stack, top - bytes, bytes - top, HY_PROT_WRITE);
	return r == XE_OK ? check_range(cpu, stack, 0, top, HY_PROT_WRITE) : r;
}

enum xe_result xe_stack_push(struct xe_cpu *cpu, struct xe_stack *stack, size_t size, uint64_t value)
{
	uint64_t offset = (stack->sp - size) & xe_mask(stack->size);
	uint64_t linear;
	enum xe_result r;

	r = xe_check_segment(cpu, &stack->ss, XE_SS, offset, size, HY_PROT_WRITE | stack->as, &linear);
	if (r == XE_OK)
		r = xe_store_linear(cpu, linear, size, stack->as, value);
	if (r == XE_OK)
		stack->sp = offset;
	return r;
}

enum xe_result xe_stack_pop(struct xe_cpu *cpu, struct xe_stack *stack, size_t size, uint64_t *value)
{
	uint64_t offset = stack->sp & xe_mask(stack->size);
	uint64_t linear;
	enum xe_result r;

	r = xe_check_segment(cpu, &stack->ss, XE_SS, offset, size, HY_PROT_READ | stack->as, &linear);
	if (r == XE_OK)
		r = xe_load_linear(cpu, linear, size, stack->as, value);
	if (r == XE_OK)
		stack->sp = (offset + size) & xe_mask(stack->size);
	return r;
}

void xe_stack_done(struct xe_cpu *cpu, const struct xe_stack *stack)
{
	xe_set_gpr(cpu, XE_RSP, stack->size, stack->sp);
}

/*
 * What one push takes.  64-bit mode has no pushes of 4 bytes (SDM vol. 1, section
 * 6.2.2).
 */
static size_t item_size(const struct xe_insn *insn)
{
	return insn->mode == 8 && insn->operand_size == 4 ? 8 : insn->operand_size;
}

/* Like xe_stack_check, but for items none of which may lie across the end of the stack. */
static enum xe_result check_items(struct xe_cpu *cpu, const struct xe_stack *stack, size_t size, unsigned count)
{
	uint64_t top = stack->sp & xe_mask(stack->size);
	enum xe_result r = XE_OK;

	if (top >= size * count)
		return xe_stack_check(cpu, stack, size * count);
	for (unsigned i = 1; r == XE_OK && i <= count; i++)
		r = check_range(cpu, stack, top - i * size, size, HY_PROT_WRITE);
	return r;
}

/* --- PUSH, POP ------------------------------------------------------------------------ */

/* Of one item, and sets the register. */
static enum xe_result push(struct xe_cpu *cpu, size_t size, uint64_t value)
{
	struct xe_stack stack;
	enum xe_result r;

	xe_stack_here(cpu, &stack);
	r = xe_stack_push(cpu, &stack, size, value);
	if (r == XE_OK)
		xe_stack_done(cpu, &stack);
	return r;
}

/* With an operand size of 32 the upper half of the item is left as it is (SDM vol. 2, PUSH). */
static enum xe_result push_segment(struct xe_cpu *cpu, size_t size, uint16_t selector)
{
	struct xe_stack stack;
	enum xe_result r;

	if (size != 4)
		return push(cpu, size, selector);
	xe_stack_here(cpu, &stack);
	stack.sp -= 2;
	r = xe_stack_push(cpu, &stack, 2, selector);
	if (r == XE_OK)
		xe_stack_done(cpu, &stack);
	return r;
}

enum xe_result xe_push(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	const struct xe_operand *operand = &insn->operand[0];
	uint64_t value;
	enum xe_result r;

	if (operand->kind == XE_SEGREG)
		return push_segment(cpu, item_size(insn), cpu->seg[operand->reg].selector);
	r = xe_get(cpu, insn, 0, &value);
	return r == XE_OK ? push(cpu, item_size(insn), value) : r;
}

/*
 * The selector is read in 16 bits.  SS keeps interrupts away until its stack pointer
 * is loaded too (SDM vol. 3, section 6.8.3).
 */
static enum xe_result pop_segment(struct xe_cpu *cpu, unsigned segment, size_t size)
{
	struct xe_stack stack;
	uint64_t selector;
	enum xe_result r;

	xe_stack_here(cpu, &stack);
	r = xe_stack_pop(cpu, &stack, 2, &selector);
	if (r == XE_OK)
		r = xe_load_segment(cpu, segment, (uint16_t)selector);
	if (r != XE_OK)
		return r;
	stack.sp += size - 2;
	xe_stack_done(cpu, &stack);
	if (segment == XE_SS)
		cpu->next_shadow = cpu->next_shadow_ss = true;
	return XE_OK;
}

/* The address of the operand counts from the stack pointer after the pop, and POP rSP wins over it. */
enum xe_result xe_pop(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t old = cpu->gpr[XE_RSP];
	struct xe_stack stack;
	uint64_t value;
	enum xe_result r;

	if (insn->operand[0].kind == XE_SEGREG)
		return pop_segment(cpu, insn->operand[0].reg, item_size(insn));
	xe_stack_here(cpu, &stack);
	r = xe_stack_pop(cpu, &stack, item_size(insn), &value);
	if (r != XE_OK)
		return r;
	xe_stack_done(cpu, &stack);
	r = xe_put(cpu, insn, 0, value);
	if (r != XE_OK)
		cpu->gpr[XE_RSP] = old;
	return r;
}

/* --- PUSHA, POPA ------------------------------------------------------------------------ */

enum xe_result xe_push_all(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_stack stack;
	enum xe_result r;

	xe_stack_here(cpu, &stack);
	r = check_items(cpu, &stack, insn->operand_size, 8);
	for (unsigned reg = XE_RAX; r == XE_OK && reg <= XE_RDI; reg++)
		r = xe_stack_push(cpu, &stack, insn->operand_size, cpu->gpr[reg]);
	if (r == XE_OK)
		xe_stack_done(cpu, &stack);
	return r;
}

/* What is there for the stack pointer is skipped. */
enum xe_result xe_pop_all(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand_size;
	struct xe_stack stack;
	uint64_t value[8];
	enum xe_result r = XE_OK;

	xe_stack_here(cpu, &stack);
	for (unsigned i = 0; r == XE_OK && i < 8; i++) {
		if (XE_RDI - i == XE_RSP)
			stack.sp += size;
		else
			r = xe_stack_pop(cpu, &stack, size, &value[XE_RDI - i]);
	}
	if (r != XE_OK)
		return r;
	for (unsigned reg = XE_RAX; reg <= XE_RDI; reg++)
		if (reg != XE_RSP)
			xe_set_gpr(cpu, reg, size, value[reg]);
	xe_stack_done(cpu, &stack);
	return XE_OK;
}

/* --- PUSHF, POPF ------------------------------------------------------------------------ */

/* Virtual-8086 mode with an IOPL below 3: works only in 16 bits and with CR4.VME, on VIF (SDM vol. 3, 20.3.3). */
static bool has_virtual_if(const struct xe_cpu *cpu, size_t size)
{
	return size == 2 && (cpu->cr4 & XE_CR4_VME);
}

enum xe_result xe_push_flags(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = item_size(insn);
	uint64_t flags = cpu->rflags & ~(uint64_t)(HY_X86_RFLAGS_VM | HY_X86_RFLAGS_RF);

	if (xe_is_v8086(cpu) && xe_iopl(cpu) < 3) {
		if (!has_virtual_if(cpu, size))
			return xe_raise_error(cpu, XE_GP, 0);
		flags = (flags & ~(uint64_t)HY_X86_RFLAGS_IF) | XE_RFLAGS_IOPL;
		if (cpu->rflags & XE_RFLAGS_VIF)
			flags |= HY_X86_RFLAGS_IF;
	}
	return push(cpu, size, flags);
}

/* The flags that POPF may change (SDM vol. 2, POPF, table 4-16). */
static uint64_t poppable(const struct xe_cpu *cpu, size_t size)
{
	uint64_t mask = XE_RFLAGS_STATUS | HY_X86_RFLAGS_TF | HY_X86_RFLAGS_DF | XE_RFLAGS_NT;

	if (size > 2)
		mask |= XE_RFLAGS_AC | XE_RFLAGS_ID;
	if (cpu->cpl <= xe_iopl(cpu))
		mask |= HY_X86_RFLAGS_IF;
	if (cpu->cpl == 0)
		mask |= XE_RFLAGS_IOPL;
	return mask;
}

static enum xe_result pop_virtual_flags(struct xe_cpu *cpu, uint64_t flags)
{
	bool enables = flags & HY_X86_RFLAGS_IF;

	if ((enables && (cpu->rflags & XE_RFLAGS_VIP)) || (flags & HY_X86_RFLAGS_TF))
		return xe_raise_error(cpu, XE_GP, 0);
	xe_set_flags(cpu, XE_RFLAGS_STATUS | HY_X86_RFLAGS_DF | XE_RFLAGS_NT, flags);
	xe_set_flags(cpu, HY_X86_RFLAGS_TF, 0);
	xe_set_flags(cpu, XE_RFLAGS_VIF, enables ? XE_RFLAGS_VIF : 0);
	return XE_OK;
}

enum xe_result xe_pop_flags(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	bool is_virtual = xe_is_v8086(cpu) && xe_iopl(cpu) < 3;
	size_t size = item_size(insn);
	struct xe_stack stack;
	uint64_t flags;
	enum xe_result r;

	if (is_virtual && !has_virtual_if(cpu, size))
		return xe_raise_error(cpu, XE_GP, 0);
	xe_stack_here(cpu, &stack);
	r = xe_stack_pop(cpu, &stack, size, &flags);
	if (r == XE_OK && is_virtual)
		r = pop_virtual_flags(cpu, flags);
	else if (r == XE_OK)
		xe_set_flags(cpu, poppable(cpu, size), flags);
	if (r == XE_OK)
		xe_stack_done(cpu, &stack);
	return r;
}

/* --- ENTER, LEAVE ----------------------------------------------------------------------- */

/* All that ENTER reads and writes; also the new top must be writable (SDM vol. 2, ENTER). */
static enum xe_result check_enter(struct xe_cpu *cpu, const struct xe_stack *stack, size_t size, unsigned level,
                                  uint16_t room)
{
	unsigned pushes = level ? level + 1 : 1;
	enum xe_result r;

	r = check_items(cpu, stack, size, pushes);
	for (unsigned i = 1; r == XE_OK && i < level; i++)
		r = check_range(cpu, stack, cpu->gpr[XE_RBP] - i * size, size, HY_PROT_READ);
	if (r != XE_OK)
		return r;
	return check_range(cpu, stack, stack->sp - pushes * size - room, size, HY_PROT_WRITE);
}

enum xe_result xe_enter(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint16_t room = (uint16_t)insn->imm;
	unsigned level = insn->imm2 & 31;
	size_t size = item_size(insn);
	struct xe_stack stack, frames;
	uint64_t frame, value = 0;
	enum xe_result r;

	xe_stack_here(cpu, &stack);
	r = check_enter(cpu, &stack, size, level, room);
	if (r == XE_OK)
		r = xe_stack_push(cpu, &stack, size, cpu->gpr[XE_RBP]);
	frame = stack.sp;
	frames = stack;
	/* One at a time: what is read may have been pushed just before. */
	for (unsigned i = 1; r == XE_OK && i < level; i++) {
		frames.sp = cpu->gpr[XE_RBP] - i * size;
		r = xe_stack_pop(cpu, &frames, size, &value);
		if (r == XE_OK)
			r = xe_stack_push(cpu, &stack, size, value);
	}
	if (r == XE_OK && level)
		r = xe_stack_push(cpu, &stack, size, frame);
	if (r != XE_OK)
		return r;
	xe_set_gpr(cpu, XE_RBP, size, frame);
	stack.sp -= room;
	xe_stack_done(cpu, &stack);
	return XE_OK;
}

enum xe_result xe_leave(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_stack stack;
	uint64_t value;
	enum xe_result r;

	xe_stack_here(cpu, &stack);
	stack.sp = cpu->gpr[XE_RBP];
	r = xe_stack_pop(cpu, &stack, item_size(insn), &value);
	if (r != XE_OK)
		return r;
	xe_stack_done(cpu, &stack);
	xe_set_gpr(cpu, XE_RBP, item_size(insn), value);
	return XE_OK;
}
