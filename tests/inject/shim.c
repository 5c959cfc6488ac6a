/* SPDX-License-Identifier: MIT */
/*
 * A backend that hands every operation on to the plugin named by
 * HY_SHIM_PLUGIN, unless the program that has loaded it wants it to fail.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hy/backend.h>

#include "inject.h"

static const struct hy_backend *real;
static const struct hy_services *services;

static int injected(unsigned kind)
{
	return services->fail(HY_E_HOST, 0, NULL, NULL, "injected failure of %s", inject_name(kind));
}

/* Counts what has been made. */
static int made(int status)
{
	if (status == 0)
		inject_object(1);
	return status;
}

static void shim_probe(struct hy_probe *probe)
{
	if (!inject_call(INJECT_OP_PROBE)) {
		real->probe(probe);
		return;
	}
	probe->status = HY_PROBE_ERROR;
	snprintf(probe->reason, sizeof(probe->reason), "injected failure of probe");
}

static int shim_open(struct hy_backend_host *host)
{
	return inject_call(INJECT_OP_OPEN) ? injected(INJECT_OP_OPEN) : made(real->open(host));
}

static void shim_close(struct hy_backend_host *host)
{
	real->close(host);
	inject_object(-1);
}

static int shim_cap(struct hy_backend_host *host, uint32_t id, struct hy_cap *cap)
{
	return inject_call(INJECT_OP_CAP) ? injected(INJECT_OP_CAP) : real->cap(host, id, cap);
}

static int shim_cpuid(struct hy_backend_host *host, struct hy_x86_cpuid *table, size_t *count)
{
	return inject_call(INJECT_OP_CPUID) ? injected(INJECT_OP_CPUID) : real->x86_cpuid(host, table, count);
}

static int shim_vm_create(struct hy_backend_vm *vm)
{
	return inject_call(INJECT_OP_VM_CREATE) ? injected(INJECT_OP_VM_CREATE) : made(real->vm_create(vm));
}

static void shim_vm_destroy(struct hy_backend_vm *vm)
{
	real->vm_destroy(vm);
	inject_object(-1);
}

static int shim_map(struct hy_backend_vm *vm, struct hy_backend_region *region)
{
	return inject_call(INJECT_OP_MAP) ? injected(INJECT_OP_MAP) : real->memory_map(vm, region);
}

static int shim_unmap(struct hy_backend_vm *vm, const struct hy_backend_region *region)
{
	return inject_call(INJECT_OP_UNMAP) ? injected(INJECT_OP_UNMAP) : real->memory_unmap(vm, region);
}

static int shim_vcpu_create(struct hy_backend_vcpu *vcpu)
{
	return inject_call(INJECT_OP_VCPU_CREATE) ? injected(INJECT_OP_VCPU_CREATE) : made(real->vcpu_create(vcpu));
}

static void shim_vcpu_destroy(struct hy_backend_vcpu *vcpu)
{
	real->vcpu_destroy(vcpu);
	inject_object(-1);
}

static int shim_bind(struct hy_backend_vcpu *vcpu)
{
	return inject_call(INJECT_OP_BIND) ? injected(INJECT_OP_BIND) : real->vcpu_bind(vcpu);
}

static int shim_reset(struct hy_backend_vcpu *vcpu)
{
	return inject_call(INJECT_OP_RESET) ? injected(INJECT_OP_RESET) : real->vcpu_reset(vcpu);
}

static int shim_run(struct hy_backend_vcpu *vcpu)
{
	return inject_call(INJECT_OP_RUN) ? injected(INJECT_OP_RUN) : real->vcpu_run(vcpu);
}

static int shim_complete(struct hy_backend_vcpu *vcpu)
{
	return inject_call(INJECT_OP_COMPLETE) ? injected(INJECT_OP_COMPLETE) : real->vcpu_complete(vcpu);
}

static int shim_get_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values, size_t count)
{
	if (inject_call(INJECT_OP_GET_REGS))
		return injected(INJECT_OP_GET_REGS);
	return real->vcpu_get_regs(vcpu, ids, values, count);
}

static int shim_set_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count)
{
	if (inject_call(INJECT_OP_SET_REGS))
		return injected(INJECT_OP_SET_REGS);
	return real->vcpu_set_regs(vcpu, ids, values, count);
}

static int shim_get_xsave(struct hy_backend_vcpu *vcpu, void *image, size_t *size)
{
	return inject_call(INJECT_OP_GET_XSAVE) ? injected(INJECT_OP_GET_XSAVE) : real->x86_get_xsave(vcpu, image, size);
}

static int shim_set_xsave(struct hy_backend_vcpu *vcpu, const void *image, size_t size)
{
	return inject_call(INJECT_OP_SET_XSAVE) ? injected(INJECT_OP_SET_XSAVE) : real->x86_set_xsave(vcpu, image, size);
}

/* The operations that every plugin has. */
static void wrap_required(struct hy_backend *table)
{
	table->probe = shim_probe;
	table->open = shim_open;
	table->close = shim_close;
	table->cap = shim_cap;
	table->vm_create = shim_vm_create;
	table->vm_destroy = shim_vm_destroy;
	table->memory_map = shim_map;
	table->memory_unmap = shim_unmap;
	table->vcpu_create = shim_vcpu_create;
	table->vcpu_destroy = shim_vcpu_destroy;
	table->vcpu_run = shim_run;
	table->vcpu_complete = shim_complete;
	table->vcpu_get_regs = shim_get_regs;
	table->vcpu_set_regs = shim_set_regs;
}

static void wrap_optional(struct hy_backend *table)
{
	if (table->x86_cpuid)
		table->x86_cpuid = shim_cpuid;
	if (table->vcpu_bind)
		table->vcpu_bind = shim_bind;
	if (table->vcpu_reset)
		table->vcpu_reset = shim_reset;
	if (table->x86_get_xsave) {
		table->x86_get_xsave = shim_get_xsave;
		table->x86_set_xsave = shim_set_xsave;
	}
}

static hy_backend_entry *load_entry(void)
{
	const char *path = getenv("HY_SHIM_PLUGIN");
	void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

	return module ? (hy_backend_entry *)(uintptr_t)dlsym(module, HY_BACKEND_ENTRY_NAME) : NULL;
}

const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *given)
{
	static struct hy_backend table;
	hy_backend_entry *entry = load_entry();

	services = given;
	real = entry ? entry(given) : NULL;
	if (!real || real->size > sizeof(table))
		return NULL;
	memcpy(&table, real, real->size);
	table.name = "shim";
	wrap_required(&table);
	wrap_optional(&table);
	return &table;
}
