/* SPDX-License-Identifier: MIT */
/*
 * libhy with the real KVM, through the public headers alone.  HY_BACKEND_PATH
 * names the plugin's directory; without a usable KVM everything is skipped.
 *
 * HY_STORM is the number of kicks, HY_CYCLES that of life cycles.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include <hy/hy.h>
#include <hy/x86.h>

#include "../unit/suite.h"

#define RAM 0x10000
#define CODE 0x1000
#define HOLE 0x200000

static struct hy_host *host;
static struct hy_vm *vm;
static struct hy_vcpu *vcpu;

static unsigned long number(const char *variable, unsigned long usual)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 10) : usual;
}

static void ok(int status)
{
	ck_assert_msg(status == 0, "%s (%s)", hy_error()->text, hy_error()->hint);
}

static void open_host(void)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	options.backend = "kvm";
	ok(hy_host_open(&options, &host));
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

/* Real mode at CODE, every segment at 0. */
static void start_at_code(struct hy_vcpu *of)
{
	static const hy_reg ids[] = { HY_X86_CS, HY_X86_DS, HY_X86_SS, HY_X86_RIP, HY_X86_RSP };
	const union hy_value values[] = {
		{ .segment = { 0, 0xffff, 0, HY_X86_ATTR_CODE16 } },
		{ .segment = { 0, 0xffff, 0, HY_X86_ATTR_DATA16 } },
		{ .segment = { 0, 0xffff, 0, HY_X86_ATTR_DATA16 } },
		{ .u64 = CODE },
		{ .u64 = 0x8000 },
	};

	ok(hy_vcpu_set_regs(of, ids, values, 5));
}

static void start(const void *code, size_t size)
{
	open_host();
	ok(hy_vm_create(host, NULL, &vm));
	ok(hy_vm_alloc_memory(vm, 0, RAM, HY_PROT_RWX, 0));
	ok(hy_vm_write(vm, CODE, code, size));
	ok(hy_vcpu_create(vm, NULL, &vcpu));
	start_at_code(vcpu);
}
#define START(...)                                           \
	do {                                                 \
		static const uint8_t code[] = { __VA_ARGS__ }; \
		start(code, sizeof(code));                   \
	} while (0)

static void end(void)
{
	ok(hy_vcpu_destroy(vcpu));
	ok(hy_vm_destroy(vm));
	ok(hy_host_close(host));
}

static const struct hy_exit *run(uint32_t kind)
{
	const struct hy_exit *exit;

	ok(hy_vcpu_run(vcpu, &exit));
	ck_assert_msg(exit->kind == kind, "exit is %s, should be %s: %s", hy_exit_name(exit->kind), hy_exit_name(kind),
	              exit->kind == HY_EXIT_FAULT ? exit->fault.text : "");
	return exit;
}

/* --- Exits and the two phases --------------------------------------------------------- */

START_TEST(out_in_and_halt)
{
	const struct hy_exit *exit;

	/* out %al, $0x42; in $0x43, %ax; hlt */
	START(0xe6, 0x42, 0xe5, 0x43, 0xf4);
	set(HY_X86_RAX, 0x1122334455667788);
	exit = run(HY_EXIT_IO);
	ck_assert_uint_eq(exit->io.port, 0x42);
	ck_assert_uint_eq(exit->io.size, 1);
	ck_assert_uint_eq(exit->io.write, 1);
	ck_assert_uint_eq(exit->io.count, 1);
	ck_assert_uint_eq(hy_exit_value(exit, 0), 0x88);
	exit = run(HY_EXIT_IO);
	ck_assert_uint_eq(exit->io.port, 0x43);
	ck_assert_uint_eq(exit->io.size, 2);
	ck_assert_uint_eq(exit->io.write, 0);
	ok(hy_vcpu_answer(vcpu, 0xabcd1234));
	run(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x1122334455661234);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 5);
	end();
}
END_TEST

START_TEST(an_unanswered_read_is_all_ones)
{
	START(0xe4, 0x43, 0xf4);
	set(HY_X86_RAX, 0);
	run(HY_EXIT_IO);
	run(HY_EXIT_HALT);
	ck_assert_uint_eq(get(HY_X86_RAX), 0xff);
	end();
}
END_TEST

START_TEST(what_is_pending_and_what_is_not)
{
	const struct hy_exit *exit;
	uint64_t value;

	/* in $0x43, %al; mov %al, 0x9000(with DS moved into the hole); hlt */
	START(0xe4, 0x43, 0xa2, 0x00, 0x90, 0xf4);
	run(HY_EXIT_IO);
	set(HY_X86_RBX, 0x77);
	set(HY_X86_RAX, 0x5500);
	ck_assert_uint_eq(get(HY_X86_RBX), 0x77);
	ck_assert_int_eq(hy_vcpu_get_reg(vcpu, HY_X86_RIP, &value), HY_E_PENDING);
	ck_assert_int_eq(hy_vcpu_set_reg(vcpu, HY_X86_RFLAGS, 2), HY_E_PENDING);
	ck_assert_int_eq(hy_vcpu_get_reg(vcpu, HY_X86_CR0, &value), HY_E_PENDING);
	ok(hy_vcpu_answer(vcpu, 0x99));
	ok(hy_vcpu_complete(vcpu, &exit));
	ck_assert_ptr_null(exit);
	ck_assert_uint_eq(get(HY_X86_RIP), CODE + 2);
	ck_assert_uint_eq(get(HY_X86_RAX), 0x5599);
	ck_assert_uint_eq(get(HY_X86_RBX), 0x77);
	ok(hy_vm_unmap_memory(vm, 0x9000, 0x1000, 0));
	exit = run(HY_EXIT_MMIO);
	ck_assert_uint_eq(exit->mmio.gpa, 0x9000);
	ck_assert_uint_eq(exit->mmio.size, 1);
	ck_assert_uint_eq(exit->mmio.write, 1);
	ck_assert_uint_eq(hy_exit_value(exit, 0), 0x99);
	ck_assert_int_eq(hy_vcpu_get_reg(vcpu, HY_X86_RBX, &value), HY_E_PENDING);
	run(HY_EXIT_HALT);
	end();
}
END_TEST

START_TEST(reset_drops_an_unfinished_access)
{
	START(0xe4, 0x43, 0xf4);
	run(HY_EXIT_IO);
	ok(hy_vcpu_reset(vcpu));
	ck_assert_uint_eq(get(HY_X86_RIP), 0xfff0);
	ck_assert_uint_eq(get(HY_X86_CR0), 0x60000010);
	ck_assert_uint_eq(get(HY_X86_RAX), 0);
	start_at_code(vcpu);
	run(HY_EXIT_IO);
	run(HY_EXIT_HALT);
	end();
}
END_TEST

/* --- Memory ------------------------------------------------------------------------------ */

START_TEST(read_only_memory_gives_write_exits)
{
	const struct hy_exit *exit;
	uint8_t byte;

	/* incb 0x9000 : read from memory, write to us; hlt */
	START(0xfe, 0x06, 0x00, 0x90, 0xf4);
	ok(hy_vm_write(vm, 0x9000, "\x41", 1));
	ok(hy_vm_protect_memory(vm, 0x9000, 0x1000, HY_PROT_RX, 0));
	exit = run(HY_EXIT_MMIO);
	ck_assert_uint_eq(exit->mmio.write, 1);
	ck_assert_uint_eq(hy_exit_value(exit, 0), 0x42);
	run(HY_EXIT_HALT);
	ok(hy_vm_read(vm, 0x9000, &byte, 1));
	ck_assert_uint_eq(byte, 0x41);
	end();
}
END_TEST

static bool stop;

static void *protect_to_and_fro(void *arg)
{
	uint32_t prot = HY_PROT_RX;

	(void)arg;
	for (int i = 0; i < 400; i++) {
		ok(hy_vm_protect_memory(vm, 0x5000, 0x1000, prot, 0));
		prot ^= HY_PROT_WRITE;
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	ok(hy_vcpu_kick(vcpu));
	return NULL;
}

/* The guest reads beside the page that changes: it must never see a hole. */
START_TEST(changes_are_atomic_for_a_running_guest)
{
	const struct hy_exit *exit;
	pthread_t changer;

	/* again: mov 0x4000, %al; mov 0x5000, %al; mov 0x6000, %al; jmp again */
	START(0xa0, 0x00, 0x40, 0xa0, 0x00, 0x50, 0xa0, 0x00, 0x60, 0xeb, 0xf5);
	stop = false;
	ck_assert_int_eq(pthread_create(&changer, NULL, protect_to_and_fro, NULL), 0);
	ok(hy_vcpu_run(vcpu, &exit));
	ck_assert_uint_eq(exit->kind, HY_EXIT_CANCELED);
	ck_assert(__atomic_load_n(&stop, __ATOMIC_SEQ_CST));
	pthread_join(changer, NULL);
	end();
}
END_TEST

/* --- Kicks and deadlines -------------------------------------------------------------------- */

static unsigned answered; /* kicks that were seen as CANCELED */
static unsigned long kicks;

static void *kick_at_random(void *arg)
{
	unsigned seed = 1;

	(void)arg;
	for (unsigned long i = 1; i <= kicks; i++) {
		for (unsigned wait = (unsigned)rand_r(&seed) % 2000; wait > 0; wait--)
			__asm__ volatile("" ::: "memory");
		ck_assert_int_eq(hy_vcpu_kick(vcpu), 0);
		while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) != i)
			sched_yield();
	}
	return NULL;
}

/*
 * The guest spins, or makes an access all the time: each kick gives exactly one
 * CANCELED, and each access is made once.
 */
static void storm(void)
{
	const struct hy_exit *exit;
	unsigned long reads = 0;
	pthread_t kicker;

	answered = 0;
	kicks = number("HY_STORM", 10000);
	ck_assert_int_eq(pthread_create(&kicker, NULL, kick_at_random, NULL), 0);
	while (answered < kicks) {
		ok(hy_vcpu_run(vcpu, &exit));
		if (exit->kind == HY_EXIT_IO) {
			reads++;
			ok(hy_vcpu_answer(vcpu, 0));
			continue;
		}
		ck_assert_uint_eq(exit->kind, HY_EXIT_CANCELED);
		__atomic_store_n(&answered, answered + 1, __ATOMIC_RELEASE);
	}
	pthread_join(kicker, NULL);
	/* The last access is finished, but maybe not counted by the guest yet. */
	if (reads > 0)
		ck_assert_uint_eq(get(HY_X86_RCX) + (get(HY_X86_RIP) == CODE + 2), reads);
}

START_TEST(kicks_of_a_spinning_guest)
{
	START(0xeb, 0xfe, 0xf4);
	storm();
	set(HY_X86_RIP, CODE + 2);
	run(HY_EXIT_HALT); /* none is left over */
	end();
}
END_TEST

START_TEST(kicks_amid_accesses)
{
	/* again: in $0x43, %al; inc %ecx; jmp again; hlt */
	START(0xe4, 0x43, 0x66, 0x41, 0xeb, 0xfa, 0xf4);
	set(HY_X86_RCX, 0);
	storm();
	set(HY_X86_RIP, CODE + 6);
	run(HY_EXIT_HALT);
	end();
}
END_TEST

START_TEST(deadlines_of_a_spinning_guest)
{
	const struct hy_exit *exit;

	START(0xeb, 0xfe);
	for (int i = 0; i < 50; i++) {
		uint64_t deadline = hy_now() + 200000;

		ok(hy_vcpu_run_until(vcpu, deadline, &exit));
		ck_assert_uint_eq(exit->kind, HY_EXIT_DEADLINE);
		ck_assert_uint_ge(hy_now(), deadline);
	}
	end();
}
END_TEST

START_TEST(the_signal_mask_is_put_back)
{
	sigset_t before, during, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	START(0xf4);
	pthread_sigmask(SIG_SETMASK, NULL, &during);
	ck_assert_int_eq(sigismember(&during, SIGURG), 1);
	end();
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int signal = 1; signal < 32; signal++)
		ck_assert_int_eq(sigismember(&before, signal), sigismember(&after, signal));
}
END_TEST

/* --- Life cycles -------------------------------------------------------------------------------- */

static void cycle(struct hy_host *on)
{
	static const uint8_t code[] = { 0xe6, 0x42, 0xf4 };
	const struct hy_exit *exit;
	struct hy_vcpu *mine;
	struct hy_vm *own;

	ok(hy_vm_create(on, NULL, &own));
	ok(hy_vm_alloc_memory(own, 0, RAM, HY_PROT_RWX, 0));
	ok(hy_vm_write(own, CODE, code, sizeof(code)));
	ok(hy_vcpu_create(own, NULL, &mine));
	start_at_code(mine);
	ok(hy_vcpu_run(mine, &exit));
	ck_assert_uint_eq(exit->kind, HY_EXIT_IO);
	ok(hy_vcpu_destroy(mine));
	ok(hy_vm_destroy(own));
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* A sanitizer's allocator maps memory as it likes: nothing to count then. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static unsigned count_maps(void)
{
	return 0;
}
#else
static unsigned count_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned count = 0;
	int c;

	ck_assert_ptr_nonnull(maps);
	while ((c = fgetc(maps)) != EOF)
		count += c == '\n';
	fclose(maps);
	return count;
}
#endif

START_TEST(life_cycles_leave_nothing)
{
	unsigned long cycles = number("HY_CYCLES", 1000);
	unsigned fds, maps;

	open_host();
	for (int i = 0; i < 100; i++) /* the heap finds its size */
		cycle(host);
	fds = count_fds();
	maps = count_maps();
	for (unsigned long i = 0; i < cycles; i++)
		cycle(host);
	ck_assert_uint_eq(count_fds(), fds);
	ck_assert_uint_eq(count_maps(), maps);
	ok(hy_host_close(host));
}
END_TEST

static void *cycles_in_thread(void *arg)
{
	(void)arg;
	for (unsigned long i = number("HY_CYCLES", 1000) / 20; i > 0; i--)
		cycle(host);
	return NULL;
}

START_TEST(life_cycles_in_eight_threads)
{
	pthread_t thread[8];

	open_host();
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, cycles_in_thread, NULL), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	ok(hy_host_close(host));
}
END_TEST

static int free_in_child(void)
{
	const struct hy_exit *exit;

	if (hy_vcpu_run(vcpu, &exit) != HY_E_FORKED)
		return 1;
	return hy_vcpu_destroy(vcpu) || hy_vm_destroy(vm) || hy_host_close(host) ? 2 : 0;
}

START_TEST(a_child_may_free_and_the_parent_goes_on)
{
	pid_t child;
	int status;

	START(0xe6, 0x42, 0xf4);
	run(HY_EXIT_IO);
	child = fork();
	if (child == 0)
		_exit(free_in_child());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	run(HY_EXIT_HALT);
	end();
}
END_TEST

/* --------------------------------------------------------------------------------------------------- */

/* Why KVM can't be used, or NULL. */
static const char *why_not(struct hy_report *report)
{
	const struct hy_candidate *candidate;

	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL; i++) {
		if (strcmp(candidate->name, "kvm") == 0)
			return candidate->stage == HY_STAGE_USABLE ? NULL : candidate->reason;
	}
	return "the plugin wasn't built";
}

static int run_suite(void)
{
	Suite *suite = suite_create("kvm");
	TCase *tcase = tcase_create("kvm");

	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, out_in_and_halt);
	tcase_add_test(tcase, an_unanswered_read_is_all_ones);
	tcase_add_test(tcase, what_is_pending_and_what_is_not);
	tcase_add_test(tcase, reset_drops_an_unfinished_access);
	tcase_add_test(tcase, read_only_memory_gives_write_exits);
	tcase_add_test(tcase, changes_are_atomic_for_a_running_guest);
	tcase_add_test(tcase, kicks_of_a_spinning_guest);
	tcase_add_test(tcase, kicks_amid_accesses);
	tcase_add_test(tcase, deadlines_of_a_spinning_guest);
	tcase_add_test(tcase, the_signal_mask_is_put_back);
	tcase_add_test(tcase, life_cycles_leave_nothing);
	tcase_add_test(tcase, life_cycles_in_eight_threads);
	tcase_add_test(tcase, a_child_may_free_and_the_parent_goes_on);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}

int main(void)
{
	struct hy_report *report;
	const char *reason;

	if (hy_report_create(NULL, &report) != 0) {
		printf("%s\n", hy_error()->text);
		return 1;
	}
	reason = why_not(report);
	if (reason)
		printf("SKIP: no usable KVM: %s\n", reason);
	hy_report_destroy(report);
	return reason ? 77 : run_suite();
}
