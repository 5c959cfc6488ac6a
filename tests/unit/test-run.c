/* SPDX-License-Identifier: MIT */
/* core/run.c, pause.c, timer.c: exits, answers, kicks, deadlines, pauses. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include <hy/x86.h>

#include "harness.h"


static struct fake_control *fake;
static struct hy_host *host;
static struct hy_vm *vm;
static struct hy_vcpu *vcpu;

static void start(void)
{
	fake = fake_load("fake");
	host = fake_host();
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
}

static void end(void)
{
	ck_assert_int_eq(hy_vcpu_destroy(vcpu), 0);
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	fake_close_clean(host);
}

static uint32_t run(void)
{
	const struct hy_exit *exit;
	int status = hy_vcpu_run(vcpu, &exit);

	ck_assert_msg(status == 0, "%s", hy_error()->text);
	return exit->kind;
}

/* --- Exits ------------------------------------------------------------------------ */

static struct hy_exit next_exit;

static int give_next_exit(struct hy_backend_vcpu *be)
{
	*be->exit = next_exit;
	return 0;
}

static void set_io(uint8_t size, uint32_t count, uint8_t write, void *data)
{
	memset(&next_exit, 0, sizeof(next_exit));
	next_exit.kind = HY_EXIT_IO;
	next_exit.flags = HY_EXIT_PENDING;
	next_exit.data = data;
	next_exit.data_size = size * count;
	next_exit.io.port = 0x80;
	next_exit.io.size = size;
	next_exit.io.count = count;
	next_exit.io.write = write;
}

START_TEST(answers_fill_each_item)
{
	uint8_t data[6] = { 1, 2, 3, 4, 5, 6 };
	const struct hy_exit *exit;
	size_t size;

	start();
	fake->run = give_next_exit;
	set_io(2, 3, 0, data);
	ck_assert_int_eq(hy_vcpu_run(vcpu, &exit), 0);
	ck_assert_uint_eq(hy_exit_value(exit, 0), 0x0201);
	ck_assert_uint_eq(hy_exit_value(exit, 2), 0x0605);
	ck_assert_uint_eq(hy_exit_value(exit, 3), 0);
	ck_assert_ptr_eq(hy_vcpu_data(vcpu, &size), data);
	ck_assert_uint_eq(size, 6);
	ck_assert_int_eq(hy_vcpu_answer(vcpu, 0x1234abcd), 0);
	ck_assert_mem_eq(data, "\xcd\xab\xcd\xab\xcd\xab", 6);
	expect_error(hy_vcpu_refuse(vcpu), HY_E_INVALID, "no MSR access");

	set_io(1, 1, 1, data);
	ck_assert_int_eq(hy_vcpu_run(vcpu, &exit), 0);
	ck_assert_ptr_null(hy_vcpu_data(vcpu, &size));
	ck_assert_uint_eq(size, 0);
	expect_error(hy_vcpu_answer(vcpu, 1), HY_E_INVALID, "no read is pending");
	end();
}
END_TEST

static int refused_then_msr(struct hy_backend_vcpu *be)
{
	static uint64_t value;

	ck_assert_uint_eq(be->refused, be->exit->kind == HY_EXIT_MSR);
	memset(be->exit, 0, sizeof(*be->exit));
	be->exit->kind = HY_EXIT_MSR;
	be->exit->flags = HY_EXIT_PENDING;
	be->exit->data = &value;
	be->exit->data_size = 8;
	return 0;
}

START_TEST(refusal_lasts_for_one_access)
{
	start();
	fake->run = refused_then_msr;
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(run(), HY_EXIT_MSR);
		ck_assert_int_eq(hy_vcpu_refuse(vcpu), 0);
	}
	end();
}
END_TEST

static void expect_malformed(void)
{
	const struct hy_exit *exit;

	expect_error(hy_vcpu_run(vcpu, &exit), HY_E_ABI, "malformed exit");
	ck_assert_ptr_null(exit);
	ck_assert_ptr_null(hy_vcpu_data(vcpu, NULL));
}

START_TEST(nonsense_does_not_reach_the_program)
{
	char data[64];

	start();
	fake->run = give_next_exit;
	for (unsigned kind = 0; kind < 16; kind++) {
		memset(&next_exit, 0xff, sizeof(next_exit));
		next_exit.kind = kind;
		expect_malformed();
	}
	set_io(3, 1, 0, data);
	expect_malformed();
	set_io(1, 0, 0, data);
	expect_malformed();
	set_io(4, 1, 0, NULL);
	expect_malformed();
	set_io(4, 0x40000001, 0, data); /* 4 * count is 4 in 32 bits */
	expect_malformed();
	set_io(4, 1, 0, data);
	next_exit.flags = 0;
	expect_malformed();
	memset(&next_exit, 0, sizeof(next_exit));
	next_exit.kind = HY_EXIT_MMIO;
	next_exit.flags = HY_EXIT_PENDING;
	next_exit.data = data;
	next_exit.mmio.size = 9;
	next_exit.data_size = 9;
	expect_malformed();
	memset(&next_exit, 0, sizeof(next_exit));
	next_exit.kind = HY_EXIT_UNKNOWN;
	next_exit.unknown.raw_size = 129;
	expect_malformed();
	next_exit.kind = HY_EXIT_CANCELED;
	expect_malformed();
	end();
}
END_TEST

static int fails(struct hy_backend_vcpu *be)
{
	(void)be;
	return HY_E_HOST;
}

START_TEST(a_failed_run_is_told)
{
	const struct hy_exit *exit;

	start();
	fake->run = fails;
	expect_error(hy_vcpu_run(vcpu, &exit), HY_E_HOST, "without saying why");
	expect_error(hy_vcpu_run(NULL, &exit), HY_E_INVALID, "the vCPU is NULL");
	expect_error(hy_vcpu_run(vcpu, NULL), HY_E_INVALID, "exit is NULL");
	expect_error(hy_vcpu_complete(vcpu, NULL), HY_E_INVALID, "exit is NULL");
	end();
}
END_TEST

static int completes_with_another(struct hy_backend_vcpu *be)
{
	static unsigned calls;

	if (++calls % 3 == 0)
		return HY_RUN_INTERRUPTED;
	be->exit->io.port++;
	return 0;
}

START_TEST(complete_gives_the_next_access)
{
	const struct hy_exit *exit;
	char data[4];

	start();
	ck_assert_int_eq(hy_vcpu_complete(vcpu, &exit), 0);
	ck_assert_ptr_null(exit);
	fake->run = give_next_exit;
	fake->complete = completes_with_another;
	set_io(1, 1, 1, data);
	ck_assert_uint_eq(run(), HY_EXIT_IO);
	for (uint16_t port = 0x81; port <= 0x82; port++) {
		ck_assert_int_eq(hy_vcpu_complete(vcpu, &exit), 0);
		ck_assert_ptr_nonnull(exit);
		ck_assert_uint_eq(exit->io.port, port);
	}
	ck_assert_int_eq(hy_vcpu_complete(vcpu, &exit), 0);
	ck_assert_ptr_null(exit);
	ck_assert_int_eq(hy_vcpu_complete(vcpu, &exit), 0);
	ck_assert_ptr_null(exit);
	end();
}
END_TEST

START_TEST(exit_names)
{
	ck_assert_str_eq(hy_exit_name(HY_EXIT_MMIO), "MMIO");
	ck_assert_str_eq(hy_exit_name(HY_EXIT_UNKNOWN), "UNKNOWN");
	ck_assert_str_eq(hy_exit_name(HY_EXIT_UNKNOWN + 1), "?");
	ck_assert_str_eq(hy_exit_name(UINT32_MAX), "?");
	ck_assert_uint_eq(hy_exit_value(NULL, 0), 0);
}
END_TEST

/* --- Kicks --------------------------------------------------------------------------- */

START_TEST(kicks_before_a_run_give_one_canceled)
{
	start();
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(hy_vcpu_kick(vcpu), 0);
	ck_assert_uint_eq(run(), HY_EXIT_CANCELED);
	fake->run = give_next_exit;
	memset(&next_exit, 0, sizeof(next_exit));
	next_exit.kind = HY_EXIT_HALT;
	ck_assert_uint_eq(run(), HY_EXIT_HALT);
	ck_assert_int_eq(hy_vcpu_kick(NULL), HY_E_INVALID);
	end();
}
END_TEST

static int halt_although_kicked(struct hy_backend_vcpu *be)
{
	static bool halted;

	if (halted && __atomic_load_n(&be->requests, __ATOMIC_SEQ_CST))
		return HY_RUN_INTERRUPTED;
	halted = true;
	memset(be->exit, 0, sizeof(*be->exit));
	be->exit->kind = HY_EXIT_HALT;
	return 0;
}

START_TEST(an_exit_leaves_the_kick_for_the_next_run)
{
	start();
	fake->run = halt_although_kicked;
	hy_vcpu_kick(vcpu);
	ck_assert_uint_eq(run(), HY_EXIT_HALT);
	ck_assert_uint_eq(run(), HY_EXIT_CANCELED);
	ck_assert_uint_eq(run(), HY_EXIT_HALT);
	end();
}
END_TEST

static int leaves_for_no_reason(struct hy_backend_vcpu *be)
{
	static unsigned calls;

	if (++calls < 1000)
		return HY_RUN_INTERRUPTED;
	memset(be->exit, 0, sizeof(*be->exit));
	be->exit->kind = HY_EXIT_HALT;
	return 0;
}

START_TEST(leaving_without_a_request_is_not_seen)
{
	start();
	fake->run = leaves_for_no_reason;
	ck_assert_uint_eq(run(), HY_EXIT_HALT);
	end();
}
END_TEST

/* HY_STORM has the number of rounds for a longer test. */
static unsigned storm(void)
{
	const char *rounds = getenv("HY_STORM");

	return rounds ? (unsigned)strtoul(rounds, NULL, 10) : 10000;
}

static void *kick_each_round(void *arg)
{
	unsigned *round = arg, rounds = storm();

	/* One kick, and no other before it was answered: a lost one hangs here. */
	for (unsigned i = 1; i <= rounds; i++) {
		ck_assert_int_eq(hy_vcpu_kick(vcpu), 0);
		while (__atomic_load_n(round, __ATOMIC_ACQUIRE) != i)
			sched_yield();
	}
	return NULL;
}

START_TEST(no_kick_is_lost_or_left_over)
{
	unsigned round = 0, rounds = storm();
	pthread_t kicker;

	start();
	ck_assert_int_eq(pthread_create(&kicker, NULL, kick_each_round, &round), 0);
	for (unsigned i = 1; i <= rounds; i++) {
		ck_assert_uint_eq(run(), HY_EXIT_CANCELED);
		__atomic_store_n(&round, i, __ATOMIC_RELEASE);
	}
	pthread_join(kicker, NULL);
	fake->run = give_next_exit;
	memset(&next_exit, 0, sizeof(next_exit));
	next_exit.kind = HY_EXIT_HALT;
	ck_assert_uint_eq(run(), HY_EXIT_HALT);
	end();
}
END_TEST

static void on_alarm(int signal)
{
	(void)signal;
	hy_vcpu_kick(vcpu);
}

START_TEST(a_signal_handler_may_kick)
{
	struct sigaction action = { .sa_handler = on_alarm };

	start();
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	raise(SIGUSR1);
	ck_assert_uint_eq(run(), HY_EXIT_CANCELED);
	end();
}
END_TEST

static void *kick_until_told(void *stop)
{
	struct hy_vcpu *mine = vcpu;

	while (!__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE))
		ck_assert_int_eq(hy_vcpu_kick(mine), 0);
	hy_vcpu_unref(mine);
	return NULL;
}

START_TEST(kicks_while_it_is_destroyed)
{
	start();
	for (int i = 0; i < 300; i++) {
		bool stop = false;
		pthread_t kicker;

		hy_vcpu_ref(vcpu);
		ck_assert_int_eq(pthread_create(&kicker, NULL, kick_until_told, &stop), 0);
		ck_assert_uint_eq(run(), HY_EXIT_CANCELED);
		ck_assert_int_eq(hy_vcpu_destroy(vcpu), 0);
		__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
		pthread_join(kicker, NULL);
		ck_assert_int_eq(hy_vcpu_create(vm, NULL, &vcpu), 0);
	}
	end();
}
END_TEST

/* --- Deadlines --------------------------------------------------------------------------- */

static uint32_t run_until(uint64_t deadline)
{
	const struct hy_exit *exit;
	int status = hy_vcpu_run_until(vcpu, deadline, &exit);

	ck_assert_msg(status == 0, "%s", hy_error()->text);
	return exit->kind;
}

START_TEST(deadlines_pass)
{
	uint64_t before = hy_now(), deadline = before + 20000000;

	start();
	ck_assert_uint_eq(run_until(0), HY_EXIT_DEADLINE);
	ck_assert_uint_eq(run_until(deadline), HY_EXIT_DEADLINE);
	ck_assert_uint_ge(hy_now(), deadline);
	ck_assert_uint_eq(run_until(deadline), HY_EXIT_DEADLINE);
	end();
}
END_TEST

START_TEST(a_deadline_is_for_one_run)
{
	start();
	fake->run = give_next_exit;
	memset(&next_exit, 0, sizeof(next_exit));
	next_exit.kind = HY_EXIT_HALT;
	ck_assert_uint_eq(run_until(0), HY_EXIT_HALT);
	ck_assert_uint_eq(run_until(hy_now() + 1000000), HY_EXIT_HALT);
	fake->run = NULL;
	hy_vcpu_kick(vcpu);
	ck_assert_uint_eq(run_until(0), HY_EXIT_CANCELED);
	ck_assert_uint_eq(run_until(0), HY_EXIT_DEADLINE);
	hy_vcpu_kick(vcpu);
	ck_assert_uint_eq(run(), HY_EXIT_CANCELED);
	end();
}
END_TEST

static void *deadline_rounds(void *arg)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	const struct hy_exit *exit;
	struct hy_vcpu *mine;

	options.id = (uint32_t)(uintptr_t)arg;
	ck_assert_int_eq(hy_vcpu_create(vm, &options, &mine), 0);
	for (uint64_t i = 0; i < 200; i++) {
		ck_assert_int_eq(hy_vcpu_run_until(mine, hy_now() + i * 1000, &exit), 0);
		ck_assert_uint_eq(exit->kind, HY_EXIT_DEADLINE);
	}
	ck_assert_int_eq(hy_vcpu_destroy(mine), 0);
	return NULL;
}

START_TEST(many_deadlines_at_once)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	pthread_t thread[4];

	fake = fake_load("fake");
	for (int round = 0; round < 3; round++) { /* the timer's thread ends and starts again */
		host = fake_host();
		options.vcpus = 4;
		ck_assert_int_eq(hy_vm_create(host, &options, &vm), 0);
		for (uintptr_t i = 0; i < 4; i++)
			ck_assert_int_eq(pthread_create(&thread[i], NULL, deadline_rounds, (void *)i), 0);
		for (size_t i = 0; i < 4; i++)
			pthread_join(thread[i], NULL);
		ck_assert_int_eq(hy_vm_destroy(vm), 0);
		fake_close_clean(host);
	}
}
END_TEST

/* --- Pauses --------------------------------------------------------------------------------- */

static unsigned inside;

/* As a backend must: no guest is entered with a request set. */
static int stay_and_count(struct hy_backend_vcpu *be)
{
	if (__atomic_load_n(&be->requests, __ATOMIC_SEQ_CST))
		return HY_RUN_INTERRUPTED;
	__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&be->requests, __ATOMIC_SEQ_CST))
		sched_yield();
	__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
	return HY_RUN_INTERRUPTED;
}

static void *change_memory(void *arg)
{
	uint32_t prot = HY_PROT_RX;

	(void)arg;
	for (int i = 0; i < 500; i++) {
		ck_assert_int_eq(hy_vm_protect_memory(vm, 4096, 4096, prot, 0), 0);
		prot ^= HY_PROT_WRITE;
	}
	ck_assert_int_eq(hy_vcpu_kick(vcpu), 0);
	return NULL;
}

START_TEST(vcpus_are_out_while_memory_changes)
{
	pthread_t changer;

	start();
	ck_assert_int_eq(hy_vm_alloc_memory(vm, 0, 16384, HY_PROT_RWX, 0), 0);
	fake->run = stay_and_count;
	fake->inside = &inside;
	ck_assert_int_eq(pthread_create(&changer, NULL, change_memory, NULL), 0);
	ck_assert_uint_eq(run(), HY_EXIT_CANCELED);
	pthread_join(changer, NULL);
	ck_assert_uint_gt(fake->calls[FAKE_UNMAP], 400);
	end();
}
END_TEST

START_TEST(nonatomic_changes_do_not_stop_vcpus)
{
	start();
	ck_assert_int_eq(hy_vm_alloc_memory(vm, 0, 16384, HY_PROT_RWX, 0), 0);
	inside = 1;
	fake->inside = &inside;
	ck_assert_int_eq(hy_vm_protect_memory(vm, 4096, 4096, HY_PROT_RX, HY_MAP_NONATOMIC), 0);
	ck_assert_uint_gt(fake->broken, 0);
	fake->broken = 0;
	end();
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		answers_fill_each_item,
		refusal_lasts_for_one_access,
		nonsense_does_not_reach_the_program,
		a_failed_run_is_told,
		complete_gives_the_next_access,
		exit_names,
		kicks_before_a_run_give_one_canceled,
		an_exit_leaves_the_kick_for_the_next_run,
		leaving_without_a_request_is_not_seen,
		no_kick_is_lost_or_left_over,
		a_signal_handler_may_kick,
		kicks_while_it_is_destroyed,
		deadlines_pass,
		a_deadline_is_for_one_run,
		many_deadlines_at_once,
		vcpus_are_out_while_memory_changes,
		nonatomic_changes_do_not_stop_vcpus,
		NULL,
	};

	return run_suite("run", tests, 120);
}
