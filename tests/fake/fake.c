/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hy/x86.h>

#include "fake.h"

#ifdef FAKE_FULL
#define FAKE_NAME "fakefull"
#else
#define FAKE_NAME "fake"
#endif

HY_BACKEND_EXPORT struct fake_control fake_control;

static const struct hy_services *services;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list of regions */

static void broken(const char *promise)
{
	fake_control.broken++;
	fake_control.last_broken = promise;
}

/* Counts a call and fails when the test wants that. */
static int called(enum fake_op op)
{
	unsigned *at = &fake_control.fail_at[op];

	__atomic_fetch_add(&fake_control.calls[op], 1, __ATOMIC_RELAXED);
	if (*at == 0 || (*at > 1 && (*at)-- > 0))
		return 0;
	if (!fake_control.fail_for_ever)
		*at = 0;
	if (fake_control.fail_silently)
		return HY_E_HOST;
	return services->fail(HY_E_HOST, 5, "EFAKE", "don't ask for failures", "operation %d fails as asked", (int)op);
}

static void fake_probe(struct hy_probe *probe)
{
	probe->status = HY_PROBE_OK;
}

static int fake_open(struct hy_backend_host *host)
{
	if (!host->priv || host->services != services)
		broken("open gets private state and services");
	if (called(FAKE_OPEN) != 0)
		return HY_E_HOST;
	__atomic_fetch_add(&fake_control.hosts, 1, __ATOMIC_RELAXED);
	return 0;
}

static void fake_close(struct hy_backend_host *host)
{
	(void)host;
	__atomic_fetch_sub(&fake_control.hosts, 1, __ATOMIC_RELAXED);
}

static int fake_cap(struct hy_backend_host *host, uint32_t id, struct hy_cap *cap)
{
	(void)host;
	if (id < FAKE_CAPS)
		*cap = fake_control.cap[id];
	return 0;
}

static const struct hy_x86_cpuid cpuid[] = {
	{ .leaf = 0, .eax = 1 },
	{ .leaf = 1, .eax = 0x623, .ecx = 1u << 26 },
};

static int fake_cpuid(struct hy_backend_host *host, struct hy_x86_cpuid *table, size_t *count)
{
	size_t room = *count;

	(void)host;
	*count = sizeof(cpuid) / sizeof(cpuid[0]);
	if (room < *count)
		return services->fail(HY_E_LIMIT, 0, NULL, NULL, "room for %zu lines, not %zu", room, *count);
	memcpy(table, cpuid, sizeof(cpuid));
	return 0;
}

static int fake_vm_create(struct hy_backend_vm *vm)
{
	const struct hy_vm_options *options = vm->options;

	if (options->arch == 0 || options->vcpus == 0 || options->kick_signal == 0 ||
	    (options->arch == HY_ARCH_X86_64 && !options->x86_cpuid))
		broken("vm->options are complete");
	if (called(FAKE_VM_CREATE) != 0)
		return HY_E_HOST;
	__atomic_fetch_add(&fake_control.vms, 1, __ATOMIC_RELAXED);
	return 0;
}

static void drop_region(size_t i)
{
	fake_control.regions--;
	fake_control.region[i] = fake_control.region[fake_control.regions];
	fake_control.owner[i] = fake_control.owner[fake_control.regions];
}

static void fake_vm_destroy(struct hy_backend_vm *vm)
{
	pthread_mutex_lock(&lock);
	for (size_t i = fake_control.regions; i > 0; i--) {
		if (fake_control.owner[i - 1] == vm)
			drop_region(i - 1);
	}
	pthread_mutex_unlock(&lock);
	__atomic_fetch_sub(&fake_control.vms, 1, __ATOMIC_RELAXED);
}

#ifdef FAKE_FULL
static int fake_alloc(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void **host)
{
	(void)vm;
	(void)gpa;
	if (called(FAKE_ALLOC) != 0)
		return HY_E_HOST;
	*host = calloc(1, size);
	fake_control.allocated++;
	return *host ? 0 : services->fail(HY_E_NOMEM, 0, NULL, NULL, "calloc");
}

static void fake_free(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void *host)
{
	(void)vm;
	(void)gpa;
	(void)size;
	fake_control.allocated--;
	free(host);
}
#endif

static bool overlaps(const struct hy_backend_region *a, const struct hy_backend_region *b)
{
	return a->gpa <= b->gpa + (b->size - 1) && b->gpa <= a->gpa + (a->size - 1);
}

static int add_region(const struct hy_backend_vm *vm, struct hy_backend_region *region)
{
	static uint64_t cookie;

	for (size_t i = 0; i < fake_control.regions; i++) {
		if (fake_control.owner[i] == vm && overlaps(&fake_control.region[i], region))
			broken("memory_map: overlaps no other region");
	}
	if (fake_control.regions == FAKE_REGIONS)
		return services->fail(HY_E_LIMIT, 0, NULL, NULL, "no room for one more region");
	region->cookie = ++cookie;
	fake_control.owner[fake_control.regions] = vm;
	fake_control.region[fake_control.regions++] = *region;
	return 0;
}

static int fake_map(struct hy_backend_vm *vm, struct hy_backend_region *region)
{
	int status;

	if (called(FAKE_MAP) != 0)
		return HY_E_HOST;
	pthread_mutex_lock(&lock);
	status = add_region(vm, region);
	pthread_mutex_unlock(&lock);
	return status;
}

/* The place of a region that must be just as it was mapped, or the list's end. */
static size_t find_exact(const struct hy_backend_region *region)
{
	size_t i = 0;

	while (i < fake_control.regions && memcmp(&fake_control.region[i], region, sizeof(*region)) != 0)
		i++;
	if (i == fake_control.regions)
		broken("memory_unmap and memory_protect: a region exactly as it was mapped");
	return i;
}

static int fake_unmap(struct hy_backend_vm *vm, const struct hy_backend_region *region)
{
	size_t i;

	(void)vm;
	if (called(FAKE_UNMAP) != 0)
		return HY_E_HOST;
	if (fake_control.inside && __atomic_load_n(fake_control.inside, __ATOMIC_SEQ_CST) != 0)
		broken("vCPUs are stopped while regions are exchanged");
	pthread_mutex_lock(&lock);
	i = find_exact(region);
	if (i < fake_control.regions)
		drop_region(i);
	pthread_mutex_unlock(&lock);
	return 0;
}

#ifdef FAKE_FULL
static int fake_protect(struct hy_backend_vm *vm, const struct hy_backend_region *region, uint32_t prot)
{
	size_t i;

	(void)vm;
	if (called(FAKE_PROTECT) != 0)
		return HY_E_HOST;
	pthread_mutex_lock(&lock);
	i = find_exact(region);
	if (i < fake_control.regions)
		fake_control.region[i].prot = prot;
	pthread_mutex_unlock(&lock);
	return 0;
}
#endif

static int fake_vcpu_create(struct hy_backend_vcpu *vcpu)
{
	if (!vcpu->priv || !vcpu->exit)
		broken("vcpu_create gets private state and an exit record");
	if (called(FAKE_VCPU_CREATE) != 0)
		return HY_E_HOST;
	__atomic_fetch_add(&fake_control.vcpus, 1, __ATOMIC_RELAXED);
	return 0;
}

static void fake_vcpu_destroy(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	__atomic_fetch_sub(&fake_control.vcpus, 1, __ATOMIC_RELAXED);
}

static int fake_bind(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return called(FAKE_BIND);
}

static int fake_reset(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return called(FAKE_RESET);
}

static int fake_run(struct hy_backend_vcpu *vcpu)
{
	if (!__atomic_load_n(&vcpu->running, __ATOMIC_SEQ_CST))
		broken("vcpu_run: running is 1");
	if (fake_control.run)
		return fake_control.run(vcpu);
	while (__atomic_load_n(&vcpu->requests, __ATOMIC_SEQ_CST) == 0)
		sched_yield();
	return HY_RUN_INTERRUPTED;
}

static int fake_complete(struct hy_backend_vcpu *vcpu)
{
	if (!(vcpu->exit->flags & HY_EXIT_PENDING))
		broken("vcpu_complete: only when an access is pending");
	return fake_control.complete ? fake_control.complete(vcpu) : HY_RUN_INTERRUPTED;
}

static void fake_poke(struct hy_backend_vcpu *vcpu)
{
	struct fake_vcpu *fake = vcpu->priv;

	__atomic_fetch_add(&fake->pokes, 1, __ATOMIC_SEQ_CST);
}

static union hy_value *find_reg(struct fake_vcpu *fake, hy_reg id)
{
	for (size_t i = 0; i < fake->count; i++) {
		if (fake->id[i] == id)
			return &fake->value[i];
	}
	fake->id[fake->count] = id;
	return &fake->value[fake->count++];
}

static int fake_get_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values, size_t count)
{
	if (called(FAKE_GET_REGS) != 0)
		return HY_E_HOST;
	for (size_t i = 0; i < count; i++) {
		if (values[i].u128[0] != 0 || values[i].u128[1] != 0)
			broken("vcpu_get_regs: values are zeroed");
		values[i] = *find_reg(vcpu->priv, ids[i]);
	}
	return 0;
}

static int fake_set_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count)
{
	if (called(FAKE_SET_REGS) != 0)
		return HY_E_HOST;
	for (size_t i = 0; i < count; i++)
		*find_reg(vcpu->priv, ids[i]) = values[i];
	return 0;
}

HY_BACKEND_EXPORT const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *given)
{
	static const struct hy_backend table = {
		.size = sizeof(table),
		.abi_major = HY_BACKEND_ABI_MAJOR,
		.abi_minor = HY_BACKEND_ABI_MINOR,
		.priority = 10,
		.name = FAKE_NAME,
		.summary = "a backend for the tests of core",
		.version = "1",
		.arches = HY_ARCH_BIT(HY_ARCH_X86_64) | HY_ARCH_BIT(HY_ARCH_CUSTOM),
		.host_size = 1,
		.vm_size = 1,
		.vcpu_size = sizeof(struct fake_vcpu),
		.probe = fake_probe,
		.open = fake_open,
		.close = fake_close,
		.cap = fake_cap,
		.x86_cpuid = fake_cpuid,
		.vm_create = fake_vm_create,
		.vm_destroy = fake_vm_destroy,
#ifdef FAKE_FULL
		.memory_alloc = fake_alloc,
		.memory_free = fake_free,
		.memory_protect = fake_protect,
#endif
		.memory_map = fake_map,
		.memory_unmap = fake_unmap,
		.vcpu_create = fake_vcpu_create,
		.vcpu_destroy = fake_vcpu_destroy,
		.vcpu_bind = fake_bind,
		.vcpu_reset = fake_reset,
		.vcpu_run = fake_run,
		.vcpu_complete = fake_complete,
		.vcpu_poke = fake_poke,
		.vcpu_get_regs = fake_get_regs,
		.vcpu_set_regs = fake_set_regs,
	};

	services = given;
	return &table;
}
