/* SPDX-License-Identifier: MIT */
/* plugins/assist: string instructions and ports. */
#include "assist-machine.h"
#include "suite.h"

#define DATA MACHINE_DATA
#define OTHER (MACHINE_DATA + 0x8000u)
#define OUTSIDE (MACHINE_RAM + 0x1000u)
#define HOLE (MACHINE_MAPPED + 0x5000u) /* no page tables lead there */
#define STATUS XE_RFLAGS_STATUS

static struct machine m;
static uint64_t *const gpr = m.cpu.gpr;

/* Puts an instruction, or several, at RIP and executes the first. */
#define TRY(...) machine_try(&m, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void setup(void)
{
	ck_assert(machine_open(&m, true));
	machine_enter_long(&m, 64, 0);
}

static void teardown(void)
{
	machine_close(&m);
}

static void expect_fault(enum xe_result r, unsigned vector, uint32_t error)
{
	ck_assert_int_eq(r, XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.kind, XE_EVENT_FAULT);
	ck_assert_uint_eq(m.cpu.event.vector, vector);
	ck_assert_uint_eq(m.cpu.event.error, error);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE);
}

static void expect_access(unsigned i, unsigned kind, bool write, uint64_t address, size_t size)
{
	ck_assert_uint_gt(m.accesses, i);
	ck_assert_uint_eq(m.access[i].kind, kind);
	ck_assert_uint_eq(m.access[i].write, write);
	ck_assert_uint_eq(m.access[i].address, address);
	ck_assert_uint_eq(m.access[i].size, size);
}

/* --- String instructions ---------------------------------------------------------------------- */

static void fill(uint64_t gpa, size_t size)
{
	for (size_t i = 0; i < size; i++)
		m.ram[gpa + i] = (uint8_t)(i * 7 + 3);
}

static void strings(uint64_t source, uint64_t destination, uint64_t count)
{
	gpr[XE_RSI] = source;
	gpr[XE_RDI] = destination;
	gpr[XE_RCX] = count;
}

/* Executes what is at RIP until it is done. */
static enum xe_result finish(void)
{
	enum xe_result r = XE_OK;

	while (r == XE_OK && m.cpu.rip == MACHINE_CODE)
		r = machine_step(&m);
	return r;
}

/*
 * rep movs of every size, distance and direction against byte-by-byte copies of
 * items: overlaps come out as item by item.
 */
START_TEST(move_overlaps)
{
	static const uint8_t code[][3] = { { 0xf3, 0xa4 }, { 0x66, 0xf3, 0xa5 }, { 0xf3, 0xa5 }, { 0xf3, 0x48, 0xa5 } };
	static uint8_t model[0x4000];
	unsigned log_size = (unsigned)_i / 2;
	size_t size = (size_t)1 << log_size, count = 0x1100 / size;
	bool down = _i & 1;

	for (int distance = -20; distance <= 20; distance++) {
		uint64_t from = DATA + 0x1000 + (down ? (count - 1) * size : 0);
		uint64_t to = from + (uint64_t)distance;

		fill(DATA, sizeof(model));
		memcpy(model, m.ram + DATA, sizeof(model));
		for (size_t i = 0; i < count; i++) {
			uint8_t item[8];
			size_t at = down ? 0 - i * size : i * size;

			memcpy(item, model + (from - DATA) + at, size);
			memcpy(model + (to - DATA) + at, item, size);
		}
		machine_code(&m, code[log_size], 3);
		xe_set_flags(&m.cpu, HY_X86_RFLAGS_DF, down ? HY_X86_RFLAGS_DF : 0);
		strings(from, to, count);
		ck_assert_int_eq(finish(), XE_OK);
		ck_assert_mem_eq(m.ram + DATA, model, sizeof(model));
		ck_assert_uint_eq(gpr[XE_RCX], 0);
		ck_assert_uint_eq(gpr[XE_RSI], from + (down ? 0 - count * size : count * size));
		ck_assert_uint_eq(gpr[XE_RDI], to + (down ? 0 - count * size : count * size));
	}
}
END_TEST

START_TEST(store_sizes)
{
	static const uint8_t code[][3] = { { 0xf3, 0xaa }, { 0x66, 0xf3, 0xab }, { 0xf3, 0xab }, { 0xf3, 0x48, 0xab } };
	size_t size = (size_t)1 << _i, count = 0x2004 / size;

	gpr[XE_RAX] = UINT64_C(0x8877665544332211);
	machine_code(&m, code[_i], 3);
	strings(0, DATA + 3, count);
	m.ram[DATA + 2] = m.ram[DATA + 3 + count * size] = 0xee;
	ck_assert_int_eq(finish(), XE_OK);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(machine_read_value(&m, DATA + 3 + i * size, size), gpr[XE_RAX] & xe_mask(size));
	ck_assert_uint_eq(m.ram[DATA + 2], 0xee);
	ck_assert_uint_eq(m.ram[DATA + 3 + count * size], 0xee);
	ck_assert_uint_eq(gpr[XE_RCX], 0);
}
END_TEST

/* The page after DATA + 0x1000 isn't there: what was done before counts. */
START_TEST(fault_in_the_middle)
{
	machine_map(&m, DATA + 0x1000, 0, 0, 1);
	xe_flush_all(&m.cpu);
	machine_code(&m, "\xf3\xa4", 2); /* rep movsb */
	strings(OTHER, DATA + 0xf00, 0x200);
	expect_fault(finish(), XE_PF, 2);
	ck_assert_uint_eq(m.cpu.event.address, DATA + 0x1000);
	ck_assert_uint_eq(gpr[XE_RCX], 0x100);
	ck_assert_uint_eq(gpr[XE_RSI], OTHER + 0x100);
	ck_assert_uint_eq(gpr[XE_RDI], DATA + 0x1000);
	ck_assert_mem_eq(m.ram + DATA + 0xf00, m.ram + OTHER, 0x100);

	/* repe cmpsb: flags are those from before, as on processors. */
	machine_code(&m, "\xf3\xa6", 2);
	xe_set_flags(&m.cpu, STATUS, HY_X86_RFLAGS_OF | HY_X86_RFLAGS_CF);
	strings(OTHER, DATA + 0xf00, 0x200);
	expect_fault(finish(), XE_PF, 0);
	ck_assert_uint_eq(gpr[XE_RCX], 0x100);
	ck_assert_uint_eq(m.cpu.rflags & STATUS, HY_X86_RFLAGS_OF | HY_X86_RFLAGS_CF);
}
END_TEST

START_TEST(compares)
{
	fill(DATA, 0x100);
	fill(OTHER, 0x100);
	m.ram[OTHER + 0x40]++;
	machine_code(&m, "\xf3\xa6", 2); /* repe cmpsb */
	strings(DATA, OTHER, 0x100);
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_uint_eq(gpr[XE_RCX], 0x100 - 0x41);
	ck_assert_uint_eq(gpr[XE_RSI], DATA + 0x41);
	ck_assert(m.cpu.rflags & HY_X86_RFLAGS_CF);
	machine_code(&m, "\xf2\xae", 2); /* repne scasb */
	gpr[XE_RAX] = m.ram[DATA + 9];
	strings(0, DATA, 0x100);
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_uint_eq(gpr[XE_RDI], DATA + 10);
	ck_assert(m.cpu.rflags & HY_X86_RFLAGS_ZF);
	/* No count, no change of flags. */
	xe_set_flags(&m.cpu, STATUS, HY_X86_RFLAGS_CF);
	machine_code(&m, "\xf2\xae", 2);
	gpr[XE_RCX] = 0;
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_uint_eq(m.cpu.rflags & STATUS, HY_X86_RFLAGS_CF);
}
END_TEST

/* 32-bit addresses in 64-bit mode: what Intel's processors leave in the registers. */
START_TEST(upper_halves)
{
	uint64_t top = UINT64_C(0xaaaa000000000000);

	strings(top | DATA, top | OTHER, top);
	ck_assert_int_eq(TRY(0x67, 0xf3, 0xac), XE_OK); /* rep lodsb */
	ck_assert_uint_eq(gpr[XE_RCX], 0);
	ck_assert_uint_eq(gpr[XE_RSI], top | DATA);
	strings(top | DATA, top | OTHER, top);
	ck_assert_int_eq(TRY(0x67, 0xf3, 0xa4), XE_OK);
	ck_assert_uint_eq(gpr[XE_RSI], DATA);
	ck_assert_uint_eq(gpr[XE_RDI], OTHER);
	strings(top | DATA, top | OTHER, top | 2);
	machine_code(&m, "\x67\xf3\xa4", 3);
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_uint_eq(gpr[XE_RDI], OTHER + 2);
	ck_assert_uint_eq(gpr[XE_RCX], 0);
}
END_TEST

/* 16-bit addresses wrap within their segment; the source may be overridden, the destination not. */
START_TEST(wrap_and_override)
{
	machine_enter_real(&m);
	m.cpu.seg[XE_FS].base = 0x20000;
	m.cpu.seg[XE_ES].base = 0x40000;
	fill(0x20000, 0x10000);
	machine_code(&m, "\x64\xf3\xa4", 3); /* rep movsb %fs:(%si), %es:(%di) */
	strings(0x1234fff0, 0x5678ff80, 0xabcd0100);
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_mem_eq(m.ram + 0x4ff80, m.ram + 0x2fff0, 0x10);
	ck_assert_mem_eq(m.ram + 0x4ff90, m.ram + 0x20000, 0x70);
	ck_assert_mem_eq(m.ram + 0x40000, m.ram + 0x20070, 0x80);
	ck_assert_uint_eq(gpr[XE_RSI], 0x123400f0);
	ck_assert_uint_eq(gpr[XE_RDI], 0x56780080);
	ck_assert_uint_eq(gpr[XE_RCX], 0xabcd0000);
}
END_TEST

/* From memory to the outside and back: one item for one exit, registers as far as it is. */
START_TEST(move_outside)
{
	fill(DATA, 0x100);
	machine_code(&m, "\xf3\xa5", 2); /* rep movsl */
	strings(DATA, MACHINE_RAM - 8, 4);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
		ck_assert_uint_eq(gpr[XE_RCX], 2 - i);
		ck_assert_uint_eq(gpr[XE_RDI], MACHINE_RAM + 4 * i);
		machine_answer(&m);
		expect_access(i, XE_ACCESS_MMIO, true, MACHINE_RAM + 4 * i, 4);
		ck_assert_uint_eq(m.access[i].data, machine_read_value(&m, DATA + 8 + 4 * i, 4));
		ck_assert_int_eq(xe_execute(&m.cpu), XE_OK);
		ck_assert_uint_eq(m.cpu.rip, i < 1 ? MACHINE_CODE : MACHINE_CODE + 2);
	}
	ck_assert_mem_eq(m.ram + MACHINE_RAM - 8, m.ram + DATA, 8);

	m.accesses = 0;
	machine_code(&m, "\xf3\xa4", 2); /* rep movsb, both outside */
	strings(OUTSIDE, OUTSIDE + 0x100, 3);
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_uint_eq(m.accesses, 6);
	expect_access(4, XE_ACCESS_MMIO, false, OUTSIDE + 2, 1);
	expect_access(5, XE_ACCESS_MMIO, true, OUTSIDE + 0x102, 1);
	ck_assert_uint_eq(m.access[5].data, machine_pattern(OUTSIDE + 2, 1));
}
END_TEST

START_TEST(pauses)
{
	static uint32_t attention = 1;

	/* Wanted by the caller: after one run. */
	m.cpu.attention = &attention;
	machine_code(&m, "\xf3\xa4", 2);
	strings(DATA, OTHER, 0x3000);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE);
	ck_assert_uint_eq(gpr[XE_RCX], 0x2000);
	m.cpu.attention = NULL;
	/* Single step: after each item, flags unchanged until the last. */
	m.cpu.rflags |= HY_X86_RFLAGS_TF | HY_X86_RFLAGS_OF;
	machine_code(&m, "\xf3\xa6", 2);
	strings(DATA, DATA, 2);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(gpr[XE_RCX], 1);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE);
	ck_assert(m.cpu.rflags & HY_X86_RFLAGS_OF);
	ck_assert_uint_ne(m.cpu.trap, 0);
	m.cpu.trap = 0;
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 2);
	ck_assert_uint_eq(m.cpu.rflags & STATUS, HY_X86_RFLAGS_ZF | HY_X86_RFLAGS_PF);
}
END_TEST

/* --- Ports ------------------------------------------------------------------------------------------ */

START_TEST(in_and_out)
{
	gpr[XE_RAX] = UINT64_C(0x1122334455667788);
	gpr[XE_RDX] = 0xffff1234;
	ck_assert_int_eq(TRY(0xec), XE_OK); /* in %dx, %al */
	expect_access(0, XE_ACCESS_IO, false, 0x1234, 1);
	ck_assert_uint_eq(gpr[XE_RAX], UINT64_C(0x1122334455667700) | machine_pattern(0x1234, 1));
	ck_assert_int_eq(TRY(0x66, 0xe5, 0xfe), XE_OK); /* in $0xfe, %ax */
	expect_access(1, XE_ACCESS_IO, false, 0xfe, 2);
	ck_assert_int_eq(TRY(0xed), XE_OK); /* in %dx, %eax */
	expect_access(2, XE_ACCESS_IO, false, 0x1234, 4);
	ck_assert_uint_eq(gpr[XE_RAX], machine_pattern(0x1234, 4));
	ck_assert_int_eq(TRY(0xe6, 0x80), XE_OK); /* out %al, $0x80 */
	expect_access(3, XE_ACCESS_IO, true, 0x80, 1);
	ck_assert_int_eq(TRY(0xef), XE_OK); /* out %eax, %dx */
	expect_access(4, XE_ACCESS_IO, true, 0x1234, 4);
	ck_assert_uint_eq(m.access[4].data, gpr[XE_RAX]);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 1);
}
END_TEST

/* The program may write the general registers while IN waits; what was asked for stands. */
START_TEST(registers_change_at_in)
{
	gpr[XE_RDX] = 0x60;
	machine_code(&m, "\xec", 1);
	ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
	gpr[XE_RDX] = 0x70;
	gpr[XE_RAX] = UINT64_C(0xffffffffffffffff);
	m.cpu.access.data[0] = 0x42;
	ck_assert_int_eq(xe_execute(&m.cpu), XE_OK);
	ck_assert_uint_eq(gpr[XE_RAX], UINT64_C(0xffffffffffffff42));
	ck_assert_uint_eq(gpr[XE_RDX], 0x70);
	machine_code(&m, "\xee", 1);
	ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
	gpr[XE_RDX] = 0x80;
	gpr[XE_RAX] = 0;
	ck_assert_int_eq(xe_execute(&m.cpu), XE_OK);
	ck_assert_uint_eq(m.cpu.rip, MACHINE_CODE + 1);
}
END_TEST

static void set_port_map(uint16_t base, uint32_t limit)
{
	machine_write_value(&m, MACHINE_TSS + 0x66, 2, base);
	m.cpu.seg[XE_TR].limit = limit;
}

static enum xe_result try_in(unsigned size, uint16_t port)
{
	gpr[XE_RDX] = port;
	return size == 1 ? TRY(0xec) : size == 2 ? TRY(0x66, 0xed) : TRY(0xed);
}

START_TEST(port_map)
{
	if (_i == 0)
		machine_enter_protected(&m, 32, 3);
	else
		machine_enter_long(&m, 64, 3);
	memset(m.ram + MACHINE_TSS + 0x80, 0, 0x101);
	set_port_map(0x68, 0x67); /* the machine's: no map */
	expect_fault(try_in(1, 0), XE_GP, 0);
	set_port_map(0x80, 0x180);
	ck_assert_int_eq(try_in(4, 0x7fc), XE_OK);
	expect_fault(try_in(1, 0x800), XE_GP, 0);
	set_port_map(0x80, 0x17f); /* the byte that goes with the last ports isn't there */
	expect_fault(try_in(1, 0x7f8), XE_GP, 0);
	ck_assert_int_eq(try_in(1, 0x7f7), XE_OK);
	m.ram[MACHINE_TSS + 0x80 + 2] = 0x01; /* port 16 */
	expect_fault(try_in(1, 16), XE_GP, 0);
	expect_fault(try_in(2, 15), XE_GP, 0);
	expect_fault(try_in(4, 13), XE_GP, 0);
	ck_assert_int_eq(try_in(4, 12), XE_OK);
	ck_assert_int_eq(try_in(4, 17), XE_OK);
	m.cpu.rflags |= XE_RFLAGS_IOPL;
	ck_assert_int_eq(try_in(1, 16), XE_OK);
	m.cpu.rflags &= ~(uint64_t)XE_RFLAGS_IOPL;
	m.cpu.seg[XE_TR].attributes = HY_X86_SEG_P | 3; /* of 16 bits: has none */
	expect_fault(try_in(1, 17), XE_GP, 0);
}
END_TEST

/* In virtual-8086 mode IOPL doesn't help. */
START_TEST(port_map_in_v8086)
{
	machine_enter_v8086(&m);
	m.cpu.rflags |= XE_RFLAGS_IOPL;
	gpr[XE_RDX] = 0x10;
	expect_fault(TRY(0xec), XE_GP, 0);
	memset(m.ram + MACHINE_TSS + 0x80, 0, 0x10);
	set_port_map(0x80, 0x8f);
	ck_assert_int_eq(TRY(0xec), XE_OK);
}
END_TEST

START_TEST(string_ports)
{
	fill(DATA, 0x10);
	gpr[XE_RDX] = 0x3f8;
	machine_code(&m, "\xf3\x6e", 2); /* rep outsb */
	strings(DATA, 0, 3);
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_uint_eq(m.accesses, 3);
	for (unsigned i = 0; i < 3; i++) {
		expect_access(i, XE_ACCESS_IO, true, 0x3f8, 1);
		ck_assert_uint_eq(m.access[i].data, m.ram[DATA + i]);
		ck_assert_uint_eq(m.access[i].string, 1);
	}
	ck_assert_uint_eq(gpr[XE_RSI], DATA + 3);

	m.accesses = 0;
	machine_code(&m, "\xf3\x6d", 2); /* rep insl, down, over the end of memory */
	m.cpu.rflags |= HY_X86_RFLAGS_DF;
	strings(0, MACHINE_RAM, 2);
	ck_assert_int_eq(finish(), XE_OK);
	ck_assert_uint_eq(m.accesses, 3);
	expect_access(0, XE_ACCESS_IO, false, 0x3f8, 4);
	expect_access(1, XE_ACCESS_MMIO, true, MACHINE_RAM, 4);
	expect_access(2, XE_ACCESS_IO, false, 0x3f8, 4);
	ck_assert_uint_eq(machine_read_value(&m, MACHINE_RAM - 4, 4), machine_pattern(0x3f8, 4));
	ck_assert_uint_eq(gpr[XE_RDI], MACHINE_RAM - 8);
	ck_assert_uint_eq(gpr[XE_RCX], 0);
}
END_TEST

/* Where the destination can't be written the port isn't read. */
START_TEST(in_faults_first)
{
	strings(0, DATA + 0xffe, 2);
	machine_map(&m, DATA + 0x1000, DATA + 0x1000, MACHINE_P, 1);
	xe_flush_all(&m.cpu);
	machine_code(&m, "\xf3\x66\x6d", 3); /* rep insw */
	expect_fault(finish(), XE_PF, 3);
	ck_assert_uint_eq(m.accesses, 1);
	ck_assert_uint_eq(gpr[XE_RCX], 1);
	ck_assert_uint_eq(gpr[XE_RDI], DATA + 0x1000);
	machine_enter_long(&m, 64, 3);
	gpr[XE_RDI] = HOLE; /* the port's #GP is due before */
	expect_fault(TRY(0x6c), XE_GP, 0);
}
END_TEST

/* A breakpoint on a port: after the item. */
START_TEST(port_breakpoint)
{
	m.cpu.cr4 |= XE_CR4_DE;
	m.cpu.dr[1] = 0x3f8;
	m.cpu.dr[7] = 0x400 | 1u << 2 | 2u << 20 | 3u << 22; /* L1, IO, 4 bytes */
	xe_update_mode(&m.cpu);
	fill(DATA, 0x10);
	gpr[XE_RDX] = 0x3fa;
	machine_code(&m, "\xf3\x6e", 2);
	strings(DATA, 0, 3);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.cpu.trap, 2);
	ck_assert_uint_eq(gpr[XE_RCX], 2);
}
END_TEST

static TCase *make_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

static Suite *make_suite(void)
{
	Suite *suite = suite_create("assist-string");
	TCase *tcase = make_case(suite, "strings");

	tcase_add_loop_test(tcase, move_overlaps, 0, 8);
	tcase_add_loop_test(tcase, store_sizes, 0, 4);
	tcase_add_test(tcase, fault_in_the_middle);
	tcase_add_test(tcase, compares);
	tcase_add_test(tcase, upper_halves);
	tcase_add_test(tcase, wrap_and_override);
	tcase_add_test(tcase, move_outside);
	tcase_add_test(tcase, pauses);
	tcase = make_case(suite, "ports");
	tcase_add_test(tcase, in_and_out);
	tcase_add_test(tcase, registers_change_at_in);
	tcase_add_loop_test(tcase, port_map, 0, 2);
	tcase_add_test(tcase, port_map_in_v8086);
	tcase_add_test(tcase, string_ports);
	tcase_add_test(tcase, in_faults_first);
	tcase_add_test(tcase, port_breakpoint);
	return suite;
}

int main(void)
{
	return suite_run(make_suite());
}
