/* SPDX-License-Identifier: MIT */
/*
 * The software CPU as a backend, through the public headers alone.
 * HY_BACKEND_PATH names the plugin's directory.  What instructions do is for
 * test-assist-*.c and tests/differential.
 *
 * HY_STORM is the number of kicks and of changes of memory.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hy/hy.h>
#include <hy/x86.h>

#include "suite.h"

#define RAM 0x10000
#define CODE 0x1000
#define DATA 0x4000
#define PAGE 0x1000
#define MANY 4

static struct hy_host *host;
static struct hy_vm *vm;
static struct hy_vcpu *vcpu;

static unsigned long storm(unsigned long usual)
{
	const char *text = getenv("HY_STORM");

	return text ? strtoul(text, NULL, 10) : usual;
}

static void ok(int status)
{
	ck_assert_msg(status == 0, "%s (%s)", hy_error()->text, hy_error()->hint);
}

static void set(hy_reg id, uint64_t value)
{
	ok(hy_vcpu_set_reg(vcpu, id, value));
}

static uint64_t get(hy_reg id)
{
	uint64_t value;

	ok(hy_vcpu_get_reg(vcpu, id, &value));
	return value;
}

static void open_host(void)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	options.backend = "soft";
	ok(hy_host_open(&options, &host));
}

static void close_host(void)
{
	ok(hy_host_close(host));
}

/* Real mode at CODE, every segment at 0. */
static void start_real_mode(struct hy_vcpu *of)
{
	static const hy_reg ids[] = { HY_X86_CS, HY_X86_RIP, HY_X86_RSP, HY_X86_RFLAGS };
	const union hy_value values[] = {
		{ .segment = { 0, 0xffff, 0, HY_X86_ATTR_CODE16 } },
		{ .u64 = CODE },
		{ .u64 = 0x8000 },
		{ .u64 = HY_X86_RFLAGS_ONE },
	};

	ok(hy_vcpu_set_regs(of, ids, values, 4));
}

static struct hy_vm *make_vm(const void *code, size_t size, uint32_t vcpus)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vm *made;

	options.vcpus = vcpus;
	ok(hy_vm_create(host, &options, &made));
	ok(hy_vm_alloc_memory(made, 0, RAM, HY_PROT_RWX, 0));
	ok(hy_vm_write(made, CODE, code, size));
	return made;
}

static void start(const void *code, size_t size)
{
	open_host();
	vm = make_vm(code, size, 1);
	ok(hy_vcpu_create(vm, NULL, &vcpu));
	start_real_mode(vcpu);
}
#define START(...)                                             \
	do {                                                   \
		static const uint8_t code[] = { __VA_ARGS__ }; \
		start(code, sizeof(code));                     \
	} while (0)

static void end(void)
{
	ok(hy_vcpu_destroy(vcpu));
	ok(hy_vm_destroy(vm));
	close_host();
}

static const struct hy_exit *run(uint32_t kind)
{
	const struct hy_exit *exit;

	ok(hy_vcpu_run(vcpu, &exit));
	ck_assert_msg(exit->kind == kind, "exit is %s, should be %s: %s", hy_exit_name(exit->kind), hy_exit_name(kind),
	              exit->kind == HY_EXIT_FAULT ? exit->fault.text : "");
	return exit;
}

static void run_to_out(uint16_t port, uint64_t value)
{
	const struct hy_exit *exit = run(HY_EXIT_IO);

	ck_assert_uint_eq(exit->io.write, 1);
	ck_assert_uint_eq(exit->io.port, port);
	ck_assert_uint_eq(hy_exit_value(exit, 0), value);
}

static void join(pthread_t thread)
{
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* --- What it says of itself --------------------------------------------------------- */

START_TEST(all_is_done_by_the_library)
{
	struct hy_cap cap;

	open_host();
	ck_assert_str_eq(hy_host_backend(host)->name, "soft");
	for (uint32_t id = HY_CAP_MAP_MEMORY; id <= HY_CAP_USER_CALLS; id++) {
		ok(hy_host_cap(host, id, &cap));
		if (id != HY_CAP_MMIO_EXOTIC)
			ck_assert_uint_eq(cap.how, HY_CAP_LIBRARY);
		else
			ck_assert_ptr_ne(cap.reason, NULL);
	}
	close_host();
}
END_TEST

/* --- Kicks and deadlines ------------------------------------------------------------ */

/* A kicker, and the kicks that it may give. */
struct kicker {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned long wanted, given;
};

static void *kick_as_wanted(void *arg)
{
	struct kicker *kicker = arg;
	unsigned long total = storm(2000);

	pthread_mutex_lock(&kicker->lock);
	while (kicker->given < total) {
		while (kicker->wanted == kicker->given)
			pthread_cond_wait(&kicker->changed, &kicker->lock);
		kicker->given++;
		pthread_mutex_unlock(&kicker->lock);
		ok(hy_vcpu_kick(vcpu));
		pthread_mutex_lock(&kicker->lock);
	}
	pthread_mutex_unlock(&kicker->lock);
	return NULL;
}

static void want_kick(struct kicker *kicker)
{
	pthread_mutex_lock(&kicker->lock);
	kicker->wanted++;
	pthread_cond_signal(&kicker->changed);
	pthread_mutex_unlock(&kicker->lock);
}

/* Before the run, at its beginning or amid it: each kick ends one run. */
START_TEST(no_kick_is_lost_or_left_over)
{
	struct kicker kicker = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };
	const struct hy_exit *exit;
	pthread_t thread;

	/* jmp . */
	START(0xeb, 0xfe);
	ck_assert_int_eq(pthread_create(&thread, NULL, kick_as_wanted, &kicker), 0);
	for (unsigned long i = storm(2000); i > 0; i--) {
		want_kick(&kicker);
		run(HY_EXIT_CANCELED);
		ck_assert_uint_eq(get(HY_X86_RIP), CODE);
	}
	join(thread);
	ok(hy_vcpu_run_until(vcpu, hy_now() + 1000000, &exit));
	ck_assert_uint_eq(exit->kind, HY_EXIT_DEADLINE);
	end();
}
END_TEST

START_TEST(deadlines_end_a_run)
{
	const struct hy_exit *exit;

	/* jmp . */
	START(0xeb, 0xfe);
	for (unsigned i = 0; i < 50; i++) {
		uint64_t deadline = hy_now() + i * 20000;

		ok(hy_vcpu_run_until(vcpu, deadline, &exit));
		ck_assert_uint_eq(exit->kind, HY_EXIT_DEADLINE);
		ck_assert_uint_ge(hy_now(), deadline);
	}
	end();
}
END_TEST

#define MUCH 0x2000000

/* Left between two rounds, where the guest can go on. */
START_TEST(a_long_rep_is_left_amid)
{
	const hy_reg ds = HY_X86_DS;
	const union hy_value flat = { .segment = { 0, 0xffffffff, 0, HY_X86_ATTR_DATA16 | HY_X86_SEG_G } };
	const struct hy_exit *exit;
	uint64_t left;

	/* addr32 rep lodsb; hlt */
	START(0x67, 0xf3, 0xac, 0xf4);
	ok(hy_vm_alloc_memory(vm, MUCH, MUCH, HY_PROT_RWX, 0));
	ok(hy_vcpu_set_regs(vcpu, &ds, &flat, 1));
	set(HY_X86_RSI, MUCH);
	set(HY_X86_RCX, MUCH);
	do {
		ok(hy_vcpu_run_until(vcpu, hy_now() + 1000000, &exit));
		ck_assert_uint_eq(exit->kind, HY_EXIT_DEADLINE);
		ck_assert_uint_eq(get(HY_X86_RIP), CODE);
		left = get(HY_X86_RCX);
		ck_assert_uint_eq(get(HY_X86_RSI), 2 * MUCH - left);
	} while (left == MUCH);
	ck_assert_uint_ne(left, 0);
	end();
}
END_TEST

/* --- Several at once ---------------------------------------------------------------- */

#define ROUNDS 2000

/* One of MANY vCPUs that count together. */
struct counter {
	struct hy_vm *vm;
	uint32_t id;
	unsigned halts;
};

static void *count_up(void *arg)
{
	struct counter *counter = arg;
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	const struct hy_exit *exit;
	struct hy_vcpu *own;

	options.id = counter->id;
	ok(hy_vcpu_create(counter->vm, &options, &own));
	start_real_mode(own);
	ok(hy_vcpu_set_reg(own, HY_X86_RCX, ROUNDS));
	do {
		ok(hy_vcpu_run(own, &exit));
	} while (exit->kind == HY_EXIT_IO);
	counter->halts += exit->kind == HY_EXIT_HALT;
	ok(hy_vcpu_destroy(own));
	return NULL;
}

static void check_counter(struct hy_vm *of, uint32_t wanted)
{
	uint32_t count;

	ok(hy_vm_read(of, DATA, &count, sizeof(count)));
	ck_assert_uint_eq(count, wanted);
}

START_TEST(vms_and_vcpus_in_threads)
{
	/* 1: lock incl 0x4000; out %al, $0x42; loop 1b; hlt */
	static const uint8_t code[] = { 0xf0, 0x66, 0xff, 0x06, 0x00, 0x40, 0xe6, 0x42, 0xe2, 0xf6, 0xf4 };
	struct counter counter[2 * MANY];
	pthread_t thread[2 * MANY];
	struct hy_vm *vms[2];

	open_host();
	for (unsigned i = 0; i < 2; i++)
		vms[i] = make_vm(code, sizeof(code), MANY);
	for (unsigned i = 0; i < 2 * MANY; i++) {
		counter[i] = (struct counter){ vms[i % 2], i / 2, 0 };
		ck_assert_int_eq(pthread_create(&thread[i], NULL, count_up, &counter[i]), 0);
	}
	for (unsigned i = 0; i < 2 * MANY; i++) {
		join(thread[i]);
		ck_assert_uint_eq(counter[i].halts, 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		check_counter(vms[i], MANY * ROUNDS);
		ok(hy_vm_destroy(vms[i]));
	}
	close_host();
}
END_TEST

/* --- Memory that changes under a running guest -------------------------------------- */

static pthread_barrier_t running;
static atomic_ulong exits; /* of the running guest */

/* Reads what the other thread takes away and brings back: memory, or an exit. */
static void *read_on(void *arg)
{
	const struct hy_exit *exit;

	(void)arg;
	ok(hy_vcpu_create(vm, NULL, &vcpu));
	start_real_mode(vcpu);
	pthread_barrier_wait(&running);
	for (;;) {
		ok(hy_vcpu_run(vcpu, &exit));
		if (exit->kind != HY_EXIT_MMIO)
			break;
		ck_assert_uint_eq(exit->mmio.gpa, 0x20000);
		ok(hy_vcpu_answer(vcpu, 0x55));
		atomic_fetch_add(&exits, 1);
	}
	ck_assert_uint_eq(exit->kind, HY_EXIT_CANCELED);
	return NULL;
}

/* Runs the guest in another thread while `change` is at work. */
static void run_under(const void *code, size_t size, void (*change)(uint32_t flags), uint32_t flags)
{
	pthread_t thread;

	atomic_store(&exits, 0);
	open_host();
	vm = make_vm(code, size, 1);
	ck_assert_int_eq(pthread_barrier_init(&running, NULL, 2), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_on, NULL), 0);
	pthread_barrier_wait(&running);
	change(flags);
	ok(hy_vcpu_kick(vcpu));
	join(thread);
	pthread_barrier_destroy(&running);
	ok(hy_vcpu_bind(vcpu));
	end();
}

/* What is unmapped is inaccessible at once: whoever still used it would crash. */
static void take_away_and_bring_back(uint32_t flags)
{
	void *pages = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	for (unsigned long i = 0; i < storm(2000) / 4 || atomic_load(&exits) < 100; i++) {
		ok(hy_vm_map_memory(vm, 0x20000, pages, PAGE, HY_PROT_RWX, flags));
		ok(hy_vm_unmap_memory(vm, 0x20000, PAGE, flags));
		ck_assert_int_eq(mprotect(pages, PAGE, PROT_NONE), 0);
		ck_assert_int_eq(mprotect(pages, PAGE, PROT_READ | PROT_WRITE), 0);
	}
	munmap(pages, PAGE);
}

/* mov $0x2000, %ax; mov %ax, %ds; 1: mov 0, %al; jmp 1b */
static const uint8_t reads_beyond[] = { 0xb8, 0x00, 0x20, 0x8e, 0xd8, 0xa0, 0x00, 0x00, 0xeb, 0xfb };

START_TEST(memory_goes_under_a_running_guest)
{
	run_under(reads_beyond, sizeof(reads_beyond), take_away_and_bring_back, 0);
}
END_TEST

START_TEST(memory_goes_without_a_pause)
{
	run_under(reads_beyond, sizeof(reads_beyond), take_away_and_bring_back, HY_MAP_NONATOMIC);
}
END_TEST

static void protect_to_and_fro(uint32_t flags)
{
	for (unsigned long i = storm(2000) / 4; i > 0; i--) {
		ok(hy_vm_protect_memory(vm, 0, RAM, HY_PROT_RX, flags));
		ok(hy_vm_protect_memory(vm, 0, RAM, HY_PROT_RWX, flags));
	}
}

/* The guest's code and data lose a right that it doesn't use: it notices nothing. */
START_TEST(protection_changes_under_a_running_guest)
{
	/* 1: cmpb $0, 0x4000; jmp 1b */
	static const uint8_t code[] = { 0x80, 0x3e, 0x00, 0x40, 0x00, 0xeb, 0xf9 };
	unsigned long seen;

	run_under(code, sizeof(code), protect_to_and_fro, HY_MAP_NONATOMIC);
	seen = atomic_load(&exits);
	ck_assert_uint_eq(seen, 0);
}
END_TEST

/* --- Memory by its rights ----------------------------------------------------------- */

START_TEST(code_needs_memory_that_can_be_executed)
{
	const struct hy_exit *exit;

	START(0xf4);
	ok(hy_vm_protect_memory(vm, CODE, PAGE, HY_PROT_READ | HY_PROT_WRITE, 0));
	exit = run(HY_EXIT_FAULT);
	ck_assert_uint_eq(exit->fault.reason, HY_FAULT_FETCH);
	ck_assert_uint_eq(exit->fault.gpa, CODE);
	ck_assert_uint_eq(exit->fault.insn_size, 0);
	ok(hy_vm_protect_memory(vm, CODE, PAGE, HY_PROT_EXEC, 0));
	run(HY_EXIT_HALT);
	end();
}
END_TEST

START_TEST(unreadable_memory_is_mmio_for_reads)
{
	const struct hy_exit *exit;
	uint8_t byte;

	/* mov %al, 0x4000; mov 0x4001, %bl; hlt */
	START(0xa2, 0x00, 0x40, 0x8a, 0x1e, 0x01, 0x40, 0xf4);
	set(HY_X86_RAX, 0x77);
	ok(hy_vm_protect_memory(vm, DATA, PAGE, HY_PROT_WRITE, 0));
	exit = run(HY_EXIT_MMIO);
	ck_assert_uint_eq(exit->mmio.write, 0);
	ck_assert_uint_eq(exit->mmio.gpa, DATA + 1);
	ok(hy_vcpu_answer(vcpu, 0x31));
	run(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RBX), 0x31);
	ok(hy_vm_read(vm, DATA, &byte, 1));
	ck_assert_uint_eq(byte, 0x77);
	end();
}
END_TEST

/* As a firmware has it: LTR wants to set the busy bit, and finds that it can't. */
START_TEST(descriptors_may_be_in_rom)
{
	const uint64_t gdt[] = { 0, UINT64_C(0x0000890000000067) | DATA << 16 };
	const hy_reg ids[] = { HY_X86_CR0, HY_X86_CS, HY_X86_GDTR, HY_X86_TR };
	union hy_value values[4] = {
		{ .u64 = HY_X86_CR0_PE | HY_X86_CR0_ET },
		{ .segment = { 0, 0xffffffff, 8, HY_X86_ATTR_CODE32 } },
		{ .segment = { .base = CODE + 0x100, .limit = sizeof(gdt) - 1 } },
	};
	uint64_t seen[2];

	/* mov $8, %eax; ltr %ax; hlt */
	START(0xb8, 0x08, 0x00, 0x00, 0x00, 0x0f, 0x00, 0xd8, 0xf4);
	ok(hy_vm_write(vm, CODE + 0x100, gdt, sizeof(gdt)));
	ok(hy_vm_protect_memory(vm, CODE, PAGE, HY_PROT_RX, 0));
	ok(hy_vcpu_set_regs(vcpu, ids, values, 3));
	run(HY_EXIT_HALT);
	ok(hy_vcpu_get_regs(vcpu, ids, values, 4));
	ck_assert_uint_eq(values[3].segment.base, DATA);
	ck_assert_uint_eq(values[3].segment.attributes, HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY);
	ok(hy_vm_read(vm, CODE + 0x100, seen, sizeof(seen)));
	ck_assert_mem_eq(seen, gdt, sizeof(gdt));
	end();
}
END_TEST

/* --- The processor ------------------------------------------------------------------ */

/* IVT entry 0x20 leads to 0x1100: out %al, $0x44; iret */
START_TEST(int_goes_through_the_vectors)
{
	static const uint8_t vector[] = { 0x00, 0x11, 0x00, 0x00 }, handler[] = { 0xe6, 0x44, 0xcf };

	/* int $0x20; out %al, $0x42; hlt */
	START(0xcd, 0x20, 0xe6, 0x42, 0xf4);
	ok(hy_vm_write(vm, 0x20 * 4, vector, sizeof(vector)));
	ok(hy_vm_write(vm, 0x1100, handler, sizeof(handler)));
	set(HY_X86_RAX, 0x5a);
	set(HY_X86_RFLAGS, HY_X86_RFLAGS_ONE | HY_X86_RFLAGS_IF);
	run_to_out(0x44, 0x5a);
	ok(hy_vcpu_complete(vcpu, &(const struct hy_exit *){ NULL }));
	ck_assert_uint_eq(get(HY_X86_RFLAGS) & HY_X86_RFLAGS_IF, 0);
	ck_assert_uint_eq(get(HY_X86_RSP), 0x8000 - 6);
	run_to_out(0x42, 0x5a);
	run(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RFLAGS) & HY_X86_RFLAGS_IF, HY_X86_RFLAGS_IF);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 5);
	end();
}
END_TEST

/* The guest runs into nothing, and is told apart by the text. */
START_TEST(faults_are_described)
{
	const struct hy_exit *exit;

	/* ljmp $0xf000, $0x10 */
	START(0xea, 0x10, 0x00, 0x00, 0xf0);
	exit = run(HY_EXIT_FAULT);
	ck_assert_uint_eq(exit->fault.reason, HY_FAULT_FETCH);
	ck_assert_uint_eq(exit->fault.access, HY_PROT_EXEC);
	ck_assert_uint_eq(exit->fault.gpa, 0xf0010);
	ck_assert_uint_eq(exit->fault.ip, 0x10);
	ck_assert_str_eq(exit->fault.text, "real mode, CPL 0, rip 0x10: no memory at 0xf0010 to fetch from");
	end();
}
END_TEST

/* What the program writes while a port access waits doesn't change the access. */
START_TEST(registers_may_be_rewritten_at_an_in)
{
	const struct hy_exit *exit;

	/* in (%dx), %al; hlt */
	START(0xec, 0xf4);
	set(HY_X86_RDX, 0x42);
	exit = run(HY_EXIT_IO);
	ck_assert_uint_eq(exit->io.port, 0x42);
	set(HY_X86_RDX, 0x9999);
	set(HY_X86_RAX, 0x11223344);
	set(HY_X86_R15, 15);
	ok(hy_vcpu_answer(vcpu, 0xaa));
	ck_assert_uint_eq(get(HY_X86_RAX), 0x11223344);
	run(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x112233aa);
	ck_assert_uint_eq(get(HY_X86_RDX), 0x9999);
	ck_assert_uint_eq(get(HY_X86_R15), 15);
	end();
}
END_TEST

START_TEST(the_tsc_counts_nanoseconds)
{
	uint64_t begin, end_ns, first, second;

	/* rdtsc; hlt */
	START(0x0f, 0x31, 0xf4);
	begin = hy_now();
	first = get(HY_X86_MSR(HY_X86_MSR_TSC));
	run(HY_EXIT_HALT);
	second = get(HY_X86_RDX) << 32 | get(HY_X86_RAX);
	end_ns = hy_now();
	ck_assert_uint_ge(second, first);
	ck_assert_uint_le(second - first, end_ns - begin);
	end();
}
END_TEST

static void start_with_table(const struct hy_x86_cpuid *table, size_t count, const void *code, size_t size)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;

	open_host();
	options.x86_cpuid = table;
	options.x86_cpuid_count = count;
	ok(hy_vm_create(host, &options, &vm));
	ok(hy_vm_alloc_memory(vm, 0, RAM, HY_PROT_RWX, 0));
	ok(hy_vm_write(vm, CODE, code, size));
	ok(hy_vcpu_create(vm, NULL, &vcpu));
	start_real_mode(vcpu);
}

/* Of instructions and modes there is what the VM's table has. */
START_TEST(the_table_decides_what_there_is)
{
	static const struct hy_x86_cpuid with[] = { { .leaf = 0, .eax = 1 }, { .leaf = 1, .ecx = 1u << 23 } };
	static const struct hy_x86_cpuid without[] = { { .leaf = 0, .eax = 1 }, { .leaf = 1 } };
	static const uint8_t code[] = { 0xf3, 0x0f, 0xb8, 0xc3, 0xf4 }; /* popcnt %bx, %ax; hlt */
	const union hy_value none = { .segment = { 0 } };
	const hy_reg idtr = HY_X86_IDTR;

	start_with_table(with, 2, code, sizeof(code));
	set(HY_X86_RBX, 0xf0f1);
	run(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), 9);
	end();
	start_with_table(without, 2, code, sizeof(code));
	ok(hy_vcpu_set_regs(vcpu, &idtr, &none, 1));
	run(HY_EXIT_SHUTDOWN);
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_EFER, HY_X86_EFER_LME), HY_E_INVALID);
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_CR4, HY_X86_CR4_PAE), HY_E_INVALID);
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_XCR0, 3), HY_E_INVALID);
	end();
}
END_TEST

/* None of a set takes effect when one isn't allowed. */
START_TEST(registers_take_effect_together)
{
	const hy_reg ids[] = { HY_X86_RBX, HY_X86_MSR(HY_X86_MSR_TSC), HY_X86_MSR(HY_X86_MSR_LSTAR), HY_X86_CR0 };
	union hy_value values[] = { { .u64 = 1 }, { .u64 = 0 }, { .u64 = 0x1234 }, { .u64 = HY_X86_CR0_PG } };

	START(0xf4);
	ck_assert_int_eq(hy_vcpu_set_regs(vcpu, ids, values, 4), HY_E_INVALID);
	ck_assert_uint_eq(get(HY_X86_RBX), 0);
	ck_assert_uint_eq(get(HY_X86_MSR(HY_X86_MSR_LSTAR)), 0);
	values[3].u64 = HY_X86_CR0_PE;
	ok(hy_vcpu_set_regs(vcpu, ids, values, 4));
	ck_assert_uint_eq(get(HY_X86_RBX), 1);
	ck_assert_uint_eq(get(HY_X86_MSR(HY_X86_MSR_LSTAR)), 0x1234);
	ck_assert_uint_eq(get(HY_X86_CR0), HY_X86_CR0_PE | HY_X86_CR0_ET);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("soft");
	TCase *tcase = tcase_create("soft");

	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, all_is_done_by_the_library);
	tcase_add_test(tcase, no_kick_is_lost_or_left_over);
	tcase_add_test(tcase, deadlines_end_a_run);
	tcase_add_test(tcase, a_long_rep_is_left_amid);
	tcase_add_test(tcase, vms_and_vcpus_in_threads);
	tcase_add_test(tcase, memory_goes_under_a_running_guest);
	tcase_add_test(tcase, memory_goes_without_a_pause);
	tcase_add_test(tcase, protection_changes_under_a_running_guest);
	tcase_add_test(tcase, code_needs_memory_that_can_be_executed);
	tcase_add_test(tcase, unreadable_memory_is_mmio_for_reads);
	tcase_add_test(tcase, descriptors_may_be_in_rom);
	tcase_add_test(tcase, int_goes_through_the_vectors);
	tcase_add_test(tcase, faults_are_described);
	tcase_add_test(tcase, registers_may_be_rewritten_at_an_in);
	tcase_add_test(tcase, the_tsc_counts_nanoseconds);
	tcase_add_test(tcase, the_table_decides_what_there_is);
	tcase_add_test(tcase, registers_take_effect_together);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
