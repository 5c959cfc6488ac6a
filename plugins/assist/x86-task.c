/* SPDX-License-Identifier: MIT */
/* Task switches by the processor (SDM vol. 3, chapter 7): outside of long mode. */
#include "x86-protect.h"

/* Where things are in a TSS of 16 and of 32 bits (SDM vol. 3, figures 7-2 and 7-10). */
struct layout {
	uint8_t size; /* of RIP, flags and general registers */
	uint8_t rip, flags, registers, segments, segment_count, ldt;
	uint8_t limit; /* the least */
};

static const struct layout layout16 = { 2, 0x0e, 0x10, 0x12, 0x22, 4, 0x2a, 0x2b };
static const struct layout layout32 = { 4, 0x20, 0x24, 0x28, 0x48, 6, 0x60, 0x67 };

#define TSS_CR3 0x1c
#define TSS_DEBUG 0x64 /* T */

#define DR6_BT 0x8000u
#define DR7_LOCAL 0x155u /* L0 to L3, LE */

struct task {
	const struct layout *layout;
	struct xe_descriptor descriptor;
	struct hy_segment tr;
	uint64_t rip, flags, cr3, debug, ldt;
	uint64_t gpr[8];
	uint64_t selector[6];
};

static const struct layout *layout_of(const struct hy_segment *tr)
{
	return xe_is_tss16(tr) ? &layout16 : &layout32;
}

static enum xe_result load(struct xe_cpu *cpu, const struct hy_segment *tr, unsigned offset, size_t size,
                           uint64_t *value)
{
	return xe_load_linear(cpu, (tr->base + offset) & UINT32_MAX, size, XE_AS_SYSTEM, value);
}

static enum xe_result store(struct xe_cpu *cpu, const struct hy_segment *tr, unsigned offset, size_t size,
                            uint64_t value)
{
	return xe_store_linear(cpu, (tr->base + offset) & UINT32_MAX, size, XE_AS_SYSTEM, value & xe_mask(size));
}

static enum xe_result check(struct xe_cpu *cpu, const struct hy_segment *tr, unsigned access)
{
	return xe_check_linear(cpu, tr->base & UINT32_MAX, layout_of(tr)->limit + 1u, access | XE_AS_SYSTEM);
}

/* --- The new task's TSS --------------------------------------------------------------------- */

static enum xe_result find_task(struct xe_cpu *cpu, enum xe_task_switch how, uint16_t selector, struct task *task)
{
	uint8_t vector = how == XE_TASK_RETURN ? XE_TS : XE_GP;
	unsigned busy = how == XE_TASK_RETURN ? XE_SYSTEM_BUSY : 0, type;
	enum xe_result r;

	if (xe_is_null(selector) || (selector & 4))
		return xe_raise_error(cpu, vector, xe_selector_error(selector));
	r = xe_read_descriptor(cpu, selector, vector, &task->descriptor);
	if (r != XE_OK)
		return r;
	type = xe_descriptor_type(&task->descriptor);
	if (xe_is_segment(&task->descriptor) || (type != (XE_SYSTEM_TSS | busy) && type != (XE_SYSTEM_TSS16 | busy)))
		return xe_raise_error(cpu, vector, xe_selector_error(selector));
	if (!xe_is_present(&task->descriptor))
		return xe_raise_error(cpu, XE_NP, xe_selector_error(selector));
	xe_segment_of(&task->descriptor, 0, &task->tr);
	task->tr.selector = selector;
	task->layout = layout_of(&task->tr);
	if (task->tr.limit < task->layout->limit)
		return xe_raise_error(cpu, XE_TS, xe_selector_error(selector));
	return XE_OK;
}

static enum xe_result read_task(struct xe_cpu *cpu, struct task *task)
{
	const struct layout *layout = task->layout;
	enum xe_result r = load(cpu, &task->tr, layout->rip, layout->size, &task->rip);

	if (r == XE_OK)
		r = load(cpu, &task->tr, layout->flags, layout->size, &task->flags);
	for (unsigned i = 0; i < 8 && r == XE_OK; i++)
		r = load(cpu, &task->tr, layout->registers + i * layout->size, layout->size, &task->gpr[i]);
	for (unsigned i = 0; i < layout->segment_count && r == XE_OK; i++)
		r = load(cpu, &task->tr, layout->segments + i * layout->size, 2, &task->selector[i]);
	if (r == XE_OK)
		r = load(cpu, &task->tr, layout->ldt, 2, &task->ldt);
	if (r != XE_OK || layout == &layout16)
		return r;
	r = load(cpu, &task->tr, TSS_CR3, 4, &task->cr3);
	return r == XE_OK ? load(cpu, &task->tr, TSS_DEBUG, 1, &task->debug) : r;
}

/* --- The old task ----------------------------------------------------------------------------- */

static enum xe_result save(struct xe_cpu *cpu, enum xe_task_switch how)
{
	const struct hy_segment *tr = &cpu->seg[XE_TR];
	const struct layout *layout = layout_of(tr);
	uint64_t flags = how == XE_TASK_RETURN ? cpu->rflags & ~(uint64_t)XE_RFLAGS_NT : cpu->rflags;
	enum xe_result r = store(cpu, tr, layout->rip, layout->size, cpu->next_rip);

	if (r == XE_OK)
		r = store(cpu, tr, layout->flags, layout->size, flags);
	for (unsigned i = 0; i < 8 && r == XE_OK; i++)
		r = store(cpu, tr, layout->registers + i * layout->size, layout->size, cpu->gpr[i]);
	for (unsigned i = 0; i < layout->segment_count && r == XE_OK; i++)
		r = store(cpu, tr, layout->segments + i * layout->size, 2, cpu->seg[i].selector);
	return r;
}

static enum xe_result set_busy(struct xe_cpu *cpu, uint64_t linear, bool busy)
{
	return xe_set_descriptor_bits(cpu, linear + 5, busy ? 0 : XE_SYSTEM_BUSY, busy ? XE_SYSTEM_BUSY : 0);
}

/* Who is busy, and the link back. */
static enum xe_result link(struct xe_cpu *cpu, enum xe_task_switch how, const struct task *task)
{
	struct xe_descriptor old;
	enum xe_result r = XE_OK;

	if (how == XE_TASK_JUMP || how == XE_TASK_RETURN) {
		r = xe_read_descriptor(cpu, cpu->seg[XE_TR].selector, XE_TS, &old);
		if (r == XE_OK)
			r = set_busy(cpu, old.linear, false);
	} else {
		r = store(cpu, &task->tr, 0, 2, cpu->seg[XE_TR].selector);
	}
	if (r == XE_OK && how != XE_TASK_RETURN)
		r = set_busy(cpu, task->descriptor.linear, true);
	return r;
}

/* --- The new task ------------------------------------------------------------------------------ */

/* Registers that need no descriptors. */
static enum xe_result load_registers(struct xe_cpu *cpu, enum xe_task_switch how, const struct task *task)
{
	uint64_t keep = task->layout == &layout16 ? 0 : UINT32_MAX & ~UINT64_C(0x3f7fd5);

	cpu->seg[XE_TR] = task->tr;
	cpu->seg[XE_TR].attributes |= XE_SYSTEM_BUSY;
	cpu->cr0 |= HY_X86_CR0_TS;
	for (unsigned i = 0; i < 8; i++)
		cpu->gpr[i] = task->gpr[i];
	cpu->rflags = (task->flags & ~keep) | HY_X86_RFLAGS_ONE;
	if (how == XE_TASK_CALL || how == XE_TASK_EVENT)
		cpu->rflags |= XE_RFLAGS_NT;
	cpu->next_rip = task->rip;
	for (unsigned i = XE_ES; i <= XE_GS; i++)
		xe_null_segment((uint16_t)task->selector[i], i == XE_SS ? xe_rpl((uint16_t)task->selector[XE_CS]) : 0,
		                &cpu->seg[i]);
	xe_null_segment((uint16_t)task->ldt, 0, &cpu->seg[XE_LDTR]);
	xe_update_mode(cpu);
	if (!(cpu->cr0 & HY_X86_CR0_PG) || task->layout == &layout16)
		return XE_OK;
	return xe_set_cr(cpu, 3, task->cr3);
}

static enum xe_result load_ldt(struct xe_cpu *cpu, uint16_t selector)
{
	struct xe_descriptor descriptor;
	enum xe_result r;

	if (xe_is_null(selector))
		return XE_OK;
	if (selector & 4)
		return xe_raise_error(cpu, XE_TS, xe_selector_error(selector));
	r = xe_read_descriptor(cpu, selector, XE_TS, &descriptor);
	if (r != XE_OK)
		return r;
	if (xe_is_segment(&descriptor) || xe_descriptor_type(&descriptor) != XE_SYSTEM_LDT ||
	    !xe_is_present(&descriptor))
		return xe_raise_error(cpu, XE_TS, xe_selector_error(selector));
	xe_segment_of(&descriptor, xe_rpl(selector), &cpu->seg[XE_LDTR]);
	return XE_OK;
}

static enum xe_result load_cs(struct xe_cpu *cpu, uint16_t selector)
{
	struct xe_descriptor descriptor;
	unsigned dpl, level = xe_rpl(selector);
	enum xe_result r;

	if (xe_is_null(selector))
		return xe_raise_error(cpu, XE_TS, xe_selector_error(selector));
	r = xe_read_descriptor(cpu, selector, XE_TS, &descriptor);
	if (r != XE_OK)
		return r;
	dpl = xe_descriptor_dpl(&descriptor);
	if (!xe_is_code(&descriptor) || (xe_is_conforming(&descriptor) ? dpl > level : dpl != level))
		return xe_raise_error(cpu, XE_TS, xe_selector_error(selector));
	if (!xe_is_present(&descriptor))
		return xe_raise_error(cpu, XE_NP, xe_selector_error(selector));
	r = xe_set_accessed(cpu, &descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(&descriptor, level, &cpu->seg[XE_CS]);
	xe_update_mode(cpu);
	return XE_OK;
}

static enum xe_result load_ss(struct xe_cpu *cpu, uint16_t selector)
{
	struct xe_descriptor descriptor;
	enum xe_result r;

	if (xe_is_null(selector))
		return xe_raise_error(cpu, XE_TS, xe_selector_error(selector));
	r = xe_read_stack_segment(cpu, selector, cpu->cpl, XE_TS, &descriptor);
	if (r == XE_OK)
		r = xe_set_accessed(cpu, &descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(&descriptor, cpu->cpl, &cpu->seg[XE_SS]);
	xe_update_mode(cpu);
	return XE_OK;
}

/* As a load of the segment register, but that #GP is #TS. */
static enum xe_result load_data(struct xe_cpu *cpu, unsigned segment, uint16_t selector)
{
	enum xe_result r = xe_load_segment(cpu, segment, selector);

	if (r == XE_EXCEPTION && cpu->event.vector == XE_GP)
		cpu->event.vector = XE_TS;
	return r;
}

static enum xe_result load_segments(struct xe_cpu *cpu, const struct task *task)
{
	static const uint8_t data[] = { XE_ES, XE_DS, XE_FS, XE_GS };
	enum xe_result r = load_ldt(cpu, (uint16_t)task->ldt);

	if (r == XE_OK && xe_is_v8086(cpu)) {
		for (unsigned i = XE_ES; i <= XE_GS; i++)
			xe_real_segment(cpu, i, (uint16_t)task->selector[i], &cpu->seg[i]);
		xe_update_mode(cpu);
		return XE_OK;
	}
	if (r == XE_OK)
		r = load_cs(cpu, (uint16_t)task->selector[XE_CS]);
	if (r == XE_OK)
		r = load_ss(cpu, (uint16_t)task->selector[XE_SS]);
	for (size_t i = 0; i < sizeof(data) && r == XE_OK; i++)
		r = load_data(cpu, data[i], (uint16_t)task->selector[data[i]]);
	return r;
}

static enum xe_result push_error(struct xe_cpu *cpu, size_t size, uint32_t error)
{
	struct xe_stack stack;
	enum xe_result r;

	xe_stack_here(cpu, &stack);
	r = xe_stack_push(cpu, &stack, size, error & xe_mask(size));
	if (r == XE_OK)
		xe_stack_done(cpu, &stack);
	return r;
}

/* What is done in the new task: faults from here on are its own. */
static enum xe_result start(struct xe_cpu *cpu, enum xe_task_switch how, const struct task *task,
                            const uint32_t *error)
{
	enum xe_result r = load_registers(cpu, how, task);

	if (r == XE_OK)
		r = load_segments(cpu, task);
	if (r == XE_OK && error)
		r = push_error(cpu, task->layout->size, *error);
	if (r == XE_OK)
		r = xe_check_target(cpu, &cpu->seg[XE_CS], cpu->next_rip);
	if (r == XE_OK && (task->debug & 1))
		cpu->trap |= DR6_BT;
	if (r != XE_OK)
		cpu->rip = cpu->next_rip;
	return r;
}

enum xe_result xe_switch_task(struct xe_cpu *cpu, enum xe_task_switch how, uint16_t selector, const uint32_t *error)
{
	struct task task = { 0 };
	enum xe_result r = find_task(cpu, how, selector, &task);

	if (r == XE_OK)
		r = xe_need(cpu, XE_PART_DEBUG);
	if (r == XE_OK)
		r = check(cpu, &cpu->seg[XE_TR], HY_PROT_WRITE);
	if (r == XE_OK)
		r = check(cpu, &task.tr, HY_PROT_WRITE);
	if (r == XE_OK)
		r = link(cpu, how, &task);
	if (r == XE_OK)
		r = save(cpu, how);
	if (r == XE_OK)
		r = read_task(cpu, &task);
	if (r != XE_OK)
		return r;
	cpu->dr[7] &= ~(uint64_t)DR7_LOCAL;
	cpu->changed |= XE_PART_DEBUG;
	return start(cpu, how, &task, error);
}

enum xe_result xe_enter_task_gate(struct xe_cpu *cpu, enum xe_task_switch how, const struct xe_descriptor *gate,
                                  const uint32_t *error)
{
	return xe_switch_task(cpu, how, xe_gate_selector(gate), error);
}
