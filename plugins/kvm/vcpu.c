/* SPDX-License-Identifier: MIT */
/* vCPUs: life, and the two ways into the guest. */
#include <errno.h>

#include "kvm.h"

/* How many accesses one instruction is allowed when its rest is thrown away. */
#define MAX_DROPPED_ACCESSES 64

int kvm_vcpu_ioctl(const struct hy_backend_vcpu *be, unsigned long request, void *arg)
{
	return kvm_sys->ioctl(kvm_cpu_of(be)->fd, request, arg);
}

static int create_failed(struct hy_backend_vcpu *be, int err)
{
	const struct hy_services *services = kvm_services_of(be);

	switch (err) {
	case EEXIST:
		return services->fail(HY_E_EXISTS, err, NULL, NULL, "KVM_CREATE_VCPU: vCPU %u",
		                      be->id);
	case EINVAL:
		return services->fail(HY_E_LIMIT, err, NULL, NULL,
		                      "KVM_CREATE_VCPU: vCPU %u is beyond what this host can do",
		                      be->id);
	default:
		return services->fail(kvm_status(err), err, NULL, NULL,
		                      "KVM_CREATE_VCPU: vCPU %u", be->id);
	}
}

/* Makes the kernel's vCPU of this id, which stays until the VM goes. */
static int make_cpu(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	const struct kvm_vm *vm = be->vm->priv;
	size_t run_size = kvm_host_of(be->vm)->run_size;
	void *run;
	int r;

	if (cpu->run)
		return 0;
	if (cpu->fd < 0) {
		r = kvm_sys->ioctl(vm->fd, KVM_CREATE_VCPU, (void *)(uintptr_t)be->id);
		if (r < 0)
			return create_failed(be, -r);
		cpu->fd = r;
	}
	r = kvm_sys->map(cpu->fd, run_size, &run);
	if (r < 0)
		return kvm_services_of(be)->fail(kvm_status(-r), -r, NULL, NULL,
		                                 "mmap of vCPU %u's kvm_run", be->id);
	cpu->run = run;
	r = kvm_arch_vcpu_create(be);
	if (r) {
		kvm_sys->unmap(run, run_size);
		cpu->run = NULL;
	}
	return r;
}

int kvm_vcpu_create(struct hy_backend_vcpu *be)
{
	struct kvm_vcpu *vcpu = be->priv;
	struct kvm_vm *vm = be->vm->priv;
	int r;

	vcpu->cpu = &vm->cpu[be->id];
	vcpu->pid = kvm_sys->getpid();
	vcpu->owner.signal = be->vm->options->kick_signal;
	r = make_cpu(be);
	if (r)
		return r;
	return kvm_kick_own(be);
}

void kvm_vcpu_destroy(struct hy_backend_vcpu *be)
{
	kvm_kick_disown(be);
}

int kvm_vcpu_bind(struct hy_backend_vcpu *be)
{
	return kvm_kick_own(be);
}

static void set_immediate_exit(struct kvm_run *run, uint8_t value)
{
	__atomic_store_n(&run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

static bool is_requested(const struct hy_backend_vcpu *be)
{
	return hy_backend_requests(be) != 0;
}

/* One KVM_RUN, or what stands for it where the instruction is our own.  As vcpu_run, or KVM_RUN_AGAIN. */
static int enter(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	int err;

	if (cpu->pending == KVM_PENDING_ASSIST)
		return kvm_arch_assist(be);
	kvm_arch_before_run(be);
	err = kvm_sys->ioctl(cpu->fd, KVM_RUN, NULL);
	kvm_arch_after_run(be, err);
	cpu->pending = KVM_PENDING_NONE;
	if (err == -EINTR || err == -EAGAIN)
		return HY_RUN_INTERRUPTED;
	if (err < 0)
		return kvm_exit_failed(be, -err);
	return kvm_exit_decode(be);
}

int kvm_vcpu_run(struct hy_backend_vcpu *be)
{
	struct kvm_cpu *cpu = kvm_cpu_of(be);
	int r;

	do {
		/* In this order: a poke between the two must find its way. */
		set_immediate_exit(cpu->run, 0);
		if (is_requested(be)) {
			if (cpu->pending == KVM_PENDING_NONE)
				return HY_RUN_INTERRUPTED;
			set_immediate_exit(cpu->run, 1);
		}
		r = enter(be);
	} while (r == KVM_RUN_AGAIN);
	if (r == HY_RUN_INTERRUPTED)
		kvm_kick_drain(be);
	return r;
}

/* Leaves immediate_exit set: the next run clears it. */
static int finish_access(struct hy_backend_vcpu *be)
{
	int r;

	set_immediate_exit(kvm_cpu_of(be)->run, 1);
	r = enter(be);
	return r == KVM_RUN_AGAIN ? HY_RUN_INTERRUPTED : r;
}

int kvm_vcpu_complete(struct hy_backend_vcpu *be)
{
	int r = finish_access(be);

	if (r == HY_RUN_INTERRUPTED && is_requested(be))
		kvm_kick_drain(be);
	return r;
}

/* The kernel can't forget an access, so it is finished with what it has. */
static int drop_access(struct hy_backend_vcpu *be)
{
	const struct kvm_cpu *cpu = kvm_cpu_of(be);

	if (cpu->pending == KVM_PENDING_ASSIST)
		kvm_arch_drop(be);
	for (int i = 0; cpu->pending != KVM_PENDING_NONE; i++) {
		int r;

		if (i == MAX_DROPPED_ACCESSES)
			return kvm_services_of(be)->fail(HY_E_HOST, 0, NULL, NULL,
			                                 "KVM_RUN: vCPU %u doesn't finish its "
			                                 "instruction", be->id);
		r = finish_access(be);
		if (r < 0)
			return r;
	}
	return 0;
}

int kvm_vcpu_reset(struct hy_backend_vcpu *be)
{
	int r = drop_access(be);

	if (r)
		return r;
	return kvm_arch_vcpu_reset(be);
}
