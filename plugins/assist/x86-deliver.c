/* SPDX-License-Identifier: MIT */
/* An event's way through the IVT or IDT (SDM vol. 2, INT n; vol. 3, sections 6.12, 6.14 and 20.1.4). */
#include "x86-protect.h"

/* What is on the way to a handler. */
struct way {
	const struct xe_event *event;
	struct xe_descriptor gate;
	struct xe_descriptor descriptor; /* of the handler's code segment */
	struct hy_segment cs;
	struct xe_stack stack;
	uint64_t rip;
	size_t size;     /* of what is pushed, each */
	unsigned level;  /* the handler's */
	bool with_stack; /* SS:RSP is pushed */
	bool from_v8086;
};

static bool is_software(const struct xe_event *event)
{
	return event->kind == XE_EVENT_SOFTWARE || event->kind == XE_EVENT_BREAK;
}

/*
 * RF is set in what a fault pushes, so that the handler comes back to an
 * instruction that no breakpoint stops once more; but not where a breakpoint was
 * the fault (SDM vol. 3, section 17.3.1.1).
 */
static uint64_t flags_to_push(const struct xe_cpu *cpu, const struct xe_event *event)
{
	bool breakpoint = event->vector == XE_DB && (event->dr6 & XE_DR6_B);

	if (event->kind == XE_EVENT_FAULT && !breakpoint)
		return cpu->rflags | HY_X86_RFLAGS_RF;
	return cpu->rflags;
}

/* --- Real mode ------------------------------------------------------------------------ */

static enum xe_result deliver_real(struct xe_cpu *cpu, const struct xe_event *event)
{
	uint64_t linear = (cpu->idtr.base + 4u * event->vector) & UINT32_MAX, entry;
	struct xe_stack stack;
	enum xe_result r;

	if (event->vector * 4u + 3 > cpu->idtr.limit)
		return xe_raise_error(cpu, XE_GP, event->vector * 8u + XE_ERROR_IDT);
	r = xe_load_linear(cpu, linear, 4, XE_AS_SYSTEM, &entry);
	if (r != XE_OK)
		return r;
	xe_stack_here(cpu, &stack);
	stack.as = XE_AS_SYSTEM;
	r = xe_check_frame(cpu, &stack, 2, 3, false);
	if (r == XE_OK)
		r = xe_stack_push(cpu, &stack, 2, cpu->rflags);
	if (r == XE_OK)
		r = xe_stack_push(cpu, &stack, 2, cpu->seg[XE_CS].selector);
	if (r == XE_OK)
		r = xe_stack_push(cpu, &stack, 2, cpu->next_rip);
	if (r != XE_OK)
		return r;
	xe_stack_done(cpu, &stack);
	xe_real_segment(cpu, XE_CS, (uint16_t)(entry >> 16), &cpu->seg[XE_CS]);
	cpu->next_rip = entry & 0xffff;
	cpu->rflags &= ~(uint64_t)(HY_X86_RFLAGS_IF | HY_X86_RFLAGS_TF | HY_X86_RFLAGS_RF | XE_RFLAGS_AC);
	return XE_OK;
}

/* --- The gate --------------------------------------------------------------------------- */

/* In error codes an entry of the IDT is named by its index in entries of 8 bytes. */
static uint32_t gate_error(const struct xe_event *event)
{
	return event->vector * 8u + XE_ERROR_IDT;
}

static enum xe_result read_gate(struct xe_cpu *cpu, struct way *way)
{
	size_t entry = cpu->is_long ? 16 : 8;
	uint64_t offset = way->event->vector * entry, linear = cpu->idtr.base + offset;
	enum xe_result r;

	if (offset + entry - 1 > cpu->idtr.limit)
		return xe_raise_error(cpu, XE_GP, gate_error(way->event));
	if (!cpu->is_long)
		linear &= UINT32_MAX;
	way->gate = (struct xe_descriptor){ .linear = linear };
	r = xe_load_linear(cpu, linear, 8, XE_AS_SYSTEM, &way->gate.low);
	if (r == XE_OK && cpu->is_long)
		r = xe_load_linear(cpu, linear + 8, 8, XE_AS_SYSTEM, &way->gate.high);
	if (r != XE_OK)
		return r;
	way->gate.attributes = (uint16_t)(way->gate.low >> 40 & 0xff);
	return XE_OK;
}

static bool is_gate_type(const struct xe_cpu *cpu, unsigned type)
{
	switch (type) {
	case XE_SYSTEM_INTERRUPT:
	case XE_SYSTEM_TRAP:
		return true;
	case XE_SYSTEM_INTERRUPT16:
	case XE_SYSTEM_TRAP16:
	case XE_SYSTEM_TASK_GATE:
		return !cpu->is_long;
	default:
		return false;
	}
}

static enum xe_result find_gate(struct xe_cpu *cpu, struct way *way)
{
	const struct xe_event *event = way->event;
	enum xe_result r = read_gate(cpu, way);

	if (r != XE_OK)
		return r;
	if (xe_is_segment(&way->gate) || !is_gate_type(cpu, xe_descriptor_type(&way->gate)))
		return xe_raise_error(cpu, XE_GP, gate_error(event));
	if (is_software(event) && xe_descriptor_dpl(&way->gate) < cpu->cpl)
		return xe_raise_error(cpu, XE_GP, gate_error(event));
	if (!xe_is_present(&way->gate))
		return xe_raise_error(cpu, XE_NP, gate_error(event));
	return XE_OK;
}

/* --- The handler's code segment -------------------------------------------------------------- */

static enum xe_result find_code(struct xe_cpu *cpu, struct way *way)
{
	struct xe_descriptor *descriptor = &way->descriptor;
	uint16_t selector = xe_gate_selector(&way->gate);
	enum xe_result r;

	if (xe_is_null(selector))
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_read_descriptor(cpu, selector, XE_GP, descriptor);
	if (r != XE_OK)
		return r;
	way->level = xe_is_conforming(descriptor) ? cpu->cpl : xe_descriptor_dpl(descriptor);
	/* From virtual-8086 mode only CPL 0 can be entered (SDM vol. 3, section 20.3.1.1). */
	if (xe_descriptor_dpl(descriptor) > cpu->cpl || (way->from_v8086 && way->level != 0))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	if (cpu->is_long && (descriptor->attributes & (HY_X86_SEG_L | HY_X86_SEG_DB)) != HY_X86_SEG_L)
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	r = xe_check_code(cpu, descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(descriptor, way->level, &way->cs);
	way->rip = xe_gate_offset(&way->gate, way->size);
	return XE_OK;
}

/* --- The handler's stack ----------------------------------------------------------------------- */

static enum xe_result find_stack(struct xe_cpu *cpu, struct way *way)
{
	unsigned ist = cpu->is_long ? way->gate.low >> 32 & 7 : 0;
	enum xe_result r = XE_OK;

	way->with_stack = cpu->is_long || way->level < cpu->cpl;
	if (ist || way->level < cpu->cpl) {
		r = xe_inner_stack(cpu, way->level, ist, &way->stack);
	} else {
		xe_stack_here(cpu, &way->stack);
		way->stack.as = way->level == 3 ? XE_AS_USER : XE_AS_SYSTEM;
	}
	if (cpu->is_long) {
		way->stack.sp &= ~UINT64_C(15);
		way->stack.size = 8;
	}
	return r;
}

/* SS:RSP, RFLAGS, CS:RIP, before them the data segments of virtual-8086 mode, after them an error code. */
static size_t frame_items(const struct way *way)
{
	size_t items = 3;

	if (way->with_stack)
		items += 2;
	if (way->from_v8086)
		items += 4;
	if (way->event->has_error)
		items++;
	return items;
}

static enum xe_result push(struct xe_cpu *cpu, struct way *way, uint64_t value)
{
	return xe_stack_push(cpu, &way->stack, way->size, value & xe_mask(way->size));
}

static enum xe_result push_outer(struct xe_cpu *cpu, struct way *way)
{
	static const uint8_t data[] = { XE_GS, XE_FS, XE_DS, XE_ES };
	enum xe_result r = XE_OK;

	for (size_t i = 0; way->from_v8086 && i < sizeof(data) && r == XE_OK; i++)
		r = push(cpu, way, cpu->seg[data[i]].selector);
	if (r == XE_OK && way->with_stack)
		r = push(cpu, way, cpu->seg[XE_SS].selector);
	if (r == XE_OK && way->with_stack)
		r = push(cpu, way, cpu->gpr[XE_RSP]);
	return r;
}

static enum xe_result push_frame(struct xe_cpu *cpu, struct way *way)
{
	enum xe_result r = push_outer(cpu, way);

	if (r == XE_OK)
		r = push(cpu, way, flags_to_push(cpu, way->event));
	if (r == XE_OK)
		r = push(cpu, way, cpu->seg[XE_CS].selector);
	if (r == XE_OK)
		r = push(cpu, way, cpu->next_rip);
	if (r == XE_OK && way->event->has_error)
		r = push(cpu, way, way->event->error);
	return r;
}

/* --- Arrival -------------------------------------------------------------------------------------- */

/* The last step, when nothing can fail any more. */
static void arrive(struct xe_cpu *cpu, const struct way *way)
{
	static const uint8_t data[] = { XE_ES, XE_DS, XE_FS, XE_GS };
	uint64_t clear = HY_X86_RFLAGS_TF | HY_X86_RFLAGS_VM | HY_X86_RFLAGS_RF | XE_RFLAGS_NT;
	unsigned type = xe_descriptor_type(&way->gate);

	if (type == XE_SYSTEM_INTERRUPT || type == XE_SYSTEM_INTERRUPT16)
		clear |= HY_X86_RFLAGS_IF;
	for (size_t i = 0; way->from_v8086 && i < sizeof(data); i++)
		xe_null_segment(0, 0, &cpu->seg[data[i]]);
	cpu->seg[XE_CS] = way->cs;
	cpu->seg[XE_SS] = way->stack.ss;
	xe_stack_done(cpu, &way->stack);
	cpu->next_rip = way->rip;
	cpu->rflags &= ~clear;
	xe_update_mode(cpu);
}

static enum xe_result check_and_push(struct xe_cpu *cpu, struct way *way)
{
	enum xe_result r;

	r = xe_check_frame(cpu, &way->stack, way->size, frame_items(way), way->level < cpu->cpl);
	if (r == XE_OK)
		r = xe_check_target(cpu, &way->cs, way->rip);
	if (r == XE_OK)
		r = xe_set_accessed(cpu, &way->descriptor);
	return r == XE_OK ? push_frame(cpu, way) : r;
}

static enum xe_result through_gate(struct xe_cpu *cpu, struct way *way)
{
	uint8_t mode = cpu->mode;
	enum xe_result r;

	if (cpu->is_long)
		way->size = 8;
	else
		way->size = xe_descriptor_type(&way->gate) & 8 ? 4 : 2;
	way->from_v8086 = xe_is_v8086(cpu);
	r = find_code(cpu, way);
	if (r == XE_OK)
		r = find_stack(cpu, way);
	if (r != XE_OK)
		return r;
	/* Long mode pushes as 64-bit code does, also from compatibility mode. */
	if (cpu->is_long)
		cpu->mode = 8;
	r = check_and_push(cpu, way);
	cpu->mode = mode;
	if (r == XE_OK)
		arrive(cpu, way);
	return r;
}

enum xe_result xe_deliver_once(struct xe_cpu *cpu, const struct xe_event *event)
{
	struct way way = { .event = event };
	enum xe_result r;

	if (!(cpu->cr0 & HY_X86_CR0_PE))
		return deliver_real(cpu, event);
	r = find_gate(cpu, &way);
	if (r != XE_OK)
		return r;
	if (xe_descriptor_type(&way.gate) == XE_SYSTEM_TASK_GATE)
		return xe_enter_task_gate(cpu, XE_TASK_EVENT, &way.gate, event->has_error ? &event->error : NULL);
	return through_gate(cpu, &way);
}
