/* SPDX-License-Identifier: MIT */
/* plugins/assist/x86-place.c: read-modify-write, locked and not. */
#include <pthread.h>
#include <stdlib.h>

#include "assist-machine.h"
#include "suite.h"

#define HOLE 0x500000u /* outside, mapped to where it is */
#define ROM 0x30000u
#define WINDOW 0x60000u /* linear pages that tests map elsewhere */

static struct machine m;

/* Each test without a cache and with one. */
static void begin(int cache)
{
	ck_assert(machine_open(&m, cache));
	machine_enter_long(&m, 64, 0);
}

static void setup(void)
{
	m.ram = NULL;
}

static void teardown(void)
{
	machine_close(&m);
}

static void expect_access(unsigned i, bool write, uint64_t address, size_t size, uint64_t data)
{
	ck_assert_uint_lt(i, m.accesses);
	ck_assert_uint_eq(m.access[i].kind, XE_ACCESS_MMIO);
	ck_assert_uint_eq(m.access[i].write, write);
	ck_assert_uint_eq(m.access[i].address, address);
	ck_assert_uint_eq(m.access[i].size, size);
	ck_assert_uint_eq(m.access[i].data, data);
}

static void expect_page_fault(enum xe_result r, uint64_t address, uint32_t error)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_PF);
	ck_assert_uint_eq(m.cpu.event.error, error);
	ck_assert_uint_eq(m.cpu.event.address, address);
}

/* Two linear pages that lie apart, each in memory or outside. */
static void map_window(uint64_t first, uint64_t second)
{
	machine_map(&m, WINDOW, first, MACHINE_P | MACHINE_W | MACHINE_U, 1);
	machine_map(&m, WINDOW + XE_PAGE_SIZE, second, MACHINE_P | MACHINE_W | MACHINE_U, 1);
	xe_flush_all(&m.cpu);
}

static enum xe_result add(uint64_t linear, size_t size, bool locked, uint64_t more)
{
	struct xe_place place;
	enum xe_result r;
	uint64_t old;

	do {
		do {
			r = xe_open_memory(&m.cpu, XE_DS, linear, size, locked, &place, &old);
			if (r == XE_OK)
				r = xe_close(&m.cpu, &place, old + more);
		} while (r == XE_RETRY);
	} while (machine_again(&m, r));
	return r;
}

START_TEST(modify_memory)
{
	static const size_t of[] = { 1, 2, 4, 8 };

	begin(_i);
	map_window(0x22000, 0x24000);
	for (unsigned i = 0; i < 16; i++) {
		size_t size = of[i % 4];
		uint64_t at = WINDOW + XE_PAGE_SIZE - (i < 8 ? 16 + i : 1);

		ck_assert_int_eq(xe_store(&m.cpu, XE_DS, at, size, 0x7f), XE_OK);
		ck_assert_int_eq(add(at, size, i & 1, 0x81), XE_OK);
		ck_assert_int_eq(xe_load(&m.cpu, XE_DS, at, size, &m.cpu.gpr[0]), XE_OK);
		ck_assert_uint_eq(m.cpu.gpr[0], 0x100 & xe_mask(size));
	}
	ck_assert_uint_eq(m.accesses, 0);
}
END_TEST

START_TEST(modify_outside)
{
	begin(_i);
	ck_assert_int_eq(add(HOLE, 4, true, 1), XE_OK);
	expect_access(0, false, HOLE, 4, machine_pattern(HOLE, 4));
	expect_access(1, true, HOLE, 4, machine_pattern(HOLE, 4) + 1);
	ck_assert_uint_eq(m.accesses, 2);
}
END_TEST

/* The reads of both parts, then the writes, and memory at the end. */
START_TEST(modify_across)
{
	uint64_t old;

	begin(_i);
	map_window(0x22000, HOLE);
	machine_write_value(&m, 0x22ffe, 2, 0xffff);
	ck_assert_int_eq(add(WINDOW + 0xffe, 4, true, 1), XE_OK);
	old = 0xffff | machine_pattern(HOLE, 2) << 16;
	expect_access(0, false, HOLE, 2, machine_pattern(HOLE, 2));
	expect_access(1, true, HOLE, 2, (old + 1) >> 16 & 0xffff);
	ck_assert_uint_eq(machine_read_value(&m, 0x22ffe, 2), 0);
	map_window(HOLE, 0x22000);
	machine_write_value(&m, 0x22000, 2, 0x1234);
	ck_assert_int_eq(add(WINDOW + 0xffe, 4, false, 0x10000), XE_OK);
	expect_access(2, false, HOLE + 0xffe, 2, machine_pattern(HOLE + 0xffe, 2));
	expect_access(3, true, HOLE + 0xffe, 2, machine_pattern(HOLE + 0xffe, 2));
	ck_assert_uint_eq(machine_read_value(&m, 0x22000, 2), 0x1235);
	ck_assert_uint_eq(m.accesses, 4);
}
END_TEST

/* Faults on writing come before the read outside. */
START_TEST(modify_faults_first)
{
	begin(_i);
	machine_map(&m, WINDOW, HOLE, MACHINE_P | MACHINE_U, 1);
	xe_flush_all(&m.cpu);
	expect_page_fault(add(WINDOW, 4, false, 1), WINDOW, 3);
	map_window(HOLE, 0x22000);
	machine_map(&m, WINDOW + XE_PAGE_SIZE, 0x22000, MACHINE_P | MACHINE_U, 1);
	xe_flush_all(&m.cpu);
	expect_page_fault(add(WINDOW + 0xffe, 4, false, 1), WINDOW + XE_PAGE_SIZE, 3);
	ck_assert_uint_eq(m.accesses, 0);
}
END_TEST

/* Memory that can only be read or only be written: the other half is outside. */
START_TEST(modify_protected)
{
	begin(_i);
	machine_write_value(&m, ROM, 4, 7);
	machine_protect(&m, ROM, XE_PAGE_SIZE, HY_PROT_READ);
	ck_assert_int_eq(add(ROM, 4, true, 1), XE_OK);
	expect_access(0, true, ROM, 4, 8);
	ck_assert_uint_eq(machine_read_value(&m, ROM, 4), 7);
	machine_protect(&m, ROM, XE_PAGE_SIZE, HY_PROT_WRITE);
	ck_assert_int_eq(add(ROM, 4, true, 1), XE_OK);
	expect_access(1, false, ROM, 4, machine_pattern(ROM, 4));
	ck_assert_uint_eq(machine_read_value(&m, ROM, 4), machine_pattern(ROM, 4) + 1);
	ck_assert_uint_eq(m.accesses, 2);
}
END_TEST

START_TEST(locked_meets_another)
{
	struct xe_place place;
	uint64_t old;

	begin(_i);
	machine_write_value(&m, MACHINE_DATA + 1, 8, 5);
	ck_assert_int_eq(xe_open_memory(&m.cpu, XE_DS, MACHINE_DATA + 1, 8, true, &place, &old), XE_OK);
	ck_assert_uint_eq(old, 5);
	machine_write_value(&m, MACHINE_DATA + 1, 8, 6);
	ck_assert_int_eq(xe_close(&m.cpu, &place, 9), XE_RETRY);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 1, 8), 6);
	ck_assert_int_eq(xe_open_memory(&m.cpu, XE_DS, MACHINE_DATA + 1, 8, true, &place, &old), XE_OK);
	ck_assert_int_eq(xe_close(&m.cpu, &place, 9), XE_OK);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 1, 8), 9);
}
END_TEST

#define ROUNDS 3000

/* Adds to places of all sizes, aligned and not, that another processor adds to. */
static void *add_locked(void *cpu)
{
	static const struct {
		uint64_t at;
		size_t size;
	} places[] = { { 0x00, 8 }, { 0x10, 4 }, { 0x20, 2 }, { 0x30, 1 }, { 0x41, 8 }, { 0x5d, 4 }, { 0x7f, 2 } };

	for (unsigned i = 0; i < ROUNDS * 7; i++) {
		struct xe_place place;
		enum xe_result r;
		uint64_t old;

		do {
			r = xe_open_memory(cpu, XE_DS, MACHINE_DATA + places[i % 7].at, places[i % 7].size, true,
			                   &place, &old);
			if (r == XE_OK)
				r = xe_close(cpu, &place, old + 1);
		} while (r == XE_RETRY);
		if (r != XE_OK)
			return NULL;
	}
	return cpu;
}

START_TEST(locked_against_another)
{
	struct xe_cpu *second = malloc(sizeof(*second));
	pthread_t thread;
	void *result;

	begin(0);
	ck_assert_ptr_nonnull(second);
	*second = m.cpu;
	ck_assert_int_eq(pthread_create(&thread, NULL, add_locked, second), 0);
	ck_assert_ptr_nonnull(add_locked(&m.cpu));
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_nonnull(result);
	free(second);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA, 8), 2 * ROUNDS);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 0x10, 4), 2 * ROUNDS);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 0x20, 2), 2 * ROUNDS);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 0x30, 1), 2 * ROUNDS % 256);
#if defined(__x86_64__) || defined(__i386__)
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 0x41, 8), 2 * ROUNDS);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 0x5d, 4), 2 * ROUNDS);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + 0x7f, 2), 2 * ROUNDS);
#endif
}
END_TEST

START_TEST(registers)
{
	const struct xe_insn insn = {
		.operand = { { XE_GPR, XE_RBX, 4 }, { XE_GPR_HIGH, XE_RBX, 1 }, { XE_GPR, XE_RBX, 2 } }
	};
	struct xe_place place;
	uint64_t old;

	begin(_i);
	m.cpu.gpr[XE_RBX] = UINT64_C(0x1122334455667788);
	ck_assert_int_eq(xe_open(&m.cpu, &insn, 1, &place, &old), XE_OK);
	ck_assert_uint_eq(old, 0x77);
	ck_assert_int_eq(xe_close(&m.cpu, &place, 0xabcd), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[XE_RBX], UINT64_C(0x112233445566cd88));
	ck_assert_int_eq(xe_open(&m.cpu, &insn, 2, &place, &old), XE_OK);
	ck_assert_uint_eq(old, 0xcd88);
	ck_assert_int_eq(xe_close(&m.cpu, &place, 1), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[XE_RBX], UINT64_C(0x1122334455660001));
	ck_assert_int_eq(xe_open(&m.cpu, &insn, 0, &place, &old), XE_OK);
	ck_assert_uint_eq(old, 0x55660001);
	ck_assert_int_eq(xe_close(&m.cpu, &place, UINT64_MAX), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[XE_RBX], UINT32_MAX);
}
END_TEST

START_TEST(exchange_16)
{
	const uint64_t expected[2] = { 1, 2 }, wanted[2] = { 3, 4 };
	uint64_t old[2];
	bool equal;

	begin(_i);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = MACHINE_DATA + (i & 2 ? 8 : 0);

		memcpy(m.ram + at, expected, 16);
		ck_assert_int_eq(xe_exchange16(&m.cpu, XE_DS, at, i & 1, old, expected, wanted, &equal), XE_OK);
		ck_assert(equal);
		ck_assert_mem_eq(m.ram + at, wanted, 16);
		ck_assert_mem_eq(old, expected, 16);
		ck_assert_int_eq(xe_exchange16(&m.cpu, XE_DS, at, i & 1, old, expected, wanted, &equal), XE_OK);
		ck_assert(!equal);
		ck_assert_mem_eq(m.ram + at, wanted, 16);
		ck_assert_mem_eq(old, wanted, 16);
	}
}
END_TEST

START_TEST(breakpoints)
{
	const uint64_t zeros[2] = { 0, 0 };
	uint64_t old[2];
	bool equal;

	begin(_i);
	m.cpu.dr[0] = MACHINE_DATA;
	m.cpu.dr[7] = 0x402 | 0x1u << 16; /* 1 byte, written */
	xe_state_changed(&m.cpu);
	ck_assert_int_eq(add(MACHINE_DATA + 1, 4, true, 0), XE_OK);
	ck_assert_uint_eq(m.cpu.trap, 0);
	ck_assert_int_eq(add(MACHINE_DATA, 4, true, 0), XE_OK);
	ck_assert_uint_eq(m.cpu.trap, 1);
	m.cpu.trap = 0;
	ck_assert_int_eq(xe_exchange16(&m.cpu, XE_DS, MACHINE_DATA, true, old, zeros, zeros, &equal), XE_OK);
	ck_assert_uint_eq(m.cpu.trap, 1);
}
END_TEST

START_TEST(descriptor_bits)
{
	begin(_i);
	machine_enter_long(&m, 64, 3);
	machine_map(&m, WINDOW, 0x22000, MACHINE_P | MACHINE_W, 1);
	m.ram[0x22005] = 0x92;
	ck_assert_int_eq(xe_set_descriptor_bits(&m.cpu, WINDOW + 5, 0x10, 1), XE_OK);
	ck_assert_uint_eq(m.ram[0x22005], 0x83);
	ck_assert_int_eq(xe_set_descriptor_bits(&m.cpu, HOLE, 0, 1), XE_REFUSED);
	machine_map(&m, WINDOW, 0x22000, MACHINE_P, 1);
	xe_flush_all(&m.cpu);
	/* What is set already isn't written. */
	ck_assert_int_eq(xe_set_descriptor_bits(&m.cpu, WINDOW + 5, 0, 1), XE_OK);
	expect_page_fault(xe_set_descriptor_bits(&m.cpu, WINDOW + 5, 1, 0), WINDOW + 5, 3);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("assist-place");
	TCase *tcase = tcase_create("place");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, modify_memory, 0, 2);
	tcase_add_loop_test(tcase, modify_outside, 0, 2);
	tcase_add_loop_test(tcase, modify_across, 0, 2);
	tcase_add_loop_test(tcase, modify_faults_first, 0, 2);
	tcase_add_loop_test(tcase, modify_protected, 0, 2);
	tcase_add_loop_test(tcase, locked_meets_another, 0, 2);
	tcase_add_test(tcase, locked_against_another);
	tcase_add_loop_test(tcase, registers, 0, 2);
	tcase_add_loop_test(tcase, exchange_16, 0, 2);
	tcase_add_loop_test(tcase, breakpoints, 0, 2);
	tcase_add_loop_test(tcase, descriptor_bits, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return suite_run(make_suite());
}
