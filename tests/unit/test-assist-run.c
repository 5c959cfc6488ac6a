/* SPDX-License-Identifier: MIT */
/* plugins/assist: xe_run, what it does between instructions and in which order (SDM vol. 3, section 6.9). */
#include <check.h>

#include "assist-protection.h"
#include "suite.h"

#define HANDLER 0x9000u
#define GATE_INTERRUPT_USER 0xeeu

/* Every vector's handler halts at an address of its own. */
static void make_handlers(void)
{
	uint16_t code = machine_selector(cpu->is_long ? MACHINE_CODE64 : MACHINE_CODE32, 0);

	for (unsigned vector = 0; vector < 256; vector++) {
		machine_gate(&m, vector, code, HANDLER + vector, GATE_INTERRUPT_USER);
		put(HANDLER + vector, 1, 0xf4);
	}
}

#define RUN(...) run_code((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void run_code(const uint8_t *code, size_t size)
{
	machine_code(&m, code, size);
	ck_assert_int_eq(machine_run(&m), XE_HALT);
}

/* Halted in the handler of a vector, which was entered from there. */
static void assert_halted(unsigned vector, uint64_t from)
{
	ck_assert_uint_eq(cpu->rip, HANDLER + vector + 1);
	ck_assert_uint_eq(get(cpu->gpr[XE_RSP], cpu->is_long ? 8 : 4), from);
}

START_TEST(single_step)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->rflags |= HY_X86_RFLAGS_TF;
	RUN(0x90, 0x90);
	assert_halted(XE_DB, MACHINE_CODE + 1);
	ck_assert_uint_eq(cpu->dr[6], 0xffff4ff0);
	/* The one after MOV SS is put off; POPF that sets TF is not stepped itself. */
	machine_enter_long(&m, 64, 0);
	cpu->rflags |= HY_X86_RFLAGS_TF;
	cpu->gpr[XE_RAX] = machine_selector(MACHINE_DATA32, 0);
	RUN(0x8e, 0xd0, 0x90, 0x90);
	assert_halted(XE_DB, MACHINE_CODE + 3);
	machine_enter_long(&m, 64, 0);
	RUN(0x68, 0x02, 0x01, 0, 0, 0x9d, 0x90, 0x90); /* push 0x102; popf */
	assert_halted(XE_DB, MACHINE_CODE + 7);
	/* INT n clears TF, and nothing steps its handler. */
	machine_enter_long(&m, 64, 0);
	cpu->rflags |= HY_X86_RFLAGS_TF;
	RUN(0xcd, 0x40);
	assert_halted(0x40, MACHINE_CODE + 2);
}
END_TEST

START_TEST(single_step_of_system_calls)
{
	machine_enter_long(&m, 64, 3);
	make_handlers();
	cpu->msr.star = UINT64_C(0x0023001000000000);
	cpu->msr.lstar = HANDLER + 0x40;
	cpu->msr.fmask = HY_X86_RFLAGS_TF;
	cpu->rflags |= HY_X86_RFLAGS_TF;
	RUN(0x0f, 0x05);
	ck_assert_uint_eq(cpu->rip, HANDLER + 0x41);
	/* Back to a program that is being stepped: as if its SYSCALL were just done. */
	machine_enter_long(&m, 64, 0);
	cpu->gpr[XE_RCX] = HANDLER;
	cpu->gpr[11] = 0x102;
	RUN(0x48, 0x0f, 0x07);
	assert_halted(XE_DB, HANDLER);
}
END_TEST

START_TEST(repeats_step_by_item)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->rflags |= HY_X86_RFLAGS_TF;
	cpu->gpr[XE_RCX] = 3;
	cpu->gpr[XE_RSI] = MACHINE_DATA;
	cpu->gpr[XE_RDI] = MACHINE_DATA + 0x100;
	RUN(0xf3, 0xa4);
	assert_halted(XE_DB, MACHINE_CODE);
	ck_assert_uint_eq(cpu->gpr[XE_RCX], 2);
}
END_TEST

START_TEST(interrupt_shadow)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->interrupt = 0x40;
	RUN(0xfb, 0x90, 0x90); /* sti */
	assert_halted(0x40, MACHINE_CODE + 2);
	ck_assert_int_eq(cpu->interrupt, -1);
	/* MOV SS keeps interrupts and NMI away. */
	machine_enter_long(&m, 64, 0);
	cpu->rflags |= HY_X86_RFLAGS_IF;
	cpu->gpr[XE_RAX] = machine_selector(MACHINE_DATA32, 0);
	machine_code(&m, (const uint8_t[]){ 0x8e, 0xd0, 0x90, 0x90 }, 4);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert(!xe_can_interrupt(cpu));
	cpu->interrupt = 0x41;
	cpu->nmi = true;
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	assert_halted(XE_NMI, MACHINE_CODE + 3); /* the NMI goes first */
	ck_assert_int_eq(cpu->interrupt, 0x41);
}
END_TEST

START_TEST(interrupts_wait)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->interrupt = 0x40;
	RUN(0x90, 0xf4);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE + 2);
	ck_assert_int_eq(cpu->interrupt, 0x40);
	ck_assert(!xe_can_interrupt(cpu));
}
END_TEST

START_TEST(nmi_masking)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	put(HANDLER + XE_NMI, 2, 0xcf48);
	cpu->nmi = true;
	machine_code(&m, (const uint8_t[]){ 0x90, 0xf4 }, 2);
	/* In the handler a second one waits, until IRET. */
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	ck_assert(!cpu->nmi_masked);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE + 2);
	put(HANDLER + XE_NMI, 2, 0xf4);
	machine_code(&m, (const uint8_t[]){ 0x90, 0xf4 }, 2);
	cpu->nmi = true;
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	ck_assert(cpu->nmi_masked);
	cpu->nmi = true;
	put(HANDLER + XE_NMI + 1, 2, 0xf490);
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	ck_assert(cpu->nmi);
	ck_assert_uint_eq(cpu->rip, HANDLER + XE_NMI + 3);
}
END_TEST

START_TEST(breakpoints)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->dr[0] = MACHINE_CODE + 1;
	cpu->dr[7] |= 2;
	xe_state_changed(cpu);
	RUN(0x90, 0x90, 0xf4);
	assert_halted(XE_DB, MACHINE_CODE + 1);
	ck_assert_uint_eq(cpu->dr[6] & 0xf, 1);
	ck_assert_uint_eq(get(cpu->gpr[XE_RSP] + 16, 8), 2); /* the handler sets RF itself */
	/* With RF it is passed, once. */
	machine_enter_long(&m, 64, 0);
	machine_code(&m, (const uint8_t[]){ 0x90, 0x90, 0xeb, 0xfd }, 4); /* nop; again: nop; jmp again */
	cpu->rip++;
	cpu->rflags |= HY_X86_RFLAGS_RF;
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(cpu->rflags, 2);
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	assert_halted(XE_DB, MACHINE_CODE + 1);
	/* Data: a trap. */
	machine_enter_long(&m, 64, 0);
	cpu->dr[0] = MACHINE_DATA;
	cpu->dr[7] = 0xd0402; /* writes of 4 bytes */
	xe_state_changed(cpu);
	cpu->gpr[XE_RBX] = MACHINE_DATA;
	RUN(0x89, 0x03, 0x90);
	assert_halted(XE_DB, MACHINE_CODE + 2);
}
END_TEST

/* A data breakpoint in an access of an instruction that is executed twice is one trap. */
START_TEST(breakpoint_and_access)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->dr[0] = MACHINE_DATA;
	cpu->dr[7] = 0xf0402;
	xe_state_changed(cpu);
	cpu->gpr[XE_RSI] = MACHINE_DATA;
	cpu->gpr[XE_RDI] = MACHINE_RAM;
	machine_code(&m, (const uint8_t[]){ 0xa4, 0x90 }, 2); /* movsb, to the outside */
	ck_assert_int_eq(xe_execute(cpu), XE_ACCESS);
	ck_assert_uint_eq(cpu->trap, 0);
	machine_answer(&m);
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	assert_halted(XE_DB, MACHINE_CODE + 1);
	ck_assert_uint_eq(m.accesses, 1);
}
END_TEST

/* The instruction that waits for an answer isn't lost with the cache. */
START_TEST(access_survives_a_flush)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->gpr[XE_RBX] = MACHINE_RAM;
	machine_code(&m, (const uint8_t[]){ 0x8a, 0x03, 0xf4 }, 3); /* mov al, [rbx] */
	ck_assert_int_eq(xe_run(cpu), XE_ACCESS);
	memset((void *)cpu->cache, 0, xe_cache_size);
	machine_answer(&m);
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	ck_assert_uint_eq(cpu->gpr[XE_RAX] & 0xff, machine_pattern(MACHINE_RAM, 1));
}
END_TEST

START_TEST(attention)
{
	static const uint32_t asked = 1;

	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->attention = &asked;
	machine_code(&m, (const uint8_t[]){ 0xe4, 0x80, 0xf4 }, 3); /* in al, 0x80 */
	ck_assert_int_eq(xe_run(cpu), XE_OK);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE);
	/* What was begun is finished first. */
	cpu->attention = NULL;
	ck_assert_int_eq(xe_run(cpu), XE_ACCESS);
	cpu->access.data[0] = 0x5a;
	cpu->attention = &asked;
	ck_assert_int_eq(xe_run(cpu), XE_OK);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE + 2);
	ck_assert_uint_eq(cpu->gpr[XE_RAX] & 0xff, 0x5a);
	cpu->attention = NULL;
}
END_TEST

START_TEST(exception_exits)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->exception_exits = 1u << XE_BP | 1u << XE_UD | 1u << XE_DB;
	machine_code(&m, (const uint8_t[]){ 0xcc, 0x0f, 0x0b, 0x90 }, 4); /* int3; ud2 */
	ck_assert_int_eq(machine_run(&m), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, XE_BP);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE);
	ck_assert_int_eq(xe_deliver(cpu, &cpu->event), XE_OK);
	ck_assert_int_eq(machine_run(&m), XE_HALT);
	assert_halted(XE_BP, MACHINE_CODE + 1);
	cpu->rip = MACHINE_CODE + 1;
	ck_assert_int_eq(machine_run(&m), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, XE_UD);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE + 1);
	cpu->rip = MACHINE_CODE + 3;
	cpu->rflags |= HY_X86_RFLAGS_TF;
	ck_assert_int_eq(machine_run(&m), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, XE_DB);
	ck_assert_uint_eq(cpu->event.dr6, 0x4000);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE + 4);
}
END_TEST

START_TEST(halt_and_trap)
{
	machine_enter_long(&m, 64, 0);
	make_handlers();
	cpu->rflags |= HY_X86_RFLAGS_TF;
	RUN(0xf4);
	assert_halted(XE_DB, MACHINE_CODE + 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-run");
	TCase *loop = tcase_create("loop");

	tcase_add_checked_fixture(loop, setup, teardown);
	tcase_add_test(loop, single_step);
	tcase_add_test(loop, single_step_of_system_calls);
	tcase_add_test(loop, repeats_step_by_item);
	tcase_add_test(loop, interrupt_shadow);
	tcase_add_test(loop, interrupts_wait);
	tcase_add_test(loop, nmi_masking);
	tcase_add_test(loop, breakpoints);
	tcase_add_test(loop, breakpoint_and_access);
	tcase_add_test(loop, access_survives_a_flush);
	tcase_add_test(loop, attention);
	tcase_add_test(loop, exception_exits);
	tcase_add_test(loop, halt_and_trap);
	suite_add_tcase(suite, loop);
	return suite_run(suite);
}
