/* SPDX-License-Identifier: MIT */
/* The software CPU's table, and the host object, which has no state. */
#include "soft.h"

static void probe(struct hy_probe *answer)
{
	answer->status = HY_PROBE_OK;
}

static int host_open(struct hy_backend_host *host)
{
	(void)host;
	return 0;
}

static void host_close(struct hy_backend_host *host)
{
	(void)host;
}

static void cap_limit(struct hy_cap *cap, uint64_t value)
{
	cap->how = HY_CAP_LIBRARY;
	cap->value = value;
}

/*
 * PARTIAL_UNMAP, PROTECT, ATOMIC_CHANGE and DEADLINE stay absent: what the core
 * does in their place is as good as what could be done here.
 */
static int host_cap(struct hy_backend_host *host, uint32_t id, struct hy_cap *cap)
{
	(void)host;
	switch (id) {
	case HY_CAP_MAP_MEMORY:
	case HY_CAP_READ_ONLY:
	case HY_CAP_NO_EXECUTE:
	case HY_CAP_NO_READ:
	case HY_CAP_SIGNAL_KICK:
	case HY_CAP_BIND:
	case HY_CAP_HALT_EXIT:
	case HY_CAP_MSR_EXIT:
	case HY_CAP_CPUID:
	case HY_CAP_XSAVE:
	case HY_CAP_PAGING32:
	case HY_CAP_USER_CALLS:
		cap->how = HY_CAP_LIBRARY;
		break;
	case HY_CAP_MMIO_EXOTIC:
		cap->reason = "descriptor tables, task states and stacks of events and far transfers must be memory";
		break;
	case HY_CAP_MAX_VMS:
	case HY_CAP_MAX_VCPUS_PER_THREAD:
	case HY_CAP_MAX_REGIONS:
		cap_limit(cap, 0);
		break;
	case HY_CAP_MAX_VCPUS:
		cap_limit(cap, SOFT_MAX_VCPUS);
		break;
	case HY_CAP_GRANULE:
		cap_limit(cap, XE_PAGE_SIZE);
		break;
	case HY_CAP_GPA_BITS:
		cap_limit(cap, SOFT_GPA_BITS);
		break;
	}
	return 0;
}

static const struct hy_backend backend = {
	.size = sizeof(struct hy_backend),
	.abi_major = HY_BACKEND_ABI_MAJOR,
	.abi_minor = HY_BACKEND_ABI_MINOR,
	.min_services_minor = HY_BACKEND_ABI_MINOR,
	.priority = 10,
	.name = "soft",
	.summary = "software CPU (no virtualization)",
	.version = "0.1.0",
	.arches = HY_ARCH_BIT(HY_ARCH_X86_64),
	.vm_size = sizeof(struct soft_vm),
	.vcpu_size = sizeof(struct soft_vcpu),
	.probe = probe,
	.open = host_open,
	.close = host_close,
	.cap = host_cap,
	.x86_cpuid = soft_x86_cpuid,
	.vm_create = soft_vm_create,
	.vm_destroy = soft_vm_destroy,
	.memory_map = soft_memory_map,
	.memory_unmap = soft_memory_unmap,
	.memory_protect = soft_memory_protect,
	.vcpu_create = soft_vcpu_create,
	.vcpu_destroy = soft_vcpu_destroy,
	.vcpu_bind = soft_vcpu_bind,
	.vcpu_reset = soft_vcpu_reset,
	.vcpu_run = soft_vcpu_run,
	.vcpu_complete = soft_vcpu_complete,
	.vcpu_poke = soft_vcpu_poke,
	.vcpu_get_regs = soft_get_regs,
	.vcpu_set_regs = soft_set_regs,
	.x86_get_xsave = soft_get_xsave,
	.x86_set_xsave = soft_set_xsave,
};

/* The services come again with each host, so there is nothing to keep. */
const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *services)
{
	(void)services;
	return &backend;
}
