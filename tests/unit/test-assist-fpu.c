/* SPDX-License-Identifier: MIT */
/* plugins/assist: the x87's control, its loads and stores, and state as an image. */
#include <check.h>

#include "assist-machine.h"
#include "suite.h"

#define RDI XE_RDI
#define IMAGE MACHINE_DATA
#define HEADER 512
#define YMM 576

static struct machine machine;
static struct xe_cpu *const cpu = &machine.cpu;

static void cpuid_full(struct machine *unused, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)unused;
	(void)leaf;
	(void)subleaf;
	memset(answer, 0xff, 4 * sizeof(answer[0]));
}

static void setup(void)
{
	ck_assert(machine_open(&machine, true));
	machine.cpuid = cpuid_full;
	machine_enter_long(&machine, 64, 0);
	cpu->gpr[RDI] = IMAGE;
}

static void teardown(void)
{
	machine_close(&machine);
}

static uint32_t seed = 12345;

static uint64_t next_random(void)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < 8; i++) {
		seed = seed * 1664525u + 1013904223u;
		value = value << 8 | seed >> 24;
	}
	return value;
}

static void fill_state(void)
{
	struct xe_fpu *fpu = &cpu->fpu;

	memset(fpu, 0, sizeof(*fpu));
	for (unsigned i = 0; i < 16; i++)
		for (unsigned k = 0; k < 4; k++)
			fpu->ymm[i].q[k] = next_random();
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < 10; k++)
			fpu->st[i][k] = (uint8_t)next_random();
	fpu->fcw = 0x27f;
	fpu->fsw = 0x2800;
	fpu->ftw = 0xe7;
	fpu->fop = 0x123;
	fpu->fip = UINT64_C(0x123456789abc);
	fpu->fdp = UINT64_C(0x7fff87654321);
	fpu->mxcsr = 0x1fa0;
}

#define TRY(code) machine_try(&machine, code, sizeof(code) - 1)
#define RUNS(code) ck_assert_int_eq(TRY(code), XE_OK)

static void faults(enum xe_result r, uint8_t vector)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, vector);
}

/* --- Control -------------------------------------------------------------------------------- */

START_TEST(control_words)
{
	machine_write_value(&machine, IMAGE, 2, 0);
	RUNS("\xd9\x2f"); /* fldcw */
	ck_assert_uint_eq(cpu->fpu.fcw, 0x40);
	machine_write_value(&machine, IMAGE, 2, 0xffff);
	RUNS("\xd9\x2f");
	RUNS("\xd9\x3f"); /* fnstcw */
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE, 2), 0x1f7f);
	RUNS("\xdb\xe3"); /* fninit */
	ck_assert_uint_eq(cpu->fpu.fcw, 0x37f);
	ck_assert_uint_eq(cpu->fpu.fsw | cpu->fpu.ftw, 0);
	cpu->gpr[XE_RAX] = UINT64_MAX;
	cpu->fpu.fsw = 0x3800;
	RUNS("\xdf\xe0"); /* fnstsw ax */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], UINT64_C(0xffffffffffff3800));
}
END_TEST

/* An exception that was there is unmasked: #MF at the next waiting instruction, and no other. */
START_TEST(pending_exception)
{
	cpu->fpu.fcw = 0x37f;
	cpu->fpu.fsw = 1;
	machine_write_value(&machine, IMAGE, 2, 0x37e);
	RUNS("\xd9\x2f"); /* fldcw */
	ck_assert_uint_eq(cpu->fpu.fsw, 0x8081);
	RUNS("\xd9\x3f"); /* fnstcw */
	RUNS("\xdd\x3f"); /* fnstsw */
	faults(TRY("\x9b"), XE_MF);
	faults(TRY("\xd9\xe8"), XE_MF); /* fld1 */
	cpu->cr0 &= ~(uint64_t)HY_X86_CR0_NE;
	RUNS("\x9b");
	cpu->cr0 |= HY_X86_CR0_NE;
	RUNS("\xdb\xe2"); /* fnclex */
	ck_assert_uint_eq(cpu->fpu.fsw, 0);
	RUNS("\x9b");
}
END_TEST

START_TEST(not_available)
{
	cpu->cr0 = (cpu->cr0 | HY_X86_CR0_TS) & ~(uint64_t)HY_X86_CR0_MP;
	faults(TRY("\xdb\xe3"), XE_NM); /* fninit */
	RUNS("\x9b");                   /* fwait */
	cpu->cr0 |= HY_X86_CR0_MP;
	faults(TRY("\x9b"), XE_NM);
	faults(TRY("\x0f\x77"), XE_NM); /* emms */
	faults(TRY("\x0f\xae\x07"), XE_NM); /* fxsave */
	cpu->cr0 = (cpu->cr0 | HY_X86_CR0_EM) & ~(uint64_t)HY_X86_CR0_TS;
	faults(TRY("\xdb\xe3"), XE_NM);
	faults(TRY("\x0f\xae\x07"), XE_NM);
	faults(TRY("\x0f\x77"), XE_UD);
	RUNS("\x9b");
}
END_TEST

/* --- The environment: the four forms (SDM vol. 1, figures 8-9 to 8-12) ------------------------- */

struct environment {
	unsigned bits;
	bool is_protected;
	uint8_t size;
	uint8_t bytes[28];
};

/* FIP 12345, FDP 6789A, FOP 123; ST(1) is physical register 6 and the only one that is not empty. */
static const struct environment environments[] = {
	{ 32, true, 28, { 0x7f, 2, 0xff, 0xff, 0, 0x28, 0xff, 0xff, 0xff, 0xcf, 0xff, 0xff, 0x45, 0x23, 1, 0,
	                  0, 0, 0x23, 1, 0x9a, 0x78, 6, 0, 0, 0, 0xff, 0xff } },
	{ 16, true, 14, { 0x7f, 2, 0, 0x28, 0xff, 0xcf, 0x45, 0x23, 0, 0, 0x9a, 0x78, 0, 0 } },
	{ 16, false, 14, { 0x7f, 2, 0, 0x28, 0xff, 0xcf, 0x45, 0x23, 0x23, 0x11, 0x9a, 0x78, 0, 0x60 } },
	{ 32, false, 28, { 0x7f, 2, 0xff, 0xff, 0, 0x28, 0xff, 0xff, 0xff, 0xcf, 0xff, 0xff, 0x45, 0x23, 0xff, 0xff,
	                   0x23, 0x11, 0, 0, 0x9a, 0x78, 0xff, 0xff, 0, 0x60, 0, 0 } },
};

static void enter(const struct environment *environment)
{
	if (environment->is_protected)
		machine_enter_protected(&machine, environment->bits, 0);
	else
		machine_enter_real(&machine);
	cpu->gpr[XE_RSI] = 0xf000;
}

/* One of FNSTENV, FNSAVE, FLDENV, FRSTOR with [rSI], by size of operands. */
static void run_form(const struct environment *environment, uint8_t opcode, uint8_t modrm)
{
	bool prefixed = !environment->is_protected && environment->bits == 32;
	/* In 16-bit code ModRM 4 is [SI], in 32-bit code 6 is [ESI]. */
	uint8_t rm = environment->is_protected && environment->bits == 32 ? 6 : 4;
	uint8_t code[3] = { 0x66, opcode, modrm | rm };

	ck_assert_int_eq(machine_try(&machine, code + !prefixed, prefixed ? 3 : 2), XE_OK);
}

START_TEST(environment_forms)
{
	const struct environment *environment = &environments[_i];
	struct xe_fpu before;

	enter(environment);
	fill_state();
	cpu->fpu.fip = 0x12345;
	cpu->fpu.fdp = 0x6789a;
	cpu->fpu.ftw = 0x40;
	memset(cpu->fpu.st[1] + 7, 0x80, 1);
	memset(cpu->fpu.st[1] + 8, 0x3f, 2);
	before = cpu->fpu;
	memset(machine.ram + 0xf000, 0xee, 128);
	run_form(environment, 0xd9, 0x30); /* fnstenv */
	ck_assert_mem_eq(machine.ram + 0xf000, environment->bytes, environment->size);
	ck_assert_uint_eq(machine.ram[0xf000 + environment->size], 0xee);
	ck_assert_uint_eq(cpu->fpu.fcw, 0x27f);

	/* All of it away and back. */
	run_form(environment, 0xdd, 0x30); /* fnsave */
	ck_assert_mem_eq(machine.ram + 0xf000 + environment->size, before.st[0], 10);
	ck_assert_uint_eq(machine.ram[0xf000 + environment->size + 80], 0xee);
	ck_assert_uint_eq(cpu->fpu.fcw, 0x37f);
	ck_assert_uint_eq(cpu->fpu.fsw | cpu->fpu.ftw, 0);
	run_form(environment, 0xdd, 0x20); /* frstor */
	if (environment->is_protected && environment->bits == 16) { /* which keeps less */
		before.fip &= 0xffff;
		before.fdp &= 0xffff;
		before.fop = 0;
	}
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
}
END_TEST

/* FLDENV moves TOP, not the registers. */
START_TEST(environment_turns_the_stack)
{
	struct xe_fpu before;

	fill_state();
	before = cpu->fpu;
	RUNS("\xd9\x37"); /* fnstenv */
	machine_write_value(&machine, IMAGE + 4, 2, 0);
	RUNS("\xd9\x27"); /* fldenv */
	for (unsigned i = 0; i < 8; i++)
		ck_assert_mem_eq(cpu->fpu.st[(i + 5) & 7], before.st[i], 10);
	ck_assert_uint_eq(cpu->fpu.ftw, before.ftw);
}
END_TEST

START_TEST(turning)
{
	struct xe_fpu before;

	fill_state();
	before = cpu->fpu;
	RUNS("\xd9\xf7"); /* fincstp */
	ck_assert_uint_eq(cpu->fpu.fsw >> 11 & 7, 6);
	ck_assert_mem_eq(cpu->fpu.st[0], before.st[1], 10);
	RUNS("\xd9\xf6"); /* fdecstp */
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
	RUNS("\xdd\xc3"); /* ffree st3: physical 0 */
	ck_assert_uint_eq(cpu->fpu.ftw, 0xe6);
}
END_TEST

/* --- Numbers --------------------------------------------------------------------------------------- */

START_TEST(stack_faults)
{
	RUNS("\xdb\xe3");
	RUNS("\xd9\xc1"); /* fld st1, which is empty */
	ck_assert_uint_eq(cpu->fpu.fsw, 0x3841);
	ck_assert_uint_eq(cpu->fpu.st[0][7], 0xc0);
	for (unsigned i = 0; i < 7; i++)
		RUNS("\xd9\xe8"); /* fld1 */
	RUNS("\xd9\xe8");
	ck_assert_uint_eq(cpu->fpu.fsw & 0x3a7f, 0x3a41);
	ck_assert_uint_eq(cpu->fpu.st[0][7], 0xc0);
	cpu->fpu.fcw = 0x37e;
	RUNS("\xdb\xe2"); /* fnclex */
	RUNS("\xd9\xe8"); /* unmasked: nothing but the flags */
	ck_assert_uint_eq(cpu->fpu.fsw & 0xbaff, 0xbac1);
	ck_assert_uint_eq(cpu->fpu.fop, 0x1e8);
	faults(TRY("\xd9\xe8"), XE_MF);
}
END_TEST

/* A fault of memory comes before what the number would do. */
START_TEST(memory_faults_first)
{
	struct xe_fpu before;

	RUNS("\xdb\xe3");
	machine_set_entry(&machine, IMAGE + 0x1000, 1, 0);
	xe_state_changed(cpu);
	cpu->gpr[RDI] = IMAGE + 0xffc;
	before = cpu->fpu;
	faults(TRY("\xdb\x2f"), XE_PF); /* fld m80 */
	faults(TRY("\xdb\x3f"), XE_PF); /* fstp m80, of an empty register */
	faults(TRY("\xdd\x1f"), XE_PF); /* fstp m64 */
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
}
END_TEST

static void load_and_store(uint8_t load, uint8_t load_modrm, uint8_t store, uint8_t store_modrm)
{
	uint8_t code[2] = { load, load_modrm };

	ck_assert_int_eq(machine_try(&machine, code, 2), XE_OK);
	code[0] = store;
	code[1] = store_modrm;
	ck_assert_int_eq(machine_try(&machine, code, 2), XE_OK);
}

/* Numbers of 32, 64 bits and integers come back as they were; MMIO too. */
START_TEST(round_trips)
{
	RUNS("\xdb\xe3");
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t value = next_random();

		machine_write_value(&machine, IMAGE, 8, value);
		load_and_store(0xdf, 0x2f, 0xdf, 0x3f); /* fild m64, fistp m64 */
		ck_assert_uint_eq(machine_read_value(&machine, IMAGE, 8), value);
		load_and_store(0xdb, 0x07, 0xdb, 0x1f); /* fild m32, fistp m32 */
		ck_assert_uint_eq(machine_read_value(&machine, IMAGE, 8), value);
		if (i & 1) /* a denormal */
			value &= UINT64_C(0x800fffff807fffff);
		machine_write_value(&machine, IMAGE, 8, value);
		load_and_store(0xdd, 0x07, 0xdd, 0x1f); /* fld m64, fstp m64 */
		value |= (value >> 52 & 0x7ff) == 0x7ff ? UINT64_C(1) << 51 : 0;
		ck_assert_uint_eq(machine_read_value(&machine, IMAGE, 8), value);
	}
	cpu->gpr[RDI] = MACHINE_RAM;
	RUNS("\xdb\x2f"); /* fld m80 */
	ck_assert_uint_eq(machine.accesses, 2);
	RUNS("\xdb\x3f"); /* fstp m80 */
	ck_assert_uint_eq(machine.access[3].size, 2);
	ck_assert_uint_eq(machine.access[3].data, machine_pattern(MACHINE_RAM + 8, 2));
}
END_TEST

struct rounding {
	uint16_t fcw;
	uint16_t exponent;
	uint64_t mantissa;
	uint32_t single;
	uint16_t fsw; /* exceptions and C1 */
	bool stored;
};

#define ONE_AND_A_HALF_ULP UINT64_C(0x8000018000000000) /* between two neighbours of 24 bits */

static const struct rounding roundings[] = {
	{ 0x37f, 0x3fff, UINT64_C(0x8000008000000000), 0x3f800000, 0x20, true },  /* a tie, to even */
	{ 0x37f, 0x3fff, ONE_AND_A_HALF_ULP, 0x3f800002, 0x220, true },
	{ 0x77f, 0x3fff, ONE_AND_A_HALF_ULP, 0x3f800001, 0x20, true },            /* down */
	{ 0x77f, 0xbfff, ONE_AND_A_HALF_ULP, 0xbf800002, 0x220, true },
	{ 0xb7f, 0x3fff, ONE_AND_A_HALF_ULP, 0x3f800002, 0x220, true },           /* up */
	{ 0xf7f, 0xbfff, ONE_AND_A_HALF_ULP, 0xbf800001, 0x20, true },            /* to zero */
	{ 0x37f, 0x7ffe, UINT64_MAX, 0x7f800000, 0x228, true },                   /* overflow */
	{ 0xf7f, 0x7ffe, UINT64_MAX, 0x7f7fffff, 0x28, true },
	{ 0x377, 0x7ffe, UINT64_MAX, 0xeeeeeeee, 0x8, false },
	{ 0x37f, 0x3fff - 149, UINT64_C(1) << 63, 1, 0, true },                   /* exact and tiny: no underflow */
	{ 0x37f, 0x3fff - 150, UINT64_C(1) << 63, 0, 0x30, true },
	{ 0x37f, 0x3fff - 127, UINT64_MAX, 0x00800000, 0x220, true },             /* not tiny when rounded */
	{ 0x36f, 0x3fff - 149, UINT64_C(1) << 63, 0xeeeeeeee, 0x10, false },
	{ 0x37f, 0x7fff, UINT64_C(0x8000000000000001), 0x7fc00000, 0x1, true },   /* a signalling NaN */
	{ 0x37f, 0x3fff, UINT64_C(0x4000000000000000), 0xffc00000, 0x1, true },   /* no number */
};

START_TEST(rounding_to_single)
{
	const struct rounding *rounding = &roundings[_i];

	RUNS("\xdb\xe3");
	RUNS("\xd9\xe8"); /* fld1 */
	memcpy(cpu->fpu.st[0], &rounding->mantissa, 8);
	memcpy(cpu->fpu.st[0] + 8, &rounding->exponent, 2);
	cpu->fpu.fcw = rounding->fcw;
	machine_write_value(&machine, IMAGE, 4, 0xeeeeeeee);
	RUNS("\xd9\x1f"); /* fstp m32 */
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE, 4), rounding->single);
	ck_assert_uint_eq(cpu->fpu.fsw & 0x23f, rounding->fsw);
	ck_assert_uint_eq(cpu->fpu.ftw, rounding->stored ? 0 : 0x80);
	ck_assert_uint_eq(cpu->fpu.fdp, IMAGE);
	ck_assert_uint_eq(cpu->fpu.fip, MACHINE_CODE);
}
END_TEST

/* --- Images --------------------------------------------------------------------------------------------- */

START_TEST(fxsave)
{
	struct xe_fpu before;

	fill_state();
	before = cpu->fpu;
	memset(machine.ram + IMAGE, 0xee, 1024);
	RUNS("\x48\x0f\xae\x07"); /* fxsave64 */
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE + 8, 8), before.fip);
	ck_assert_uint_eq(machine.ram[IMAGE + 5], 0);
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE + 28, 4), 0xffff);
	ck_assert_uint_eq(machine.ram[IMAGE + 416], 0xee);
	ck_assert_uint_eq(machine.ram[IMAGE + 512], 0xee);
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	RUNS("\x48\x0f\xae\x0f"); /* fxrstor64 */
	for (unsigned i = 0; i < 16; i++)
		memset(before.ymm[i].b + 16, 0, 16);
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
	RUNS("\x0f\xae\x07"); /* fxsave: pointers of 32 bits */
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE + 8, 8), 0x56789abc);
}
END_TEST

/* Eight registers outside of 64-bit mode, none without CR4.OSFXSR. */
START_TEST(fxsave_of_less)
{
	machine_enter_protected(&machine, 32, 0);
	fill_state();
	memset(machine.ram + IMAGE, 0xee, 512);
	RUNS("\x0f\xae\x07");
	ck_assert_mem_eq(machine.ram + IMAGE + 160 + 112, &cpu->fpu.ymm[7], 16);
	ck_assert_uint_eq(machine.ram[IMAGE + 160 + 128], 0xee);
	memset(machine.ram + IMAGE, 0xee, 512);
	cpu->cr4 &= ~(uint64_t)HY_X86_CR4_OSFXSR;
	RUNS("\x0f\xae\x07");
	ck_assert_uint_eq(machine.ram[IMAGE + 160], 0xee);
}
END_TEST

START_TEST(images_that_fault)
{
	struct xe_fpu before;

	fill_state();
	before = cpu->fpu;
	memset(machine.ram + IMAGE, 0xee, 0x2000);
	cpu->gpr[RDI] = IMAGE + 8;
	faults(TRY("\x0f\xae\x07"), XE_GP); /* fxsave */
	cpu->gpr[RDI] = IMAGE + 16;
	cpu->gpr[XE_RAX] = 7;
	faults(TRY("\x0f\xae\x27"), XE_GP); /* xsave */
	machine_set_entry(&machine, IMAGE + 0x1000, 1, 0);
	xe_state_changed(cpu);
	cpu->gpr[RDI] = IMAGE + 0x1000 - 64;
	faults(TRY("\x0f\xae\x07"), XE_PF);
	ck_assert_uint_eq(cpu->event.error, 2);
	ck_assert_uint_eq(cpu->event.address, IMAGE + 0x1000);
	faults(TRY("\x0f\xae\x27"), XE_PF);
	faults(TRY("\x0f\xae\x0f"), XE_PF); /* fxrstor */
	ck_assert_uint_eq(cpu->event.error, 0);
	for (unsigned i = 0; i < 64; i++)
		ck_assert_uint_eq(machine.ram[IMAGE + 0x1000 - 64 + i], 0xee);
	cpu->gpr[RDI] = IMAGE;
	faults(TRY("\x0f\xae\x0f"), XE_GP); /* MXCSR of EEEEEEEE */
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
}
END_TEST

START_TEST(images_in_devices)
{
	cpu->gpr[RDI] = MACHINE_RAM;
	cpu->gpr[XE_RAX] = 7;
	ck_assert_int_eq(TRY("\x0f\xae\x07"), XE_REFUSED);
	ck_assert_uint_eq(cpu->refusal.gpa, MACHINE_RAM);
	ck_assert_int_eq(TRY("\x0f\xae\x0f"), XE_REFUSED);
	ck_assert_int_eq(TRY("\x0f\xae\x27"), XE_REFUSED);
	ck_assert(!xe_is_pending(cpu));
	/* What can be read but not written. */
	machine_protect(&machine, IMAGE, 0x1000, HY_PROT_READ);
	cpu->gpr[RDI] = IMAGE;
	ck_assert_int_eq(TRY("\x0f\xae\x07"), XE_REFUSED);
	ck_assert_uint_eq(machine.accesses, 0);
}
END_TEST

START_TEST(xsave)
{
	struct xe_fpu before;

	fill_state();
	before = cpu->fpu;
	memset(machine.ram + IMAGE, 0, 1024);
	cpu->gpr[XE_RAX] = cpu->gpr[XE_RDX] = UINT32_MAX;
	RUNS("\x48\x0f\xae\x27"); /* xsave64 */
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE + HEADER, 8), 7);
	ck_assert_mem_eq(machine.ram + IMAGE + YMM + 16, before.ymm[1].b + 16, 16);
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	RUNS("\x48\x0f\xae\x2f"); /* xrstor64 */
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));

	/* Only AVX, and MXCSR with it; of the header only its bit. */
	memset(machine.ram + IMAGE, 0xee, 1024);
	cpu->gpr[XE_RAX] = 4;
	cpu->gpr[XE_RDX] = 0;
	RUNS("\x48\x0f\xae\x27");
	ck_assert_uint_eq(machine.ram[IMAGE], 0xee);
	ck_assert_uint_eq(machine.ram[IMAGE + 160], 0xee);
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE + 24, 4), 0x1fa0);
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE + HEADER, 2), 0xeeee);
	ck_assert_uint_eq(machine.ram[IMAGE + HEADER + 8], 0xee);
	ck_assert_mem_eq(machine.ram + IMAGE + YMM, before.ymm[0].b + 16, 16);
}
END_TEST

/* What is in its initial state isn't written by XSAVEOPT; what isn't in the image becomes so by XRSTOR. */
START_TEST(initial_state)
{
	struct xe_fpu before;

	fill_state();
	for (unsigned i = 0; i < 16; i++)
		memset(cpu->fpu.ymm[i].b + 16, 0, 16);
	before = cpu->fpu;
	memset(machine.ram + IMAGE, 0xee, 1024);
	memset(machine.ram + IMAGE + HEADER, 0, 64);
	cpu->gpr[XE_RAX] = 7;
	cpu->gpr[XE_RDX] = 0;
	RUNS("\x48\x0f\xae\x37"); /* xsaveopt64 */
	ck_assert_uint_eq(machine_read_value(&machine, IMAGE + HEADER, 8), 3);
	ck_assert_uint_eq(machine.ram[IMAGE + YMM], 0xee);
	RUNS("\x48\x0f\xae\x2f"); /* xrstor64 */
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
	machine_write_value(&machine, IMAGE + HEADER, 8, 0);
	RUNS("\x48\x0f\xae\x2f");
	ck_assert_uint_eq(cpu->fpu.fcw, 0x37f);
	ck_assert_uint_eq(cpu->fpu.ftw | cpu->fpu.fsw, 0);
	ck_assert_uint_eq(cpu->fpu.ymm[3].q[0], 0);
	ck_assert_uint_eq(cpu->fpu.mxcsr, 0x1fa0);
}
END_TEST

/* The header: what XCR0 hasn't, the compacted form, reserved bytes. */
START_TEST(headers_that_fault)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} bad[] = { { HEADER, 8 }, { HEADER + 7, 0x40 }, { HEADER + 15, 0x80 }, { HEADER + 8, 1 }, { HEADER + 23, 1 } };
	struct xe_fpu before;

	fill_state();
	cpu->gpr[XE_RAX] = 7;
	memset(machine.ram + IMAGE, 0, 1024);
	before = cpu->fpu;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		machine.ram[IMAGE + bad[i].at] = bad[i].value;
		faults(TRY("\x0f\xae\x2f"), XE_GP);
		machine.ram[IMAGE + bad[i].at] = 0;
	}
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
	cpu->xcr0 = 3;
	machine.ram[IMAGE + HEADER] = 4;
	faults(TRY("\x0f\xae\x2f"), XE_GP);
	cpu->cr4 &= ~(uint64_t)HY_X86_CR4_OSXSAVE;
	faults(TRY("\x0f\xae\x2f"), XE_UD);
}
END_TEST

/* The host's image. */
START_TEST(host_image)
{
	uint8_t image[XE_XSAVE_SIZE], again[XE_XSAVE_SIZE];
	struct xe_fpu before;

	fill_state();
	before = cpu->fpu;
	xe_get_xsave(cpu, image);
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	cpu->changed = 0;
	ck_assert(xe_set_xsave(cpu, image));
	ck_assert_uint_eq(cpu->changed, XE_PART_FPU);
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
	image[HEADER + 7] = 0x40;
	ck_assert(!xe_set_xsave(cpu, image));
	image[HEADER + 7] = 0;
	image[HEADER + 15] = 0x80;
	ck_assert(!xe_set_xsave(cpu, image));
	image[HEADER + 15] = 0;
	image[26] = 1;
	ck_assert(!xe_set_xsave(cpu, image));
	ck_assert_mem_eq(&cpu->fpu, &before, sizeof(before));
	image[26] = 0;
	cpu->features &= ~XE_HAS_AVX;
	ck_assert(!xe_set_xsave(cpu, image));
	xe_get_xsave(cpu, again);
	ck_assert_uint_eq(again[HEADER], 3);
	ck_assert(xe_set_xsave(cpu, again));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-fpu");
	TCase *tests = tcase_create("fpu");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, control_words);
	tcase_add_test(tests, pending_exception);
	tcase_add_test(tests, not_available);
	tcase_add_loop_test(tests, environment_forms, 0, (int)(sizeof(environments) / sizeof(environments[0])));
	tcase_add_test(tests, environment_turns_the_stack);
	tcase_add_test(tests, turning);
	tcase_add_test(tests, stack_faults);
	tcase_add_test(tests, memory_faults_first);
	tcase_add_test(tests, round_trips);
	tcase_add_loop_test(tests, rounding_to_single, 0, (int)(sizeof(roundings) / sizeof(roundings[0])));
	tcase_add_test(tests, fxsave);
	tcase_add_test(tests, fxsave_of_less);
	tcase_add_test(tests, images_that_fault);
	tcase_add_test(tests, images_in_devices);
	tcase_add_test(tests, xsave);
	tcase_add_test(tests, initial_state);
	tcase_add_test(tests, headers_that_fault);
	tcase_add_test(tests, host_image);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
