/* SPDX-License-Identifier: MIT */
/* core/regions.c: the edges of ranges, and a model of one byte per page. */
#include <stdlib.h>

#include <check.h>

#include "regions.h"
#include "suite.h"

#define PAGES 4096
#define MODEL_STEPS 20000

static uint32_t seed = 12345;

static uint32_t next_random(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static struct hy__region *make_region(uint64_t gpa, uint64_t size)
{
	struct hy__region *region = calloc(1, sizeof(*region));

	ck_assert_ptr_nonnull(region);
	region->be.gpa = gpa;
	region->be.size = size;
	return region;
}

static void add(struct hy__regions *regions, struct hy__region *region)
{
	ck_assert_int_eq(hy__regions_reserve(regions, 1), 0);
	hy__regions_insert(regions, region);
}

START_TEST(range_edges)
{
	ck_assert(hy__range_ok(0, 0, 0x1000));
	ck_assert(hy__range_ok(0, 0x1000, 0x1000));
	ck_assert(!hy__range_ok(0, 0x1001, 0x1000));
	ck_assert(hy__range_ok(0x1000, 0, 0x1000));
	ck_assert(!hy__range_ok(0x1001, 0, 0x1000));
	ck_assert(!hy__range_ok(0xfff, 2, 0x1000));
	ck_assert(!hy__range_ok(1, UINT64_MAX, 0x1000));
	ck_assert(hy__range_ok(UINT64_MAX, 1, 0));
	ck_assert(!hy__range_ok(UINT64_MAX, 2, 0));
	ck_assert(hy__range_ok(0, UINT64_MAX, 0));
	ck_assert(hy__range_ok(1, UINT64_MAX, 0));
	ck_assert(!hy__range_ok(2, UINT64_MAX, 0));
}
END_TEST

START_TEST(empty_map)
{
	struct hy__regions regions = { 0 };

	ck_assert_ptr_null(hy__regions_find(&regions, 0));
	ck_assert_ptr_null(hy__regions_above(&regions, 0));
	ck_assert_ptr_null(hy__regions_below(&regions, UINT64_MAX));
	hy__regions_free(&regions);
}
END_TEST

START_TEST(end_of_address_space)
{
	struct hy__regions regions = { 0 };
	struct hy__region *top = make_region(UINT64_MAX - 0xfff, 0x1000);

	add(&regions, top);
	ck_assert_ptr_eq(hy__regions_find(&regions, UINT64_MAX), top);
	ck_assert_ptr_null(hy__regions_find(&regions, UINT64_MAX - 0x1000));
	ck_assert_ptr_eq(hy__regions_above(&regions, 0), top);
	ck_assert_ptr_eq(hy__regions_above(&regions, UINT64_MAX), top);
	ck_assert_ptr_null(hy__regions_below(&regions, UINT64_MAX));
	hy__regions_remove(&regions, top);
	ck_assert_ptr_null(hy__regions_find(&regions, UINT64_MAX));
	free(top);
	hy__regions_free(&regions);
}
END_TEST

/* What the model says about a page: which region holds it. */
static struct hy__region *owner[PAGES];

static void check_against_model(struct hy__regions *regions)
{
	struct hy__region *below = NULL, *last = NULL;
	size_t count = 0;

	for (uint64_t page = 0; page < PAGES; page++) {
		struct hy__region *above = NULL;

		if (owner[page] != last) {
			below = last ? last : below;
			count += owner[page] != NULL;
			last = owner[page];
		}
		ck_assert_ptr_eq(hy__regions_find(regions, page * 16 + 7), owner[page]);
		for (uint64_t p = page; p < PAGES && !above; p++)
			above = owner[p];
		ck_assert_ptr_eq(hy__regions_above(regions, page * 16 + 7), above);
		if (owner[page] == NULL)
			ck_assert_ptr_eq(hy__regions_below(regions, page * 16), last ? last : below);
	}
	ck_assert_uint_eq(count, regions->count);
}

static void toggle(struct hy__regions *regions, uint32_t page)
{
	struct hy__region *region = owner[page];
	uint32_t size = 0, most = 1 + next_random(4);

	if (region) {
		hy__regions_remove(regions, region);
		for (uint32_t p = 0; p < PAGES; p++)
			owner[p] = owner[p] == region ? NULL : owner[p];
		free(region);
		return;
	}
	while (size < most && page + size < PAGES && !owner[page + size])
		size++;
	region = make_region((uint64_t)page * 16, (uint64_t)size * 16);
	add(regions, region);
	for (uint32_t p = page; p < page + size; p++)
		owner[p] = region;
}

START_TEST(random_against_model)
{
	struct hy__regions regions = { 0 };

	for (unsigned step = 0; step < MODEL_STEPS; step++) {
		toggle(&regions, next_random(PAGES));
		if (step % 2000 == 0)
			check_against_model(&regions);
	}
	check_against_model(&regions);
	for (uint32_t page = 0; page < PAGES; page++) {
		if (owner[page])
			toggle(&regions, page);
	}
	ck_assert_uint_eq(regions.count, 0);
	ck_assert_uint_eq(regions.chunks, 0);
	hy__regions_free(&regions);
}
END_TEST

/* Reserved insertions succeed even when chunks are emptied in between. */
START_TEST(reserve_survives_removal)
{
	struct hy__regions regions = { 0 };
	struct hy__region *many[3 * HY__CHUNK_REGIONS];

	for (size_t i = 0; i < 3 * HY__CHUNK_REGIONS; i++) {
		many[i] = make_region(i * 32, 16);
		add(&regions, many[i]);
	}
	ck_assert_int_eq(hy__regions_reserve(&regions, 3 * HY__CHUNK_REGIONS), 0);
	for (size_t i = 0; i < 3 * HY__CHUNK_REGIONS; i++)
		hy__regions_remove(&regions, many[i]);
	for (size_t i = 0; i < 3 * HY__CHUNK_REGIONS; i++)
		hy__regions_insert(&regions, many[i]);
	for (size_t i = 0; i < 3 * HY__CHUNK_REGIONS; i++) {
		ck_assert_ptr_eq(hy__regions_find(&regions, i * 32), many[i]);
		ck_assert_ptr_null(hy__regions_find(&regions, i * 32 + 16));
	}
	for (size_t i = 0; i < 3 * HY__CHUNK_REGIONS; i++) {
		hy__regions_remove(&regions, many[i]);
		free(many[i]);
	}
	hy__regions_free(&regions);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("regions");
	TCase *tcase = tcase_create("regions");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, range_edges);
	tcase_add_test(tcase, empty_map);
	tcase_add_test(tcase, end_of_address_space);
	tcase_add_test(tcase, random_against_model);
	tcase_add_test(tcase, reserve_survives_removal);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
