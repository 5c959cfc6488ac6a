/* SPDX-License-Identifier: MIT */
/* VMs and their memory slots. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "kvm.h"

#define SLOTS_PER_WORD 64u

/* How often KVM_CREATE_VM is tried when signals keep interrupting it. */
#define MAX_CREATE_TRIES 100

/* --- Creation ---------------------------------------------------------------- */

static int check_options(const struct hy_backend_vm *be)
{
	int signal = be->options->kick_signal;

	if (kvm_kick_signal_ok(signal))
		return 0;
	return be->host->services->fail(HY_E_INVALID, 0, NULL, "SIGURG (the default) always works",
	                                "kick_signal: %d can't be blocked, or is no signal", signal);
}

static int alloc_tables(struct hy_backend_vm *be)
{
	struct kvm_vm *vm = be->priv;
	size_t words = (kvm_host_of(be)->max_slots + SLOTS_PER_WORD - 1) / SLOTS_PER_WORD;

	vm->slot_used = calloc(words, sizeof(*vm->slot_used));
	vm->cpu = calloc(be->options->vcpus, sizeof(*vm->cpu));
	if (!vm->slot_used || !vm->cpu)
		return be->host->services->fail(HY_E_NOMEM, 0, NULL, NULL,
		                                "memory for a VM of %u vCPUs", be->options->vcpus);
	for (uint32_t i = 0; i < be->options->vcpus; i++)
		vm->cpu[i].fd = -1;
	return 0;
}

static void free_tables(struct kvm_vm *vm)
{
	free(vm->cpu);
	free(vm->slot_used);
}

static int create_failed(const struct hy_backend_vm *be, int err)
{
	const struct hy_services *services = be->host->services;

	switch (err) {
	case EBUSY:
		return services->fail(HY_E_BUSY, err, NULL,
		                      "stop the other hypervisor (VirtualBox, VMware) and try again",
		                      "KVM_CREATE_VM: another hypervisor holds the processor");
	case ENOMEM:
		return services->fail(HY_E_NOMEM, err, NULL,
		                      "free some memory, or raise the limits (ulimit -l, cgroup)",
		                      "KVM_CREATE_VM: the kernel has no memory for a VM");
	case EINTR:
		return services->fail(HY_E_HOST, err, NULL, "try again",
		                      "KVM_CREATE_VM: interrupted by signals %d times in a row",
		                      MAX_CREATE_TRIES);
	default:
		return services->fail(kvm_status(err), err, NULL, NULL, "KVM_CREATE_VM");
	}
}

static int create_fd(struct hy_backend_vm *be)
{
	struct kvm_vm *vm = be->priv;
	int fd = -EINTR;

	for (int i = 0; fd == -EINTR && i < MAX_CREATE_TRIES; i++)
		fd = kvm_sys->ioctl(kvm_host_of(be)->fd, KVM_CREATE_VM, NULL);
	if (fd < 0)
		return create_failed(be, -fd);
	vm->fd = fd;
	return 0;
}

int kvm_vm_create(struct hy_backend_vm *be)
{
	struct kvm_vm *vm = be->priv;
	int r = check_options(be);

	if (r)
		return r;
	r = alloc_tables(be);
	if (r)
		goto err_free_tables;
	r = create_fd(be);
	if (r)
		goto err_free_tables;
	r = kvm_arch_vm_create(be);
	if (r)
		goto err_close_fd;
	return 0;

err_close_fd:
	kvm_sys->close(vm->fd);
err_free_tables:
	free_tables(vm);
	return r;
}

void kvm_vm_destroy(struct hy_backend_vm *be)
{
	struct kvm_vm *vm = be->priv;

	for (uint32_t i = 0; i < be->options->vcpus; i++) {
		if (vm->cpu[i].run) {
			kvm_arch_cpu_free(&vm->cpu[i]);
			kvm_sys->unmap(vm->cpu[i].run, kvm_host_of(be)->run_size);
		}
		if (vm->cpu[i].fd >= 0)
			kvm_sys->close(vm->cpu[i].fd);
	}
	kvm_sys->close(vm->fd);
	free_tables(vm);
}

/* --- Memory -------------------------------------------------------------------- */

/* Takes the lowest free slot number; -1 when there is none. */
static int64_t take_slot(struct kvm_vm *vm, uint32_t max_slots)
{
	uint32_t words = (max_slots + SLOTS_PER_WORD - 1) / SLOTS_PER_WORD;

	for (; vm->slot_hint < words; vm->slot_hint++) {
		uint64_t free_bits = ~vm->slot_used[vm->slot_hint];
		uint32_t bit, slot;

		if (!free_bits)
			continue;
		bit = (uint32_t)__builtin_ctzll(free_bits);
		slot = vm->slot_hint * SLOTS_PER_WORD + bit;
		if (slot >= max_slots)
			return -1;
		vm->slot_used[vm->slot_hint] |= UINT64_C(1) << bit;
		return slot;
	}
	return -1;
}

static void give_slot(struct kvm_vm *vm, uint32_t slot)
{
	uint32_t word = slot / SLOTS_PER_WORD;

	vm->slot_used[word] &= ~(UINT64_C(1) << slot % SLOTS_PER_WORD);
	if (word < vm->slot_hint)
		vm->slot_hint = word;
}

static int map_failed(const struct hy_backend_vm *be, const struct hy_backend_region *region,
                      uint32_t slot, int err)
{
	const char *why = "";
	int status = kvm_status(err);

	switch (err) {
	case EEXIST:
		why = ": it overlaps another slot";
		break;
	case EINVAL:
		why = ": the kernel refuses the address, the size or the slot";
		break;
	case ENOMEM:
		why = ": the kernel has no memory for it";
		break;
	case ENOSPC:
		why = ": the kernel has no more slots";
		break;
	}
	return be->host->services->fail(status, err, NULL, NULL,
	                                "KVM_SET_USER_MEMORY_REGION slot %" PRIu32 " at 0x%" PRIx64
	                                ", 0x%" PRIx64 " bytes%s",
	                                slot, region->gpa, region->size, why);
}

int kvm_memory_map(struct hy_backend_vm *be, struct hy_backend_region *region)
{
	struct kvm_vm *vm = be->priv;
	uint32_t max_slots = kvm_host_of(be)->max_slots;
	int64_t slot = take_slot(vm, max_slots);
	struct kvm_userspace_memory_region arg = {
		.slot = (uint32_t)slot,
		.flags = region->prot & HY_PROT_WRITE ? 0 : KVM_MEM_READONLY,
		.guest_phys_addr = region->gpa,
		.memory_size = region->size,
		.userspace_addr = (uintptr_t)region->host,
	};
	int r;

	if (slot < 0)
		return be->host->services->fail(HY_E_LIMIT, 0, NULL, NULL,
		                                "memory at 0x%" PRIx64 ": all %" PRIu32
		                                " slots of KVM are in use",
		                                region->gpa, max_slots);
	r = kvm_sys->ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &arg);
	if (r < 0) {
		give_slot(vm, arg.slot);
		return map_failed(be, region, arg.slot, -r);
	}
	region->cookie = arg.slot;
	return 0;
}

int kvm_memory_unmap(struct hy_backend_vm *be, const struct hy_backend_region *region)
{
	struct kvm_vm *vm = be->priv;
	struct kvm_userspace_memory_region arg = {
		.slot = (uint32_t)region->cookie,
		.guest_phys_addr = region->gpa,
		.userspace_addr = (uintptr_t)region->host,
	};
	int r = kvm_sys->ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &arg);

	if (r < 0)
		return be->host->services->fail(HY_E_HOST, -r, NULL, NULL,
		                                "KVM_SET_USER_MEMORY_REGION: remove slot %" PRIu32
		                                " at 0x%" PRIx64,
		                                arg.slot, region->gpa);
	give_slot(vm, arg.slot);
	return 0;
}
