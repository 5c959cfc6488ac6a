/* SPDX-License-Identifier: MIT */
/* plugins/assist: vector moves and operations, with memory and devices.  Lanes are in test-assist-lanes.c. */
#include <check.h>

#include "assist-machine.h"
#include "suite.h"

#define RDI XE_RDI

static struct machine machine;
static struct xe_cpu *const cpu = &machine.cpu;

/* A processor that has all there is. */
static void cpuid_full(struct machine *unused, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)unused;
	(void)leaf;
	(void)subleaf;
	memset(answer, 0xff, 4 * sizeof(answer[0]));
}

/* SSE2, no more: leaf 1, EDX bits 23 to 26. */
static void cpuid_sse2(struct machine *unused, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)unused;
	(void)subleaf;
	answer[3] = leaf == 1 ? 0x7800001 : 0;
}

static void setup(void)
{
	ck_assert(machine_open(&machine, true));
	machine.cpuid = cpuid_full;
	machine_enter_long(&machine, 64, 0);
}

static void teardown(void)
{
	machine_close(&machine);
}

static uint32_t seed = 12345;

static uint8_t next_byte(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint8_t)(seed >> 24);
}

/* Bytes that are random, or at the ends of what lanes can hold. */
static void fill(void *data, size_t size)
{
	static const uint8_t edges[] = { 0, 0xff, 0x80, 0x7f, 1 };
	uint8_t *bytes = data;
	bool plain = next_byte() & 1;

	for (size_t i = 0; i < size; i++)
		bytes[i] = plain || (next_byte() & 1) ? next_byte() : edges[next_byte() % sizeof(edges)];
}

static void fill_registers(void)
{
	for (unsigned i = 0; i < 16; i++)
		fill(&cpu->fpu.ymm[i], sizeof(cpu->fpu.ymm[i]));
}

/* --- Moves ------------------------------------------------------------------------------- */

/* Of YMM1 and what RDI points to. */
struct move {
	const char *name;
	uint8_t load[5], load_size; /* size 0: there is none */
	uint8_t store[5], store_size;
	uint8_t size, at;  /* bytes in memory, and where they are in the register */
	bool keeps;        /* the load keeps the rest of the 16 */
	bool aligned;
};

static const struct move moves[] = {
	{ "movaps", { 0x0f, 0x28, 0x0f }, 3, { 0x0f, 0x29, 0x0f }, 3, 16, 0, false, true },
	{ "movups", { 0x0f, 0x10, 0x0f }, 3, { 0x0f, 0x11, 0x0f }, 3, 16, 0, false, false },
	{ "movapd", { 0x66, 0x0f, 0x28, 0x0f }, 4, { 0x66, 0x0f, 0x29, 0x0f }, 4, 16, 0, false, true },
	{ "movupd", { 0x66, 0x0f, 0x10, 0x0f }, 4, { 0x66, 0x0f, 0x11, 0x0f }, 4, 16, 0, false, false },
	{ "movdqa", { 0x66, 0x0f, 0x6f, 0x0f }, 4, { 0x66, 0x0f, 0x7f, 0x0f }, 4, 16, 0, false, true },
	{ "movdqu", { 0xf3, 0x0f, 0x6f, 0x0f }, 4, { 0xf3, 0x0f, 0x7f, 0x0f }, 4, 16, 0, false, false },
	{ "lddqu", { 0xf2, 0x0f, 0xf0, 0x0f }, 4, { 0 }, 0, 16, 0, false, false },
	{ "movntdqa", { 0x66, 0x0f, 0x38, 0x2a, 0x0f }, 5, { 0 }, 0, 16, 0, false, true },
	{ "movntps", { 0 }, 0, { 0x0f, 0x2b, 0x0f }, 3, 16, 0, false, true },
	{ "movntpd", { 0 }, 0, { 0x66, 0x0f, 0x2b, 0x0f }, 4, 16, 0, false, true },
	{ "movntdq", { 0 }, 0, { 0x66, 0x0f, 0xe7, 0x0f }, 4, 16, 0, false, true },
	{ "movss", { 0xf3, 0x0f, 0x10, 0x0f }, 4, { 0xf3, 0x0f, 0x11, 0x0f }, 4, 4, 0, false, false },
	{ "movsd", { 0xf2, 0x0f, 0x10, 0x0f }, 4, { 0xf2, 0x0f, 0x11, 0x0f }, 4, 8, 0, false, false },
	{ "movd", { 0x66, 0x0f, 0x6e, 0x0f }, 4, { 0x66, 0x0f, 0x7e, 0x0f }, 4, 4, 0, false, false },
	{ "movq", { 0xf3, 0x0f, 0x7e, 0x0f }, 4, { 0x66, 0x0f, 0xd6, 0x0f }, 4, 8, 0, false, false },
	{ "movq of 6E, 7E", { 0x66, 0x48, 0x0f, 0x6e, 0x0f }, 5, { 0x66, 0x48, 0x0f, 0x7e, 0x0f }, 5, 8, 0, false, false },
	{ "movlps", { 0x0f, 0x12, 0x0f }, 3, { 0x0f, 0x13, 0x0f }, 3, 8, 0, true, false },
	{ "movhps", { 0x0f, 0x16, 0x0f }, 3, { 0x0f, 0x17, 0x0f }, 3, 8, 8, true, false },
	{ "movlpd", { 0x66, 0x0f, 0x12, 0x0f }, 4, { 0x66, 0x0f, 0x13, 0x0f }, 4, 8, 0, true, false },
	{ "movhpd", { 0x66, 0x0f, 0x16, 0x0f }, 4, { 0x66, 0x0f, 0x17, 0x0f }, 4, 8, 8, true, false },
	{ "vmovups", { 0xc5, 0xf8, 0x10, 0x0f }, 4, { 0xc5, 0xf8, 0x11, 0x0f }, 4, 16, 0, false, false },
	{ "vmovaps", { 0xc5, 0xf8, 0x28, 0x0f }, 4, { 0xc5, 0xf8, 0x29, 0x0f }, 4, 16, 0, false, true },
	{ "vmovups, 256", { 0xc5, 0xfc, 0x10, 0x0f }, 4, { 0xc5, 0xfc, 0x11, 0x0f }, 4, 32, 0, false, false },
	{ "vmovaps, 256", { 0xc5, 0xfc, 0x28, 0x0f }, 4, { 0xc5, 0xfc, 0x29, 0x0f }, 4, 32, 0, false, true },
	{ "vmovdqu, 256", { 0xc5, 0xfe, 0x6f, 0x0f }, 4, { 0xc5, 0xfe, 0x7f, 0x0f }, 4, 32, 0, false, false },
	{ "vmovdqa, 256", { 0xc5, 0xfd, 0x6f, 0x0f }, 4, { 0xc5, 0xfd, 0x7f, 0x0f }, 4, 32, 0, false, true },
	{ "vmovntdq, 256", { 0 }, 0, { 0xc5, 0xfd, 0xe7, 0x0f }, 4, 32, 0, false, true },
	{ "vlddqu, 256", { 0xc5, 0xff, 0xf0, 0x0f }, 4, { 0 }, 0, 32, 0, false, false },
	{ "vmovss", { 0xc5, 0xfa, 0x10, 0x0f }, 4, { 0xc5, 0xfa, 0x11, 0x0f }, 4, 4, 0, false, false },
	{ "vmovsd", { 0xc5, 0xfb, 0x10, 0x0f }, 4, { 0xc5, 0xfb, 0x11, 0x0f }, 4, 8, 0, false, false },
	{ "vmovd", { 0xc5, 0xf9, 0x6e, 0x0f }, 4, { 0xc5, 0xf9, 0x7e, 0x0f }, 4, 4, 0, false, false },
	{ "vmovq", { 0xc5, 0xfa, 0x7e, 0x0f }, 4, { 0xc5, 0xf9, 0xd6, 0x0f }, 4, 8, 0, false, false },
	{ "vmovhps", { 0xc5, 0xf0, 0x16, 0x0f }, 4, { 0xc5, 0xf8, 0x17, 0x0f }, 4, 8, 8, true, false },
	{ "vmovlps", { 0xc5, 0xf0, 0x12, 0x0f }, 4, { 0xc5, 0xf8, 0x13, 0x0f }, 4, 8, 0, true, false },
};
#define MOVES ((int)(sizeof(moves) / sizeof(moves[0])))

/* In one page, over a border, in devices, over a border of them, from memory into them. */
static const uint64_t places[] = { MACHINE_DATA + 0x40,  MACHINE_DATA + 0xffd, MACHINE_RAM + 0x40,
	                           MACHINE_RAM + 0xffd, MACHINE_RAM - 3 };
#define PLACES (sizeof(places) / sizeof(places[0]))

static uint8_t byte_at(uint64_t gpa)
{
	return gpa < MACHINE_RAM ? machine.ram[gpa] : (uint8_t)machine_pattern(gpa, 1);
}

/* What a register has after a load. */
static union xe_vector after_load(const struct move *move, union xe_vector reg, uint64_t gpa)
{
	bool is_vex = move->load[0] == 0xc5;

	if (is_vex)
		memset(reg.b + 16, 0, 16);
	if (!move->keeps)
		memset(reg.b, 0, 16);
	for (unsigned i = 0; i < move->size; i++)
		reg.b[move->at + i] = byte_at(gpa + i);
	return reg;
}

/* Devices see pieces of 8 bytes at most, none over a border of pages, each once and in order. */
static void check_accesses(uint64_t gpa, size_t size, bool write)
{
	uint64_t at = gpa < MACHINE_RAM ? MACHINE_RAM : gpa;
	unsigned i = 0;

	for (; at < gpa + size; at += machine.access[i++].size) {
		ck_assert_uint_lt(i, machine.accesses);
		ck_assert_uint_eq(machine.access[i].kind, XE_ACCESS_MMIO);
		ck_assert_uint_eq(machine.access[i].write, write);
		ck_assert_uint_eq(machine.access[i].address, at);
		ck_assert_uint_le((at & XE_PAGE_MASK) + machine.access[i].size, XE_PAGE_SIZE);
	}
	ck_assert_uint_eq(at, at > gpa + size ? at : gpa + size);
	ck_assert_uint_eq(i, machine.accesses);
}

static bool is_possible(const struct move *move, uint64_t gpa)
{
	return !move->aligned || gpa % move->size == 0;
}

static void load_from(const struct move *move, uint64_t gpa)
{
	union xe_vector expected;

	fill_registers();
	fill(machine.ram + MACHINE_DATA, 2 * XE_PAGE_SIZE);
	fill(machine.ram + MACHINE_RAM - 64, 64);
	expected = after_load(move, cpu->fpu.ymm[1], gpa);
	cpu->gpr[RDI] = gpa;
	machine.accesses = 0;
	ck_assert_msg(machine_try(&machine, move->load, move->load_size) == XE_OK, "%s", move->name);
	ck_assert_msg(!memcmp(&cpu->fpu.ymm[1], &expected, 32), "%s from %llx", move->name, (unsigned long long)gpa);
	check_accesses(gpa, move->size, false);
	ck_assert_uint_eq(cpu->rip, MACHINE_CODE + move->load_size);
}

static void store_to(const struct move *move, uint64_t gpa)
{
	uint8_t seen[32], expected[32];

	fill_registers();
	memset(machine.ram + MACHINE_DATA, 0xee, 2 * XE_PAGE_SIZE);
	cpu->gpr[RDI] = gpa;
	machine.accesses = 0;
	ck_assert_msg(machine_try(&machine, move->store, move->store_size) == XE_OK, "%s", move->name);
	check_accesses(gpa, move->size, true);
	memcpy(expected, cpu->fpu.ymm[1].b + move->at, move->size);
	for (unsigned i = 0; i < move->size && gpa + i < MACHINE_RAM; i++)
		seen[i] = machine.ram[gpa + i];
	for (unsigned i = 0; i < machine.accesses; i++)
		memcpy(seen + (machine.access[i].address - gpa), &machine.access[i].data, machine.access[i].size);
	ck_assert_msg(!memcmp(seen, expected, move->size), "%s to %llx", move->name, (unsigned long long)gpa);
	if (gpa < MACHINE_RAM - 64) {
		ck_assert_uint_eq(machine.ram[gpa - 1], 0xee);
		ck_assert_uint_eq(machine.ram[gpa + move->size], 0xee);
	}
}

START_TEST(moves_to_and_from_everywhere)
{
	const struct move *move = &moves[_i];

	for (size_t i = 0; i < PLACES; i++) {
		if (is_possible(move, places[i]) && move->load_size)
			load_from(move, places[i]);
		if (is_possible(move, places[i]) && move->store_size)
			store_to(move, places[i]);
	}
}
END_TEST

/* #GP(0), also where the page isn't there. */
START_TEST(alignment)
{
	const struct move *move = &moves[_i];
	const uint8_t *code = move->load_size ? move->load : move->store;
	size_t size = move->load_size ? move->load_size : move->store_size;

	machine_set_entry(&machine, MACHINE_DATA, 1, 0);
	xe_state_changed(cpu);
	cpu->gpr[RDI] = MACHINE_DATA + move->size / 2;
	ck_assert_int_eq(machine_try(&machine, code, size), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, move->aligned ? XE_GP : XE_PF);
	ck_assert_uint_eq(cpu->event.error, move->aligned || move->load_size ? 0 : 2);
}
END_TEST

/* While an access waits nothing has happened, and the answers so far are not asked for again. */
START_TEST(replay)
{
	static const uint8_t load[] = { 0xc5, 0xfc, 0x10, 0x0f };
	struct xe_fpu before;

	fill_registers();
	before = cpu->fpu;
	cpu->gpr[RDI] = MACHINE_RAM + 0xfed;
	machine_code(&machine, load, sizeof(load));
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(xe_execute(cpu), XE_ACCESS);
		ck_assert(!memcmp(&before, &cpu->fpu, sizeof(before)));
		ck_assert_uint_eq(cpu->rip, MACHINE_CODE);
		machine_answer(&machine);
	}
	ck_assert_int_eq(xe_execute(cpu), XE_OK);
	check_accesses(MACHINE_RAM + 0xfed, 32, false);
	for (unsigned i = 0; i < 32; i++)
		ck_assert_uint_eq(cpu->fpu.ymm[1].b[i], byte_at(MACHINE_RAM + 0xfed + i));
}
END_TEST

/* A store over a border that the second page forbids leaves the first alone. */
START_TEST(stores_are_whole)
{
	static const uint8_t store[] = { 0x0f, 0x11, 0x0f };

	machine_set_entry(&machine, MACHINE_DATA + 0x1000, 1, (MACHINE_DATA + 0x1000) | MACHINE_P | MACHINE_U);
	xe_state_changed(cpu);
	memset(machine.ram + MACHINE_DATA, 0xee, 0x2000);
	cpu->gpr[RDI] = MACHINE_DATA + 0xff8;
	ck_assert_int_eq(machine_try(&machine, store, sizeof(store)), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, XE_PF);
	ck_assert_uint_eq(cpu->event.error, 3);
	ck_assert_uint_eq(cpu->event.address, MACHINE_DATA + 0x1000);
	for (unsigned i = 0xff8; i < 0x1008; i++)
		ck_assert_uint_eq(machine.ram[MACHINE_DATA + i], 0xee);
}
END_TEST

/* Moves between registers, where they are not what they are with memory. */
START_TEST(between_registers)
{
	union xe_vector one, two;

	fill_registers();
	one = cpu->fpu.ymm[1];
	two = cpu->fpu.ymm[2];
	ck_assert_int_eq(machine_try(&machine, "\xf3\x0f\x10\xca", 4), XE_OK); /* movss xmm1, xmm2 */
	one.d[0] = two.d[0];
	ck_assert_mem_eq(&cpu->fpu.ymm[1], &one, 32);
	ck_assert_int_eq(machine_try(&machine, "\x0f\x16\xca", 3), XE_OK); /* movlhps */
	one.q[1] = two.q[0];
	ck_assert_mem_eq(&cpu->fpu.ymm[1], &one, 32);
	ck_assert_int_eq(machine_try(&machine, "\x0f\x12\xca", 3), XE_OK); /* movhlps */
	one.q[0] = two.q[1];
	ck_assert_mem_eq(&cpu->fpu.ymm[1], &one, 32);
	ck_assert_int_eq(machine_try(&machine, "\xc5\xeb\x10\xdc", 4), XE_OK); /* vmovsd xmm3, xmm2, xmm4 */
	ck_assert_uint_eq(cpu->fpu.ymm[3].q[0], cpu->fpu.ymm[4].q[0]);
	ck_assert_uint_eq(cpu->fpu.ymm[3].q[1], two.q[1]);
	ck_assert_uint_eq(cpu->fpu.ymm[3].q[2] | cpu->fpu.ymm[3].q[3], 0);
	ck_assert_int_eq(machine_try(&machine, "\xf2\x0f\x10\xcc", 4), XE_OK); /* movsd xmm1, xmm4 */
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[0], cpu->fpu.ymm[4].q[0]);
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[1], two.q[0]);
}
END_TEST

START_TEST(general_registers)
{
	fill_registers();
	cpu->fpu.ymm[1].q[0] = UINT64_C(0x8877665544332211);
	cpu->fpu.ymm[1].q[1] = UINT64_C(0x80007fff80ff0000);
	cpu->gpr[XE_RAX] = UINT64_MAX;
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\x7e\xc8", 4), XE_OK); /* movd eax, xmm1 */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 0x44332211);
	ck_assert_int_eq(machine_try(&machine, "\x66\x48\x0f\x7e\xc8", 5), XE_OK); /* movq rax, xmm1 */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], UINT64_C(0x8877665544332211));
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xd7\xc1", 4), XE_OK); /* pmovmskb eax, xmm1 */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 0x9c80);
	ck_assert_int_eq(machine_try(&machine, "\x0f\x50\xc1", 3), XE_OK); /* movmskps eax, xmm1 */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 0xe);
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\x50\xc1", 4), XE_OK); /* movmskpd eax, xmm1 */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 3);
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xc5\xc1\x0d", 5), XE_OK); /* pextrw eax, xmm1, 13 */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 0x80ff);
	cpu->gpr[XE_RAX] = 0xabcd1234;
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xc4\xc8\x0a", 5), XE_OK); /* pinsrw xmm1, eax, 10 */
	ck_assert_uint_eq(cpu->fpu.ymm[1].w[2], 0x1234);
	ck_assert_int_eq(machine_try(&machine, "\xc5\xf9\x6e\xc8", 4), XE_OK); /* vmovd xmm1, eax */
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[0], 0xabcd1234);
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[1] | cpu->fpu.ymm[1].q[2] | cpu->fpu.ymm[1].q[3], 0);
}
END_TEST

/* --- MMX ------------------------------------------------------------------------------------ */

/* Aliases of physical registers: TOP becomes 0, tags valid, what is written a NaN to the x87. */
START_TEST(mmx_and_the_x87)
{
	uint64_t mantissa;

	for (unsigned i = 0; i < 8; i++)
		memset(cpu->fpu.st[i], (int)i + 1, 10);
	cpu->fpu.fsw = 5 << 11;
	cpu->fpu.ftw = 0;
	ck_assert_int_eq(machine_try(&machine, "\x0f\x7e\xd0", 3), XE_OK); /* movd eax, mm2: ST(5) was physical 2 */
	ck_assert_uint_eq(cpu->gpr[XE_RAX], 0x06060606);
	ck_assert_uint_eq(cpu->fpu.fsw & 0x3800, 0);
	ck_assert_uint_eq(cpu->fpu.ftw, 0xff);
	ck_assert_uint_eq(cpu->fpu.st[2][0], 6);
	ck_assert_uint_eq(cpu->fpu.st[2][9], 6);
	machine_write_value(&machine, MACHINE_DATA, 8, 0x1122334455667788);
	cpu->gpr[RDI] = MACHINE_DATA;
	ck_assert_int_eq(machine_try(&machine, "\x0f\x6f\x1f", 3), XE_OK); /* movq mm3, [rdi] */
	memcpy(&mantissa, cpu->fpu.st[3], 8);
	ck_assert_uint_eq(mantissa, 0x1122334455667788);
	ck_assert_uint_eq(cpu->fpu.st[3][8] & cpu->fpu.st[3][9], 0xff);
	ck_assert_int_eq(machine_try(&machine, "\x0f\xfc\xdb", 3), XE_OK); /* paddb mm3, mm3 */
	memcpy(&mantissa, cpu->fpu.st[3], 8);
	ck_assert_uint_eq(mantissa, 0x22446688aaccee10);
	ck_assert_int_eq(machine_try(&machine, "\xf3\x0f\xd6\xcb", 4), XE_OK); /* movq2dq xmm1, mm3 */
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[0], 0x22446688aaccee10);
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[1], 0);
	ck_assert_int_eq(machine_try(&machine, "\x0f\x77", 2), XE_OK); /* emms */
	ck_assert_uint_eq(cpu->fpu.ftw, 0);
}
END_TEST

/* A fault leaves the x87 as it was. */
START_TEST(mmx_faults_change_nothing)
{
	struct xe_fpu before;

	cpu->fpu.fsw = 5 << 11;
	cpu->fpu.ftw = 0x13;
	before = cpu->fpu;
	machine_set_entry(&machine, MACHINE_DATA, 1, 0);
	xe_state_changed(cpu);
	cpu->gpr[RDI] = MACHINE_DATA;
	ck_assert_int_eq(machine_try(&machine, "\x0f\x7f\x1f", 3), XE_EXCEPTION); /* movq [rdi], mm3 */
	ck_assert_int_eq(machine_try(&machine, "\x0f\x6f\x1f", 3), XE_EXCEPTION);
	ck_assert_mem_eq(&before, &cpu->fpu, sizeof(before));
}
END_TEST

/* --- Who may --------------------------------------------------------------------------------------- */

struct permission {
	const char *code;
	size_t size;
	uint64_t cr0_set, cr4_clear;
	uint8_t xcr0;
	bool pending; /* an x87 exception */
	int vector;   /* or -1 */
};

#define EM HY_X86_CR0_EM
#define TS HY_X86_CR0_TS
#define OSFXSR HY_X86_CR4_OSFXSR
#define OSXSAVE HY_X86_CR4_OSXSAVE
#define MOVAPS "\x0f\x28\x0f", 3
#define VMOVAPS "\xc5\xf8\x28\x0f", 4
#define MOVQ_MMX "\x0f\x6f\x1f", 3
#define MOVQ2DQ "\xf3\x0f\xd6\xcb", 4
#define LDMXCSR "\x0f\xae\x17", 3

static const struct permission permissions[] = {
	{ MOVAPS, 0, 0, 7, false, -1 },
	{ MOVAPS, EM, 0, 7, false, XE_UD },
	{ MOVAPS, TS, 0, 7, false, XE_NM },
	{ MOVAPS, TS, OSFXSR, 7, false, XE_UD },
	{ MOVAPS, EM | TS, 0, 7, false, XE_UD },
	{ MOVAPS, 0, OSXSAVE, 1, true, -1 },
	{ VMOVAPS, 0, 0, 7, false, -1 },
	{ VMOVAPS, EM, OSFXSR, 7, true, -1 },
	{ VMOVAPS, TS, 0, 7, false, XE_NM },
	{ VMOVAPS, TS, OSXSAVE, 7, false, XE_UD },
	{ VMOVAPS, TS, 0, 3, false, XE_UD },
	{ VMOVAPS, 0, 0, 1, false, XE_UD },
	{ MOVQ_MMX, 0, OSFXSR, 1, false, -1 },
	{ MOVQ_MMX, EM, 0, 7, true, XE_UD },
	{ MOVQ_MMX, TS, 0, 7, true, XE_NM },
	{ MOVQ_MMX, 0, 0, 7, true, XE_MF },
	{ MOVQ2DQ, 0, 0, 7, true, XE_MF },
	{ MOVQ2DQ, 0, OSFXSR, 7, true, XE_UD },
	{ LDMXCSR, 0, 0, 7, true, -1 },
	{ LDMXCSR, TS, 0, 7, false, XE_NM },
	{ LDMXCSR, TS, OSFXSR, 7, false, XE_UD },
};

START_TEST(order_of_checks)
{
	const struct permission *permission = &permissions[_i];

	cpu->cr0 |= permission->cr0_set;
	cpu->cr4 &= ~permission->cr4_clear;
	cpu->xcr0 = permission->xcr0;
	cpu->fpu.fcw = 0x37e;
	cpu->fpu.fsw = permission->pending ? 0x8081 : 0;
	cpu->gpr[RDI] = MACHINE_DATA;
	ck_assert_int_eq(machine_try(&machine, permission->code, permission->size),
	                 permission->vector < 0 ? XE_OK : XE_EXCEPTION);
	if (permission->vector >= 0)
		ck_assert_int_eq(cpu->event.vector, permission->vector);
}
END_TEST

START_TEST(mxcsr)
{
	cpu->gpr[RDI] = MACHINE_DATA;
	machine_write_value(&machine, MACHINE_DATA, 4, 0xffff);
	ck_assert_int_eq(machine_try(&machine, LDMXCSR), XE_OK);
	ck_assert_uint_eq(cpu->fpu.mxcsr, 0xffff);
	machine_write_value(&machine, MACHINE_DATA, 4, 0x10000);
	ck_assert_int_eq(machine_try(&machine, LDMXCSR), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.vector, XE_GP);
	ck_assert_uint_eq(cpu->fpu.mxcsr, 0xffff);
	ck_assert_int_eq(machine_try(&machine, "\x0f\xae\x1f", 3), XE_OK); /* stmxcsr */
	ck_assert_uint_eq(machine_read_value(&machine, MACHINE_DATA, 4), 0xffff);
}
END_TEST

/* What the guest's CPUID lacks is #UD, what the executor lacks is refused. */
START_TEST(absent_instructions)
{
	ck_assert_int_eq(machine_try(&machine, "\x62\xf1\x7c\x48\x28\x0f", 6), XE_REFUSED); /* vmovaps zmm1, [rdi] */
	ck_assert_int_eq(machine_try(&machine, "\x62\xf1\x7d\x08\xe7\x0f", 6), XE_REFUSED); /* vmovntdq, EVEX */
	ck_assert_int_eq(machine_try(&machine, "\x0f\x58\xc1", 3), XE_REFUSED); /* addps */
	machine.cpuid = cpuid_sse2;
	ck_assert_int_eq(machine_try(&machine, "\x62\xf1\x7c\x48\x28\x0f", 6), XE_EXCEPTION);
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\x38\x00\xc1", 5), XE_EXCEPTION); /* pshufb */
	ck_assert_int_eq(machine_try(&machine, "\xc5\xf8\x28\xc1", 4), XE_EXCEPTION);     /* vmovaps */
	ck_assert_uint_eq(cpu->event.vector, XE_UD);
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xfc\xc1", 4), XE_OK); /* paddb */
}
END_TEST

/* --- By mask ------------------------------------------------------------------------------------------ */

/* Two pages, of which the second isn't there, and 16 bytes at their border. */
static void half_of_memory(void)
{
	memset(machine.ram + MACHINE_DATA, 0xee, 0x1000);
	machine_set_entry(&machine, MACHINE_DATA + 0x1000, 1, 0);
	xe_state_changed(cpu);
	cpu->gpr[RDI] = MACHINE_DATA + 0xff8;
	fill_registers();
}

START_TEST(masked_bytes)
{
	half_of_memory();
	cpu->fpu.ymm[2].q[0] = UINT64_C(0x80007f0080800000);
	cpu->fpu.ymm[2].q[1] = 0;
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xf7\xca", 4), XE_OK); /* maskmovdqu xmm1, xmm2 */
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(machine.ram[MACHINE_DATA + 0xff8 + i],
		                  i == 2 || i == 3 || i == 7 ? cpu->fpu.ymm[1].b[i] : 0xee);
	memset(machine.ram + MACHINE_DATA, 0xee, 0x1000);
	cpu->fpu.ymm[2].b[15] = 0x80;
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xf7\xca", 4), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.address, MACHINE_DATA + 0x1007);
	ck_assert_uint_eq(machine.ram[MACHINE_DATA + 0xffa], 0xee);
	/* In devices only what is selected. */
	cpu->gpr[RDI] = MACHINE_RAM;
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xf7\xca", 4), XE_OK);
	ck_assert_uint_eq(machine.accesses, 3);
	ck_assert_uint_eq(machine.access[0].address, MACHINE_RAM + 2);
	ck_assert_uint_eq(machine.access[0].size, 2);
	ck_assert_uint_eq(machine.access[2].address, MACHINE_RAM + 15);
}
END_TEST

START_TEST(masked_lanes)
{
	static const uint8_t load[] = { 0xc4, 0xe2, 0x6d, 0x2c, 0x0f };  /* vmaskmovps ymm1, ymm2, [rdi] */
	static const uint8_t store[] = { 0xc4, 0xe2, 0x6d, 0x2e, 0x0f }; /* vmaskmovps [rdi], ymm2, ymm1 */

	half_of_memory();
	memset(&cpu->fpu.ymm[2], 0, 32);
	cpu->fpu.ymm[2].d[1] = 0x80000000;
	ck_assert_int_eq(machine_try(&machine, load, sizeof(load)), XE_OK);
	ck_assert_uint_eq(cpu->fpu.ymm[1].d[0], 0);
	ck_assert_uint_eq(cpu->fpu.ymm[1].d[1], 0xeeeeeeee);
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[1] | cpu->fpu.ymm[1].q[2] | cpu->fpu.ymm[1].q[3], 0);
	cpu->fpu.ymm[1].q[0] = UINT64_C(0x1111111122222222);
	ck_assert_int_eq(machine_try(&machine, store, sizeof(store)), XE_OK);
	ck_assert_uint_eq(machine_read_value(&machine, MACHINE_DATA + 0xff8, 8), UINT64_C(0x11111111eeeeeeee));
	cpu->fpu.ymm[2].d[7] = 0x80000000;
	ck_assert_int_eq(machine_try(&machine, load, sizeof(load)), XE_EXCEPTION);
	ck_assert_uint_eq(cpu->event.address, MACHINE_DATA + 0x1014);
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[0], UINT64_C(0x1111111122222222));
}
END_TEST

START_TEST(zeroing)
{
	union xe_vector before[16];

	fill_registers();
	memcpy(before, cpu->fpu.ymm, sizeof(before));
	ck_assert_int_eq(machine_try(&machine, "\xc5\xf8\x77", 3), XE_OK); /* vzeroupper */
	for (unsigned i = 0; i < 16; i++) {
		ck_assert_mem_eq(&cpu->fpu.ymm[i], &before[i], 16);
		ck_assert_uint_eq(cpu->fpu.ymm[i].q[2] | cpu->fpu.ymm[i].q[3], 0);
	}
	memcpy(cpu->fpu.ymm, before, sizeof(before));
	machine_enter_protected(&machine, 32, 0);
	ck_assert_int_eq(machine_try(&machine, "\xc5\xfc\x77", 3), XE_OK); /* vzeroall: eight registers here */
	ck_assert_uint_eq(cpu->fpu.ymm[7].q[0] | cpu->fpu.ymm[7].q[3], 0);
	ck_assert_mem_eq(&cpu->fpu.ymm[8], &before[8], 32);
}
END_TEST

/* VEX writes all of the register, without it the upper half stays. */
START_TEST(upper_halves)
{
	union xe_vector before;

	fill_registers();
	before = cpu->fpu.ymm[1];
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\xef\xca", 4), XE_OK); /* pxor xmm1, xmm2 */
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[0], before.q[0] ^ cpu->fpu.ymm[2].q[0]);
	ck_assert_mem_eq(cpu->fpu.ymm[1].b + 16, before.b + 16, 16);
	ck_assert_int_eq(machine_try(&machine, "\xc5\xe9\xef\xcb", 4), XE_OK); /* vpxor xmm1, xmm2, xmm3 */
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[1], cpu->fpu.ymm[2].q[1] ^ cpu->fpu.ymm[3].q[1]);
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[2] | cpu->fpu.ymm[1].q[3], 0);
	ck_assert_int_eq(machine_try(&machine, "\xc5\xec\x57\xcb", 4), XE_OK); /* vxorps ymm1, ymm2, ymm3 */
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[3], cpu->fpu.ymm[2].q[3] ^ cpu->fpu.ymm[3].q[3]);
}
END_TEST

START_TEST(halves_of_256_bits)
{
	fill_registers();
	ck_assert_int_eq(machine_try(&machine, "\xc4\xe3\x7d\x19\xca\x01", 6), XE_OK); /* vextractf128 xmm2, ymm1, 1 */
	ck_assert_mem_eq(cpu->fpu.ymm[2].b, cpu->fpu.ymm[1].b + 16, 16);
	ck_assert_uint_eq(cpu->fpu.ymm[2].q[2] | cpu->fpu.ymm[2].q[3], 0);
	ck_assert_int_eq(machine_try(&machine, "\xc4\xe3\x65\x18\xe1\x01", 6), XE_OK); /* vinsertf128 ymm4, ymm3, xmm1, 1 */
	ck_assert_mem_eq(cpu->fpu.ymm[4].b, cpu->fpu.ymm[3].b, 16);
	ck_assert_mem_eq(cpu->fpu.ymm[4].b + 16, cpu->fpu.ymm[1].b, 16);
	ck_assert_int_eq(machine_try(&machine, "\xc4\xe3\x65\x06\xd1\x83", 6), XE_OK); /* vperm2f128 ymm2, ymm3, ymm1 */
	ck_assert_mem_eq(cpu->fpu.ymm[2].b, cpu->fpu.ymm[1].b + 16, 16);
	ck_assert_uint_eq(cpu->fpu.ymm[2].q[2] | cpu->fpu.ymm[2].q[3], 0);
	cpu->gpr[RDI] = MACHINE_RAM;
	ck_assert_int_eq(machine_try(&machine, "\xc4\xe2\x7d\x1a\x0f", 5), XE_OK); /* vbroadcastf128 ymm1, [rdi] */
	ck_assert_uint_eq(cpu->fpu.ymm[1].q[3], machine_pattern(MACHINE_RAM + 8, 8));
	ck_assert_int_eq(machine_try(&machine, "\xc4\xe2\x7d\x58\xca", 5), XE_OK); /* vpbroadcastd ymm1, xmm2 */
	ck_assert_uint_eq(cpu->fpu.ymm[1].d[7], cpu->fpu.ymm[2].d[0]);
}
END_TEST

static void check_test(uint64_t a, uint64_t b, uint64_t flags)
{
	cpu->fpu.ymm[1].q[0] = cpu->fpu.ymm[2].q[0] = 0;
	cpu->fpu.ymm[1].q[1] = a;
	cpu->fpu.ymm[2].q[1] = b;
	cpu->rflags |= XE_RFLAGS_STATUS;
	ck_assert_int_eq(machine_try(&machine, "\x66\x0f\x38\x17\xca", 5), XE_OK);
	ck_assert_uint_eq(cpu->rflags & XE_RFLAGS_STATUS, flags);
}

START_TEST(ptest)
{
	check_test(0, 0, HY_X86_RFLAGS_ZF | HY_X86_RFLAGS_CF);
	check_test(3, 1, HY_X86_RFLAGS_CF);
	check_test(1, 2, HY_X86_RFLAGS_ZF);
	check_test(1, 3, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-vector");
	TCase *tests = tcase_create("vector");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, moves_to_and_from_everywhere, 0, MOVES);
	tcase_add_loop_test(tests, alignment, 0, MOVES);
	tcase_add_test(tests, replay);
	tcase_add_test(tests, stores_are_whole);
	tcase_add_test(tests, between_registers);
	tcase_add_test(tests, general_registers);
	tcase_add_test(tests, mmx_and_the_x87);
	tcase_add_test(tests, mmx_faults_change_nothing);
	tcase_add_loop_test(tests, order_of_checks, 0, (int)(sizeof(permissions) / sizeof(permissions[0])));
	tcase_add_test(tests, mxcsr);
	tcase_add_test(tests, absent_instructions);
	tcase_add_test(tests, masked_bytes);
	tcase_add_test(tests, masked_lanes);
	tcase_add_test(tests, zeroing);
	tcase_add_test(tests, upper_halves);
	tcase_add_test(tests, halves_of_256_bits);
	tcase_add_test(tests, ptest);
	suite_add_tcase(suite, tests);
	return suite_run(suite);
}
