/* SPDX-License-Identifier: MIT */
/* Virtual machines: options, life. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* More than any host has; keeps the arrays of ids small. */
#define MAX_VCPUS 4096

int hy__copy_options(void *ours, size_t our_size, const void *theirs, const char *name)
{
	const unsigned char *bytes = theirs;
	size_t size;

	if (!theirs)
		return 0;
	memcpy(&size, theirs, sizeof(size));
	if (size < sizeof(size))
		return hy__fail(HY_E_INVALID, "start from the *_OPTIONS_INIT macro", "%s.size is %zu", name, size);
	for (size_t i = our_size; i < size; i++) {
		if (bytes[i] != 0)
			return hy__fail(HY_E_INVALID, "use a newer libhy, or leave the newer options at zero",
			                "%s has options that this libhy (%s) doesn't know", name, hy_version());
	}
	memcpy(ours, theirs, size < our_size ? size : our_size);
	memcpy(ours, &our_size, sizeof(our_size));
	return 0;
}

static int check_vcpus(const struct hy_host *host, uint32_t vcpus)
{
	uint32_t most = host->max_vcpus != 0 && host->max_vcpus < MAX_VCPUS ? host->max_vcpus : MAX_VCPUS;

	if (vcpus <= most)
		return 0;
	return hy__fail(HY_E_LIMIT, NULL, "hy_vm_options.vcpus is %u: backend %s has at most %u", vcpus, host->ops->name,
	                most);
}

static uint32_t first_arch(const struct hy_host *host)
{
	uint32_t arch = 0;

	while (!hy__has_arch(host->ops, arch))
		arch++;
	return arch;
}

static int complete_options(struct hy_host *host, struct hy_vm_options *options, const struct hy__arch **arch)
{
	if (options->flags != 0)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_options.flags %#x: no such flag", options->flags);
	if (options->arch == 0)
		options->arch = first_arch(host);
	if (options->vcpus == 0)
		options->vcpus = 1;
	if (options->kick_signal == 0)
		options->kick_signal = hy__kick_signal();
	*arch = hy__arch_find(options->arch);
	if (!*arch)
		return hy__fail(HY_E_UNSUPPORTED, NULL, "backend %s has no guests of architecture %u", host->ops->name,
		                options->arch);
	if (!hy__has_arch(host->ops, options->arch))
		return hy__fail(HY_E_UNSUPPORTED, NULL, "backend %s has no %s guests", host->ops->name, (*arch)->name);
	return check_vcpus(host, options->vcpus);
}

/* Frees what never was, or no longer is, a VM with the host. */
static void vm_free(struct hy_vm *vm)
{
	vm->arch->free_options(&vm->options);
	free(vm->vcpu_used);
	free(vm->vcpu);
	free(vm->be.priv);
	free(vm);
}

static struct hy_vm *vm_alloc(struct hy_host *host, const struct hy_vm_options *options, const struct hy__arch *arch)
{
	struct hy_vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->ops = host->ops;
	vm->host = host;
	vm->arch = arch;
	vm->options = *options;
	vm->be.host = &host->be;
	vm->be.options = &vm->options;
	vm->be.priv = calloc(1, host->ops->vm_size ? (size_t)host->ops->vm_size : 1);
	vm->vcpu = calloc(options->vcpus, sizeof(*vm->vcpu));
	vm->vcpu_used = calloc(options->vcpus, sizeof(*vm->vcpu_used));
	if (vm->be.priv && vm->vcpu && vm->vcpu_used)
		return vm;
	free(vm->vcpu_used);
	free(vm->vcpu);
	free(vm->be.priv);
	free(vm);
	return NULL;
}

static int init_locks(struct hy_vm *vm)
{
	if (hy__mutex_init(&vm->change) != 0)
		goto err;
	if (hy__rwlock_init(&vm->lock) != 0)
		goto err_destroy_change;
	if (hy__mutex_init(&vm->vcpus_lock) != 0)
		goto err_destroy_lock;
	if (hy__cond_init(&vm->vcpus_changed) != 0)
		goto err_destroy_vcpus_lock;
	return 0;

err_destroy_vcpus_lock:
	hy__mutex_destroy(&vm->vcpus_lock);
err_destroy_lock:
	hy__rwlock_destroy(&vm->lock);
err_destroy_change:
	hy__mutex_destroy(&vm->change);
err:
	return hy__fail_nomem("VM locks");
}

static void destroy_locks(struct hy_vm *vm)
{
	hy__cond_destroy(&vm->vcpus_changed);
	hy__mutex_destroy(&vm->vcpus_lock);
	hy__rwlock_destroy(&vm->lock);
	hy__mutex_destroy(&vm->change);
}

static atomic_uint *vms_of_backend(const struct hy_host *host)
{
	return &((struct hy__module *)(uintptr_t)host->ops)->vms;
}

/* Counts a VM of the host's, up to the limit of its backend in this process. */
static int count_vm(struct hy_host *host)
{
	unsigned vms = atomic_fetch_add(vms_of_backend(host), 1);

	if (host->max_vms == 0 || vms < host->max_vms) {
		atomic_fetch_add(&host->vms, 1);
		return 0;
	}
	atomic_fetch_sub(vms_of_backend(host), 1);
	return hy__fail(HY_E_LIMIT, "destroy the other VM first", "backend %s has at most %u VMs in a process%s",
	                host->ops->name, host->max_vms, host->strict ? " (HY_STRICT=1)" : "");
}

static void uncount_vm(struct hy_host *host)
{
	atomic_fetch_sub(&host->vms, 1);
	atomic_fetch_sub(vms_of_backend(host), 1);
}

/* Makes the VM of complete options; takes over what they own, also on failure. */
static int vm_start(struct hy_host *host, struct hy_vm_options *options, const struct hy__arch *arch,
                    struct hy_vm **out)
{
	struct hy_vm *vm = vm_alloc(host, options, arch);
	int status;

	if (!vm) {
		arch->free_options(options);
		return hy__fail_nomem("VM");
	}
	status = init_locks(vm);
	if (status != 0)
		goto err_free;
	status = count_vm(host);
	if (status != 0)
		goto err_destroy_locks;
	status = host->ops->vm_create(&vm->be);
	if (status != 0) {
		status = hy__backend_failed(host->ops, status);
		goto err_uncount;
	}
	*out = vm;
	return 0;

err_uncount:
	uncount_vm(host);
err_destroy_locks:
	destroy_locks(vm);
err_free:
	vm_free(vm);
	return status;
}

int hy_vm_create(struct hy_host *host, const struct hy_vm_options *theirs, struct hy_vm **out)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	const struct hy__arch *arch = NULL;
	int status;

	if (!out)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_create: vm is NULL");
	*out = NULL;
	if (!host)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_create: the host is NULL");
	status = hy__check_fork(host->generation);
	if (status == 0)
		status = hy__copy_options(&options, sizeof(options), theirs, "hy_vm_options");
	if (status == 0)
		status = complete_options(host, &options, &arch);
	if (status == 0)
		status = arch->complete_options(host, &options);
	return status != 0 ? status : vm_start(host, &options, arch, out);
}

/* Whether vCPUs live; a lock of before fork() may be held for ever. */
static unsigned count_vcpus(struct hy_vm *vm)
{
	unsigned count;

	if (vm->host->generation != hy__fork_generation())
		return vm->vcpu_count;
	hy__mutex_lock(&vm->vcpus_lock);
	count = vm->vcpu_count;
	hy__mutex_unlock(&vm->vcpus_lock);
	return count;
}

int hy_vm_destroy(struct hy_vm *vm)
{
	unsigned vcpus;

	if (!vm)
		return 0;
	vcpus = count_vcpus(vm);
	if (vcpus != 0)
		return hy__fail(HY_E_BUSY, "destroy them first", "the VM has %u vCPUs", vcpus);
	hy__memory_free(vm);
	vm->ops->vm_destroy(&vm->be);
	uncount_vm(vm->host);
	if (vm->host->generation == hy__fork_generation())
		destroy_locks(vm);
	vm_free(vm);
	return 0;
}
