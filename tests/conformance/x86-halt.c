/* SPDX-License-Identifier: MIT */
/* HLT, and the end of a guest by a triple fault. */
#include "conform.h"

USE_GUEST(halt_goes_on);
USE_GUEST(halt_often);
USE_GUEST(halt_sti);
USE_GUEST(halt_loop);
USE_GUEST(halt_bad_segment);
USE_GUEST(halt_bad_segment64);

/* --- HALT ------------------------------------------------------------------------- */

static void halt_at(struct conform *t, uint64_t ip)
{
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), ip);
}

static void goes_on(struct conform *t, enum mode mode, uint64_t rflags)
{
	conform_boot(t, mode, halt_goes_on);
	set_reg(t, HY_X86_RAX, 0x5a);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | rflags);
	halt_at(t, CODE + 1);
	CHECK_EQ(get_reg(t, HY_X86_RFLAGS) & HY_X86_RFLAGS_IF, rflags);
	OUT(t, 0x42, 1, 0x5a);
	halt_at(t, CODE + 4);
}

static void real_mode(struct conform *t)
{
	goes_on(t, REAL, 0);
}

static void protected_mode(struct conform *t)
{
	goes_on(t, PROTECTED, 0);
}

static void paged_mode(struct conform *t)
{
	goes_on(t, PAGED32, 0);
}

static void long_mode(struct conform *t)
{
	goes_on(t, LONG, 0);
}

static void with_interrupts(struct conform *t)
{
	goes_on(t, LONG, HY_X86_RFLAGS_IF);
}

static void real_mode_with_interrupts(struct conform *t)
{
	goes_on(t, REAL, HY_X86_RFLAGS_IF);
}

static void after_sti(struct conform *t)
{
	conform_boot(t, LONG, halt_sti);
	halt_at(t, CODE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RFLAGS) & HY_X86_RFLAGS_IF, HY_X86_RFLAGS_IF);
	halt_at(t, CODE + 4);
	CHECK_EQ(get_reg(t, HY_X86_RFLAGS) & HY_X86_RFLAGS_IF, 0);
}

static void often(struct conform *t)
{
	conform_boot(t, LONG, halt_often);
	for (uint64_t i = 1; i <= 100; i++)
		halt_at(t, CODE + i);
}

static void loop(struct conform *t)
{
	conform_boot(t, LONG, halt_loop);
	set_reg(t, HY_X86_RAX, 0);
	for (uint64_t i = 1; i <= 100; i++) {
		HALT(t);
		CHECK_EQ(get_reg(t, HY_X86_RAX), i);
	}
}

/* Nothing is pending, and there is no data. */
static void record(struct conform *t)
{
	size_t size = 1;

	conform_boot(t, LONG, halt_goes_on);
	HALT(t);
	CHECK_EQ(t->exit->flags, 0);
	CHECK_EQ(t->exit->data_size, 0);
	CHECK(!t->exit->data);
	CHECK(!hy_vcpu_data(t->vcpu, &size));
	CHECK_EQ(size, 0);
}

static void end_of_page(struct conform *t)
{
	const uint64_t last = CODE + PAGE - 1;

	conform_boot(t, LONG, halt_goes_on);
	write_ram(t, last, halt_goes_on.start, (size_t)(halt_goes_on.end - halt_goes_on.start));
	set_reg(t, HY_X86_RIP, last);
	halt_at(t, last + 1);
	RUN(t, HY_EXIT_IO);
	halt_at(t, last + 4);
}

/* The byte past the HLT isn't there, which only matters when it is run. */
static void end_of_memory(struct conform *t)
{
	const uint8_t hlt = 0xf4;

	conform_boot(t, LONG, halt_goes_on);
	write_ram(t, RAM_SIZE - 1, &hlt, 1);
	set_reg(t, HY_X86_RIP, RAM_SIZE - 1);
	halt_at(t, RAM_SIZE);
	RUN(t, HY_EXIT_FAULT);
	CHECK_EQ(t->exit->fault.reason, HY_FAULT_FETCH);
	CHECK_EQ(t->exit->fault.gpa, RAM_SIZE);
	CHECK_EQ(t->exit->fault.ip, RAM_SIZE);
}

/* The program may send the guest elsewhere. */
static void elsewhere(struct conform *t)
{
	conform_boot(t, LONG, halt_often);
	halt_at(t, CODE + 1);
	set_reg(t, HY_X86_RIP, CODE + 50);
	halt_at(t, CODE + 51);
	set_reg(t, HY_X86_RIP, CODE);
	halt_at(t, CODE + 1);
}

static void finishes_nothing(struct conform *t)
{
	const struct hy_exit *exit;

	conform_boot(t, LONG, halt_often);
	halt_at(t, CODE + 1);
	OK(hy_vcpu_complete(t->vcpu, &exit));
	CHECK(!exit);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 1);
	halt_at(t, CODE + 2);
}

/* --- SHUTDOWN --------------------------------------------------------------------- */

/* The first exception has no handler, nor has the one that follows. */
static void boot_without_handlers(struct conform *t, enum mode mode, struct guest guest)
{
	const union hy_value empty = { .segment = { .base = 0, .limit = 0 } };
	const hy_reg id = HY_X86_IDTR;

	conform_boot(t, mode, guest);
	OK(hy_vcpu_set_regs(t->vcpu, &id, &empty, 1));
}

static void shutdown_protected(struct conform *t)
{
	boot_without_handlers(t, PROTECTED, halt_bad_segment);
	RUN(t, HY_EXIT_SHUTDOWN);
	CHECK_EQ(t->exit->flags, 0);
	CHECK(!hy_vcpu_data(t->vcpu, NULL));
}

static void shutdown_long(struct conform *t)
{
	boot_without_handlers(t, LONG, halt_bad_segment64);
	RUN(t, HY_EXIT_SHUTDOWN);
	CHECK_EQ(t->exit->flags, 0);
}

/* HLT is for CPL 0 only. */
static void cpl_3(struct conform *t)
{
	boot_without_handlers(t, LONG_USER, halt_goes_on);
	RUN(t, HY_EXIT_SHUTDOWN);
}

static void reset_after_shutdown(struct conform *t)
{
	boot_without_handlers(t, PROTECTED, halt_bad_segment);
	for (unsigned i = 0; i < 3; i++) {
		RUN(t, HY_EXIT_SHUTDOWN);
		OK(hy_vcpu_reset(t->vcpu));
		CHECK_EQ(get_reg(t, HY_X86_RIP), 0xfff0);
		CHECK_EQ(get_reg(t, HY_X86_CR0) & HY_X86_CR0_PE, 0);
		conform_place(t, t->vcpu, LONG, halt_goes_on);
		halt_at(t, CODE + 1);
		OK(hy_vcpu_reset(t->vcpu));
		conform_place(t, t->vcpu, LONG, halt_bad_segment64);
	}
}

const struct conform_case conform_halt[] = {
	{ "halt/real-mode", "HY-B35", real_mode, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/protected-mode", "HY-B35", protected_mode, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/paged-mode", "HY-B35", paged_mode,
	  HY_ARCH_X86_64, { HY_CAP_HALT_EXIT, HY_CAP_PAGING32 } },
	{ "halt/long-mode", "HY-B35", long_mode, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/with-interrupts", "HY-B35", with_interrupts, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/real-mode-with-interrupts", "HY-B35", real_mode_with_interrupts,
	  HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/after-sti", "HY-B35", after_sti, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/often", "HY-B35", often, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/loop", "HY-B35", loop, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/record", "HY-B22 HY-B35", record, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/end-of-page", "HY-B35", end_of_page, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/end-of-memory", "HY-B35 HY-B40", end_of_memory,
	  HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/elsewhere", "HY-B35", elsewhere, HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/finishes-nothing", "HY-B35 HY-C28", finishes_nothing,
	  HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ "halt/shutdown-protected", "HY-B36", shutdown_protected, HY_ARCH_X86_64, { 0 } },
	{ "halt/shutdown-long", "HY-B36", shutdown_long, HY_ARCH_X86_64, { 0 } },
	{ "halt/cpl-3", "HY-B36", cpl_3, HY_ARCH_X86_64, { 0 } },
	{ "halt/reset-after-shutdown", "HY-B36 HY-C36", reset_after_shutdown,
	  HY_ARCH_X86_64, { HY_CAP_HALT_EXIT } },
	{ 0 },
};
