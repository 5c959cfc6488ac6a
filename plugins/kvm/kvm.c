/* SPDX-License-Identifier: MIT */
/* The KVM backend's table, and the host object. */
#include <errno.h>
#include <fcntl.h>

#include "kvm.h"

/* What KVM_CAP_NR_MEMSLOTS and KVM_CAP_MAX_VCPUS meant before they were there. */
#define DEFAULT_SLOTS 32
#define DEFAULT_VCPUS 4

int kvm_check(int fd, unsigned long cap)
{
	int r = kvm_sys->ioctl(fd, KVM_CHECK_EXTENSION, (void *)cap);

	return r < 0 ? 0 : r;
}

int kvm_status(int err)
{
	switch (err) {
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return HY_E_NOMEM;
	case EPERM:
	case EACCES:
		return HY_E_PERMISSION;
	case ENOSPC:
		return HY_E_LIMIT;
	default:
		return HY_E_HOST;
	}
}

static uint32_t limit_or(int value, uint32_t fallback)
{
	return value > 0 ? (uint32_t)value : fallback;
}

static int open_device(struct hy_backend_host *be)
{
	struct kvm_host *host = be->priv;
	struct hy_probe probe = { .size = sizeof(probe) };

	host->fd = kvm_sys->open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (host->fd >= 0)
		return 0;
	kvm_explain_open(&probe, -host->fd);
	return be->services->fail(kvm_status(-host->fd), -host->fd, NULL, probe.hint, "%s",
	                          probe.reason);
}

static int load_run_size(struct hy_backend_host *be)
{
	struct kvm_host *host = be->priv;
	int size = kvm_sys->ioctl(host->fd, KVM_GET_VCPU_MMAP_SIZE, NULL);

	if (size < 0)
		return be->services->fail(HY_E_HOST, -size, NULL, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	if ((size_t)size < sizeof(struct kvm_run))
		return be->services->fail(HY_E_UNSUPPORTED, 0, NULL, "use a newer Linux kernel",
		                          "KVM_GET_VCPU_MMAP_SIZE: %d bytes, needed are %zu", size,
		                          sizeof(struct kvm_run));
	host->run_size = (size_t)size;
	return 0;
}

static int host_open(struct hy_backend_host *be)
{
	struct kvm_host *host = be->priv;
	int r = open_device(be);

	if (r)
		return r;
	r = load_run_size(be);
	if (r)
		goto err_close_fd;
	host->max_vcpus = limit_or(kvm_check(host->fd, KVM_CAP_MAX_VCPUS), DEFAULT_VCPUS);
	host->max_slots = limit_or(kvm_check(host->fd, KVM_CAP_NR_MEMSLOTS), DEFAULT_SLOTS);
	host->readonly_mem = kvm_check(host->fd, KVM_CAP_READONLY_MEM) > 0;
	r = kvm_arch_open(be);
	if (r)
		goto err_close_fd;
	return 0;

err_close_fd:
	kvm_sys->close(host->fd);
	return r;
}

static void host_close(struct hy_backend_host *be)
{
	struct kvm_host *host = be->priv;

	kvm_arch_close(be);
	kvm_sys->close(host->fd);
}

static void cap_limit(struct hy_cap *cap, uint64_t value)
{
	cap->how = HY_CAP_HOST;
	cap->value = value;
}

static void cap_absent(struct hy_cap *cap, const char *reason)
{
	cap->how = HY_CAP_ABSENT;
	cap->reason = reason;
}

/*
 * PARTIAL_UNMAP, PROTECT, ATOMIC_CHANGE and DEADLINE stay absent: KVM has
 * nothing of the kind, and the core does them with what it has.
 */
static int host_cap(struct hy_backend_host *be, uint32_t id, struct hy_cap *cap)
{
	struct kvm_host *host = be->priv;

	switch (id) {
	case HY_CAP_MAP_MEMORY:
	case HY_CAP_SIGNAL_KICK:
	case HY_CAP_BIND:
		cap->how = HY_CAP_HOST;
		break;
	case HY_CAP_READ_ONLY:
		if (host->readonly_mem)
			cap->how = HY_CAP_HOST;
		else
			cap_absent(cap, "this kernel lacks KVM_CAP_READONLY_MEM");
		break;
	case HY_CAP_NO_EXECUTE:
		cap_absent(cap, "KVM has no flag for memory that can't be executed");
		break;
	case HY_CAP_NO_READ:
		cap_absent(cap, "KVM has no flag for memory that can't be read");
		break;
	case HY_CAP_MAX_VMS:
	case HY_CAP_MAX_VCPUS_PER_THREAD:
		cap_limit(cap, 0);
		break;
	case HY_CAP_MAX_VCPUS:
		cap_limit(cap, host->max_vcpus);
		break;
	case HY_CAP_MAX_REGIONS:
		cap_limit(cap, host->max_slots);
		break;
	case HY_CAP_GRANULE:
		cap_limit(cap, kvm_sys->page_size());
		break;
	default:
		kvm_arch_cap(host, id, cap);
	}
	return 0;
}

static const struct hy_backend backend = {
	.size = sizeof(struct hy_backend),
	.abi_major = HY_BACKEND_ABI_MAJOR,
	.abi_minor = HY_BACKEND_ABI_MINOR,
	.min_services_minor = HY_BACKEND_ABI_MINOR,
	.priority = 150,
	.name = "kvm",
	.summary = "Linux KVM",
	.version = "0.1.0",
	.arches = HY_ARCH_BIT(HY_ARCH_X86_64),
	.host_size = sizeof(struct kvm_host),
	.vm_size = sizeof(struct kvm_vm),
	.vcpu_size = sizeof(struct kvm_vcpu),
	.probe = kvm_probe,
	.open = host_open,
	.close = host_close,
	.cap = host_cap,
	.x86_cpuid = kvm_x86_cpuid,
	.vm_create = kvm_vm_create,
	.vm_destroy = kvm_vm_destroy,
	.memory_map = kvm_memory_map,
	.memory_unmap = kvm_memory_unmap,
	.vcpu_create = kvm_vcpu_create,
	.vcpu_destroy = kvm_vcpu_destroy,
	.vcpu_bind = kvm_vcpu_bind,
	.vcpu_reset = kvm_vcpu_reset,
	.vcpu_run = kvm_vcpu_run,
	.vcpu_complete = kvm_vcpu_complete,
	.vcpu_poke = kvm_vcpu_poke,
	.vcpu_get_regs = kvm_x86_get_regs,
	.vcpu_set_regs = kvm_x86_set_regs,
	.x86_get_xsave = kvm_x86_get_xsave,
	.x86_set_xsave = kvm_x86_set_xsave,
};

/* The services come again with each host, so there is nothing to keep. */
const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *services)
{
	(void)services;
	return &backend;
}
