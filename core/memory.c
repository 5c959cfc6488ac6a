/* SPDX-License-Identifier: MIT */
/*
 * Guest physical memory: checks, the map, and its changes.
 *
 * Hosts know whole regions only.  A change of any range of pages is therefore
 * worked out as a set of old regions and the new ones that take their place
 * (struct change), and carried out all or nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define MAP_FLAGS (HY_MAP_WEAKEN | HY_MAP_NONATOMIC)

/* --- Checks --------------------------------------------------------------------- */

static int check_vm(const struct hy_vm *vm)
{
	if (!vm)
		return hy__fail(HY_E_INVALID, NULL, "the VM is NULL");
	return hy__check_fork(vm->host->generation);
}

static int check_range(const struct hy_vm *vm, uint64_t gpa, uint64_t size)
{
	const struct hy_host *host = vm->host;

	if (size == 0)
		return hy__fail(HY_E_INVALID, NULL, "guest memory at %#" PRIx64 " of size 0", gpa);
	if (gpa % host->granule != 0 || size % host->granule != 0)
		return hy__fail(HY_E_INVALID, NULL,
		                "guest memory at %#" PRIx64 " of size %#" PRIx64
		                ": both must be multiples of %" PRIu64,
		                gpa, size, host->granule);
	if (!hy__range_ok(gpa, size, host->gpa_limit))
		return hy__fail(HY_E_INVALID, NULL,
		                "guest memory at %#" PRIx64 " of size %#" PRIx64
		                " goes beyond the guest's last address %#" PRIx64,
		                gpa, size, host->gpa_limit - 1);
	return 0;
}

static int check_flags(uint32_t flags, uint32_t allowed)
{
	if (flags & ~allowed)
		return hy__fail(HY_E_INVALID, NULL, "unknown memory flags %#x", flags & ~allowed);
	return 0;
}

/* Checks a protection, and weakens it where the caller allows that. */
static int check_prot(const struct hy_vm *vm, uint32_t *prot, uint32_t flags)
{
	static const char *const what[] = { "unreadable", "read-only", "non-executable" };
	uint32_t lacking = HY_PROT_RWX & ~*prot & ~vm->host->omittable;

	if (*prot == 0 || *prot & ~(uint32_t)HY_PROT_RWX)
		return hy__fail(HY_E_INVALID, "to make memory inaccessible, unmap it",
		                "protection %#x isn't made of HY_PROT_READ, _WRITE and _EXEC", *prot);
	if (lacking != 0 && !(flags & HY_MAP_WEAKEN)) {
		unsigned i = 0;

		while (!(lacking >> i & 1))
			i++;
		return hy__fail(HY_E_UNSUPPORTED, "add the right, or pass HY_MAP_WEAKEN to get more than asked",
		                "backend %s can't make guest memory %s (protection %#x)", vm->ops->name, what[i],
		                *prot);
	}
	*prot |= lacking;
	return 0;
}

static int check_overlap(struct hy_vm *vm, uint64_t gpa, uint64_t size)
{
	const struct hy__region *other = hy__regions_above(&vm->regions, gpa);

	if (!other || other->be.gpa > gpa + (size - 1))
		return 0;
	return hy__fail(HY_E_OVERLAP, "unmap it first",
	                "guest memory at %#" PRIx64 " of size %#" PRIx64 " meets the region at %#" PRIx64
	                " of size %#" PRIx64,
	                gpa, size, other->be.gpa, other->be.size);
}

/* --- Backings and regions ----------------------------------------------------------- */

static struct hy__backing *backing_create(struct hy_vm *vm, uint64_t gpa, uint64_t size, int *status)
{
	struct hy__backing *backing = calloc(1, sizeof(*backing));

	if (!backing) {
		*status = hy__fail_nomem("memory backing");
		return NULL;
	}
	backing->gpa = gpa;
	backing->size = size;
	*status = vm->ops->memory_alloc(&vm->be, gpa, size, &backing->host);
	if (*status == 0 && backing->host)
		return backing;
	if (*status == 0)
		*status = hy__fail(HY_E_ABI, "report it to the backend's author", "backend %s gave guest memory at NULL",
		                   vm->ops->name);
	else
		*status = hy__backend_failed(vm->ops, *status);
	free(backing);
	return NULL;
}

static void backing_destroy(struct hy_vm *vm, struct hy__backing *backing)
{
	vm->ops->memory_free(&vm->be, backing->gpa, backing->size, backing->host);
	free(backing);
}

static struct hy__region *region_create(uint64_t gpa, uint64_t size, void *host, uint32_t prot,
                                        struct hy__backing *backing)
{
	struct hy__region *region = calloc(1, sizeof(*region));

	if (!region)
		return NULL;
	region->be.gpa = gpa;
	region->be.size = size;
	region->be.host = host;
	region->be.prot = prot;
	region->backing = backing;
	if (backing)
		backing->regions++;
	return region;
}

/* Frees a region that is in no map, and its backing when it was the last one. */
static void region_destroy(struct hy_vm *vm, struct hy__region *region)
{
	struct hy__backing *backing = region->backing;

	if (backing && --backing->regions == 0)
		backing_destroy(vm, backing);
	free(region);
}

void hy__memory_free(struct hy_vm *vm)
{
	struct hy__region *region;

	while ((region = hy__regions_above(&vm->regions, 0)) != NULL) {
		hy__regions_remove(&vm->regions, region);
		region_destroy(vm, region);
	}
	hy__regions_free(&vm->regions);
}

/* Room in the map for `n` more regions, so that entering them can't fail. */
static int reserve_regions(struct hy_vm *vm, size_t n)
{
	int status;

	hy__rwlock_write(&vm->lock);
	status = hy__regions_reserve(&vm->regions, n);
	hy__rwlock_unlock(&vm->lock);
	return status == 0 ? 0 : hy__fail_nomem("memory map");
}

/* --- Adding memory --------------------------------------------------------------------- */

/* Shows a new region to the guest and enters it; adding needs no pause. */
static int add_region_locked(struct hy_vm *vm, struct hy__region *region)
{
	int status = vm->ops->memory_map(&vm->be, &region->be);

	if (status != 0)
		return hy__backend_failed(vm->ops, status);
	hy__rwlock_write(&vm->lock);
	hy__regions_insert(&vm->regions, region);
	hy__rwlock_unlock(&vm->lock);
	return 0;
}

/* Both ways of adding; `memory` is NULL for new memory.  Wants vm->change. */
static int add_memory_locked(struct hy_vm *vm, uint64_t gpa, void *memory, uint64_t size, uint32_t prot)
{
	struct hy__backing *backing = NULL;
	struct hy__region *region;
	int status = check_overlap(vm, gpa, size);

	if (status == 0)
		status = reserve_regions(vm, 1);
	if (status != 0)
		return status;
	if (!memory) {
		backing = backing_create(vm, gpa, size, &status);
		if (!backing)
			return status;
		memory = backing->host;
	}
	region = region_create(gpa, size, memory, prot, backing);
	if (!region) {
		if (backing)
			backing_destroy(vm, backing);
		return hy__fail_nomem("memory region");
	}
	status = add_region_locked(vm, region);
	if (status != 0)
		region_destroy(vm, region);
	return status;
}

static int add_memory(struct hy_vm *vm, uint64_t gpa, void *memory, uint64_t size, uint32_t prot, uint32_t flags)
{
	int status = check_range(vm, gpa, size);

	if (status == 0)
		status = check_flags(flags, MAP_FLAGS);
	if (status == 0)
		status = check_prot(vm, &prot, flags);
	if (status != 0)
		return status;
	hy__mutex_lock(&vm->change);
	status = add_memory_locked(vm, gpa, memory, size, prot);
	hy__mutex_unlock(&vm->change);
	return status;
}

int hy_vm_alloc_memory(struct hy_vm *vm, uint64_t gpa, uint64_t size, uint32_t prot, uint32_t flags)
{
	int status = check_vm(vm);

	return status != 0 ? status : add_memory(vm, gpa, NULL, size, prot, flags);
}

int hy_vm_map_memory(struct hy_vm *vm, uint64_t gpa, void *memory, uint64_t size, uint32_t prot, uint32_t flags)
{
	int status = check_vm(vm);

	if (status != 0)
		return status;
	if (!vm->host->takes_own_memory)
		return hy__fail(HY_E_UNSUPPORTED, "use hy_vm_alloc_memory",
		                "backend %s can't map the program's own memory", vm->ops->name);
	if (!memory || (uintptr_t)memory % vm->host->granule != 0)
		return hy__fail(HY_E_INVALID, NULL, "memory to map must be at a multiple of %" PRIu64 ", not NULL",
		                vm->host->granule);
	if (size != 0 && !hy__range_ok((uintptr_t)memory, size, (uint64_t)UINTPTR_MAX))
		return hy__fail(HY_E_INVALID, NULL, "memory to map wraps round the end of the address space");
	return add_memory(vm, gpa, memory, size, prot, flags);
}

/* --- Changing memory ----------------------------------------------------------------------- */

/* Old regions, and the new ones in their place; both in order. */
struct change {
	struct hy__region **old;
	struct hy__region **new;
	size_t olds, news;
};

static void change_free(struct hy_vm *vm, struct change *change)
{
	for (size_t i = 0; i < change->news; i++)
		region_destroy(vm, change->new[i]);
	free(change->old);
	free(change->new);
}

/* Room for `olds` regions, and for the most pieces that they can become. */
static int change_init(struct change *change, size_t olds)
{
	*change = (struct change){ NULL, NULL, 0, 0 };
	change->old = calloc(olds, sizeof(*change->old));
	change->new = calloc(olds + 2, sizeof(*change->new));
	if (change->old && change->new)
		return 0;
	free(change->old);
	free(change->new);
	return hy__fail_nomem("memory change");
}

static bool joins(const struct hy__region *a, uint64_t gpa, const void *host, uint32_t prot,
                  const struct hy__backing *backing)
{
	return a->be.gpa + a->be.size == gpa && (char *)a->be.host + a->be.size == (const char *)host &&
	       a->be.prot == prot && a->backing == backing;
}

/* Adds the piece [from, to) of `region`; a piece that continues the last one is one with it. */
static int add_piece(struct change *change, const struct hy__region *region, uint64_t from, uint64_t size,
                     uint32_t prot)
{
	struct hy__region *last = change->news ? change->new[change->news - 1] : NULL;
	void *host;

	if (size == 0)
		return 0;
	host = (char *)region->be.host + (from - region->be.gpa);
	if (last && joins(last, from, host, prot, region->backing)) {
		last->be.size += size;
		return 0;
	}
	last = region_create(from, size, host, prot, region->backing);
	if (!last)
		return hy__fail_nomem("memory region");
	change->new[change->news++] = last;
	return 0;
}

/* What becomes of one region when [gpa, gpa + size) of it gets `prot`; 0: goes. */
static int cut_region(struct change *change, struct hy__region *region, uint64_t gpa, uint64_t size, uint32_t prot)
{
	uint64_t first = region->be.gpa > gpa ? region->be.gpa : gpa;
	uint64_t last = hy__region_last(region) < gpa + (size - 1) ? hy__region_last(region) : gpa + (size - 1);
	int status;

	change->old[change->olds++] = region;
	if (first > last) /* a neighbour, outside of the range */
		return add_piece(change, region, region->be.gpa, region->be.size, region->be.prot);
	status = add_piece(change, region, region->be.gpa, first - region->be.gpa, region->be.prot);
	if (status == 0 && prot != 0)
		status = add_piece(change, region, first, last - first + 1, prot);
	if (status == 0)
		status = add_piece(change, region, last + 1, hy__region_last(region) - last, region->be.prot);
	return status;
}

/* The region that follows directly on `region`, or NULL. */
static struct hy__region *next_adjacent(struct hy_vm *vm, const struct hy__region *region)
{
	struct hy__region *next;

	if (hy__region_last(region) == UINT64_MAX)
		return NULL;
	next = hy__regions_above(&vm->regions, hy__region_last(region) + 1);
	return next && next->be.gpa == hy__region_last(region) + 1 ? next : NULL;
}

/* Counts the regions of a range that must be mapped without a gap. */
static int count_regions(struct hy_vm *vm, uint64_t gpa, uint64_t size, size_t *count)
{
	struct hy__region *region = hy__regions_find(&vm->regions, gpa);
	uint64_t gap = gpa;

	for (*count = 0; region; region = next_adjacent(vm, region)) {
		++*count;
		if (hy__region_last(region) >= gpa + (size - 1))
			return 0;
		gap = hy__region_last(region) + 1;
	}
	return hy__fail(HY_E_UNMAPPED, NULL,
	                "guest memory at %#" PRIx64 " of size %#" PRIx64 ": nothing is mapped at %#" PRIx64, gpa, size,
	                gap);
}

/* Works out a change of protection, or with prot 0 the unmapping, of a range. */
static int plan_change(struct hy_vm *vm, struct change *change, uint64_t gpa, uint64_t size, uint32_t prot)
{
	struct hy__region *region, *before;
	size_t count;
	int status = count_regions(vm, gpa, size, &count);

	if (status == 0)
		status = change_init(change, count + 2);
	if (status != 0)
		return status;
	region = hy__regions_find(&vm->regions, gpa);
	/* The neighbours take part: they may grow together with the range. */
	before = prot != 0 ? hy__regions_below(&vm->regions, region->be.gpa) : NULL;
	if (before && hy__region_last(before) + 1 == region->be.gpa) {
		region = before;
		count++;
	}
	for (; status == 0 && region; region = next_adjacent(vm, region)) {
		if (count == 0 && (prot == 0 || region->be.gpa > gpa + size))
			break;
		status = cut_region(change, region, gpa, size, prot);
		if (count > 0)
			count--;
	}
	if (status != 0)
		change_free(vm, change);
	return status;
}

static bool same_region(const struct hy__region *a, const struct hy__region *b)
{
	return a->be.gpa == b->be.gpa && a->be.size == b->be.size && a->be.prot == b->be.prot;
}

/* Takes out of the change what stays as it is. */
static void drop_unchanged(struct hy_vm *vm, struct change *change)
{
	size_t olds = 0, news = 0, n = 0;

	for (size_t o = 0; o < change->olds; o++) {
		while (n < change->news && change->new[n]->be.gpa < change->old[o]->be.gpa)
			change->new[news++] = change->new[n++];
		if (n < change->news && same_region(change->old[o], change->new[n]))
			region_destroy(vm, change->new[n++]);
		else
			change->old[olds++] = change->old[o];
	}
	while (n < change->news)
		change->new[news++] = change->new[n++];
	change->olds = olds;
	change->news = news;
}

static int map_all(struct hy_vm *vm, struct hy__region **region, size_t count, size_t *done)
{
	int status = 0;

	for (*done = 0; *done < count && status == 0; *done += status == 0)
		status = vm->ops->memory_map(&vm->be, &region[*done]->be);
	return status;
}

static int unmap_all(struct hy_vm *vm, struct hy__region **region, size_t count, size_t *done)
{
	int status = 0;

	for (*done = 0; *done < count && status == 0; *done += status == 0)
		status = vm->ops->memory_unmap(&vm->be, &region[*done]->be);
	return status;
}

/*
 * Puts the old regions back after a failure.  When the host refuses that too,
 * they are gone for the guest, and the map says so.
 */
static void put_back(struct hy_vm *vm, struct change *change, size_t unmapped, size_t mapped)
{
	size_t done;

	hy__error_hold(true);
	unmap_all(vm, change->new, mapped, &done);
	map_all(vm, change->old, unmapped, &done);
	hy__error_hold(false);
	for (size_t i = done; i < unmapped; i++) {
		hy__log(HY__LOG_ERROR, "memory at %#" PRIx64 " of size %#" PRIx64 " is lost: the host refuses to map it again",
		        change->old[i]->be.gpa, change->old[i]->be.size);
		hy__rwlock_write(&vm->lock);
		hy__regions_remove(&vm->regions, change->old[i]);
		hy__rwlock_unlock(&vm->lock);
		region_destroy(vm, change->old[i]);
	}
}

/* Shows the change to the guest. */
static int exchange(struct hy_vm *vm, struct change *change)
{
	size_t unmapped, mapped = 0;
	int status;

	if (change->olds == 1 && change->news == 1 && change->old[0]->be.size == change->new[0]->be.size &&
	    vm->ops->memory_protect) {
		change->new[0]->be.cookie = change->old[0]->be.cookie;
		status = vm->ops->memory_protect(&vm->be, &change->old[0]->be, change->new[0]->be.prot);
		return status == 0 ? 0 : hy__backend_failed(vm->ops, status);
	}
	status = unmap_all(vm, change->old, change->olds, &unmapped);
	if (status == 0)
		status = map_all(vm, change->new, change->news, &mapped);
	if (status == 0)
		return 0;
	status = hy__backend_failed(vm->ops, status);
	put_back(vm, change, unmapped, mapped);
	return status;
}

/*
 * Enters the change in the map; can't fail, room is reserved.  Frees what is gone
 * after that: nobody who has found it in the map holds the lock any more.
 */
static void commit(struct hy_vm *vm, struct change *change)
{
	hy__rwlock_write(&vm->lock);
	for (size_t i = 0; i < change->olds; i++)
		hy__regions_remove(&vm->regions, change->old[i]);
	for (size_t i = 0; i < change->news; i++)
		hy__regions_insert(&vm->regions, change->new[i]);
	hy__rwlock_unlock(&vm->lock);
	change->news = 0; /* they are the map's now */
	for (size_t i = 0; i < change->olds; i++)
		region_destroy(vm, change->old[i]);
}

static int carry_out(struct hy_vm *vm, struct change *change, uint32_t flags)
{
	/* Taking whole regions away is one step for the guest; the rest shows a hole. */
	bool pause = change->news > 0 && !vm->host->atomic_change && !(flags & HY_MAP_NONATOMIC);
	int status = reserve_regions(vm, change->news);

	if (status != 0)
		return status;
	if (pause)
		hy__vm_pause(vm);
	status = exchange(vm, change);
	if (status == 0)
		commit(vm, change);
	if (pause)
		hy__vm_resume(vm);
	return status;
}

/* Gives a range the protection `prot`, or with 0 takes it away. */
static int change_memory(struct hy_vm *vm, uint64_t gpa, uint64_t size, uint32_t prot, uint32_t flags)
{
	struct change change;
	int status;

	hy__mutex_lock(&vm->change);
	status = plan_change(vm, &change, gpa, size, prot);
	if (status == 0) {
		drop_unchanged(vm, &change);
		status = carry_out(vm, &change, flags);
		change_free(vm, &change);
	}
	hy__mutex_unlock(&vm->change);
	return status;
}

int hy_vm_unmap_memory(struct hy_vm *vm, uint64_t gpa, uint64_t size, uint32_t flags)
{
	int status = check_vm(vm);

	if (status == 0)
		status = check_flags(flags, HY_MAP_NONATOMIC);
	if (status == 0)
		status = check_range(vm, gpa, size);
	return status != 0 ? status : change_memory(vm, gpa, size, 0, flags);
}

int hy_vm_protect_memory(struct hy_vm *vm, uint64_t gpa, uint64_t size, uint32_t prot, uint32_t flags)
{
	int status = check_vm(vm);

	if (status == 0)
		status = check_flags(flags, MAP_FLAGS);
	if (status == 0)
		status = check_range(vm, gpa, size);
	if (status == 0)
		status = check_prot(vm, &prot, flags);
	return status != 0 ? status : change_memory(vm, gpa, size, prot, flags);
}

/* --- Using memory ------------------------------------------------------------------------------ */

/* How many bytes from `gpa` on, `size` at most, lie in its region; 0: none. */
static size_t piece_at(struct hy_vm *vm, uint64_t gpa, size_t size, char **host)
{
	const struct hy__region *region = hy__regions_find(&vm->regions, gpa);
	uint64_t offset, left;

	if (!region)
		return 0;
	offset = gpa - region->be.gpa;
	left = region->be.size - offset;
	*host = (char *)region->be.host + offset;
	return left < size ? (size_t)left : size;
}

/* Finds the first address of a range that isn't mapped; wants vm->lock. */
static bool find_gap_locked(struct hy_vm *vm, uint64_t gpa, size_t size, uint64_t *gap)
{
	char *host;

	while (size > 0) {
		size_t piece = piece_at(vm, gpa, size, &host);

		*gap = gpa;
		if (piece == 0)
			return true;
		gpa += piece;
		size -= piece;
	}
	return false;
}

/* Copies between `out` or `in`, whichever is there, and guest memory. */
static int copy(struct hy_vm *vm, uint64_t gpa, char *out, const char *in, size_t size, uint64_t *gap)
{
	char *host = NULL;
	size_t piece, done = 0;
	int status = 0;

	hy__rwlock_read(&vm->lock);
	/* The usual copy lies in one region; others are checked whole first. */
	if (size > 0 && piece_at(vm, gpa, size, &host) < size && find_gap_locked(vm, gpa, size, gap))
		status = HY_E_UNMAPPED;
	for (; status == 0 && done < size; done += piece) {
		piece = piece_at(vm, gpa + done, size - done, &host);
		if (out)
			memcpy(out + done, host, piece);
		else
			memcpy(host, in + done, piece);
	}
	hy__rwlock_unlock(&vm->lock);
	return status;
}

const struct hy_backend_region *hy__vm_find_locked(struct hy_vm *vm, uint64_t gpa)
{
	const struct hy__region *region = hy__regions_find(&vm->regions, gpa);

	return region ? &region->be : NULL;
}

int hy__vm_copy_out(struct hy_vm *vm, uint64_t gpa, void *data, size_t size, uint64_t *gap)
{
	if (!hy__range_ok(gpa, size, 0)) {
		*gap = gpa;
		return HY_E_UNMAPPED;
	}
	return copy(vm, gpa, data, NULL, size, gap);
}

static int copy_checked(struct hy_vm *vm, uint64_t gpa, void *out, const void *in, size_t size)
{
	const char *what = out ? "read" : "write";
	uint64_t gap = gpa;
	int status = check_vm(vm);

	if (status != 0)
		return status;
	if (!out && !in && size > 0)
		return hy__fail(HY_E_INVALID, NULL, "guest memory %s: the data is NULL", what);
	if (!hy__range_ok(gpa, size, 0))
		return hy__fail(HY_E_INVALID, NULL, "guest memory %s at %#" PRIx64 " of %zu bytes wraps round", what,
		                gpa, size);
	if (copy(vm, gpa, out, in, size, &gap) != 0)
		return hy__fail(HY_E_UNMAPPED, NULL,
		                "guest memory %s at %#" PRIx64 " of %zu bytes: nothing is mapped at %#" PRIx64, what,
		                gpa, size, gap);
	return 0;
}

int hy_vm_read(struct hy_vm *vm, uint64_t gpa, void *data, size_t size)
{
	return copy_checked(vm, gpa, data, NULL, size);
}

int hy_vm_write(struct hy_vm *vm, uint64_t gpa, const void *data, size_t size)
{
	return copy_checked(vm, gpa, NULL, data, size);
}

int hy_vm_host_ptr(struct hy_vm *vm, uint64_t gpa, void **ptr, uint64_t *left)
{
	const struct hy__region *region;
	int status;

	if (!ptr)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_host_ptr: ptr is NULL");
	*ptr = NULL;
	status = check_vm(vm);
	if (status != 0)
		return status;
	hy__rwlock_read(&vm->lock);
	region = hy__regions_find(&vm->regions, gpa);
	if (region) {
		*ptr = (char *)region->be.host + (gpa - region->be.gpa);
		if (left)
			*left = region->be.size - (gpa - region->be.gpa);
	}
	hy__rwlock_unlock(&vm->lock);
	if (!*ptr)
		return hy__fail(HY_E_UNMAPPED, NULL, "nothing is mapped at guest address %#" PRIx64, gpa);
	return 0;
}

int hy_vm_next_region(struct hy_vm *vm, uint64_t gpa, struct hy_region *region)
{
	const struct hy__region *found;
	int status = check_vm(vm);

	if (status != 0)
		return status;
	if (!region)
		return hy__fail(HY_E_INVALID, NULL, "hy_vm_next_region: region is NULL");
	hy__rwlock_read(&vm->lock);
	found = hy__regions_above(&vm->regions, gpa);
	if (found)
		*region = (struct hy_region){ .gpa = found->be.gpa, .size = found->be.size, .prot = found->be.prot,
			                      .host = found->be.host };
	hy__rwlock_unlock(&vm->lock);
	return found ? 1 : 0;
}
