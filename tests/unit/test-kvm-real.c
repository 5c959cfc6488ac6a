/* SPDX-License-Identifier: MIT */
/*
 * The KVM backend against the kernel's KVM, without the core.
 *
 * HY_STORM is the number of kicks.
 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kvm-double.h"
#include "suite.h"

#define RAM_SIZE 0x100000
#define CODE 0x1000
#define HOLE 0x200000
#define TABLES 0x10000 /* page tables of the 64-bit tests */
#define SKIP 77

static struct kvm_rig rig;
static uint8_t *ram;
static struct kvm_sys counting_sys;
static unsigned ioctls;

static int counting_ioctl(int fd, unsigned long request, void *arg)
{
	ioctls++;
	return kvm_sys_host.ioctl(fd, request, arg);
}

/* --- Preparing ---------------------------------------------------------------- */

static void set_segment(hy_reg id, uint64_t base, uint32_t limit, uint16_t selector, uint16_t attributes)
{
	union hy_value v = { .segment = { base, limit, selector, attributes } };

	ck_assert_int_eq(rig.ops->vcpu_set_regs(&rig.vcpu, &id, &v, 1), 0);
}

static void set(hy_reg id, uint64_t value)
{
	ck_assert_msg(kvm_rig_set(&rig, id, value) == 0, "%s", kvm_failure.text);
}

static uint64_t get(hy_reg id)
{
	uint64_t value;

	ck_assert_msg(kvm_rig_get(&rig, id, &value) == 0, "%s", kvm_failure.text);
	return value;
}

static void put_code(const void *code, size_t size)
{
	memcpy(ram + CODE, code, size);
}
#define CODE_BYTES(...)                                                                            \
	do {                                                                                       \
		static const uint8_t bytes[] = { __VA_ARGS__ };                                    \
		put_code(bytes, sizeof(bytes));                                                    \
	} while (0)

/* Real mode, flat, at CODE. */
static void start_real_mode(void)
{
	set_segment(HY_X86_CS, 0, 0xffff, 0, HY_X86_ATTR_CODE16);
	set(HY_X86_RIP, CODE);
	set(HY_X86_RFLAGS, HY_X86_RFLAGS_ONE);
	set(HY_X86_RSP, 0x8000);
}

/* 32-bit protected mode, flat, no paging. */
static void start_protected_mode(void)
{
	static const hy_reg data[] = { HY_X86_ES, HY_X86_SS, HY_X86_DS, HY_X86_FS, HY_X86_GS };

	set(HY_X86_CR0, HY_X86_CR0_PE | HY_X86_CR0_ET);
	set_segment(HY_X86_CS, 0, 0xffffffff, 8, HY_X86_ATTR_CODE32);
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
		set_segment(data[i], 0, 0xffffffff, 16, HY_X86_ATTR_DATA32);
	set(HY_X86_RIP, CODE);
	set(HY_X86_RFLAGS, HY_X86_RFLAGS_ONE);
	set(HY_X86_RSP, 0x8000);
}

static void put_entry(uint64_t at, uint64_t value)
{
	memcpy(ram + at, &value, sizeof(value));
}

/* Long mode; the first GiB is mapped to itself by large pages. */
static void start_long_mode(void)
{
	static const hy_reg ids[] = { HY_X86_CR0, HY_X86_CR3, HY_X86_CR4, HY_X86_EFER, HY_X86_CS,
		                      HY_X86_SS };
	union hy_value values[] = {
		{ .u64 = HY_X86_CR0_PE | HY_X86_CR0_PG | HY_X86_CR0_ET },
		{ .u64 = TABLES },
		{ .u64 = HY_X86_CR4_PAE },
		{ .u64 = HY_X86_EFER_LME | HY_X86_EFER_LMA },
		{ .segment = { 0, 0xffffffff, 8, HY_X86_ATTR_CODE64 } },
		{ .segment = { 0, 0xffffffff, 16, HY_X86_ATTR_DATA32 } },
	};

	start_protected_mode();
	put_entry(TABLES, (TABLES + 0x1000) | 7);
	put_entry(TABLES + 0x1000, (TABLES + 0x2000) | 7);
	for (uint64_t i = 0; i < 512; i++)
		put_entry(TABLES + 0x2000 + i * 8, i << 21 | 0x87);
	ck_assert_msg(rig.ops->vcpu_set_regs(&rig.vcpu, ids, values, 6) == 0, "%s", kvm_failure.text);
}

static void setup_with(const struct hy_x86_msr_range *ranges, size_t count)
{
	counting_sys = kvm_sys_host;
	counting_sys.ioctl = counting_ioctl;
	kvm_sys = &counting_sys;
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(ram, MAP_FAILED);
	rig.options.x86_msr_exits = ranges;
	rig.options.x86_msr_exit_count = count;
	ck_assert_msg(kvm_rig_open(&rig) == 0, "%s", kvm_failure.text);
	ck_assert_msg(kvm_rig_vm(&rig) == 0, "%s", kvm_failure.text);
	ck_assert_msg(kvm_rig_map(&rig, 0, ram, RAM_SIZE, HY_PROT_RWX) == 0, "%s", kvm_failure.text);
	ck_assert_msg(kvm_rig_vcpu(&rig) == 0, "%s", kvm_failure.text);
}

static void setup(void)
{
	setup_with(NULL, 0);
}

static void teardown(void)
{
	kvm_rig_close(&rig);
	munmap(ram, RAM_SIZE);
}

static void run_to(uint32_t kind)
{
	int r;

	do
		r = kvm_rig_run(&rig);
	while (r == HY_RUN_INTERRUPTED);
	ck_assert_msg(r == 0, "%s", kvm_failure.text);
	ck_assert_msg(rig.exit.kind == kind, "exit kind %u, wanted %u: %s", rig.exit.kind, kind,
	              rig.exit.kind == HY_EXIT_FAULT ? rig.exit.fault.text : "");
}

static void run_to_out(uint16_t port, uint32_t data)
{
	uint32_t value = 0;

	run_to(HY_EXIT_IO);
	ck_assert_uint_eq(rig.exit.io.port, port);
	ck_assert_uint_eq(rig.exit.io.write, 1);
	memcpy(&value, rig.exit.data, rig.exit.io.size);
	ck_assert_uint_eq(value, data);
}

static void answer(uint64_t value)
{
	memcpy((void *)(uintptr_t)rig.exit.data, &value, rig.exit.data_size < 8 ? rig.exit.data_size : 8);
}

static void expect_pending(hy_reg id)
{
	uint64_t value;

	ck_assert_int_eq(kvm_rig_get(&rig, id, &value), HY_E_PENDING);
	ck_assert_int_eq(kvm_rig_set(&rig, id, 0), HY_E_PENDING);
}

/* --- Port accesses ---------------------------------------------------------------- */

START_TEST(out_shows_general_registers)
{
	/* mov $0x6e, %al; out %al, (%dx); hlt: 6e is also the opcode of outsb */
	CODE_BYTES(0xb0, 0x6e, 0xee, 0xf4);
	start_real_mode();
	set(HY_X86_RDX, 0x10);
	set(HY_X86_RBX, 0x1234);
	run_to_out(0x10, 0x6e);
	ck_assert_uint_eq(rig.exit.flags, HY_EXIT_PENDING);
	ck_assert_uint_eq(get(HY_X86_RBX), 0x1234);
	set(HY_X86_RCX, 77);
	expect_pending(HY_X86_RIP);
	expect_pending(HY_X86_RFLAGS);
	expect_pending(HY_X86_CS);
	expect_pending(HY_X86_CR0);
	expect_pending(HY_X86_DR7);
	expect_pending(HY_X86_MSR(HY_X86_MSR_STAR));
	ck_assert_int_eq(kvm_rig_complete(&rig), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 3);
	ck_assert_uint_eq(get(HY_X86_RCX), 77);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(rig.exit.flags, 0);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 4);
	ck_assert_uint_eq(get(HY_X86_RCX), 77);
}
END_TEST

/* Reading two registers and writing one at each exit takes KVM_RUN alone. */
static void count_calls(void)
{
	static const hy_reg ids[] = { HY_X86_RAX, HY_X86_RBX };
	union hy_value values[2];

	for (int i = 0; i < 50; i++) {
		if (i == 10)
			ioctls = 0;
		run_to_out(0x10, 0x41);
		ck_assert_int_eq(rig.ops->vcpu_get_regs(&rig.vcpu, ids, values, 2), 0);
		ck_assert_uint_eq(values[1].u64, (uint64_t)i);
		set(HY_X86_RBX, (uint64_t)i + 1);
	}
	ck_assert_uint_eq(ioctls, 40);
}

START_TEST(one_call_per_exit_real_mode)
{
	CODE_BYTES(0xb0, 0x41, 0xe6, 0x10, 0xeb, 0xfc); /* 1: out %al, $0x10; jmp 1b */
	start_real_mode();
	set(HY_X86_RBX, 0);
	count_calls();
}
END_TEST

START_TEST(one_call_per_exit_long_mode)
{
	CODE_BYTES(0xb0, 0x41, 0xe6, 0x10, 0xeb, 0xfc);
	start_long_mode();
	set(HY_X86_RBX, 0);
	count_calls();
}
END_TEST

static const struct {
	uint8_t size;
	uint64_t merged;
} in_sizes[] = {
	{ 1, 0x11223344556677a1 },
	{ 2, 0x112233445566a2a1 },
	{ 4, 0x00000000a4a3a2a1 },
};

static void put_in(uint8_t size)
{
	if (size == 1)
		CODE_BYTES(0xec, 0xf4);
	else if (size == 2)
		CODE_BYTES(0x66, 0xed, 0xf4);
	else
		CODE_BYTES(0xed, 0xf4);
}

START_TEST(in_merges)
{
	put_in(in_sizes[_i].size);
	start_protected_mode();
	set(HY_X86_RDX, 0x20);
	set(HY_X86_RAX, 0x1122334455667788);
	run_to(HY_EXIT_IO);
	ck_assert_uint_eq(rig.exit.io.write, 0);
	ck_assert_uint_eq(rig.exit.io.size, in_sizes[_i].size);
	ck_assert_uint_eq(*(const uint8_t *)rig.exit.data, 0xff);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x1122334455667788);
	answer(0xa4a3a2a1);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), in_sizes[_i].merged);
}
END_TEST

/* The same when general registers were written at the exit, by run and by complete. */
static void in_with_writes(uint8_t size, uint64_t merged, bool complete)
{
	put_in(size);
	start_protected_mode();
	set(HY_X86_RDX, 0x20);
	run_to(HY_EXIT_IO);
	set(HY_X86_RAX, 0x1122334455667788);
	set(HY_X86_RBX, 0x99);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x1122334455667788);
	answer(0xa4a3a2a1);
	if (complete) {
		ck_assert_int_eq(kvm_rig_complete(&rig), HY_RUN_INTERRUPTED);
		ck_assert_uint_eq(get(HY_X86_RAX), merged);
		ck_assert_uint_eq(get(HY_X86_RIP), CODE + (size == 2 ? 2u : 1u));
	}
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), merged);
	ck_assert_uint_eq(get(HY_X86_RBX), 0x99);
}

START_TEST(in_merges_after_writes)
{
	in_with_writes(in_sizes[_i].size, in_sizes[_i].merged, false);
}
END_TEST

START_TEST(in_merges_after_writes_and_complete)
{
	in_with_writes(in_sizes[_i].size, in_sizes[_i].merged, true);
}
END_TEST

START_TEST(string_io_is_refused)
{
	/* outsb; out %al, (%dx); rep outsb; insb; rep insb; hlt */
	CODE_BYTES(0x6e, 0xee, 0xf3, 0x6e, 0x6c, 0xb9, 0x02, 0, 0, 0, 0xf3, 0x6c, 0xf4);
	start_protected_mode();
	memcpy(ram + 0x5000, "aaab", 4);
	set(HY_X86_RAX, 'a');
	set(HY_X86_RCX, 2);
	set(HY_X86_RDX, 0x30);
	set(HY_X86_RSI, 0x5000);
	set(HY_X86_RDI, 0x6000);
	run_to_out(0x30, 'a');
	expect_pending(HY_X86_RAX);
	ck_assert_int_eq(kvm_rig_complete(&rig), HY_RUN_INTERRUPTED);
	memcpy(ram + 0x5000, "zaab", 4);
	run_to_out(0x30, 'a');
	ck_assert_uint_eq(get(HY_X86_RAX), 'a');
	run_to_out(0x30, 'a');
	expect_pending(HY_X86_RSI);
	run_to_out(0x30, 'a');
	expect_pending(HY_X86_RAX);
	run_to(HY_EXIT_IO);
	expect_pending(HY_X86_RDI);
	answer('x');
	for (uint32_t items = 0; items < 2; items += rig.exit.io.count) {
		run_to(HY_EXIT_IO);
		expect_pending(HY_X86_RCX);
		memset((void *)(uintptr_t)rig.exit.data, 'y', rig.exit.data_size);
	}
	run_to(HY_EXIT_HALT);
	ck_assert(memcmp(ram + 0x6000, "xyy", 3) == 0);
	ck_assert_uint_eq(get(HY_X86_RCX), 0);
}
END_TEST

/* --- MMIO ------------------------------------------------------------------------- */

START_TEST(mmio_read_and_write)
{
	/* mov HOLE, %eax; mov %eax, HOLE+4; incl HOLE+8; hlt */
	CODE_BYTES(0xa1, 0, 0, 0x20, 0, 0xa3, 4, 0, 0x20, 0, 0xff, 0x05, 8, 0, 0x20, 0, 0xf4);
	start_protected_mode();
	run_to(HY_EXIT_MMIO);
	ck_assert_uint_eq(rig.exit.mmio.gpa, HOLE);
	ck_assert_uint_eq(rig.exit.mmio.size, 4);
	ck_assert_uint_eq(rig.exit.mmio.write, 0);
	ck_assert(memcmp(rig.exit.data, "\xff\xff\xff\xff", 4) == 0);
	expect_pending(HY_X86_RAX);
	expect_pending(HY_X86_RIP);
	answer(0x12345678);
	run_to(HY_EXIT_MMIO);
	ck_assert_uint_eq(rig.exit.mmio.gpa, HOLE + 4);
	ck_assert_uint_eq(rig.exit.mmio.write, 1);
	ck_assert(memcmp(rig.exit.data, "\x78\x56\x34\x12", 4) == 0);
	run_to(HY_EXIT_MMIO);
	answer(7);
	ck_assert_int_eq(kvm_rig_complete(&rig), 0);
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_MMIO);
	ck_assert_uint_eq(rig.exit.mmio.write, 1);
	ck_assert(memcmp(rig.exit.data, "\x08\0\0\0", 4) == 0);
	ck_assert_int_eq(kvm_rig_complete(&rig), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 16);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x12345678);
}
END_TEST

START_TEST(read_only_write_is_mmio)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));

	/* mov HOLE, %eax; mov %eax, HOLE; hlt */
	CODE_BYTES(0xa1, 0, 0, 0x20, 0, 0xa3, 0, 0, 0x20, 0, 0xf4);
	memcpy(page, "\x11\x22\x33\x44", 4);
	ck_assert_int_eq(kvm_rig_map(&rig, HOLE, page, sizeof(page), HY_PROT_RX), 0);
	start_protected_mode();
	run_to(HY_EXIT_MMIO);
	ck_assert_uint_eq(rig.exit.mmio.write, 1);
	ck_assert(memcmp(rig.exit.data, page, 4) == 0);
	run_to(HY_EXIT_HALT);
	ck_assert_int_eq(rig.ops->memory_unmap(&rig.vm, &rig.region[1]), 0);
	rig.regions = 1;
}
END_TEST

/* --- The rest of the exits ---------------------------------------------------------------- */

START_TEST(triple_fault_is_shutdown)
{
	static const hy_reg idtr = HY_X86_IDTR;
	union hy_value none = { .segment = { 0, 0, 0, 0 } };

	CODE_BYTES(0x0f, 0x0b); /* ud2 */
	start_protected_mode();
	ck_assert_int_eq(rig.ops->vcpu_set_regs(&rig.vcpu, &idtr, &none, 1), 0);
	run_to(HY_EXIT_SHUTDOWN);
	ck_assert_uint_eq(rig.exit.flags, 0);
}
END_TEST

static void expect_fetch_fault(uint64_t gpa)
{
	run_to(HY_EXIT_FAULT);
	ck_assert_uint_eq(rig.exit.fault.reason, HY_FAULT_FETCH);
	ck_assert_uint_eq(rig.exit.fault.access, HY_PROT_EXEC);
	ck_assert_uint_eq(rig.exit.fault.gpa, gpa);
	ck_assert_ptr_ne(strstr(rig.exit.fault.text, "no memory at 0x200000"), NULL);
}

START_TEST(fetch_from_hole)
{
	start_protected_mode();
	set(HY_X86_RIP, HOLE);
	expect_fetch_fault(HOLE);
	ck_assert_uint_eq(rig.exit.fault.ip, HOLE);
}
END_TEST

START_TEST(fetch_from_hole_long_mode)
{
	start_long_mode();
	set(HY_X86_RIP, HOLE);
	expect_fetch_fault(HOLE);
}
END_TEST

/* Only where this KVM runs the guest in its emulator. */
START_TEST(emulation_failure_has_bytes)
{
	int r;

	CODE_BYTES(0x66, 0x0f, 0xfe, 0xc1, 0xf4); /* paddd %xmm1, %xmm0; hlt */
	start_long_mode();
	set(HY_X86_CR4, HY_X86_CR4_PAE | HY_X86_CR4_OSFXSR);
	r = kvm_rig_run(&rig);
	ck_assert_int_eq(r, 0);
	if (rig.exit.kind == HY_EXIT_HALT)
		return;
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_FAULT);
	ck_assert_uint_eq(rig.exit.fault.reason, HY_FAULT_EMULATION);
	ck_assert_uint_ge(rig.exit.fault.insn_size, 4);
	ck_assert(memcmp(rig.exit.fault.insn, ram + CODE, 4) == 0);
	ck_assert_uint_eq(rig.exit.fault.ip, CODE);
	ck_assert_ptr_eq(strstr(rig.exit.fault.text, "64-bit, CPL 0, rip 0x1000: 66 0f fe c1"),
	                 rig.exit.fault.text);
}
END_TEST

START_TEST(msr_exits)
{
	/* mov $0x600, %ecx; rdmsr; wrmsr; rdmsr; hlt */
	CODE_BYTES(0xb9, 0x00, 0x06, 0, 0, 0x0f, 0x32, 0x0f, 0x30, 0x0f, 0x32, 0xf4);
	start_real_mode();
	start_protected_mode();
	run_to(HY_EXIT_MSR);
	ck_assert_uint_eq(rig.exit.msr.index, 0x600);
	ck_assert_uint_eq(rig.exit.msr.write, 0);
	expect_pending(HY_X86_RAX);
	answer(0x1122334455667788);
	run_to(HY_EXIT_MSR);
	ck_assert_uint_eq(rig.exit.msr.write, 1);
	ck_assert_uint_eq(*(const uint64_t *)rig.exit.data, 0x1122334455667788);
	run_to(HY_EXIT_MSR);
	rig.vcpu.refused = 1;
	run_to(HY_EXIT_SHUTDOWN); /* #GP without an IDT */
	rig.vcpu.refused = 0;
}
END_TEST

/* --- Registers -------------------------------------------------------------------------------- */

static const struct {
	hy_reg id;
	uint64_t value;
} plain_registers[] = {
	{ HY_X86_RAX, 0x0101010101010101 }, { HY_X86_RCX, 0x0202020202020202 },
	{ HY_X86_RDX, 0x0303030303030303 }, { HY_X86_RBX, 0x0404040404040404 },
	{ HY_X86_RSP, 0x0505050505050505 }, { HY_X86_RBP, 0x0606060606060606 },
	{ HY_X86_RSI, 0x0707070707070707 }, { HY_X86_RDI, 0x0808080808080808 },
	{ HY_X86_R8, 0x0909090909090909 }, { HY_X86_R9, 0x0a0a0a0a0a0a0a0a },
	{ HY_X86_R10, 0x0b0b0b0b0b0b0b0b }, { HY_X86_R11, 0x0c0c0c0c0c0c0c0c },
	{ HY_X86_R12, 0x0d0d0d0d0d0d0d0d }, { HY_X86_R13, 0x0e0e0e0e0e0e0e0e },
	{ HY_X86_R14, 0x0f0f0f0f0f0f0f0f }, { HY_X86_R15, 0x1010101010101010 },
	{ HY_X86_RIP, 0x1234 }, { HY_X86_RFLAGS, 0x246 },
	{ HY_X86_CR0, 0x80000031 }, { HY_X86_CR2, 0x77777000 }, { HY_X86_CR3, TABLES },
	{ HY_X86_CR4, 0x6a0 }, { HY_X86_CR8, 9 }, { HY_X86_EFER, 0xd01 },
	{ HY_X86_DR0, 0x1000 }, { HY_X86_DR1, 0x2000 }, { HY_X86_DR2, 0x3000 }, { HY_X86_DR3, 0x4000 },
	{ HY_X86_DR6, 0xffff0ff1 }, { HY_X86_DR7, 0x403 },
	{ HY_X86_MSR(HY_X86_MSR_STAR), 0x0010000800000000 },
	{ HY_X86_MSR(HY_X86_MSR_LSTAR), 0xffff800000001000 },
	{ HY_X86_MSR(HY_X86_MSR_FMASK), 0x200 },
	{ HY_X86_MSR(HY_X86_MSR_KERNEL_GS_BASE), 0x123456000 },
	{ HY_X86_MSR(HY_X86_MSR_FS_BASE), 0x5000 }, { HY_X86_MSR(HY_X86_MSR_GS_BASE), 0x6000 },
	{ HY_X86_MSR(HY_X86_MSR_SYSENTER_CS), 8 },
	{ HY_X86_MSR(HY_X86_MSR_SYSENTER_EIP), 0x4000 },
};
#define PLAIN_REGISTERS (sizeof(plain_registers) / sizeof(plain_registers[0]))

START_TEST(plain_registers_round_trip)
{
	hy_reg ids[PLAIN_REGISTERS];
	union hy_value values[PLAIN_REGISTERS], got[PLAIN_REGISTERS];

	memset(values, 0, sizeof(values));
	memset(got, 0, sizeof(got));
	for (size_t i = 0; i < PLAIN_REGISTERS; i++) {
		ids[i] = plain_registers[i].id;
		values[i].u64 = plain_registers[i].value;
	}
	start_long_mode();
	ck_assert_msg(rig.ops->vcpu_set_regs(&rig.vcpu, ids, values, PLAIN_REGISTERS) == 0, "%s",
	              kvm_failure.text);
	ck_assert_int_eq(rig.ops->vcpu_get_regs(&rig.vcpu, ids, got, PLAIN_REGISTERS), 0);
	for (size_t i = 0; i < PLAIN_REGISTERS; i++)
		ck_assert_msg(got[i].u64 == values[i].u64, "register %zu: %#llx, wanted %#llx", i,
		              (unsigned long long)got[i].u64, (unsigned long long)values[i].u64);
}
END_TEST

START_TEST(segments_round_trip)
{
	static const hy_reg ids[] = { HY_X86_ES, HY_X86_CS, HY_X86_SS, HY_X86_DS, HY_X86_FS, HY_X86_GS,
		                      HY_X86_LDTR, HY_X86_TR, HY_X86_GDTR, HY_X86_IDTR };
	union hy_value values[] = {
		{ .segment = { 0, 0, 0, HY_X86_SEG_UNUSABLE } },
		{ .segment = { 0x1000, 0xffffffff, 8, HY_X86_ATTR_CODE32 } },
		{ .segment = { 0x2000, 0xffffffff, 16, HY_X86_ATTR_DATA32 } },
		{ .segment = { 0x3000, 0xfffff, 24, 0x4093 | HY_X86_SEG_AVL } },
		{ .segment = { 0x4000, 0xffff, 0x2b, 0x00f3 } },
		{ .segment = { 0x5000, 0xffff, 0x33, 0x0093 } },
		{ .segment = { 0x6000, 0x7f, 0x40, 0x0082 } },
		{ .segment = { 0x7000, 0x67, 0x48, 0x008b } },
		{ .segment = { 0x8000, 0x57, 0, 0 } },
		{ .segment = { 0x9000, 0xfff, 0, 0 } },
	};
	union hy_value got[10];

	memset(got, 0, sizeof(got));
	start_protected_mode();
	ck_assert_int_eq(rig.ops->vcpu_set_regs(&rig.vcpu, ids, values, 10), 0);
	ck_assert_int_eq(rig.ops->vcpu_get_regs(&rig.vcpu, ids, got, 10), 0);
	for (size_t i = 0; i < 10; i++) {
		ck_assert_uint_eq(got[i].segment.base, values[i].segment.base);
		ck_assert_uint_eq(got[i].segment.limit, values[i].segment.limit);
		ck_assert_uint_eq(got[i].segment.selector, values[i].segment.selector);
		ck_assert_uint_eq(got[i].segment.attributes, values[i].segment.attributes);
	}
}
END_TEST

START_TEST(bad_values_are_named)
{
	start_protected_mode();
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_CR8, 16), HY_E_INVALID);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_CR0, HY_X86_CR0_PG), HY_E_INVALID);
	ck_assert_ptr_ne(strstr(kvm_failure.text, "cr0.PG needs cr0.PE"), NULL);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_DR7, UINT64_C(1) << 40), HY_E_INVALID);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_MSR(0x12345678), 1), HY_E_UNSUPPORTED);
	ck_assert_ptr_ne(strstr(kvm_failure.text, "0x12345678"), NULL);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_MSR(HY_X86_MSR_LSTAR), UINT64_C(1) << 60), HY_E_INVALID);
}
END_TEST

START_TEST(xcr0_and_xsave_round_trip)
{
	uint8_t *image = calloc(1, 65536), *back = calloc(1, 65536);
	size_t size = 0;
	uint64_t xmm[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, present;

	ck_assert_int_eq(rig.ops->x86_get_xsave(&rig.vcpu, NULL, &size), HY_E_LIMIT);
	ck_assert_uint_ge(size, 4096);
	ck_assert_int_eq(rig.ops->x86_get_xsave(&rig.vcpu, image, &size), 0);
	/* As vcpu_reset has left it: FCW, abridged FTW, MXCSR. */
	ck_assert(memcmp(image, "\x40\0\0\0\xff\0", 6) == 0);
	ck_assert(memcmp(image + 24, "\x80\x1f\0\0", 4) == 0);
	for (size_t i = 32; i < 416; i++)
		ck_assert_uint_eq(image[i], 0);
	memcpy(image + 160 + 16, xmm, sizeof(xmm));
	memcpy(&present, image + 512, sizeof(present));
	present |= 3;
	memcpy(image + 512, &present, sizeof(present));
	ck_assert_msg(rig.ops->x86_set_xsave(&rig.vcpu, image, size) == 0, "%s", kvm_failure.text);
	ck_assert_int_eq(rig.ops->x86_get_xsave(&rig.vcpu, back, &size), 0);
	ck_assert(memcmp(back + 160 + 16, xmm, sizeof(xmm)) == 0);
	ck_assert_int_eq(rig.ops->x86_set_xsave(&rig.vcpu, image, size - 1), HY_E_INVALID);
	image[519] = 0x80;
	ck_assert_int_eq(rig.ops->x86_set_xsave(&rig.vcpu, image, size), HY_E_INVALID);
	set(HY_X86_XCR0, 1);
	ck_assert_uint_eq(get(HY_X86_XCR0), 1);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_XCR0, 2), HY_E_INVALID);
	free(back);
	free(image);
}
END_TEST

/* A #DB that waits behind an MMIO write is not lost with a register write. */
START_TEST(pending_exception_survives_writes)
{
	static const hy_reg idtr = HY_X86_IDTR;
	union hy_value table = { .segment = { 0x400, 0x7ff, 0, 0 } };

	/* mov %eax, HOLE; nop; nop; hlt */
	CODE_BYTES(0xa3, 0, 0, 0x20, 0, 0x90, 0x90, 0xf4);
	/* The handler: out %al, $0x77. */
	memcpy(ram + 0x3000, "\xe6\x77\xf4", 3);
	/* Gate 1: 0008:3000, present, 32-bit interrupt. */
	put_entry(0x408, 0x00008e0000083000);
	/* GDT at 0x2000: code and data, flat. */
	put_entry(0x2008, 0x00cf9b000000ffff);
	put_entry(0x2010, 0x00cf93000000ffff);
	start_protected_mode();
	ck_assert_int_eq(rig.ops->vcpu_set_regs(&rig.vcpu, &idtr, &table, 1), 0);
	set_segment(HY_X86_GDTR, 0x2000, 0x17, 0, 0);
	set(HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_TF);
	run_to(HY_EXIT_MMIO);
	ck_assert_int_eq(kvm_rig_complete(&rig), HY_RUN_INTERRUPTED);
	set(HY_X86_RBX, get(HY_X86_RBX) + 1);
	set(HY_X86_RAX, 0x55);
	run_to_out(0x77, 0x55);
	ck_assert_uint_eq(get(HY_X86_RBX), 1);
}
END_TEST

/* --- Capabilities ---------------------------------------------------------------------------------- */

static struct hy_cap cap_of(struct hy_backend_host *host, uint32_t id)
{
	struct hy_cap cap = { 0 };

	ck_assert_int_eq(rig.ops->cap(host, id, &cap), 0);
	return cap;
}

/* Capabilities that a guest has to be asked for. */
static const uint32_t asked[] = { HY_CAP_PAGING32, HY_CAP_USER_CALLS };

START_TEST(a_guests_answer_is_steady)
{
	struct hy_backend_host other = { .services = rig.host.services };
	struct hy_cap first = cap_of(&rig.host, asked[_i]), again;
	unsigned before = ioctls;

	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(cap_of(&rig.host, asked[_i]).how, first.how);
	ck_assert_uint_eq(ioctls, before);
	other.priv = calloc(1, rig.ops->host_size);
	ck_assert_int_eq(rig.ops->open(&other), 0);
	again = cap_of(&other, asked[_i]);
	ck_assert_uint_eq(again.how, first.how);
	ck_assert_ptr_eq(again.reason, first.reason);
	rig.ops->close(&other);
	free(other.priv);
	/* The vCPU beside it hasn't noticed. */
	CODE_BYTES(0xe6, 0x11, 0xf4); /* out %al, $0x11; hlt */
	start_protected_mode();
	set(HY_X86_RAX, 0x66);
	run_to_out(0x11, 0x66);
	run_to(HY_EXIT_HALT);
}
END_TEST

/* --- Life ---------------------------------------------------------------------------------------- */

START_TEST(reset_drops_an_access)
{
	CODE_BYTES(0xff, 0x05, 0, 0, 0x20, 0, 0xf4); /* incl HOLE; hlt */
	start_protected_mode();
	run_to(HY_EXIT_MMIO);
	ck_assert_int_eq(rig.ops->vcpu_reset(&rig.vcpu), 0);
	CODE_BYTES(0xe6, 0x11, 0xf4);
	start_protected_mode();
	set(HY_X86_RAX, 0x66);
	run_to_out(0x11, 0x66);
	run_to(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x66);
}
END_TEST

START_TEST(an_id_can_be_used_again)
{
	CODE_BYTES(0xa1, 0, 0, 0x20, 0, 0xf4); /* mov HOLE, %eax */
	start_protected_mode();
	run_to(HY_EXIT_MMIO);
	kvm_rig_drop_vcpu(&rig);
	ck_assert_msg(kvm_rig_vcpu(&rig) == 0, "%s", kvm_failure.text);
	CODE_BYTES(0xe6, 0x11, 0xf4);
	start_protected_mode();
	set(HY_X86_RAX, 0x66);
	run_to_out(0x11, 0x66);
}
END_TEST

static void *run_in_thread(void *arg)
{
	bool *ok = arg;
	sigset_t mask;

	*ok = rig.ops->vcpu_bind(&rig.vcpu) == 0 && kvm_rig_run(&rig) == 0 &&
	      rig.exit.kind == HY_EXIT_IO;
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	*ok = *ok && sigismember(&mask, SIGURG);
	return NULL;
}

START_TEST(bind_moves_a_vcpu)
{
	pthread_t thread;
	bool ok = false;
	sigset_t mask;

	CODE_BYTES(0xe6, 0x11, 0xe6, 0x12, 0xf4);
	start_protected_mode();
	run_to(HY_EXIT_IO);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_in_thread, &ok), 0);
	pthread_join(thread, NULL);
	ck_assert(ok);
	ck_assert_int_eq(rig.ops->vcpu_bind(&rig.vcpu), 0);
	run_to(HY_EXIT_HALT);
	kvm_rig_drop_vcpu(&rig);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	ck_assert(!sigismember(&mask, SIGURG));
}
END_TEST

START_TEST(a_forked_child_only_frees)
{
	int status;
	pid_t child;

	CODE_BYTES(0xe6, 0x11, 0xf4);
	start_protected_mode();
	run_to(HY_EXIT_IO);
	child = fork();
	if (child == 0) {
		kvm_rig_close(&rig);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	run_to(HY_EXIT_HALT);
}
END_TEST

/* --- Kicks ----------------------------------------------------------------------------------------- */

static unsigned acknowledged, pokes;

static void *poker(void *arg)
{
	(void)arg;
	for (unsigned i = 1; i <= pokes; i++) {
		__atomic_or_fetch(&rig.vcpu.requests, HY_REQUEST_KICK, __ATOMIC_SEQ_CST);
		rig.ops->vcpu_poke(&rig.vcpu);
		while (__atomic_load_n(&acknowledged, __ATOMIC_SEQ_CST) != i)
			sched_yield();
		/* Now and then give the runner time to be in the guest again. */
		if (i % 16 == 0)
			usleep(50);
	}
	return NULL;
}

/* Every request takes the vCPU out of a guest that never leaves by itself. */
START_TEST(no_poke_is_lost)
{
	const char *count = getenv("HY_STORM");
	pthread_t thread;
	unsigned idle = 0;

	pokes = count ? (unsigned)strtoul(count, NULL, 10) : 10000;
	CODE_BYTES(0xeb, 0xfe); /* 1: jmp 1b */
	start_protected_mode();
	ck_assert_int_eq(pthread_create(&thread, NULL, poker, NULL), 0);
	while (acknowledged < pokes) {
		ck_assert_int_eq(kvm_rig_run(&rig), HY_RUN_INTERRUPTED);
		if (__atomic_exchange_n(&rig.vcpu.requests, 0, __ATOMIC_SEQ_CST))
			__atomic_add_fetch(&acknowledged, 1, __ATOMIC_SEQ_CST);
		else
			idle++;
	}
	pthread_join(thread, NULL);
	/* At most one needless return for each poke. */
	ck_assert_uint_le(idle, pokes);
}
END_TEST

/* A request doesn't stop an access from being finished. */
START_TEST(requests_wait_for_the_access)
{
	CODE_BYTES(0xff, 0x05, 0, 0, 0x20, 0, 0xeb, 0xfe); /* incl HOLE; 1: jmp 1b */
	start_protected_mode();
	run_to(HY_EXIT_MMIO);
	answer(1);
	rig.vcpu.requests = HY_REQUEST_KICK;
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_uint_eq(rig.exit.mmio.write, 1);
	ck_assert_int_eq(kvm_rig_run(&rig), HY_RUN_INTERRUPTED);
	ck_assert_int_eq(kvm_rig_run(&rig), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 6);
}
END_TEST

/* --- Running ------------------------------------------------------------------------------------------ */

static const struct hy_x86_msr_range msr_ranges[] = { { 0x600, 16, 1, 1 } };

static void setup_msr(void)
{
	setup_with(msr_ranges, 1);
}

static Suite *suite(void)
{
	Suite *s = suite_create("kvm-real");
	TCase *exits = tcase_create("exits"), *msr = tcase_create("msr");
	TCase *regs = tcase_create("registers"), *life = tcase_create("life");
	TCase *caps = tcase_create("capabilities");

	tcase_add_checked_fixture(exits, setup, teardown);
	tcase_add_test(exits, out_shows_general_registers);
	tcase_add_test(exits, one_call_per_exit_real_mode);
	tcase_add_test(exits, one_call_per_exit_long_mode);
	tcase_add_loop_test(exits, in_merges, 0, 3);
	tcase_add_loop_test(exits, in_merges_after_writes, 0, 3);
	tcase_add_loop_test(exits, in_merges_after_writes_and_complete, 0, 3);
	tcase_add_test(exits, string_io_is_refused);
	tcase_add_test(exits, mmio_read_and_write);
	tcase_add_test(exits, read_only_write_is_mmio);
	tcase_add_test(exits, triple_fault_is_shutdown);
	tcase_add_test(exits, fetch_from_hole);
	tcase_add_test(exits, fetch_from_hole_long_mode);
	tcase_add_test(exits, emulation_failure_has_bytes);
	suite_add_tcase(s, exits);
	tcase_add_checked_fixture(msr, setup_msr, teardown);
	tcase_add_test(msr, msr_exits);
	suite_add_tcase(s, msr);
	tcase_add_checked_fixture(regs, setup, teardown);
	tcase_add_test(regs, plain_registers_round_trip);
	tcase_add_test(regs, segments_round_trip);
	tcase_add_test(regs, bad_values_are_named);
	tcase_add_test(regs, xcr0_and_xsave_round_trip);
	tcase_add_test(regs, pending_exception_survives_writes);
	suite_add_tcase(s, regs);
	tcase_add_checked_fixture(caps, setup, teardown);
	tcase_add_loop_test(caps, a_guests_answer_is_steady, 0, sizeof(asked) / sizeof(asked[0]));
	suite_add_tcase(s, caps);
	tcase_add_checked_fixture(life, setup, teardown);
	tcase_set_timeout(life, 120);
	tcase_add_test(life, reset_drops_an_access);
	tcase_add_test(life, an_id_can_be_used_again);
	tcase_add_test(life, bind_moves_a_vcpu);
	tcase_add_test(life, a_forked_child_only_frees);
	tcase_add_test(life, no_poke_is_lost);
	tcase_add_test(life, requests_wait_for_the_access);
	suite_add_tcase(s, life);
	return s;
}

int main(void)
{
	struct hy_probe probe = { .size = sizeof(probe) };

	kvm_probe(&probe);
	if (probe.status != HY_PROBE_OK) {
		printf("skipped: %s\n%s\n", probe.reason, probe.hint);
		return SKIP;
	}
	return suite_run(suite());
}
