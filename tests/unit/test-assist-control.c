/* SPDX-License-Identifier: MIT */
/* plugins/assist: the stack and near branches. */
#include "assist-machine.h"
#include "suite.h"

#define OUTSIDE (MACHINE_RAM + 0x1000u)
#define HOLE (MACHINE_MAPPED + 0x5000u) /* no page tables lead there */

static struct machine m;
static uint64_t *const gpr = m.cpu.gpr;

/* Puts an instruction, or several, at RIP and executes the first. */
#define TRY(...) machine_try(&m, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void setup(void)
{
	ck_assert(machine_open(&m, true));
	machine_enter_long(&m, 64, 0);
}

static void teardown(void)
{
	machine_close(&m);
}

static uint64_t read8(uint64_t gpa)
{
	return machine_read_value(&m, gpa, 8);
}

static void expect_fault(enum xe_result r, unsigned vector, uint32_t error)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.kind, XE_EVENT_FAULT);
	ck_assert_uint_eq(m.cpu.event.vector, vector);
	ck_assert_uint_eq(m.cpu.event.error, error);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE);
}

static void expect_access(unsigned i, unsigned kind, bool write, uint64_t address, size_t size)
{
	ck_assert_uint_gt(m.accesses, i);
	ck_assert_uint_eq(m.access[i].kind, kind);
	ck_assert_uint_eq(m.access[i].write, write);
	ck_assert_uint_eq(m.access[i].address, address);
	ck_assert_uint_eq(m.access[i].size, size);
}

/* --- Stack -------------------------------------------------------------------------- */

START_TEST(push_sizes)
{
	gpr[XE_RAX] = UINT64_C(0x1122334455667788);
	ck_assert_int_eq(TRY(0x50), XE_OK); /* push %rax */
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK - 8);
	ck_assert_uint_eq(read8(MACHINE_STACK - 8), gpr[XE_RAX]);
	ck_assert_int_eq(TRY(0x66, 0x50), XE_OK); /* push %ax */
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK - 10);
	ck_assert_uint_eq(machine_read_value(&m, gpr[XE_RSP], 2), 0x7788);
	ck_assert_int_eq(TRY(0x6a, 0xfe), XE_OK); /* push $-2 */
	ck_assert_uint_eq(read8(MACHINE_STACK - 18), UINT64_C(0xfffffffffffffffe));
	ck_assert_int_eq(TRY(0x54), XE_OK); /* push %rsp */
	ck_assert_uint_eq(read8(gpr[XE_RSP]), gpr[XE_RSP] + 8);
	m.cpu.seg[XE_FS].selector = 0x1234;
	ck_assert_int_eq(TRY(0x0f, 0xa0), XE_OK); /* push %fs */
	ck_assert_uint_eq(read8(gpr[XE_RSP]), 0x1234);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 2);
}
END_TEST

/* pop 8(%rsp), pop %rsp, pop (%rax): the address counts from the new rSP; nothing happens on a fault. */
START_TEST(pop_forms)
{
	gpr[XE_RSP] = MACHINE_STACK - 32;
	machine_write_value(&m, MACHINE_STACK - 32, 8, 0xaaaa);
	ck_assert_int_eq(TRY(0x8f, 0x44, 0x24, 0x08), XE_OK);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK - 24);
	ck_assert_uint_eq(read8(MACHINE_STACK - 16), 0xaaaa);
	machine_write_value(&m, MACHINE_STACK - 24, 8, 0x6000);
	ck_assert_int_eq(TRY(0x5c), XE_OK);
	ck_assert_uint_eq(gpr[XE_RSP], 0x6000);
	gpr[XE_RAX] = HOLE;
	expect_fault(TRY(0x8f, 0x00), XE_PF, 2);
	ck_assert_uint_eq(m.cpu.event.address, HOLE);
	ck_assert_uint_eq(gpr[XE_RSP], 0x6000);
	gpr[XE_RSP] = UINT64_C(0x800000000000);
	expect_fault(TRY(0x58), XE_SS_FAULT, 0);
}
END_TEST

START_TEST(stack_outside)
{
	gpr[XE_RSP] = OUTSIDE + 8;
	gpr[XE_RAX] = OUTSIDE + 0x100;
	ck_assert_int_eq(TRY(0xff, 0x30), XE_OK); /* push (%rax) */
	ck_assert_uint_eq(m.accesses, 2);
	expect_access(0, XE_ACCESS_MMIO, false, OUTSIDE + 0x100, 8);
	expect_access(1, XE_ACCESS_MMIO, true, OUTSIDE, 8);
	ck_assert_uint_eq(m.access[1].data, machine_pattern(OUTSIDE + 0x100, 8));
	ck_assert_uint_eq(gpr[XE_RSP], OUTSIDE);

	m.accesses = 0;
	ck_assert_int_eq(TRY(0x8f, 0x00), XE_OK); /* pop (%rax) */
	expect_access(0, XE_ACCESS_MMIO, false, OUTSIDE, 8);
	expect_access(1, XE_ACCESS_MMIO, true, OUTSIDE + 0x100, 8);
	ck_assert_uint_eq(gpr[XE_RSP], OUTSIDE + 8);

	m.accesses = 0;
	ck_assert_int_eq(TRY(0xe8, 0x10, 0, 0, 0), XE_OK); /* call .+0x15 */
	ck_assert_uint_eq(m.accesses, 1);
	expect_access(0, XE_ACCESS_MMIO, true, OUTSIDE, 8);
	ck_assert_uint_eq(m.access[0].data, MACHINE_CODE + 5);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 0x15);
}
END_TEST

/* A pending access forgotten: as if the instruction had not been tried. */
START_TEST(drop_between_accesses)
{
	struct xe_cpu before;

	gpr[XE_RSP] = OUTSIDE + 8;
	gpr[XE_RAX] = OUTSIDE + 0x100;
	machine_code(&m, "\xff\x30", 2); /* push (%rax) */
	memcpy(&before, &m.cpu, sizeof(before));
	ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
	machine_answer(&m);
	ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
	ck_assert(m.cpu.access.write);
	xe_drop(&m.cpu);
	ck_assert_mem_eq(m.cpu.gpr, before.gpr, sizeof(before.gpr));
	ck_assert_uint_eq(m.cpu.rip, before.rip);
	ck_assert_uint_eq(m.cpu.rflags, before.rflags);
}
END_TEST

/* PUSHA and POPA with a stack pointer of 16 bits that wraps; across the end it is #SS and nothing is written. */
START_TEST(push_all)
{
	machine_enter_protected(&m, 16, 0);
	for (unsigned i = 0; i < 8; i++)
		gpr[i] = 0x100 + i;
	gpr[XE_RSP] = 0xabcd0006;
	ck_assert_int_eq(TRY(0x60), XE_OK); /* pusha */
	ck_assert_uint_eq(gpr[XE_RSP], 0xabcdfff6);
	ck_assert_uint_eq(machine_read_value(&m, 4, 2), 0x100);
	ck_assert_uint_eq(machine_read_value(&m, 0xfffe, 2), 0x103);
	ck_assert_uint_eq(machine_read_value(&m, 0xfffc, 2), 6);
	ck_assert_uint_eq(machine_read_value(&m, 0xfff6, 2), 0x107);
	for (unsigned i = 0; i < 8; i++)
		if (i != XE_RSP)
			gpr[i] = 0;
	ck_assert_int_eq(TRY(0x61), XE_OK); /* popa */
	ck_assert_uint_eq(gpr[XE_RSP], 0xabcd0006);
	ck_assert_uint_eq(gpr[XE_RAX], 0x100);
	ck_assert_uint_eq(gpr[XE_RDI], 0x107);
	machine_write_value(&m, 3, 2, 0xeeee);
	gpr[XE_RSP] = 5;
	expect_fault(TRY(0x60), XE_SS_FAULT, 0);
	ck_assert_uint_eq(machine_read_value(&m, 3, 2), 0xeeee);
}
END_TEST

START_TEST(pop_ss)
{
	machine_enter_protected(&m, 32, 0);
	gpr[XE_RSP] = MACHINE_STACK - 4;
	machine_write_value(&m, MACHINE_STACK - 4, 4, machine_selector(MACHINE_DATA32, 0));
	ck_assert_int_eq(TRY(0x17), XE_OK);
	ck_assert(m.cpu.shadow && m.cpu.shadow_ss);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK);
	ck_assert_int_eq(TRY(0x90), XE_OK);
	ck_assert(!m.cpu.shadow && !m.cpu.shadow_ss);
	gpr[XE_RSP] = MACHINE_STACK - 4;
	machine_write_value(&m, MACHINE_STACK - 4, 4, 0);
	expect_fault(TRY(0x17), XE_GP, 0);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK - 4);
}
END_TEST

/* popf by privilege: what can be set of all, what can be cleared. */
static void expect_poppable(bool wide, uint64_t mask)
{
	uint64_t fixed = m.cpu.rflags & ~mask;

	for (int on = 0; on < 2; on++) {
		gpr[XE_RSP] = MACHINE_STACK - 8;
		machine_write_value(&m, MACHINE_STACK - 8, 8, on ? UINT32_MAX : 0);
		ck_assert_int_eq(wide ? TRY(0x9d) : TRY(0x66, 0x9d), XE_OK);
		ck_assert_uint_eq(m.cpu.rflags, fixed | (on ? mask : 0));
		m.cpu.trap = 0;
	}
}

START_TEST(pop_flags)
{
	uint64_t always = XE_RFLAGS_STATUS | HY_X86_RFLAGS_TF | HY_X86_RFLAGS_DF | XE_RFLAGS_NT;
	uint64_t wide = XE_RFLAGS_AC | XE_RFLAGS_ID;

	expect_poppable(true, always | wide | HY_X86_RFLAGS_IF | XE_RFLAGS_IOPL);
	expect_poppable(false, always | HY_X86_RFLAGS_IF | XE_RFLAGS_IOPL);
	for (unsigned iopl = 0; iopl < 4; iopl++) {
		machine_enter_long(&m, 64, 2);
		m.cpu.rflags |= iopl << XE_RFLAGS_IOPL_SHIFT | XE_RFLAGS_VIP | XE_RFLAGS_VIF;
		expect_poppable(true, always | wide | (iopl >= 2 ? HY_X86_RFLAGS_IF : 0));
		expect_poppable(false, always | (iopl >= 2 ? HY_X86_RFLAGS_IF : 0));
	}
}
END_TEST

START_TEST(flags_in_v8086)
{
	machine_enter_v8086(&m);
	expect_fault(TRY(0x9c), XE_GP, 0); /* pushf */
	expect_fault(TRY(0x9d), XE_GP, 0);
	m.cpu.cr4 |= XE_CR4_VME;
	m.cpu.rflags |= HY_X86_RFLAGS_IF;
	ck_assert_int_eq(TRY(0x9c), XE_OK); /* VIF is clear: IF is pushed so, and IOPL as 3 */
	ck_assert_uint_eq(machine_read_value(&m, gpr[XE_RSP], 2), HY_X86_RFLAGS_ONE | XE_RFLAGS_IOPL);
	expect_fault(TRY(0x66, 0x9c), XE_GP, 0);
	machine_write_value(&m, gpr[XE_RSP], 2, HY_X86_RFLAGS_IF);
	ck_assert_int_eq(TRY(0x9d), XE_OK);
	ck_assert(m.cpu.rflags & XE_RFLAGS_VIF);
	ck_assert_int_eq(TRY(0xfa), XE_OK); /* cli */
	ck_assert(!(m.cpu.rflags & XE_RFLAGS_VIF) && (m.cpu.rflags & HY_X86_RFLAGS_IF));
	m.cpu.rflags |= XE_RFLAGS_VIP;
	expect_fault(TRY(0xfb), XE_GP, 0); /* sti */
	gpr[XE_RSP] -= 2;
	expect_fault(TRY(0x9d), XE_GP, 0);
	m.cpu.rflags |= XE_RFLAGS_IOPL;
	ck_assert_int_eq(TRY(0x9d), XE_OK);
	ck_assert(m.cpu.rflags & HY_X86_RFLAGS_IF);
	ck_assert_uint_eq(m.cpu.rflags & XE_RFLAGS_IOPL, XE_RFLAGS_IOPL);
}
END_TEST

/* enter $0x20, $3; leave. */
START_TEST(enter_and_leave)
{
	gpr[XE_RBP] = MACHINE_DATA + 0x100;
	machine_write_value(&m, MACHINE_DATA + 0xf8, 8, 0x1111);
	machine_write_value(&m, MACHINE_DATA + 0xf0, 8, 0x2222);
	ck_assert_int_eq(TRY(0xc8, 0x20, 0x00, 0x03), XE_OK);
	ck_assert_uint_eq(gpr[XE_RBP], MACHINE_STACK - 8);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK - 32 - 0x20);
	ck_assert_uint_eq(read8(MACHINE_STACK - 8), MACHINE_DATA + 0x100);
	ck_assert_uint_eq(read8(MACHINE_STACK - 16), 0x1111);
	ck_assert_uint_eq(read8(MACHINE_STACK - 24), 0x2222);
	ck_assert_uint_eq(read8(MACHINE_STACK - 32), MACHINE_STACK - 8);
	ck_assert_int_eq(TRY(0xc9), XE_OK);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK);
	ck_assert_uint_eq(gpr[XE_RBP], MACHINE_DATA + 0x100);

	/* Where it would leave the stack pointer is no page: nothing is written. */
	machine_map(&m, MACHINE_STACK - 0x2000, 0, 0, 1);
	xe_flush_all(&m.cpu);
	machine_write_value(&m, MACHINE_STACK - 8, 8, 0x3333);
	expect_fault(TRY(0xc8, 0xf0, 0x1f, 0x00), XE_PF, 2);
	ck_assert_uint_eq(read8(MACHINE_STACK - 8), 0x3333);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK);
	/* 16-bit operands: BP, but all of RSP. */
	gpr[XE_RBP] = UINT64_C(0x1122334455667788);
	ck_assert_int_eq(TRY(0x66, 0xc8, 0x10, 0x00, 0x00), XE_OK);
	ck_assert_uint_eq(gpr[XE_RBP], UINT64_C(0x1122334455660000) + MACHINE_STACK - 2);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK - 2 - 0x10);
}
END_TEST

/* --- Branches ----------------------------------------------------------------------------- */

START_TEST(branch_targets)
{
	gpr[XE_RAX] = UINT64_C(0x800000000000);
	expect_fault(TRY(0xff, 0xe0), XE_GP, 0); /* jmp *%rax */
	expect_fault(TRY(0xff, 0xd0), XE_GP, 0); /* call *%rax */
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK);
	machine_write_value(&m, MACHINE_STACK, 8, UINT64_C(0x800000000000));
	expect_fault(TRY(0xc3), XE_GP, 0);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK);
	machine_write_value(&m, MACHINE_STACK, 8, 0x12345);
	ck_assert_int_eq(TRY(0xc2, 0x10, 0x80), XE_OK); /* ret $0x8010 */
	ck_assert_uint_eq(m.cpu.rip, 0x12345);
	ck_assert_uint_eq(gpr[XE_RSP], MACHINE_STACK + 8 + 0x8010);
}
END_TEST

START_TEST(branch_limits)
{
	machine_enter_protected(&m, 16, 0);
	m.cpu.seg[XE_CS].limit = 0x9000;
	ck_assert_int_eq(TRY(0xe9, 0xfd, 0x0f), XE_OK); /* to 0x9000, the last byte */
	ck_assert_uint_eq(m.cpu.rip, 0x9000);
	expect_fault(TRY(0xe9, 0xfe, 0x0f), XE_GP, 0);
	ck_assert_int_eq(TRY(0xe9, 0x00, 0x80), XE_OK); /* wraps at 64 KiB */
	ck_assert_uint_eq(m.cpu.rip, 0x0003);
	expect_fault(TRY(0x66, 0xe9, 0x00, 0x70, 0xff, 0xff), XE_GP, 0); /* but not of 32 bits */
}
END_TEST

START_TEST(loops)
{
	gpr[XE_RCX] = UINT64_C(0x100000001);
	ck_assert_int_eq(TRY(0xe2, 0x10), XE_OK); /* loop */
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 0x12);
	ck_assert_uint_eq(gpr[XE_RCX], UINT64_C(0x100000000));
	ck_assert_int_eq(TRY(0x67, 0xe3, 0x10), XE_OK); /* jecxz */
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 0x13);
	ck_assert_int_eq(TRY(0xe3, 0x10), XE_OK); /* jrcxz */
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 2);
	ck_assert_int_eq(TRY(0x67, 0xe2, 0x10), XE_OK); /* loop by ECX */
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 0x13);
	ck_assert_uint_eq(gpr[XE_RCX], 0xffffffff);
	m.cpu.rflags |= HY_X86_RFLAGS_ZF;
	ck_assert_int_eq(TRY(0xe1, 0x10), XE_OK); /* loope */
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 0x12);
	ck_assert_int_eq(TRY(0xe0, 0x10), XE_OK); /* loopne */
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 2);
	ck_assert_uint_eq(gpr[XE_RCX], 0xfffffffd);
}
END_TEST

/* A branch that faults leaves the counter alone. */
START_TEST(loop_faults)
{
	machine_enter_protected(&m, 32, 0);
	m.cpu.seg[XE_CS].limit = MACHINE_CODE + 0x10;
	gpr[XE_RCX] = 5;
	expect_fault(TRY(0xe2, 0x40), XE_GP, 0);
	ck_assert_uint_eq(gpr[XE_RCX], 5);
}
END_TEST

static TCase *make_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("assist-control");
	TCase *tcase = make_case(suite, "stack");

	tcase_add_test(tcase, push_sizes);
	tcase_add_test(tcase, pop_forms);
	tcase_add_test(tcase, stack_outside);
	tcase_add_test(tcase, drop_between_accesses);
	tcase_add_test(tcase, push_all);
	tcase_add_test(tcase, pop_ss);
	tcase_add_test(tcase, pop_flags);
	tcase_add_test(tcase, flags_in_v8086);
	tcase_add_test(tcase, enter_and_leave);
	tcase = make_case(suite, "branches");
	tcase_add_test(tcase, branch_targets);
	tcase_add_test(tcase, branch_limits);
	tcase_add_test(tcase, loops);
	tcase_add_test(tcase, loop_faults);
	return suite;
}

int main(void)
{
	return suite_run(make_suite());
}
