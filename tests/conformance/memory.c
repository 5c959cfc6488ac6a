/* SPDX-License-Identifier: MIT */
/* Guest memory as the program sees it; x86-guest-memory.c has the guest's view. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conform.h"

#define BASE UINT64_C(0x100000)

/* A VM, and the granule `g` that everything here is counted in. */
struct space {
	struct hy_vm *vm;
	uint64_t g;
};

static struct space new_space(struct conform *t)
{
	struct space s = { .vm = new_vm(t, NULL) };
	struct hy_cap cap;

	OK(hy_host_cap(t->host, HY_CAP_GRANULE, &cap));
	s.g = cap.value;
	return s;
}

static uint64_t at(const struct space *s, uint64_t page)
{
	return BASE + page * s->g;
}

static void alloc(const struct space *s, uint64_t page, uint64_t count)
{
	OK(hy_vm_alloc_memory(s->vm, at(s, page), count * s->g, HY_PROT_RWX, 0));
}

static void put(const struct space *s, uint64_t page, uint8_t byte)
{
	OK(hy_vm_write(s->vm, at(s, page), &byte, 1));
}

static void check_byte(const struct space *s, uint64_t page, uint8_t wanted)
{
	uint8_t byte;

	OK(hy_vm_read(s->vm, at(s, page), &byte, 1));
	if (byte != wanted)
		FAIL("page %" PRIu64 " holds %#x, should be %#x", page, byte, wanted);
}

static bool is_mapped(const struct space *s, uint64_t page)
{
	uint8_t byte;

	return hy_vm_read(s->vm, at(s, page), &byte, 1) == 0;
}

/* The protection of a page, 0 where nothing is mapped. */
static uint32_t prot_of(const struct space *s, uint64_t page)
{
	struct hy_region region;
	int r = hy_vm_next_region(s->vm, at(s, page), &region);

	CHECK(r == 0 || r == 1);
	return r == 1 && region.gpa <= at(s, page) ? region.prot : 0;
}

/* Writes an address as messages have it. */
static const char *hex(char text[24], uint64_t value)
{
	snprintf(text, 24, "%#" PRIx64, value);
	return text;
}

/* --- Mapping ------------------------------------------------------------------------------ */

static void zeroed(struct conform *t)
{
	struct space s = new_space(t);
	void *host;
	uint64_t left;

	alloc(&s, 0, 16);
	OK(hy_vm_host_ptr(s.vm, at(&s, 0), &host, &left));
	CHECK(left >= s.g);
	for (uint64_t i = 0; i < left; i++)
		CHECK(((uint8_t *)host)[i] == 0);
}

/* Memory that comes again isn't what it was before. */
static void zeroed_again(struct conform *t)
{
	struct space s = new_space(t);

	for (unsigned i = 0; i < 10; i++) {
		alloc(&s, 0, 4);
		for (uint64_t page = 0; page < 4; page++) {
			check_byte(&s, page, 0);
			put(&s, page, 0xff);
		}
		OK(hy_vm_unmap_memory(s.vm, at(&s, 0), 4 * s.g, 0));
	}
}

static void refused_ranges(struct conform *t)
{
	struct space s = new_space(t);
	struct hy_region region;

	FAILS(hy_vm_alloc_memory(s.vm, BASE, 0, HY_PROT_RWX, 0), HY_E_INVALID, "size 0");
	FAILS(hy_vm_alloc_memory(s.vm, BASE + 1, s.g, HY_PROT_RWX, 0), HY_E_INVALID, "multiples");
	FAILS(hy_vm_alloc_memory(s.vm, BASE, s.g - 1, HY_PROT_RWX, 0), HY_E_INVALID, "multiples");
	CHECK_EQ(hy_vm_next_region(s.vm, 0, &region), 0);
}

static void refused_prots(struct conform *t)
{
	struct space s = new_space(t);

	FAILS(hy_vm_alloc_memory(s.vm, BASE, s.g, 0, 0), HY_E_INVALID, "protection");
	FAILS(hy_vm_alloc_memory(s.vm, BASE, s.g, 8, 0), HY_E_INVALID, "protection");
	FAILS(hy_vm_alloc_memory(s.vm, BASE, s.g, 0, HY_MAP_WEAKEN), HY_E_INVALID, "protection");
	alloc(&s, 0, 1);
	FAILS(hy_vm_protect_memory(s.vm, BASE, s.g, 0, 0), HY_E_INVALID, "protection");
	CHECK_EQ(prot_of(&s, 0), HY_PROT_RWX);
}

/* Every way of meeting the region of pages 4 to 7; the text names it. */
static void overlap(struct conform *t)
{
	static const struct { uint64_t page, count; } ranges[] = {
		{ 4, 4 }, { 3, 2 }, { 7, 2 }, { 5, 1 }, { 0, 16 }, { 4, 1 }, { 7, 1 }, { 3, 6 },
	};
	struct space s = new_space(t);
	char name[24];

	alloc(&s, 4, 4);
	put(&s, 4, 0x44);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		FAILS(hy_vm_alloc_memory(s.vm, at(&s, ranges[i].page), ranges[i].count * s.g, HY_PROT_RWX, 0),
		      HY_E_OVERLAP, hex(name, at(&s, 4)));
	check_byte(&s, 4, 0x44);
	CHECK(!is_mapped(&s, 3) && !is_mapped(&s, 8));
	alloc(&s, 3, 1);
	alloc(&s, 8, 1);
}

/* --- Unmapping ------------------------------------------------------------------------------- */

/* Any part of a region may go: the rest keeps its bytes and its place. */
static void unmap_parts(struct conform *t)
{
	struct space s = new_space(t);
	void *before, *after;

	alloc(&s, 0, 8);
	for (uint8_t page = 0; page < 8; page++)
		put(&s, page, 0x10 + page);
	OK(hy_vm_host_ptr(s.vm, at(&s, 6), &before, NULL));
	OK(hy_vm_unmap_memory(s.vm, at(&s, 3), 2 * s.g, 0));
	OK(hy_vm_unmap_memory(s.vm, at(&s, 0), s.g, 0));
	OK(hy_vm_unmap_memory(s.vm, at(&s, 7), s.g, 0));
	for (uint8_t page = 0; page < 8; page++) {
		bool gone = page == 0 || page == 3 || page == 4 || page == 7;

		CHECK(is_mapped(&s, page) == !gone);
		if (!gone)
			check_byte(&s, page, 0x10 + page);
	}
	OK(hy_vm_host_ptr(s.vm, at(&s, 6), &after, NULL));
	CHECK(before == after);
}

static void unmap_several(struct conform *t)
{
	struct space s = new_space(t);

	alloc(&s, 0, 2);
	alloc(&s, 2, 2);
	alloc(&s, 4, 2);
	OK(hy_vm_unmap_memory(s.vm, at(&s, 1), 4 * s.g, 0));
	CHECK(is_mapped(&s, 0) && is_mapped(&s, 5));
	for (uint64_t page = 1; page < 5; page++)
		CHECK(!is_mapped(&s, page));
}

/* The first gap is named, and nothing has changed. */
static void unmap_gap(struct conform *t)
{
	struct space s = new_space(t);
	char name[24];

	alloc(&s, 0, 2);
	alloc(&s, 3, 2);
	FAILS(hy_vm_unmap_memory(s.vm, at(&s, 0), 5 * s.g, 0), HY_E_UNMAPPED, hex(name, at(&s, 2)));
	FAILS(hy_vm_unmap_memory(s.vm, at(&s, 4), 2 * s.g, 0), HY_E_UNMAPPED, hex(name, at(&s, 5)));
	FAILS(hy_vm_unmap_memory(s.vm, at(&s, 2), s.g, 0), HY_E_UNMAPPED, hex(name, at(&s, 2)));
	for (uint64_t page = 0; page < 5; page++)
		CHECK(is_mapped(&s, page) == (page != 2));
}

static void hole_is_free(struct conform *t)
{
	struct space s = new_space(t);

	alloc(&s, 0, 4);
	put(&s, 0, 1);
	put(&s, 3, 3);
	OK(hy_vm_unmap_memory(s.vm, at(&s, 1), 2 * s.g, 0));
	alloc(&s, 1, 2);
	check_byte(&s, 0, 1);
	check_byte(&s, 1, 0);
	check_byte(&s, 3, 3);
}

/* --- Protecting --------------------------------------------------------------------------------- */

static void protect_parts(struct conform *t)
{
	struct space s = new_space(t);

	alloc(&s, 0, 4);
	alloc(&s, 4, 4);
	OK(hy_vm_protect_memory(s.vm, at(&s, 2), 4 * s.g, HY_PROT_RX, 0));
	for (uint64_t page = 0; page < 8; page++)
		CHECK_EQ(prot_of(&s, page), page >= 2 && page < 6 ? HY_PROT_RX : HY_PROT_RWX);
	OK(hy_vm_protect_memory(s.vm, at(&s, 2), 4 * s.g, HY_PROT_RWX, 0));
	for (uint64_t page = 0; page < 8; page++)
		CHECK_EQ(prot_of(&s, page), HY_PROT_RWX);
}

static void protect_gap(struct conform *t)
{
	struct space s = new_space(t);
	char name[24];

	alloc(&s, 0, 1);
	alloc(&s, 2, 1);
	FAILS(hy_vm_protect_memory(s.vm, at(&s, 0), 3 * s.g, HY_PROT_RX, 0), HY_E_UNMAPPED, hex(name, at(&s, 1)));
	CHECK_EQ(prot_of(&s, 0), HY_PROT_RWX);
	CHECK_EQ(prot_of(&s, 2), HY_PROT_RWX);
}

/* The flag is about running vCPUs only: what comes of it is the same. */
static void nonatomic(struct conform *t)
{
	struct space s = new_space(t);

	OK(hy_vm_alloc_memory(s.vm, at(&s, 0), 4 * s.g, HY_PROT_RWX, HY_MAP_NONATOMIC));
	put(&s, 1, 0x42);
	OK(hy_vm_protect_memory(s.vm, at(&s, 1), s.g, HY_PROT_RX, HY_MAP_NONATOMIC));
	OK(hy_vm_unmap_memory(s.vm, at(&s, 2), s.g, HY_MAP_NONATOMIC));
	CHECK_EQ(prot_of(&s, 0), HY_PROT_RWX);
	CHECK_EQ(prot_of(&s, 1), HY_PROT_RX);
	CHECK_EQ(prot_of(&s, 2), 0);
	check_byte(&s, 1, 0x42);
}

/* The guest's protection isn't the program's. */
static void program_may_write(struct conform *t)
{
	struct space s = new_space(t);

	alloc(&s, 0, 1);
	OK(hy_vm_protect_memory(s.vm, at(&s, 0), s.g, HY_PROT_RX, 0));
	put(&s, 0, 0x77);
	check_byte(&s, 0, 0x77);
}

/* With WEAKEN the guest gets at least what was asked for, and the map says what. */
static void weaken(struct conform *t)
{
	struct space s = new_space(t);

	for (uint32_t prot = 1; prot <= HY_PROT_RWX; prot++) {
		OK(hy_vm_alloc_memory(s.vm, at(&s, prot), s.g, prot, HY_MAP_WEAKEN));
		CHECK_EQ(prot_of(&s, prot) & prot, prot);
	}
}

/* What isn't weakened is refused or exactly as asked for. */
static void never_weaker(struct conform *t)
{
	struct space s = new_space(t);

	for (uint32_t prot = 1; prot <= HY_PROT_RWX; prot++) {
		int status = hy_vm_alloc_memory(s.vm, at(&s, prot), s.g, prot, 0);

		CHECK(status == 0 || status == HY_E_UNSUPPORTED);
		CHECK_EQ(prot_of(&s, prot), status == 0 ? prot : 0);
	}
}

/* --- Using it --------------------------------------------------------------------------------------- */

static void across_regions(struct conform *t)
{
	struct space s = new_space(t);
	const char text[] = "across the border";
	char back[sizeof(text)];

	alloc(&s, 0, 1);
	alloc(&s, 1, 1);
	OK(hy_vm_protect_memory(s.vm, at(&s, 1), s.g, HY_PROT_RX, 0));
	OK(hy_vm_write(s.vm, at(&s, 1) - 6, text, sizeof(text)));
	OK(hy_vm_read(s.vm, at(&s, 1) - 6, back, sizeof(back)));
	CHECK(memcmp(text, back, sizeof(text)) == 0);
}

static void all_or_nothing(struct conform *t)
{
	struct space s = new_space(t);
	uint8_t bytes[16];
	char name[24];

	alloc(&s, 0, 1);
	memset(bytes, 0xee, sizeof(bytes));
	FAILS(hy_vm_write(s.vm, at(&s, 1) - 8, bytes, 16), HY_E_UNMAPPED, hex(name, at(&s, 1)));
	FAILS(hy_vm_read(s.vm, at(&s, 1) - 8, bytes, 16), HY_E_UNMAPPED, hex(name, at(&s, 1)));
	for (size_t i = 0; i < sizeof(bytes); i++)
		CHECK_EQ(bytes[i], 0xee);
	OK(hy_vm_read(s.vm, at(&s, 1) - 8, bytes, 8));
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(bytes[i], 0);
}

static void copies_that_wrap(struct conform *t)
{
	struct space s = new_space(t);
	uint8_t bytes[16] = { 0 };

	FAILS(hy_vm_read(s.vm, UINT64_MAX - 7, bytes, 16), HY_E_INVALID, "wraps");
	FAILS(hy_vm_write(s.vm, UINT64_MAX - 7, bytes, 16), HY_E_INVALID, "wraps");
	FAILS(hy_vm_read(s.vm, UINT64_MAX - 15, bytes, 16), HY_E_UNMAPPED, "");
}

static void host_ptr(struct conform *t)
{
	struct space s = new_space(t);
	uint64_t left = 1;
	void *ptr, *none = &s;

	alloc(&s, 0, 2);
	OK(hy_vm_host_ptr(s.vm, at(&s, 0) + 5, &ptr, &left));
	CHECK(left >= 1 && left <= 2 * s.g - 5);
	*(uint8_t *)ptr = 0x5a;
	OK(hy_vm_host_ptr(s.vm, at(&s, 2) - 1, &ptr, &left));
	CHECK_EQ(left, 1);
	OK(hy_vm_read(s.vm, at(&s, 0) + 5, &left, 1));
	CHECK_EQ(left & 0xff, 0x5a);
	FAILS(hy_vm_host_ptr(s.vm, at(&s, 2), &none, &left), HY_E_UNMAPPED, "");
	CHECK(!none);
}

static void next_region(struct conform *t)
{
	struct space s = new_space(t);
	struct hy_region region;

	CHECK_EQ(hy_vm_next_region(s.vm, 0, &region), 0);
	alloc(&s, 8, 2);
	alloc(&s, 2, 1);
	CHECK_EQ(hy_vm_next_region(s.vm, 0, &region), 1);
	CHECK_EQ(region.gpa, at(&s, 2));
	CHECK_EQ(region.size, s.g);
	CHECK_EQ(hy_vm_next_region(s.vm, at(&s, 3) - 1, &region), 1);
	CHECK_EQ(region.gpa, at(&s, 2));
	CHECK_EQ(hy_vm_next_region(s.vm, at(&s, 3), &region), 1);
	CHECK_EQ(region.gpa, at(&s, 8));
	CHECK(region.host);
	CHECK_EQ(hy_vm_next_region(s.vm, at(&s, 10), &region), 0);
	CHECK_EQ(hy_vm_next_region(s.vm, UINT64_MAX, &region), 0);
}

/* --- The program's own pages ---------------------------------------------------------------------- */

static uint8_t *own_pages(const struct space *s, size_t count)
{
	void *pages;

	CHECK(posix_memalign(&pages, (size_t)s->g, count * (size_t)s->g) == 0);
	memset(pages, 0, count * (size_t)s->g);
	return pages;
}

static void map_own(struct conform *t)
{
	struct space s = new_space(t);
	uint8_t *pages = own_pages(&s, 2);
	void *ptr;

	OK(hy_vm_map_memory(s.vm, at(&s, 0), pages, 2 * s.g, HY_PROT_RWX, 0));
	pages[s.g] = 0x12;
	check_byte(&s, 1, 0x12);
	put(&s, 0, 0x34);
	CHECK_EQ(pages[0], 0x34);
	OK(hy_vm_host_ptr(s.vm, at(&s, 1), &ptr, NULL));
	CHECK(ptr == pages + s.g);
	OK(hy_vm_unmap_memory(s.vm, at(&s, 0), 2 * s.g, 0));
	CHECK_EQ(pages[0], 0x34);
	free(pages);
}

/* They stay the program's when the VM ends. */
static void own_outlive_vm(struct conform *t)
{
	struct space s = new_space(t);
	uint8_t *pages = own_pages(&s, 1);

	OK(hy_vm_map_memory(s.vm, at(&s, 0), pages, s.g, HY_PROT_RWX, 0));
	put(&s, 0, 0x34);
	end_vm(t, s.vm);
	CHECK_EQ(pages[0], 0x34);
	free(pages);
}

/* The same pages at two addresses are the same bytes. */
static void own_twice(struct conform *t)
{
	struct space s = new_space(t);
	uint8_t *pages = own_pages(&s, 1);

	OK(hy_vm_map_memory(s.vm, at(&s, 0), pages, s.g, HY_PROT_RWX, 0));
	OK(hy_vm_map_memory(s.vm, at(&s, 5), pages, s.g, HY_PROT_RX, 0));
	put(&s, 0, 0x56);
	check_byte(&s, 5, 0x56);
	OK(hy_vm_unmap_memory(s.vm, at(&s, 0), s.g, 0));
	check_byte(&s, 5, 0x56);
	OK(hy_vm_unmap_memory(s.vm, at(&s, 5), s.g, 0));
	free(pages);
}

static void own_refused(struct conform *t)
{
	struct space s = new_space(t);
	uint8_t *pages = own_pages(&s, 2);

	FAILS(hy_vm_map_memory(s.vm, at(&s, 0), NULL, s.g, HY_PROT_RWX, 0), HY_E_INVALID, "NULL");
	FAILS(hy_vm_map_memory(s.vm, at(&s, 0), pages + 1, s.g, HY_PROT_RWX, 0), HY_E_INVALID, "multiple");
	FAILS(hy_vm_map_memory(s.vm, at(&s, 0), pages, 0, HY_PROT_RWX, 0), HY_E_INVALID, "size 0");
	CHECK(!is_mapped(&s, 0));
	free(pages);
}

/* --- Against a model --------------------------------------------------------------------------------- */

#define PAGES 64
#define STEPS 4096

/* A byte per page: its protection, 0 for a hole; and what its first byte holds. */
struct model {
	uint32_t seed;
	uint8_t prot[PAGES];
	uint8_t byte[PAGES];
};

static uint32_t draw(struct model *m, uint32_t below)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return (m->seed >> 8) % below;
}

static bool any(const struct model *m, uint64_t page, uint64_t count, bool mapped)
{
	for (uint64_t i = page; i < page + count; i++) {
		if ((m->prot[i] != 0) == mapped)
			return true;
	}
	return false;
}

static void set_prot(struct model *m, uint64_t page, uint64_t count, uint32_t prot)
{
	memset(m->prot + page, (int)prot, count);
}

static void check_status(const struct model *m, const char *what, int status, int wanted)
{
	if (status != wanted)
		FAIL("%s is %s, should be %s (HY_SEED started it; now %#x)", what, hy_status_name(status),
		     hy_status_name(wanted), m->seed);
}

static void step(const struct space *s, struct model *m)
{
	uint64_t page = draw(m, PAGES), count = 1 + draw(m, (uint32_t)(PAGES - page));
	uint32_t prot = draw(m, 2) ? HY_PROT_RWX : HY_PROT_RX, what = draw(m, 4);
	uint64_t gpa = at(s, page), size = count * s->g;

	/* Small ranges, mostly, or everything is soon mapped or nothing. */
	if (count > 8 && draw(m, 8) != 0)
		size = (count = 1 + count % 8) * s->g;
	if (what <= 1) {
		int wanted = any(m, page, count, true) ? HY_E_OVERLAP : 0;

		check_status(m, "mapping", hy_vm_alloc_memory(s->vm, gpa, size, prot, 0), wanted);
		if (wanted == 0) {
			set_prot(m, page, count, prot);
			memset(m->byte + page, 0, count);
		}
		return;
	}
	if (what == 2)
		prot = 0;
	if (prot != 0)
		check_status(m, "protecting", hy_vm_protect_memory(s->vm, gpa, size, prot, 0),
		             any(m, page, count, false) ? HY_E_UNMAPPED : 0);
	else
		check_status(m, "unmapping", hy_vm_unmap_memory(s->vm, gpa, size, 0),
		             any(m, page, count, false) ? HY_E_UNMAPPED : 0);
	if (!any(m, page, count, false))
		set_prot(m, page, count, prot);
}

/* Writes to a page, mapped or not. */
static void touch(const struct space *s, struct model *m)
{
	uint64_t page = draw(m, PAGES);
	uint8_t byte = (uint8_t)draw(m, 256);

	check_status(m, "writing", hy_vm_write(s->vm, at(s, page), &byte, 1), m->prot[page] ? 0 : HY_E_UNMAPPED);
	if (m->prot[page])
		m->byte[page] = byte;
}

static void compare(const struct space *s, const struct model *m)
{
	for (uint64_t page = 0; page < PAGES; page++) {
		if (prot_of(s, page) != m->prot[page])
			FAIL("page %" PRIu64 " has protection %u, should be %u (seed now %#x)", page, prot_of(s, page),
			     m->prot[page], m->seed);
		if (m->prot[page])
			check_byte(s, page, m->byte[page]);
	}
}

/* The regions of the map are in order, apart, and add up to the model's pages. */
static void compare_regions(const struct space *s, const struct model *m)
{
	struct hy_region region = { .gpa = 0, .size = 0 };
	uint64_t mapped = 0, end = 0;

	while (hy_vm_next_region(s->vm, end, &region) == 1) {
		CHECK(region.gpa >= end && region.size > 0);
		end = region.gpa + region.size;
		mapped += region.size / s->g;
	}
	for (uint64_t page = 0; page < PAGES; page++)
		mapped -= m->prot[page] != 0;
	CHECK_EQ(mapped, 0);
}

static void model(struct conform *t)
{
	struct space s = new_space(t);
	const char *seed = getenv("HY_SEED");
	struct model m = { .seed = seed ? (uint32_t)strtoul(seed, NULL, 0) : (uint32_t)hy_now() };

	printf("HY_SEED=%#x\n", m.seed);
	for (unsigned i = 0; i < STEPS; i++) {
		step(&s, &m);
		touch(&s, &m);
		if (i % 16 == 0) {
			compare(&s, &m);
			compare_regions(&s, &m);
		}
	}
}

const struct conform_case conform_memory[] = {
	{ "memory/zeroed", "HY-C24", zeroed, 0, { 0 } },
	{ "memory/zeroed-again", "HY-C24", zeroed_again, 0, { 0 } },
	{ "memory/refused-ranges", "HY-C16", refused_ranges, 0, { 0 } },
	{ "memory/refused-prots", "HY-C16", refused_prots, 0, { 0 } },
	{ "memory/overlap", "HY-C17", overlap, 0, { 0 } },
	{ "memory/unmap-parts", "HY-C18", unmap_parts, 0, { HY_CAP_PARTIAL_UNMAP } },
	{ "memory/unmap-several", "HY-C18", unmap_several, 0, { HY_CAP_PARTIAL_UNMAP } },
	{ "memory/unmap-gap", "HY-C18 HY-C19", unmap_gap, 0, { 0 } },
	{ "memory/hole-is-free", "HY-C18 HY-C24", hole_is_free, 0, { HY_CAP_PARTIAL_UNMAP } },
	{ "memory/protect-parts", "HY-C18", protect_parts, 0, { HY_CAP_PROTECT, HY_CAP_READ_ONLY } },
	{ "memory/protect-gap", "HY-C18 HY-C19", protect_gap, 0, { HY_CAP_PROTECT, HY_CAP_READ_ONLY } },
	{ "memory/nonatomic", "HY-C18 HY-C34", nonatomic, 0, { HY_CAP_PARTIAL_UNMAP, HY_CAP_PROTECT, HY_CAP_READ_ONLY } },
	{ "memory/program-may-write", "HY-C23", program_may_write, 0, { HY_CAP_PROTECT, HY_CAP_READ_ONLY } },
	{ "memory/weaken", "HY-C21", weaken, 0, { 0 } },
	{ "memory/never-weaker", "HY-C21", never_weaker, 0, { 0 } },
	{ "memory/across-regions", "HY-C23", across_regions, 0, { HY_CAP_PROTECT, HY_CAP_READ_ONLY } },
	{ "memory/all-or-nothing", "HY-C23", all_or_nothing, 0, { 0 } },
	{ "memory/copies-that-wrap", "HY-C23", copies_that_wrap, 0, { 0 } },
	{ "memory/host-ptr", "HY-C20", host_ptr, 0, { 0 } },
	{ "memory/next-region", "HY-C20", next_region, 0, { 0 } },
	{ "memory/map-own", "HY-B16", map_own, 0, { HY_CAP_MAP_MEMORY } },
	{ "memory/own-outlive-vm", "HY-B67", own_outlive_vm, 0, { HY_CAP_MAP_MEMORY } },
	{ "memory/own-twice", "HY-B16", own_twice, 0, { HY_CAP_MAP_MEMORY, HY_CAP_READ_ONLY } },
	{ "memory/own-refused", "HY-C16", own_refused, 0, { HY_CAP_MAP_MEMORY } },
	{ "memory/model", "HY-C17 HY-C18 HY-C20 HY-C23 HY-C24", model, 0,
	  { HY_CAP_PARTIAL_UNMAP, HY_CAP_PROTECT, HY_CAP_READ_ONLY } },
	{ 0 },
};
