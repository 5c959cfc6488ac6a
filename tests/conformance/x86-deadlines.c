/* SPDX-License-Identifier: MIT */
/* Runs with an end: not before it, between two instructions, and for that run alone. */
#include <pthread.h>
#include <sched.h>

#include "conform.h"

USE_GUEST(deadline_spin);
USE_GUEST(deadline_ask);
USE_GUEST(deadline_add);

#define MS UINT64_C(1000000)
#define FAR (UINT64_C(3600) * 1000 * MS)

static void run_until(struct conform *t, uint64_t deadline, uint32_t kind)
{
	OK(hy_vcpu_run_until(t->vcpu, deadline, &t->exit));
	if (t->exit->kind != kind)
		FAIL("the exit is %s, should be %s", hy_exit_name(t->exit->kind), hy_exit_name(kind));
	CHECK(kind != HY_EXIT_DEADLINE || hy_now() >= deadline);
}

static void clock_goes_on(struct conform *t)
{
	uint64_t before = hy_now();

	(void)t;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t now = hy_now();

		CHECK(now >= before);
		before = now;
	}
}

/* --- Past, soon, far ------------------------------------------------------------------- */

/* The guest makes no step. */
static void in_the_past(struct conform *t)
{
	conform_boot(t, LONG, deadline_ask);
	run_until(t, 0, HY_EXIT_DEADLINE);
	run_until(t, 1, HY_EXIT_DEADLINE);
	run_until(t, hy_now(), HY_EXIT_DEADLINE);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE);
	CHECK_EQ(t->exit->flags, 0);
}

static void soon(struct conform *t)
{
	conform_boot(t, LONG, deadline_spin);
	for (uint64_t wait = 1; wait <= 4 * MS; wait *= 4)
		run_until(t, hy_now() + wait, HY_EXIT_DEADLINE);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE);
}

static void far_off(struct conform *t)
{
	conform_boot(t, LONG, deadline_ask);
	run_until(t, hy_now() + FAR, HY_EXIT_IO);
	run_until(t, UINT64_MAX - 1, HY_EXIT_IO);
	run_until(t, UINT64_MAX, HY_EXIT_IO);
}

/* An exit that comes first is given, and the deadline is over with it. */
static void does_not_stick(struct conform *t)
{
	uint64_t deadline;

	conform_boot(t, LONG, deadline_ask);
	/* Far enough off that the exit comes first on a busy machine, too. */
	deadline = hy_now() + 250 * MS;
	run_until(t, deadline, HY_EXIT_IO);
	while (hy_now() < deadline + MS)
		sched_yield();
	for (unsigned i = 0; i < 10; i++)
		RUN(t, HY_EXIT_IO);
}

/* One that has passed doesn't end the next run either. */
static void once_each(struct conform *t)
{
	conform_boot(t, LONG, deadline_ask);
	for (unsigned i = 0; i < 50; i++) {
		run_until(t, 0, HY_EXIT_DEADLINE);
		RUN(t, HY_EXIT_IO);
	}
}

/* So close to the exit that either may come; no access is lost or doubled. */
static void close_to_an_exit(struct conform *t)
{
	bool tells = false;

	conform_boot(t, LONG, deadline_ask);
	for (unsigned i = 0; i < 1000; i++) {
		OK(hy_vcpu_run_until(t->vcpu, hy_now() + i * 50, &t->exit));
		if (t->exit->kind == HY_EXIT_DEADLINE)
			continue;
		CHECK_EQ(t->exit->kind, HY_EXIT_IO);
		CHECK_EQ(t->exit->io.write, tells);
		if (tells)
			CHECK_EQ(hy_exit_value(t->exit, 0), 0x5c);
		else
			OK(hy_vcpu_answer(t->vcpu, 0x5c));
		tells = !tells;
	}
}

/* --- With a pending access ------------------------------------------------------------------ */

static void access_first(struct conform *t)
{
	conform_boot(t, LONG, deadline_ask);
	IN(t, 0x42, 1, 0x3d);
	run_until(t, 0, HY_EXIT_DEADLINE);
	CHECK_EQ(get_reg(t, HY_X86_RAX) & 0xff, 0x3d);
	CHECK_EQ(get_reg(t, HY_X86_RIP), CODE + 2);
	OUT(t, 0x43, 1, 0x3d);
}

/* The write of a read-modify-write goes before DEADLINE. */
static void whole_instruction_first(struct conform *t)
{
	conform_boot(t, LONG, deadline_add);
	MMIO_READ(t, HOLE, 1, 0x10);
	run_until(t, 0, HY_EXIT_MMIO);
	CHECK_EQ(t->exit->mmio.write, 1);
	CHECK_EQ(hy_exit_value(t->exit, 0), 0x11);
	run_until(t, 0, HY_EXIT_DEADLINE);
	HALT(t);
}

/* --- With kicks --------------------------------------------------------------------------------- */

static void kick_goes_first(struct conform *t)
{
	conform_boot(t, LONG, deadline_spin);
	OK(hy_vcpu_kick(t->vcpu));
	run_until(t, 0, HY_EXIT_CANCELED);
	run_until(t, 0, HY_EXIT_DEADLINE);
	OK(hy_vcpu_kick(t->vcpu));
	run_until(t, hy_now() + FAR, HY_EXIT_CANCELED);
	run_until(t, hy_now() + MS, HY_EXIT_DEADLINE);
}

static void *kick_now(void *arg)
{
	OK(hy_vcpu_kick(arg));
	return NULL;
}

static void kick_before_deadline(struct conform *t)
{
	pthread_t kicker;

	conform_boot(t, LONG, deadline_spin);
	CHECK(pthread_create(&kicker, NULL, kick_now, t->vcpu) == 0);
	run_until(t, hy_now() + FAR, HY_EXIT_CANCELED);
	pthread_join(kicker, NULL);
}

/* A kick that comes near the deadline is answered once, then or in the next run. */
static void kick_near_deadline(struct conform *t)
{
	conform_boot(t, LONG, deadline_spin);
	for (unsigned i = 0; i < 100; i++) {
		unsigned canceled = 0;
		pthread_t kicker;

		CHECK(pthread_create(&kicker, NULL, kick_now, t->vcpu) == 0);
		OK(hy_vcpu_run_until(t->vcpu, hy_now() + i * 1000, &t->exit));
		canceled += t->exit->kind == HY_EXIT_CANCELED;
		pthread_join(kicker, NULL);
		OK(hy_vcpu_run_until(t->vcpu, hy_now() + 1, &t->exit));
		canceled += t->exit->kind == HY_EXIT_CANCELED;
		CHECK_EQ(canceled, 1);
		run_until(t, hy_now() + 1, HY_EXIT_DEADLINE);
	}
}

/* --- Many ------------------------------------------------------------------------------------------ */

#define RUNNERS 8

static pthread_mutex_t placing = PTHREAD_MUTEX_INITIALIZER;

struct runner {
	struct conform t;
	struct hy_vm *vm;
	uint32_t id;
};

static void *run_some(void *arg)
{
	struct runner *runner = arg;
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;

	options.id = runner->id;
	OK(hy_vcpu_create(runner->vm, &options, &runner->t.vcpu));
	/* Each writes the code, so one after the other. */
	pthread_mutex_lock(&placing);
	conform_place(&runner->t, runner->t.vcpu, REAL, deadline_spin);
	pthread_mutex_unlock(&placing);
	for (unsigned i = 0; i < 10; i++)
		run_until(&runner->t, hy_now() + (runner->id + 1) * 300000, HY_EXIT_DEADLINE);
	OK(hy_vcpu_destroy(runner->t.vcpu));
	return NULL;
}

static void many_at_once(struct conform *t)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct runner runner[RUNNERS];
	pthread_t thread[RUNNERS];

	options.vcpus = RUNNERS;
	OK(hy_vm_create(t->host, &options, &t->vm));
	OK(hy_vm_alloc_memory(t->vm, 0, RAM_SIZE, HY_PROT_RWX, 0));
	for (uint32_t i = 0; i < RUNNERS; i++) {
		runner[i] = (struct runner){ .t = *t, .vm = t->vm, .id = i };
		CHECK(pthread_create(&thread[i], NULL, run_some, &runner[i]) == 0);
	}
	for (uint32_t i = 0; i < RUNNERS; i++)
		pthread_join(thread[i], NULL);
}

/* The end of one that is under way doesn't wait for one that is far off. */
static void near_after_far(struct conform *t)
{
	conform_boot(t, LONG, deadline_ask);
	run_until(t, hy_now() + FAR, HY_EXIT_IO);
	OK(hy_vcpu_reset(t->vcpu));
	conform_place(t, t->vcpu, LONG, deadline_spin);
	run_until(t, hy_now() + MS, HY_EXIT_DEADLINE);
}

#define X86 HY_ARCH_X86_64
#define NEEDS { HY_CAP_DEADLINE }

const struct conform_case conform_deadlines[] = {
	{ "deadlines/clock-goes-on", "HY-C33", clock_goes_on, 0, { 0 } },
	{ "deadlines/in-the-past", "HY-C33", in_the_past, X86, NEEDS },
	{ "deadlines/soon", "HY-C33", soon, X86, NEEDS },
	{ "deadlines/far-off", "HY-C33", far_off, X86, NEEDS },
	{ "deadlines/does-not-stick", "HY-C33", does_not_stick, X86, NEEDS },
	{ "deadlines/once-each", "HY-C33", once_each, X86, NEEDS },
	{ "deadlines/close-to-an-exit", "HY-C33", close_to_an_exit, X86, NEEDS },
	{ "deadlines/access-first", "HY-C33 HY-B49", access_first, X86, NEEDS },
	{ "deadlines/whole-instruction-first", "HY-C31 HY-B49", whole_instruction_first, X86, NEEDS },
	{ "deadlines/kick-goes-first", "HY-C31", kick_goes_first, X86, NEEDS },
	{ "deadlines/kick-before-deadline", "HY-C30 HY-C33", kick_before_deadline, X86, NEEDS },
	{ "deadlines/kick-near-deadline", "HY-C30 HY-C31", kick_near_deadline, X86, NEEDS },
	{ "deadlines/many-at-once", "HY-C33 HY-B61", many_at_once, X86, NEEDS },
	{ "deadlines/near-after-far", "HY-C33", near_after_far, X86, NEEDS },
	{ 0 },
};
