/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <hy/types.h>

#include "regions.h"

/* Spare chunks beyond what was reserved; more are given back. */
#define SPARES_KEPT 2

void hy__regions_free(struct hy__regions *regions)
{
	for (size_t i = 0; i < regions->chunks; i++)
		free(regions->chunk[i]);
	while (regions->spare) {
		struct hy__chunk *chunk = regions->spare;

		regions->spare = chunk->next_spare;
		free(chunk);
	}
	free(regions->chunk);
	free(regions->first);
	memset(regions, 0, sizeof(*regions));
}

static int reserve_room(struct hy__regions *regions, size_t n)
{
	size_t room = regions->room * 2 > regions->chunks + n ? regions->room * 2 : regions->chunks + n;
	struct hy__chunk **chunk;
	uint64_t *first;

	if (regions->chunks + n <= regions->room)
		return 0;
	chunk = realloc(regions->chunk, room * sizeof(*chunk));
	if (!chunk)
		return HY_E_NOMEM;
	regions->chunk = chunk;
	first = realloc(regions->first, room * sizeof(*first));
	if (!first)
		return HY_E_NOMEM;
	regions->first = first;
	regions->room = room;
	return 0;
}

/* One insertion takes at most one new chunk. */
int hy__regions_reserve(struct hy__regions *regions, size_t n)
{
	while (regions->spares < n) {
		struct hy__chunk *chunk = malloc(sizeof(*chunk));

		if (!chunk)
			return HY_E_NOMEM;
		chunk->next_spare = regions->spare;
		regions->spare = chunk;
		regions->spares++;
	}
	return reserve_room(regions, n);
}

static struct hy__chunk *take_spare(struct hy__regions *regions)
{
	struct hy__chunk *chunk = regions->spare;

	regions->spare = chunk->next_spare;
	regions->spares--;
	chunk->count = 0;
	return chunk;
}

static void give_spare(struct hy__regions *regions, struct hy__chunk *chunk)
{
	if (regions->spares >= SPARES_KEPT) {
		free(chunk);
		return;
	}
	chunk->next_spare = regions->spare;
	regions->spare = chunk;
	regions->spares++;
}

/* How many of the sorted `start` are at or below `gpa`. */
static size_t count_upto(const uint64_t *start, size_t count, uint64_t gpa)
{
	size_t base = 0;

	while (count > 0) {
		size_t half = (count + 1) / 2;

		if (start[base + half - 1] <= gpa)
			base += half;
		count -= half;
	}
	return base;
}

/* Where `gpa` belongs: the chunk, and how many regions there start at or below it. */
struct place {
	size_t chunk;
	size_t index;
};

static struct place find_place(const struct hy__regions *regions, uint64_t gpa)
{
	size_t upto = count_upto(regions->first, regions->chunks, gpa);
	struct place place = { upto > 0 ? upto - 1 : 0, 0 };

	if (upto > 0) {
		const struct hy__chunk *chunk = regions->chunk[place.chunk];

		place.index = count_upto(chunk->start, chunk->count, gpa);
	}
	return place;
}

static void insert_chunk(struct hy__regions *regions, size_t at, struct hy__chunk *chunk)
{
	size_t behind = regions->chunks - at;

	memmove(&regions->chunk[at + 1], &regions->chunk[at], behind * sizeof(*regions->chunk));
	memmove(&regions->first[at + 1], &regions->first[at], behind * sizeof(*regions->first));
	regions->chunk[at] = chunk;
	regions->chunks++;
}

/* Moves the upper half of a full chunk to a new one behind it. */
static void split_chunk(struct hy__regions *regions, size_t at)
{
	struct hy__chunk *low = regions->chunk[at];
	struct hy__chunk *high = take_spare(regions);

	low->count = HY__CHUNK_REGIONS / 2;
	high->count = HY__CHUNK_REGIONS - low->count;
	memcpy(high->start, &low->start[low->count], high->count * sizeof(*high->start));
	memcpy(high->region, &low->region[low->count], high->count * sizeof(*high->region));
	insert_chunk(regions, at + 1, high);
	regions->first[at + 1] = high->start[0];
}

void hy__regions_insert(struct hy__regions *regions, struct hy__region *region)
{
	struct place at = find_place(regions, region->be.gpa);
	struct hy__chunk *chunk;

	if (regions->chunks == 0) {
		insert_chunk(regions, 0, take_spare(regions));
	} else if (regions->chunk[at.chunk]->count == HY__CHUNK_REGIONS) {
		split_chunk(regions, at.chunk);
		at = find_place(regions, region->be.gpa);
	}
	chunk = regions->chunk[at.chunk];
	memmove(&chunk->start[at.index + 1], &chunk->start[at.index],
	        (chunk->count - at.index) * sizeof(*chunk->start));
	memmove(&chunk->region[at.index + 1], &chunk->region[at.index],
	        (chunk->count - at.index) * sizeof(*chunk->region));
	chunk->start[at.index] = region->be.gpa;
	chunk->region[at.index] = region;
	chunk->count++;
	regions->first[at.chunk] = chunk->start[0];
	regions->count++;
}

static void remove_chunk(struct hy__regions *regions, size_t at)
{
	size_t behind = regions->chunks - at - 1;

	give_spare(regions, regions->chunk[at]);
	memmove(&regions->chunk[at], &regions->chunk[at + 1], behind * sizeof(*regions->chunk));
	memmove(&regions->first[at], &regions->first[at + 1], behind * sizeof(*regions->first));
	regions->chunks--;
}

void hy__regions_remove(struct hy__regions *regions, struct hy__region *region)
{
	struct place at = find_place(regions, region->be.gpa);
	struct hy__chunk *chunk = regions->chunk[at.chunk];
	size_t behind = chunk->count - at.index;

	/* find_place points behind the region that starts there. */
	memmove(&chunk->start[at.index - 1], &chunk->start[at.index], behind * sizeof(*chunk->start));
	memmove(&chunk->region[at.index - 1], &chunk->region[at.index], behind * sizeof(*chunk->region));
	chunk->count--;
	if (chunk->count == 0)
		remove_chunk(regions, at.chunk);
	else
		regions->first[at.chunk] = chunk->start[0];
	regions->count--;
	if (atomic_load_explicit(&regions->recent, memory_order_relaxed) == region)
		atomic_store_explicit(&regions->recent, NULL, memory_order_relaxed);
}

/* The region before a place, which is the last one that starts at or below it. */
static struct hy__region *region_before(const struct hy__regions *regions, struct place at)
{
	if (at.index > 0)
		return regions->chunk[at.chunk]->region[at.index - 1];
	if (at.chunk > 0)
		return regions->chunk[at.chunk - 1]->region[regions->chunk[at.chunk - 1]->count - 1];
	return NULL;
}

static bool holds(const struct hy__region *region, uint64_t gpa)
{
	return gpa - region->be.gpa < region->be.size;
}

struct hy__region *hy__regions_find(struct hy__regions *regions, uint64_t gpa)
{
	struct hy__region *region = atomic_load_explicit(&regions->recent, memory_order_relaxed);

	if (region && holds(region, gpa))
		return region;
	region = region_before(regions, find_place(regions, gpa));
	if (!region || !holds(region, gpa))
		return NULL;
	atomic_store_explicit(&regions->recent, region, memory_order_relaxed);
	return region;
}

struct hy__region *hy__regions_above(struct hy__regions *regions, uint64_t gpa)
{
	struct place at = find_place(regions, gpa);
	struct hy__region *before = region_before(regions, at);

	if (before && holds(before, gpa))
		return before;
	if (regions->chunks == 0)
		return NULL;
	if (at.index < regions->chunk[at.chunk]->count)
		return regions->chunk[at.chunk]->region[at.index];
	return at.chunk + 1 < regions->chunks ? regions->chunk[at.chunk + 1]->region[0] : NULL;
}

struct hy__region *hy__regions_below(struct hy__regions *regions, uint64_t gpa)
{
	if (gpa == 0)
		return NULL;
	/* Regions don't overlap, so the last that starts below gpa is nearest. */
	struct hy__region *region = region_before(regions, find_place(regions, gpa - 1));

	return region && hy__region_last(region) < gpa ? region : NULL;
}
