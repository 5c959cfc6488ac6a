/* SPDX-License-Identifier: MIT */
/* Plain port accesses. */
#include "conform.h"

USE_GUEST(io_out_widths);
USE_GUEST(io_in_widths);

static void out_widths(struct conform *t)
{
	conform_boot(t, REAL, io_out_widths);
	OUT(t, 0x42, 1, 0x44);
	OUT(t, 0x42, 2, 0x3344);
	OUT(t, 0x1234, 4, 0x11223344);
	HALT(t);
}

static void in_widths(struct conform *t)
{
	conform_boot(t, LONG, io_in_widths);
	set_reg(t, HY_X86_RAX, UINT64_C(0x1122334455667788));
	IN(t, 0x42, 1, 0xaa);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x11223344556677aa));
	IN(t, 0x42, 2, 0xbbcc);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), UINT64_C(0x112233445566bbcc));
	IN(t, 0x42, 4, 0xdeadbeef);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RAX), 0xdeadbeef);
	HALT(t);
}

const struct conform_case conform_io[] = {
	{ "io/out-widths", "", out_widths, HY_ARCH_X86_64, { 0 } },
	{ "io/in-widths", "", in_widths, HY_ARCH_X86_64, { 0 } },
	{ 0 },
};
