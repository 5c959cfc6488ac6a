/* SPDX-License-Identifier: MIT */
/*
 * The map of guest memory: regions that don't overlap, in the order of their
 * addresses.
 *
 * It is an array of chunks, each a sorted array of some regions: two binary
 * searches find one among any number, and adding or removing one moves at most
 * a chunk.  No function here takes a lock or records a failure.
 */
#ifndef HY_CORE_REGIONS_H
#define HY_CORE_REGIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hy/backend.h>

/* Memory that hy_vm_alloc_memory got, until its last region is gone. */
struct hy__backing {
	uint64_t gpa;
	uint64_t size;
	void *host;
	size_t regions;
};

struct hy__region {
	struct hy_backend_region be;
	struct hy__backing *backing; /* NULL: the program's own memory */
};

#define HY__CHUNK_REGIONS 64

struct hy__chunk {
	struct hy__chunk *next_spare;
	size_t count; /* never 0 while in use */
	uint64_t start[HY__CHUNK_REGIONS];
	struct hy__region *region[HY__CHUNK_REGIONS];
};

struct hy__regions {
	size_t count;        /* of regions */
	size_t chunks, room; /* used and allocated in the two arrays */
	uint64_t *first;     /* first address of each chunk */
	struct hy__chunk **chunk;
	struct hy__chunk *spare;
	size_t spares;
	/* The region that was found last: often the next one too. */
	_Atomic(struct hy__region *) recent;
};

/* Zeroed memory is an empty map.  Free leaves the regions alone. */
void hy__regions_free(struct hy__regions *regions);

/* Makes `n` insertions possible that can't fail, whatever is removed meanwhile. */
int hy__regions_reserve(struct hy__regions *regions, size_t n);

/* The region must overlap none; room must have been reserved. */
void hy__regions_insert(struct hy__regions *regions, struct hy__region *region);
void hy__regions_remove(struct hy__regions *regions, struct hy__region *region);

/* The region that holds `gpa`, or NULL. */
struct hy__region *hy__regions_find(struct hy__regions *regions, uint64_t gpa);

/* The first region that ends above `gpa`, or NULL. */
struct hy__region *hy__regions_above(struct hy__regions *regions, uint64_t gpa);

/* The region that ends at or below `gpa` and is nearest to it, or NULL. */
struct hy__region *hy__regions_below(struct hy__regions *regions, uint64_t gpa);

/* Whether [base, base + size) lies below `limit`; a limit of 0 is 2^64. */
static inline bool hy__range_ok(uint64_t base, uint64_t size, uint64_t limit)
{
	return limit == 0 ? size == 0 || base <= UINT64_MAX - (size - 1)
	                  : base <= limit && size <= limit - base;
}

/* The last address in a region; the one behind it may not be a number. */
static inline uint64_t hy__region_last(const struct hy__region *region)
{
	return region->be.gpa + (region->be.size - 1);
}

#endif /* HY_CORE_REGIONS_H */
