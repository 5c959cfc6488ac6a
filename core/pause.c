/* SPDX-License-Identifier: MIT */
/*
 * Keeping a VM's vCPUs out of the guest while its memory changes.
 *
 * A vCPU announces itself (`running`) before it looks at its requests, and a
 * pause sets the request before it looks at `running`: one of them sees the
 * other.  The vCPUs in the guest leave, tell, and wait for the end.
 */
#include "internal.h"

/* The slot of a vCPU that is being made holds no vCPU yet. */
static bool is_running(struct hy_vcpu *vcpu)
{
	return vcpu && __atomic_load_n(&vcpu->be.running, __ATOMIC_SEQ_CST) != 0;
}

static bool any_running_locked(struct hy_vm *vm)
{
	for (uint32_t id = 0; id < vm->options.vcpus; id++) {
		if (is_running(vm->vcpu[id]))
			return true;
	}
	return false;
}

void hy__vm_pause(struct hy_vm *vm)
{
	hy__mutex_lock(&vm->vcpus_lock);
	vm->paused = true;
	for (uint32_t id = 0; id < vm->options.vcpus; id++) {
		if (vm->vcpu[id])
			hy__vcpu_request(vm->vcpu[id], HY_REQUEST_PAUSE);
	}
	while (any_running_locked(vm))
		hy__cond_wait(&vm->vcpus_changed, &vm->vcpus_lock, UINT64_MAX);
	hy__mutex_unlock(&vm->vcpus_lock);
}

void hy__vm_resume(struct hy_vm *vm)
{
	hy__mutex_lock(&vm->vcpus_lock);
	vm->paused = false;
	for (uint32_t id = 0; id < vm->options.vcpus; id++) {
		if (vm->vcpu[id])
			__atomic_fetch_and(&vm->vcpu[id]->be.requests, ~HY_REQUEST_PAUSE, __ATOMIC_SEQ_CST);
	}
	hy__cond_broadcast(&vm->vcpus_changed);
	hy__mutex_unlock(&vm->vcpus_lock);
}

void hy__vcpu_wait_pause(struct hy_vcpu *vcpu)
{
	struct hy_vm *vm = vcpu->vm;

	hy__mutex_lock(&vm->vcpus_lock);
	hy__cond_broadcast(&vm->vcpus_changed);
	while (vm->paused)
		hy__cond_wait(&vm->vcpus_changed, &vm->vcpus_lock, UINT64_MAX);
	hy__mutex_unlock(&vm->vcpus_lock);
}
