/* SPDX-License-Identifier: MIT */
/*
 * Deadlines: one thread for the process sleeps until the nearest and then
 * requests its vCPU out of the guest.  It is started by the first deadline and
 * ends with the last host.
 */
#include "internal.h"

static struct {
	struct hy__mutex life; /* held while the thread ends, before `lock` */
	struct hy__mutex lock;
	struct hy__cond changed;
	struct hy__thread thread;
	struct hy_vcpu *armed; /* linked by timer_next, in no order: there are few */
	unsigned holders;      /* open hosts */
	unsigned generation;   /* of the process that the thread is in */
	bool started;
	bool ending;
} timer = { .life = HY__MUTEX_INIT, .lock = HY__MUTEX_INIT };

/* A child of fork() has the state of its parent's thread, but not the thread. */
static void lock_timer(void)
{
	hy__mutex_lock(&timer.lock);
	if (timer.generation != hy__fork_generation()) {
		timer.generation = hy__fork_generation();
		timer.armed = NULL;
		timer.holders = 0;
		timer.started = timer.ending = false;
	}
}

static void unlock_timer(void)
{
	hy__mutex_unlock(&timer.lock);
}

static void unlink_locked(struct hy_vcpu *vcpu)
{
	struct hy_vcpu **link = &timer.armed;

	while (*link && *link != vcpu)
		link = &(*link)->timer_next;
	if (*link)
		*link = vcpu->timer_next;
}

/* Fires what is due and returns when to look again. */
static uint64_t fire_locked(uint64_t now)
{
	struct hy_vcpu *next, *vcpu = timer.armed;
	uint64_t nearest = UINT64_MAX;

	for (; vcpu; vcpu = next) {
		next = vcpu->timer_next;
		if (vcpu->deadline <= now) {
			unlink_locked(vcpu);
			hy__vcpu_request(vcpu, HY_REQUEST_DEADLINE);
		} else if (vcpu->deadline < nearest) {
			nearest = vcpu->deadline;
		}
	}
	return nearest;
}

static void timer_main(void *arg)
{
	(void)arg;
	hy__mutex_lock(&timer.lock);
	while (!timer.ending)
		hy__cond_wait(&timer.changed, &timer.lock, fire_locked(hy_now()));
	hy__mutex_unlock(&timer.lock);
}

static int start_locked(void)
{
	if (timer.started)
		return 0;
	if (hy__cond_init(&timer.changed) != 0)
		return hy__fail_nomem("timer");
	timer.ending = false;
	if (hy__thread_start(&timer.thread, timer_main, NULL) != 0) {
		hy__cond_destroy(&timer.changed);
		return hy__fail_nomem("timer thread");
	}
	timer.started = true;
	return 0;
}

void hy__timer_hold(void)
{
	hy__mutex_lock(&timer.life);
	lock_timer();
	timer.holders++;
	unlock_timer();
	hy__mutex_unlock(&timer.life);
}

static void end_thread(void)
{
	hy__thread_join(&timer.thread);
	hy__cond_destroy(&timer.changed);
	lock_timer();
	timer.started = false;
	unlock_timer();
}

void hy__timer_release(void)
{
	bool join;

	hy__mutex_lock(&timer.life);
	lock_timer();
	timer.holders--;
	join = timer.holders == 0 && timer.started;
	if (join) {
		timer.ending = true;
		hy__cond_broadcast(&timer.changed);
	}
	unlock_timer();
	if (join)
		end_thread();
	hy__mutex_unlock(&timer.life);
}

int hy__timer_arm(struct hy_vcpu *vcpu, uint64_t deadline)
{
	int status;

	/* Past already: the vCPU need not wait for the thread to notice. */
	if (deadline <= hy_now()) {
		__atomic_fetch_or(&vcpu->be.requests, HY_REQUEST_DEADLINE, __ATOMIC_SEQ_CST);
		return 0;
	}
	lock_timer();
	status = start_locked();
	if (status == 0) {
		vcpu->deadline = deadline;
		vcpu->timer_next = timer.armed;
		timer.armed = vcpu;
		hy__cond_broadcast(&timer.changed);
	}
	unlock_timer();
	return status;
}

void hy__timer_disarm(struct hy_vcpu *vcpu)
{
	lock_timer();
	unlink_locked(vcpu);
	unlock_timer();
	__atomic_fetch_and(&vcpu->be.requests, ~HY_REQUEST_DEADLINE, __ATOMIC_SEQ_CST);
}
