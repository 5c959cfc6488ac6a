/* SPDX-License-Identifier: MIT */
/* vCPUs: life, and what calls them out of the guest. */
#include <stdlib.h>

#include "os.h"
#include "soft.h"

/* --- What the executor asks for ------------------------------------------------------ */

static bool msr_exits(void *ctx, uint32_t index, bool write)
{
	const struct soft_vcpu *vcpu = ctx;
	const struct hy_vm_options *options = vcpu->be->vm->options;

	for (size_t i = 0; i < options->x86_msr_exit_count; i++) {
		const struct hy_x86_msr_range *range = &options->x86_msr_exits[i];

		if (index - range->first < range->count && (write ? range->write : range->read))
			return true;
	}
	return false;
}

static uint64_t tsc(void *ctx)
{
	(void)ctx;
	return soft_os_now();
}

/* All of the state is here, always. */
static bool load(void *ctx, unsigned parts)
{
	(void)ctx;
	(void)parts;
	return true;
}

static const struct xe_bus bus = {
	.page = soft_page,
	.load = load,
	.cpuid = soft_cpuid,
	.msr_exits = msr_exits,
	.tsc = tsc,
};

/* --- Life --------------------------------------------------------------------------------- */

static void prepare(struct soft_vcpu *vcpu, struct xe_cache *cache)
{
	const struct hy_vm_options *options = vcpu->be->vm->options;
	struct xe_cpu *cpu = &vcpu->cpu;

	cpu->features = xe_features(options->x86_cpuid, options->x86_cpuid_count);
	cpu->phys_bits = soft_cpuid_phys_bits(options);
	cpu->bus = &bus;
	cpu->ctx = vcpu;
	cpu->cache = cache;
	cpu->attention = &vcpu->attention;
	cpu->parts = XE_PART_ALL;
	cpu->interrupt = -1;
}

int soft_vcpu_create(struct hy_backend_vcpu *be)
{
	struct soft_vcpu *vcpu = be->priv;
	struct soft_vm *vm = be->vm->priv;
	struct xe_cache *cache = calloc(1, xe_cache_size);

	if (!cache)
		return soft_services_of(be)->fail(HY_E_NOMEM, 0, NULL, NULL, "memory for the cache of vCPU %u", be->id);
	vcpu->be = be;
	prepare(vcpu, cache);
	/* From here on changes of the map reach it. */
	pthread_mutex_lock(&vm->lock);
	vm->vcpu[be->id] = vcpu;
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

void soft_vcpu_destroy(struct hy_backend_vcpu *be)
{
	struct soft_vcpu *vcpu = be->priv;
	struct soft_vm *vm = be->vm->priv;
	bool parent = vm->process == soft_os_process();

	/* In a child of fork() nobody else is there, but the lock may be taken. */
	if (parent)
		pthread_mutex_lock(&vm->lock);
	vm->vcpu[be->id] = NULL;
	if (parent)
		pthread_mutex_unlock(&vm->lock);
	free(vcpu->cpu.cache);
}

/* Nothing of a vCPU belongs to a thread. */
int soft_vcpu_bind(struct hy_backend_vcpu *be)
{
	(void)be;
	return 0;
}

int soft_vcpu_reset(struct hy_backend_vcpu *be)
{
	struct soft_vcpu *vcpu = be->priv;

	xe_drop(&vcpu->cpu);
	vcpu->rewritten = false;
	xe_reset(&vcpu->cpu);
	return 0;
}

void soft_vcpu_poke(struct hy_backend_vcpu *be)
{
	__atomic_store_n(&soft_vcpu_of(be)->attention, 1, __ATOMIC_SEQ_CST);
}
