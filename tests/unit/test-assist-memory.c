/* SPDX-License-Identifier: MIT */
/* plugins/assist/x86-memory.c: segments, loads and stores, also outside; the log of answers. */
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

static enum xe_result load(uint64_t linear, size_t size, uint64_t *value)
{
	enum xe_result r;

	do {
		r = xe_load(&m.cpu, XE_DS, linear, size, value);
	} while (machine_again(&m, r));
	return r;
}

static enum xe_result store(uint64_t linear, size_t size, uint64_t value)
{
	enum xe_result r;

	do {
		r = xe_store(&m.cpu, XE_DS, linear, size, value);
	} while (machine_again(&m, r));
	return r;
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

static void expect_fault(enum xe_result r, uint8_t vector, uint32_t error)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.kind, XE_EVENT_FAULT);
	ck_assert_uint_eq(m.cpu.event.vector, vector);
	ck_assert_uint_eq(m.cpu.event.error, error);
}

static void expect_page_fault(enum xe_result r, uint64_t address, uint32_t error)
{
	expect_fault(r, XE_PF, error);
	ck_assert_uint_eq(m.cpu.event.address, address);
}

/* --- Loads and stores ------------------------------------------------------------------- */

START_TEST(sizes)
{
	static const size_t of[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const uint64_t pattern = UINT64_C(0x8877665544332211);
	uint64_t value;

	begin(_i);
	for (unsigned i = 0; i < 8; i++) {
		for (uint64_t at = 0; at < 16; at++) {
			memset(m.ram + MACHINE_DATA, 0xee, 32);
			ck_assert_int_eq(store(MACHINE_DATA + at, of[i], pattern), XE_OK);
			ck_assert_uint_eq(machine_read_value(&m, MACHINE_DATA + at, of[i]), pattern & xe_mask(of[i]));
			ck_assert_uint_eq(m.ram[MACHINE_DATA + at + of[i]], 0xee);
			ck_assert_int_eq(load(MACHINE_DATA + at, of[i], &value), XE_OK);
			ck_assert_uint_eq(value, pattern & xe_mask(of[i]));
		}
	}
	ck_assert_uint_eq(m.accesses, 0);
}
END_TEST

/* Two linear pages that lie apart, each in memory or outside. */
static void map_window(uint64_t first, uint64_t second)
{
	machine_map(&m, WINDOW, first, MACHINE_P | MACHINE_W | MACHINE_U, 1);
	machine_map(&m, WINDOW + XE_PAGE_SIZE, second, MACHINE_P | MACHINE_W | MACHINE_U, 1);
	xe_flush_all(&m.cpu);
}

START_TEST(crossing_in_memory)
{
	uint64_t value;

	begin(_i);
	map_window(0x22000, 0x21000);
	for (unsigned before = 1; before < 8; before++) {
		uint64_t at = WINDOW + XE_PAGE_SIZE - before;

		ck_assert_int_eq(store(at, 8, UINT64_C(0x8877665544332211)), XE_OK);
		ck_assert_uint_eq(machine_read_value(&m, 0x23000 - before, before),
		                  UINT64_C(0x8877665544332211) & xe_mask(before));
		ck_assert_uint_eq(machine_read_value(&m, 0x21000, 8 - before),
		                  UINT64_C(0x8877665544332211) >> 8 * before);
		ck_assert_int_eq(load(at, 8, &value), XE_OK);
		ck_assert_uint_eq(value, UINT64_C(0x8877665544332211));
	}
}
END_TEST

START_TEST(outside)
{
	uint64_t value;

	begin(_i);
	for (unsigned i = 0; i < 2; i++) {
		m.accesses = 0;
		ck_assert_int_eq(load(HOLE + 1, 4, &value), XE_OK);
		ck_assert_uint_eq(value, machine_pattern(HOLE + 1, 4));
		expect_access(0, false, HOLE + 1, 4, value);
		ck_assert_int_eq(store(HOLE + 3, 8, UINT64_C(0x1122334455667788)), XE_OK);
		expect_access(1, true, HOLE + 3, 8, UINT64_C(0x1122334455667788));
		ck_assert_uint_eq(m.accesses, 2);
	}
}
END_TEST

/* Until the answer is there it is all ones, and what is written is told. */
START_TEST(waiting)
{
	uint64_t value = 1, data;

	begin(_i);
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE, 2, &value), XE_ACCESS);
	ck_assert(xe_is_pending(&m.cpu));
	memcpy(&data, m.cpu.access.data, 8);
	ck_assert_uint_eq(data, UINT64_MAX);
	ck_assert_uint_eq(value, 1);
	xe_drop(&m.cpu);
	ck_assert(!xe_is_pending(&m.cpu));
	ck_assert_int_eq(xe_store(&m.cpu, XE_DS, HOLE, 2, 0xaabbccdd), XE_ACCESS);
	memcpy(&data, m.cpu.access.data, 8);
	ck_assert_uint_eq(data, 0xccdd);
}
END_TEST

START_TEST(crossing_memory_first)
{
	uint64_t at = WINDOW + XE_PAGE_SIZE - 3, value;

	begin(_i);
	map_window(0x22000, HOLE);
	machine_write_value(&m, 0x22ffd, 3, 0x332211);
	ck_assert_int_eq(load(at, 8, &value), XE_OK);
	ck_assert_uint_eq(value, 0x332211 | machine_pattern(HOLE, 5) << 24);
	expect_access(0, false, HOLE, 5, machine_pattern(HOLE, 5));

	ck_assert_int_eq(xe_store(&m.cpu, XE_DS, at, 8, UINT64_C(0x8877665544332299)), XE_ACCESS);
	ck_assert_uint_eq(machine_read_value(&m, 0x22ffd, 3), 0x332211);
	ck_assert(machine_again(&m, XE_ACCESS));
	ck_assert_int_eq(xe_store(&m.cpu, XE_DS, at, 8, UINT64_C(0x8877665544332299)), XE_OK);
	ck_assert_uint_eq(machine_read_value(&m, 0x22ffd, 3), 0x332299);
	expect_access(1, true, HOLE, 5, UINT64_C(0x8877665544));
	ck_assert_uint_eq(m.accesses, 2);
}
END_TEST

START_TEST(crossing_outside_first)
{
	uint64_t at = WINDOW + XE_PAGE_SIZE - 2, value;

	begin(_i);
	map_window(HOLE, 0x22000);
	machine_write_value(&m, 0x22000, 2, 0x4433);
	ck_assert_int_eq(load(at, 4, &value), XE_OK);
	ck_assert_uint_eq(value, 0x44330000 | machine_pattern(HOLE + 0xffe, 2));
	ck_assert_int_eq(xe_store(&m.cpu, XE_DS, at, 4, 0xddccbbaa), XE_ACCESS);
	ck_assert_uint_eq(machine_read_value(&m, 0x22000, 2), 0x4433);
	ck_assert(machine_again(&m, XE_ACCESS));
	ck_assert_int_eq(xe_store(&m.cpu, XE_DS, at, 4, 0xddccbbaa), XE_OK);
	ck_assert_uint_eq(machine_read_value(&m, 0x22000, 2), 0xddcc);
	expect_access(1, true, HOLE + 0xffe, 2, 0xbbaa);
	ck_assert_uint_eq(m.accesses, 2);
}
END_TEST

START_TEST(crossing_outside_twice)
{
	uint64_t at = WINDOW + XE_PAGE_SIZE - 1, value;

	begin(_i);
	map_window(HOLE, HOLE + 0x10000);
	ck_assert_int_eq(load(at, 8, &value), XE_OK);
	ck_assert_uint_eq(value, machine_pattern(HOLE + 0xfff, 1) | machine_pattern(HOLE + 0x10000, 7) << 8);
	ck_assert_int_eq(store(at, 2, 0x2211), XE_OK);
	expect_access(0, false, HOLE + 0xfff, 1, machine_pattern(HOLE + 0xfff, 1));
	expect_access(1, false, HOLE + 0x10000, 7, machine_pattern(HOLE + 0x10000, 7));
	expect_access(2, true, HOLE + 0xfff, 1, 0x11);
	expect_access(3, true, HOLE + 0x10000, 1, 0x22);
	ck_assert_uint_eq(m.accesses, 4);
}
END_TEST

/* Longer ones are split at 8 bytes within each page. */
START_TEST(vectors)
{
	uint8_t data[32], back[32];
	enum xe_result r;

	begin(_i);
	map_window(HOLE, HOLE + XE_PAGE_SIZE);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i + 1);
	do {
		r = xe_store_bytes(&m.cpu, XE_DS, WINDOW + XE_PAGE_SIZE - 12, data, 32);
	} while (machine_again(&m, r));
	ck_assert_int_eq(r, XE_OK);
	expect_access(0, true, HOLE + 0xff4, 8, UINT64_C(0x0807060504030201));
	expect_access(1, true, HOLE + 0xffc, 4, 0x0c0b0a09);
	expect_access(2, true, HOLE + 0x1000, 8, UINT64_C(0x14131211100f0e0d));
	expect_access(3, true, HOLE + 0x1008, 8, UINT64_C(0x1c1b1a1918171615));
	expect_access(4, true, HOLE + 0x1010, 4, 0x201f1e1d);
	do {
		r = xe_load_bytes(&m.cpu, XE_DS, WINDOW + XE_PAGE_SIZE - 12, back, 32);
	} while (machine_again(&m, r));
	ck_assert_int_eq(r, XE_OK);
	for (unsigned i = 0; i < sizeof(back); i++)
		ck_assert_uint_eq(back[i], machine_pattern(HOLE + 0xff4 + i, 1));
	ck_assert_uint_eq(m.accesses, 10);

	map_window(0x22000, 0x24000);
	ck_assert_int_eq(xe_store_bytes(&m.cpu, XE_DS, WINDOW + XE_PAGE_SIZE - 13, data, 31), XE_OK);
	ck_assert_int_eq(xe_load_bytes(&m.cpu, XE_DS, WINDOW + XE_PAGE_SIZE - 13, back, 31), XE_OK);
	ck_assert_mem_eq(back, data, 31);
	ck_assert_mem_eq(m.ram + 0x22ff3, data, 13);
	ck_assert_mem_eq(m.ram + 0x24000, data + 13, 18);
}
END_TEST

/* Both pages are looked at before anything happens; the lower faults first. */
START_TEST(faults_before_accesses)
{
	uint64_t at = WINDOW + XE_PAGE_SIZE - 4, value;

	begin(_i);
	map_window(HOLE, 0x22000);
	machine_set_entry(&m, WINDOW + XE_PAGE_SIZE, 1, 0);
	xe_flush_all(&m.cpu);
	expect_page_fault(load(at, 8, &value), WINDOW + XE_PAGE_SIZE, 0);
	expect_page_fault(store(at, 8, 0), WINDOW + XE_PAGE_SIZE, 2);
	map_window(0x22000, HOLE);
	machine_set_entry(&m, WINDOW + XE_PAGE_SIZE, 1, 0);
	xe_flush_all(&m.cpu);
	machine_write_value(&m, 0x22ffc, 4, 0x11223344);
	expect_page_fault(store(at, 8, 0), WINDOW + XE_PAGE_SIZE, 2);
	ck_assert_uint_eq(machine_read_value(&m, 0x22ffc, 4), 0x11223344);
	machine_set_entry(&m, WINDOW, 1, 0);
	xe_flush_all(&m.cpu);
	expect_page_fault(load(at, 8, &value), at, 0);
	ck_assert_uint_eq(m.accesses, 0);
}
END_TEST

/* What the bus doesn't permit goes outside. */
START_TEST(protected_memory)
{
	uint64_t value;

	begin(_i);
	machine_write_value(&m, ROM, 8, 0x1234);
	machine_protect(&m, ROM, XE_PAGE_SIZE, HY_PROT_READ);
	ck_assert_int_eq(load(ROM, 8, &value), XE_OK);
	ck_assert_uint_eq(value, 0x1234);
	ck_assert_int_eq(store(ROM, 4, 0x99), XE_OK);
	expect_access(0, true, ROM, 4, 0x99);
	ck_assert_uint_eq(machine_read_value(&m, ROM, 8), 0x1234);
	machine_protect(&m, ROM, XE_PAGE_SIZE, HY_PROT_WRITE);
	ck_assert_int_eq(load(ROM, 4, &value), XE_OK);
	expect_access(1, false, ROM, 4, machine_pattern(ROM, 4));
	ck_assert_int_eq(store(ROM, 4, 0x99), XE_OK);
	ck_assert_uint_eq(machine_read_value(&m, ROM, 8), 0x99);
	ck_assert_uint_eq(m.accesses, 2);
}
END_TEST

START_TEST(processor_itself)
{
	uint64_t value;

	begin(_i);
	machine_enter_long(&m, 64, 3);
	machine_map(&m, WINDOW, 0x22000, MACHINE_P | MACHINE_W, 1);
	expect_page_fault(load(WINDOW, 4, &value), WINDOW, 5);
	ck_assert_int_eq(xe_load_linear(&m.cpu, WINDOW, 4, XE_AS_SYSTEM, &value), XE_OK);
	ck_assert_int_eq(xe_load_linear(&m.cpu, HOLE + 5, 4, XE_AS_SYSTEM, &value), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.reason, XE_REFUSED_MEMORY);
	ck_assert_uint_eq(m.cpu.refusal.gpa, HOLE + 5);
	ck_assert_uint_eq(m.cpu.refusal.access, HY_PROT_READ);
	ck_assert_int_eq(xe_store_linear(&m.cpu, HOLE, 4, XE_AS_SYSTEM, 0), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.access, HY_PROT_WRITE);
	machine_enter_long(&m, 64, 0);
	expect_page_fault(xe_load_linear(&m.cpu, WINDOW, 4, XE_AS_USER, &value), WINDOW, 5);
	ck_assert_int_eq(load(WINDOW, 4, &value), XE_OK);
}
END_TEST

/* Linear addresses have 32 bits outside of 64-bit mode. */
START_TEST(wrap_at_4g)
{
	uint64_t value;

	begin(_i);
	machine_enter_long(&m, 32, 0);
	machine_map(&m, 0xfffff000, 0x22000, MACHINE_P | MACHINE_W, 1);
	machine_map(&m, 0, 0x24000, MACHINE_P | MACHINE_W, 1);
	ck_assert_int_eq(store(0xfffffffd, 8, UINT64_C(0x8877665544332211)), XE_OK);
	ck_assert_uint_eq(machine_read_value(&m, 0x22ffd, 3), 0x332211);
	ck_assert_uint_eq(machine_read_value(&m, 0x24000, 5), UINT64_C(0x8877665544));
	m.cpu.seg[XE_DS].base = 0xfffffff0;
	ck_assert_int_eq(load(0x10, 4, &value), XE_OK);
	ck_assert_uint_eq(value, 0x77665544);
}
END_TEST

/* Whatever way an access goes, data breakpoints see it; not what faults. */
/* Long mode's tables are above 4 GiB, and compatibility mode reads them there too. */
START_TEST(tables_above_4g)
{
	const uint64_t table = UINT64_C(0xffff800000006000);
	uint64_t value;

	begin(_i);
	machine_enter_long(&m, 32, 0);
	machine_map(&m, table, 0x5000, MACHINE_P | MACHINE_W, 1);
	machine_map(&m, table + XE_PAGE_SIZE, 0x6000, MACHINE_P | MACHINE_W, 1);
	machine_write_value(&m, 0x5ffc, 8, UINT64_C(0x1122334455667788));
	ck_assert_int_eq(xe_load_linear(&m.cpu, table + 0xffc, 8, XE_AS_SYSTEM, &value), XE_OK);
	ck_assert_uint_eq(value, UINT64_C(0x1122334455667788));
}
END_TEST

START_TEST(breakpoints)
{
	uint8_t data[16] = { 0 };
	uint64_t value;

	begin(_i);
	m.cpu.dr[0] = MACHINE_DATA + 4;
	m.cpu.dr[1] = HOLE;
	m.cpu.dr[2] = WINDOW + XE_PAGE_SIZE;
	/* DR0: 4 bytes, read or written; DR1: 1 byte, the same; DR2: 1 byte, written. */
	m.cpu.dr[7] = 0x400 | 0x2a | 0xfu << 16 | 0x3u << 20 | 0x1u << 24;
	xe_state_changed(&m.cpu);
	ck_assert_int_eq(load(MACHINE_DATA, 4, &value), XE_OK);
	ck_assert_uint_eq(m.cpu.trap, 0);
	for (unsigned i = 0; i < 2; i++) {
		m.cpu.trap = 0;
		ck_assert_int_eq(load(MACHINE_DATA, 8, &value), XE_OK);
		ck_assert_uint_eq(m.cpu.trap, 1);
		ck_assert_int_eq(store(HOLE, 1, 0), XE_OK);
		ck_assert_uint_eq(m.cpu.trap, 3);
		m.cpu.trap = 0;
		ck_assert_int_eq(xe_load_bytes(&m.cpu, XE_DS, WINDOW + XE_PAGE_SIZE - 8, data, 16), XE_OK);
		ck_assert_uint_eq(m.cpu.trap, 0);
		ck_assert_int_eq(xe_store_bytes(&m.cpu, XE_DS, WINDOW + XE_PAGE_SIZE - 8, data, 16), XE_OK);
		ck_assert_uint_eq(m.cpu.trap, 4);
	}
	m.cpu.trap = 0;
	machine_set_entry(&m, MACHINE_DATA, 1, 0);
	xe_flush_all(&m.cpu);
	expect_page_fault(load(MACHINE_DATA + 4, 4, &value), MACHINE_DATA + 4, 0);
	ck_assert_uint_eq(m.cpu.trap, 0);
}
END_TEST

/* --- Segments --------------------------------------------------------------------------------- */

static enum xe_result check_at(unsigned segment, uint64_t offset, size_t size, unsigned access)
{
	return xe_check(&m.cpu, segment, offset, size, access);
}

START_TEST(limits)
{
	begin(_i);
	machine_enter_protected(&m, 32, 0);
	m.cpu.seg[XE_DS].limit = m.cpu.seg[XE_SS].limit = 0x1fff;
	ck_assert_int_eq(check_at(XE_DS, 0x1ff8, 8, HY_PROT_READ), XE_OK);
	expect_fault(check_at(XE_DS, 0x1ff9, 8, HY_PROT_READ), XE_GP, 0);
	expect_fault(check_at(XE_DS, 0x2000, 1, HY_PROT_READ), XE_GP, 0);
	expect_fault(check_at(XE_SS, 0x2000, 1, HY_PROT_WRITE), XE_SS_FAULT, 0);
	expect_fault(check_at(XE_DS, 0xfffffffc, 8, HY_PROT_READ), XE_GP, 0);
	/* Expanding down: above the limit, up to 4 GiB or 64 KiB. */
	m.cpu.seg[XE_DS].attributes = (HY_X86_ATTR_DATA32 & ~0xfu) | 7;
	expect_fault(check_at(XE_DS, 0x1fff, 1, HY_PROT_READ), XE_GP, 0);
	ck_assert_int_eq(check_at(XE_DS, 0x2000, 1, HY_PROT_READ), XE_OK);
	ck_assert_int_eq(check_at(XE_DS, 0x20000, 1, HY_PROT_READ), XE_OK);
	m.cpu.seg[XE_DS].attributes &= (uint16_t)~HY_X86_SEG_DB;
	ck_assert_int_eq(check_at(XE_DS, 0xfffc, 4, HY_PROT_READ), XE_OK);
	expect_fault(check_at(XE_DS, 0xfffd, 4, HY_PROT_READ), XE_GP, 0);
}
END_TEST

START_TEST(types)
{
	static const struct {
		uint8_t type;
		bool read, write;
	} of[] = { { 1, true, false },
		   { 3, true, true },
		   { 9, false, false },
		   { 11, true, false },
		   { 15, true, false } };

	begin(_i);
	machine_enter_protected(&m, 32, 0);
	for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		m.cpu.seg[XE_DS].attributes = (uint16_t)((HY_X86_ATTR_DATA32 & ~0xfu) | of[i].type);
		ck_assert_int_eq(check_at(XE_DS, 0x8000, 4, HY_PROT_READ), of[i].read ? XE_OK : XE_EXCEPTION);
		ck_assert_int_eq(check_at(XE_DS, 0x8000, 4, HY_PROT_WRITE), of[i].write ? XE_OK : XE_EXCEPTION);
	}
	m.cpu.seg[XE_DS].attributes = HY_X86_ATTR_DATA32 | HY_X86_SEG_UNUSABLE;
	expect_fault(check_at(XE_DS, 0x8000, 4, HY_PROT_READ), XE_GP, 0);
	m.cpu.seg[XE_SS].attributes = HY_X86_ATTR_DATA32 & ~HY_X86_SEG_P;
	expect_fault(check_at(XE_SS, 0x8000, 4, HY_PROT_READ), XE_SS_FAULT, 0);
	/* Real mode looks at the limit alone. */
	machine_enter_real(&m);
	ck_assert_int_eq(check_at(XE_CS, 0x8000, 4, HY_PROT_WRITE), XE_OK);
	expect_fault(check_at(XE_DS, 0xfffd, 4, HY_PROT_READ), XE_GP, 0);
}
END_TEST

START_TEST(canonical)
{
	const uint64_t edge = UINT64_C(0x0000800000000000);

	begin(_i);
	expect_fault(check_at(XE_DS, edge, 1, HY_PROT_READ), XE_GP, 0);
	expect_fault(check_at(XE_SS, edge, 1, HY_PROT_READ), XE_SS_FAULT, 0);
	expect_fault(check_at(XE_DS, edge - 4, 8, HY_PROT_READ), XE_GP, 0);
	expect_page_fault(check_at(XE_DS, edge - 8, 8, HY_PROT_READ), edge - 8, 0);
	expect_page_fault(check_at(XE_DS, 0 - edge, 8, HY_PROT_READ), 0 - edge, 0);
	expect_fault(check_at(XE_DS, 0 - edge - 1, 1, HY_PROT_READ), XE_GP, 0);
	/* Limits and types don't count; of the bases those of FS and GS. */
	m.cpu.seg[XE_DS] = (struct hy_segment){ .base = 0x1000, .attributes = HY_X86_SEG_UNUSABLE };
	m.cpu.seg[XE_GS].base = edge;
	ck_assert_int_eq(check_at(XE_DS, 0x8000, 4, HY_PROT_WRITE), XE_OK);
	expect_fault(check_at(XE_GS, 0, 1, HY_PROT_READ), XE_GP, 0);
	ck_assert_int_eq(check_at(XE_GS, 0x8000 - edge, 4, HY_PROT_READ), XE_OK);
	ck_assert_uint_eq(xe_linear(&m.cpu, XE_DS, 5), 5);
	ck_assert_uint_eq(xe_linear(&m.cpu, XE_GS, 5), edge + 5);
	machine_set_paging(&m, MACHINE_PAGING_5);
	expect_page_fault(check_at(XE_DS, edge, 1, HY_PROT_READ), edge, 0);
	expect_fault(check_at(XE_DS, UINT64_C(0x0100000000000000), 1, HY_PROT_READ), XE_GP, 0);
}
END_TEST

START_TEST(alignment)
{
	uint64_t value;

	begin(_i);
	machine_enter_long(&m, 64, 3);
	ck_assert_int_eq(load(MACHINE_DATA + 2, 4, &value), XE_OK);
	m.cpu.cr0 |= HY_X86_CR0_AM;
	m.cpu.rflags |= XE_RFLAGS_AC;
	expect_fault(load(MACHINE_DATA + 2, 4, &value), XE_AC, 0);
	expect_fault(store(MACHINE_DATA + 1, 2, 0), XE_AC, 0);
	ck_assert_int_eq(load(MACHINE_DATA + 2, 2, &value), XE_OK);
	ck_assert_int_eq(load(MACHINE_DATA + 3, 1, &value), XE_OK);
	expect_fault(check_at(XE_DS, MACHINE_DATA + 2, 6, HY_PROT_READ), XE_AC, 0);
	expect_fault(check_at(XE_DS, MACHINE_DATA + 4, 8, HY_PROT_READ), XE_AC, 0);
	expect_fault(check_at(XE_DS, MACHINE_DATA + 4, 10, HY_PROT_READ), XE_AC, 0);
	ck_assert_int_eq(check_at(XE_DS, MACHINE_DATA + 2, 4, HY_PROT_READ | XE_AS_SYSTEM), XE_OK);
	machine_enter_long(&m, 64, 0);
	m.cpu.rflags |= XE_RFLAGS_AC;
	ck_assert_int_eq(load(MACHINE_DATA + 2, 4, &value), XE_OK);
}
END_TEST

/* --- Replay ----------------------------------------------------------------------------------------- */

/* Answers that don't fit what the instruction asks now are thrown away, with all after them. */
START_TEST(log_of_another_way)
{
	uint64_t value;

	begin(_i);
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE, 4, &value), XE_ACCESS);
	machine_answer(&m);
	xe_log_answer(&m.cpu);
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE + 8, 4, &value), XE_ACCESS);
	ck_assert_uint_eq(m.cpu.access.address, HOLE + 8);
	ck_assert_uint_eq(m.cpu.log.count, 0);
	machine_answer(&m);
	xe_log_answer(&m.cpu);
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE + 8, 4, &value), XE_OK);
	ck_assert_uint_eq(value, machine_pattern(HOLE + 8, 4));
}
END_TEST

START_TEST(log_is_full)
{
	uint64_t value = 0;

	begin(_i);
	for (unsigned n = 0; n <= XE_LOG_MAX; n++) {
		m.cpu.log.used = 0;
		for (unsigned i = 0; i < n; i++)
			ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE + i, 1, &value), XE_OK);
		if (n < XE_LOG_MAX) {
			ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE + n, 1, &value), XE_ACCESS);
			machine_answer(&m);
			xe_log_answer(&m.cpu);
		}
	}
	ck_assert_int_eq(xe_load(&m.cpu, XE_DS, HOLE, 1, &value), XE_REFUSED);
	ck_assert_uint_eq(m.cpu.refusal.reason, XE_REFUSED_INSN);
}
END_TEST

START_TEST(refused_msr)
{
	uint64_t value;

	begin(_i);
	ck_assert_int_eq(xe_outside(&m.cpu, XE_ACCESS_MSR, 0x123, 8, false, false, &value), XE_ACCESS);
	m.cpu.access.refused = 1;
	xe_log_answer(&m.cpu);
	expect_fault(xe_outside(&m.cpu, XE_ACCESS_MSR, 0x123, 8, false, false, &value), XE_GP, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("assist-memory");
	TCase *tcase = tcase_create("memory");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, sizes, 0, 2);
	tcase_add_loop_test(tcase, crossing_in_memory, 0, 2);
	tcase_add_loop_test(tcase, outside, 0, 2);
	tcase_add_loop_test(tcase, waiting, 0, 2);
	tcase_add_loop_test(tcase, crossing_memory_first, 0, 2);
	tcase_add_loop_test(tcase, crossing_outside_first, 0, 2);
	tcase_add_loop_test(tcase, crossing_outside_twice, 0, 2);
	tcase_add_loop_test(tcase, vectors, 0, 2);
	tcase_add_loop_test(tcase, faults_before_accesses, 0, 2);
	tcase_add_loop_test(tcase, protected_memory, 0, 2);
	tcase_add_loop_test(tcase, processor_itself, 0, 2);
	tcase_add_loop_test(tcase, wrap_at_4g, 0, 2);
	tcase_add_loop_test(tcase, tables_above_4g, 0, 2);
	tcase_add_loop_test(tcase, breakpoints, 0, 2);
	tcase_add_loop_test(tcase, limits, 0, 2);
	tcase_add_loop_test(tcase, types, 0, 2);
	tcase_add_loop_test(tcase, canonical, 0, 2);
	tcase_add_loop_test(tcase, alignment, 0, 2);
	tcase_add_loop_test(tcase, log_of_another_way, 0, 2);
	tcase_add_loop_test(tcase, log_is_full, 0, 2);
	tcase_add_loop_test(tcase, refused_msr, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return suite_run(make_suite());
}
