/* SPDX-License-Identifier: MIT */
/*
 * What the files of the KVM backend share.
 *
 * kvm.c, probe.c, vm.c, vcpu.c, kick.c and exits.c know no architecture, but for
 * the table in kvm.c; what differs is behind the kvm_arch_* functions, which
 * x86-*.c implement.
 */
#ifndef HY_KVM_H
#define HY_KVM_H

#include <stdbool.h>
#include <sys/types.h>

#include <linux/kvm.h>

#include <hy/backend.h>

#include "sys.h"
#include "x86.h"

#define KVM_DEVICE "/dev/kvm"

/* --- Private state of the handles ----------------------------------------- */

struct kvm_host {
	int fd;
	size_t run_size; /* of a vCPU's shared page and what follows it */
	uint32_t max_vcpus;
	uint32_t max_slots;
	bool readonly_mem;
	struct kvm_arch_host arch;
};

enum kvm_pending {
	KVM_PENDING_NONE,
	KVM_PENDING_IO,
	KVM_PENDING_MMIO,
	KVM_PENDING_MSR,
	KVM_PENDING_ASSIST /* of an instruction that the architecture's part executes itself */
};

/*
 * What the kernel has of one vCPU.  KVM frees a vCPU only with its VM and
 * refuses to make the same id twice, so this outlives hy_vcpu_destroy and
 * serves the next vCPU of that id.
 */
struct kvm_cpu {
	int fd; /* -1: not made yet */
	struct kvm_run *run;
	enum kvm_pending pending;
	struct kvm_arch_cpu arch;
};

struct kvm_vm {
	int fd;
	struct kvm_cpu *cpu; /* options->vcpus of them, by vCPU id */
	/* Numbers of memory slots: a set bit is one in use. */
	uint64_t *slot_used;
	uint32_t slot_hint; /* no free slot is in a word before this one */
	struct kvm_arch_vm arch;
};

/* A vCPU's owner, as far as the kick signal goes; see kick.c. */
struct kvm_owner {
	pid_t tid; /* atomic: a poke reads it from anywhere */
	int signal;
	bool linked;
	struct kvm_owner *next;
};

struct kvm_vcpu {
	struct kvm_cpu *cpu;
	pid_t pid;
	struct kvm_owner owner;
};

static inline struct kvm_host *kvm_host_of(const struct hy_backend_vm *vm)
{
	return vm->host->priv;
}

static inline struct kvm_cpu *kvm_cpu_of(const struct hy_backend_vcpu *vcpu)
{
	return ((struct kvm_vcpu *)vcpu->priv)->cpu;
}

static inline const struct hy_services *kvm_services_of(const struct hy_backend_vcpu *vcpu)
{
	return vcpu->vm->host->services;
}

/* --- kvm.c ------------------------------------------------------------------ */

/* The value of a KVM capability, 0 where the host has never heard of it. */
int kvm_check(int fd, unsigned long cap);
/* The HY_E_* that says the most about an errno value. */
int kvm_status(int err);

/* --- probe.c ---------------------------------------------------------------- */

/* A capability that this plugin can't do without, and its bits if any. */
struct kvm_required {
	unsigned long cap;
	int bits;
	const char *name;
};

void kvm_probe(struct hy_probe *probe);
/* Says why opening the device failed with `err`, and what helps. */
void kvm_explain_open(struct hy_probe *probe, int err);

/* --- vm.c ------------------------------------------------------------------- */

int kvm_vm_create(struct hy_backend_vm *vm);
void kvm_vm_destroy(struct hy_backend_vm *vm);
int kvm_memory_map(struct hy_backend_vm *vm, struct hy_backend_region *region);
int kvm_memory_unmap(struct hy_backend_vm *vm, const struct hy_backend_region *region);

/* --- vcpu.c ----------------------------------------------------------------- */

int kvm_vcpu_create(struct hy_backend_vcpu *vcpu);
void kvm_vcpu_destroy(struct hy_backend_vcpu *vcpu);
int kvm_vcpu_bind(struct hy_backend_vcpu *vcpu);
int kvm_vcpu_reset(struct hy_backend_vcpu *vcpu);
int kvm_vcpu_run(struct hy_backend_vcpu *vcpu);
int kvm_vcpu_complete(struct hy_backend_vcpu *vcpu);
/* A call on the vCPU's descriptor. */
int kvm_vcpu_ioctl(const struct hy_backend_vcpu *vcpu, unsigned long request, void *arg);

/* --- kick.c ----------------------------------------------------------------- */

/* Whether a program may ask for this signal. */
bool kvm_kick_signal_ok(int signal);
/* Makes the calling thread the one that kicks go to, its signal blocked. */
int kvm_kick_own(struct hy_backend_vcpu *vcpu);
/* Undoes kvm_kick_own: the signal is as it was once the thread's last vCPU goes. */
void kvm_kick_disown(struct hy_backend_vcpu *vcpu);
/* Takes away the signals of kicks that have been noticed. */
void kvm_kick_drain(const struct hy_backend_vcpu *vcpu);
void kvm_vcpu_poke(struct hy_backend_vcpu *vcpu);

/* --- exits.c ---------------------------------------------------------------- */

/* Beside 0 and errors: the exit was the host's own business, run again. */
#define KVM_RUN_AGAIN 2
/* From kvm_arch_exit: an exit that the architecture doesn't know. */
#define KVM_EXIT_NOT_MINE 3

/* Turns the exit in the shared page into vcpu->exit; 0 or KVM_RUN_AGAIN. */
int kvm_exit_decode(struct hy_backend_vcpu *vcpu);
/* Turns a failure of KVM_RUN into a FAULT exit or an error. */
int kvm_exit_failed(struct hy_backend_vcpu *vcpu, int err);
/* Begins a FAULT exit at the instruction pointer. */
struct hy_exit *kvm_exit_fault(struct hy_backend_vcpu *be, uint32_t reason, uint64_t host_code);
/* Begins an exit with data, to be answered when it isn't a write. */
void kvm_exit_access(struct hy_backend_vcpu *vcpu, uint32_t kind, void *data, uint32_t size, bool write);

/* --- The architecture's part -------------------------------------------------- */

extern const struct kvm_required kvm_arch_required[]; /* ends with name NULL */

int kvm_arch_open(struct hy_backend_host *host);
void kvm_arch_close(struct hy_backend_host *host);
void kvm_arch_cap(struct kvm_host *host, uint32_t id, struct hy_cap *cap);
/* After KVM_CREATE_VM; what it makes goes away with the descriptor. */
int kvm_arch_vm_create(struct hy_backend_vm *vm);
/* After KVM_CREATE_VCPU, once for each kvm_cpu. */
int kvm_arch_vcpu_create(struct hy_backend_vcpu *vcpu);
/* Undoes it when the VM goes. */
void kvm_arch_cpu_free(struct kvm_cpu *cpu);
int kvm_arch_vcpu_reset(struct hy_backend_vcpu *vcpu);
/* Around each KVM_RUN; `err` is what it returned. */
void kvm_arch_before_run(struct hy_backend_vcpu *vcpu);
void kvm_arch_after_run(struct hy_backend_vcpu *vcpu, int err);
/* 0, KVM_RUN_AGAIN or KVM_EXIT_NOT_MINE. */
int kvm_arch_exit(struct hy_backend_vcpu *vcpu);
/*
 * Executes an instruction that the host can't emulate.  0: an exit, also one that
 * says why it can't be done here either; with KVM_PENDING_ASSIST an access of the
 * instruction waits for its answer, and kvm_arch_assist goes on with it.
 * KVM_RUN_AGAIN: it is done.  Or an error.
 */
int kvm_arch_emulation_failure(struct hy_backend_vcpu *vcpu);
int kvm_arch_assist(struct hy_backend_vcpu *vcpu);
/* Forgets that access: nothing of the instruction has happened. */
void kvm_arch_drop(struct hy_backend_vcpu *vcpu);
/* The instruction pointer at this exit, or HY_ADDR_UNKNOWN. */
uint64_t kvm_arch_ip(const struct hy_backend_vcpu *vcpu);

#endif /* HY_KVM_H */
