/* SPDX-License-Identifier: MIT */
/* Far JMP and CALL, and stacks of inner privilege levels (SDM vol. 2, JMP and CALL; vol. 3, section 5.8). */
#include "handlers.h"
#include "x86-protect.h"

enum xe_result xe_check_target(struct xe_cpu *cpu, const struct hy_segment *cs, uint64_t rip)
{
	bool ok = cpu->is_long && (cs->attributes & HY_X86_SEG_L) ? xe_is_canonical(cpu, rip) : rip <= cs->limit;

	return ok ? XE_OK : xe_raise_error(cpu, XE_GP, 0);
}

enum xe_result xe_check_code(struct xe_cpu *cpu, const struct xe_descriptor *descriptor)
{
	unsigned both = HY_X86_SEG_L | HY_X86_SEG_DB;

	if (!xe_is_code(descriptor) || (cpu->is_long && (descriptor->attributes & both) == both))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(descriptor->selector));
	if (!xe_is_present(descriptor))
		return xe_raise_error(cpu, XE_NP, xe_selector_error(descriptor->selector));
	return XE_OK;
}

/* The last check, with which the segment counts as used; there is none in real mode. */
static enum xe_result check_and_use(struct xe_cpu *cpu, const struct xe_target *target)
{
	enum xe_result r = xe_check_target(cpu, &target->cs, target->rip);

	return r == XE_OK && xe_is_protected(cpu) ? xe_set_accessed(cpu, &target->descriptor) : r;
}

/* The last step, when nothing can fail any more. */
static void enter(struct xe_cpu *cpu, const struct xe_target *target)
{
	cpu->seg[XE_CS] = target->cs;
	cpu->next_rip = target->rip;
	xe_update_mode(cpu);
}

/* --- Stacks ---------------------------------------------------------------------------- */

/* Reads a field of the TSS; beyond its limit #TS. */
static enum xe_result read_tss(struct xe_cpu *cpu, unsigned offset, size_t size, uint64_t *value)
{
	const struct hy_segment *tr = &cpu->seg[XE_TR];
	uint64_t linear = tr->base + offset;

	if (offset + size - 1 > tr->limit)
		return xe_raise_error(cpu, XE_TS, xe_selector_error(tr->selector));
	return xe_load_linear(cpu, cpu->is_long ? linear : linear & UINT32_MAX, size, XE_AS_SYSTEM, value);
}

/* In long mode SS becomes null when the level changes, and the TSS has RSP only (SDM vol. 3, 6.14.2 and 6.14.5). */
static enum xe_result inner_stack_long(struct xe_cpu *cpu, unsigned level, unsigned ist, struct xe_stack *stack)
{
	enum xe_result r = read_tss(cpu, ist ? 28 + 8 * ist : 4 + 8 * level, 8, &stack->sp);

	if (r != XE_OK)
		return r;
	if (!xe_is_canonical(cpu, stack->sp))
		return xe_raise_error(cpu, XE_SS_FAULT, 0);
	if (level == cpu->cpl)
		stack->ss = cpu->seg[XE_SS];
	else
		xe_null_segment((uint16_t)level, level, &stack->ss);
	stack->size = 8;
	return XE_OK;
}

static enum xe_result inner_stack_legacy(struct xe_cpu *cpu, unsigned level, struct xe_stack *stack)
{
	size_t size = xe_is_tss16(&cpu->seg[XE_TR]) ? 2 : 4;
	unsigned offset = size == 2 ? 2 + 4 * level : 4 + 8 * level;
	struct xe_descriptor descriptor;
	uint64_t selector;
	enum xe_result r = read_tss(cpu, offset, size, &stack->sp);

	if (r == XE_OK)
		r = read_tss(cpu, offset + (unsigned)size, 2, &selector);
	if (r != XE_OK)
		return r;
	if (xe_is_null((uint16_t)selector))
		return xe_raise_error(cpu, XE_TS, xe_selector_error((uint16_t)selector));
	r = xe_read_stack_segment(cpu, (uint16_t)selector, level, XE_TS, &descriptor);
	if (r == XE_OK)
		r = xe_set_accessed(cpu, &descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(&descriptor, level, &stack->ss);
	stack->size = descriptor.attributes & HY_X86_SEG_DB ? 4 : 2;
	return XE_OK;
}

enum xe_result xe_inner_stack(struct xe_cpu *cpu, unsigned level, unsigned ist, struct xe_stack *stack)
{
	stack->as = level == 3 ? XE_AS_USER : XE_AS_SYSTEM;
	return cpu->is_long ? inner_stack_long(cpu, level, ist, stack) : inner_stack_legacy(cpu, level, stack);
}

static enum xe_result check_items(struct xe_cpu *cpu, struct xe_stack stack, size_t size, size_t items)
{
	enum xe_result r = XE_OK;

	for (; items > 0 && r == XE_OK; items--) {
		r = xe_stack_check(cpu, &stack, size);
		stack.sp -= size;
	}
	return r;
}

enum xe_result xe_check_frame(struct xe_cpu *cpu, const struct xe_stack *stack, size_t size, size_t items,
                              bool switched)
{
	enum xe_result r = xe_stack_check(cpu, stack, size * items);

	if (r == XE_EXCEPTION)
		r = check_items(cpu, *stack, size, items);
	if (r == XE_EXCEPTION && cpu->event.vector == XE_SS_FAULT && switched && !cpu->is_long)
		cpu->event.error = xe_selector_error(stack->ss.selector);
	return r;
}

/* --- Targets ----------------------------------------------------------------------------- */

/* The pointer of a far JMP or CALL: in the code, or in memory with the offset first. */
static enum xe_result get_pointer(struct xe_cpu *cpu, const struct xe_insn *insn, uint16_t *selector, uint64_t *offset)
{
	size_t size = insn->operand_size;
	uint64_t mask = xe_mask(insn->address_size), address, value;
	enum xe_result r;

	if (insn->operand[0].kind == XE_FAR) {
		*selector = (uint16_t)insn->imm2;
		*offset = insn->imm & xe_mask(size);
		return XE_OK;
	}
	address = xe_offset(cpu, insn);
	r = xe_load(cpu, insn->segment, address, size, offset);
	if (r == XE_OK)
		r = xe_load(cpu, insn->segment, (address + size) & mask, 2, &value);
	if (r == XE_OK)
		*selector = (uint16_t)value;
	return r;
}

/* A code segment that the pointer names itself: it may be entered from the same level only, or conforms. */
static enum xe_result direct_target(struct xe_cpu *cpu, struct xe_target *target)
{
	const struct xe_descriptor *descriptor = &target->descriptor;
	unsigned dpl = xe_descriptor_dpl(descriptor);
	enum xe_result r;

	if (xe_is_conforming(descriptor) ? dpl > cpu->cpl :
	                                   dpl != cpu->cpl || xe_rpl(descriptor->selector) > cpu->cpl)
		return xe_raise_error(cpu, XE_GP, xe_selector_error(descriptor->selector));
	r = xe_check_code(cpu, descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(descriptor, cpu->cpl, &target->cs);
	return XE_OK;
}

/* Gates of calls, tasks, and TSSs: may they be used from here? */
static enum xe_result check_gate(struct xe_cpu *cpu, const struct xe_descriptor *gate)
{
	unsigned dpl = xe_descriptor_dpl(gate);

	if (dpl < cpu->cpl || dpl < xe_rpl(gate->selector))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(gate->selector));
	if (!xe_is_present(gate))
		return xe_raise_error(cpu, XE_NP, xe_selector_error(gate->selector));
	return XE_OK;
}

/* The code segment behind a call gate.  A call may go to a more privileged level, a jump may not. */
static enum xe_result gate_target(struct xe_cpu *cpu, const struct xe_descriptor *gate, bool is_call, size_t size,
                                  struct xe_target *target)
{
	struct xe_descriptor *descriptor = &target->descriptor;
	uint16_t selector = xe_gate_selector(gate);
	unsigned dpl;
	bool inner;
	enum xe_result r;

	if (xe_is_null(selector))
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_read_descriptor(cpu, selector, XE_GP, descriptor);
	if (r != XE_OK)
		return r;
	dpl = xe_descriptor_dpl(descriptor);
	inner = is_call || xe_is_conforming(descriptor);
	if (dpl > cpu->cpl || (!inner && dpl != cpu->cpl))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	if (cpu->is_long && (descriptor->attributes & (HY_X86_SEG_L | HY_X86_SEG_DB)) != HY_X86_SEG_L)
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	r = xe_check_code(cpu, descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(descriptor, xe_is_conforming(descriptor) ? cpu->cpl : dpl, &target->cs);
	target->rip = xe_gate_offset(gate, size);
	return XE_OK;
}

static enum xe_result jump(struct xe_cpu *cpu, const struct xe_target *target)
{
	enum xe_result r = check_and_use(cpu, target);

	if (r == XE_OK)
		enter(cpu, target);
	return r;
}

/* --- Calls --------------------------------------------------------------------------------- */

/* Pushes CS and RIP on a stack that was checked. */
static enum xe_result push_return(struct xe_cpu *cpu, struct xe_stack *stack, size_t size)
{
	enum xe_result r = xe_stack_push(cpu, stack, size, cpu->seg[XE_CS].selector);

	return r == XE_OK ? xe_stack_push(cpu, stack, size, cpu->next_rip & xe_mask(size)) : r;
}

/* A call that stays on its level. */
static enum xe_result call_same(struct xe_cpu *cpu, size_t size, const struct xe_target *target)
{
	struct xe_stack stack;
	enum xe_result r;

	xe_stack_here(cpu, &stack);
	r = xe_check_frame(cpu, &stack, size, 2, false);
	if (r == XE_OK)
		r = check_and_use(cpu, target);
	if (r == XE_OK)
		r = push_return(cpu, &stack, size);
	if (r != XE_OK)
		return r;
	xe_stack_done(cpu, &stack);
	enter(cpu, target);
	return XE_OK;
}

#define PARAMETERS_MAX 31

/* Reads what a call gate copies from the caller's stack. */
static enum xe_result read_parameters(struct xe_cpu *cpu, unsigned count, size_t size, uint64_t *parameters)
{
	struct xe_stack stack;
	enum xe_result r = XE_OK;

	xe_stack_here(cpu, &stack);
	for (unsigned i = 0; i < count && r == XE_OK; i++)
		r = xe_stack_pop(cpu, &stack, size, &parameters[i]);
	return r;
}

/* Old stack, parameters, return address, on a stack that was checked. */
static enum xe_result push_frame(struct xe_cpu *cpu, struct xe_stack *stack, size_t size, const uint64_t *parameters,
                                 unsigned count)
{
	enum xe_result r = xe_stack_push(cpu, stack, size, cpu->seg[XE_SS].selector);

	if (r == XE_OK)
		r = xe_stack_push(cpu, stack, size, cpu->gpr[XE_RSP] & xe_mask(size));
	while (count > 0 && r == XE_OK)
		r = xe_stack_push(cpu, stack, size, parameters[--count]);
	return r == XE_OK ? push_return(cpu, stack, size) : r;
}

/* A call to a more privileged level, by gate. */
static enum xe_result call_inner(struct xe_cpu *cpu, const struct xe_descriptor *gate, size_t size,
                                 const struct xe_target *target)
{
	unsigned count = cpu->is_long ? 0 : gate->low >> 32 & PARAMETERS_MAX;
	uint64_t parameters[PARAMETERS_MAX];
	struct xe_stack stack;
	enum xe_result r = xe_inner_stack(cpu, xe_rpl(target->cs.selector), 0, &stack);

	if (r == XE_OK)
		r = read_parameters(cpu, count, size, parameters);
	if (r == XE_OK)
		r = xe_check_frame(cpu, &stack, size, 4 + count, true);
	if (r == XE_OK)
		r = check_and_use(cpu, target);
	if (r == XE_OK)
		r = push_frame(cpu, &stack, size, parameters, count);
	if (r != XE_OK)
		return r;
	cpu->seg[XE_SS] = stack.ss;
	xe_stack_done(cpu, &stack);
	enter(cpu, target);
	return XE_OK;
}

/* In long mode a gate's call pushes as 64-bit code does, also from compatibility mode. */
static enum xe_result call_by_gate(struct xe_cpu *cpu, const struct xe_descriptor *gate, size_t size,
                                   const struct xe_target *target)
{
	uint8_t mode = cpu->mode;
	enum xe_result r;

	if (cpu->is_long)
		cpu->mode = cpu->stack_size = 8;
	if (xe_rpl(target->cs.selector) < cpu->cpl)
		r = call_inner(cpu, gate, size, target);
	else
		r = call_same(cpu, size, target);
	if (r != XE_OK && cpu->mode != mode)
		xe_update_mode(cpu);
	return r;
}

static enum xe_result through_gate(struct xe_cpu *cpu, const struct xe_descriptor *gate, bool is_call)
{
	size_t size = cpu->is_long ? 8 : xe_descriptor_type(gate) == XE_SYSTEM_CALL16 ? 2 : 4;
	struct xe_target target;
	enum xe_result r = gate_target(cpu, gate, is_call, size, &target);

	if (r != XE_OK)
		return r;
	return is_call ? call_by_gate(cpu, gate, size, &target) : jump(cpu, &target);
}

/* --- Handlers ---------------------------------------------------------------------------- */

/* A pointer to a system descriptor: a gate, or a task's segment. */
static enum xe_result to_system(struct xe_cpu *cpu, uint16_t selector, bool is_call)
{
	enum xe_task_switch how = is_call ? XE_TASK_CALL : XE_TASK_JUMP;
	struct xe_descriptor gate;
	unsigned type;
	enum xe_result r = xe_read_system_descriptor(cpu, selector, XE_GP, &gate);

	if (r != XE_OK)
		return r;
	type = xe_descriptor_type(&gate);
	if (cpu->is_long && type != XE_SYSTEM_CALL)
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	switch (type) {
	case XE_SYSTEM_CALL:
	case XE_SYSTEM_CALL16:
		r = check_gate(cpu, &gate);
		return r == XE_OK ? through_gate(cpu, &gate, is_call) : r;
	case XE_SYSTEM_TASK_GATE:
		r = check_gate(cpu, &gate);
		return r == XE_OK ? xe_enter_task_gate(cpu, how, &gate, NULL) : r;
	case XE_SYSTEM_TSS:
	case XE_SYSTEM_TSS16:
		r = check_gate(cpu, &gate);
		return r == XE_OK ? xe_switch_task(cpu, how, selector, NULL) : r;
	default:
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	}
}

static enum xe_result far_transfer(struct xe_cpu *cpu, const struct xe_insn *insn, bool is_call)
{
	struct xe_target target;
	uint16_t selector = 0;
	uint64_t rip = 0;
	enum xe_result r = get_pointer(cpu, insn, &selector, &rip);

	if (r != XE_OK)
		return r;
	target.rip = rip;
	if (!xe_is_protected(cpu)) {
		xe_real_segment(cpu, XE_CS, selector, &target.cs);
	} else {
		if (xe_is_null(selector))
			return xe_raise_error(cpu, XE_GP, 0);
		r = xe_read_descriptor(cpu, selector, XE_GP, &target.descriptor);
		if (r == XE_OK && !xe_is_segment(&target.descriptor))
			return to_system(cpu, selector, is_call);
		if (r == XE_OK)
			r = direct_target(cpu, &target);
		if (r != XE_OK)
			return r;
	}
	return is_call ? call_same(cpu, insn->operand_size, &target) : jump(cpu, &target);
}

enum xe_result xe_far_jump(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return far_transfer(cpu, insn, false);
}

enum xe_result xe_far_call(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return far_transfer(cpu, insn, true);
}
