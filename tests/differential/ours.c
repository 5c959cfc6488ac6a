/* SPDX-License-Identifier: MIT */
/* The executor's side of a case. */
#include <stdlib.h>

#include "differential.h"

static uint8_t *memory;
static const struct df_side *side;
static unsigned image_mode = DF_MODES;

/* --- The bus ------------------------------------------------------------------------- */

static uint8_t *bus_page(void *ctx, uint64_t gpa, uint32_t *prot)
{
	(void)ctx;
	*prot = HY_PROT_RWX;
	return df_is_memory(gpa) ? memory + gpa : NULL;
}

static bool bus_load(void *ctx, unsigned parts)
{
	(void)ctx;
	(void)parts;
	return true;
}

static void bus_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	memset(answer, 0, 4 * sizeof(*answer));
	if (side->cpuid)
		side->cpuid(ctx, leaf, subleaf, answer);
}

static bool bus_msr_exits(void *ctx, uint32_t index, bool write)
{
	(void)ctx;
	(void)index;
	(void)write;
	return false;
}

static uint64_t bus_tsc(void *ctx)
{
	(void)ctx;
	return 0;
}

static const struct xe_bus bus = { bus_page, bus_load, bus_cpuid, bus_msr_exits, bus_tsc };

void df_ours_open(const struct df_choice *choice)
{
	side = choice->side;
	memory = aligned_alloc(XE_PAGE_SIZE, DF_MEMORY);
	if (!memory)
		abort();
}

/* --- One case ------------------------------------------------------------------------- */

static void answer_io(struct xe_cpu *cpu, struct df_result *result)
{
	const struct xe_access *access = &cpu->access;
	uint32_t value = df_port_value((unsigned)access->address, access->size);

	if (access->write)
		memcpy(&value, access->data, 4);
	else
		memcpy(cpu->access.data, &value, 4);
	df_note_io(result, (unsigned)access->address, access->size, access->write,
	           value & (uint32_t)xe_mask(access->size));
}

static void note_fault(struct xe_cpu *cpu, struct df_result *result)
{
	/* Where every instruction ends in #DB, so does INT1. */
	result->outcome = side->traps && cpu->event.vector == XE_DB ? DF_DONE : DF_FAULT;
	result->vector = cpu->event.vector;
	result->has_error = cpu->event.has_error;
	result->error = cpu->event.error;
	if (cpu->event.vector == XE_PF)
		cpu->cr2 = cpu->event.address;
	cpu->rip += cpu->event.skip;
}

static void end(struct xe_cpu *cpu, enum xe_result r, struct df_result *result)
{
	switch (r) {
	case XE_OK:
		result->outcome = DF_DONE;
		break;
	case XE_EXCEPTION:
		note_fault(cpu, result);
		break;
	case XE_ACCESS:
		result->outcome = DF_OUTSIDE;
		result->text = cpu->access.kind == XE_ACCESS_MSR ? "MSR" : "MMIO";
		xe_drop(cpu);
		break;
	case XE_HALT:
		result->outcome = DF_HALT;
		break;
	case XE_SHUTDOWN:
		result->outcome = DF_SHUTDOWN;
		break;
	default:
		result->outcome = cpu->refusal.reason == XE_REFUSED_INSN ? DF_REFUSED : DF_OUTSIDE;
		result->text = cpu->refusal.what;
		break;
	}
}

/* One instruction, with all items of a REP. */
static enum xe_result step(const struct df_case *c, struct xe_cpu *cpu, struct df_result *result)
{
	enum xe_result r = XE_OK;

	for (unsigned i = 0; i < 300; i++) {
		r = xe_execute(cpu);
		if (r == XE_ACCESS && cpu->access.kind == XE_ACCESS_IO)
			answer_io(cpu, result);
		else if (r != XE_OK || !c->repeats || cpu->rip != c->before.rip)
			break;
	}
	return r;
}

/* Until HLT, with everything delivered. */
static enum xe_result run(const struct df_case *c, struct xe_cpu *cpu, struct df_result *result)
{
	for (unsigned i = 0; i < 300; i++) {
		enum xe_result r = step(c, cpu, result);

		if (r == XE_EXCEPTION)
			r = xe_deliver(cpu, &cpu->event);
		if (r != XE_OK)
			return r;
	}
	return XE_OK;
}

void df_ours(const struct df_case *c, struct df_result *result)
{
	struct xe_cpu *cpu = &result->after;

	memset(result, 0, sizeof(*result));
	if (image_mode != c->mode)
		memcpy(memory, df_image(c->mode), DF_MEMORY);
	image_mode = c->mode;
	df_prepare(c, memory);
	*cpu = c->before;
	cpu->bus = &bus;
	if (!side->delivers)
		cpu->exception_exits = 1u << XE_DB | 1u << XE_BP | 1u << XE_OF;
	xe_state_changed(cpu);
	end(cpu, side->delivers ? run(c, cpu, result) : step(c, cpu, result), result);
	result->trusts_memory = true;
	df_collect(c, memory, result);
	result->changed_tables = df_restore(c, memory);
}
