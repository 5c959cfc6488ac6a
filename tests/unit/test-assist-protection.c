/* SPDX-License-Identifier: MIT */
/* plugins/assist: segment registers and selectors (SDM vol. 3, chapters 3 and 5). */
#include <check.h>

#include "assist-protection.h"
#include "suite.h"

#define TABLE_LDT 0x4000u
#define FREE MACHINE_FREE_SELECTOR

/* --- Loading segment registers ----------------------------------------------------------- */

struct load {
	unsigned cpl;
	uint16_t selector;
	uint32_t attributes; /* of FREE */
	unsigned vector;     /* 0: none */
	uint32_t error;
};

static void check_load(const struct load *load, uint8_t modrm, unsigned segment)
{
	machine_enter_protected(&m, 32, load->cpl);
	machine_descriptor(&m, FREE, 0x12340000, 0xfffff, load->attributes);
	cpu->gpr[XE_RAX] = load->selector;
	if (load->vector) {
		TRY_FAULT(load->vector, load->error, 0x8e, modrm);
		return;
	}
	ck_assert_int_eq(TRY(0x8e, modrm), XE_OK);
	ck_assert_uint_eq(cpu->seg[segment].selector, load->selector);
	ck_assert_uint_eq(cpu->seg[segment].attributes, load->attributes | 1);
	ck_assert_uint_eq(cpu->seg[segment].base, 0x12340000);
	ck_assert_uint_eq(cpu->seg[segment].limit, load->attributes & HY_X86_SEG_G ? 0xfffff : 0xfffff);
	/* The accessed bit is in memory too. */
	ck_assert_uint_eq(get(MACHINE_GDT + FREE + 5, 1), (load->attributes & 0xff) | 1);
}

static const struct load data_loads[] = {
	{ 0, FREE, 0xc093, 0, 0 },
	{ 0, FREE, 0x4092, 0, 0 },               /* not accessed yet */
	{ 0, FREE, 0xc091, 0, 0 },               /* read-only */
	{ 0, FREE, 0xc09b, 0, 0 },               /* readable code */
	{ 0, FREE, 0xc099, XE_GP, FREE },        /* code that can't be read */
	{ 0, FREE, 0x0089, XE_GP, FREE },        /* a TSS */
	{ 0, FREE, 0xc013, XE_NP, FREE },        /* not present */
	{ 0, FREE, 0x0009, XE_GP, FREE },        /* the type goes before presence */
	{ 0, FREE | 3, 0xc093, XE_GP, FREE },    /* RPL > DPL */
	{ 3, FREE | 3, 0xc093, XE_GP, FREE },    /* CPL > DPL */
	{ 3, FREE, 0xc0f3, 0, 0 },
	{ 3, FREE | 3, 0xc09e, 0, 0 },           /* conforming code */
	{ 0, 0xfff8, 0xc093, XE_GP, 0xfff8 },    /* beyond the GDT */
	{ 0, FREE | 4, 0xc093, XE_GP, FREE | 4 } /* no LDT */
};

START_TEST(data_segments)
{
	check_load(&data_loads[_i], 0xd8, XE_DS);
	check_load(&data_loads[_i], 0xe0, XE_FS);
}
END_TEST

static const struct load stack_loads[] = {
	{ 0, FREE, 0xc093, 0, 0 },
	{ 3, FREE | 3, 0xc0f3, 0, 0 },
	{ 0, 0, 0xc093, XE_GP, 0 },
	{ 0, 3, 0xc093, XE_GP, 0 },
	{ 0, FREE, 0xc091, XE_GP, FREE },     /* read-only */
	{ 0, FREE, 0xc09b, XE_GP, FREE },     /* code */
	{ 0, FREE | 3, 0xc0f3, XE_GP, FREE }, /* RPL and DPL aren't the CPL */
	{ 3, FREE | 3, 0xc093, XE_GP, FREE },
	{ 0, FREE, 0xc013, XE_SS_FAULT, FREE },
};

START_TEST(stack_segments)
{
	check_load(&stack_loads[_i], 0xd0, XE_SS);
}
END_TEST

START_TEST(null_segments)
{
	machine_enter_protected(&m, 32, 3);
	cpu->gpr[XE_RAX] = 3;
	ck_assert_int_eq(TRY(0x8e, 0xd8), XE_OK);
	ck_assert_uint_eq(cpu->seg[XE_DS].selector, 3);
	TRY_FAULT(XE_GP, 0, 0x8a, 0x05, 0, 0, 2, 0); /* mov al, [0x20000] */
	/* SS in 64-bit mode, with RPL = CPL < 3. */
	machine_enter_long(&m, 64, 0);
	cpu->gpr[XE_RAX] = 0;
	ck_assert_int_eq(TRY(0x8e, 0xd0), XE_OK);
	ck_assert_uint_eq(cpu->cpl, 0);
	ck_assert_int_eq(TRY(0x50), XE_OK); /* a push works */
	cpu->gpr[XE_RAX] = 1;
	TRY_FAULT(XE_GP, 0, 0x8e, 0xd0);
	machine_enter_long(&m, 64, 3);
	cpu->gpr[XE_RAX] = 3;
	TRY_FAULT(XE_GP, 0, 0x8e, 0xd0);
	machine_enter_long(&m, 64, 1);
	cpu->gpr[XE_RAX] = 1;
	ck_assert_int_eq(TRY(0x8e, 0xd0), XE_OK);
	ck_assert_uint_eq(cpu->cpl, 1);
}
END_TEST

/* All of a descriptor has to be within the limit. */
START_TEST(table_limit)
{
	machine_enter_protected(&m, 32, 0);
	machine_descriptor(&m, FREE, 0, UINT32_MAX, 0xc093);
	cpu->gpr[XE_RAX] = FREE;
	cpu->gdtr.limit = FREE + 6;
	TRY_FAULT(XE_GP, FREE, 0x8e, 0xd8);
	cpu->gdtr.limit = FREE + 7;
	ck_assert_int_eq(TRY(0x8e, 0xd8), XE_OK);
}
END_TEST

START_TEST(real_segments)
{
	cpu->gpr[XE_RAX] = 0x2345;
	cpu->seg[XE_DS].limit = UINT32_MAX; /* "unreal" */
	ck_assert_int_eq(TRY(0x8e, 0xd8), XE_OK);
	ck_assert_uint_eq(cpu->seg[XE_DS].base, 0x23450);
	ck_assert_uint_eq(cpu->seg[XE_DS].limit, UINT32_MAX);
	machine_enter_v8086(&m);
	cpu->seg[XE_DS].limit = UINT32_MAX;
	ck_assert_int_eq(TRY(0x8e, 0xd8), XE_OK);
	ck_assert_uint_eq(cpu->seg[XE_DS].base, 0x23450);
	ck_assert_uint_eq(cpu->seg[XE_DS].limit, 0xffff);
	ck_assert_uint_eq(cpu->seg[XE_DS].attributes, 0xf3);
}
END_TEST

START_TEST(load_pointers)
{
	machine_enter_protected(&m, 32, 0);
	machine_descriptor(&m, FREE, 0, 0xfffff, 0x0093);
	PUT(MACHINE_DATA, 4, 0x8765, FREE);
	ck_assert_int_eq(TRY(0x0f, 0xb2, 0x25, 0, 0, 2, 0), XE_OK); /* lss esp, [0x20000] */
	assert_at(machine_selector(MACHINE_CODE32, 0), MACHINE_CODE + 7, FREE, 0x8765, 0);
	ck_assert_uint_eq(cpu->stack_size, 2);
	ck_assert(!cpu->shadow);
	ck_assert_int_eq(TRY(0xc4, 0x1d, 0, 0, 2, 0), XE_OK); /* les ebx, [0x20000] */
	ck_assert_uint_eq(cpu->seg[XE_ES].selector, FREE);
	ck_assert_uint_eq(cpu->gpr[XE_RBX], 0x8765);
	PUT(MACHINE_DATA, 4, 0x1111, 0xfff8);
	TRY_FAULT(XE_GP, 0xfff8, 0x0f, 0xb5, 0x1d, 0, 0, 2, 0); /* lgs ebx, [0x20000] */
	machine_enter_long(&m, 64, 0);
	PUT(MACHINE_DATA, 8, UINT64_C(0x123456789abc), machine_selector(MACHINE_DATA32, 0));
	cpu->gpr[XE_RBX] = MACHINE_DATA;
	ck_assert_int_eq(TRY(0x48, 0x0f, 0xb4, 0x0b), XE_OK); /* lfs rcx, [rbx] */
	ck_assert_uint_eq(cpu->gpr[XE_RCX], UINT64_C(0x123456789abc));
	ck_assert_uint_eq(cpu->seg[XE_FS].selector, machine_selector(MACHINE_DATA32, 0));
}
END_TEST

/* --- System segments ------------------------------------------------------------------------- */

START_TEST(ldt)
{
	machine_enter_protected(&m, 32, 0);
	machine_descriptor(&m, FREE, TABLE_LDT, 0xf, HY_X86_SEG_P | HY_X86_TYPE_LDT);
	cpu->gpr[XE_RAX] = FREE;
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xd0), XE_OK); /* lldt ax */
	put(TABLE_LDT + 8, 8, UINT64_C(0x00cf93000000ffff));
	cpu->gpr[XE_RAX] = 8 | 4;
	ck_assert_int_eq(TRY(0x8e, 0xd8), XE_OK);
	cpu->gpr[XE_RAX] = 16 | 4;
	TRY_FAULT(XE_GP, 16 | 4, 0x8e, 0xd8);
	cpu->gpr[XE_RDX] = UINT64_MAX;
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xc2), XE_OK); /* sldt edx */
	ck_assert_uint_eq(cpu->gpr[XE_RDX], FREE);
	cpu->gpr[XE_RAX] = 0;
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xd0), XE_OK);
	ck_assert(cpu->seg[XE_LDTR].attributes & HY_X86_SEG_UNUSABLE);
}
END_TEST

START_TEST(ldt_faults)
{
	machine_enter_protected(&m, 32, 0);
	cpu->gpr[XE_RAX] = FREE | 4;
	TRY_FAULT(XE_GP, FREE | 4, 0x0f, 0x00, 0xd0);
	cpu->gpr[XE_RAX] = FREE;
	machine_descriptor(&m, FREE, TABLE_LDT, 0xf, HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY);
	TRY_FAULT(XE_GP, FREE, 0x0f, 0x00, 0xd0);
	machine_descriptor(&m, FREE, TABLE_LDT, 0xf, HY_X86_TYPE_LDT);
	TRY_FAULT(XE_NP, FREE, 0x0f, 0x00, 0xd0);
	machine_enter_protected(&m, 32, 3);
	TRY_FAULT(XE_GP, 0, 0x0f, 0x00, 0xd0);
	machine_enter_real(&m);
	TRY_FAULT(XE_UD, 0, 0x0f, 0x00, 0xd0);
}
END_TEST

START_TEST(task_register)
{
	machine_enter_long(&m, 64, 0);
	machine_descriptor(&m, FREE, UINT64_C(0xffff800000003000), 0x67, 0x89);
	cpu->gpr[XE_RAX] = FREE;
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xd8), XE_OK); /* ltr ax */
	ck_assert_uint_eq(cpu->seg[XE_TR].base, UINT64_C(0xffff800000003000));
	ck_assert_uint_eq(cpu->seg[XE_TR].attributes, 0x8b);
	ck_assert_uint_eq(get(MACHINE_GDT + FREE + 5, 1), 0x8b);
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xc9), XE_OK); /* str ecx */
	ck_assert_uint_eq(cpu->gpr[XE_RCX], FREE);
	TRY_FAULT(XE_GP, FREE, 0x0f, 0x00, 0xd8); /* busy */
	cpu->gpr[XE_RAX] = 3;
	TRY_FAULT(XE_GP, 0, 0x0f, 0x00, 0xd8);
	cpu->gpr[XE_RAX] = FREE;
	machine_descriptor(&m, FREE, MACHINE_TSS, 0x67, 0x81); /* of 16 bits */
	TRY_FAULT(XE_GP, FREE, 0x0f, 0x00, 0xd8);
	machine_descriptor(&m, FREE, MACHINE_TSS, 0x67, 0x89);
	put(MACHINE_GDT + FREE + 12, 4, 0x1f00);
	TRY_FAULT(XE_GP, FREE, 0x0f, 0x00, 0xd8);
	machine_descriptor(&m, FREE, UINT64_C(0x800000000000), 0x67, 0x89);
	TRY_FAULT(XE_GP, FREE, 0x0f, 0x00, 0xd8);
	cpu->gdtr.limit = FREE + 7; /* only its first half */
	machine_descriptor(&m, FREE, MACHINE_TSS, 0x67, 0x89);
	TRY_FAULT(XE_GP, FREE, 0x0f, 0x00, 0xd8);
}
END_TEST

START_TEST(user_mode_instruction_prevention)
{
	machine_enter_protected(&m, 32, 3);
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xc9), XE_OK);
	cpu->cr4 |= XE_CR4_UMIP;
	TRY_FAULT(XE_GP, 0, 0x0f, 0x00, 0xc9);
	TRY_FAULT(XE_GP, 0, 0x0f, 0x00, 0xc1);
	machine_enter_protected(&m, 32, 0);
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xc9), XE_OK);
}
END_TEST

/* --- Questions about selectors ----------------------------------------------------------------- */

struct question {
	unsigned cpl;
	uint16_t selector;
	uint32_t attributes;
	bool readable, writable, rights, limit;
};

static const struct question questions[] = {
	{ 0, FREE, 0xc093, true, true, true, true },
	{ 0, FREE, 0xc091, true, false, true, true },
	{ 0, FREE, 0xc09b, true, false, true, true },
	{ 0, FREE, 0xc099, false, false, true, true },
	{ 3, FREE, 0xc093, false, false, false, false },
	{ 0, FREE | 3, 0xc093, false, false, false, false },
	{ 3, FREE | 3, 0xc09f, true, false, true, true }, /* conforming */
	{ 0, FREE, 0xc013, true, true, true, true },      /* presence doesn't count */
	{ 0, FREE, 0x0082, false, false, true, true },    /* LDT */
	{ 0, FREE, 0x0089, false, false, true, true },    /* TSS */
	{ 0, FREE, 0x008c, false, false, true, false },   /* call gate */
	{ 0, FREE, 0x0085, false, false, true, false },   /* task gate */
	{ 0, FREE, 0x008e, false, false, false, false },  /* interrupt gate */
	{ 0, 0, 0xc093, false, false, false, false },
	{ 0, 0xfff8, 0xc093, false, false, false, false },
	{ 0, FREE | 4, 0xc093, false, false, false, false },
};

static bool zero_flag(void)
{
	return cpu->rflags & HY_X86_RFLAGS_ZF;
}

START_TEST(selector_questions)
{
	const struct question *q = &questions[_i];

	machine_enter_protected(&m, 32, q->cpl);
	machine_descriptor(&m, FREE, 0, 0x12fff, q->attributes);
	cpu->gpr[XE_RAX] = q->selector;
	cpu->gpr[XE_RCX] = 0x55555555;
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xe0), XE_OK); /* verr ax */
	ck_assert_int_eq(zero_flag(), q->readable);
	ck_assert_int_eq(TRY(0x0f, 0x00, 0xe8), XE_OK); /* verw ax */
	ck_assert_int_eq(zero_flag(), q->writable);
	ck_assert_int_eq(TRY(0x0f, 0x02, 0xc8), XE_OK); /* lar ecx, eax */
	ck_assert_int_eq(zero_flag(), q->rights);
	ck_assert_uint_eq(cpu->gpr[XE_RCX], q->rights ? get(MACHINE_GDT + FREE + 4, 4) & 0xffff00 : 0x55555555);
	cpu->gpr[XE_RCX] = 0x55555555;
	ck_assert_int_eq(TRY(0x0f, 0x03, 0xc8), XE_OK); /* lsl ecx, eax */
	ck_assert_int_eq(zero_flag(), q->limit);
	ck_assert_uint_eq(cpu->gpr[XE_RCX], q->limit ? 0x12fff : 0x55555555);
}
END_TEST

START_TEST(selector_questions_elsewhere)
{
	machine_enter_long(&m, 64, 0);
	machine_descriptor(&m, FREE, 0, 0x67, 0x81);
	cpu->gpr[XE_RAX] = FREE;
	ck_assert_int_eq(TRY(0x0f, 0x02, 0xc8), XE_OK);
	ck_assert(!zero_flag()); /* long mode has no TSS of 16 bits */
	machine_enter_real(&m);
	TRY_FAULT(XE_UD, 0, 0x0f, 0x02, 0xc8);
	TRY_FAULT(XE_UD, 0, 0x0f, 0x00, 0xe0);
	TRY_FAULT(XE_UD, 0, 0x63, 0xc8);
}
END_TEST

START_TEST(adjust_rpl)
{
	machine_enter_protected(&m, 32, 0);
	cpu->gpr[XE_RAX] = 0x10;
	cpu->gpr[XE_RCX] = 0x1b;
	ck_assert_int_eq(TRY(0x63, 0xc8), XE_OK); /* arpl ax, cx */
	ck_assert(zero_flag());
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 0x13);
	ck_assert_int_eq(TRY(0x63, 0xc8), XE_OK);
	ck_assert(!zero_flag());
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 0x13);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-protection");
	TCase *segments = tcase_create("segments");
	size_t n;

	tcase_add_checked_fixture(segments, setup, teardown);
	n = sizeof(data_loads) / sizeof(data_loads[0]);
	tcase_add_loop_test(segments, data_segments, 0, (int)n);
	n = sizeof(stack_loads) / sizeof(stack_loads[0]);
	tcase_add_loop_test(segments, stack_segments, 0, (int)n);
	tcase_add_test(segments, null_segments);
	tcase_add_test(segments, table_limit);
	tcase_add_test(segments, real_segments);
	tcase_add_test(segments, load_pointers);
	tcase_add_test(segments, ldt);
	tcase_add_test(segments, ldt_faults);
	tcase_add_test(segments, task_register);
	tcase_add_test(segments, user_mode_instruction_prevention);
	n = sizeof(questions) / sizeof(questions[0]);
	tcase_add_loop_test(segments, selector_questions, 0, (int)n);
	tcase_add_test(segments, selector_questions_elsewhere);
	tcase_add_test(segments, adjust_rpl);
	suite_add_tcase(suite, segments);
	return suite_run(suite);
}
