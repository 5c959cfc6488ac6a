/* SPDX-License-Identifier: MIT */
/* plugins/assist: integer instructions, where more than arithmetic counts. */
#include <pthread.h>

#include <check.h>

#include "assist-machine.h"
#include "suite.h"

#define MMIO MACHINE_RAM
#define STATUS XE_RFLAGS_STATUS
#define CF HY_X86_RFLAGS_CF
#define ZF HY_X86_RFLAGS_ZF

static struct machine m;

static void open_machine(void)
{
	ck_assert(machine_open(&m, false));
	machine_enter_long(&m, 64, 0);
}

static void close_machine(void)
{
	machine_close(&m);
}

static uint32_t cpuid_word;

static void cpuid_same(struct machine *machine, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)machine;
	(void)leaf;
	(void)subleaf;
	for (unsigned i = 0; i < 4; i++)
		answer[i] = cpuid_word;
}

/* What tests write as a string of bytes. */
#define BYTES(text) text, sizeof(text) - 1
#define TRY(text) machine_try(&m, BYTES(text))

/* --- Addresses ------------------------------------------------------------------------------- */

START_TEST(address_forms)
{
	machine_write_value(&m, MACHINE_DATA, 8, 0x1122334455667788);
	m.cpu.gpr[XE_RBX] = MACHINE_DATA + 0x10;
	m.cpu.gpr[XE_RCX] = (uint64_t)-2;
	ck_assert_int_eq(TRY("\x48\x8b\x04\xcb"), XE_OK); /* mov rax, [rbx+rcx*8] */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x1122334455667788);
	m.cpu.gpr[XE_RBX] = 0xffffffff00000000 + MACHINE_DATA + 0x10;
	ck_assert_int_eq(TRY("\x67\x8b\x04\xcb"), XE_OK); /* mov eax, [ebx+ecx*8] */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x55667788);
	/* mov eax, [rip+...]: from the end of the instruction, also with an immediate behind */
	machine_write_value(&m, MACHINE_CODE + 0x100, 4, 5);
	ck_assert_int_eq(TRY("\x8b\x05\xfa\0\0\0"), XE_OK);
	ck_assert(m.cpu.gpr[XE_RAX] == 5);
	ck_assert_int_eq(TRY("\x67\x83\x05\xf8\0\0\0\x02"), XE_OK);
	ck_assert(machine_read_value(&m, MACHINE_CODE + 0x100, 4) == 7);
	/* mov eax, moffs64 */
	ck_assert_int_eq(TRY("\xa1\x04\0\x02\0\0\0\0\0"), XE_OK);
	ck_assert(m.cpu.gpr[XE_RAX] == 0x11223344);
	/* xlat */
	m.cpu.gpr[XE_RBX] = MACHINE_DATA - 0x80;
	m.cpu.gpr[XE_RAX] = 0xaa81;
	ck_assert_int_eq(TRY("\xd7"), XE_OK);
	ck_assert(m.cpu.gpr[XE_RAX] == 0xaa77);
	/* lea wraps at the address size and is cut at the operand size */
	m.cpu.gpr[XE_RBX] = UINT64_MAX;
	ck_assert_int_eq(TRY("\x67\x48\x8d\x43\x03"), XE_OK);
	ck_assert(m.cpu.gpr[XE_RAX] == 2);
	m.cpu.gpr[XE_RAX] = 0x1111111111111111;
	ck_assert_int_eq(TRY("\x66\x8d\x43\x03"), XE_OK);
	ck_assert(m.cpu.gpr[XE_RAX] == 0x1111111111110002);
}
END_TEST

START_TEST(address_16_wraps)
{
	machine_enter_real(&m);
	machine_write_value(&m, 1, 2, 0xbeef);
	m.cpu.gpr[XE_RBX] = 0xffff;
	m.cpu.gpr[XE_RSI] = 2;
	ck_assert_int_eq(TRY("\x8b\x00"), XE_OK); /* mov ax, [bx+si] */
	ck_assert(xe_gpr(&m.cpu, XE_RAX, 2) == 0xbeef);
}
END_TEST

/* --- Read-modify-write ------------------------------------------------------------------------- */

/* Executes up to the first access: nothing has happened yet. */
static void expect_first_access(const char *code, size_t size, bool write)
{
	struct xe_cpu before;

	machine_code(&m, code, size);
	before = m.cpu;
	m.accesses = 0;
	ck_assert_int_eq(xe_execute(&m.cpu), XE_ACCESS);
	ck_assert_uint_eq(m.cpu.access.write, write);
	ck_assert_mem_eq(m.cpu.gpr, before.gpr, sizeof(before.gpr));
	ck_assert(m.cpu.rip == before.rip && m.cpu.rflags == before.rflags);
}

static void expect_access(unsigned i, bool write, uint64_t address, uint8_t size, uint64_t data)
{
	ck_assert_uint_lt(i, m.accesses);
	ck_assert_uint_eq(m.access[i].kind, XE_ACCESS_MMIO);
	ck_assert_uint_eq(m.access[i].write, write);
	ck_assert(m.access[i].address == address);
	ck_assert_uint_eq(m.access[i].size, size);
	ck_assert_msg(m.access[i].data == data, "access %u: %llx", i, (unsigned long long)m.access[i].data);
}

/* A read and a write, at RBX; then it is done. */
static void expect_exchange(const char *code, size_t size, uint8_t width, uint64_t written)
{
	m.cpu.gpr[XE_RBX] = MMIO + 0x10;
	expect_first_access(code, size, false);
	machine_answer(&m);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.accesses, 2);
	expect_access(0, false, MMIO + 0x10, width, machine_pattern(MMIO + 0x10, width));
	expect_access(1, true, MMIO + 0x10, width, written & xe_mask(width));
	ck_assert(m.cpu.rip == MACHINE_CODE + size);
}

START_TEST(rmw_mmio)
{
	uint64_t old = machine_pattern(MMIO + 0x10, 4);

	m.cpu.gpr[XE_RAX] = 0x12345678;
	expect_exchange(BYTES("\x01\x03"), 4, old + 0x12345678);
	expect_exchange(BYTES("\xf0\x29\x03"), 4, old - 0x12345678);
	expect_exchange(BYTES("\xf0\xff\x03"), 4, old + 1);
	expect_exchange(BYTES("\xf7\x13"), 4, ~old);
	expect_exchange(BYTES("\xf6\x1b"), 1, 0 - old);
	expect_exchange(BYTES("\xd1\x23"), 4, old << 1);
	expect_exchange(BYTES("\xc1\x23\x20"), 4, old); /* by 0: written all the same */
	expect_exchange(BYTES("\x0f\xba\x3b\x05"), 4, old ^ 0x20);
	expect_exchange(BYTES("\x87\x03"), 4, 0x12345678);
	ck_assert(m.cpu.gpr[XE_RAX] == old);
	m.cpu.gpr[XE_RAX] = 3;
	expect_exchange(BYTES("\xf0\x0f\xc1\x03"), 4, old + 3);
	ck_assert(m.cpu.gpr[XE_RAX] == old);
	m.cpu.gpr[XE_RCX] = 9;
	expect_exchange(BYTES("\xf0\x0f\xb1\x0b"), 4, 9); /* cmpxchg, equal */
	m.cpu.gpr[XE_RAX] = old + 1;
	expect_exchange(BYTES("\x0f\xb1\x0b"), 4, old); /* and not: what was there */
	ck_assert(m.cpu.gpr[XE_RAX] == old);
	ck_assert(!(m.cpu.rflags & ZF));
	m.cpu.gpr[XE_RDX] = 0;
	expect_exchange(BYTES("\x0f\xc7\x0b"), 8, machine_pattern(MMIO + 0x10, 8));
	ck_assert(m.cpu.gpr[XE_RAX] == old && m.cpu.gpr[XE_RDX] == machine_pattern(MMIO + 0x14, 4));
}
END_TEST

START_TEST(move_mmio)
{
	uint64_t old = machine_pattern(MMIO, 8);

	m.cpu.gpr[XE_RBX] = MMIO;
	m.cpu.gpr[XE_RCX] = 0x1122334455667788;
	expect_first_access(BYTES("\x48\x0f\x38\xf1\x0b"), true); /* movbe [rbx], rcx */
	machine_answer(&m);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	expect_access(0, true, MMIO, 8, 0x8877665544332211);
	expect_first_access(BYTES("\x48\x0f\xbe\x0b"), false); /* movsx rcx, byte [rbx] */
	ck_assert_uint_eq(m.cpu.access.size, 1);
	machine_answer(&m);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert(m.cpu.gpr[XE_RCX] == xe_sign_extend(old, 1));
	m.cpu.rflags |= ZF;
	expect_first_access(BYTES("\x0f\x45\x0b"), false); /* cmovnz ecx, [rbx]: read, whatever ZF */
	machine_answer(&m);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert(m.cpu.gpr[XE_RCX] == (xe_sign_extend(old, 1) & UINT32_MAX));
	expect_first_access(BYTES("\x8c\x1b"), true); /* mov [rbx], ds */
	ck_assert_uint_eq(m.cpu.access.size, 2);
	xe_drop(&m.cpu);
	/* nothing of these reaches the outside */
	ck_assert_int_eq(TRY("\x0f\xae\x3b"), XE_OK);     /* clflush */
	ck_assert_int_eq(TRY("\x0f\x18\x0b"), XE_OK);     /* prefetcht0 */
	ck_assert_int_eq(TRY("\x0f\x1f\x03"), XE_OK);     /* nop [rbx] */
	ck_assert_int_eq(TRY("\x48\x8d\x0b"), XE_OK);     /* lea */
}
END_TEST

#define TURNS 5000

static void *increment(void *arg)
{
	struct machine *machine = arg;

	for (unsigned i = 0; i < TURNS; i++) {
		machine->cpu.rip = MACHINE_CODE;
		if (xe_execute(&machine->cpu) != XE_OK)
			return arg;
	}
	return NULL;
}

/* Two processors with one memory: none is lost, also across a cache line. */
static void increment_together(const char *code, size_t size, uint64_t address, size_t width)
{
	struct machine other;
	uint8_t *ram;
	pthread_t thread;
	void *failed;

	ck_assert(machine_open(&other, true));
	machine_enter_long(&other, 64, 0);
	ram = other.ram;
	other.ram = m.ram;
	machine_write_value(&m, address, 8, 0);
	machine_code(&m, code, size);
	m.cpu.gpr[XE_RBX] = other.cpu.gpr[XE_RBX] = address;
	ck_assert_int_eq(pthread_create(&thread, NULL, increment, &other), 0);
	ck_assert_ptr_null(increment(&m));
	ck_assert_int_eq(pthread_join(thread, &failed), 0);
	ck_assert_ptr_null(failed);
	ck_assert(machine_read_value(&m, address, width) == 2 * TURNS);
	other.ram = ram;
	machine_close(&other);
}

START_TEST(locked_together)
{
	increment_together(BYTES("\xf0\xff\x03"), MACHINE_DATA, 4);           /* lock inc dword [rbx] */
	increment_together(BYTES("\xf0\x48\x83\x03\x01"), MACHINE_DATA + 60, 8); /* lock add qword [rbx], 1 */
}
END_TEST

/* The fault of a write comes before anything is read or changed. */
START_TEST(rmw_faults)
{
	static const char *const codes[] = { "\x01\x03", "\x0f\xc1\x03", "\x87\x03", "\xd1\x23", "\x0f\xb1\x0b" };
	uint64_t entry = machine_entry(&m, MACHINE_DATA, 1);

	m.cpu.cr0 |= HY_X86_CR0_WP;
	machine_set_entry(&m, MACHINE_DATA, 1, entry & ~(uint64_t)MACHINE_W);
	xe_state_changed(&m.cpu);
	m.cpu.gpr[XE_RBX] = MACHINE_DATA;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		uint64_t gpr[16], rflags = m.cpu.rflags;

		memcpy(gpr, m.cpu.gpr, sizeof(gpr));
		ck_assert_int_eq(machine_try(&m, codes[i], strlen(codes[i])), XE_EXCEPTION);
		ck_assert_uint_eq(m.cpu.event.vector, XE_PF);
		ck_assert_uint_eq(m.cpu.event.error, 3);
		ck_assert_mem_eq(gpr, m.cpu.gpr, sizeof(gpr));
		ck_assert(m.cpu.rflags == rflags && m.cpu.rip == MACHINE_CODE);
	}
	ck_assert_int_eq(TRY("\x3b\x03"), XE_OK); /* cmp only reads */
}
END_TEST

/* --- Exchange by condition ------------------------------------------------------------------------ */

START_TEST(cmpxchg_registers)
{
	m.cpu.gpr[XE_RAX] = 0x1111111100000005;
	m.cpu.gpr[XE_RBX] = 0x2222222200000006;
	m.cpu.gpr[XE_RCX] = 7;
	ck_assert_int_eq(TRY("\x0f\xb1\xcb"), XE_OK); /* cmpxchg ebx, ecx */
	ck_assert(m.cpu.gpr[XE_RAX] == 6 && m.cpu.gpr[XE_RBX] == 0x2222222200000006);
	m.cpu.gpr[XE_RAX] = 0x1111111100000006;
	ck_assert_int_eq(TRY("\x0f\xb1\xcb"), XE_OK);
	ck_assert(m.cpu.gpr[XE_RAX] == 0x1111111100000006 && m.cpu.gpr[XE_RBX] == 7);
	ck_assert_int_eq(TRY("\x48\x0f\xc1\xdb"), XE_OK); /* xadd rbx, rbx */
	ck_assert(m.cpu.gpr[XE_RBX] == 14);
}
END_TEST

START_TEST(cmpxchg16b)
{
	m.cpu.gpr[XE_RSI] = MACHINE_DATA;
	machine_write_value(&m, MACHINE_DATA, 8, 1);
	machine_write_value(&m, MACHINE_DATA + 8, 8, 2);
	m.cpu.gpr[XE_RBX] = 3;
	m.cpu.gpr[XE_RCX] = 4;
	ck_assert_int_eq(TRY("\x48\x0f\xc7\x0e"), XE_OK);
	ck_assert(!(m.cpu.rflags & ZF) && m.cpu.gpr[XE_RAX] == 1 && m.cpu.gpr[XE_RDX] == 2);
	ck_assert_int_eq(TRY("\xf0\x48\x0f\xc7\x0e"), XE_OK);
	ck_assert(m.cpu.rflags & ZF);
	ck_assert(machine_read_value(&m, MACHINE_DATA, 8) == 3 && machine_read_value(&m, MACHINE_DATA + 8, 8) == 4);
	m.cpu.gpr[XE_RSI] += 8;
	ck_assert_int_eq(TRY("\xf0\x48\x0f\xc7\x0e"), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_GP);
	ck_assert(m.cpu.event.has_error && !m.cpu.event.error);
}
END_TEST

/* --- Bit strings --------------------------------------------------------------------------------------- */

static void expect_bit(const char *code, size_t size, uint64_t number, uint64_t byte, uint8_t value)
{
	memset(m.ram + MACHINE_DATA - 0x1000, 0, 0x2000);
	m.cpu.gpr[XE_RBX] = MACHINE_DATA;
	m.cpu.gpr[XE_RCX] = number;
	ck_assert_int_eq(machine_try(&m, code, size), XE_OK);
	ck_assert(!(m.cpu.rflags & CF));
	ck_assert_uint_eq(m.ram[byte], value);
	m.cpu.rip = MACHINE_CODE;
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert(m.cpu.rflags & CF);
}

START_TEST(bits_in_memory)
{
	static const char dword[] = "\x0f\xab\x0b", word[] = "\x66\x0f\xab\x0b", qword[] = "\xf0\x48\x0f\xab\x0b";

	expect_bit(BYTES(dword), 0, MACHINE_DATA, 1);
	expect_bit(BYTES(dword), 39, MACHINE_DATA + 4, 0x80);
	expect_bit(BYTES(dword), UINT32_MAX, MACHINE_DATA - 1, 0x80);
	expect_bit(BYTES(dword), (uint64_t)-0x8000, MACHINE_DATA - 0x1000, 1);
	expect_bit(BYTES(word), 0x7fff, MACHINE_DATA + 0xfff, 0x80);
	expect_bit(BYTES(word), 0x18000, MACHINE_DATA - 0x1000, 1); /* 16 bits of the number */
	expect_bit(BYTES(qword), (uint64_t)-64, MACHINE_DATA - 8, 1);
	expect_bit(BYTES("\x0f\xba\x2b\x21"), 0, MACHINE_DATA, 2); /* an immediate number stays inside */
}
END_TEST

/* The access is of the operand's size, where the bit is: seen from outside. */
START_TEST(bits_outside)
{
	m.cpu.gpr[XE_RBX] = MMIO + 0x100;
	m.cpu.gpr[XE_RCX] = (uint64_t)-33;
	expect_first_access(BYTES("\x0f\xa3\x0b"), false); /* bt [rbx], ecx */
	machine_answer(&m);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	ck_assert_uint_eq(m.accesses, 1);
	expect_access(0, false, MMIO + 0x100 - 8, 4, machine_pattern(MMIO + 0x100 - 8, 4));
	ck_assert(!!(m.cpu.rflags & CF) == (machine_pattern(MMIO + 0x100 - 8, 4) >> 31 & 1));
	expect_first_access(BYTES("\xf0\x48\x0f\xb3\x0b"), false); /* lock btr [rbx], rcx */
	machine_answer(&m);
	ck_assert_int_eq(machine_step(&m), XE_OK);
	expect_access(1, true, MMIO + 0x100 - 8, 8,
	              machine_pattern(MMIO + 0x100 - 8, 8) & ~(UINT64_C(1) << 31));
}
END_TEST

START_TEST(scan_of_zero)
{
	m.cpu.gpr[XE_RAX] = 0x1122334455667788;
	m.cpu.gpr[XE_RCX] = 0xffffffff00000000;
	ck_assert_int_eq(TRY("\x0f\xbc\xc1"), XE_OK); /* bsf eax, ecx */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x1122334455667788 && (m.cpu.rflags & ZF));
	ck_assert_int_eq(TRY("\xf3\x0f\xbd\xc1"), XE_OK); /* lzcnt eax, ecx */
	ck_assert(m.cpu.gpr[XE_RAX] == 32 && (m.cpu.rflags & CF) && !(m.cpu.rflags & ZF));
}
END_TEST

/* --- Division -------------------------------------------------------------------------------------------- */

static const struct {
	const char *code;
	uint64_t rax, rdx, rcx;
	bool faults;
} divisions[] = {
	{ "\xf6\xf1", 0xff01, 0, 0x100, true },                      /* div cl: by 0 */
	{ "\xf6\xf1", 0x0200, 0, 2, true },                          /* a quotient of 0x100 */
	{ "\xf6\xf1", 0x01ff, 0, 2, false },
	{ "\x66\xf7\xf1", 0, 2, 2, true },
	{ "\x66\xf7\xf1", 0xffff, 1, 2, false },
	{ "\xf7\xf1", 0, 5, 5, true },
	{ "\xf7\xf1", UINT32_MAX, 4, 5, false },
	{ "\x48\xf7\xf1", 0, 1, 1, true },
	{ "\x48\xf7\xf1", UINT64_MAX, 0, 1, false },
	{ "\xf6\xf9", 0x0080, 0, 1, true },                          /* idiv cl: 128 */
	{ "\xf6\xf9", 0x0080, 0, 0xff, false },                      /* -128 */
	{ "\xf6\xf9", 0xff80, 0, 0xff, true },                       /* -(-128) */
	{ "\x66\xf7\xf9", 0x8000, 0xffff, 0xffff, true },
	{ "\xf7\xf9", 0x80000000, UINT32_MAX, UINT32_MAX, true },
	{ "\xf7\xf9", 0x80000000, UINT32_MAX, 1, false },
	{ "\x48\xf7\xf9", UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX, true },
	{ "\x48\xf7\xf9", 0, UINT64_C(1) << 63, UINT64_MAX, true },  /* least of 128 bits by -1 */
	{ "\x48\xf7\xf9", 0, UINT64_C(1) << 63, 0, true },
	{ "\x48\xf7\xf9", 7, 0, (uint64_t)-2, false },
};

START_TEST(division_faults)
{
	for (size_t i = 0; i < sizeof(divisions) / sizeof(divisions[0]); i++) {
		enum xe_result r;

		m.cpu.gpr[XE_RAX] = divisions[i].rax;
		m.cpu.gpr[XE_RDX] = divisions[i].rdx;
		m.cpu.gpr[XE_RCX] = divisions[i].rcx;
		r = machine_try(&m, divisions[i].code, strlen(divisions[i].code));
		ck_assert_msg(r == (divisions[i].faults ? XE_EXCEPTION : XE_OK), "case %zu: %d", i, (int)r);
		if (!divisions[i].faults)
			continue;
		ck_assert_uint_eq(m.cpu.event.vector, XE_DE);
		ck_assert(!m.cpu.event.has_error && m.cpu.rip == MACHINE_CODE);
		ck_assert(m.cpu.gpr[XE_RAX] == divisions[i].rax && m.cpu.gpr[XE_RDX] == divisions[i].rdx);
	}
	ck_assert(m.cpu.gpr[XE_RAX] == (uint64_t)-3 && m.cpu.gpr[XE_RDX] == 1);
}
END_TEST

START_TEST(division_by_memory)
{
	machine_set_entry(&m, MACHINE_DATA, 1, 0);
	xe_state_changed(&m.cpu);
	m.cpu.gpr[XE_RBX] = MACHINE_DATA;
	m.cpu.gpr[XE_RDX] = UINT64_MAX;
	ck_assert_int_eq(TRY("\xf7\x33"), XE_EXCEPTION); /* div dword [rbx]: the load's fault is first */
	ck_assert_uint_eq(m.cpu.event.vector, XE_PF);
	m.cpu.gpr[XE_RBX] = MMIO;
	expect_first_access(BYTES("\xf7\x33"), false);
	machine_answer(&m);
	ck_assert_int_eq(machine_step(&m), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_DE);
	ck_assert_uint_eq(m.accesses, 1);
}
END_TEST

/* --- Segment registers, flags, conditions ------------------------------------------------------------------- */

START_TEST(move_segments)
{
	machine_enter_real(&m);
	m.cpu.gpr[XE_RAX] = 0x1234;
	ck_assert_int_eq(TRY("\x8e\xd8"), XE_OK); /* mov ds, ax */
	ck_assert(m.cpu.seg[XE_DS].base == 0x12340 && m.cpu.seg[XE_DS].selector == 0x1234);
	ck_assert(!m.cpu.shadow && !m.cpu.shadow_ss);
	ck_assert_int_eq(TRY("\x8e\xd0"), XE_OK); /* mov ss, ax */
	ck_assert(m.cpu.shadow && m.cpu.shadow_ss);
	m.cpu.gpr[XE_RCX] = 0xaaaaaaaaaaaaaaaa;
	ck_assert_int_eq(TRY("\x8c\xd1"), XE_OK); /* mov cx, ss */
	ck_assert(m.cpu.gpr[XE_RCX] == 0xaaaaaaaaaaaa1234 && !m.cpu.shadow);
	ck_assert_int_eq(TRY("\x66\x8c\xd1"), XE_OK); /* mov ecx, ss */
	ck_assert(m.cpu.gpr[XE_RCX] == 0x1234);
}
END_TEST

START_TEST(high_bytes)
{
	m.cpu.gpr[XE_RAX] = 0x1122334455667788;
	m.cpu.gpr[XE_RBX] = 0xff;
	ck_assert_int_eq(TRY("\x00\xdc"), XE_OK); /* add ah, bl */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x1122334455667688 && (m.cpu.rflags & CF));
	ck_assert_int_eq(TRY("\x86\xc4"), XE_OK); /* xchg ah, al */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x1122334455668876);
	m.cpu.rflags |= STATUS;
	ck_assert_int_eq(TRY("\x9f"), XE_OK); /* lahf */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x112233445566d776);
	m.cpu.gpr[XE_RAX] = 0;
	ck_assert_int_eq(TRY("\x9e"), XE_OK); /* sahf: OF stays */
	ck_assert((m.cpu.rflags & STATUS) == HY_X86_RFLAGS_OF);
}
END_TEST

/* What each condition is, said otherwise than in xe_condition. */
static bool holds(unsigned condition, bool o, bool c, bool z, bool s, bool p)
{
	const bool of[] = { o, !o, c,  !c, z,      !z,     c || z,      !c && !z,
		            s, !s, p,  !p, s != o, s == o, z || s != o, !z && s == o };

	return of[condition];
}

START_TEST(conditions)
{
	for (unsigned i = 0; i < 32; i++) {
		bool o = i & 1, c = i & 2, z = i & 4, s = i & 8, p = i & 16;

		m.cpu.rflags = HY_X86_RFLAGS_ONE | (o ? HY_X86_RFLAGS_OF : 0) | (c ? CF : 0) | (z ? ZF : 0) |
		               (s ? HY_X86_RFLAGS_SF : 0) | (p ? HY_X86_RFLAGS_PF : 0);
		for (unsigned condition = 0; condition < 16; condition++) {
			const uint8_t setcc[] = { 0x0f, (uint8_t)(0x90 + condition), 0xc0 };

			ck_assert(xe_condition(&m.cpu, condition) == holds(condition, o, c, z, s, p));
			ck_assert_int_eq(machine_try(&m, setcc, sizeof(setcc)), XE_OK);
			ck_assert_uint_eq(m.cpu.gpr[XE_RAX] & 0xff, holds(condition, o, c, z, s, p));
		}
	}
}
END_TEST

/* --- Decimal ---------------------------------------------------------------------------------------------------- */

/* All sums and differences of two decimal digits pairs come out decimal, carries too. */
START_TEST(decimal_arithmetic)
{
	machine_enter_protected(&m, 32, 0);
	for (unsigned a = 0; a < 100; a++) {
		for (unsigned b = 0; b < 100; b++) {
			unsigned sum = (a + b) % 100, difference = (a + 100 - b) % 100;

			m.cpu.gpr[XE_RBX] = b / 10 << 4 | b % 10;
			m.cpu.gpr[XE_RAX] = a / 10 << 4 | a % 10;
			ck_assert_int_eq(TRY("\x00\xd8"), XE_OK);
			ck_assert_int_eq(TRY("\x27"), XE_OK); /* daa */
			ck_assert_uint_eq(m.cpu.gpr[XE_RAX], sum / 10 << 4 | sum % 10);
			ck_assert(!!(m.cpu.rflags & CF) == (a + b >= 100));
			m.cpu.gpr[XE_RAX] = a / 10 << 4 | a % 10;
			ck_assert_int_eq(TRY("\x28\xd8"), XE_OK);
			ck_assert_int_eq(TRY("\x2f"), XE_OK); /* das */
			ck_assert_uint_eq(m.cpu.gpr[XE_RAX], difference / 10 << 4 | difference % 10);
			ck_assert(!!(m.cpu.rflags & CF) == (a < b));
		}
	}
}
END_TEST

START_TEST(ascii_arithmetic)
{
	machine_enter_protected(&m, 32, 0);
	m.cpu.gpr[XE_RAX] = 0x020f;
	ck_assert_int_eq(TRY("\x37"), XE_OK); /* aaa */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x0305 && (m.cpu.rflags & CF));
	m.cpu.gpr[XE_RAX] = 0x02ff;
	m.cpu.rflags &= ~(uint64_t)STATUS;
	ck_assert_int_eq(TRY("\x3f"), XE_OK); /* aas */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x0109 && (m.cpu.rflags & CF));
	m.cpu.gpr[XE_RAX] = 63;
	ck_assert_int_eq(TRY("\xd4\x0a"), XE_OK); /* aam */
	ck_assert(m.cpu.gpr[XE_RAX] == 0x0603);
	ck_assert_int_eq(TRY("\xd5\x0a"), XE_OK); /* aad */
	ck_assert(m.cpu.gpr[XE_RAX] == 63);
	ck_assert_int_eq(TRY("\xd4\x00"), XE_EXCEPTION);
	ck_assert_uint_eq(m.cpu.event.vector, XE_DE);
	m.cpu.rflags |= CF;
	ck_assert_int_eq(TRY("\xd6"), XE_OK); /* salc */
	ck_assert(m.cpu.gpr[XE_RAX] == 0xff);
}
END_TEST

START_TEST(checksum)
{
	static const char digits[] = "123456789";

	cpuid_word = UINT32_MAX;
	m.cpuid = cpuid_same;
	m.cpu.gpr[XE_RAX] = 0xffffffffffffffff;
	for (size_t i = 0; digits[i]; i++) {
		m.cpu.gpr[XE_RCX] = (uint8_t)digits[i];
		ck_assert_int_eq(TRY("\xf2\x0f\x38\xf0\xc1"), XE_OK); /* crc32 eax, cl */
	}
	ck_assert(m.cpu.gpr[XE_RAX] == (0xe3069283 ^ UINT32_MAX)); /* the check value of CRC-32C */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("assist-integer");
	TCase *tc = tcase_create("execution");

	tcase_add_checked_fixture(tc, open_machine, close_machine);
	tcase_add_test(tc, address_forms);
	tcase_add_test(tc, address_16_wraps);
	tcase_add_test(tc, rmw_mmio);
	tcase_add_test(tc, move_mmio);
	tcase_add_test(tc, locked_together);
	tcase_add_test(tc, rmw_faults);
	tcase_add_test(tc, cmpxchg_registers);
	tcase_add_test(tc, cmpxchg16b);
	tcase_add_test(tc, bits_in_memory);
	tcase_add_test(tc, bits_outside);
	tcase_add_test(tc, scan_of_zero);
	tcase_add_test(tc, division_faults);
	tcase_add_test(tc, division_by_memory);
	tcase_add_test(tc, move_segments);
	tcase_add_test(tc, high_bytes);
	tcase_add_test(tc, conditions);
	tcase_add_test(tc, decimal_arithmetic);
	tcase_add_test(tc, ascii_arithmetic);
	tcase_add_test(tc, checksum);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
