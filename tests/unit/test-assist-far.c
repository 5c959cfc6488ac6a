/* SPDX-License-Identifier: MIT */
/* plugins/assist: far transfers, returns and fast system calls (SDM vol. 3, chapter 5). */
#include <check.h>

#include "assist-protection.h"
#include "suite.h"

#define OTHER_CODE 0x9000u
#define OTHER_STACK 0x5000u
#define FREE MACHINE_FREE_SELECTOR

/* --- Far JMP and CALL ---------------------------------------------------------------------------- */

START_TEST(far_in_real_mode)
{
	ck_assert_int_eq(TRY(0xea, 0x34, 0x12, 0x00, 0x09), XE_OK); /* jmp 0x900:0x1234 */
	assert_at(0x900, 0x1234, 0, MACHINE_STACK, 0);
	ck_assert_uint_eq(cpu->seg[XE_CS].base, 0x9000);
	machine_enter_real(&m);
	ck_assert_int_eq(TRY(0x9a, 0x34, 0x12, 0x00, 0x09), XE_OK); /* call */
	assert_at(0x900, 0x1234, 0, MACHINE_STACK - 4, 0);
	ASSERT_MEMORY(MACHINE_STACK - 4, 2, MACHINE_CODE + 5, 0);
	put(0xa234, 1, 0xcb); /* retf */
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(0, MACHINE_CODE + 5, 0, MACHINE_STACK, 0);
	TRY_FAULT(XE_GP, 0, 0x66, 0xea, 0x00, 0x00, 0x01, 0x00, 0x00, 0x09); /* beyond the limit */
	machine_enter_v8086(&m);
	ck_assert_int_eq(TRY(0xea, 0x34, 0x12, 0x00, 0x09), XE_OK);
	assert_at(0x900, 0x1234, 0, MACHINE_STACK, 3);
}
END_TEST

struct direct {
	unsigned cpl;
	uint16_t selector;
	uint32_t attributes;
	unsigned vector;
	uint32_t error;
};

static const struct direct directs[] = {
	{ 0, FREE, 0xc09b, 0, 0 },
	{ 0, FREE, 0xc098, 0, 0 },
	{ 3, FREE | 3, 0xc09f, 0, 0 },       /* conforming */
	{ 3, FREE, 0xc0fb, 0, 0 },           /* the RPL becomes the CPL */
	{ 3, FREE | 3, 0xc09b, XE_GP, FREE },
	{ 0, FREE | 3, 0xc09b, XE_GP, FREE },
	{ 0, FREE, 0xc0fb, XE_GP, FREE },    /* no way to an outer level */
	{ 0, FREE, 0xc0ff, XE_GP, FREE },
	{ 0, FREE, 0xc093, XE_GP, FREE },
	{ 0, FREE, 0xc01b, XE_NP, FREE },
	{ 0, FREE, 0x009b, XE_GP, 0 },       /* RIP beyond the limit */
	{ 0, 0, 0, XE_GP, 0 },
	{ 0, 0xfff8, 0, XE_GP, 0xfff8 },
};

static void check_direct(const struct direct *d, uint8_t opcode, uint64_t rsp)
{
	uint8_t low = (uint8_t)d->selector, high = (uint8_t)(d->selector >> 8);

	machine_enter_protected(&m, 32, d->cpl);
	machine_descriptor(&m, FREE, 0, d->attributes & HY_X86_SEG_G ? UINT32_MAX : 0x8fff, d->attributes);
	if (d->vector) {
		TRY_FAULT(d->vector, d->error, opcode, 0x00, 0x90, 0, 0, low, high);
		return;
	}
	ck_assert_int_eq(TRY(opcode, 0x00, 0x90, 0, 0, low, high), XE_OK);
	assert_at((uint16_t)(FREE | d->cpl), OTHER_CODE, machine_selector(MACHINE_DATA32, d->cpl), rsp, d->cpl);
	ck_assert_uint_eq(get(MACHINE_GDT + FREE + 5, 1) & 1, 1);
}

START_TEST(far_direct)
{
	check_direct(&directs[_i], 0xea, MACHINE_STACK);
	check_direct(&directs[_i], 0x9a, MACHINE_STACK - 8);
}
END_TEST

START_TEST(far_by_memory_in_long_mode)
{
	uint16_t code64 = machine_selector(MACHINE_CODE64, 0), code32 = machine_selector(MACHINE_CODE32, 0);

	machine_enter_long(&m, 64, 0);
	cpu->gpr[XE_RBX] = MACHINE_DATA;
	PUT(MACHINE_DATA, 8, OTHER_CODE, code64);
	ck_assert_int_eq(TRY(0x48, 0xff, 0x1b), XE_OK); /* call m16:64 */
	assert_at(code64, OTHER_CODE, machine_selector(MACHINE_DATA32, 0), MACHINE_STACK - 16, 0);
	ASSERT_MEMORY(MACHINE_STACK - 16, 8, MACHINE_CODE + 3, code64);
	put(OTHER_CODE, 2, 0xcb48);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(code64, MACHINE_CODE + 3, machine_selector(MACHINE_DATA32, 0), MACHINE_STACK, 0);
	/* Into compatibility mode, and back by a far jump in the code. */
	PUT(MACHINE_DATA, 4, OTHER_CODE, code32);
	ck_assert_int_eq(TRY(0xff, 0x2b), XE_OK); /* jmp m16:32 */
	ck_assert_uint_eq(cpu->mode, 4);
	ck_assert_int_eq(TRY(0xea, 0x00, 0x90, 0, 0, (uint8_t)code64, 0), XE_OK);
	ck_assert_uint_eq(cpu->mode, 8);
	PUT(MACHINE_DATA, 8, UINT64_C(0x800000000000), code64);
	TRY_FAULT(XE_GP, 0, 0x48, 0xff, 0x2b);
	PUT(MACHINE_DATA, 8, UINT64_C(0x100000000), code32);
	TRY_FAULT(XE_GP, 0, 0x48, 0xff, 0x2b);
	machine_descriptor(&m, FREE, 0, UINT32_MAX, 0xe09b); /* L and D */
	PUT(MACHINE_DATA, 4, OTHER_CODE, FREE);
	TRY_FAULT(XE_GP, FREE, 0xff, 0x2b);
}
END_TEST

/* --- Call gates -------------------------------------------------------------------------------------- */

static void put_gate(uint16_t selector, uint16_t code, uint64_t offset, unsigned access, unsigned parameters)
{
	uint64_t low = (offset & 0xffff) | (uint64_t)code << 16 | (uint64_t)parameters << 32 |
	               (uint64_t)access << 40 | (offset & 0xffff0000) << 32;

	put(MACHINE_GDT + selector, 8, low);
	put(MACHINE_GDT + selector + 8, 8, offset >> 32);
}

#define CALL_FREE 0x9a, 0, 0, 0, 0, (FREE & 0xff) | 3, 0

START_TEST(gate_32_with_parameters)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0), data = machine_selector(MACHINE_DATA32, 0);
	uint16_t code3 = machine_selector(MACHINE_CODE32, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_protected(&m, 32, 3);
	put_gate(FREE, code, OTHER_CODE, 0xec, 2);
	cpu->gpr[XE_RSP] -= 8;
	PUT(MACHINE_STACK - 8, 4, 0x11111111, 0x22222222);
	ck_assert_int_eq(TRY(CALL_FREE), XE_OK);
	assert_at(code, OTHER_CODE, data, MACHINE_STACK0 - 24, 0);
	ASSERT_MEMORY(MACHINE_STACK0 - 24, 4, MACHINE_CODE + 7, code3, 0x11111111, 0x22222222, MACHINE_STACK - 8,
	              data3);
	/* Back, releasing the parameters on both stacks; DS of ring 0 isn't left to ring 3. */
	cpu->seg[XE_DS] = cpu->seg[XE_SS];
	put(OTHER_CODE, 3, 0x0008ca);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(code3, MACHINE_CODE + 7, data3, MACHINE_STACK, 3);
	ck_assert_uint_eq(cpu->seg[XE_DS].selector, 0);
	ck_assert(cpu->seg[XE_DS].attributes & HY_X86_SEG_UNUSABLE);
	ck_assert_uint_eq(cpu->seg[XE_ES].selector, data3);
}
END_TEST

START_TEST(gate_16)
{
	uint16_t code3 = machine_selector(MACHINE_CODE32, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_protected(&m, 32, 3);
	put_gate(FREE, machine_selector(MACHINE_CODE16, 0), 0xffff0000 | OTHER_CODE, 0xe4, 1);
	cpu->gpr[XE_RSP] -= 2;
	PUT(MACHINE_STACK - 2, 2, 0x1234);
	ck_assert_int_eq(TRY(CALL_FREE), XE_OK);
	assert_at(machine_selector(MACHINE_CODE16, 0), OTHER_CODE, machine_selector(MACHINE_DATA32, 0),
	          MACHINE_STACK0 - 10, 0);
	ASSERT_MEMORY(MACHINE_STACK0 - 10, 2, MACHINE_CODE + 7, code3, 0x1234, MACHINE_STACK - 2, data3);
}
END_TEST

START_TEST(gate_to_same_level)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0);

	machine_enter_protected(&m, 32, 0);
	put_gate(FREE, code, OTHER_CODE, 0xec, 5);
	ck_assert_int_eq(TRY(CALL_FREE), XE_OK);
	assert_at(code, OTHER_CODE, machine_selector(MACHINE_DATA32, 0), MACHINE_STACK - 8, 0);
	ASSERT_MEMORY(MACHINE_STACK - 8, 4, MACHINE_CODE + 7, code);
	ck_assert_int_eq(TRY(0xea, 0, 0, 0, 0, FREE, 0), XE_OK); /* jmp */
	assert_at(code, OTHER_CODE, machine_selector(MACHINE_DATA32, 0), MACHINE_STACK - 8, 0);
}
END_TEST

START_TEST(gate_faults)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0), data = machine_selector(MACHINE_DATA32, 0);

	machine_enter_protected(&m, 32, 3);
	put_gate(FREE, code, OTHER_CODE, 0x8c, 0);
	TRY_FAULT(XE_GP, FREE, CALL_FREE);                   /* DPL below CPL and RPL */
	TRY_FAULT(XE_GP, FREE, 0x9a, 0, 0, 0, 0, FREE, 0); /* below the CPL */
	put_gate(FREE, code, OTHER_CODE, 0x6c, 0);
	TRY_FAULT(XE_NP, FREE, CALL_FREE);
	put_gate(FREE, 0, OTHER_CODE, 0xec, 0);
	TRY_FAULT(XE_GP, 0, CALL_FREE);
	put_gate(FREE, data, OTHER_CODE, 0xec, 0);
	TRY_FAULT(XE_GP, data, CALL_FREE);
	put_gate(FREE, code, OTHER_CODE, 0xec, 0);
	TRY_FAULT(XE_GP, code, 0xea, 0, 0, 0, 0, FREE | 3, 0); /* a jump to an inner level */
	put(MACHINE_TSS + 8, 4, 0);
	TRY_FAULT(XE_TS, 0, CALL_FREE);
	put(MACHINE_TSS + 8, 4, machine_selector(MACHINE_DATA32, 3));
	TRY_FAULT(XE_TS, machine_selector(MACHINE_DATA32, 3) & ~3u, CALL_FREE);
	machine_descriptor(&m, FREE + 16, 0, UINT32_MAX, 0xc013);
	put(MACHINE_TSS + 8, 4, FREE + 16);
	TRY_FAULT(XE_SS_FAULT, FREE + 16, CALL_FREE);
	machine_descriptor(&m, FREE + 16, 0, 0x5fff - 8, 0x4093); /* no room for all of the frame */
	TRY_FAULT(XE_SS_FAULT, FREE + 16, CALL_FREE);
	cpu->seg[XE_TR].limit = 8;
	TRY_FAULT(XE_TS, MACHINE_TSS_SELECTOR, CALL_FREE);
}
END_TEST

START_TEST(gate_64)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0);
	uint16_t code3 = machine_selector(MACHINE_CODE64, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_long(&m, 64, 3);
	put_gate(FREE, code, OTHER_CODE, 0xec, 7);
	cpu->gpr[XE_RBX] = MACHINE_DATA;
	cpu->gpr[XE_RSP] = MACHINE_STACK - 3;
	PUT(MACHINE_DATA, 4, 0, FREE | 3);
	ck_assert_int_eq(TRY(0xff, 0x1b), XE_OK);
	assert_at(code, OTHER_CODE, 0, MACHINE_STACK0 - 32, 0);
	ck_assert(cpu->seg[XE_SS].attributes & HY_X86_SEG_UNUSABLE);
	ASSERT_MEMORY(MACHINE_STACK0 - 32, 8, MACHINE_CODE + 2, code3, MACHINE_STACK - 3, data3);
	put(OTHER_CODE, 2, 0xcb48);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(code3, MACHINE_CODE + 2, data3, MACHINE_STACK - 3, 3);
	/* Only to 64-bit code. */
	put_gate(FREE, machine_selector(MACHINE_CODE32, 0), OTHER_CODE, 0xec, 0);
	TRY_FAULT(XE_GP, machine_selector(MACHINE_CODE32, 0), 0xff, 0x1b);
	put_gate(FREE, code, OTHER_CODE, 0xe4, 0);
	TRY_FAULT(XE_GP, FREE, 0xff, 0x1b);
	put_gate(FREE, code, UINT64_C(0x800000000000), 0xec, 0);
	TRY_FAULT(XE_GP, 0, 0xff, 0x1b);
}
END_TEST

START_TEST(gate_64_from_compatibility_mode)
{
	machine_enter_long(&m, 32, 3);
	put(MACHINE_TSS + 4, 8, UINT64_C(0xffff800000006000));
	for (uint64_t at = 0x4000; at < 0x6000; at += 0x1000)
		machine_map(&m, UINT64_C(0xffff800000000000) + at, at, MACHINE_P | MACHINE_W, 1);
	put_gate(FREE, machine_selector(MACHINE_CODE64, 0), OTHER_CODE, 0xec, 0);
	ck_assert_int_eq(TRY(CALL_FREE), XE_OK);
	assert_at(machine_selector(MACHINE_CODE64, 0), OTHER_CODE, 0, UINT64_C(0xffff800000005fe0), 0);
	ASSERT_MEMORY(0x5fe0, 8, MACHINE_CODE + 7, machine_selector(MACHINE_CODE32, 3), MACHINE_STACK,
	              machine_selector(MACHINE_DATA32, 3));
}
END_TEST

/* --- RETF -------------------------------------------------------------------------------------------- */

START_TEST(far_return_faults)
{
	uint16_t code = machine_selector(MACHINE_CODE32, 0), data = machine_selector(MACHINE_DATA32, 0);
	uint16_t code3 = machine_selector(MACHINE_CODE32, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_protected(&m, 32, 0);
	cpu->gpr[XE_RSP] = OTHER_STACK;
	PUT(OTHER_STACK, 4, OTHER_CODE, 0);
	TRY_FAULT(XE_GP, 0, 0xcb);
	PUT(OTHER_STACK, 4, OTHER_CODE, data);
	TRY_FAULT(XE_GP, data, 0xcb);
	PUT(OTHER_STACK, 4, OTHER_CODE, code | 3);
	TRY_FAULT(XE_GP, code, 0xcb); /* DPL isn't the RPL */
	PUT(OTHER_STACK, 4, OTHER_CODE, code3, MACHINE_STACK, 0);
	TRY_FAULT(XE_GP, 0, 0xcb);
	PUT(OTHER_STACK, 4, OTHER_CODE, code3, MACHINE_STACK, data);
	TRY_FAULT(XE_GP, data, 0xcb);
	machine_descriptor(&m, FREE, 0, UINT32_MAX, 0xc073);
	PUT(OTHER_STACK, 4, OTHER_CODE, code3, MACHINE_STACK, FREE | 3);
	TRY_FAULT(XE_SS_FAULT, FREE, 0xcb);
	machine_descriptor(&m, FREE, 0, UINT32_MAX, 0xc07b);
	PUT(OTHER_STACK, 4, OTHER_CODE, FREE | 3, MACHINE_STACK, data3);
	TRY_FAULT(XE_NP, FREE, 0xcb);
	machine_enter_protected(&m, 32, 3);
	cpu->gpr[XE_RSP] = OTHER_STACK;
	PUT(OTHER_STACK, 4, OTHER_CODE, code);
	TRY_FAULT(XE_GP, code, 0xcb); /* never inward */
	cpu->seg[XE_SS].limit = OTHER_STACK + 5;
	TRY_FAULT(XE_SS_FAULT, 0, 0xcb);
}
END_TEST

/* --- IRET ---------------------------------------------------------------------------------------------- */

#define ALL_FLAGS 0x3f7fd7u

START_TEST(iret_real)
{
	PUT(MACHINE_STACK, 2, 0x1234, 0x900, 0xffff);
	cpu->nmi_masked = true;
	ck_assert_int_eq(TRY(0xcf), XE_OK);
	assert_at(0x900, 0x1234, 0, MACHINE_STACK + 6, 0);
	ck_assert_uint_eq(cpu->rflags, 0x7fd7);
	ck_assert(!cpu->nmi_masked);
	machine_enter_real(&m);
	PUT(MACHINE_STACK, 4, 0x1234, 0x900, UINT32_MAX);
	ck_assert_int_eq(TRY(0x66, 0xcf), XE_OK);
	ck_assert_uint_eq(cpu->rflags, 0x257fd7);
}
END_TEST

START_TEST(iret_in_v8086)
{
	machine_enter_v8086(&m);
	PUT(MACHINE_STACK, 2, 0x1234, 0x900, 0x3202);
	TRY_FAULT(XE_GP, 0, 0xcf); /* IOPL */
	cpu->rflags |= XE_RFLAGS_IOPL;
	PUT(MACHINE_STACK, 2, 0x1234, 0x900, 0x0202);
	ck_assert_int_eq(TRY(0xcf), XE_OK);
	assert_at(0x900, 0x1234, 0, MACHINE_STACK + 6, 3);
	ck_assert_uint_eq(cpu->rflags, HY_X86_RFLAGS_VM | XE_RFLAGS_IOPL | 0x202);
}
END_TEST

struct flags_case {
	unsigned cpl, iopl;
	uint64_t after; /* all of the image are set */
};

static const struct flags_case flags_cases[] = {
	{ 0, 0, ALL_FLAGS & ~HY_X86_RFLAGS_VM },
	{ 3, 3, 0x257fd7 },
	{ 3, 0, 0x254dd7 },
	{ 1, 1, 0x255fd7 },
};

/* To the same level; VM in the image counts at CPL 0 only. */
START_TEST(iret_flags)
{
	const struct flags_case *c = &flags_cases[_i];
	uint64_t image = c->cpl ? UINT32_MAX : UINT32_MAX & ~HY_X86_RFLAGS_VM;

	machine_enter_protected(&m, 32, c->cpl);
	cpu->rflags |= c->iopl << XE_RFLAGS_IOPL_SHIFT;
	PUT(MACHINE_STACK, 4, OTHER_CODE, machine_selector(MACHINE_CODE32, c->cpl), image);
	ck_assert_int_eq(TRY(0xcf), XE_OK);
	assert_at(machine_selector(MACHINE_CODE32, c->cpl), OTHER_CODE, machine_selector(MACHINE_DATA32, c->cpl),
	          MACHINE_STACK + 12, c->cpl);
	ck_assert_uint_eq(cpu->rflags, c->after);
}
END_TEST

START_TEST(iret_outward)
{
	uint16_t code3 = machine_selector(MACHINE_CODE32, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_protected(&m, 32, 0);
	PUT(MACHINE_STACK, 4, OTHER_CODE, code3, 0x3202, OTHER_STACK, data3);
	ck_assert_int_eq(TRY(0xcf), XE_OK);
	assert_at(code3, OTHER_CODE, data3, OTHER_STACK, 3);
	ck_assert_uint_eq(cpu->rflags, 0x3202);
	ck_assert_uint_eq(cpu->seg[XE_DS].selector, 0);
	ck_assert_uint_eq(cpu->seg[XE_GS].selector, 0);
}
END_TEST

START_TEST(iret_to_v8086)
{
	machine_enter_protected(&m, 32, 0);
	PUT(MACHINE_STACK, 4, 0x1234, 0x900, 0x23202, 0xffe, 0x500, 0x2000, 0x2100, 0x2200, 0x2300);
	ck_assert_int_eq(TRY(0xcf), XE_OK);
	assert_at(0x900, 0x1234, 0x500, 0xffe, 3);
	ck_assert_uint_eq(cpu->rflags, 0x23202);
	ck_assert_uint_eq(cpu->mode, 2);
	ck_assert_uint_eq(cpu->stack_size, 2);
	ck_assert_uint_eq(cpu->seg[XE_ES].base, 0x20000);
	ck_assert_uint_eq(cpu->seg[XE_GS].base, 0x23000);
	ck_assert_uint_eq(cpu->seg[XE_CS].attributes, 0xf3);
	machine_enter_protected(&m, 32, 0);
	PUT(MACHINE_STACK, 4, 0x10000);
	TRY_FAULT(XE_GP, 0, 0xcf);
}
END_TEST

START_TEST(iret_64)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0), data = machine_selector(MACHINE_DATA32, 0);
	uint16_t code3 = machine_selector(MACHINE_CODE64, 3), data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_long(&m, 64, 0);
	PUT(MACHINE_STACK, 8, OTHER_CODE, code, 0x10202, OTHER_STACK, data);
	ck_assert_int_eq(TRY(0x48, 0xcf), XE_OK);
	assert_at(code, OTHER_CODE, data, OTHER_STACK, 0);
	ck_assert_uint_eq(cpu->rflags, 0x10202); /* RF stays for the next one */
	machine_enter_long(&m, 64, 0);
	PUT(MACHINE_STACK, 8, OTHER_CODE, code, 2, OTHER_STACK, 0);
	ck_assert_int_eq(TRY(0x48, 0xcf), XE_OK);
	assert_at(code, OTHER_CODE, 0, OTHER_STACK, 0);
	machine_enter_long(&m, 64, 0);
	cpu->seg[XE_FS] = (struct hy_segment){ .base = UINT64_C(0x7fff00000000),
		                              .selector = 2,
		                              .attributes = HY_X86_SEG_UNUSABLE };
	PUT(MACHINE_STACK, 8, OTHER_CODE, code3, 0x202, OTHER_STACK, data3);
	ck_assert_int_eq(TRY(0x48, 0xcf), XE_OK);
	assert_at(code3, OTHER_CODE, data3, OTHER_STACK, 3);
	ck_assert_uint_eq(cpu->seg[XE_FS].selector, 0); /* null, but for its RPL: cleared, and the base stays */
	ck_assert_uint_eq(cpu->seg[XE_FS].base, UINT64_C(0x7fff00000000));
	/* To compatibility mode. */
	machine_enter_long(&m, 64, 0);
	PUT(MACHINE_STACK, 8, OTHER_CODE, machine_selector(MACHINE_CODE32, 3), 0x202, OTHER_STACK, data3);
	ck_assert_int_eq(TRY(0x48, 0xcf), XE_OK);
	assert_at(machine_selector(MACHINE_CODE32, 3), OTHER_CODE, data3, OTHER_STACK, 3);
	ck_assert_uint_eq(cpu->mode, 4);
	/* The form without REX.W pops 4 bytes each. */
	machine_enter_long(&m, 64, 0);
	PUT(MACHINE_STACK, 4, OTHER_CODE, code, 0x202, OTHER_STACK, data);
	ck_assert_int_eq(TRY(0xcf), XE_OK);
	assert_at(code, OTHER_CODE, data, OTHER_STACK, 0);
}
END_TEST

START_TEST(iret_64_faults)
{
	uint16_t code = machine_selector(MACHINE_CODE64, 0), code3 = machine_selector(MACHINE_CODE64, 3);
	uint16_t data3 = machine_selector(MACHINE_DATA32, 3);

	machine_enter_long(&m, 64, 0);
	PUT(MACHINE_STACK, 8, UINT64_C(0x800000000000), code, 2, OTHER_STACK, 0);
	TRY_FAULT(XE_GP, 0, 0x48, 0xcf);
	PUT(MACHINE_STACK, 8, OTHER_CODE, code3, 2, OTHER_STACK, 3);
	TRY_FAULT(XE_GP, 0, 0x48, 0xcf);
	PUT(MACHINE_STACK, 8, OTHER_CODE, machine_selector(MACHINE_CODE32, 0), 2, OTHER_STACK, 0);
	TRY_FAULT(XE_GP, 0, 0x48, 0xcf);
	PUT(MACHINE_STACK, 8, OTHER_CODE, code, 2, OTHER_STACK, data3);
	TRY_FAULT(XE_GP, data3 & ~3u, 0x48, 0xcf);
	cpu->rflags |= XE_RFLAGS_NT;
	TRY_FAULT(XE_GP, 0, 0x48, 0xcf);
	cpu->rflags &= ~(uint64_t)XE_RFLAGS_NT;
	cpu->gpr[XE_RSP] = UINT64_C(0x7ffffffffff0);
	cpu->gpr[XE_RSP] |= UINT64_C(0x800000000000);
	TRY_FAULT(XE_SS_FAULT, 0, 0x48, 0xcf);
}
END_TEST

/* --- SYSCALL and its kin ---------------------------------------------------------------------------------- */

START_TEST(syscall_and_sysret)
{
	machine_enter_long(&m, 64, 3);
	cpu->msr.star = UINT64_C(0x0023001000000000);
	cpu->msr.lstar = OTHER_CODE;
	cpu->msr.fmask = 0x47700;
	cpu->rflags |= 0x40ad5 | XE_RFLAGS_IOPL;
	ck_assert_int_eq(TRY(0x0f, 0x05), XE_OK);
	assert_at(0x10, OTHER_CODE, 0x18, MACHINE_STACK, 0);
	ck_assert_uint_eq(cpu->gpr[XE_RCX], MACHINE_CODE + 2);
	ck_assert_uint_eq(cpu->gpr[11], 0x43ad7);
	ck_assert_uint_eq(cpu->rflags, 0x8d7);
	ck_assert_uint_eq(cpu->seg[XE_CS].attributes, 0xa09b);
	ck_assert_uint_eq(cpu->seg[XE_SS].attributes, 0xc093);
	ck_assert_uint_eq(cpu->seg[XE_SS].limit, UINT32_MAX);
	cpu->gpr[11] |= HY_X86_RFLAGS_RF | HY_X86_RFLAGS_VM;
	put(OTHER_CODE, 3, 0x070f48);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(0x33, MACHINE_CODE + 2, 0x2b, MACHINE_STACK, 3);
	ck_assert_uint_eq(cpu->rflags, 0x43ad7);
	ck_assert_uint_eq(cpu->seg[XE_CS].attributes, 0xa0fb);
	ck_assert_uint_eq(cpu->seg[XE_SS].attributes, 0xc0f3);
	/* To compatibility mode. */
	machine_enter_long(&m, 64, 0);
	cpu->gpr[XE_RCX] = UINT64_C(0xffff000000000000) | OTHER_CODE;
	cpu->gpr[11] = 0x202;
	ck_assert_int_eq(TRY(0x0f, 0x07), XE_OK);
	assert_at(0x23, OTHER_CODE, 0x2b, MACHINE_STACK, 3);
	ck_assert_uint_eq(cpu->mode, 4);
}
END_TEST

START_TEST(syscall_faults)
{
	machine_enter_long(&m, 32, 3);
	TRY_FAULT(XE_UD, 0, 0x0f, 0x05);
	machine_enter_long(&m, 64, 3);
	TRY_FAULT(XE_GP, 0, 0x48, 0x0f, 0x07);
	machine_enter_long(&m, 64, 0);
	cpu->gpr[XE_RCX] = UINT64_C(0x800000000000);
	TRY_FAULT(XE_GP, 0, 0x48, 0x0f, 0x07);
	cpu->efer &= ~(uint64_t)HY_X86_EFER_SCE;
	TRY_FAULT(XE_UD, 0, 0x0f, 0x05);
	TRY_FAULT(XE_UD, 0, 0x48, 0x0f, 0x07);
	machine_enter_protected(&m, 32, 0);
	TRY_FAULT(XE_UD, 0, 0x0f, 0x05);
	TRY_FAULT(XE_UD, 0, 0x0f, 0x07);
}
END_TEST

START_TEST(sysenter_and_sysexit)
{
	machine_enter_protected(&m, 32, 3);
	cpu->msr.sysenter_cs = 0x13;
	cpu->msr.sysenter_esp = UINT64_C(0xffff800000005000);
	cpu->msr.sysenter_eip = UINT64_C(0xffff800000009000);
	cpu->rflags |= HY_X86_RFLAGS_IF;
	ck_assert_int_eq(TRY(0x0f, 0x34), XE_OK);
	assert_at(0x10, OTHER_CODE, 0x18, OTHER_STACK, 0);
	ck_assert_uint_eq(cpu->rflags, 2);
	cpu->gpr[XE_RDX] = MACHINE_CODE;
	cpu->gpr[XE_RCX] = MACHINE_STACK;
	put(OTHER_CODE, 2, 0x350f);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	assert_at(0x23, MACHINE_CODE, 0x2b, MACHINE_STACK, 3);
	ck_assert_uint_eq(cpu->mode, 4);
	TRY_FAULT(XE_GP, 0, 0x0f, 0x35); /* CPL */
	cpu->msr.sysenter_cs = 3;
	TRY_FAULT(XE_GP, 0, 0x0f, 0x34);
	machine_enter_long(&m, 32, 3);
	cpu->msr.sysenter_cs = 0x10;
	ck_assert_int_eq(TRY(0x0f, 0x34), XE_OK);
	assert_at(0x10, UINT64_C(0xffff800000009000), 0x18, UINT64_C(0xffff800000005000), 0);
	ck_assert_uint_eq(cpu->mode, 8);
	cpu->gpr[XE_RDX] = UINT64_C(0x7fff00000000);
	cpu->gpr[XE_RCX] = UINT64_C(0x7ffe00000000);
	ck_assert_int_eq(TRY(0x48, 0x0f, 0x35), XE_OK);
	assert_at(0x33, UINT64_C(0x7fff00000000), 0x3b, UINT64_C(0x7ffe00000000), 3);
	machine_enter_long(&m, 64, 0);
	cpu->gpr[XE_RDX] = UINT64_C(0x800000000000);
	TRY_FAULT(XE_GP, 0, 0x48, 0x0f, 0x35);
	machine_enter_real(&m);
	TRY_FAULT(XE_GP, 0, 0x0f, 0x34);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-far");
	TCase *far = tcase_create("far");
	size_t n;

	tcase_add_checked_fixture(far, setup, teardown);
	tcase_add_test(far, far_in_real_mode);
	n = sizeof(directs) / sizeof(directs[0]);
	tcase_add_loop_test(far, far_direct, 0, (int)n);
	tcase_add_test(far, far_by_memory_in_long_mode);
	tcase_add_test(far, gate_32_with_parameters);
	tcase_add_test(far, gate_16);
	tcase_add_test(far, gate_to_same_level);
	tcase_add_test(far, gate_faults);
	tcase_add_test(far, gate_64);
	tcase_add_test(far, gate_64_from_compatibility_mode);
	tcase_add_test(far, far_return_faults);
	tcase_add_test(far, iret_real);
	tcase_add_test(far, iret_in_v8086);
	n = sizeof(flags_cases) / sizeof(flags_cases[0]);
	tcase_add_loop_test(far, iret_flags, 0, (int)n);
	tcase_add_test(far, iret_outward);
	tcase_add_test(far, iret_to_v8086);
	tcase_add_test(far, iret_64);
	tcase_add_test(far, iret_64_faults);
	tcase_add_test(far, syscall_and_sysret);
	tcase_add_test(far, syscall_faults);
	tcase_add_test(far, sysenter_and_sysexit);
	suite_add_tcase(suite, far);
	return suite_run(suite);
}
