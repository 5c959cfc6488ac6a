/* SPDX-License-Identifier: MIT */
/* core/memory.c: checks, changes of the map against a model, copies, failures. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "harness.h"

#define PAGE UINT64_C(4096)
#define PAGES 64
#define STEPS 20000

static struct fake_control *fake;
static struct hy_host *host;
static struct hy_vm *vm;

static uint8_t model[PAGES]; /* a page's prot, 0: unmapped */

static void start(const char *backend)
{
	fake = fake_load(backend);
	host = fake_host();
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	memset(model, 0, sizeof(model));
}

static void end(void)
{
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	fake_close_clean(host);
}

static int add(uint64_t gpa, uint64_t size, uint32_t prot, uint32_t flags)
{
	return hy_vm_alloc_memory(vm, gpa, size, prot, flags);
}

START_TEST(refuses_bad_ranges)
{
	uint64_t top = UINT64_C(1) << 40;

	start("fake");
	expect_error(hy_vm_alloc_memory(NULL, 0, PAGE, HY_PROT_RWX, 0), HY_E_INVALID, "NULL");
	expect_error(add(0, 0, HY_PROT_RWX, 0), HY_E_INVALID, "size 0");
	expect_error(add(1, PAGE, HY_PROT_RWX, 0), HY_E_INVALID, "multiples of 4096");
	expect_error(add(PAGE, 100, HY_PROT_RWX, 0), HY_E_INVALID, "multiples of 4096");
	expect_error(add(top, PAGE, HY_PROT_RWX, 0), HY_E_INVALID, "last address 0xffffffffff");
	expect_error(add(top - PAGE, 2 * PAGE, HY_PROT_RWX, 0), HY_E_INVALID, "last address");
	expect_error(add(UINT64_MAX - PAGE + 1, PAGE, HY_PROT_RWX, 0), HY_E_INVALID, "last address");
	expect_error(add(PAGE, UINT64_MAX - PAGE + 1, HY_PROT_RWX, 0), HY_E_INVALID, "last address");
	expect_error(add(0, PAGE, 0, 0), HY_E_INVALID, "protection 0");
	expect_error(add(0, PAGE, 8, 0), HY_E_INVALID, "protection 0x8");
	expect_error(add(0, PAGE, HY_PROT_RWX, 0x80), HY_E_INVALID, "flags 0x80");
	ck_assert_int_eq(add(top - PAGE, PAGE, HY_PROT_RWX, 0), 0);
	end();
}
END_TEST

START_TEST(refuses_what_the_host_cannot_enforce)
{
	struct hy_region region;

	start("fake");
	expect_error(add(0, PAGE, HY_PROT_READ | HY_PROT_WRITE, 0), HY_E_UNSUPPORTED, "non-executable");
	expect_error(add(0, PAGE, HY_PROT_EXEC, 0), HY_E_UNSUPPORTED, "unreadable");
	ck_assert_int_eq(add(0, PAGE, HY_PROT_RX, 0), 0);
	ck_assert_int_eq(add(PAGE, PAGE, HY_PROT_READ, HY_MAP_WEAKEN), 0);
	ck_assert_int_eq(hy_vm_next_region(vm, PAGE, &region), 1);
	ck_assert_uint_eq(region.prot, HY_PROT_RX);
	end();
}
END_TEST

START_TEST(refuses_overlap_and_names_the_other)
{
	start("fake");
	ck_assert_int_eq(add(4 * PAGE, 4 * PAGE, HY_PROT_RWX, 0), 0);
	expect_error(add(0, 5 * PAGE, HY_PROT_RWX, 0), HY_E_OVERLAP, "the region at 0x4000 of size 0x4000");
	expect_error(add(7 * PAGE, PAGE, HY_PROT_RWX, 0), HY_E_OVERLAP, "0x4000");
	expect_error(add(5 * PAGE, PAGE, HY_PROT_RWX, 0), HY_E_OVERLAP, "0x4000");
	expect_error(add(0, 16 * PAGE, HY_PROT_RWX, 0), HY_E_OVERLAP, "0x4000");
	ck_assert_int_eq(add(0, 4 * PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(add(8 * PAGE, PAGE, HY_PROT_RWX, 0), 0);
	end();
}
END_TEST

START_TEST(maps_the_programs_memory)
{
	char *mine = aligned_alloc(PAGE, 2 * PAGE);
	void *ptr;
	uint64_t left;

	start("fake");
	expect_error(hy_vm_map_memory(vm, 0, NULL, PAGE, HY_PROT_RWX, 0), HY_E_INVALID, "not NULL");
	expect_error(hy_vm_map_memory(vm, 0, mine + 1, PAGE, HY_PROT_RWX, 0), HY_E_INVALID, "multiple of 4096");
	expect_error(hy_vm_map_memory(vm, 0, (void *)(UINTPTR_MAX - PAGE + 1), 2 * PAGE, HY_PROT_RWX, 0), HY_E_INVALID,
	             "wraps");
	ck_assert_int_eq(hy_vm_map_memory(vm, PAGE, mine, 2 * PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(hy_vm_host_ptr(vm, PAGE + 5, &ptr, &left), 0);
	ck_assert_ptr_eq(ptr, mine + 5);
	ck_assert_uint_eq(left, 2 * PAGE - 5);
	expect_error(hy_vm_host_ptr(vm, 3 * PAGE, &ptr, &left), HY_E_UNMAPPED, "0x3000");
	ck_assert_ptr_null(ptr);
	end();
	fake->cap[HY_CAP_MAP_MEMORY].how = HY_CAP_ABSENT;
	host = fake_host();
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	expect_error(hy_vm_map_memory(vm, 0, mine, PAGE, HY_PROT_RWX, 0), HY_E_UNSUPPORTED, "own memory");
	end();
	free(mine);
}
END_TEST

START_TEST(copies_across_regions_or_not_at_all)
{
	char in[3 * 4096], out[3 * 4096];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 7 + 1);
	start("fake");
	ck_assert_int_eq(add(PAGE, PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(add(2 * PAGE, PAGE, HY_PROT_RX, 0), 0);
	ck_assert_int_eq(add(3 * PAGE, PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(hy_vm_write(vm, PAGE, in, sizeof(in)), 0);
	ck_assert_int_eq(hy_vm_read(vm, PAGE, out, sizeof(out)), 0);
	ck_assert_mem_eq(in, out, sizeof(in));
	ck_assert_int_eq(hy_vm_read(vm, 2 * PAGE - 3, out, 6), 0);
	ck_assert_mem_eq(out, in + PAGE - 3, 6);

	memset(in, 0xee, sizeof(in));
	expect_error(hy_vm_write(vm, 2 * PAGE, in, sizeof(in)), HY_E_UNMAPPED, "nothing is mapped at 0x4000");
	ck_assert_int_eq(hy_vm_read(vm, 2 * PAGE, out, 1), 0);
	ck_assert_int_ne(out[0], (char)0xee);
	expect_error(hy_vm_read(vm, 0, out, 1), HY_E_UNMAPPED, "nothing is mapped at 0");
	expect_error(hy_vm_read(vm, UINT64_MAX, out, 2), HY_E_INVALID, "wraps");
	expect_error(hy_vm_read(vm, PAGE, NULL, 1), HY_E_INVALID, "NULL");
	ck_assert_int_eq(hy_vm_read(vm, 0, NULL, 0), 0);
	ck_assert_int_eq(hy_vm_write(vm, UINT64_MAX, in, 0), 0);
	end();
}
END_TEST

START_TEST(unmap_names_the_gap_and_changes_nothing)
{
	start("fake");
	ck_assert_int_eq(add(0, 2 * PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(add(3 * PAGE, PAGE, HY_PROT_RWX, 0), 0);
	expect_error(hy_vm_unmap_memory(vm, 0, 4 * PAGE, 0), HY_E_UNMAPPED, "nothing is mapped at 0x2000");
	expect_error(hy_vm_unmap_memory(vm, 2 * PAGE, PAGE, 0), HY_E_UNMAPPED, "nothing is mapped at 0x2000");
	expect_error(hy_vm_unmap_memory(vm, 3 * PAGE, 2 * PAGE, 0), HY_E_UNMAPPED, "nothing is mapped at 0x4000");
	expect_error(hy_vm_unmap_memory(vm, 0, PAGE, HY_MAP_WEAKEN), HY_E_INVALID, "flags");
	ck_assert_uint_eq(fake->regions, 2);
	end();
}
END_TEST

START_TEST(protect_splits_and_merges)
{
	start("fake");
	ck_assert_int_eq(add(0, 8 * PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(hy_vm_protect_memory(vm, 2 * PAGE, 2 * PAGE, HY_PROT_RX, 0), 0);
	ck_assert_uint_eq(fake->regions, 3);
	ck_assert_int_eq(hy_vm_protect_memory(vm, 4 * PAGE, PAGE, HY_PROT_RX, 0), 0);
	ck_assert_uint_eq(fake->regions, 3);
	ck_assert_int_eq(hy_vm_protect_memory(vm, PAGE, 5 * PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_uint_eq(fake->regions, 1);
	fake->calls[FAKE_MAP] = 0;
	ck_assert_int_eq(hy_vm_protect_memory(vm, 3 * PAGE, PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_uint_eq(fake->calls[FAKE_MAP], 0);
	end();
}
END_TEST

START_TEST(whole_region_uses_the_hosts_protect)
{
	start("fakefull");
	ck_assert_int_eq(add(0, 8 * PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(fake->allocated, 1);
	ck_assert_int_eq(hy_vm_protect_memory(vm, 0, 8 * PAGE, HY_PROT_RX, 0), 0);
	ck_assert_uint_eq(fake->calls[FAKE_PROTECT], 1);
	ck_assert_uint_eq(fake->calls[FAKE_UNMAP], 0);
	ck_assert_int_eq(hy_vm_unmap_memory(vm, PAGE, 6 * PAGE, 0), 0);
	ck_assert_int_eq(fake->allocated, 1);
	ck_assert_int_eq(hy_vm_unmap_memory(vm, 0, PAGE, 0), 0);
	ck_assert_int_eq(hy_vm_unmap_memory(vm, 7 * PAGE, PAGE, 0), 0);
	ck_assert_int_eq(fake->allocated, 0);
	end();
}
END_TEST

/* --- Random changes against one byte per page ------------------------------------ */

static uint32_t seed = 4711;

static uint32_t next_random(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static void check_model(void)
{
	struct hy_region region;
	uint8_t seen[PAGES] = { 0 }, backend[PAGES] = { 0 };
	uint64_t gpa = 0;
	size_t count = 0;

	for (; hy_vm_next_region(vm, gpa, &region) == 1; gpa = region.gpa + region.size, count++)
		memset(&seen[region.gpa / PAGE], (int)region.prot, region.size / PAGE);
	for (size_t i = 0; i < fake->regions; i++)
		memset(&backend[fake->region[i].gpa / PAGE], (int)fake->region[i].prot, fake->region[i].size / PAGE);
	ck_assert_mem_eq(seen, model, PAGES);
	ck_assert_mem_eq(backend, model, PAGES);
	ck_assert_uint_eq(count, fake->regions);
	ck_assert_msg(fake->broken == 0, "%s", fake->last_broken);
}

/* Each mapped page holds its number, wherever its region was cut and joined. */
static void mark(uint64_t page, uint64_t pages)
{
	for (; pages > 0; pages--, page++)
		ck_assert_int_eq(hy_vm_write(vm, page * PAGE, &page, sizeof(page)), 0);
}

static void check_marks(void)
{
	uint64_t found;

	for (uint64_t page = 0; page < PAGES; page++) {
		if (!model[page])
			continue;
		ck_assert_int_eq(hy_vm_read(vm, page * PAGE, &found, sizeof(found)), 0);
		ck_assert_uint_eq(found, page);
	}
}

static bool all_mapped(uint64_t page, uint64_t pages)
{
	return memchr(&model[page], 0, pages) == NULL;
}

static bool none_mapped(uint64_t page, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++) {
		if (model[page + i])
			return false;
	}
	return true;
}

static void random_step(bool may_fail)
{
	uint64_t page = next_random(PAGES), pages = 1 + next_random(8);
	uint32_t prot = next_random(2) ? HY_PROT_RWX : HY_PROT_RX;
	uint32_t what = next_random(3);
	int status, expected;

	if (page + pages > PAGES)
		pages = PAGES - page;
	if (what == 0)
		status = add(page * PAGE, pages * PAGE, prot, 0);
	else if (what == 1)
		status = hy_vm_unmap_memory(vm, page * PAGE, pages * PAGE, 0);
	else
		status = hy_vm_protect_memory(vm, page * PAGE, pages * PAGE, prot, 0);
	if (what == 0)
		expected = none_mapped(page, pages) ? 0 : HY_E_OVERLAP;
	else
		expected = all_mapped(page, pages) ? 0 : HY_E_UNMAPPED;
	if (may_fail && status == HY_E_HOST)
		return; /* then nothing has changed */
	ck_assert_msg(status == expected, "%s", hy_error()->text);
	if (status == 0)
		memset(&model[page], what == 1 ? 0 : (int)prot, pages);
	if (status == 0 && what == 0)
		mark(page, pages);
}

static void run_model(const char *backend)
{
	start(backend);
	for (unsigned step = 0; step < STEPS; step++) {
		random_step(false);
		if (step % 16 == 0)
			check_model();
	}
	check_model();
	check_marks();
	end();
}

START_TEST(random_changes_match_the_model)
{
	run_model("fake");
}
END_TEST

START_TEST(random_changes_match_the_model_with_the_hosts_own_memory)
{
	run_model("fakefull");
}
END_TEST

/* A host call fails somewhere in every change: all or nothing. */
START_TEST(a_failed_change_changes_nothing)
{
	static const enum fake_op ops[] = { FAKE_ALLOC, FAKE_MAP, FAKE_UNMAP, FAKE_PROTECT };
	unsigned failed = 0;

	start("fakefull");
	for (unsigned step = 0; step < STEPS; step++) {
		enum fake_op op = ops[next_random(4)];

		fake->fail_at[op] = 1 + next_random(4);
		random_step(true);
		failed += fake->fail_at[op] == 0;
		memset(fake->fail_at, 0, sizeof(fake->fail_at));
		check_model();
	}
	check_marks();
	ck_assert_uint_gt(failed, 100);
	end();
}
END_TEST

/* When even putting it back fails, the map says what is left. */
START_TEST(lost_memory_is_out_of_the_map)
{
	struct hy_region region;

	start("fake");
	ck_assert_int_eq(add(0, 4 * PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(add(8 * PAGE, 4 * PAGE, HY_PROT_RWX, 0), 0);
	fake->fail_at[FAKE_MAP] = 1;
	fake->fail_for_ever = true;
	expect_error(hy_vm_unmap_memory(vm, PAGE, PAGE, 0), HY_E_HOST, "fails as asked");
	fake->fail_at[FAKE_MAP] = 0;
	ck_assert_int_eq(hy_vm_next_region(vm, 0, &region), 1);
	ck_assert_uint_eq(region.gpa, 8 * PAGE);
	ck_assert_uint_eq(fake->regions, 1);
	end();
}
END_TEST

START_TEST(walks_the_map)
{
	struct hy_region region;

	start("fake");
	ck_assert_int_eq(hy_vm_next_region(vm, 0, &region), 0);
	expect_error(hy_vm_next_region(vm, 0, NULL), HY_E_INVALID, "region is NULL");
	ck_assert_int_eq(add(4 * PAGE, PAGE, HY_PROT_RX, 0), 0);
	ck_assert_int_eq(hy_vm_next_region(vm, 5 * PAGE - 1, &region), 1);
	ck_assert_uint_eq(region.gpa, 4 * PAGE);
	ck_assert_uint_eq(region.size, PAGE);
	ck_assert_uint_eq(region.prot, HY_PROT_RX);
	ck_assert_int_eq(hy_vm_next_region(vm, 5 * PAGE, &region), 0);
	end();
}
END_TEST

/* --- What backends get ------------------------------------------------------------- */

/* What the core has given the fake for its one VM. */
static const struct hy_backend_vm *backend_vm(void)
{
	return fake->owner[0];
}

START_TEST(backends_find_memory)
{
	const struct hy_services *services;
	uint64_t left = 7;
	uint32_t prot = 7;
	void *ptr;

	start("fake");
	ck_assert_int_eq(add(PAGE, 2 * PAGE, HY_PROT_RX, 0), 0);
	ck_assert_int_eq(add(3 * PAGE, PAGE, HY_PROT_RWX, 0), 0);
	ck_assert_int_eq(hy_vm_host_ptr(vm, 2 * PAGE + 5, &ptr, NULL), 0);
	services = backend_vm()->host->services;
	services->vm_lock(backend_vm());
	ck_assert_ptr_eq(services->vm_find(backend_vm(), 2 * PAGE + 5, &left, &prot), ptr);
	ck_assert_uint_eq(left, PAGE - 5);
	ck_assert_uint_eq(prot, HY_PROT_RX);
	ck_assert_ptr_eq(services->vm_find(backend_vm(), 2 * PAGE + 5, NULL, NULL), ptr);
	ck_assert_ptr_nonnull(services->vm_find(backend_vm(), 4 * PAGE - 1, &left, &prot));
	ck_assert_uint_eq(left, 1);
	ck_assert_uint_eq(prot, HY_PROT_RWX);
	ck_assert_ptr_null(services->vm_find(backend_vm(), PAGE - 1, &left, &prot));
	ck_assert_ptr_null(services->vm_find(backend_vm(), 4 * PAGE, &left, &prot));
	ck_assert_ptr_null(services->vm_find(backend_vm(), UINT64_MAX, &left, &prot));
	services->vm_unlock(backend_vm());
	end();
}
END_TEST

static atomic_bool unmapping, unmapped;

static void *unmap_all_of_it(void *arg)
{
	(void)arg;
	atomic_store(&unmapping, true);
	ck_assert_int_eq(hy_vm_unmap_memory(vm, 0, 4 * PAGE, 0), 0);
	atomic_store(&unmapped, true);
	return NULL;
}

/* Also where no vCPU is stopped for the change: it frees nothing before the lock is given back. */
START_TEST(memory_stays_while_a_backend_holds_the_lock)
{
	const struct timespec moment = { 0, 20000000 };
	const struct hy_services *services;
	const struct hy_backend_vm *be;
	pthread_t thread;
	uint8_t *ptr;

	start("fakefull");
	ck_assert_int_eq(add(0, 4 * PAGE, HY_PROT_RWX, 0), 0);
	be = backend_vm();
	services = be->host->services;
	services->vm_lock(be);
	ptr = services->vm_find(be, 0, NULL, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, unmap_all_of_it, NULL), 0);
	while (!atomic_load(&unmapping))
		;
	nanosleep(&moment, NULL);
	ck_assert(!atomic_load(&unmapped));
	ck_assert_ptr_eq(services->vm_find(be, 0, NULL, NULL), ptr);
	memset(ptr, 0x5a, 4 * PAGE);
	services->vm_unlock(be);
	pthread_join(thread, NULL);
	ck_assert_int_eq(fake->allocated, 0);
	services->vm_lock(be);
	ck_assert_ptr_null(services->vm_find(be, 0, NULL, NULL));
	services->vm_unlock(be);
	end();
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		refuses_bad_ranges,
		refuses_what_the_host_cannot_enforce,
		refuses_overlap_and_names_the_other,
		maps_the_programs_memory,
		copies_across_regions_or_not_at_all,
		unmap_names_the_gap_and_changes_nothing,
		protect_splits_and_merges,
		whole_region_uses_the_hosts_protect,
		random_changes_match_the_model,
		random_changes_match_the_model_with_the_hosts_own_memory,
		a_failed_change_changes_nothing,
		lost_memory_is_out_of_the_map,
		walks_the_map,
		backends_find_memory,
		memory_stays_while_a_backend_holds_the_lock,
		NULL,
	};

	return run_suite("memory", tests, 120);
}
