/* SPDX-License-Identifier: MIT */
/* Hosts: opening the backend that was chosen, and what it can do. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define STRING2(x) #x
#define STRING(x) STRING2(x)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *hy_version(void)
{
	return STRING(HY_VERSION_MAJOR) "." STRING(HY_VERSION_MINOR) "." STRING(HY_VERSION_PATCH);
}

int hy__check_fork(unsigned generation)
{
	if (generation == hy__fork_generation())
		return 0;
	return hy__fail(HY_E_FORKED, "open a host of its own in the child",
	                "the object was made before fork(): this process may only free it");
}

/* --- Capabilities -------------------------------------------------------------------- */

/* With the architecture whose guests alone it is for, or 0. */
static const struct known_cap {
	uint32_t id;
	const char *name;
	uint32_t arch;
} known_caps[] = {
	{ HY_CAP_MAP_MEMORY, "map-memory", 0 },
	{ HY_CAP_READ_ONLY, "read-only", 0 },
	{ HY_CAP_NO_EXECUTE, "no-execute", 0 },
	{ HY_CAP_NO_READ, "no-read", 0 },
	{ HY_CAP_PARTIAL_UNMAP, "partial-unmap", 0 },
	{ HY_CAP_PROTECT, "protect", 0 },
	{ HY_CAP_ATOMIC_CHANGE, "atomic-change", 0 },
	{ HY_CAP_DEADLINE, "deadline", 0 },
	{ HY_CAP_SIGNAL_KICK, "signal-kick", 0 },
	{ HY_CAP_BIND, "bind", 0 },
	{ HY_CAP_HALT_EXIT, "halt-exit", 0 },
	{ HY_CAP_MSR_EXIT, "msr-exit", HY_ARCH_X86_64 },
	{ HY_CAP_CPUID, "cpuid", HY_ARCH_X86_64 },
	{ HY_CAP_XSAVE, "xsave", HY_ARCH_X86_64 },
	{ HY_CAP_MMIO_EXOTIC, "mmio-exotic", HY_ARCH_X86_64 },
	{ HY_CAP_PAGING32, "paging-32", HY_ARCH_X86_64 },
	{ HY_CAP_USER_CALLS, "user-calls", HY_ARCH_X86_64 },
	{ HY_CAP_MAX_VMS, "max-vms", 0 },
	{ HY_CAP_MAX_VCPUS, "max-vcpus", 0 },
	{ HY_CAP_MAX_VCPUS_PER_THREAD, "max-vcpus-per-thread", 0 },
	{ HY_CAP_MAX_REGIONS, "max-regions", 0 },
	{ HY_CAP_GRANULE, "granule", 0 },
	{ HY_CAP_GPA_BITS, "gpa-bits", 0 },
};

static const struct known_cap *find_cap(uint32_t id)
{
	for (size_t i = 0; i < COUNT(known_caps); i++) {
		if (known_caps[i].id == id)
			return &known_caps[i];
	}
	return NULL;
}

const char *hy_cap_name(uint32_t id)
{
	const struct known_cap *known = find_cap(id);

	return known ? known->name : NULL;
}

/* What the core does where the host doesn't. */
static const char *library_does(uint32_t id)
{
	switch (id) {
	case HY_CAP_PARTIAL_UNMAP:
	case HY_CAP_PROTECT:
		return "regions are unmapped and the rest is mapped again";
	case HY_CAP_ATOMIC_CHANGE:
		return "vCPUs are stopped for the moment";
	case HY_CAP_DEADLINE:
		return "a timer thread kicks the vCPU";
	default:
		return NULL;
	}
}

/*
 * HY_STRICT=1 gives every host the rules of the strictest, so that a program
 * that runs here runs there: Hypervisor.framework has one VM in a process and
 * one vCPU in a thread, where it stays; vmm takes none of the program's memory.
 */
static void make_strict(uint32_t id, struct hy_cap *cap)
{
	switch (id) {
	case HY_CAP_MAX_VMS:
	case HY_CAP_MAX_VCPUS_PER_THREAD:
		*cap = (struct hy_cap){ .how = HY_CAP_LIBRARY, .value = 1, .reason = "HY_STRICT=1" };
		break;
	case HY_CAP_BIND:
	case HY_CAP_MAP_MEMORY:
		*cap = (struct hy_cap){ .how = HY_CAP_ABSENT, .reason = "HY_STRICT=1" };
		break;
	default:
		break;
	}
}

/* For one that `id` names, as all callers have seen to. */
static int ask_cap(struct hy_host *host, uint32_t id, struct hy_cap *cap)
{
	uint32_t arch = find_cap(id)->arch;
	int status;

	memset(cap, 0, sizeof(*cap));
	if (arch != 0 && !hy__has_arch(host->ops, arch)) {
		cap->reason = hy__arch_find(arch)->absent;
		return 0;
	}
	status = host->ops->cap(&host->be, id, cap);
	if (status != 0)
		return hy__backend_failed(host->ops, status);
	if (cap->how > HY_CAP_LIBRARY)
		return hy__fail(HY_E_ABI, "report it to the backend's author",
		                "backend %s says %u of capability %s", host->ops->name, cap->how, hy_cap_name(id));
	if (cap->how == HY_CAP_ABSENT && library_does(id)) {
		cap->how = HY_CAP_LIBRARY;
		cap->reason = library_does(id);
	}
	if (host->strict)
		make_strict(id, cap);
	return 0;
}

int hy_host_cap(const struct hy_host *host, uint32_t id, struct hy_cap *cap)
{
	int status;

	if (!host || !cap)
		return hy__fail(HY_E_INVALID, NULL, "hy_host_cap: %s is NULL", host ? "cap" : "the host");
	status = hy__check_fork(host->generation);
	if (status != 0)
		return status;
	if (!hy_cap_name(id))
		return hy__fail(HY_E_INVALID, NULL, "%u is no capability that this libhy knows", id);
	return ask_cap((struct hy_host *)(uintptr_t)host, id, cap);
}

/* Bits of a protection that may be left out, each by a capability. */
static const struct {
	uint32_t cap, prot;
} omittable[] = {
	{ HY_CAP_READ_ONLY, HY_PROT_WRITE },
	{ HY_CAP_NO_EXECUTE, HY_PROT_EXEC },
	{ HY_CAP_NO_READ, HY_PROT_READ },
};

static int check_granule(const struct hy_host *host)
{
	uint64_t granule = host->granule;

	if (granule != 0 && (granule & (granule - 1)) == 0)
		return 0;
	return hy__fail(HY_E_ABI, "report it to the backend's author",
	                "backend %s says that its granule is %llu bytes", host->ops->name,
	                (unsigned long long)granule);
}

static uint32_t limit32(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

/* Asks once for what the core needs at every turn. */
static int read_caps(struct hy_host *host)
{
	static const uint32_t wanted[] = { HY_CAP_GRANULE, HY_CAP_GPA_BITS, HY_CAP_MAX_VCPUS,
		                           HY_CAP_MAX_VMS, HY_CAP_MAP_MEMORY, HY_CAP_ATOMIC_CHANGE,
		                           HY_CAP_MAX_VCPUS_PER_THREAD };
	struct hy_cap cap[COUNT(wanted)];
	struct hy_cap right;
	int status = 0;

	for (size_t i = 0; i < COUNT(wanted) && status == 0; i++)
		status = ask_cap(host, wanted[i], &cap[i]);
	for (size_t i = 0; i < COUNT(omittable) && status == 0; i++) {
		status = ask_cap(host, omittable[i].cap, &right);
		if (status == 0 && right.how != HY_CAP_ABSENT)
			host->omittable |= omittable[i].prot;
	}
	if (status != 0)
		return status;
	host->granule = cap[0].value;
	host->gpa_limit = cap[1].value > 0 && cap[1].value < 64 ? UINT64_C(1) << cap[1].value : 0;
	host->max_vcpus = limit32(cap[2].value);
	host->max_vms = limit32(cap[3].value);
	host->takes_own_memory = cap[4].how != HY_CAP_ABSENT;
	host->atomic_change = cap[5].how == HY_CAP_HOST;
	host->max_per_thread = limit32(cap[6].value);
	return check_granule(host);
}

/* --- Opening and closing ------------------------------------------------------------------- */

static void host_free(struct hy_host *host)
{
	hy_report_destroy(host->report);
	if (host->generation == hy__fork_generation())
		hy__mutex_destroy(&host->vcpus_lock);
	free(host->be.priv);
	free(host);
}

/* Opens one candidate into a host that holds the report. */
static int open_candidate(struct hy_host *host, const struct hy__module *module)
{
	const char *before;
	int status;

	host->ops = &module->ops;
	host->be.services = &hy__services;
	host->be.priv = calloc(1, module->ops.host_size ? (size_t)module->ops.host_size : 1);
	if (!host->be.priv)
		return hy__fail_nomem("host");
	before = hy__enter_backend(module->ops.name);
	status = module->ops.open(&host->be);
	hy__leave_backend(before);
	if (status != 0) {
		status = hy__backend_failed(host->ops, status);
		goto err_free;
	}
	status = read_caps(host);
	if (status == 0)
		return 0;
	module->ops.close(&host->be);
err_free:
	free(host->be.priv);
	host->be.priv = NULL;
	return status;
}

/* Opens the first candidate that can be. */
static int open_any(struct hy_host *host)
{
	const struct hy_candidate *candidate;

	for (size_t i = 0; (candidate = hy_report_candidate(host->report, i)) != NULL; i++) {
		const struct hy__module *module = hy__report_module(host->report, i);

		if (!module)
			continue;
		if (open_candidate(host, module) == 0) {
			hy__report_opened(host->report, i);
			host->candidate = candidate;
			return 0;
		}
		hy__report_open_failed(host->report, i);
	}
	return hy__report_fail(host->report);
}

static bool is_strict(const struct hy_host_options *options)
{
	const char *strict = NULL;

	/* Options are checked later: only look at the flags if they are there. */
	if (!options || options->size < offsetof(struct hy_host_options, reserved) ||
	    !(options->flags & HY_HOST_IGNORE_ENV))
		strict = hy__getenv("HY_STRICT");
	return strict && strcmp(strict, "0") != 0;
}

int hy_host_open(const struct hy_host_options *options, struct hy_host **out)
{
	struct hy_host *host;
	int status;

	if (!out)
		return hy__fail(HY_E_INVALID, NULL, "hy_host_open: host is NULL");
	*out = NULL;
	hy__watch_forks();
	host = calloc(1, sizeof(*host));
	if (!host)
		return hy__fail_nomem("host");
	host->generation = hy__fork_generation();
	if (hy__mutex_init(&host->vcpus_lock) != 0) {
		free(host);
		return hy__fail_nomem("host");
	}
	host->strict = is_strict(options);
	status = hy__report_build(options, &host->report);
	if (status == 0)
		status = open_any(host);
	if (status != 0) {
		host_free(host);
		return status;
	}
	hy__timer_hold();
	*out = host;
	return 0;
}

int hy_host_close(struct hy_host *host)
{
	unsigned vms;

	if (!host)
		return 0;
	vms = atomic_load(&host->vms);
	if (vms != 0)
		return hy__fail(HY_E_BUSY, "destroy them first", "the host has %u VMs", vms);
	host->ops->close(&host->be);
	if (host->generation == hy__fork_generation())
		hy__timer_release();
	host_free(host);
	return 0;
}

const struct hy_candidate *hy_host_backend(const struct hy_host *host)
{
	return host ? host->candidate : NULL;
}

const struct hy_report *hy_host_report(const struct hy_host *host)
{
	return host ? host->report : NULL;
}
