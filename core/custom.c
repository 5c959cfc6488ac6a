/* SPDX-License-Identifier: MIT */
/* Guests of a backend's own architecture, of which the core knows nothing. */
#include <stdio.h>

#include "internal.h"

#define REG_SIZE_MAX 16u

/* Class and index are the backend's business; the rest of an id is what HY_REG makes. */
static bool reg_valid(hy_reg id)
{
	uint32_t size = HY_REG_SIZE(id);

	return size >= 1 && size <= REG_SIZE_MAX &&
	       id == HY_REG(HY_ARCH_CUSTOM, size, HY_REG_CLASS(id), HY_REG_INDEX(id));
}

static void reg_name(hy_reg id, char *text, size_t size)
{
	snprintf(text, size, "register %u of class %u", HY_REG_INDEX(id), HY_REG_CLASS(id));
}

static int complete_options(struct hy_host *host, struct hy_vm_options *options)
{
	if (!options->x86_cpuid && options->x86_cpuid_count == 0 && options->x86_msr_exit_count == 0)
		return 0;
	return hy__fail(HY_E_UNSUPPORTED, NULL,
	                "hy_vm_options.x86_cpuid and x86_msr_exits aren't for guests of backend %s", host->ops->name);
}

/* There are no tables. */
static void free_options(struct hy_vm_options *options)
{
	(void)options;
}

/* vcpu_reset of the backend has done it all. */
static int reset(struct hy_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

const struct hy__arch hy__arch_custom = {
	.id = HY_ARCH_CUSTOM,
	.name = "custom",
	.reg_valid = reg_valid,
	.reg_name = reg_name,
	.complete_options = complete_options,
	.free_options = free_options,
	.reset = reset,
};
