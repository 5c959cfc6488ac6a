/* SPDX-License-Identifier: MIT */
/* INS and OUTS: the sequence of items, however it is cut. */
#include <string.h>

#include "conform.h"

USE_GUEST(strings_outs);
USE_GUEST(strings_ins);
USE_GUEST(strings_rep_outs);
USE_GUEST(strings_rep_outsw);
USE_GUEST(strings_rep_outsl);
USE_GUEST(strings_rep_ins);
USE_GUEST(strings_rep_insw);
USE_GUEST(strings_rep_insl);
USE_GUEST(strings_real);
USE_GUEST(strings_protected);
USE_GUEST(strings_address32);
USE_GUEST(strings_segments);
USE_GUEST(strings_mixed);
USE_GUEST(strings_stop);
USE_GUEST(strings_mend);

#define PORT 0x42
#define BUFFER UINT64_C(0x20000) /* free RAM as far as it goes */
#define LARGE 5000u              /* more than a page */
#define RFLAGS_DOWN (HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_DF)
#define IOPL3 0x3000u

/* Bytes that differ from their neighbours and from those a page away. */
static void fill(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256 + 1);
}

/* The items in the order in which a guest that counts down takes them. */
static void reverse(const uint8_t *from, uint8_t *to, size_t size, size_t count)
{
	for (size_t i = 0; i < count; i++)
		memcpy(to + i * size, from + (count - 1 - i) * size, size);
}

/* RBX has the count again, for guests with a second string. */
static void set_string(struct conform *t, uint64_t rsi, uint64_t rdi, uint64_t rcx)
{
	set_reg(t, HY_X86_RDX, PORT);
	set_reg(t, HY_X86_RSI, rsi);
	set_reg(t, HY_X86_RDI, rdi);
	set_reg(t, HY_X86_RCX, rcx);
	set_reg(t, HY_X86_RBX, rcx);
}

static void boot(struct conform *t, struct guest guest, uint64_t gpa, uint64_t rcx)
{
	conform_boot(t, LONG, guest);
	set_string(t, gpa, gpa, rcx);
}

static void check_ram(struct conform *t, uint64_t gpa, const uint8_t *wanted, size_t size)
{
	uint8_t got[LARGE];

	read_ram(t, gpa, got, size);
	for (size_t i = 0; i < size; i++) {
		if (got[i] != wanted[i])
			FAIL("the byte at %#llx is %#x, should be %#x",
			     (unsigned long long)(gpa + i), got[i], wanted[i]);
	}
}

/* --- Single items ----------------------------------------------------------------- */

static void outs_widths(struct conform *t)
{
	uint8_t bytes[7];

	boot(t, strings_outs, BUFFER, 77);
	fill(bytes, sizeof(bytes));
	write_ram(t, BUFFER, bytes, sizeof(bytes));
	OUTS(t, PORT, 1, bytes, 1);
	OUTS(t, PORT, 2, bytes + 1, 1);
	OUTS(t, PORT, 4, bytes + 3, 1);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + 7);
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 77);
}

static void ins_widths(struct conform *t)
{
	uint8_t bytes[7];

	boot(t, strings_ins, BUFFER, 77);
	fill(bytes, sizeof(bytes));
	INS(t, PORT, 1, bytes, 1);
	INS(t, PORT, 2, bytes + 1, 1);
	INS(t, PORT, 4, bytes + 3, 1);
	HALT(t);
	check_ram(t, BUFFER, bytes, sizeof(bytes));
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER + 7);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 77);
}

static void outs_down(struct conform *t)
{
	uint32_t value = 0x11223344;

	boot(t, strings_outs, BUFFER, 0);
	set_reg(t, HY_X86_RFLAGS, RFLAGS_DOWN);
	write_ram(t, BUFFER, &value, sizeof(value));
	OUTS(t, PORT, 1, &value, 1);
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER - 1);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 1);
}

/* String and plain accesses in turn. */
static void mixed(struct conform *t)
{
	const uint8_t item = 0x11, answer = 0x22;

	boot(t, strings_mixed, BUFFER, 0);
	set_reg(t, HY_X86_RAX, 0x55);
	write_ram(t, BUFFER, &item, 1);
	OUT(t, PORT, 1, 0x55);
	OUTS(t, PORT, 1, &item, 1);
	IN(t, PORT, 1, 0x66);
	INS(t, PORT, 1, &answer, 1);
	OUT(t, PORT, 1, 0x66);
	HALT(t);
	check_ram(t, BUFFER, &answer, 1);
}

static void unanswered(struct conform *t)
{
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	boot(t, strings_rep_ins, BUFFER, sizeof(ones));
	while (any_exit(t)->kind == HY_EXIT_IO)
		CHECK_EQ(hy_exit_value(t->exit, 0), 0xff);
	CHECK_EQ(t->exit->kind, HY_EXIT_HALT);
	check_ram(t, BUFFER, ones, sizeof(ones));
}

/* --- REP -------------------------------------------------------------------------- */

static void rep_outs(struct conform *t, struct guest guest, uint8_t size)
{
	uint8_t bytes[64];
	size_t count = sizeof(bytes) / size;

	boot(t, guest, BUFFER, count);
	fill(bytes, sizeof(bytes));
	write_ram(t, BUFFER, bytes, sizeof(bytes));
	OUTS(t, PORT, size, bytes, count);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + sizeof(bytes));
}

static void rep_outsb(struct conform *t)
{
	rep_outs(t, strings_rep_outs, 1);
}

static void rep_outsw(struct conform *t)
{
	rep_outs(t, strings_rep_outsw, 2);
}

static void rep_outsl(struct conform *t)
{
	rep_outs(t, strings_rep_outsl, 4);
}

static void rep_ins(struct conform *t, struct guest guest, uint8_t size)
{
	uint8_t bytes[64];
	size_t count = sizeof(bytes) / size;

	boot(t, guest, BUFFER, count);
	fill(bytes, sizeof(bytes));
	INS(t, PORT, size, bytes, count);
	HALT(t);
	check_ram(t, BUFFER, bytes, sizeof(bytes));
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER + sizeof(bytes));
}

static void rep_insb(struct conform *t)
{
	rep_ins(t, strings_rep_ins, 1);
}

static void rep_insw(struct conform *t)
{
	rep_ins(t, strings_rep_insw, 2);
}

static void rep_insl(struct conform *t)
{
	rep_ins(t, strings_rep_insl, 4);
}

static void rep_outs_down(struct conform *t)
{
	uint8_t bytes[64], items[64];

	boot(t, strings_rep_outsw, BUFFER + 62, 32);
	set_reg(t, HY_X86_RFLAGS, RFLAGS_DOWN);
	fill(bytes, sizeof(bytes));
	reverse(bytes, items, 2, 32);
	write_ram(t, BUFFER, bytes, sizeof(bytes));
	OUTS(t, PORT, 2, items, 32);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER - 2);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
}

static void rep_ins_down(struct conform *t)
{
	uint8_t bytes[64], items[64];

	boot(t, strings_rep_insl, BUFFER + 60, 16);
	set_reg(t, HY_X86_RFLAGS, RFLAGS_DOWN);
	fill(bytes, sizeof(bytes));
	reverse(bytes, items, 4, 16);
	INS(t, PORT, 4, items, 16);
	HALT(t);
	check_ram(t, BUFFER, bytes, sizeof(bytes));
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER - 4);
}

static void rep_none(struct conform *t, struct guest guest)
{
	boot(t, guest, BUFFER, 0);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER);
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER);
}

static void rep_outs_none(struct conform *t)
{
	rep_none(t, strings_rep_outs);
}

static void rep_ins_none(struct conform *t)
{
	rep_none(t, strings_rep_ins);
}

static void rep_outs_large(struct conform *t)
{
	uint8_t bytes[LARGE];

	boot(t, strings_rep_outs, BUFFER + 5, LARGE);
	fill(bytes, sizeof(bytes));
	write_ram(t, BUFFER + 5, bytes, sizeof(bytes));
	OUTS(t, PORT, 1, bytes, LARGE);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + 5 + LARGE);
}

static void rep_ins_large(struct conform *t)
{
	uint8_t bytes[LARGE];

	boot(t, strings_rep_ins, BUFFER + 5, LARGE);
	fill(bytes, sizeof(bytes));
	INS(t, PORT, 1, bytes, LARGE);
	HALT(t);
	check_ram(t, BUFFER + 5, bytes, sizeof(bytes));
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER + 5 + LARGE);
}

/* --- Page borders ----------------------------------------------------------------- */

#define PTE_PRESENT 1u
#define PTE_ALL 7u

static uint64_t page_entry(uint64_t linear)
{
	return TABLES + 3 * PAGE + linear / PAGE * 8;
}

static void map_page(struct conform *t, uint64_t linear, uint64_t entry)
{
	write_ram(t, page_entry(linear), &entry, sizeof(entry));
}

/* Words of which one lies on both sides of a border, behind which another frame is. */
static void outs_over_border(struct conform *t)
{
	const uint64_t start = BUFFER + PAGE - 7, frame = BUFFER + 4 * PAGE;
	uint8_t bytes[16];

	boot(t, strings_rep_outsw, start, 8);
	map_page(t, BUFFER + PAGE, frame | PTE_ALL);
	fill(bytes, sizeof(bytes));
	write_ram(t, start, bytes, 7);
	write_ram(t, frame, bytes + 7, 9);
	OUTS(t, PORT, 2, bytes, 8);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RSI), start + 16);
}

static void ins_over_border(struct conform *t)
{
	const uint64_t start = BUFFER + PAGE - 7, frame = BUFFER + 4 * PAGE;
	uint8_t bytes[16];

	boot(t, strings_rep_insw, start, 8);
	map_page(t, BUFFER + PAGE, frame | PTE_ALL);
	fill(bytes, sizeof(bytes));
	INS(t, PORT, 2, bytes, 8);
	HALT(t);
	check_ram(t, start, bytes, 7);
	check_ram(t, frame, bytes + 7, 9);
	CHECK_EQ(get_reg(t, HY_X86_RDI), start + 16);
}

/* --- Faults amid the items -------------------------------------------------------- */

#define IDT UINT64_C(0x5000)
#define HANDLER UINT64_C(0x6000)
#define PF_VECTOR 14

/* An interrupt gate of 64-bit code (SDM vol. 3, figure 6-8) to the handler. */
static void set_handler(struct conform *t, struct guest handler)
{
	const uint64_t gate[2] = { HANDLER | UINT64_C(0x8) << 16 | UINT64_C(0x8e) << 40, 0 };
	const union hy_value table = { .segment = { .base = IDT, .limit = 0xfff } };
	const hy_reg id = HY_X86_IDTR;

	write_ram(t, IDT + PF_VECTOR * sizeof(gate), gate, sizeof(gate));
	write_ram(t, HANDLER, handler.start, (size_t)(handler.end - handler.start));
	OK(hy_vcpu_set_regs(t->vcpu, &id, &table, 1));
}

/* 16 bytes of which the second half is in a page that isn't there. */
static void boot_at_absent_page(struct conform *t, struct guest guest, struct guest handler)
{
	boot(t, guest, BUFFER + PAGE - 8, 16);
	map_page(t, BUFFER + PAGE, (BUFFER + PAGE) | (PTE_ALL & ~PTE_PRESENT));
	set_handler(t, handler);
	set_reg(t, HY_X86_RBX, page_entry(BUFFER + PAGE));
}

static void outs_fault(struct conform *t)
{
	uint8_t bytes[16];
	uint64_t ip;

	boot_at_absent_page(t, strings_rep_outs, strings_stop);
	fill(bytes, sizeof(bytes));
	write_ram(t, BUFFER + PAGE - 8, bytes, sizeof(bytes));
	OUTS(t, PORT, 1, bytes, 8);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), HANDLER + 1);
	CHECK_EQ(get_reg(t, HY_X86_CR2), BUFFER + PAGE);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 8);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + PAGE);
	read_ram(t, get_reg(t, HY_X86_RSP) + 8, &ip, sizeof(ip));
	CHECK_EQ(ip, CODE);
}

static void outs_fault_mended(struct conform *t)
{
	uint8_t bytes[16];

	boot_at_absent_page(t, strings_rep_outs, strings_mend);
	fill(bytes, sizeof(bytes));
	write_ram(t, BUFFER + PAGE - 8, bytes, sizeof(bytes));
	OUTS(t, PORT, 1, bytes, 16);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + PAGE + 8);
}

/*
 * The items before the fault are in memory, and the registers say so.  Whether a
 * host asks for the next one before it sees that its place isn't there differs.
 */
static void ins_fault(struct conform *t)
{
	uint8_t bytes[8];

	boot_at_absent_page(t, strings_rep_ins, strings_stop);
	fill(bytes, sizeof(bytes));
	INS(t, PORT, 1, bytes, sizeof(bytes));
	while (any_exit(t)->kind == HY_EXIT_IO)
		CHECK_EQ(t->exit->io.write, 0);
	CHECK_EQ(t->exit->kind, HY_EXIT_HALT);
	CHECK_EQ(get_reg(t, HY_X86_RIP), HANDLER + 1);
	CHECK_EQ(get_reg(t, HY_X86_CR2), BUFFER + PAGE);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 8);
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER + PAGE);
	check_ram(t, BUFFER + PAGE - 8, bytes, sizeof(bytes));
}

/* --- Address sizes and segments --------------------------------------------------- */

static void echo(struct conform *t, uint64_t from, uint64_t to)
{
	uint8_t bytes[16];

	fill(bytes, sizeof(bytes));
	write_ram(t, from, bytes, sizeof(bytes));
	OUTS(t, PORT, 1, bytes, sizeof(bytes));
	INS(t, PORT, 1, bytes, sizeof(bytes));
	HALT(t);
	check_ram(t, to, bytes, sizeof(bytes));
}

static void real_mode(struct conform *t)
{
	conform_boot(t, REAL, strings_real);
	set_string(t, DATA, DATA + 0x100, 16);
	echo(t, DATA, DATA + 0x100);
	CHECK_EQ(get_reg(t, HY_X86_RSI), DATA + 16);
	CHECK_EQ(get_reg(t, HY_X86_RDI), DATA + 0x110);
}

static void echo_in_32_bits(struct conform *t, enum mode mode)
{
	conform_boot(t, mode, strings_protected);
	set_string(t, BUFFER, BUFFER + 0x100, 16);
	echo(t, BUFFER, BUFFER + 0x100);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + 16);
	CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER + 0x110);
}

static void protected_mode(struct conform *t)
{
	echo_in_32_bits(t, PROTECTED);
}

static void paged_mode(struct conform *t)
{
	echo_in_32_bits(t, PAGED32);
}

static void at_cpl_3(struct conform *t)
{
	uint8_t bytes[16];

	conform_boot(t, LONG_USER, strings_rep_outs);
	set_reg(t, HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | IOPL3);
	set_string(t, BUFFER, 0, sizeof(bytes));
	fill(bytes, sizeof(bytes));
	write_ram(t, BUFFER, bytes, sizeof(bytes));
	OUTS(t, PORT, 1, bytes, sizeof(bytes));
	COMPLETE(t);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
	CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + 16);
}

/* The upper halves don't count. */
static void address_size(struct conform *t)
{
	const uint64_t high = UINT64_C(0x1234) << 32;

	conform_boot(t, LONG, strings_address32);
	set_string(t, high | BUFFER, high | (BUFFER + 0x100), high | 16);
	echo(t, BUFFER, BUFFER + 0x100);
	CHECK_EQ((uint32_t)get_reg(t, HY_X86_RSI), BUFFER + 16);
	CHECK_EQ((uint32_t)get_reg(t, HY_X86_RDI), BUFFER + 0x110);
	CHECK_EQ((uint32_t)get_reg(t, HY_X86_RCX), 0);
}

/* SI goes from 0xffff to 0, and stays in its segment. */
static void wraps(struct conform *t)
{
	uint8_t bytes[8];

	conform_boot(t, REAL, strings_real);
	set_string(t, 0xfffc, DATA, sizeof(bytes));
	set_reg(t, HY_X86_RBX, 0);
	fill(bytes, sizeof(bytes));
	write_ram(t, 0xfffc, bytes, 4);
	write_ram(t, 0, bytes + 4, 4);
	OUTS(t, PORT, 1, bytes, sizeof(bytes));
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RSI) & 0xffff, 4);
}

static void set_base(struct conform *t, hy_reg id, uint64_t base)
{
	union hy_value value;

	OK(hy_vcpu_get_regs(t->vcpu, &id, &value, 1));
	value.segment.base = base;
	OK(hy_vcpu_set_regs(t->vcpu, &id, &value, 1));
}

/* A prefix changes the segment of OUTS, and never that of INS. */
static void segments(struct conform *t)
{
	conform_boot(t, PROTECTED, strings_segments);
	set_base(t, HY_X86_FS, BUFFER);
	set_base(t, HY_X86_ES, BUFFER + 0x1000);
	set_string(t, 0x10, 0x20, 16);
	echo(t, BUFFER + 0x10, BUFFER + 0x1020);
	CHECK_EQ(get_reg(t, HY_X86_RSI), 0x20);
	CHECK_EQ(get_reg(t, HY_X86_RDI), 0x30);
}

/* --- Other than RAM --------------------------------------------------------------- */

static void outs_from_mmio(struct conform *t)
{
	const uint8_t items[] = { 0x11, 0x22 };

	boot(t, strings_rep_outs, HOLE, 2);
	MMIO_READ(t, HOLE, 1, items[0]);
	OUTS(t, PORT, 1, items, 1);
	MMIO_READ(t, HOLE + 1, 1, items[1]);
	OUTS(t, PORT, 1, items + 1, 1);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RSI), HOLE + 2);
}

static void ins_to_mmio(struct conform *t)
{
	const uint16_t item = 0x1122;

	boot(t, strings_rep_insw, HOLE, 1);
	INS(t, PORT, 2, &item, 1);
	MMIO_WRITE(t, HOLE, 2, item);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RDI), HOLE + 2);
	CHECK_EQ(get_reg(t, HY_X86_RCX), 0);
}

static void ins_to_read_only(struct conform *t)
{
	const uint8_t item = 0x11, before = 0x99;

	boot(t, strings_rep_ins, BUFFER, 1);
	write_ram(t, BUFFER, &before, 1);
	OK(hy_vm_protect_memory(t->vm, BUFFER, PAGE, HY_PROT_RX, 0));
	INS(t, PORT, 1, &item, 1);
	MMIO_WRITE(t, BUFFER, 1, item);
	HALT(t);
	check_ram(t, BUFFER, &before, 1);
}

/* --- Between pieces --------------------------------------------------------------- */

static void outs_pieces(struct conform *t)
{
	uint32_t done = 0;

	boot(t, strings_rep_outs, BUFFER, LARGE);
	while (done < LARGE) {
		RUN(t, HY_EXIT_IO);
		done += t->exit->io.count;
		COMPLETE(t);
		CHECK_EQ(get_reg(t, HY_X86_RCX), LARGE - done);
		CHECK_EQ(get_reg(t, HY_X86_RSI), BUFFER + done);
		if (done < LARGE)
			CHECK_EQ(get_reg(t, HY_X86_RIP), CODE);
	}
	HALT(t);
}

static void ins_pieces(struct conform *t)
{
	uint32_t done = 0;

	boot(t, strings_rep_ins, BUFFER, LARGE);
	while (done < LARGE) {
		RUN(t, HY_EXIT_IO);
		done += t->exit->io.count;
		COMPLETE(t);
		CHECK_EQ(get_reg(t, HY_X86_RCX), LARGE - done);
		CHECK_EQ(get_reg(t, HY_X86_RDI), BUFFER + done);
		if (done < LARGE)
			CHECK_EQ(get_reg(t, HY_X86_RIP), CODE);
	}
	HALT(t);
}

/* Where the instruction pointer stays it may be moved: the rest never happens. */
static void left_early(struct conform *t)
{
	boot(t, strings_rep_outs, BUFFER, LARGE);
	RUN(t, HY_EXIT_IO);
	COMPLETE(t);
	set_reg(t, HY_X86_RIP, CODE + 2);
	HALT(t);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 3);
}

const struct conform_case conform_strings[] = {
	{ "strings/outs-widths", "HY-B27", outs_widths, HY_ARCH_X86_64, { 0 } },
	{ "strings/ins-widths", "HY-B27", ins_widths, HY_ARCH_X86_64, { 0 } },
	{ "strings/outs-down", "HY-B27 HY-B46", outs_down, HY_ARCH_X86_64, { 0 } },
	{ "strings/mixed", "HY-B24 HY-B27", mixed, HY_ARCH_X86_64, { 0 } },
	{ "strings/unanswered", "HY-B26 HY-B27", unanswered, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-outsb", "HY-B27 HY-B28", rep_outsb, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-outsw", "HY-B27 HY-B28", rep_outsw, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-outsl", "HY-B27 HY-B28", rep_outsl, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-insb", "HY-B27 HY-B28", rep_insb, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-insw", "HY-B27 HY-B28", rep_insw, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-insl", "HY-B27 HY-B28", rep_insl, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-outs-down", "HY-B27 HY-B28", rep_outs_down, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-ins-down", "HY-B27 HY-B28", rep_ins_down, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-outs-none", "HY-B29", rep_outs_none, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-ins-none", "HY-B29", rep_ins_none, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-outs-large", "HY-B27 HY-B28", rep_outs_large, HY_ARCH_X86_64, { 0 } },
	{ "strings/rep-ins-large", "HY-B27 HY-B28", rep_ins_large, HY_ARCH_X86_64, { 0 } },
	{ "strings/outs-over-border", "HY-B27", outs_over_border, HY_ARCH_X86_64, { 0 } },
	{ "strings/ins-over-border", "HY-B27", ins_over_border, HY_ARCH_X86_64, { 0 } },
	{ "strings/outs-fault", "HY-B29", outs_fault, HY_ARCH_X86_64, { 0 } },
	{ "strings/outs-fault-mended", "HY-B29", outs_fault_mended, HY_ARCH_X86_64, { 0 } },
	{ "strings/ins-fault", "HY-B29", ins_fault, HY_ARCH_X86_64, { 0 } },
	{ "strings/real-mode", "HY-B27", real_mode, HY_ARCH_X86_64, { 0 } },
	{ "strings/protected-mode", "HY-B27", protected_mode, HY_ARCH_X86_64, { 0 } },
	{ "strings/paged-mode", "HY-B27", paged_mode, HY_ARCH_X86_64, { HY_CAP_PAGING32 } },
	{ "strings/cpl-3", "HY-B27", at_cpl_3, HY_ARCH_X86_64, { 0 } },
	{ "strings/address-size", "HY-B27", address_size, HY_ARCH_X86_64, { 0 } },
	{ "strings/wraps", "HY-B27", wraps, HY_ARCH_X86_64, { 0 } },
	{ "strings/segments", "HY-B27", segments, HY_ARCH_X86_64, { 0 } },
	{ "strings/outs-from-mmio", "HY-B27 HY-B31", outs_from_mmio, HY_ARCH_X86_64, { 0 } },
	{ "strings/ins-to-mmio", "HY-B27 HY-B31", ins_to_mmio, HY_ARCH_X86_64, { 0 } },
	{ "strings/ins-to-read-only", "HY-B18 HY-B27", ins_to_read_only,
	  HY_ARCH_X86_64, { HY_CAP_READ_ONLY, HY_CAP_PROTECT } },
	{ "strings/outs-pieces", "HY-B28 HY-B46", outs_pieces, HY_ARCH_X86_64, { 0 } },
	{ "strings/ins-pieces", "HY-B28 HY-B46", ins_pieces, HY_ARCH_X86_64, { 0 } },
	{ "strings/left-early", "HY-B28", left_early, HY_ARCH_X86_64, { 0 } },
	{ 0 },
};
