/* SPDX-License-Identifier: MIT */
/* plugins/assist: the cache of translations, fetching, reset and features. */
#include "assist-machine.h"
#include "suite.h"

#define HOLE 0x500000u
#define WINDOW 0x60000u
#define NEXT (WINDOW + XE_PAGE_SIZE)

static struct machine m;

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

static void expect_load(uint64_t linear, uint64_t expected)
{
	uint64_t value;

	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, linear, 4, &value), XE_OK);
	ck_assert_uint_eq(value, expected);
}

static void map(uint64_t linear, uint64_t gpa)
{
	machine_map(&m, linear, gpa, MACHINE_P | MACHINE_W | MACHINE_U, 1);
}

static void expect_fault(enum xe_result r, uint8_t vector, uint32_t error)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, vector);
	ck_assert_uint_eq(m.cpu.event.error, error);
}

/* --- Translations ---------------------------------------------------------------------- */

/* A page is found where it was until it is flushed, and others stay. */
START_TEST(stale_until_flushed)
{
	begin(1);
	machine_write_value(&m, 0x20000, 4, 1);
	machine_write_value(&m, 0x21000, 4, 2);
	map(WINDOW, 0x20000);
	map(NEXT, 0x20000);
	expect_load(WINDOW, 1);
	expect_load(NEXT, 1);
	map(WINDOW, 0x21000);
	map(NEXT, 0x21000);
	expect_load(WINDOW, 1);
	xe_flush_page(&m.cpu, WINDOW + 0x123);
	expect_load(WINDOW, 2);
	expect_load(NEXT, 1);
	xe_flush_all(&m.cpu);
	expect_load(NEXT, 2);
}
END_TEST

START_TEST(flushes_of_all)
{
	uint64_t value;

	begin(1);
	for (unsigned i = 0; i < 3 * XE_PAGE_SIZE; i++) {
		map(WINDOW, 0x20000 + i % 2 * XE_PAGE_SIZE);
		machine_write_value(&m, 0x20000, 4, i);
		machine_write_value(&m, 0x21000, 4, i + 1);
		if (i % 3)
			xe_flush_all(&m.cpu);
		else
			xe_cache_flush(m.cpu.cache);
		expect_load(WINDOW, i + i % 2);
	}
	/* Page 0 of an empty cache is no hit. */
	machine_set_entry(&m, 0, 1, 0);
	xe_flush_all(&m.cpu);
	expect_fault(xe_load(&m.cpu, XE_DS, 0, 4, &value), XE_PF, 0);
}
END_TEST

/* Any address in a large page flushes all of it. */
START_TEST(large_pages)
{
	begin(1);
	machine_write_value(&m, 0x1000, 4, 1);
	machine_write_value(&m, 0x201000, 4, 2);
	machine_map(&m, 0x40000000, 0, MACHINE_P | MACHINE_W, 2);
	expect_load(0x40001000, 1);
	machine_map(&m, 0x40000000, 0x200000, MACHINE_P | MACHINE_W, 2);
	expect_load(0x40001000, 1);
	xe_flush_page(&m.cpu, 0x401ff000);
	expect_load(0x40001000, 2);
}
END_TEST

/* A read gives no right to write: it has to set the dirty bit first. */
START_TEST(dirty_after_read)
{
	begin(_i);
	expect_load(MACHINE_DATA, 0);
	ck_assert_uint_eq(machine_entry(&m, MACHINE_DATA, 1) & (MACHINE_A | MACHINE_D), MACHINE_A);
	ck_assert_int_eq(xe_store(&m.cpu, XE_DS, MACHINE_DATA, 4, 5), XE_OK);
	ck_assert_uint_eq(machine_entry(&m, MACHINE_DATA, 1) & (MACHINE_A | MACHINE_D), MACHINE_A | MACHINE_D);
}
END_TEST

/* An entry that changed: what was good of the old page isn't of the new one. */
START_TEST(rights_of_an_old_page)
{
	uint64_t value;

	begin(1);
	map(WINDOW, 0x20000);
	ck_assert_int_eq(xe_store(&m.cpu, XE_DS, WINDOW, 4, 1), XE_OK);
	machine_map(&m, WINDOW, 0x21000, MACHINE_P | MACHINE_U, 1);
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, WINDOW, 4, &value), XE_OK);
	ck_assert_uint_eq(value, 0);
	expect_fault(xe_store(&m.cpu, XE_DS, WINDOW, 4, 1), XE_PF, 3);
}
END_TEST

START_TEST(users_and_supervisors)
{
	uint64_t value;

	begin(_i);
	machine_map(&m, WINDOW, 0x20000, MACHINE_P, 1);
	expect_load(WINDOW, 0);
	m.cpu.cpl = 3;
	expect_fault(xe_load(&m.cpu, XE_DS, WINDOW, 4, &value), XE_PF, 5);
	expect_fault(xe_load_linear(&m.cpu, WINDOW, 4, XE_AS_USER, &value), XE_PF, 5);
	ck_assert_int_eq(xe_load_linear(&m.cpu, WINDOW, 4, XE_AS_SYSTEM, &value), XE_OK);
	m.cpu.cpl = 2;
	expect_load(WINDOW, 0);
}
END_TEST

/* RFLAGS.AC counts at once, without a flush; not for the processor itself. */
START_TEST(smap)
{
	uint64_t value;

	begin(_i);
	m.cpu.cr4 |= XE_CR4_SMAP;
	xe_flush_all(&m.cpu);
	for (unsigned i = 0; i < 3; i++) {
		m.cpu.rflags |= XE_RFLAGS_AC;
		expect_load(MACHINE_DATA, 0);
		expect_fault(xe_load_linear(&m.cpu, MACHINE_DATA, 4, XE_AS_SYSTEM, &value), XE_PF, 1);
		m.cpu.rflags &= ~(uint64_t)XE_RFLAGS_AC;
		expect_fault(xe_load(&m.cpu, XE_DS, MACHINE_DATA, 4, &value), XE_PF, 1);
	}
}
END_TEST

START_TEST(changed_map)
{
	begin(1);
	machine_write_value(&m, MACHINE_DATA, 4, 7);
	expect_load(MACHINE_DATA, 7);
	machine_protect(&m, MACHINE_DATA, XE_PAGE_SIZE, 0);
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, MACHINE_DATA, 4, &m.cpu.gpr[0]), XE_ACCESS);
	xe_drop(&m.cpu);
}
END_TEST

/* --- Fetching ---------------------------------------------------------------------------- */

static const uint8_t mov_imm64[10] = { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 };

static void put_code(uint64_t linear, const void *code, size_t size)
{
	for (size_t i = 0; i < size; i++)
		m.ram[linear + i] = ((const uint8_t *)code)[i];
	m.cpu.rip = linear;
}

/* An instruction at every distance from the end of a page; twice, from the cache too. */
START_TEST(across_pages)
{
	begin(_i);
	for (unsigned before = 1; before <= sizeof(mov_imm64) + 1; before++) {
		for (unsigned i = 0; i < 2; i++) {
			put_code(NEXT - before, mov_imm64, sizeof(mov_imm64));
			m.ram[NEXT - before + 2] = (uint8_t)(before + i);
			m.cpu.gpr[0] = 0;
			ck_assert_int_eq(machine_step(&m), XE_OK);
			ck_assert_uint_eq(m.cpu.gpr[0], UINT64_C(0x0807060504030200) + before + i);
			ck_assert_uint_eq(m.cpu.rip, NEXT - before + sizeof(mov_imm64));
		}
	}
}
END_TEST

/* The next page counts only where the instruction gets there. */
START_TEST(next_page_absent)
{
	begin(_i);
	machine_set_entry(&m, NEXT, 1, 0);
	for (unsigned before = 1; before <= sizeof(mov_imm64) + 1; before++) {
		enum xe_result r;

		put_code(NEXT - before, mov_imm64, sizeof(mov_imm64));
		xe_flush_all(&m.cpu);
		r = machine_step(&m);
		if (before >= sizeof(mov_imm64)) {
			ck_assert_int_eq(r, XE_OK);
			continue;
		}
		expect_fault(r, XE_PF, 0x10);
		ck_assert_uint_eq(m.cpu.event.address, NEXT);
		ck_assert_uint_eq(m.cpu.rip, NEXT - before);
	}
	/* What can't be an instruction whatever follows is #UD. */
	put_code(NEXT - 2, "\x0f\x0b", 2);
	expect_fault(machine_step(&m), XE_UD, 0);
}
END_TEST

START_TEST(changed_code)
{
	begin(_i);
	for (unsigned i = 0; i < 300; i++) {
		const uint8_t code[2] = { 0xb0, (uint8_t)i }; /* mov $i, %al */

		ck_assert_int_eq(machine_try(&m, code, 2), XE_OK);
		ck_assert_uint_eq(m.cpu.gpr[0] & 0xff, i & 0xff);
	}
	ck_assert_int_eq(machine_try(&m, "\xb0\x55", 2), XE_OK);
	ck_assert_int_eq(machine_try(&m, "\xb4\x55", 2), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[0] & 0xffff, 0x5555);
	/* The same bytes in another mode are another instruction: here INC and NOP instead of REX. */
	ck_assert_int_eq(machine_try(&m, "\x40\x90", 2), XE_OK);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 2);
	machine_enter_long(&m, 32, 0);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 1);
}
END_TEST

/*
 * What is in the cache is executed as it was decoded, here with another operand than
 * its bytes have; near the end of a page too, where they are compared one by one.
 */
START_TEST(decoded_once)
{
	static const uint8_t mov[5] = { 0xb8, 1, 0, 0, 0 };
	static const uint64_t places[] = { MACHINE_CODE, NEXT - 16, NEXT - 8 };

	begin(1);
	for (unsigned i = 0; i < 3; i++) {
		put_code(places[i], mov, sizeof(mov));
		ck_assert_int_eq(machine_step(&m), XE_OK);
		ck_assert_uint_eq(m.cpu.gpr[0], 1);
		m.cpu.insn->imm = 7;
		for (unsigned n = 0; n < 2; n++) {
			m.cpu.rip = places[i];
			m.cpu.gpr[0] = 0;
			ck_assert_int_eq(machine_step(&m), XE_OK);
			ck_assert_uint_eq(m.cpu.gpr[0], 7);
		}
		/* The bytes after it don't matter, each of its own does. */
		m.ram[places[i] + 5] ^= 0xff;
		m.cpu.rip = places[i];
		ck_assert_int_eq(machine_step(&m), XE_OK);
		ck_assert_uint_eq(m.cpu.gpr[0], 7);
		m.ram[places[i] + 4] = 0x80;
		m.cpu.rip = places[i];
		ck_assert_int_eq(machine_step(&m), XE_OK);
		ck_assert_uint_eq(m.cpu.gpr[0], 0x80000001);
	}
	/* Longer than 8 bytes. */
	put_code(WINDOW, mov_imm64, sizeof(mov_imm64));
	ck_assert_int_eq(machine_step(&m), XE_OK);
	m.cpu.insn->imm = 7;
	m.ram[WINDOW + 10] ^= 0xff;
	m.cpu.rip = WINDOW;
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[0], 7);
	m.ram[WINDOW + 9] = 0;
	m.cpu.rip = WINDOW;
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[0], UINT64_C(0x0007060504030201));
}
END_TEST

START_TEST(code_limit)
{
	static const uint8_t mov[5] = { 0xb8, 1, 2, 3, 4 };

	begin(_i);
	machine_enter_protected(&m, 32, 0);
	for (unsigned i = 0; i < 3; i++) {
		put_code(MACHINE_CODE, mov, sizeof(mov));
		m.cpu.seg[XE_CS].limit = MACHINE_CODE + 4;
		ck_assert_int_eq(machine_step(&m), XE_OK);
		expect_fault(machine_step(&m), XE_GP, 0);
		m.cpu.rip = MACHINE_CODE;
		ck_assert_int_eq(machine_step(&m), XE_OK);
		m.cpu.rip = MACHINE_CODE;
		m.cpu.seg[XE_CS].limit = MACHINE_CODE + 3;
		expect_fault(machine_step(&m), XE_GP, 0);
		ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE);
	}
	/* 16 bits: the last byte of the segment. */
	machine_enter_real(&m);
	put_code(0xffff, "\x40", 1);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	put_code(0xffff, "\xb0\x01", 2);
	expect_fault(machine_step(&m), XE_GP, 0);
	/* The base counts in addresses, not in the limit; and wraps at 4 GiB. */
	m.cpu.seg[XE_CS].base = 0xffff8000;
	m.cpu.rip = 0x8000 + WINDOW % 0x10000;
	put_code(WINDOW % 0x10000, "\xb0\x77", 2);
	m.cpu.rip = 0x8000 + WINDOW % 0x10000;
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[0] & 0xff, 0x77);
}
END_TEST

START_TEST(canonical_code)
{
	const uint64_t edge = UINT64_C(0x0000800000000000);

	begin(_i);
	map(edge - XE_PAGE_SIZE, 0x20000);
	m.ram[0x20fff] = 0x90;
	m.cpu.rip = edge - 1;
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.rip, edge);
	expect_fault(machine_step(&m), XE_GP, 0);
	m.ram[0x20fff] = 0xb0;
	m.cpu.rip = edge - 1;
	expect_fault(machine_step(&m), XE_GP, 0);
}
END_TEST

START_TEST(length)
{
	uint8_t code[17];

	begin(_i);
	memset(code, 0x66, sizeof(code));
	code[14] = 0x90;
	ck_assert_int_eq(machine_try(&m, code, 15), XE_OK);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 15);
	code[14] = 0x66;
	code[15] = 0x90;
	expect_fault(machine_try(&m, code, 16), XE_GP, 0);
	/* A page of prefixes: 15 of them are at its end, nothing of the next is looked at. */
	machine_set_entry(&m, NEXT, 1, 0);
	put_code(NEXT - 15, code, 15);
	expect_fault(machine_step(&m), XE_GP, 0);
	put_code(NEXT - 14, code, 14);
	expect_fault(machine_step(&m), XE_PF, 0x10);
}
END_TEST

START_TEST(execute_rights)
{
	begin(_i);
	put_code(WINDOW, "\x90\x90\x90\x90", 4);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	machine_map(&m, WINDOW, WINDOW, MACHINE_P | MACHINE_W | MACHINE_NX, 1);
	xe_flush_page(&m.cpu, WINDOW);
	expect_fault(machine_step(&m), XE_PF, 0x11);
	ck_assert_uint_eq(m.cpu.event.address, WINDOW + 1);
	ck_assert_uint_eq(m.cpu.gpr[0], 0);
	map(WINDOW, WINDOW);
	xe_flush_page(&m.cpu, WINDOW);
	m.cpu.cr4 |= XE_CR4_SMEP;
	xe_flush_all(&m.cpu);
	expect_fault(machine_step(&m), XE_PF, 0x11);
	machine_map(&m, WINDOW, WINDOW, MACHINE_P | MACHINE_W, 1);
	xe_flush_all(&m.cpu);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	m.cpu.cpl = 3;
	expect_fault(machine_step(&m), XE_PF, 0x15);
}
END_TEST

START_TEST(no_code)
{
	begin(_i);
	m.cpu.rip = HOLE + 5;
	ck_assert_int_eq(machine_step(&m), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.reason, XE_REFUSED_FETCH);
	ck_assert_uint_eq(m.cpu.refusal.gpa, HOLE + 5);
	ck_assert_uint_eq(m.cpu.refusal.access, HY_PROT_EXEC);
	put_code(NEXT - 1, "\xb0\x01", 2);
	machine_protect(&m, NEXT, XE_PAGE_SIZE, HY_PROT_READ | HY_PROT_WRITE);
	ck_assert_int_eq(machine_step(&m), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.gpa, NEXT);
	/* Executable alone is enough. */
	machine_protect(&m, WINDOW, 2 * XE_PAGE_SIZE, HY_PROT_EXEC);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[0], 1);
}
END_TEST

/* An access that waits keeps its instruction, whatever becomes of the cache and the code. */
START_TEST(instruction_is_kept)
{
	static const uint8_t code[] = { 0x8b, 0x04, 0x25, 0x10, 0x00, 0x50, 0x00 }; /* mov 0x500010, %eax */

	begin(_i);
	machine_code(&m, code, sizeof(code));
	ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
	memset(m.ram + MACHINE_CODE, 0, sizeof(code));
	machine_protect(&m, WINDOW, XE_PAGE_SIZE, HY_PROT_READ);
	machine_answer(&m);
	ck_assert_int_eq(xe_execute(&m.cpu), XE_OK);
	ck_assert_uint_eq(m.cpu.gpr[0], machine_pattern(HOLE + 0x10, 4));
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + sizeof(code));
}
END_TEST

/* --- The processor as a whole --------------------------------------------------------------- */

START_TEST(reset)
{
	begin(_i);
	memset(m.cpu.gpr, 0x55, sizeof(m.cpu.gpr));
	m.cpu.dr[7] = UINT64_MAX;
	m.cpu.msr.lstar = 5;
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE, 4, &m.cpu.gpr[0]), XE_ACCESS);
	xe_reset(&m.cpu);
	ck_assert(!xe_is_pending(&m.cpu));
	ck_assert_uint_eq(m.cpu.mode, 2);
	ck_assert_uint_eq(m.cpu.cpl, 0);
	ck_assert(!m.cpu.is_long && !m.cpu.watching);
	ck_assert_uint_eq(m.cpu.rip, 0xfff0);
	ck_assert_uint_eq(m.cpu.seg[XE_CS].base, 0xffff0000);
	ck_assert_uint_eq(m.cpu.seg[XE_CS].selector, 0xf000);
	ck_assert_uint_eq(m.cpu.rflags, 2);
	ck_assert_uint_eq(m.cpu.cr0, 0x60000010);
	ck_assert_uint_eq(m.cpu.dr[7], 0x400);
	ck_assert_uint_eq(m.cpu.msr.lstar, 0);
	ck_assert_uint_eq(m.cpu.fpu.mxcsr, 0x1f80);
	ck_assert_int_eq(m.cpu.interrupt, -1);
	ck_assert_int_eq(machine_step(&m), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.gpa, 0xfffffff0);
}
END_TEST

static bool give_nothing(void *ctx, unsigned parts)
{
	(void)ctx;
	(void)parts;
	return false;
}

START_TEST(parts_of_the_state)
{
	begin(_i);
	m.cpu.parts = XE_PART_FPU;
	ck_assert_int_eq(xe_need(&m.cpu, XE_PART_FPU | XE_PART_MSRS), XE_OK);
	ck_assert_uint_eq(m.cpu.parts, XE_PART_FPU | XE_PART_MSRS);
	m.bus.load = give_nothing;
	ck_assert_int_eq(xe_need(&m.cpu, XE_PART_MSRS), XE_OK);
	ck_assert_int_eq(xe_need(&m.cpu, XE_PART_DEBUG), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.parts, XE_PART_FPU | XE_PART_MSRS);
}
END_TEST

START_TEST(features)
{
	const struct hy_x86_cpuid table[] = {
		{ .leaf = 1, .ecx = 1u << 23, .edx = 1u << 6 },
		{ .leaf = 7, .flags = HY_X86_CPUID_SUBLEAF, .subleaf = 0, .ebx = 1u << 7 | 1u << 20 },
		{ .leaf = 7, .flags = HY_X86_CPUID_SUBLEAF, .subleaf = 1, .ebx = UINT32_MAX, .ecx = UINT32_MAX },
		{ .leaf = 0x80000001, .edx = 1u << 29 },
		{ .leaf = 0x80000002, .edx = UINT32_MAX },
	};

	ck_assert_uint_eq(xe_features(table, sizeof(table) / sizeof(table[0])),
	                  XE_HAS_POPCNT | XE_HAS_PAE | XE_HAS_SMEP | XE_HAS_SMAP | XE_HAS_LONG);
	ck_assert_uint_eq(xe_features(NULL, 0), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("assist-cache");
	TCase *tcase = tcase_create("cache");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, stale_until_flushed);
	tcase_add_test(tcase, flushes_of_all);
	tcase_add_test(tcase, large_pages);
	tcase_add_loop_test(tcase, dirty_after_read, 0, 2);
	tcase_add_test(tcase, rights_of_an_old_page);
	tcase_add_loop_test(tcase, users_and_supervisors, 0, 2);
	tcase_add_loop_test(tcase, smap, 0, 2);
	tcase_add_test(tcase, changed_map);
	tcase_add_loop_test(tcase, across_pages, 0, 2);
	tcase_add_loop_test(tcase, next_page_absent, 0, 2);
	tcase_add_loop_test(tcase, changed_code, 0, 2);
	tcase_add_test(tcase, decoded_once);
	tcase_add_loop_test(tcase, code_limit, 0, 2);
	tcase_add_loop_test(tcase, canonical_code, 0, 2);
	tcase_add_loop_test(tcase, length, 0, 2);
	tcase_add_loop_test(tcase, execute_rights, 0, 2);
	tcase_add_loop_test(tcase, no_code, 0, 2);
	tcase_add_loop_test(tcase, instruction_is_kept, 0, 2);
	tcase_add_loop_test(tcase, reset, 0, 2);
	tcase_add_loop_test(tcase, parts_of_the_state, 0, 2);
	tcase_add_test(tcase, features);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return suite_run(make_suite());
}
