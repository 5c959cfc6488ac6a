/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts: raising them, and how one leads to another (SDM vol. 3, sections 6.5 to 6.15). */
#include "handlers.h"
#include "x86-protect.h"

static enum xe_result raise(struct xe_cpu *cpu, struct xe_event event)
{
	event.kind = XE_EVENT_FAULT;
	cpu->event = event;
	return XE_EXCEPTION;
}

enum xe_result xe_raise(struct xe_cpu *cpu, uint8_t vector)
{
	return raise(cpu, (struct xe_event){ .vector = vector });
}

enum xe_result xe_raise_error(struct xe_cpu *cpu, uint8_t vector, uint32_t error)
{
	return raise(cpu, (struct xe_event){ .vector = vector, .has_error = true, .error = error });
}

enum xe_result xe_raise_page(struct xe_cpu *cpu, uint64_t linear, uint32_t error)
{
	return raise(cpu, (struct xe_event){ .vector = XE_PF, .has_error = true, .error = error, .address = linear });
}

/* --- What the processor keeps of an event -------------------------------------------------- */

static bool is_exception(const struct xe_event *event)
{
	return event->kind == XE_EVENT_FAULT || event->kind == XE_EVENT_TRAP;
}

/*
 * CR2 and DR6 are written when an exception is met, whether its delivery succeeds
 * or not (SDM vol. 3, section 6.15, #PF; section 17.2.3).
 */
static enum xe_result note(struct xe_cpu *cpu, const struct xe_event *event)
{
	enum xe_result r;

	if (!is_exception(event))
		return XE_OK;
	if (event->vector == XE_PF)
		cpu->cr2 = event->address;
	if (event->vector != XE_DB)
		return XE_OK;
	r = xe_need(cpu, XE_PART_DEBUG);
	if (r != XE_OK)
		return r;
	/* Of DR6 only the breakpoints are new each time. */
	cpu->dr[6] = (cpu->dr[6] & ~(uint64_t)XE_DR6_B) | event->dr6;
	cpu->dr[7] &= ~(uint64_t)XE_DR7_GD;
	cpu->changed |= XE_PART_DEBUG;
	return XE_OK;
}

/* --- One exception in the delivery of another ------------------------------------------------ */

enum severity { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

/* SDM vol. 3, table 6-4. */
static enum severity severity_of(const struct xe_event *event)
{
	if (!is_exception(event))
		return BENIGN;
	switch (event->vector) {
	case XE_DE:
	case XE_TS:
	case XE_NP:
	case XE_SS_FAULT:
	case XE_GP:
		return CONTRIBUTORY;
	case XE_PF:
		return PAGE_FAULT;
	case XE_DF:
		return DOUBLE_FAULT;
	default:
		return BENIGN;
	}
}

/*
 * `event` met `second` when it was delivered: what is to be delivered now (SDM
 * vol. 3, table 6-5).  XE_SHUTDOWN where nothing is.
 */
static enum xe_result combine(struct xe_event *event, const struct xe_event *second)
{
	enum severity first = severity_of(event), other = severity_of(second);

	if (first == DOUBLE_FAULT && other != BENIGN)
		return XE_SHUTDOWN;
	if ((first == CONTRIBUTORY && other == CONTRIBUTORY) || (first == PAGE_FAULT && other != BENIGN))
		*event = (struct xe_event){ .kind = XE_EVENT_FAULT, .vector = XE_DF, .has_error = true };
	else
		*event = *second;
	return XE_OK;
}

/* Not the program that runs is the cause: EXT is set in error codes with a selector (SDM vol. 3, section 6.13). */
static void add_ext(const struct xe_event *event, struct xe_event *second)
{
	if (event->kind == XE_EVENT_SOFTWARE || event->kind == XE_EVENT_BREAK)
		return;
	if (second->vector >= XE_TS && second->vector <= XE_GP)
		second->error |= XE_ERROR_EXT;
}

/* A processor would be in this for good: exceptions that are benign, #AC say, in the delivery of their like. */
#define CHAIN_MAX 16

/* Delivers an event, or what comes of another met on the way. */
static enum xe_result deliver_chain(struct xe_cpu *cpu, const struct xe_event *event)
{
	struct xe_event current = *event;
	enum xe_result r = note(cpu, &current);

	for (unsigned i = 0; i < CHAIN_MAX && r == XE_OK; i++) {
		r = xe_deliver_once(cpu, &current);
		if (r == XE_OK)
			cpu->nmi_masked |= current.kind == XE_EVENT_NMI;
		if (r != XE_EXCEPTION)
			return r;
		add_ext(&current, &cpu->event);
		r = note(cpu, &cpu->event);
		if (r == XE_OK)
			r = combine(&current, &cpu->event);
		/* The handler returns to where RIP is now. */
		cpu->next_rip = cpu->rip;
	}
	return r == XE_OK ? XE_SHUTDOWN : r;
}

enum xe_result xe_deliver(struct xe_cpu *cpu, const struct xe_event *event)
{
	enum xe_result r;

	cpu->next_rip = cpu->rip + event->skip;
	r = deliver_chain(cpu, event);
	if (r == XE_ACCESS) {
		uint64_t gpa = cpu->access.address;

		xe_drop(cpu);
		r = xe_refuse(cpu, XE_REFUSED_MEMORY, gpa, HY_PROT_WRITE, "a stack that is no memory");
	}
	if (r != XE_OK)
		return r;
	cpu->rip = cpu->next_rip;
	cpu->shadow = cpu->shadow_ss = false;
	return XE_OK;
}

/* --- INT n, INT3, INTO, INT1, BOUND ----------------------------------------------------------- */

/*
 * Faults of the delivery are the instruction's own.  An exception that the caller
 * wants to see is reported before anything of it has happened.
 */
enum xe_result xe_interrupt(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_event event = { .kind = (uint8_t)(insn->op >> 8), .vector = (uint8_t)insn->op };
	enum xe_result r;

	if (event.kind == XE_EVENT_SOFTWARE) {
		event.vector = (uint8_t)insn->imm;
		if (xe_is_v8086(cpu) && xe_iopl(cpu) < 3)
			return xe_raise_error(cpu, XE_GP, 0);
	} else if (event.vector == XE_OF && !(cpu->rflags & HY_X86_RFLAGS_OF)) {
		return XE_OK;
	} else if (cpu->exception_exits >> event.vector & 1) {
		event.skip = insn->length;
		cpu->event = event;
		return XE_EXCEPTION;
	}
	r = xe_deliver_once(cpu, &event);
	if (r == XE_EXCEPTION)
		add_ext(&event, &cpu->event);
	cpu->next_step = false;
	return r;
}

enum xe_result xe_bound(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand_size;
	uint64_t mask = xe_mask(insn->address_size), address = xe_offset(cpu, insn), lower, upper;
	int64_t index = (int64_t)xe_sign_extend(cpu->gpr[insn->operand[0].reg], size);
	enum xe_result r = xe_load(cpu, insn->segment, address, size, &lower);

	if (r != XE_OK)
		return r;
	if (index < (int64_t)xe_sign_extend(lower, size))
		return xe_raise(cpu, XE_BR);
	r = xe_load(cpu, insn->segment, (address + size) & mask, size, &upper);
	if (r == XE_OK && index > (int64_t)xe_sign_extend(upper, size))
		return xe_raise(cpu, XE_BR);
	return r;
}
