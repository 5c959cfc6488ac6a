/* SPDX-License-Identifier: MIT */
/*
 * What stands in for the optional operations that a backend lacks, so that
 * nobody else asks whether one is there.  memory_protect is the exception: the
 * core works otherwise without it.  They fail as a backend does.
 */
#include "internal.h"

static int absent(const char *what)
{
	return hy__services.fail(HY_E_UNSUPPORTED, 0, NULL, NULL, "this backend has no %s", what);
}

static int no_cpuid(struct hy_backend_host *host, struct hy_x86_cpuid *table, size_t *count)
{
	(void)host;
	(void)table;
	*count = 0;
	return absent("CPUID table");
}

static int pages_alloc(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void **host)
{
	(void)vm;
	*host = hy__pages_alloc(size);
	if (*host)
		return 0;
	return hy__services.fail(HY_E_NOMEM, 0, NULL, NULL, "not enough memory for %llu bytes of guest memory at %#llx",
	                         (unsigned long long)size, (unsigned long long)gpa);
}

static void pages_free(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void *host)
{
	(void)vm;
	(void)gpa;
	hy__pages_free(host, size);
}

static int no_bind(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return absent("way to move a vCPU to another thread");
}

static int nothing_to_reset(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

static int no_get_xsave(struct hy_backend_vcpu *vcpu, void *image, size_t *size)
{
	(void)vcpu;
	(void)image;
	*size = 0;
	return absent("access to the XSAVE state");
}

static int no_set_xsave(struct hy_backend_vcpu *vcpu, const void *image, size_t size)
{
	(void)vcpu;
	(void)image;
	(void)size;
	return absent("access to the XSAVE state");
}

void hy__fill_defaults(struct hy_backend *ops)
{
	if (!ops->x86_cpuid)
		ops->x86_cpuid = no_cpuid;
	if (!ops->memory_alloc)
		ops->memory_alloc = pages_alloc;
	if (!ops->memory_free)
		ops->memory_free = pages_free;
	if (!ops->vcpu_bind)
		ops->vcpu_bind = no_bind;
	if (!ops->vcpu_reset)
		ops->vcpu_reset = nothing_to_reset;
	if (!ops->x86_get_xsave)
		ops->x86_get_xsave = no_get_xsave;
	if (!ops->x86_set_xsave)
		ops->x86_set_xsave = no_set_xsave;
}
