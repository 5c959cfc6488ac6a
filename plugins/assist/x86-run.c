/* SPDX-License-Identifier: MIT */
/* One instruction, and the loop around it (SDM vol. 3, section 6.9: priorities). */
#include "x86-protect.h"

_Static_assert(sizeof(struct xe_insn) <= sizeof(((struct xe_cpu *)0)->insn_room), "an instruction fits into the cpu");

/* --- One instruction ---------------------------------------------------------------------- */

/* The instruction is done: what the next one sees. */
static inline void commit(struct xe_cpu *cpu)
{
	cpu->rip = cpu->next_rip;
	cpu->shadow = cpu->next_shadow;
	cpu->shadow_ss = cpu->next_shadow_ss;
	cpu->log.count = 0;
	/* MOV SS and POP SS put single-stepping off to the instruction after (SDM vol. 3, section 6.8.3). */
	if (cpu->next_step && !cpu->next_shadow_ss)
		cpu->trap |= XE_DR6_BS;
}

/*
 * Nothing of the instruction has happened.  It may be a cached one, and its slot
 * may be another's when the answer comes.
 */
static void undo(struct xe_cpu *cpu, enum xe_result r, uint64_t rf, uint64_t trap)
{
	cpu->rflags |= rf;
	cpu->trap = trap;
	if (r != XE_ACCESS) {
		cpu->log.count = 0;
	} else if ((void *)cpu->insn != (void *)cpu->insn_room) {
		memcpy(cpu->insn_room, cpu->insn, sizeof(*cpu->insn));
		cpu->insn = (struct xe_insn *)(void *)cpu->insn_room;
	}
}

/*
 * RF holds for one instruction.  It is clear while the handler runs, so one that
 * loads RFLAGS (IRET) sets it for the next; a REP that goes on keeps it.
 */
static inline enum xe_result execute(struct xe_cpu *cpu)
{
	const struct xe_insn *insn = cpu->insn;
	uint64_t rf = cpu->rflags & HY_X86_RFLAGS_RF, trap = cpu->trap, next = cpu->rip + insn->length;
	enum xe_result r;

	cpu->next_rip = xe_is_64(cpu) ? next : next & UINT32_MAX;
	cpu->next_shadow = cpu->next_shadow_ss = false;
	cpu->next_step = (cpu->rflags & HY_X86_RFLAGS_TF) != 0;
	cpu->rflags ^= rf;
	cpu->log.used = 0;
	r = insn->handler(cpu, insn);
	if (r != XE_OK && r != XE_HALT) {
		undo(cpu, r, rf, trap);
		return r;
	}
	if (rf && cpu->next_rip == cpu->rip && (insn->prefixes & (XE_REP | XE_REPNE)))
		cpu->rflags |= rf;
	commit(cpu);
	return r;
}

enum xe_result xe_execute(struct xe_cpu *cpu)
{
	enum xe_result r;

	if (xe_is_pending(cpu)) {
		xe_log_answer(cpu);
		return execute(cpu);
	}
	cpu->log.count = 0;
	r = xe_fetch(cpu);
	return r == XE_OK ? execute(cpu) : r;
}

/* --- The loop -------------------------------------------------------------------------------- */

bool xe_can_interrupt(const struct xe_cpu *cpu)
{
	return (cpu->rflags & HY_X86_RFLAGS_IF) && !cpu->shadow && !cpu->shadow_ss && !xe_is_pending(cpu);
}

/* Delivers an exception, unless the caller wants to see it. */
static enum xe_result offer(struct xe_cpu *cpu, struct xe_event event)
{
	if (cpu->exception_exits >> (event.vector & 31) & 1) {
		cpu->event = event;
		return XE_EXCEPTION;
	}
	return xe_deliver(cpu, &event);
}

/* Whether something may have to be done before the next instruction. */
static inline bool is_event_due(const struct xe_cpu *cpu)
{
	return cpu->trap | cpu->nmi | cpu->watching | (cpu->interrupt >= 0);
}

static enum xe_result deliver_trap(struct xe_cpu *cpu)
{
	struct xe_event event = { .kind = XE_EVENT_TRAP, .vector = XE_DB, .dr6 = cpu->trap };

	cpu->trap = 0;
	return offer(cpu, event);
}

static enum xe_result deliver_nmi(struct xe_cpu *cpu)
{
	enum xe_result r = xe_deliver(cpu, &(struct xe_event){ .kind = XE_EVENT_NMI, .vector = XE_NMI });

	if (r == XE_OK)
		cpu->nmi = false;
	return r;
}

static enum xe_result deliver_interrupt(struct xe_cpu *cpu)
{
	struct xe_event event = { .kind = XE_EVENT_EXTERNAL, .vector = (uint8_t)cpu->interrupt };
	enum xe_result r = xe_deliver(cpu, &event);

	if (r == XE_OK)
		cpu->interrupt = -1;
	return r;
}

/* The bits of DR6 for an instruction breakpoint at RIP. */
static uint64_t breakpoint(struct xe_cpu *cpu)
{
	if (!cpu->watching || cpu->shadow_ss || (cpu->rflags & HY_X86_RFLAGS_RF))
		return 0;
	return xe_watch_fetch(cpu, xe_linear(cpu, XE_CS, cpu->rip));
}

/* What goes before the next instruction, by priority (SDM vol. 3, table 6-2); *done: something did. */
static enum xe_result deliver_due(struct xe_cpu *cpu, bool *done)
{
	uint64_t dr6;

	*done = true;
	if (cpu->trap && !cpu->shadow_ss)
		return deliver_trap(cpu);
	if (cpu->nmi && !cpu->nmi_masked && !cpu->shadow_ss)
		return deliver_nmi(cpu);
	if (cpu->interrupt >= 0 && xe_can_interrupt(cpu))
		return deliver_interrupt(cpu);
	dr6 = breakpoint(cpu);
	if (dr6)
		return offer(cpu, (struct xe_event){ .kind = XE_EVENT_FAULT, .vector = XE_DB, .dr6 = dr6 });
	*done = false;
	return XE_OK;
}

/* What an instruction that isn't simply done comes to. */
static enum xe_result conclude(struct xe_cpu *cpu, enum xe_result r)
{
	if (r == XE_EXCEPTION)
		return offer(cpu, cpu->event);
	/* A trap wakes it at once. */
	if (r == XE_HALT && cpu->trap && !cpu->shadow_ss)
		return XE_OK;
	return r;
}

static inline enum xe_result run_one(struct xe_cpu *cpu)
{
	enum xe_result r;

	if (is_event_due(cpu)) {
		bool done;

		r = deliver_due(cpu, &done);
		if (done)
			return r;
	}
	r = xe_fetch(cpu);
	if (r == XE_OK)
		r = execute(cpu);
	return r == XE_OK ? r : conclude(cpu, r);
}

enum xe_result xe_run(struct xe_cpu *cpu)
{
	static const uint32_t never;
	const uint32_t *attention = cpu->attention ? cpu->attention : &never;
	enum xe_result r = XE_OK;

	if (xe_is_pending(cpu)) {
		r = xe_execute(cpu);
		if (r != XE_OK)
			r = conclude(cpu, r);
	}
	while (r == XE_OK && !__atomic_load_n(attention, __ATOMIC_RELAXED))
		r = run_one(cpu);
	return r;
}
