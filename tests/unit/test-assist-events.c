/* SPDX-License-Identifier: MIT */
/* plugins/assist: delivery of exceptions and interrupts, task switches (SDM vol. 3, chapters 6 and 7). */
#include <check.h>

#include "assist-protection.h"
#include "suite.h"

#define HANDLER 0x9000u
#define IST_STACK 0x5008u /* on purpose not aligned to 16 */

#define GATE_INTERRUPT 0x8eu
#define GATE_TRAP 0x8fu
#define GATE_USER 0x60u /* DPL 3 */

static struct xe_event fault(uint8_t vector)
{
	return (struct xe_event){ .kind = XE_EVENT_FAULT, .vector = vector };
}

static struct xe_event fault_error(uint8_t vector, uint32_t error)
{
	return (struct xe_event){ .kind = XE_EVENT_FAULT, .vector = vector, .has_error = true, .error = error };
}

static struct xe_event external(uint8_t vector)
{
	return (struct xe_event){ .kind = XE_EVENT_EXTERNAL, .vector = vector };
}

static enum xe_result deliver(struct xe_event event)
{
	return xe_deliver(cpu, &event);
}

/* --- Ways in ------------------------------------------------------------------------------ */

START_TEST(real_mode)
{
	machine_gate(&m, 0x21, 0x900, 0x1234, 0);
	cpu->rflags |= HY_X86_RFLAGS_IF | HY_X86_RFLAGS_TF | HY_X86_RFLAGS_CF;
	ck_assert_int_eq(deliver(external(0x21)), XE_OK);
	assert_at(0x900, 0x1234, 0, MACHINE_STACK - 6, 0);
	ck_assert_uint_eq(cpu->rflags, 3);
	ASSERT_MEMORY(MACHINE_STACK - 6, 2, MACHINE_CODE, 0, 0x303);
	/* No error codes there; the IVT has its limit. */
	machine_gate(&m, XE_GP, 0x900, 0x1234, 0);
	machine_enter_real(&m);
	cpu->idtr.limit = 0x21 * 4 + 2;
	ck_assert_int_eq(deliver(external(0x21)), XE_OK);
	assert_at(0x900, 0x1234, 0, MACHINE_STACK - 6, 0);
}
END_TEST

START_TEST(same_level_32)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0);

	machine_enter_protected(&m, 32, 0);
	machine_gate(&m, XE_GP, code, HANDLER, GATE_INTERRUPT);
	cpu->rflags |= HY_X86_RFLAGS_IF | HY_X86_RFLAGS_TF | XE_RFLAGS_NT | XE_RFLAGS_AC;
	ck_assert_int_eq(deliver(fault_error(XE_GP, 0x1234)), XE_OK);
	assert_at(code, HANDLER, machine_selector(MACHINE_DATA32, 0), MACHINE_STACK - 16, 0);
	ck_assert_uint_eq(cpu->rflags, 2 | XE_RFLAGS_AC);
	ASSERT_MEMORY(MACHINE_STACK - 16, 4, 0x1234, MACHINE_CODE, code, 0x54302); /* with RF */
}
END_TEST

/* With an error code or without. */
START_TEST(frames)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0);

	machine_enter_protected(&m, 32, 0);
	machine_gate(&m, XE_UD, code, HANDLER, GATE_INTERRUPT);
	machine_gate(&m, XE_AC, code, HANDLER, GATE_INTERRUPT);
	ck_assert_int_eq(deliver(fault(XE_UD)), XE_OK);
	ck_assert_uint_eq(cpu->gpr[XE_RSP], MACHINE_STACK - 12);
	ck_assert_int_eq(deliver(fault_error(XE_AC, 0)), XE_OK);
	ck_assert_uint_eq(cpu->gpr[XE_RSP], MACHINE_STACK - 28);
}
END_TEST

START_TEST(inner_level_32)
{
	uint16_t code3 = machine_selector(MACHINE_CODE32, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_protected(&m, 32, 3);
	machine_gate(&m, 0x80, machine_selector(MACHINE_CODE32, 0), HANDLER, GATE_TRAP);
	cpu->rflags |= HY_X86_RFLAGS_IF;
	ck_assert_int_eq(deliver(external(0x80)), XE_OK);
	assert_at(machine_selector(MACHINE_CODE32, 0), HANDLER, machine_selector(MACHINE_DATA32, 0),
	          MACHINE_STACK0 - 20, 0);
	ck_assert_uint_eq(cpu->rflags, 0x202); /* a trap gate */
	ASSERT_MEMORY(MACHINE_STACK0 - 20, 4, MACHINE_CODE, code3, 0x202, MACHINE_STACK, data3);
}
END_TEST

START_TEST(gate_of_16_bits)
{
	uint16_t code3 = machine_selector(MACHINE_CODE32, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_protected(&m, 32, 3);
	machine_gate(&m, XE_NP, machine_selector(MACHINE_CODE16, 0), 0xffff0000 | HANDLER, 0x86);
	ck_assert_int_eq(deliver(fault_error(XE_NP, 0x18)), XE_OK);
	assert_at(machine_selector(MACHINE_CODE16, 0), HANDLER, machine_selector(MACHINE_DATA32, 0),
	          MACHINE_STACK0 - 12, 0);
	ASSERT_MEMORY(MACHINE_STACK0 - 12, 2, 0x18, MACHINE_CODE, code3, 2, MACHINE_STACK, data3);
}
END_TEST

START_TEST(from_v8086)
{
	machine_enter_v8086(&m);
	machine_gate(&m, 0x20, machine_selector(MACHINE_CODE32, 0), HANDLER, GATE_INTERRUPT);
	for (unsigned i = XE_ES; i <= XE_GS; i++)
		cpu->seg[i].selector = (uint16_t)(0x100 + i);
	ck_assert_int_eq(deliver(external(0x20)), XE_OK);
	assert_at(machine_selector(MACHINE_CODE32, 0), HANDLER, machine_selector(MACHINE_DATA32, 0),
	          MACHINE_STACK0 - 36, 0);
	ck_assert_uint_eq(cpu->rflags, 2);
	ck_assert_uint_eq(cpu->seg[XE_GS].selector, 0);
	ck_assert(cpu->seg[XE_DS].attributes & HY_X86_SEG_UNUSABLE);
	ASSERT_MEMORY(MACHINE_STACK0 - 36, 4, MACHINE_CODE, 0x101, 0x20002, MACHINE_STACK, 0x102, 0x100, 0x103, 0x104,
	              0x105);
	/* And back. */
	put(HANDLER, 1, 0xcf);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(0x101, MACHINE_CODE, 0x102, MACHINE_STACK, 3);
	ck_assert_uint_eq(cpu->seg[XE_GS].selector, 0x105);
	ck_assert_uint_eq(cpu->rflags, 0x20002);
}
END_TEST

START_TEST(same_level_64)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0), data = machine_selector(MACHINE_DATA32, 0);

	machine_enter_long(&m, 64, 0);
	machine_gate(&m, 0x80, code, HANDLER, GATE_INTERRUPT);
	cpu->gpr[XE_RSP] = MACHINE_STACK - 1;
	ck_assert_int_eq(deliver(external(0x80)), XE_OK);
	assert_at(code, HANDLER, data, MACHINE_STACK - 16 - 40, 0);
	ASSERT_MEMORY(MACHINE_STACK - 56, 8, MACHINE_CODE, code, 2, MACHINE_STACK - 1, data);
}
END_TEST

START_TEST(inner_level_64)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0);
	uint16_t code3 = machine_selector(MACHINE_CODE64, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_long(&m, 64, 3);
	machine_gate(&m, XE_PF, code, HANDLER, GATE_INTERRUPT);
	cpu->event = fault_error(XE_PF, 6);
	cpu->event.address = UINT64_C(0x123456789);
	ck_assert_int_eq(xe_deliver(cpu, &cpu->event), XE_OK);
	assert_at(code, HANDLER, 0, MACHINE_STACK0 - 48, 0);
	ck_assert(cpu->seg[XE_SS].attributes & HY_X86_SEG_UNUSABLE);
	ck_assert_uint_eq(cpu->cr2, UINT64_C(0x123456789));
	ASSERT_MEMORY(MACHINE_STACK0 - 48, 8, 6, MACHINE_CODE, code3, 0x10002, MACHINE_STACK, data3);
}
END_TEST

START_TEST(interrupt_stack_table)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0), data = machine_selector(MACHINE_DATA32, 0);

	machine_enter_long(&m, 64, 0);
	machine_gate(&m, XE_NMI, code, HANDLER, GATE_INTERRUPT);
	put(MACHINE_IDT + XE_NMI * 16 + 4, 1, 7);
	put(MACHINE_TSS + 36 + 6 * 8, 8, IST_STACK);
	ck_assert_int_eq(deliver((struct xe_event){ .kind = XE_EVENT_NMI, .vector = XE_NMI }), XE_OK);
	assert_at(code, HANDLER, data, 0x5000 - 40, 0); /* SS changes with the level only */
	ck_assert(cpu->nmi_masked);
	ASSERT_MEMORY(0x5000 - 40, 8, MACHINE_CODE, code, 2, MACHINE_STACK, data);
}
END_TEST

/* Stacks of 64-bit handlers are above 4 GiB: what compatibility mode can't reach itself. */
START_TEST(from_compatibility_mode)
{
	machine_enter_long(&m, 32, 3);
	put(MACHINE_TSS + 4, 8, UINT64_C(0xffff800000006000));
	machine_map(&m, UINT64_C(0xffff800000005000), 0x5000, MACHINE_P | MACHINE_W, 1);
	machine_gate(&m, 0x80, machine_selector(MACHINE_CODE64, 0), HANDLER, GATE_INTERRUPT);
	ck_assert_int_eq(deliver(external(0x80)), XE_OK);
	assert_at(machine_selector(MACHINE_CODE64, 0), HANDLER, 0, UINT64_C(0xffff800000005fd8), 0);
	ck_assert_uint_eq(cpu->mode, 8);
	ASSERT_MEMORY(0x5fd8, 8, MACHINE_CODE, machine_selector(MACHINE_CODE32, 3), 2, MACHINE_STACK,
	              machine_selector(MACHINE_DATA32, 3));
}
END_TEST

/* --- INT n and its kin ------------------------------------------------------------------------ */

START_TEST(software_interrupts)
{
	static const struct {
		uint8_t code[2];
		uint8_t size, vector;
	} of[] = { { { 0xcd, 0x40 }, 2, 0x40 }, { { 0xcc }, 1, XE_BP }, { { 0xce }, 1, XE_OF }, { { 0xf1 }, 1, XE_DB } };

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		machine_enter_protected(&m, 32, 3);
		machine_gate(&m, of[i].vector, machine_selector(MACHINE_CODE32, 0), HANDLER, GATE_INTERRUPT | GATE_USER);
		cpu->rflags |= HY_X86_RFLAGS_OF;
		ck_assert_int_eq(machine_try(&m, of[i].code, of[i].size), XE_OK);
		assert_at(machine_selector(MACHINE_CODE32, 0), HANDLER, machine_selector(MACHINE_DATA32, 0),
		          MACHINE_STACK0 - 20, 0);
		ASSERT_MEMORY(MACHINE_STACK0 - 20, 4, MACHINE_CODE + of[i].size);
		ck_assert_uint_eq(get(MACHINE_STACK0 - 12, 4), 0x802); /* without RF */
	}
}
END_TEST

START_TEST(software_interrupt_faults)
{
	machine_enter_protected(&m, 32, 3);
	machine_gate(&m, 0x40, machine_selector(MACHINE_CODE32, 0), HANDLER, GATE_INTERRUPT);
	TRY_FAULT(XE_GP, 0x40 * 8 + 2, 0xcd, 0x40);
	machine_gate(&m, XE_DB, machine_selector(MACHINE_CODE32, 0), HANDLER, GATE_INTERRUPT);
	ck_assert_int_eq(TRY(0xf1), XE_OK); /* INT1 doesn't look at the DPL */
	machine_enter_protected(&m, 32, 3);
	machine_gate(&m, 0x40, machine_selector(MACHINE_CODE32, 0), HANDLER, 0x6e);
	TRY_FAULT(XE_NP, 0x40 * 8 + 2, 0xcd, 0x40);
	machine_gate(&m, 0x40, 0, HANDLER, 0xee);
	TRY_FAULT(XE_GP, 0, 0xcd, 0x40);
	machine_gate(&m, 0x40, machine_selector(MACHINE_DATA32, 0), HANDLER, 0xee);
	TRY_FAULT(XE_GP, machine_selector(MACHINE_DATA32, 0), 0xcd, 0x40);
	cpu->idtr.limit = 0x40 * 8 + 6;
	TRY_FAULT(XE_GP, 0x40 * 8 + 2, 0xcd, 0x40);
	machine_enter_v8086(&m);
	TRY_FAULT(XE_GP, 0, 0xcd, 0x40);
	ck_assert_int_eq(TRY(0xce), XE_OK); /* INTO without OF */
	assert_at(0, MACHINE_CODE + 1, 0, MACHINE_STACK, 3);
}
END_TEST

START_TEST(bound)
{
	machine_enter_protected(&m, 32, 0);
	PUT(MACHINE_DATA, 4, -5 & UINT32_MAX, 10);
	cpu->gpr[XE_RAX] = 10;
	ck_assert_int_eq(TRY(0x62, 0x05, 0, 0, 2, 0), XE_OK);
	cpu->gpr[XE_RAX] = -5 & UINT32_MAX;
	ck_assert_int_eq(TRY(0x62, 0x05, 0, 0, 2, 0), XE_OK);
	cpu->gpr[XE_RAX] = 11;
	TRY_FAULT(XE_BR, 0, 0x62, 0x05, 0, 0, 2, 0);
	cpu->gpr[XE_RAX] = -6 & UINT32_MAX;
	TRY_FAULT(XE_BR, 0, 0x62, 0x05, 0, 0, 2, 0);
}
END_TEST

/* --- Faults in delivery ------------------------------------------------------------------------- */

START_TEST(fault_in_delivery_has_ext)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0);

	machine_enter_protected(&m, 32, 0);
	machine_gate(&m, XE_NP, code, HANDLER, GATE_INTERRUPT);
	machine_gate(&m, 0x40, code, HANDLER, 0x0e);
	ck_assert_int_eq(deliver(external(0x40)), XE_OK);
	assert_at(code, HANDLER, machine_selector(MACHINE_DATA32, 0), MACHINE_STACK - 16, 0);
	ASSERT_MEMORY(MACHINE_STACK - 16, 4, 0x40 * 8 + 3, MACHINE_CODE);
	/* Of INT n it isn't set. */
	machine_enter_protected(&m, 32, 0);
	machine_code(&m, (const uint8_t[]){ 0xcd, 0x40 }, 2);
	put(HANDLER, 1, 0xf4);
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	ASSERT_MEMORY(MACHINE_STACK - 16, 4, 0x40 * 8 + 2, MACHINE_CODE);
}
END_TEST

struct pair {
	uint8_t first; /* delivered without a gate of its own, so that #NP comes from it */
	bool doubles;
};

/* With #NP, which is contributory. */
static const struct pair pairs[] = {
	{ XE_DE, true },  { XE_TS, true },  { XE_SS_FAULT, true }, { XE_GP, true },  { XE_PF, true },
	{ XE_UD, false }, { XE_BP, false }, { XE_NM, false },      { XE_AC, false }, { XE_MF, false },
};

START_TEST(double_faults)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0);

	machine_enter_long(&m, 64, 0);
	for (unsigned vector = 0; vector < 32; vector++)
		machine_gate(&m, vector, code, HANDLER + vector, GATE_INTERRUPT);
	machine_gate(&m, pairs[_i].first, code, HANDLER, 0x0e);
	ck_assert_int_eq(deliver(fault_error(pairs[_i].first, 0)), XE_OK);
	ck_assert_uint_eq(cpu->rip, HANDLER + (pairs[_i].doubles ? XE_DF : XE_NP));
	ck_assert_uint_eq(get(cpu->gpr[XE_RSP], 8), pairs[_i].doubles ? 0 : pairs[_i].first * 8 + 3);
	ASSERT_MEMORY(cpu->gpr[XE_RSP] + 8, 8, MACHINE_CODE, code);
}
END_TEST

/* A page fault on the new stack, in the delivery of something contributory, is served by itself. */
START_TEST(page_fault_in_delivery)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0);

	machine_enter_long(&m, 64, 0);
	machine_gate(&m, XE_GP, code, HANDLER, GATE_INTERRUPT);
	put(MACHINE_IDT + XE_GP * 16 + 4, 1, 1);
	put(MACHINE_TSS + 36, 8, UINT64_C(0x40000000));
	machine_gate(&m, XE_PF, code, HANDLER + 1, GATE_INTERRUPT);
	machine_gate(&m, XE_DF, code, HANDLER + 2, GATE_INTERRUPT);
	ck_assert_int_eq(deliver(fault_error(XE_GP, 0)), XE_OK);
	ck_assert_uint_eq(cpu->rip, HANDLER + 1);
	ck_assert_uint_eq(cpu->cr2, 0x3ffffff8); /* of the first push */
	ck_assert_uint_eq(get(cpu->gpr[XE_RSP], 8), 2);
	/* In the delivery of a page fault it is a double fault. */
	put(MACHINE_IDT + XE_PF * 16 + 4, 1, 1);
	cpu->cr2 = 0;
	ck_assert_int_eq(deliver(fault_error(XE_PF, 0)), XE_OK);
	ck_assert_uint_eq(cpu->rip, HANDLER + 2);
	ck_assert_uint_eq(cpu->cr2, 0x3ffffff8); /* of the second page fault */
}
END_TEST

START_TEST(triple_fault)
{
	struct xe_cpu before;

	machine_enter_long(&m, 64, 3);
	before = *cpu;
	ck_assert_int_eq(deliver(fault_error(XE_GP, 0)), XE_SHUTDOWN);
	ck_assert_mem_eq(cpu->gpr, before.gpr, sizeof(before.gpr));
	ck_assert_mem_eq(cpu->seg, before.seg, sizeof(before.seg));
	ck_assert_uint_eq(cpu->rflags, before.rflags);
	ck_assert_uint_eq(cpu->rip, before.rip);
	machine_enter_real(&m);
	cpu->idtr.limit = 0;
	machine_code(&m, (const uint8_t[]){ 0xcd, 0x40 }, 2);
	ck_assert_int_eq(machine_run(&m), XE_SHUTDOWN);
}
END_TEST

START_TEST(faults_on_the_new_stack)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0);

	machine_enter_protected(&m, 32, 3);
	machine_gate(&m, 0x40, code, HANDLER, GATE_INTERRUPT | GATE_USER);
	machine_descriptor(&m, MACHINE_FREE_SELECTOR, 0, MACHINE_STACK0 - 9, 0x4093);
	put(MACHINE_TSS + 8, 4, MACHINE_FREE_SELECTOR);
	TRY_FAULT(XE_SS_FAULT, MACHINE_FREE_SELECTOR, 0xcd, 0x40);
	put(MACHINE_TSS + 8, 4, 0);
	TRY_FAULT(XE_TS, 0, 0xcd, 0x40);
	put(MACHINE_TSS + 8, 4, 0xfff8);
	TRY_FAULT(XE_TS, 0xfff8, 0xcd, 0x40);
	cpu->seg[XE_TR].limit = 5;
	TRY_FAULT(XE_TS, MACHINE_TSS_SELECTOR, 0xcd, 0x40);
	machine_enter_long(&m, 64, 3);
	machine_gate(&m, 0x40, machine_selector(MACHINE_CODE64, 0), HANDLER, GATE_INTERRUPT | GATE_USER);
	put(MACHINE_TSS + 4, 8, UINT64_C(0x900000000000));
	TRY_FAULT(XE_SS_FAULT, 0, 0xcd, 0x40);
	put(MACHINE_TSS + 4, 8, UINT64_C(0x800000000000)); /* the pushes would be below */
	TRY_FAULT(XE_SS_FAULT, 0, 0xcd, 0x40);
	put(MACHINE_TSS + 4, 8, UINT64_C(0x40000000));
	TRY_FAULT(XE_PF, 2, 0xcd, 0x40);
	machine_gate(&m, 0x40, machine_selector(MACHINE_CODE32, 0), HANDLER, GATE_INTERRUPT | GATE_USER);
	TRY_FAULT(XE_GP, machine_selector(MACHINE_CODE32, 0), 0xcd, 0x40);
}
END_TEST

START_TEST(stack_that_is_no_memory)
{
	machine_enter_protected(&m, 32, 0);
	machine_gate(&m, 0x40, machine_selector(MACHINE_CODE32, 0), HANDLER, GATE_INTERRUPT);
	cpu->gpr[XE_RSP] = MACHINE_RAM + 0x1000;
	ck_assert_int_eq(deliver(external(0x40)), XE_REFUSED);
	ck_assert_int_eq(cpu->refusal.reason, XE_REFUSED_MEMORY);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE);
	ck_assert(!xe_is_pending(cpu));
}
END_TEST

/* --- Tasks ------------------------------------------------------------------------------------------ */

#define TASK_TSS 0x3800u
#define TASK_SELECTOR MACHINE_FREE_SELECTOR

/* A task of ring `ring` at HANDLER, in a TSS of 32 bits. */
static void make_task(unsigned ring)
{
	uint16_t code = machine_selector(MACHINE_CODE32, ring), data = machine_selector(MACHINE_DATA32, ring);

	machine_descriptor(&m, TASK_SELECTOR, TASK_TSS, 0x67, 0x89);
	PUT(TASK_TSS + 0x20, 4, HANDLER, 0x202, 1, 2, 3, 4, 0x5000, 6, 7, 8);
	PUT(TASK_TSS + 0x48, 4, data, code, data, data, 0, 0, 0);
}

START_TEST(task_call_and_return)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0), data = machine_selector(MACHINE_DATA32, 0);

	machine_enter_protected(&m, 32, 0);
	make_task(3);
	cpu->gpr[XE_RDI] = 0x12345678;
	ck_assert_int_eq(TRY(0x9a, 0, 0, 0, 0, TASK_SELECTOR, 0), XE_OK);
	assert_at(machine_selector(MACHINE_CODE32, 3), HANDLER, machine_selector(MACHINE_DATA32, 3), 0x5000, 3);
	ck_assert_uint_eq(cpu->seg[XE_TR].selector, TASK_SELECTOR);
	ck_assert_uint_eq(cpu->rflags, 0x4202); /* nested */
	ck_assert_uint_eq(cpu->gpr[XE_RDX], 3);
	ck_assert(cpu->cr0 & HY_X86_CR0_TS);
	ck_assert_uint_eq(get(TASK_TSS, 2), MACHINE_TSS_SELECTOR);
	ck_assert_uint_eq(get(MACHINE_GDT + TASK_SELECTOR + 5, 1), 0x8b);
	ck_assert_uint_eq(get(MACHINE_GDT + MACHINE_TSS_SELECTOR + 5, 1), 0x8b);
	put(HANDLER, 1, 0xcf);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(code, MACHINE_CODE + 7, data, MACHINE_STACK, 0);
	ck_assert_uint_eq(cpu->gpr[XE_RDI], 0x12345678);
	ck_assert_uint_eq(cpu->rflags, 2);
	ck_assert_uint_eq(get(MACHINE_GDT + TASK_SELECTOR + 5, 1), 0x89);
	ck_assert_uint_eq(get(TASK_TSS + 0x20, 4), HANDLER + 1);
}
END_TEST

START_TEST(task_jump_and_faults)
{
	machine_enter_protected(&m, 32, 0);
	make_task(0);
	TRY_FAULT(XE_GP, MACHINE_TSS_SELECTOR, 0xea, 0, 0, 0, 0, MACHINE_TSS_SELECTOR, 0); /* busy */
	machine_descriptor(&m, TASK_SELECTOR, TASK_TSS, 0x66, 0x89);
	TRY_FAULT(XE_TS, TASK_SELECTOR, 0xea, 0, 0, 0, 0, TASK_SELECTOR, 0);
	machine_descriptor(&m, TASK_SELECTOR, TASK_TSS, 0x67, 0x09);
	TRY_FAULT(XE_NP, TASK_SELECTOR, 0xea, 0, 0, 0, 0, TASK_SELECTOR, 0);
	make_task(0);
	ck_assert_int_eq(TRY(0xea, 0, 0, 0, 0, TASK_SELECTOR, 0), XE_OK);
	ck_assert_uint_eq(cpu->rflags, 0x202);
	ck_assert_uint_eq(get(MACHINE_GDT + MACHINE_TSS_SELECTOR + 5, 1), 0x89);
	/* What is wrong with the new task's segments is found in it. */
	machine_enter_protected(&m, 32, 0);
	make_task(0);
	put(TASK_TSS + 0x54, 4, 0xfff8);
	ck_assert_int_eq(TRY(0xea, 0, 0, 0, 0, TASK_SELECTOR, 0), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, XE_TS);
	ck_assert_uint_eq(cpu->event.error, 0xfff8);
	ck_assert_uint_eq(cpu->rip, HANDLER);
	ck_assert_uint_eq(cpu->seg[XE_TR].selector, TASK_SELECTOR);
}
END_TEST

START_TEST(task_gate)
{
	machine_enter_protected(&m, 32, 3);
	make_task(0);
	machine_gate(&m, XE_DF, TASK_SELECTOR, 0, 0x85);
	ck_assert_int_eq(deliver(fault_error(XE_DF, 0)), XE_OK);
	assert_at(machine_selector(MACHINE_CODE32, 0), HANDLER, machine_selector(MACHINE_DATA32, 0), 0x5000 - 4, 0);
	ck_assert_uint_eq(get(0x5000 - 4, 4), 0);
	ck_assert_uint_eq(get(MACHINE_TSS + 0x20, 4), MACHINE_CODE);
	ck_assert_uint_eq(get(MACHINE_TSS + 0x4c, 2), machine_selector(MACHINE_CODE32, 3));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-events");
	TCase *delivery = tcase_create("delivery");

	tcase_add_checked_fixture(delivery, setup, teardown);
	tcase_add_test(delivery, real_mode);
	tcase_add_test(delivery, same_level_32);
	tcase_add_test(delivery, frames);
	tcase_add_test(delivery, inner_level_32);
	tcase_add_test(delivery, gate_of_16_bits);
	tcase_add_test(delivery, from_v8086);
	tcase_add_test(delivery, same_level_64);
	tcase_add_test(delivery, inner_level_64);
	tcase_add_test(delivery, interrupt_stack_table);
	tcase_add_test(delivery, from_compatibility_mode);
	tcase_add_test(delivery, software_interrupts);
	tcase_add_test(delivery, software_interrupt_faults);
	tcase_add_test(delivery, bound);
	tcase_add_test(delivery, fault_in_delivery_has_ext);
	tcase_add_loop_test(delivery, double_faults, 0, (int)(sizeof(pairs) / sizeof(pairs[0])));
	tcase_add_test(delivery, page_fault_in_delivery);
	tcase_add_test(delivery, triple_fault);
	tcase_add_test(delivery, faults_on_the_new_stack);
	tcase_add_test(delivery, stack_that_is_no_memory);
	tcase_add_test(delivery, task_call_and_return);
	tcase_add_test(delivery, task_jump_and_faults);
	tcase_add_test(delivery, task_gate);
	suite_add_tcase(suite, delivery);
	return suite_run(suite);
}
