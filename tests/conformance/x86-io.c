/* SPDX-License-Identifier: MIT */
/* Plain port accesses. */
#include "conform.h"

USE_GUEST(io_out_widths);
USE_GUEST(io_out_dx);
USE_GUEST(io_in_widths);
USE_GUEST(io_in_dx);
USE_GUEST(io_echo);
USE_GUEST(io_edge_ports);
USE_GUEST(io_prefix16);
USE_GUEST(io_prefix32);
USE_GUEST(io_rex);
USE_GUEST(io_back_to_back);
USE_GUEST(io_rounds);
USE_GUEST(io_lengths);
USE_GUEST(io_registers);
USE_GUEST(io_in_then_push);

#define RFLAGS_IOPL3 0x3000u
#define RFLAGS_ARITHMETIC                                                                          \
	(HY_X86_RFLAGS_CF | HY_X86_RFLAGS_PF | HY_X86_RFLAGS_AF | HY_X86_RFLAGS_ZF |               \
	 HY_X86_RFLAGS_SF | HY_X86_RFLAGS_OF)

#define PATTERN UINT64_C(0x1122334455667788)

static void boot_with_rax(struct conform *t, struct guest guest)
{
	conform_boot(t, LONG, guest);
	set_reg(t, HY_X86_RAX, PATTERN);
}

/* --- Widths, ports and prefixes --------------------------------------------------- */

static void out_widths(struct conform *t)
{
	conform_boot(t, REAL, io_out_widths);
	OUT(t, 0x42, 1, 0x44);
	OUT(t, 0x42, 2, 0x3344);
	OUT(t, 0x1234, 4, 0x11223344);
	HALT(t);
}

static void out_dx(struct conform *t)
{
	boot_with_rax(t, io_out_dx);
	set_reg(t, HY_X86_RDX, 0xabc);
	OUT(t, 0xabc, 1, 0x88);
	OUT(t, 0xabc, 2, 0x7788);
	OUT(t, 0xabc, 4, 0x55667788);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), PATTERN);
}

/* 8 and 16 bits leave the rest of RAX alone, 32 bits clear it. */
static void check_in_widths(struct conform *t, uint16_t port)
{
	IN(t, port, 1, 0xaa);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x11223344556677aa));
	IN(t, port, 2, 0xbbcc);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x112233445566bbcc));
	IN(t, port, 4, 0xdeadbeef);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0xdeadbeef);
	HALT(t);
}

static void in_widths(struct conform *t)
{
	boot_with_rax(t, io_in_widths);
	check_in_widths(t, 0x42);
}

static void in_dx(struct conform *t)
{
	boot_with_rax(t, io_in_dx);
	set_reg(t, HY_X86_RDX, 0xabc);
	check_in_widths(t, 0xabc);
}

static void edge_ports(struct conform *t)
{
	conform_boot(t, PROTECTED, io_edge_ports);
	set_reg(t, HY_X86_RAX, 0x5a);
	OUT(t, 0, 1, 0x5a);
	OUT(t, 0xff, 1, 0x5a);
	OUT(t, 0, 1, 0x5a);
	IN(t, 0, 1, 0xa5);
	OUT(t, 0xffff, 1, 0xa5);
	IN(t, 0xffff, 1, 0x77);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x77);
}

static void prefix_16(struct conform *t)
{
	conform_boot(t, REAL, io_prefix16);
	set_reg(t, HY_X86_RAX, 0x11223344);
	set_reg(t, HY_X86_RDX, 0x42);
	OUT(t, 0x42, 4, 0x11223344);
	IN(t, 0x42, 4, 0xdeadbeef);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0xdeadbeef);
}

static void prefix_32(struct conform *t)
{
	conform_boot(t, PROTECTED, io_prefix32);
	set_reg(t, HY_X86_RAX, 0x11223344);
	set_reg(t, HY_X86_RDX, 0x42);
	OUT(t, 0x42, 2, 0x3344);
	IN(t, 0x42, 2, 0xbeef);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x1122beef);
}

static void rex(struct conform *t)
{
	boot_with_rax(t, io_rex);
	set_reg(t, HY_X86_RDX, 0x42);
	OUT(t, 0x42, 4, 0x55667788);
	IN(t, 0x42, 4, 0xdeadbeef);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0xdeadbeef);
}

/* --- Modes ------------------------------------------------------------------------ */

static void echo(struct conform *t)
{
	IN(t, 0x42, 1, 0x5a);
	OUT(t, 0x43, 1, 0x5a);
}

static void echo_in(struct conform *t, enum mode mode)
{
	conform_boot(t, mode, io_echo);
	echo(t);
	HALT(t);
}

static void in_real_mode(struct conform *t)
{
	echo_in(t, REAL);
}

static void in_protected_mode(struct conform *t)
{
	echo_in(t, PROTECTED);
}

static void in_paged_mode(struct conform *t)
{
	echo_in(t, PAGED32);
}

static void in_long_mode(struct conform *t)
{
	echo_in(t, LONG);
}

static void at_cpl_3(struct conform *t)
{
	conform_boot(t, LONG_USER, io_echo);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | RFLAGS_IOPL3);
	echo(t);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 4);
}

/* --- Sequences -------------------------------------------------------------------- */

static void back_to_back(struct conform *t)
{
	boot_with_rax(t, io_back_to_back);
	for (unsigned i = 0; i < 32; i++) {
		OUT(t, 0x42, 1, 0x88);
		OUT(t, 0x43, 2, 0x7788);
	}
	HALT(t);
}

static void rounds(struct conform *t)
{
	conform_boot(t, LONG, io_rounds);
	for (uint32_t i = 0; i < 100; i++) {
		OUT(t, 0x42, 4, i * 3);
		IN(t, 0x42, 4, i * 3 + 2);
	}
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 300);
}

/* --- Completion ------------------------------------------------------------------- */

static void ip_is_past(struct conform *t)
{
	static const uint8_t length[] = { 2, 1, 3, 2, 1, 2 };
	uint64_t ip = CODE;

	conform_boot(t, LONG, io_lengths);
	for (size_t i = 0; i < sizeof(length); i++) {
		RUN(t, HY_EXIT_IO);
		COMPLETE(t);
		ip += length[i];
		CHECK_EQ(get_reg(t, HY_X86_RIP), ip);
	}
	HALT(t);
}

static void flags_stay(struct conform *t)
{
	conform_boot(t, LONG, io_echo);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | RFLAGS_ARITHMETIC);
	IN(t, 0x42, 1, 0);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RFLAGS) & RFLAGS_ARITHMETIC, RFLAGS_ARITHMETIC);
	OUT(t, 0x43, 1, 0);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RFLAGS) & RFLAGS_ARITHMETIC, RFLAGS_ARITHMETIC);
}

/* A bus on which nobody answers. */
static void unanswered(struct conform *t)
{
	static const uint64_t rax[] = { UINT64_C(0x11223344556677ff), UINT64_C(0x112233445566ffff),
		                        0xffffffff };

	boot_with_rax(t, io_in_widths);
	for (size_t i = 0; i < 3; i++) {
		RUN(t, HY_EXIT_IO);
		CHECK_EQ(hy_exit_value(t->exit, 0), UINT64_MAX >> (64 - 8 * t->exit->io.size));
		COMPLETE(t);
		CHECK_EQ(get_reg(t, HY_X86_RAX), rax[i]);
	}
	HALT(t);
}

/* --- Registers meanwhile ---------------------------------------------------------- */

static void set_all_general(struct conform *t, uint64_t base)
{
	for (unsigned i = 0; i < 16; i++)
		set_reg(t, HY_X86_GENERAL(i), base + i);
}

static void check_all_general(struct conform *t, uint64_t base)
{
	for (unsigned i = 0; i < 16; i++) {
		uint64_t value = get_reg(t, HY_X86_GENERAL(i));

		if (value != base + i)
			FAIL("general register %u is %#llx, should be %#llx", i,
			     (unsigned long long)value, (unsigned long long)(base + i));
	}
}

static void registers_at_out(struct conform *t)
{
	conform_boot(t, LONG, io_registers);
	set_all_general(t, PATTERN);
	OUT(t, 0x42, 1, 0x88);
	check_all_general(t, PATTERN);
	set_all_general(t, 0x1000);
	check_all_general(t, 0x1000);
	COMPLETE(t);
	check_all_general(t, 0x1000);
	OUT(t, 0x43, 4, 0x1003);
	HALT(t);
}

static void registers_at_in(struct conform *t)
{
	conform_boot(t, LONG, io_echo);
	set_all_general(t, PATTERN);
	RUN(t, HY_EXIT_IO);
	check_all_general(t, PATTERN);
	set_all_general(t, 0x1100);
	check_all_general(t, 0x1100);
	OK(hy_vcpu_answer(t->vcpu, 0));
	COMPLETE(t);
	check_all_general(t, 0x1100);
}

/* The guest itself works with what the program wrote. */
static void guest_sees_registers(struct conform *t)
{
	uint64_t pushed;

	conform_boot(t, LONG, io_in_then_push);
	IN(t, 0x42, 1, 0x5a);
	set_reg(t, HY_X86_RBX, PATTERN);
	set_reg(t, HY_X86_RSP, DATA + 0x100);
	HALT(t);
	read_ram(t, DATA + 0x100 - 8, &pushed, sizeof(pushed));
	CHECK_EQ(pushed, PATTERN);
	CHECK_EQ(get_reg(t, HY_X86_RSP), DATA + 0x100 - 8);
	CHECK_EQ(get_reg(t, HY_X86_RAX) & 0xff, 0x5a);
}

/* What goes out was settled when the guest said it. */
static void rax_at_out(struct conform *t)
{
	conform_boot(t, REAL, io_out_widths);
	OUT(t, 0x42, 1, 0x44);
	set_reg(t, HY_X86_RAX, 0x55667788);
	CHECK_EQ(hy_exit_value(t->exit, 0), 0x44);
	OUT(t, 0x42, 2, 0x7788);
	OUT(t, 0x1234, 4, 0x55667788);
	HALT(t);
}

#define WRITTEN UINT64_C(0xa1a2a3a4a5a6a7a8)

static void in_wins_after_answer(struct conform *t)
{
	boot_with_rax(t, io_in_widths);
	IN(t, 0x42, 1, 0x11);
	set_reg(t, HY_X86_RAX, WRITTEN);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0xa1a2a3a4a5a6a711));
	IN(t, 0x42, 2, 0x2233);
	set_reg(t, HY_X86_RAX, WRITTEN);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0xa1a2a3a4a5a62233));
	IN(t, 0x42, 4, 0x44556677);
	set_reg(t, HY_X86_RAX, WRITTEN);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0x44556677);
}

static void in_wins_before_answer(struct conform *t)
{
	boot_with_rax(t, io_in_widths);
	RUN(t, HY_EXIT_IO);
	set_reg(t, HY_X86_RAX, WRITTEN);
	OK(hy_vcpu_answer(t->vcpu, 0x11));
	RUN(t, HY_EXIT_IO);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0xa1a2a3a4a5a6a711));
	OK(hy_vcpu_answer(t->vcpu, 0x2233));
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0xa1a2a3a4a5a62233));
}

const struct conform_case conform_io[] = {
	{ "io/out-widths", "HY-B24", out_widths, HY_ARCH_X86_64, { 0 } },
	{ "io/out-dx", "HY-B24", out_dx, HY_ARCH_X86_64, { 0 } },
	{ "io/in-widths", "HY-B21 HY-B24 HY-B25", in_widths, HY_ARCH_X86_64, { 0 } },
	{ "io/in-dx", "HY-B24 HY-B25", in_dx, HY_ARCH_X86_64, { 0 } },
	{ "io/edge-ports", "HY-B24", edge_ports, HY_ARCH_X86_64, { 0 } },
	{ "io/operand-prefix-16", "HY-B24", prefix_16, HY_ARCH_X86_64, { 0 } },
	{ "io/operand-prefix-32", "HY-B24 HY-B25", prefix_32, HY_ARCH_X86_64, { 0 } },
	{ "io/rex-w", "HY-B24 HY-B25", rex, HY_ARCH_X86_64, { 0 } },
	{ "io/real-mode", "HY-B24", in_real_mode, HY_ARCH_X86_64, { 0 } },
	{ "io/protected-mode", "HY-B24", in_protected_mode, HY_ARCH_X86_64, { 0 } },
	{ "io/paged-mode", "HY-B24", in_paged_mode, HY_ARCH_X86_64, { HY_CAP_PAGING32 } },
	{ "io/long-mode", "HY-B24", in_long_mode, HY_ARCH_X86_64, { 0 } },
	{ "io/cpl-3", "HY-B24", at_cpl_3, HY_ARCH_X86_64, { 0 } },
	{ "io/back-to-back", "HY-B24", back_to_back, HY_ARCH_X86_64, { 0 } },
	{ "io/rounds", "HY-B21 HY-B24", rounds, HY_ARCH_X86_64, { 0 } },
	{ "io/ip-is-past", "HY-B46", ip_is_past, HY_ARCH_X86_64, { 0 } },
	{ "io/flags-stay", "HY-B24 HY-B46", flags_stay, HY_ARCH_X86_64, { 0 } },
	{ "io/unanswered", "HY-B26", unanswered, HY_ARCH_X86_64, { 0 } },
	{ "io/registers-at-out", "HY-B44", registers_at_out, HY_ARCH_X86_64, { 0 } },
	{ "io/registers-at-in", "HY-B44", registers_at_in, HY_ARCH_X86_64, { 0 } },
	{ "io/guest-sees-registers", "HY-B44", guest_sees_registers, HY_ARCH_X86_64, { 0 } },
	{ "io/rax-at-out", "HY-B44", rax_at_out, HY_ARCH_X86_64, { 0 } },
	{ "io/in-wins-after-answer", "HY-B25 HY-B44", in_wins_after_answer, HY_ARCH_X86_64, { 0 } },
	{ "io/in-wins-before-answer", "HY-B25 HY-B44", in_wins_before_answer,
	  HY_ARCH_X86_64, { 0 } },
	{ 0 },
};
