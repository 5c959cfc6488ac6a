/* SPDX-License-Identifier: MIT */
/*
 * Getting a vCPU out of the guest.
 *
 * Only a signal takes a thread out of KVM_RUN.  The kick signal is blocked in
 * the owner thread at all times but inside KVM_RUN (KVM_SET_SIGNAL_MASK), so
 * that it needs no handler and one that comes too early waits for the next
 * KVM_RUN.  The other half is immediate_exit, which KVM looks at when it
 * enters: whoever pokes sets it, whoever runs clears it before it looks at the
 * requests, and so no order of the two loses a kick.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "kvm.h"

/* The kernel's signal set; glibc's begins with it. */
#define KERNEL_SIGSET_SIZE 8

/* Signals that this thread has blocked only for us, bit `signal - 1` each. */
static _Thread_local uint64_t blocked_here;

/*
 * Every owned vCPU of the process: a thread that owns several with the same
 * signal gets its mask back with the last.  The lock is held over fork().
 */
static pthread_mutex_t owners_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kvm_owner *owners;
static pthread_once_t owners_once = PTHREAD_ONCE_INIT;

static void lock_owners(void)
{
	pthread_mutex_lock(&owners_lock);
}

static void unlock_owners(void)
{
	pthread_mutex_unlock(&owners_lock);
}

static void watch_forks(void)
{
	pthread_atfork(lock_owners, unlock_owners, unlock_owners);
}

static uint64_t signal_bit(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

static bool owns_any(pid_t tid, int signal)
{
	const struct kvm_owner *o;

	lock_owners();
	for (o = owners; o; o = o->next)
		if (o->tid == tid && o->signal == signal)
			break;
	unlock_owners();
	return o != NULL;
}

static void link_owner_locked(struct kvm_owner *owner)
{
	if (owner->linked)
		return;
	owner->next = owners;
	owner->linked = true;
	owners = owner;
}

static void unlink_owner_locked(struct kvm_owner *owner)
{
	struct kvm_owner **p = &owners;

	while (*p && *p != owner)
		p = &(*p)->next;
	if (*p)
		*p = owner->next;
	owner->linked = false;
}

bool kvm_kick_signal_ok(int signal)
{
	sigset_t set;

	if (signal == SIGKILL || signal == SIGSTOP)
		return false;
	/* Refuses what is out of range, and what the C library keeps for itself. */
	sigemptyset(&set);
	return sigaddset(&set, signal) == 0;
}

/* In KVM_RUN the thread's mask is `mask`, less the kick signal. */
static int set_run_mask(const struct hy_backend_vcpu *vcpu, const sigset_t *mask, int signal)
{
	union {
		struct kvm_signal_mask head;
		uint8_t room[sizeof(struct kvm_signal_mask) + KERNEL_SIGSET_SIZE];
	} arg;
	sigset_t set = *mask;

	sigdelset(&set, signal);
	arg.head.len = KERNEL_SIGSET_SIZE;
	memcpy(arg.room + sizeof(arg.head), &set, KERNEL_SIGSET_SIZE);
	return kvm_vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &arg);
}

static void record_owner(struct kvm_owner *owner, pid_t tid)
{
	lock_owners();
	__atomic_store_n(&owner->tid, tid, __ATOMIC_SEQ_CST);
	link_owner_locked(owner);
	unlock_owners();
}

/* Puts the thread's mask back, unless another of its vCPUs needs it so. */
static void unblock(pid_t tid, int signal)
{
	sigset_t set;

	if (!(blocked_here & signal_bit(signal)) || owns_any(tid, signal))
		return;
	sigemptyset(&set);
	sigaddset(&set, signal);
	/* A kick that is still under way must not reach the program. */
	while (kvm_sys->take_signal(&set) > 0)
		;
	kvm_sys->mask_signals(SIG_UNBLOCK, &set, NULL);
	blocked_here &= ~signal_bit(signal);
}

int kvm_kick_own(struct hy_backend_vcpu *be)
{
	struct kvm_vcpu *vcpu = be->priv;
	int signal = vcpu->owner.signal;
	pid_t tid = kvm_sys->gettid();
	sigset_t set, before;
	int err;

	pthread_once(&owners_once, watch_forks);
	sigemptyset(&set);
	sigaddset(&set, signal);
	err = kvm_sys->mask_signals(SIG_BLOCK, &set, &before);
	if (err)
		return kvm_services_of(be)->fail(HY_E_HOST, -err, NULL, NULL,
		                                 "block signal %d for vCPU %u", signal, be->id);
	if (!sigismember(&before, signal))
		blocked_here |= signal_bit(signal);
	err = set_run_mask(be, &before, signal);
	if (err < 0) {
		unblock(tid, signal);
		return kvm_services_of(be)->fail(kvm_status(-err), -err, NULL, NULL,
		                                 "KVM_SET_SIGNAL_MASK of vCPU %u", be->id);
	}
	record_owner(&vcpu->owner, tid);
	return 0;
}

void kvm_kick_disown(struct hy_backend_vcpu *be)
{
	struct kvm_vcpu *vcpu = be->priv;
	struct kvm_owner *owner = &vcpu->owner;

	lock_owners();
	unlink_owner_locked(owner);
	unlock_owners();
	/* In a child of fork() this is another thread, which owns nothing. */
	if (owner->tid == kvm_sys->gettid())
		unblock(owner->tid, owner->signal);
}

void kvm_kick_drain(const struct hy_backend_vcpu *be)
{
	const struct kvm_vcpu *vcpu = be->priv;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, vcpu->owner.signal);
	/* Real-time signals queue up. */
	while (kvm_sys->take_signal(&set) > 0)
		;
}

void kvm_vcpu_poke(struct hy_backend_vcpu *be)
{
	struct kvm_vcpu *vcpu = be->priv;
	pid_t tid;

	__atomic_store_n(&vcpu->cpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&be->running, __ATOMIC_SEQ_CST))
		return;
	tid = __atomic_load_n(&vcpu->owner.tid, __ATOMIC_SEQ_CST);
	kvm_sys->tgkill(vcpu->pid, tid, vcpu->owner.signal);
}
