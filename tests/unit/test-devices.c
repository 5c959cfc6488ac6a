/* SPDX-License-Identifier: MIT */
/* hy-run's devices, by their ports, with a clock and a line of the test's own. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "pc.h"
#include "suite.h"

#define MIB (UINT64_C(1) << 20)
#define MS UINT64_C(1000000)

static uint64_t clock_ns;
static const char *input = "";
static char output[64];
static size_t output_size;
static struct pc pc;

static uint64_t test_now(void)
{
	return clock_ns;
}

static int line_get(void *data)
{
	ck_assert_ptr_eq(data, &pc);
	return *input ? (unsigned char)*input++ : -1;
}

static void line_put(void *data, uint8_t byte)
{
	ck_assert_ptr_eq(data, &pc);
	ck_assert_uint_lt(output_size, sizeof(output));
	output[output_size++] = (char)byte;
}

static void set_up(void)
{
	struct uart_line line = { .get = line_get, .put = line_put, .data = &pc };

	clock_ns = 1000 * MS;
	input = "";
	output_size = 0;
	pc_init(&pc, 64 * MIB, &line, test_now);
}

static uint32_t in(uint16_t port, unsigned size)
{
	return bus_read(&pc.bus, port, size);
}

static void out(uint16_t port, unsigned size, uint32_t value)
{
	bus_write(&pc.bus, port, size, value);
}

/* --- The bus -------------------------------------------------------------------- */

START_TEST(bus_reads_ones_where_nobody_is)
{
	out(0x80, 4, 0);
	ck_assert_uint_eq(in(0x80, 1), 0xff);
	ck_assert_uint_eq(in(0x80, 2), 0xffff);
	ck_assert_uint_eq(in(0x80, 4), 0xffffffff);
	ck_assert_uint_eq(in(0xffff, 4), 0xffffffff);
}
END_TEST

START_TEST(bus_splits_for_narrow_devices)
{
	out(0x3fb, 1, 0x80);
	out(0x3f8, 2, 0x1234);
	ck_assert_uint_eq(in(0x3f8, 1), 0x34);
	ck_assert_uint_eq(in(0x3f9, 1), 0x12);
	ck_assert_uint_eq(in(0x3f8, 2), 0x1234);
	/* The line's last register and three ports of nobody. */
	out(0x3ff, 1, 0x5a);
	ck_assert_uint_eq(in(0x3ff, 4), 0xffffff5a);
}
END_TEST

START_TEST(bus_splits_across_the_end_of_a_wide_device)
{
	ck_assert_uint_eq(in(0xcfe, 4), 0xffffffff);
	out(0xcf6, 4, 0x80000000);
	ck_assert_uint_eq(in(0xcf8, 4), 0);
}
END_TEST

/* --- The exit port ---------------------------------------------------------------- */

START_TEST(exit_port_keeps_the_first_value)
{
	ck_assert(!pc.exit_port.written);
	ck_assert_uint_eq(in(0xf4, 1), 0xff);
	out(0xf4, 4, 21);
	out(0xf4, 1, 5);
	ck_assert(pc.exit_port.written);
	ck_assert_int_eq(exit_port_status(&pc.exit_port), 43);
}
END_TEST

START_TEST(exit_port_status_is_odd)
{
	for (unsigned value = 0; value < 256; value++) {
		pc.exit_port.value = (uint8_t)value;
		ck_assert_int_eq(exit_port_status(&pc.exit_port), (int)(value * 2 + 1) % 256);
	}
}
END_TEST

/* --- The serial port ---------------------------------------------------------------- */

START_TEST(uart_sends_at_once)
{
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
	out(0x3f8, 1, 'H');
	out(0x3f8, 1, 'i');
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
	ck_assert_uint_eq(output_size, 2);
	ck_assert(memcmp(output, "Hi", 2) == 0);
}
END_TEST

START_TEST(uart_receives_when_asked)
{
	input = "xy";
	ck_assert_uint_eq(in(0x3fd, 1), 0x61);
	ck_assert_uint_eq(in(0x3fd, 1), 0x61);
	ck_assert_str_eq(input, "y");
	ck_assert_uint_eq(in(0x3f8, 1), 'x');
	ck_assert_uint_eq(in(0x3f8, 1), 'y');
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
	ck_assert_uint_eq(in(0x3f8, 1), 0);
}
END_TEST

START_TEST(uart_divisor_is_behind_dlab)
{
	out(0x3fb, 1, 0x83);
	out(0x3f8, 1, 0x0c);
	out(0x3f9, 1, 0x01);
	ck_assert_uint_eq(in(0x3f8, 1), 0x0c);
	ck_assert_uint_eq(in(0x3f9, 1), 0x01);
	out(0x3fb, 1, 0x03);
	ck_assert_uint_eq(in(0x3fb, 1), 0x03);
	ck_assert_uint_eq(in(0x3f9, 1), 0x00);
	ck_assert_uint_eq(output_size, 0);
}
END_TEST

/* What drivers look at to tell a 16550A from its ancestors. */
START_TEST(uart_is_a_16550a)
{
	out(0x3ff, 1, 0xa5);
	ck_assert_uint_eq(in(0x3ff, 1), 0xa5);
	out(0x3f9, 1, 0xff);
	ck_assert_uint_eq(in(0x3f9, 1), 0x0f);
	out(0x3f9, 1, 0x00);
	ck_assert_uint_eq(in(0x3fa, 1), 0x01);
	out(0x3fa, 1, 0x01);
	ck_assert_uint_eq(in(0x3fa, 1), 0xc1);
	out(0x3fa, 1, 0x00);
	ck_assert_uint_eq(in(0x3fa, 1), 0x01);
}
END_TEST

START_TEST(uart_tells_its_interrupts_by_rank)
{
	out(0x3f9, 1, 0x0f);
	ck_assert_uint_eq(in(0x3fa, 1), 0x02);
	input = "x";
	ck_assert_uint_eq(in(0x3fa, 1), 0x04);
	in(0x3f8, 1);
	out(0x3fc, 1, 0x10);
	out(0x3f9, 1, 0x08);
	ck_assert_uint_eq(in(0x3fa, 1), 0x00);
	in(0x3fe, 1);
	ck_assert_uint_eq(in(0x3fa, 1), 0x01);
}
END_TEST

START_TEST(uart_loops_back)
{
	input = "not this";
	out(0x3fa, 1, 0x07);
	out(0x3fc, 1, 0x1a);
	in(0x3fe, 1);
	ck_assert_uint_eq(in(0x3fe, 1), 0x90);
	out(0x3f8, 1, 'L');
	ck_assert_uint_eq(output_size, 0);
	ck_assert_uint_eq(in(0x3fd, 1), 0x61);
	ck_assert_uint_eq(in(0x3f8, 1), 'L');
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
}
END_TEST

START_TEST(uart_modem_lines_of_a_terminal)
{
	ck_assert_uint_eq(in(0x3fe, 1), 0xb0);
	out(0x3fc, 1, 0xff);
	ck_assert_uint_eq(in(0x3fc, 1), 0x1f);
	ck_assert_uint_eq(in(0x3fe, 1), 0xf0);
	/* RI fell; the other lines stay. */
	out(0x3fc, 1, 0x0f);
	ck_assert_uint_eq(in(0x3fe, 1), 0xb4);
	ck_assert_uint_eq(in(0x3fe, 1), 0xb0);
}
END_TEST

static void fill_in_loopback(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		out(0x3f8, 1, i);
}

START_TEST(uart_fifo_holds_16)
{
	out(0x3fa, 1, 0x01);
	out(0x3fc, 1, 0x10);
	fill_in_loopback(17);
	ck_assert_uint_eq(in(0x3fd, 1), 0x63);
	ck_assert_uint_eq(in(0x3fd, 1), 0x61);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(in(0x3f8, 1), i);
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);

	fill_in_loopback(3);
	out(0x3fa, 1, 0x03);
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
}
END_TEST

START_TEST(uart_without_fifo_holds_1)
{
	out(0x3fc, 1, 0x10);
	fill_in_loopback(2);
	ck_assert_uint_eq(in(0x3fd, 1), 0x63);
	ck_assert_uint_eq(in(0x3f8, 1), 0);
	ck_assert_uint_eq(in(0x3fd, 1), 0x60);
}
END_TEST

/* --- CMOS --------------------------------------------------------------------------- */

static uint32_t cmos(uint8_t index)
{
	out(0x70, 1, index);
	return in(0x71, 1);
}

static uint32_t cmos16(uint8_t index)
{
	return cmos(index) | cmos(index + 1) << 8;
}

static void expect_memory(uint64_t memory, unsigned base, unsigned extended, unsigned high)
{
	cmos_init(&pc.cmos, memory);
	ck_assert_uint_eq(cmos16(0x15), base);
	ck_assert_uint_eq(cmos16(0x17), extended);
	ck_assert_uint_eq(cmos16(0x30), extended);
	ck_assert_uint_eq(cmos16(0x34), high);
}

START_TEST(cmos_has_the_size_of_memory)
{
	expect_memory(64 * 1024, 64, 0, 0);
	expect_memory(1 * MIB, 640, 0, 0);
	expect_memory(2 * MIB, 640, 1024, 0);
	expect_memory(64 * MIB, 640, 63 * 1024, 48 * 16);
	expect_memory(3072 * MIB, 640, 63 * 1024, 3056 * 16);
}
END_TEST

START_TEST(cmos_clock_is_valid)
{
	ck_assert_uint_eq(cmos(0x0a) & 0x80, 0);
	ck_assert_uint_eq(cmos(0x0d), 0x80);
	ck_assert_uint_eq(cmos(0x32), 0x20);
	ck_assert_uint_eq(cmos(0x09), 0x00);
	ck_assert_uint_eq(cmos(0x08), 0x01);
	ck_assert_uint_eq(cmos(0x07), 0x01);
}
END_TEST

START_TEST(cmos_keeps_what_is_written)
{
	ck_assert_uint_eq(in(0x70, 1), 0xff);
	out(0x70, 1, 0x80 | 0x40);
	out(0x71, 1, 0x5a);
	ck_assert_uint_eq(cmos(0x40), 0x5a);
	ck_assert_uint_eq(cmos(0x7f), 0);
	cmos(0x0a);
	out(0x71, 1, 0xff);
	ck_assert_uint_eq(cmos(0x0a), 0x26);
}
END_TEST

/* --- The timer ------------------------------------------------------------------------ */

static void start_timer(uint8_t control, uint16_t count)
{
	out(0x61, 1, 0x01);
	out(0x43, 1, control);
	out(0x42, 1, count & 0xff);
	out(0x42, 1, count >> 8);
}

static unsigned timer_count(void)
{
	unsigned low;

	out(0x43, 1, 0x80);
	low = in(0x42, 1);
	return low | in(0x42, 1) << 8;
}

static bool timer_out(void)
{
	return in(0x61, 1) & 0x20;
}

START_TEST(pit_mode_0_counts_down_once)
{
	start_timer(0xb0, 11932); /* 10 ms */
	ck_assert(!timer_out());
	ck_assert_uint_eq(timer_count(), 11932);
	clock_ns += 5 * MS;
	ck_assert_uint_eq(timer_count(), 11932 - 5965);
	ck_assert(!timer_out());
	clock_ns += 5 * MS + 1000;
	ck_assert(timer_out());
	clock_ns += 1000 * MS;
	ck_assert(timer_out());
}
END_TEST

START_TEST(pit_mode_0_wraps)
{
	start_timer(0xb0, 0xffff);
	clock_ns += 55 * MS; /* 65625 ticks */
	ck_assert_uint_eq(timer_count(), (0xffff - 65625) & 0xffff);
}
END_TEST

START_TEST(pit_gate_stops_the_count)
{
	start_timer(0xb0, 0xffff);
	clock_ns += 10 * MS;
	out(0x61, 1, 0x00);
	clock_ns += 10 * MS;
	ck_assert_uint_eq(timer_count(), 0xffff - 11931);
	ck_assert_uint_eq(in(0x61, 1) & 0x01, 0);
	out(0x61, 1, 0x01);
	clock_ns += 10 * MS;
	ck_assert_uint_eq(timer_count(), 0xffff - 2 * 11931);
}
END_TEST

START_TEST(pit_mode_3_is_a_square_wave)
{
	unsigned high = 0;

	start_timer(0xb6, 1193); /* 1 ms */
	for (unsigned i = 0; i < 1000; i++, clock_ns += MS / 100)
		high += timer_out();
	ck_assert_uint_ge(high, 480);
	ck_assert_uint_le(high, 520);
	out(0x61, 1, 0x00);
	ck_assert(timer_out());
}
END_TEST

START_TEST(pit_mode_2_repeats)
{
	start_timer(0xb4, 1000);
	clock_ns += 1000000000 / 1193182 * 2500; /* 2497 ticks */
	ck_assert_uint_ge(timer_count(), 495);
	ck_assert_uint_le(timer_count(), 505);
}
END_TEST

START_TEST(pit_count_of_0_is_65536)
{
	start_timer(0xb0, 0);
	clock_ns += 54 * MS; /* 64431 ticks */
	ck_assert(!timer_out());
	ck_assert_uint_eq(timer_count(), 65536 - 64431);
	clock_ns += 1 * MS;
	ck_assert(timer_out());
}
END_TEST

START_TEST(pit_latch_stands_still)
{
	unsigned low;

	start_timer(0xb0, 0xffff);
	out(0x43, 1, 0x80);
	clock_ns += 10 * MS;
	out(0x43, 1, 0x80);
	low = in(0x42, 1);
	clock_ns += 10 * MS;
	ck_assert_uint_eq(low | in(0x42, 1) << 8, 0xffff);
	/* Both bytes are read: the count again. */
	ck_assert_uint_ne(in(0x42, 1) | in(0x42, 1) << 8, 0xffff);
}
END_TEST

START_TEST(pit_single_bytes)
{
	out(0x61, 1, 0x01);
	out(0x43, 1, 0x90);
	out(0x42, 1, 0x80);
	ck_assert_uint_eq(in(0x42, 1), 0x80);
	ck_assert_uint_eq(in(0x42, 1), 0x80);
	out(0x43, 1, 0xa0);
	out(0x42, 1, 0x12);
	ck_assert_uint_eq(in(0x42, 1), 0x12);
	ck_assert_uint_eq(in(0x42, 1), 0x12);
}
END_TEST

START_TEST(pit_leaves_other_channels_alone)
{
	start_timer(0xb0, 0x1234);
	out(0x43, 1, 0x34);
	ck_assert_uint_eq(timer_count(), 0x1234);
	ck_assert_uint_eq(in(0x43, 1), 0xff);
}
END_TEST

START_TEST(pit_runs_for_days)
{
	start_timer(0xb6, 0);
	clock_ns += 30 * 86400 * (1000 * MS);
	ck_assert_uint_le(timer_count(), 0xffff);
	start_timer(0xb0, 11932);
	clock_ns += 30 * 86400 * (1000 * MS);
	ck_assert(timer_out());
}
END_TEST

/* --- PCI -------------------------------------------------------------------------------- */

static void select_config(unsigned device, unsigned offset)
{
	out(0xcf8, 4, 0x80000000 | device << 11 | (offset & 0xfc));
}

static uint32_t config(unsigned device, unsigned offset, unsigned size)
{
	select_config(device, offset);
	return in((uint16_t)(0xcfc + (offset & 3)), size);
}

static void write_config(unsigned device, unsigned offset, unsigned size, uint32_t value)
{
	select_config(device, offset);
	out((uint16_t)(0xcfc + (offset & 3)), size, value);
}

START_TEST(pci_has_two_bridges)
{
	ck_assert_uint_eq(config(0, 0x00, 4), 0x12378086);
	ck_assert_uint_eq(config(1, 0x00, 4), 0x70008086);
	ck_assert_uint_eq(config(0, 0x0a, 2), 0x0600);
	ck_assert_uint_eq(config(1, 0x0a, 2), 0x0601);
	ck_assert_uint_eq(config(0, 0x0e, 1), 0x00);
	ck_assert_uint_eq(config(1, 0x0e, 1), 0x80);
	for (unsigned device = 2; device < 32; device++)
		ck_assert_uint_eq(config(device, 0x00, 4), 0xffffffff);
}
END_TEST

START_TEST(pci_other_buses_and_functions_are_empty)
{
	out(0xcf8, 4, 0x80010000);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, 4, 0x80000100);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcf8, 4, 0x00000000);
	ck_assert_uint_eq(in(0xcfc, 4), 0xffffffff);
	out(0xcfc, 4, 0);
}
END_TEST

START_TEST(pci_address_register)
{
	out(0xcf8, 4, 0xffffffff);
	ck_assert_uint_eq(in(0xcf8, 4), 0x80fffffc);
	/* Narrow accesses there are no business of its. */
	out(0xcf9, 1, 0x06);
	out(0xcf8, 2, 0);
	ck_assert_uint_eq(in(0xcf8, 4), 0x80fffffc);
	ck_assert_uint_eq(in(0xcf9, 1), 0xff);
}
END_TEST

START_TEST(pci_narrow_accesses)
{
	ck_assert_uint_eq(config(0, 0x00, 2), 0x8086);
	ck_assert_uint_eq(config(0, 0x02, 2), 0x1237);
	ck_assert_uint_eq(config(0, 0x01, 1), 0x80);
	write_config(0, 0x59, 1, 0x30);
	write_config(0, 0x5a, 2, 0x3333);
	ck_assert_uint_eq(config(0, 0x58, 4), 0x33333000);
}
END_TEST

START_TEST(pci_identity_is_read_only)
{
	write_config(0, 0x00, 4, 0);
	write_config(0, 0x10, 4, 0xffffffff);
	write_config(1, 0x3c, 1, 0x0b);
	ck_assert_uint_eq(config(0, 0x00, 4), 0x12378086);
	ck_assert_uint_eq(config(0, 0x10, 4), 0);
	ck_assert_uint_eq(config(1, 0x3c, 1), 0x0b);
	write_config(0, 0xff, 1, 0x77);
	ck_assert_uint_eq(config(0, 0xff, 1), 0x77);
	ck_assert_uint_eq(config(1, 0xff, 1), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("devices");
	TCase *tcase = tcase_create("devices");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, bus_reads_ones_where_nobody_is);
	tcase_add_test(tcase, bus_splits_for_narrow_devices);
	tcase_add_test(tcase, bus_splits_across_the_end_of_a_wide_device);
	tcase_add_test(tcase, exit_port_keeps_the_first_value);
	tcase_add_test(tcase, exit_port_status_is_odd);
	tcase_add_test(tcase, uart_sends_at_once);
	tcase_add_test(tcase, uart_receives_when_asked);
	tcase_add_test(tcase, uart_divisor_is_behind_dlab);
	tcase_add_test(tcase, uart_is_a_16550a);
	tcase_add_test(tcase, uart_tells_its_interrupts_by_rank);
	tcase_add_test(tcase, uart_loops_back);
	tcase_add_test(tcase, uart_modem_lines_of_a_terminal);
	tcase_add_test(tcase, uart_fifo_holds_16);
	tcase_add_test(tcase, uart_without_fifo_holds_1);
	tcase_add_test(tcase, cmos_has_the_size_of_memory);
	tcase_add_test(tcase, cmos_clock_is_valid);
	tcase_add_test(tcase, cmos_keeps_what_is_written);
	tcase_add_test(tcase, pit_mode_0_counts_down_once);
	tcase_add_test(tcase, pit_mode_0_wraps);
	tcase_add_test(tcase, pit_gate_stops_the_count);
	tcase_add_test(tcase, pit_mode_3_is_a_square_wave);
	tcase_add_test(tcase, pit_mode_2_repeats);
	tcase_add_test(tcase, pit_count_of_0_is_65536);
	tcase_add_test(tcase, pit_latch_stands_still);
	tcase_add_test(tcase, pit_single_bytes);
	tcase_add_test(tcase, pit_leaves_other_channels_alone);
	tcase_add_test(tcase, pit_runs_for_days);
	tcase_add_test(tcase, pci_has_two_bridges);
	tcase_add_test(tcase, pci_other_buses_and_functions_are_empty);
	tcase_add_test(tcase, pci_address_register);
	tcase_add_test(tcase, pci_narrow_accesses);
	tcase_add_test(tcase, pci_identity_is_read_only);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
