/* SPDX-License-Identifier: MIT */
/*
 * Guest memory, and how it changes under running vCPUs.
 *
 * The executor asks for a page once and keeps the address.  So while the map
 * changes no vCPU may be inside, and afterwards each forgets what it has kept
 * before it goes in again; it sees by the map's generation that it must.
 *
 * A vCPU says that it is inside before it looks whether there is a change, and
 * a change is announced before it looks who is inside: one of them sees the
 * other.  Whoever is inside is called out by `attention`, which a vCPU that
 * begins to run clears before it goes inside, not after.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "soft.h"

/* --- In and out ------------------------------------------------------------------- */

static bool is_changing(struct soft_vm *vm)
{
	return __atomic_load_n(&vm->changing, __ATOMIC_SEQ_CST) != 0;
}

static void await_change(struct soft_vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	while (is_changing(vm))
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

void soft_leave(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->be->vm->priv;

	__atomic_store_n(&vcpu->inside, 0, __ATOMIC_SEQ_CST);
	if (!is_changing(vm))
		return;
	pthread_mutex_lock(&vm->lock);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

void soft_enter(struct soft_vcpu *vcpu)
{
	struct soft_vm *vm = vcpu->be->vm->priv;

	__atomic_store_n(&vcpu->inside, 1, __ATOMIC_SEQ_CST);
	while (is_changing(vm)) {
		soft_leave(vcpu);
		await_change(vm);
		__atomic_store_n(&vcpu->inside, 1, __ATOMIC_SEQ_CST);
	}
	if (vcpu->generation == vm->generation)
		return;
	xe_cache_flush(vcpu->cpu.cache);
	vcpu->generation = vm->generation;
}

static bool anybody_inside_locked(const struct soft_vm *vm, uint32_t vcpus)
{
	for (uint32_t id = 0; id < vcpus; id++) {
		if (vm->vcpu[id] && __atomic_load_n(&vm->vcpu[id]->inside, __ATOMIC_SEQ_CST))
			return true;
	}
	return false;
}

/* Until end_change every vCPU is outside. */
static void begin_change(struct hy_backend_vm *be)
{
	struct soft_vm *vm = be->priv;

	pthread_mutex_lock(&vm->lock);
	__atomic_store_n(&vm->changing, 1, __ATOMIC_SEQ_CST);
	for (uint32_t id = 0; id < be->options->vcpus; id++) {
		if (vm->vcpu[id])
			__atomic_store_n(&vm->vcpu[id]->attention, 1, __ATOMIC_SEQ_CST);
	}
	while (anybody_inside_locked(vm, be->options->vcpus))
		pthread_cond_wait(&vm->changed, &vm->lock);
}

static void end_change(struct soft_vm *vm)
{
	vm->generation++;
	__atomic_store_n(&vm->changing, 0, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

/* --- The map ------------------------------------------------------------------------ */

/* The first region that begins above `gpa`; vm->count where there is none. */
static size_t region_above(const struct soft_vm *vm, uint64_t gpa)
{
	size_t low = 0, high = vm->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (vm->region[middle].gpa > gpa)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static struct soft_region *find_region(const struct soft_vm *vm, uint64_t gpa)
{
	size_t above = region_above(vm, gpa);
	struct soft_region *region = above > 0 ? &vm->region[above - 1] : NULL;

	return region && gpa - region->gpa < region->size ? region : NULL;
}

uint8_t *soft_page(void *ctx, uint64_t gpa, uint32_t *prot)
{
	const struct soft_vcpu *vcpu = ctx;
	const struct soft_region *region = find_region(vcpu->be->vm->priv, gpa);

	if (!region)
		return NULL;
	*prot = region->prot;
	return region->host + (gpa - region->gpa);
}

/* --- Changing it ---------------------------------------------------------------------- */

/* Room for one more; the old array stays with the vCPUs until the change. */
static struct soft_region *grown(const struct soft_vm *vm, size_t room)
{
	struct soft_region *region = calloc(room, sizeof(*region));

	if (region && vm->count > 0)
		memcpy(region, vm->region, vm->count * sizeof(*region));
	return region;
}

static void insert(struct soft_vm *vm, const struct hy_backend_region *from)
{
	size_t at = region_above(vm, from->gpa);
	struct soft_region *to = &vm->region[at];

	memmove(to + 1, to, (vm->count - at) * sizeof(*to));
	to->gpa = from->gpa;
	to->size = from->size;
	to->host = from->host;
	to->prot = from->prot;
	vm->count++;
}

int soft_memory_map(struct hy_backend_vm *be, struct hy_backend_region *region)
{
	struct soft_vm *vm = be->priv;
	struct soft_region *more = NULL, *old = NULL;
	size_t room = vm->room > 0 ? 2 * vm->room : 8;

	if (vm->count == vm->room) {
		more = grown(vm, room);
		if (!more)
			return be->host->services->fail(HY_E_NOMEM, 0, NULL, NULL,
			                                "memory for the region at 0x%" PRIx64, region->gpa);
	}
	begin_change(be);
	if (more) {
		old = vm->region;
		vm->region = more;
		vm->room = room;
	}
	insert(vm, region);
	end_change(vm);
	free(old);
	return 0;
}

static int no_region(const struct hy_backend_vm *be, uint64_t gpa)
{
	return be->host->services->fail(HY_E_HOST, 0, NULL, "report it to libhy's authors",
	                                "no region begins at 0x%" PRIx64, gpa);
}

int soft_memory_unmap(struct hy_backend_vm *be, const struct hy_backend_region *region)
{
	struct soft_vm *vm = be->priv;
	struct soft_region *old = find_region(vm, region->gpa);

	if (!old)
		return no_region(be, region->gpa);
	begin_change(be);
	vm->count--;
	memmove(old, old + 1, (vm->count - (size_t)(old - vm->region)) * sizeof(*old));
	end_change(vm);
	return 0;
}

int soft_memory_protect(struct hy_backend_vm *be, const struct hy_backend_region *region, uint32_t prot)
{
	struct soft_vm *vm = be->priv;
	struct soft_region *old = find_region(vm, region->gpa);

	if (!old)
		return no_region(be, region->gpa);
	begin_change(be);
	old->prot = prot;
	end_change(vm);
	return 0;
}
