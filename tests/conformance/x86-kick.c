/* SPDX-License-Identifier: MIT */
/* Kicks: none lost, none left over, between two instructions only. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "conform.h"

USE_GUEST(kick_spin);
USE_GUEST(kick_ask);
USE_GUEST(kick_mmio);
USE_GUEST(kick_halt);
USE_GUEST(kick_tell);
USE_GUEST(kick_two_reads);

#define STORM 2000

static void kick(struct conform *t)
{
	OK(hy_vcpu_kick(t->vcpu));
}

static void *kick_once(void *arg)
{
	kick(arg);
	return NULL;
}

static pthread_t start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, body, arg) == 0);
	return thread;
}

/* Until the guest of kick_spin has counted on: it is surely being run. */
static void wait_for_guest(struct conform *t)
{
	uint32_t first, now;

	read_ram(t, DATA, &first, sizeof(first));
	do {
		sched_yield();
		read_ram(t, DATA, &now, sizeof(now));
	} while (now == first);
}

/* --- One at a time -------------------------------------------------------------------- */

static void before_the_first_run(struct conform *t)
{
	conform_boot(t, LONG, kick_tell);
	kick(t);
	RUN(t, HY_EXIT_CANCELED);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE);
	CHECK_EQ(t->exit->flags, 0);
	IN(t, 0x42, 1, 1);
	OUT(t, 0x43, 1, 1);
	HALT(t);
}

static void several_are_one(struct conform *t)
{
	conform_boot(t, LONG, kick_tell);
	for (unsigned i = 0; i < 100; i++)
		kick(t);
	RUN(t, HY_EXIT_CANCELED);
	IN(t, 0x42, 1, 1);
	OUT(t, 0x43, 1, 1);
	HALT(t);
}

static void *kick_running(void *arg)
{
	wait_for_guest(arg);
	kick(arg);
	return NULL;
}

static void while_spinning(struct conform *t)
{
	pthread_t thread;

	conform_boot(t, LONG, kick_spin);
	for (unsigned i = 0; i < 20; i++) {
		thread = start(kick_running, t);
		RUN(t, HY_EXIT_CANCELED);
		pthread_join(thread, NULL);
	}
}

/* The guest goes on where it was, as if nothing had been. */
static void changes_nothing(struct conform *t)
{
	uint64_t ip, flags;

	conform_boot(t, LONG, kick_tell);
	IN(t, 0x42, 1, 0x5a);
	COMPLETE(t);
	ip = get_reg(t, HY_X86_RIP);
	flags = get_reg(t, HY_X86_RFLAGS);
	for (unsigned i = 0; i < 10; i++) {
		kick(t);
		RUN(t, HY_EXIT_CANCELED);
		CHECK_EQ(get_reg(t, HY_X86_RIP), ip);
		CHECK_EQ(get_reg(t, HY_X86_RFLAGS), flags);
	}
	t->exit = NULL;
	OUT(t, 0x43, 1, 0x5a);
	HALT(t);
}

/* --- At a pending access ----------------------------------------------------------------- */

/* The access is finished first, with its answer. */
static void while_pending(struct conform *t)
{
	conform_boot(t, LONG, kick_tell);
	IN(t, 0x42, 1, 0x6b);
	kick(t);
	RUN(t, HY_EXIT_CANCELED);
	CHECK_EQ(get_reg(t, HY_X86_RAX) & 0xff, 0x6b);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 2);
	OUT(t, 0x43, 1, 0x6b);
	HALT(t);
}

/* Completing isn't running: the kick waits for the next run. */
static void complete_keeps_it(struct conform *t)
{
	conform_boot(t, LONG, kick_tell);
	IN(t, 0x42, 1, 0x6b);
	kick(t);
	COMPLETE(t);
	RUN(t, HY_EXIT_CANCELED);
	OUT(t, 0x43, 1, 0x6b);
	HALT(t);
}

/* The second access of an instruction goes before CANCELED. */
static void amid_an_instruction(struct conform *t)
{
	uint32_t value;

	conform_boot(t, LONG, kick_two_reads);
	MMIO_READ(t, HOLE + 0xffd, 3, 0x332211);
	kick(t);
	MMIO_READ(t, HOLE + 0x1000, 1, 0x44);
	RUN(t, HY_EXIT_CANCELED);
	HALT(t);
	read_ram(t, DATA, &value, sizeof(value));
	CHECK_EQ(value, 0x44332211);
}

/* A read-modify-write is whole before CANCELED. */
static void between_read_and_write(struct conform *t)
{
	conform_boot(t, LONG, kick_mmio);
	MMIO_READ(t, HOLE, 1, 7);
	kick(t);
	MMIO_WRITE(t, HOLE, 1, 8);
	RUN(t, HY_EXIT_CANCELED);
	CHECK(get_reg(t, HY_X86_RCX) <= 1);
	MMIO_READ(t, HOLE, 1, 9);
}

static void at_halt(struct conform *t)
{
	conform_boot(t, LONG, kick_halt);
	RUN(t, HY_EXIT_HALT);
	kick(t);
	RUN(t, HY_EXIT_CANCELED);
	RUN(t, HY_EXIT_HALT);
	RUN(t, HY_EXIT_HALT);
}

/* A reset drops the access but not the kick. */
static void outlasts_reset(struct conform *t)
{
	conform_boot(t, LONG, kick_tell);
	RUN(t, HY_EXIT_IO);
	kick(t);
	OK(hy_vcpu_reset(t->vcpu));
	t->exit = NULL;
	conform_place(t, t->vcpu, LONG, kick_tell);
	RUN(t, HY_EXIT_CANCELED);
	IN(t, 0x42, 1, 1);
}

/* --- Others ---------------------------------------------------------------------------------- */

static void not_the_other(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_vcpu *first, *second;

	options.vcpus = 2;
	OK(hy_vm_create(t->host, &options, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	first = new_vcpu(t, t->vm, 0);
	second = new_vcpu(t, t->vm, 1);
	conform_place(t, first, LONG, kick_ask);
	conform_place(t, second, LONG, kick_ask);
	OK(hy_vcpu_kick(second));
	t->vcpu = first;
	RUN(t, HY_EXIT_IO);
	t->vcpu = second;
	RUN(t, HY_EXIT_CANCELED);
	RUN(t, HY_EXIT_IO);
	t->vcpu = first;
	RUN(t, HY_EXIT_IO);
	t->vcpu = NULL;
}

/* What the handler of SIGUSR1 kicks, and whom another thread sends it. */
static struct hy_vcpu *signaled;
static pthread_t owner;

static void on_signal(int signal)
{
	(void)signal;
	hy_vcpu_kick(signaled);
}

static void kick_on_signal(struct conform *t)
{
	struct sigaction action = { .sa_handler = on_signal };

	signaled = t->vcpu;
	owner = pthread_self();
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
}

static void from_a_handler(struct conform *t)
{
	conform_boot(t, LONG, kick_tell);
	kick_on_signal(t);
	CHECK(raise(SIGUSR1) == 0);
	RUN(t, HY_EXIT_CANCELED);
	IN(t, 0x42, 1, 1);
}

static void *signal_owner(void *arg)
{
	wait_for_guest(arg);
	CHECK(pthread_kill(owner, SIGUSR1) == 0);
	return NULL;
}

/* The handler interrupts the very run that it kicks. */
static void from_a_handler_in_the_run(struct conform *t)
{
	pthread_t thread;

	conform_boot(t, LONG, kick_spin);
	kick_on_signal(t);
	thread = start(signal_owner, t);
	RUN(t, HY_EXIT_CANCELED);
	pthread_join(thread, NULL);
}

static void after_destroy(struct conform *t)
{
	struct hy_vcpu *vcpu;

	conform_boot(t, LONG, kick_tell);
	vcpu = hy_vcpu_ref(t->vcpu);
	OK(hy_vcpu_destroy(t->vcpu));
	t->vcpu = NULL;
	for (unsigned i = 0; i < 10; i++)
		OK(hy_vcpu_kick(vcpu));
	hy_vcpu_unref(vcpu);
}

/* --- Storms ------------------------------------------------------------------------------------ */

/* A thread that kicks, waits for the answer, and kicks again. */
struct storm {
	struct conform *t;
	unsigned long rounds;
	unsigned long answered; /* CANCELED exits so far */
	bool over;
};

static void wait_a_while(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	for (volatile uint32_t i = (*seed >> 8) % 4000; i > 0; i--)
		;
}

static void *kick_and_wait(void *arg)
{
	struct storm *storm = arg;
	uint32_t seed = 1;

	for (unsigned long i = 1; i <= storm->rounds; i++) {
		wait_a_while(&seed);
		kick(storm->t);
		while (__atomic_load_n(&storm->answered, __ATOMIC_ACQUIRE) < i)
			sched_yield();
	}
	__atomic_store_n(&storm->over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Answers what the guest asks until every kick has had its CANCELED; how many exits else. */
static unsigned long weather(struct storm *storm)
{
	pthread_t kicker = start(kick_and_wait, storm);
	unsigned long exits = 0;

	while (storm->answered < storm->rounds) {
		OK(hy_vcpu_run(storm->t->vcpu, &storm->t->exit));
		if (storm->t->exit->kind == HY_EXIT_CANCELED)
			__atomic_store_n(&storm->answered, storm->answered + 1, __ATOMIC_RELEASE);
		else
			exits++;
	}
	pthread_join(kicker, NULL);
	CHECK(storm->over);
	CHECK_EQ(storm->answered, storm->rounds);
	return exits;
}

/* None is left over: what comes next is the deadline, long after the last kick. */
static void check_calm(struct conform *t)
{
	OK(hy_vcpu_run_until(t->vcpu, hy_now() + 1000000, &t->exit));
	CHECK_EQ(t->exit->kind, HY_EXIT_DEADLINE);
}

static void storm_on_spinning(struct conform *t)
{
	struct storm storm = { .t = t, .rounds = conform_rounds(STORM) };

	conform_boot(t, LONG, kick_spin);
	CHECK_EQ(weather(&storm), 0);
	check_calm(t);
}

/* Each access that the guest has counted was one exit, and the other way round. */
static void storm_on_accesses(struct conform *t)
{
	struct storm storm = { .t = t, .rounds = conform_rounds(STORM) };
	unsigned long exits;

	conform_boot(t, LONG, kick_ask);
	exits = weather(&storm);
	/* The last one is finished, but maybe not counted yet. */
	CHECK_EQ(get_reg(t, HY_X86_RCX) + (get_reg(t, HY_X86_RIP) == CODE + 2), exits);
}

static void storm_on_mmio(struct conform *t)
{
	struct storm storm = { .t = t, .rounds = conform_rounds(STORM) };
	unsigned long exits;

	conform_boot(t, LONG, kick_mmio);
	exits = weather(&storm);
	CHECK_EQ(exits % 2, 0);
	CHECK(get_reg(t, HY_X86_RCX) == exits / 2 || get_reg(t, HY_X86_RCX) + 1 == exits / 2);
}

static void storm_on_halts(struct conform *t)
{
	struct storm storm = { .t = t, .rounds = conform_rounds(STORM) };

	conform_boot(t, LONG, kick_halt);
	weather(&storm);
	RUN(t, HY_EXIT_HALT);
	RUN(t, HY_EXIT_HALT);
}

/* Kicks as the run begins: either this run or the next is canceled, once. */
static void storm_on_entry(struct conform *t)
{
	unsigned long rounds = conform_rounds(STORM / 2);

	conform_boot(t, LONG, kick_ask);
	for (unsigned long i = 0; i < rounds; i++) {
		pthread_t kicker = start(kick_once, t);
		unsigned canceled = 0;

		for (unsigned n = 0; n < 2; n++) {
			OK(hy_vcpu_run(t->vcpu, &t->exit));
			canceled += t->exit->kind == HY_EXIT_CANCELED;
		}
		pthread_join(kicker, NULL);
		OK(hy_vcpu_run(t->vcpu, &t->exit));
		canceled += t->exit->kind == HY_EXIT_CANCELED;
		CHECK_EQ(canceled, 1);
		RUN(t, HY_EXIT_IO);
	}
}

/* Kicks while a pending access is completed: the kick is for the run after. */
static void storm_on_completion(struct conform *t)
{
	unsigned long rounds = conform_rounds(STORM / 2);

	conform_boot(t, LONG, kick_ask);
	RUN(t, HY_EXIT_IO);
	for (unsigned long i = 0; i < rounds; i++) {
		pthread_t kicker = start(kick_once, t);

		COMPLETE(t);
		pthread_join(kicker, NULL);
		RUN(t, HY_EXIT_CANCELED);
		CHECK(get_reg(t, HY_X86_RIP) != CODE);
		RUN(t, HY_EXIT_IO);
	}
}

struct mob {
	struct hy_vcpu *vcpu;
	bool ready;
	bool over;
};

static void *kick_for_ever(void *arg)
{
	struct mob *mob = arg;

	while (!__atomic_load_n(&mob->over, __ATOMIC_ACQUIRE)) {
		OK(hy_vcpu_kick(mob->vcpu));
		__atomic_store_n(&mob->ready, true, __ATOMIC_RELEASE);
		sched_yield();
	}
	return NULL;
}

static void destroy_under_kicks(struct conform *t)
{
	struct mob mob = { .vcpu = hy_vcpu_ref(t->vcpu) };
	pthread_t kicker = start(kick_for_ever, &mob);

	while (!__atomic_load_n(&mob.ready, __ATOMIC_ACQUIRE))
		sched_yield();
	RUN(t, HY_EXIT_CANCELED);
	OK(hy_vcpu_destroy(t->vcpu));
	t->vcpu = NULL;
	__atomic_store_n(&mob.over, true, __ATOMIC_RELEASE);
	pthread_join(kicker, NULL);
	hy_vcpu_unref(mob.vcpu);
}

static void storm_on_destroy(struct conform *t)
{
	unsigned long rounds = conform_rounds(STORM / 10);

	conform_boot(t, LONG, kick_spin);
	for (unsigned long i = 0; i < rounds; i++) {
		destroy_under_kicks(t);
		OK(hy_vcpu_create(t->vm, NULL, &t->vcpu));
		conform_place(t, t->vcpu, LONG, kick_spin);
	}
	check_calm(t);
}

/* From several threads at once: one CANCELED at least, and calm afterwards. */
static void storm_of_threads(struct conform *t)
{
	struct mob mob;
	pthread_t kicker[4];

	conform_boot(t, LONG, kick_spin);
	mob = (struct mob){ .vcpu = t->vcpu };
	for (size_t i = 0; i < 4; i++)
		kicker[i] = start(kick_for_ever, &mob);
	for (unsigned long i = conform_rounds(STORM / 10); i > 0; i--)
		RUN(t, HY_EXIT_CANCELED);
	__atomic_store_n(&mob.over, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < 4; i++)
		pthread_join(kicker[i], NULL);
	kick(t);
	RUN(t, HY_EXIT_CANCELED);
	check_calm(t);
}

#define X86 HY_ARCH_X86_64

const struct conform_case conform_kick[] = {
	{ "kick/before-the-first-run", "HY-C30 HY-B48", before_the_first_run, X86, { 0 } },
	{ "kick/several-are-one", "HY-C30", several_are_one, X86, { 0 } },
	{ "kick/while-spinning", "HY-C30 HY-B50", while_spinning, X86, { 0 } },
	{ "kick/changes-nothing", "HY-C31", changes_nothing, X86, { 0 } },
	{ "kick/while-pending", "HY-B49 HY-C31", while_pending, X86, { 0 } },
	{ "kick/complete-keeps-it", "HY-C30 HY-B46", complete_keeps_it, X86, { 0 } },
	{ "kick/amid-an-instruction", "HY-B49", amid_an_instruction, X86, { 0 } },
	{ "kick/between-read-and-write", "HY-B49 HY-C31", between_read_and_write, X86, { 0 } },
	{ "kick/at-halt", "HY-C30", at_halt, X86, { HY_CAP_HALT_EXIT } },
	{ "kick/outlasts-reset", "HY-C36 HY-B47", outlasts_reset, X86, { 0 } },
	{ "kick/not-the-other", "HY-C30 HY-B14", not_the_other, X86, { 0 } },
	{ "kick/from-a-handler", "HY-B51", from_a_handler, X86, { HY_CAP_SIGNAL_KICK } },
	{ "kick/from-a-handler-in-the-run", "HY-B51", from_a_handler_in_the_run, X86, { HY_CAP_SIGNAL_KICK } },
	{ "kick/after-destroy", "HY-C32 HY-C47", after_destroy, X86, { 0 } },
	{ "kick/storm-on-spinning", "HY-C30 HY-B48 HY-B50", storm_on_spinning, X86, { HY_CAP_DEADLINE } },
	{ "kick/storm-on-accesses", "HY-C30 HY-C31 HY-B49", storm_on_accesses, X86, { 0 } },
	{ "kick/storm-on-mmio", "HY-C30 HY-C31 HY-B49", storm_on_mmio, X86, { 0 } },
	{ "kick/storm-on-halts", "HY-C30", storm_on_halts, X86, { HY_CAP_HALT_EXIT } },
	{ "kick/storm-on-entry", "HY-C30 HY-B48", storm_on_entry, X86, { 0 } },
	{ "kick/storm-on-completion", "HY-C30 HY-B50", storm_on_completion, X86, { 0 } },
	{ "kick/storm-on-destroy", "HY-C32 HY-B15", storm_on_destroy, X86, { HY_CAP_DEADLINE } },
	{ "kick/storm-of-threads", "HY-C30 HY-C32", storm_of_threads, X86, { HY_CAP_DEADLINE } },
	{ 0 },
};
