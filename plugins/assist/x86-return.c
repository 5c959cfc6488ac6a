/* SPDX-License-Identifier: MIT */
/* Far RET and IRET, to the same level and outward (SDM vol. 2, RET and IRET). */
#include "handlers.h"
#include "x86-protect.h"

/* What comes off the stack, and where it leads. */
struct frame {
	uint64_t rip, cs, rflags;
	struct xe_target target;
	struct xe_stack stack; /* what is set at the end */
	unsigned level;        /* the privilege level after it */
};

static enum xe_result pop(struct xe_cpu *cpu, struct frame *frame, size_t size, uint64_t *value)
{
	return xe_stack_pop(cpu, &frame->stack, size, value);
}

static enum xe_result pop_pointer(struct xe_cpu *cpu, struct frame *frame, size_t size)
{
	enum xe_result r = pop(cpu, frame, size, &frame->rip);

	if (r == XE_OK)
		r = pop(cpu, frame, size, &frame->cs);
	frame->cs &= 0xffff;
	frame->target.rip = frame->rip;
	return r;
}

/* The code segment to return to: never a more privileged one. */
static enum xe_result find_target(struct xe_cpu *cpu, struct frame *frame)
{
	struct xe_descriptor *descriptor = &frame->target.descriptor;
	uint16_t selector = (uint16_t)frame->cs;
	unsigned dpl;
	enum xe_result r;

	if (xe_is_null(selector))
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_read_descriptor(cpu, selector, XE_GP, descriptor);
	if (r != XE_OK)
		return r;
	frame->level = xe_rpl(selector);
	dpl = xe_descriptor_dpl(descriptor);
	if (frame->level < cpu->cpl || (xe_is_conforming(descriptor) ? dpl > frame->level : dpl != frame->level))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	r = xe_check_code(cpu, descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(descriptor, frame->level, &frame->target.cs);
	return XE_OK;
}

static bool target_is_64(const struct xe_cpu *cpu, const struct frame *frame)
{
	return cpu->is_long && (frame->target.cs.attributes & HY_X86_SEG_L);
}

/* Pops the outer stack's pointer, and makes it the one that is set. */
static enum xe_result switch_stack(struct xe_cpu *cpu, struct frame *frame, size_t size)
{
	struct xe_stack *stack = &frame->stack;
	struct xe_descriptor descriptor;
	uint64_t sp, selector;
	enum xe_result r = pop(cpu, frame, size, &sp);

	if (r == XE_OK)
		r = pop(cpu, frame, size, &selector);
	if (r != XE_OK)
		return r;
	selector &= 0xffff;
	stack->sp = sp;
	if (xe_is_null((uint16_t)selector)) {
		/* 64-bit code above CPL 3 has no need of a stack segment (SDM vol. 3, 6.14.3). */
		if (!target_is_64(cpu, frame) || frame->level == 3)
			return xe_raise_error(cpu, XE_GP, 0);
		xe_null_segment((uint16_t)selector, frame->level, &stack->ss);
	} else {
		r = xe_read_stack_segment(cpu, (uint16_t)selector, frame->level, XE_GP, &descriptor);
		if (r == XE_OK)
			r = xe_set_accessed(cpu, &descriptor);
		if (r != XE_OK)
			return r;
		xe_segment_of(&descriptor, frame->level, &stack->ss);
	}
	if (target_is_64(cpu, frame))
		stack->size = 8;
	else
		stack->size = stack->ss.attributes & HY_X86_SEG_DB ? 4 : 2;
	return XE_OK;
}

/* The last step, when nothing can fail any more. */
static void leave(struct xe_cpu *cpu, const struct frame *frame)
{
	bool outer = xe_is_protected(cpu) && frame->level > cpu->cpl;

	cpu->seg[XE_CS] = frame->target.cs;
	cpu->seg[XE_SS] = frame->stack.ss;
	xe_stack_done(cpu, &frame->stack);
	cpu->next_rip = frame->target.rip;
	if (outer)
		xe_drop_segments(cpu, frame->level);
	xe_update_mode(cpu);
}

static enum xe_result return_protected(struct xe_cpu *cpu, struct frame *frame, size_t size, uint64_t release)
{
	enum xe_result r = find_target(cpu, frame);

	if (r != XE_OK)
		return r;
	frame->stack.sp += release;
	if (frame->level > cpu->cpl) {
		r = switch_stack(cpu, frame, size);
		frame->stack.sp += release;
	}
	if (r == XE_OK)
		r = xe_check_target(cpu, &frame->target.cs, frame->rip);
	if (r == XE_OK)
		r = xe_set_accessed(cpu, &frame->target.descriptor);
	return r;
}

/* RETF, with or without bytes to release. */
enum xe_result xe_far_return(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t release = insn->operand_count > 0 ? insn->imm & 0xffff : 0;
	struct frame frame = { 0 };
	enum xe_result r;

	xe_stack_here(cpu, &frame.stack);
	r = pop_pointer(cpu, &frame, insn->operand_size);
	if (r != XE_OK)
		return r;
	if (xe_is_protected(cpu)) {
		r = return_protected(cpu, &frame, insn->operand_size, release);
	} else {
		xe_real_segment(cpu, XE_CS, (uint16_t)frame.cs, &frame.target.cs);
		r = xe_check_target(cpu, &frame.target.cs, frame.rip);
		frame.stack.sp += release;
	}
	if (r == XE_OK)
		leave(cpu, &frame);
	return r;
}

/* --- IRET --------------------------------------------------------------------------- */

/* The flags that IRET loads from here. */
static uint64_t flags_mask(const struct xe_cpu *cpu, size_t size)
{
	uint64_t mask = XE_RFLAGS_STATUS | HY_X86_RFLAGS_TF | HY_X86_RFLAGS_DF | XE_RFLAGS_NT;

	if (size > 2)
		mask |= HY_X86_RFLAGS_RF | XE_RFLAGS_AC | XE_RFLAGS_ID;
	if (cpu->cpl <= xe_iopl(cpu))
		mask |= HY_X86_RFLAGS_IF;
	if (cpu->cpl == 0)
		mask |= XE_RFLAGS_IOPL;
	if (cpu->cpl == 0 && size > 2 && xe_is_protected(cpu))
		mask |= XE_RFLAGS_VIF | XE_RFLAGS_VIP;
	return mask;
}

static enum xe_result iret_real(struct xe_cpu *cpu, struct frame *frame)
{
	if (xe_is_v8086(cpu) && xe_iopl(cpu) < 3)
		return xe_raise_error(cpu, XE_GP, 0);
	xe_real_segment(cpu, XE_CS, (uint16_t)frame->cs, &frame->target.cs);
	return xe_check_target(cpu, &frame->target.cs, frame->rip);
}

static enum xe_result iret_protected(struct xe_cpu *cpu, struct frame *frame, size_t size)
{
	enum xe_result r = find_target(cpu, frame);

	/* 64-bit code always gets SS:RSP back (SDM vol. 3, 6.14.3). */
	if (r == XE_OK && (frame->level > cpu->cpl || xe_is_64(cpu)))
		r = switch_stack(cpu, frame, size);
	if (r == XE_OK)
		r = xe_check_target(cpu, &frame->target.cs, frame->rip);
	if (r == XE_OK)
		r = xe_set_accessed(cpu, &frame->target.descriptor);
	return r;
}

static void v8086_segment(struct xe_cpu *cpu, unsigned index, uint64_t selector)
{
	xe_real_segment(cpu, index, (uint16_t)selector, &cpu->seg[index]);
}

/* From CPL 0 to virtual-8086 mode (SDM vol. 3, section 20.2.2). */
static enum xe_result iret_to_v8086(struct xe_cpu *cpu, struct frame *frame)
{
	/* As they lie on the stack, ESP apart. */
	static const uint8_t segments[] = { XE_SS, XE_ES, XE_DS, XE_FS, XE_GS };
	uint64_t selectors[sizeof(segments)], sp;
	enum xe_result r = pop(cpu, frame, 4, &sp);

	for (size_t i = 0; i < sizeof(segments) && r == XE_OK; i++)
		r = pop(cpu, frame, 4, &selectors[i]);
	if (r == XE_OK && frame->rip > 0xffff)
		r = xe_raise_error(cpu, XE_GP, 0);
	if (r != XE_OK)
		return r;
	cpu->rflags = (frame->rflags & 0x3f7fd5) | HY_X86_RFLAGS_ONE;
	v8086_segment(cpu, XE_CS, frame->cs);
	for (size_t i = 0; i < sizeof(segments); i++)
		v8086_segment(cpu, segments[i], selectors[i]);
	cpu->gpr[XE_RSP] = sp;
	cpu->next_rip = frame->rip;
	cpu->nmi_masked = false;
	xe_update_mode(cpu);
	return XE_OK;
}

/* IRET with NT set: back to the task that the TSS links to (SDM vol. 3, section 7.3). */
static enum xe_result iret_to_task(struct xe_cpu *cpu)
{
	uint64_t link;
	enum xe_result r;

	if (cpu->is_long)
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_load_linear(cpu, cpu->seg[XE_TR].base & UINT32_MAX, 2, XE_AS_SYSTEM, &link);
	if (r == XE_OK)
		r = xe_switch_task(cpu, XE_TASK_RETURN, (uint16_t)link, NULL);
	if (r == XE_OK)
		cpu->nmi_masked = false;
	return r;
}

enum xe_result xe_interrupt_return(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand_size;
	struct frame frame = { 0 };
	uint64_t mask = flags_mask(cpu, size);
	enum xe_result r;

	if (xe_is_protected(cpu) && (cpu->rflags & XE_RFLAGS_NT))
		return iret_to_task(cpu);
	xe_stack_here(cpu, &frame.stack);
	r = pop_pointer(cpu, &frame, size);
	if (r == XE_OK)
		r = pop(cpu, &frame, size, &frame.rflags);
	if (r != XE_OK)
		return r;
	if (!xe_is_protected(cpu))
		r = iret_real(cpu, &frame);
	else if (size == 4 && cpu->cpl == 0 && !cpu->is_long && (frame.rflags & HY_X86_RFLAGS_VM))
		return iret_to_v8086(cpu, &frame);
	else
		r = iret_protected(cpu, &frame, size);
	if (r != XE_OK)
		return r;
	leave(cpu, &frame);
	xe_set_flags(cpu, mask, frame.rflags);
	cpu->nmi_masked = false;
	return XE_OK;
}
