/* SPDX-License-Identifier: MIT */
/* Guest memory as the guest sees it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conform.h"

USE_GUEST(memory_shared);
USE_GUEST(memory_touch);
USE_GUEST(memory_touch_hole);
USE_GUEST(memory_add);
USE_GUEST(memory_self_modifying);
USE_GUEST(memory_call_data);
USE_GUEST(memory_callee);
USE_GUEST(memory_jump);
USE_GUEST(memory_far);
USE_GUEST(memory_neighbours);
USE_GUEST(memory_sweep);

static void put_byte(struct conform *t, uint64_t gpa, uint8_t byte)
{
	write_ram(t, gpa, &byte, 1);
}

static uint8_t byte_at(struct conform *t, uint64_t gpa)
{
	uint8_t byte;

	read_ram(t, gpa, &byte, 1);
	return byte;
}

/* --- Sharing -------------------------------------------------------------------------- */

static void both_ways(struct conform *t)
{
	const uint32_t value = 0x12345678;
	uint32_t back;

	conform_boot(t, LONG, memory_shared);
	write_ram(t, DATA, &value, sizeof(value));
	OUT(t, 0x42, 4, value);
	HALT(t);
	read_ram(t, DATA + 4, &back, sizeof(back));
	CHECK_EQ(back, 0x89abcdef);
}

/* The host's pointer is the same memory. */
static void by_pointer(struct conform *t)
{
	uint32_t *data;
	void *ptr;

	conform_boot(t, LONG, memory_shared);
	OK(hy_vm_host_ptr(t->vm, DATA, &ptr, NULL));
	data = ptr;
	data[0] = 0x12345678;
	OUT(t, 0x42, 4, 0x12345678);
	HALT(t);
	CHECK_EQ(data[1], 0x89abcdef);
}

static void own_pages(struct conform *t)
{
	uint32_t *pages;
	void *memory;

	conform_boot(t, LONG, memory_shared);
	CHECK(posix_memalign(&memory, PAGE, PAGE) == 0);
	pages = memory;
	pages[0] = 0xcafe;
	OK(hy_vm_unmap_memory(t->vm, DATA, PAGE, 0));
	OK(hy_vm_map_memory(t->vm, DATA, pages, PAGE, HY_PROT_RWX, 0));
	OUT(t, 0x42, 4, 0xcafe);
	HALT(t);
	CHECK_EQ(pages[1], 0x89abcdef);
	OK(hy_vm_unmap_memory(t->vm, DATA, PAGE, 0));
	free(memory);
}

/* Between two runs the program's writes count at once. */
static void between_runs(struct conform *t)
{
	conform_boot(t, LONG, memory_touch);
	for (uint8_t i = 0; i < 20; i++) {
		put_byte(t, DATA, i);
		OUT(t, 0x42, 1, i);
		OUT(t, 0x43, 1, i);
		CHECK_EQ(byte_at(t, DATA), 0x77);
	}
}

/* --- Read-only ------------------------------------------------------------------------------ */

static void read_only_write(struct conform *t)
{
	conform_boot(t, LONG, memory_touch);
	put_byte(t, DATA, 0x33);
	OK(hy_vm_protect_memory(t->vm, DATA, PAGE, HY_PROT_RX, 0));
	for (unsigned i = 0; i < 3; i++) {
		OUT(t, 0x42, 1, 0x33);
		MMIO_WRITE(t, DATA, 1, 0x77);
		OUT(t, 0x43, 1, 0x33);
	}
	CHECK_EQ(byte_at(t, DATA), 0x33);
}

/* Reads from memory, writes to the program. */
static void read_only_add(struct conform *t)
{
	conform_boot(t, LONG, memory_add);
	put_byte(t, DATA, 0x33);
	OK(hy_vm_protect_memory(t->vm, DATA, PAGE, HY_PROT_RX, 0));
	MMIO_WRITE(t, DATA, 1, 0x38);
	HALT(t);
	CHECK_EQ(byte_at(t, DATA), 0x33);
}

static void read_only_from_start(struct conform *t)
{
	conform_boot(t, LONG, memory_touch_hole);
	OK(hy_vm_alloc_memory(t->vm, HOLE, PAGE, HY_PROT_RX, 0));
	put_byte(t, HOLE, 0x12);
	OUT(t, 0x42, 1, 0x12);
	MMIO_WRITE(t, HOLE, 1, 0x77);
	OUT(t, 0x43, 1, 0x12);
	CHECK_EQ(byte_at(t, HOLE), 0x12);
}

/* To read-only and back while the guest has the page in its TLB. */
static void to_and_fro(struct conform *t)
{
	conform_boot(t, LONG, memory_touch);
	for (uint8_t i = 0; i < 10; i++) {
		put_byte(t, DATA, i);
		OUT(t, 0x42, 1, i);
		OUT(t, 0x43, 1, i);
		CHECK_EQ(byte_at(t, DATA), 0x77);
		OK(hy_vm_protect_memory(t->vm, DATA, PAGE, HY_PROT_RX, 0));
		OUT(t, 0x42, 1, 0x77);
		MMIO_WRITE(t, DATA, 1, 0x77);
		OUT(t, 0x43, 1, 0x77);
		OK(hy_vm_protect_memory(t->vm, DATA, PAGE, HY_PROT_RWX, 0));
	}
}

static void runs_from_read_only(struct conform *t)
{
	conform_boot(t, LONG, memory_shared);
	OK(hy_vm_protect_memory(t->vm, CODE, PAGE, HY_PROT_RX, 0));
	OUT(t, 0x42, 4, 0);
	HALT(t);
}

/* --- Holes -------------------------------------------------------------------------------------- */

static void hole_is_mmio(struct conform *t)
{
	conform_boot(t, LONG, memory_touch_hole);
	for (uint8_t i = 0; i < 3; i++) {
		MMIO_READ(t, HOLE, 1, 0x50u + i);
		OUT(t, 0x42, 1, 0x50u + i);
		MMIO_WRITE(t, HOLE, 1, 0x77);
		OUT(t, 0x43, 1, 0x50u + i);
	}
}

static void map_and_unmap(struct conform *t)
{
	conform_boot(t, LONG, memory_touch_hole);
	for (uint8_t i = 1; i <= 5; i++) {
		MMIO_READ(t, HOLE, 1, i);
		OUT(t, 0x42, 1, i);
		MMIO_WRITE(t, HOLE, 1, 0x77);
		OUT(t, 0x43, 1, i);
		OK(hy_vm_alloc_memory(t->vm, HOLE, PAGE, HY_PROT_RWX, 0));
		OUT(t, 0x42, 1, 0);
		OUT(t, 0x43, 1, 0);
		CHECK_EQ(byte_at(t, HOLE), 0x77);
		OK(hy_vm_unmap_memory(t->vm, HOLE, PAGE, 0));
	}
}

/* Out of the middle of RAM, and put back there. */
static void punched_hole(struct conform *t)
{
	conform_boot(t, LONG, memory_touch);
	put_byte(t, DATA + PAGE, 0x99);
	OUT(t, 0x42, 1, 0);
	OUT(t, 0x43, 1, 0);
	OK(hy_vm_unmap_memory(t->vm, DATA, PAGE, 0));
	MMIO_READ(t, DATA, 1, 0x21);
	OUT(t, 0x42, 1, 0x21);
	MMIO_WRITE(t, DATA, 1, 0x77);
	OUT(t, 0x43, 1, 0x21);
	OK(hy_vm_alloc_memory(t->vm, DATA, PAGE, HY_PROT_RWX, 0));
	OUT(t, 0x42, 1, 0);
	OUT(t, 0x43, 1, 0);
	CHECK_EQ(byte_at(t, DATA + PAGE), 0x99);
}

/* An access that is pending ends by its answer, whatever is mapped meanwhile. */
static void mapped_while_pending(struct conform *t)
{
	conform_boot(t, LONG, memory_touch_hole);
	MMIO_READ(t, HOLE, 1, 0x61);
	OK(hy_vm_alloc_memory(t->vm, HOLE, PAGE, HY_PROT_RWX, 0));
	put_byte(t, HOLE, 0x62);
	OUT(t, 0x42, 1, 0x61);
	OUT(t, 0x43, 1, 0x61);
	CHECK_EQ(byte_at(t, HOLE), 0x77);
}

static void fetch_from_hole(struct conform *t)
{
	conform_boot(t, LONG, memory_jump);
	set_reg(t, HY_X86_RBX, HOLE + 0x10);
	RUN(t, HY_EXIT_FAULT);
	CHECK_EQ(t->exit->fault.reason, HY_FAULT_FETCH);
	CHECK_EQ(t->exit->fault.access, HY_PROT_EXEC);
	CHECK_EQ(t->exit->fault.gpa, HOLE + 0x10);
	CHECK_EQ(t->exit->fault.ip, HOLE + 0x10);
	CHECK_EQ(t->exit->fault.insn_size, 0);
	CHECK(t->exit->fault.text[0]);
}

/* A guest that has been there goes on when there is memory. */
static void fetch_again(struct conform *t)
{
	conform_boot(t, LONG, memory_jump);
	set_reg(t, HY_X86_RBX, HOLE);
	RUN(t, HY_EXIT_FAULT);
	OK(hy_vm_alloc_memory(t->vm, HOLE, PAGE, HY_PROT_RWX, 0));
	put_byte(t, HOLE, 0xf4);
	set_reg(t, HY_X86_RIP, HOLE);
	HALT(t);
}

/* --- Code --------------------------------------------------------------------------------------------- */

static void self_modifying(struct conform *t)
{
	conform_boot(t, LONG, memory_self_modifying);
	OUT(t, 0x42, 1, 0x22);
	HALT(t);
}

/* Code that the program changes between two runs. */
static void code_from_program(struct conform *t)
{
	conform_boot(t, LONG, memory_call_data);
	write_ram(t, DATA, memory_callee.start, (size_t)(memory_callee.end - memory_callee.start));
	OUT(t, 0x42, 1, 0x11);
	for (uint8_t i = 0x20; i < 0x28; i++) {
		put_byte(t, DATA + 1, i);
		OUT(t, 0x42, 1, i);
	}
}

/* The page under running code is another one. */
static void code_remapped(struct conform *t)
{
	conform_boot(t, LONG, memory_call_data);
	for (uint8_t i = 0x30; i < 0x34; i++) {
		OK(hy_vm_unmap_memory(t->vm, DATA, PAGE, 0));
		OK(hy_vm_alloc_memory(t->vm, DATA, PAGE, HY_PROT_RWX, 0));
		write_ram(t, DATA, memory_callee.start, (size_t)(memory_callee.end - memory_callee.start));
		put_byte(t, DATA + 1, i);
		OUT(t, 0x42, 1, i);
	}
}

/* --- Far up --------------------------------------------------------------------------------------------- */

/* Shows the guest 2 MiB at `gpa` in the tables' third large page. */
static void show_large_page(struct conform *t, uint64_t gpa)
{
	uint64_t entry = gpa | 0x83; /* present, writable, large */

	write_ram(t, TABLES + 2 * PAGE + 2 * 8, &entry, sizeof(entry));
}

static void check_far(struct conform *t, uint64_t gpa)
{
	const uint32_t value = 0x0badcafe;
	uint32_t back;

	conform_boot(t, LONG, memory_far);
	OK(hy_vm_alloc_memory(t->vm, gpa, 2 * UINT64_C(0x100000), HY_PROT_RWX, 0));
	OK(hy_vm_write(t->vm, gpa + 0x1230, &value, sizeof(value)));
	show_large_page(t, gpa);
	set_reg(t, HY_X86_RBX, 0x400000 + 0x1230);
	OUT(t, 0x42, 4, value);
	HALT(t);
	OK(hy_vm_read(t->vm, gpa + 0x1234, &back, sizeof(back)));
	CHECK_EQ(back, 0x13572468);
}

static uint64_t gpa_bits(struct conform *t)
{
	struct hy_cap cap;

	OK(hy_host_cap(t->host, HY_CAP_GPA_BITS, &cap));
	return cap.value;
}

static void above_4_gib(struct conform *t)
{
	if (gpa_bits(t) != 0 && gpa_bits(t) < 34)
		conform_skip("gpa-bits is %llu", (unsigned long long)gpa_bits(t));
	check_far(t, UINT64_C(0x100000000));
}

static void above_8_gib(struct conform *t)
{
	if (gpa_bits(t) != 0 && gpa_bits(t) < 34)
		conform_skip("gpa-bits is %llu", (unsigned long long)gpa_bits(t));
	check_far(t, UINT64_C(0x2c0000000));
}

/* An address of 4 GiB and more is whole in the exit, too. */
static void mmio_above_4_gib(struct conform *t)
{
	const uint64_t gpa = UINT64_C(0x180000000);

	conform_boot(t, LONG, memory_far);
	show_large_page(t, gpa);
	set_reg(t, HY_X86_RBX, 0x400000 + 0x1230);
	MMIO_READ(t, gpa + 0x1230, 4, 0xfeedface);
	OUT(t, 0x42, 4, 0xfeedface);
	MMIO_WRITE(t, gpa + 0x1234, 4, 0x13572468);
	HALT(t);
}

/* --- Changes while it runs -------------------------------------------------------------------------------- */

static void *protect_to_and_fro(void *arg)
{
	struct conform *t = arg;

	for (unsigned i = 0; i < 200; i++)
		OK(hy_vm_protect_memory(t->vm, DATA + PAGE, PAGE, i % 2 == 0 ? HY_PROT_RX : HY_PROT_RWX, 0));
	OK(hy_vcpu_kick(t->vcpu));
	return NULL;
}

static void *unmap_and_map(void *arg)
{
	struct conform *t = arg;

	for (unsigned i = 0; i < 100; i++) {
		OK(hy_vm_unmap_memory(t->vm, DATA + 3 * PAGE, PAGE, 0));
		OK(hy_vm_alloc_memory(t->vm, DATA + 3 * PAGE, PAGE, HY_PROT_RWX, 0));
	}
	OK(hy_vcpu_kick(t->vcpu));
	return NULL;
}

/* Reads beside and of what changes: the guest never meets a hole. */
static void run_beside(struct conform *t, void *(*change)(void *))
{
	pthread_t changer;

	conform_boot(t, LONG, memory_neighbours);
	CHECK(pthread_create(&changer, NULL, change, t) == 0);
	RUN(t, HY_EXIT_CANCELED);
	pthread_join(changer, NULL);
}

static void protect_while_running(struct conform *t)
{
	run_beside(t, protect_to_and_fro);
}

static void unmap_beside_running(struct conform *t)
{
	run_beside(t, unmap_and_map);
}

/* --- Against a model -------------------------------------------------------------------------------------- */

#define SWEPT UINT64_C(0x40000)
#define SWEPT_PAGES 16
#define ROUNDS 48

struct model {
	uint32_t seed;
	uint8_t prot[SWEPT_PAGES]; /* 0: a hole */
	uint8_t byte[SWEPT_PAGES];
};

static uint32_t draw(struct model *m, uint32_t below)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return (m->seed >> 8) % below;
}

/* Makes one page what it wasn't. */
static void change_page(struct conform *t, struct model *m)
{
	static const uint8_t prots[] = { 0, HY_PROT_RX, HY_PROT_RWX };
	uint32_t page = draw(m, SWEPT_PAGES);
	uint8_t prot = prots[draw(m, 3)];
	uint64_t gpa = SWEPT + page * PAGE;

	if (prot == 0 && m->prot[page] != 0) {
		OK(hy_vm_unmap_memory(t->vm, gpa, PAGE, 0));
	} else if (prot != 0 && m->prot[page] == 0) {
		OK(hy_vm_alloc_memory(t->vm, gpa, PAGE, prot, 0));
		m->byte[page] = 0;
	} else if (prot != m->prot[page]) {
		OK(hy_vm_protect_memory(t->vm, gpa, PAGE, prot, 0));
	}
	m->prot[page] = prot;
}

/* The guest adds 1 to each page's byte: where that isn't memory it is an exit. */
static uint8_t sweep_page(struct conform *t, struct model *m, uint32_t page)
{
	uint64_t gpa = SWEPT + page * PAGE;
	uint8_t value = m->byte[page];

	if (m->prot[page] == 0) {
		value = (uint8_t)draw(m, 256);
		MMIO_READ(t, gpa, 1, value);
	}
	value++;
	if (m->prot[page] & HY_PROT_WRITE)
		m->byte[page] = value;
	else
		MMIO_WRITE(t, gpa, 1, value);
	return value;
}

static void sweep(struct conform *t, struct model *m)
{
	uint8_t last = 0;

	for (uint32_t page = 0; page < SWEPT_PAGES; page++)
		last = sweep_page(t, m, page);
	OUT(t, 0x42, 1, last);
	for (uint32_t page = 0; page < SWEPT_PAGES; page++) {
		if (m->prot[page] != 0)
			CHECK_EQ(byte_at(t, SWEPT + page * PAGE), m->byte[page]);
	}
}

static void model(struct conform *t)
{
	const char *seed = getenv("HY_SEED");
	struct model m = { .seed = seed ? (uint32_t)strtoul(seed, NULL, 0) : (uint32_t)hy_now() };

	printf("HY_SEED=%#x\n", m.seed);
	conform_boot(t, LONG, memory_sweep);
	memset(m.prot, HY_PROT_RWX, sizeof(m.prot));
	for (unsigned i = 0; i < ROUNDS; i++) {
		for (uint32_t n = draw(&m, 6); n > 0; n--)
			change_page(t, &m);
		sweep(t, &m);
	}
}

#define RO HY_CAP_READ_ONLY
#define PROT HY_CAP_PROTECT
#define PART HY_CAP_PARTIAL_UNMAP

const struct conform_case conform_guest_memory[] = {
	{ "guest-memory/both-ways", "HY-B16", both_ways, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/by-pointer", "HY-B16", by_pointer, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/own-pages", "HY-B16", own_pages, HY_ARCH_X86_64, { HY_CAP_MAP_MEMORY, PART } },
	{ "guest-memory/between-runs", "HY-B16", between_runs, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/read-only-write", "HY-B18", read_only_write, HY_ARCH_X86_64, { RO, PROT } },
	{ "guest-memory/read-only-add", "HY-B18 HY-B33", read_only_add, HY_ARCH_X86_64, { RO, PROT } },
	{ "guest-memory/read-only-from-start", "HY-B18", read_only_from_start, HY_ARCH_X86_64, { RO } },
	{ "guest-memory/to-and-fro", "HY-B18 HY-B19", to_and_fro, HY_ARCH_X86_64, { RO, PROT } },
	{ "guest-memory/runs-from-read-only", "HY-B18", runs_from_read_only, HY_ARCH_X86_64, { RO, PROT } },
	{ "guest-memory/hole-is-mmio", "HY-B30", hole_is_mmio, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/map-and-unmap", "HY-B16 HY-B17", map_and_unmap, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/punched-hole", "HY-B17 HY-C18", punched_hole, HY_ARCH_X86_64, { PART } },
	{ "guest-memory/mapped-while-pending", "HY-B21", mapped_while_pending, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/fetch-from-hole", "HY-B40", fetch_from_hole, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/fetch-again", "HY-B40", fetch_again, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/self-modifying", "HY-B16", self_modifying, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/code-from-program", "HY-B16", code_from_program, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/code-remapped", "HY-B16 HY-B17", code_remapped, HY_ARCH_X86_64, { PART } },
	{ "guest-memory/above-4-gib", "HY-B16", above_4_gib, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/above-8-gib", "HY-B16", above_8_gib, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/mmio-above-4-gib", "HY-B30", mmio_above_4_gib, HY_ARCH_X86_64, { 0 } },
	{ "guest-memory/protect-while-running", "HY-C34 HY-B19", protect_while_running, HY_ARCH_X86_64, { RO, PROT } },
	{ "guest-memory/unmap-beside-running", "HY-C34 HY-B17 HY-B68", unmap_beside_running, HY_ARCH_X86_64, { PART } },
	{ "guest-memory/model", "HY-B16 HY-B17 HY-B18 HY-B30", model, HY_ARCH_X86_64, { RO, PROT, PART } },
	{ 0 },
};
