/* SPDX-License-Identifier: MIT */
/*
 * A complete backend that does nothing.  A mock defines what it wants to be
 * different and then includes this:
 *
 *	MOCK_NAME          "ok": required
 *	MOCK_SIZE          of the table
 *	MOCK_MINOR, MOCK_SERVICES_MINOR, MOCK_PRIORITY
 *	MOCK_VM_SIZE, MOCK_ARCHES, MOCK_SUMMARY
 *	MOCK_PROBE, MOCK_OPEN, MOCK_RUN, MOCK_ALLOC, MOCK_FREE
 *	MOCK_NO_ENTRY      the mock has its own, and returns `mock_table` or not
 */
#ifndef TESTS_PLUGINS_MOCK_H
#define TESTS_PLUGINS_MOCK_H

#include <hy/backend.h>

#ifndef MOCK_SIZE
#define MOCK_SIZE sizeof(struct hy_backend)
#endif
#ifndef MOCK_MINOR
#define MOCK_MINOR HY_BACKEND_ABI_MINOR
#endif
#ifndef MOCK_SERVICES_MINOR
#define MOCK_SERVICES_MINOR 0
#endif
#ifndef MOCK_PRIORITY
#define MOCK_PRIORITY 30
#endif
#ifndef MOCK_VM_SIZE
#define MOCK_VM_SIZE 16
#endif
#ifndef MOCK_ARCHES
#define MOCK_ARCHES HY_ARCH_BIT(HY_ARCH_X86_64)
#endif
#ifndef MOCK_SUMMARY
#define MOCK_SUMMARY "mock " MOCK_NAME
#endif
#ifndef MOCK_PROBE
#define MOCK_PROBE mock_probe
#endif
#ifndef MOCK_OPEN
#define MOCK_OPEN mock_open
#endif
#ifndef MOCK_RUN
#define MOCK_RUN mock_run
#endif
#ifndef MOCK_ALLOC
#define MOCK_ALLOC NULL
#endif
#ifndef MOCK_FREE
#define MOCK_FREE NULL
#endif

static inline void mock_probe(struct hy_probe *probe)
{
	probe->status = HY_PROBE_OK;
}

static inline int mock_open(struct hy_backend_host *host)
{
	(void)host;
	return 0;
}

static inline void mock_close(struct hy_backend_host *host)
{
	(void)host;
}

static inline int mock_cap(struct hy_backend_host *host, uint32_t id, struct hy_cap *cap)
{
	(void)host;
	if (id == HY_CAP_GRANULE) {
		cap->how = HY_CAP_HOST;
		cap->value = 4096;
	}
	return 0;
}

static inline int mock_vm_create(struct hy_backend_vm *vm)
{
	(void)vm;
	return 0;
}

static inline void mock_vm_destroy(struct hy_backend_vm *vm)
{
	(void)vm;
}

static inline int mock_map(struct hy_backend_vm *vm, struct hy_backend_region *region)
{
	(void)vm;
	(void)region;
	return 0;
}

static inline int mock_unmap(struct hy_backend_vm *vm, const struct hy_backend_region *region)
{
	(void)vm;
	(void)region;
	return 0;
}

static inline int mock_vcpu_create(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

static inline void mock_vcpu_destroy(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
}

static inline int mock_run(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return HY_RUN_INTERRUPTED;
}

static inline void mock_poke(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
}

static inline int mock_get_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids,
                                union hy_value *values, size_t count)
{
	(void)vcpu;
	(void)ids;
	(void)values;
	(void)count;
	return 0;
}

static inline int mock_set_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids,
                                const union hy_value *values, size_t count)
{
	(void)vcpu;
	(void)ids;
	(void)values;
	(void)count;
	return 0;
}

#define MOCK_TABLE                                                                                 \
	{                                                                                          \
		.size = MOCK_SIZE,                                                                 \
		.abi_major = HY_BACKEND_ABI_MAJOR,                                                 \
		.abi_minor = MOCK_MINOR,                                                           \
		.min_services_minor = MOCK_SERVICES_MINOR,                                         \
		.priority = MOCK_PRIORITY,                                                         \
		.name = MOCK_NAME,                                                                 \
		.summary = MOCK_SUMMARY,                                                           \
		.version = "1",                                                                    \
		.arches = MOCK_ARCHES,                                                             \
		.host_size = 16,                                                                   \
		.vm_size = MOCK_VM_SIZE,                                                           \
		.vcpu_size = 16,                                                                   \
		.probe = MOCK_PROBE,                                                               \
		.open = MOCK_OPEN,                                                                 \
		.close = mock_close,                                                               \
		.cap = mock_cap,                                                                   \
		.vm_create = mock_vm_create,                                                       \
		.vm_destroy = mock_vm_destroy,                                                     \
		.memory_alloc = MOCK_ALLOC,                                                        \
		.memory_free = MOCK_FREE,                                                          \
		.memory_map = mock_map,                                                            \
		.memory_unmap = mock_unmap,                                                        \
		.vcpu_create = mock_vcpu_create,                                                   \
		.vcpu_destroy = mock_vcpu_destroy,                                                 \
		.vcpu_run = MOCK_RUN,                                                              \
		.vcpu_complete = mock_run,                                                         \
		.vcpu_poke = mock_poke,                                                            \
		.vcpu_get_regs = mock_get_regs,                                                    \
		.vcpu_set_regs = mock_set_regs,                                                    \
	}

#ifndef MOCK_NO_ENTRY
static const struct hy_backend mock_table = MOCK_TABLE;

const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *services)
{
	(void)services;
	return &mock_table;
}
#endif

#endif /* TESTS_PLUGINS_MOCK_H */
