/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as code, in any mode: the executor must not crash, hang, read outside
 * of guest memory or contradict itself.
 *
 * An input is a header and code.  The header names the mode, what is switched on,
 * a seed for registers, and a few changes to memory: descriptors, page tables,
 * data.  Modes and memory are those of tests/differential, with each page in an
 * allocation of its own, so that reads past its end are seen.
 */
#include <stdio.h>
#include <stdlib.h>

#include "differential.h"
#include "fuzz.h"

#define STEPS 300
#define PATCHES 8
#define PAGES (DF_MEMORY / XE_PAGE_SIZE)

/* Of header.options. */
#define WITH_CACHE 1u
#define BY_RUN 2u
#define WITH_FEATURES 4u
#define WITH_EXITS 8u
#define WITH_BREAKPOINTS 16u
#define WITH_DROPS 32u
#define WITH_INTERRUPTS 64u
#define READ_ONLY_MEMORY 128u

struct __attribute__((packed)) header {
	uint8_t mode, options;
	uint16_t rip;
	uint64_t seed;
	uint8_t patches;
	struct __attribute__((packed)) {
		uint16_t where; /* in 8 bytes, from the start of memory */
		uint64_t value;
	} patch[PATCHES];
};

struct machine {
	struct xe_cpu cpu;
	struct header header;
	struct df_random random; /* for answers */
	uint8_t *page[PAGES];
	void *cache;
};

/* --- Complaints ------------------------------------------------------------------------ */

static void fail(const struct machine *m, const char *what)
{
	const struct xe_cpu *cpu = &m->cpu;

	fprintf(stderr, "%s: mode %s, rip %llx, code", what, df_modes[m->header.mode].name, (unsigned long long)cpu->rip);
	for (unsigned i = 0; cpu->insn && i < cpu->insn->length; i++)
		fprintf(stderr, " %02x", cpu->insn->bytes[i]);
	fputc('\n', stderr);
	abort();
}

/* --- The bus --------------------------------------------------------------------------------- */

static uint8_t *bus_page(void *ctx, uint64_t gpa, uint32_t *prot)
{
	struct machine *m = ctx;

	if (gpa & XE_PAGE_MASK)
		fail(m, "the address of a page isn't aligned");
	*prot = HY_PROT_RWX;
	if (gpa >= DF_MEMORY)
		return NULL;
	if ((m->header.options & READ_ONLY_MEMORY) && gpa == DF_READ_ONLY)
		*prot = HY_PROT_READ;
	return m->page[gpa / XE_PAGE_SIZE];
}

static bool bus_load(void *ctx, unsigned parts)
{
	struct machine *m = ctx;

	m->cpu.parts |= parts;
	return true;
}

static void bus_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	(void)ctx;
	(void)leaf;
	(void)subleaf;
	memset(answer, 0xff, 4 * sizeof(*answer));
}

static bool bus_msr_exits(void *ctx, uint32_t index, bool write)
{
	(void)ctx;
	(void)write;
	return index & 0x40;
}

static uint64_t bus_tsc(void *ctx)
{
	(void)ctx;
	return 1000;
}

static const struct xe_bus bus = { bus_page, bus_load, bus_cpuid, bus_msr_exits, bus_tsc };

/* --- The machine -------------------------------------------------------------------------------- */

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void make_memory(struct machine *m, const uint8_t *code, size_t size)
{
	for (unsigned i = 0; i < PAGES; i++) {
		if (!df_is_memory(i * XE_PAGE_SIZE))
			continue;
		m->page[i] = must(aligned_alloc(XE_PAGE_SIZE, XE_PAGE_SIZE));
		memcpy(m->page[i], df_image(m->header.mode) + i * XE_PAGE_SIZE, XE_PAGE_SIZE);
	}
	for (unsigned i = 0; i < m->header.patches % (PATCHES + 1); i++) {
		uint32_t where = m->header.patch[i].where * 8u % DF_MEMORY;

		if (m->page[where / XE_PAGE_SIZE])
			memcpy(m->page[where / XE_PAGE_SIZE] + (where & XE_PAGE_MASK), &m->header.patch[i].value, 8);
	}
	if (size > XE_PAGE_SIZE)
		size = XE_PAGE_SIZE;
	/* Short code goes to the end of the page. */
	memcpy(m->page[DF_CODE / XE_PAGE_SIZE] + (m->header.rip & 0x1000 ? XE_PAGE_SIZE - size : 0), code, size);
}

static uint64_t a_register(struct df_random *r)
{
	static const uint32_t bases[] = { DF_DATA, DF_STACK, DF_CODE, DF_GDT, 0, DF_TABLES };

	switch (df_below(r, 4)) {
	case 0:
		return bases[df_below(r, 6)] + df_below(r, 0x2000);
	case 1:
		return df_below(r, 0x200);
	case 2:
		return df_next(r);
	default:
		return (uint64_t)(int32_t)df_next(r);
	}
}

static void make_cpu(struct machine *m)
{
	struct df_random r = { m->header.seed };
	struct xe_cpu *cpu = &m->cpu;
	unsigned options = m->header.options;

	df_setup(m->header.mode, cpu);
	cpu->bus = &bus;
	cpu->ctx = m;
	cpu->features = options & WITH_FEATURES ? UINT32_MAX : (uint32_t)df_next(&r) | XE_HAS_LONG | XE_HAS_PAE;
	for (unsigned i = 0; i < 16; i++)
		cpu->gpr[i] = df_modes[m->header.mode].size == 8 || i < 8 ? a_register(&r) : 0;
	cpu->gpr[XE_RSP] = DF_STACK + 0x800 - (df_modes[m->header.mode].size == 8 ? 0 : cpu->seg[XE_SS].base);
	cpu->rip = (m->header.rip & XE_PAGE_MASK) + DF_CODE -
	           (df_modes[m->header.mode].size == 8 ? 0 : cpu->seg[XE_CS].base);
	cpu->rflags |= df_next(&r) & 0x247fd5;
	cpu->cr4 |= XE_CR4_FSGSBASE | HY_X86_CR4_OSXSAVE | XE_CR4_DE;
	cpu->xcr0 = 7;
	if (options & WITH_EXITS)
		cpu->exception_exits = (uint32_t)df_next(&r);
	if (options & WITH_BREAKPOINTS) {
		for (unsigned i = 0; i < 4; i++)
			cpu->dr[i] = a_register(&r);
		cpu->dr[7] = (df_next(&r) & 0xffff00ff) | 0x400;
	}
	if (options & WITH_CACHE) {
		m->cache = must(calloc(1, xe_cache_size));
		cpu->cache = m->cache;
	}
	for (unsigned i = 0; i < 16; i++)
		for (unsigned j = 0; j < 4; j++)
			cpu->fpu.ymm[i].q[j] = df_next(&r);
	m->random = r;
	xe_state_changed(cpu);
}

static void close_machine(struct machine *m)
{
	for (unsigned i = 0; i < PAGES; i++)
		free(m->page[i]);
	free(m->cache);
}

/* --- What must always hold ------------------------------------------------------------------------- */

/* The executor's own fields are those that xe_state_changed would make. */
static void check_mode(const struct machine *m)
{
	struct xe_cpu copy = m->cpu;

	copy.cache = NULL;
	xe_state_changed(&copy);
	if (copy.mode != m->cpu.mode || copy.stack_size != m->cpu.stack_size || copy.cpl != m->cpu.cpl ||
	    copy.is_long != m->cpu.is_long || copy.watching != m->cpu.watching)
		fail(m, "mode, stack size, CPL and the like aren't those of the registers");
}

static void check_state(const struct machine *m)
{
	const struct xe_cpu *cpu = &m->cpu;

	if (!(cpu->rflags & HY_X86_RFLAGS_ONE) || (cpu->rflags & ~UINT64_C(0x3f7fd7)))
		fail(m, "RFLAGS has reserved bits");
	if (cpu->cpl > 3 || (cpu->mode != 2 && cpu->mode != 4 && cpu->mode != 8))
		fail(m, "no such mode");
	if (!cpu->is_long && cpu->mode == 8)
		fail(m, "64-bit code without long mode");
	if (cpu->mode != 8 && cpu->rip >> 32)
		fail(m, "RIP is too big");
	if ((cpu->cr0 & HY_X86_CR0_PG) && !(cpu->cr0 & HY_X86_CR0_PE))
		fail(m, "paging in real mode");
	if (cpu->fpu.mxcsr & 0xffff0000)
		fail(m, "MXCSR has reserved bits");
	check_mode(m);
}

static bool is_string(const struct xe_cpu *cpu)
{
	return cpu->insn && (cpu->insn->prefixes & (XE_REP | XE_REPNE));
}

static void check_unchanged(const struct machine *m, const struct xe_cpu *before, bool is_exception)
{
	const struct xe_cpu *cpu = &m->cpu;

	if (memcmp(cpu->seg, before->seg, sizeof(cpu->seg)) != 0 || cpu->rip != before->rip || cpu->cr0 != before->cr0 ||
	    cpu->cr3 != before->cr3 || cpu->cr4 != before->cr4 || cpu->efer != before->efer)
		fail(m, "an instruction that wasn't executed changed system registers");
	if (memcmp(&cpu->fpu, &before->fpu, sizeof(cpu->fpu)) != 0)
		fail(m, "an instruction that wasn't executed changed vectors or x87");
	/* Items of a REP before the one that stopped have been executed. */
	if (is_string(cpu) && is_exception)
		return;
	if (memcmp(cpu->gpr, before->gpr, sizeof(cpu->gpr)) != 0 || cpu->rflags != before->rflags)
		fail(m, "an instruction that wasn't executed changed registers");
}

static void check_result(const struct machine *m, const struct xe_cpu *before, enum xe_result r)
{
	const struct xe_cpu *cpu = &m->cpu;

	if (r > XE_REFUSED)
		fail(m, "no such result");
	if ((r == XE_ACCESS) != xe_is_pending(cpu))
		fail(m, "an access waits, or doesn't, against the result");
	if (r != XE_ACCESS && cpu->log.count)
		fail(m, "a log is left over");
	if (r == XE_REFUSED && !cpu->refusal.what)
		fail(m, "refused without a word");
	if (r == XE_EXCEPTION && (cpu->event.vector > 31 || cpu->event.kind == XE_EVENT_NONE))
		fail(m, "no such exception");
	if (r == XE_ACCESS && (!cpu->access.size || cpu->access.size > 8))
		fail(m, "no such access");
	if (r == XE_ACCESS || r == XE_EXCEPTION || r == XE_REFUSED)
		check_unchanged(m, before, r != XE_REFUSED);
	check_state(m);
}

/* --- The same again ------------------------------------------------------------------------------------ */

static uint8_t *save_memory(const struct machine *m)
{
	uint8_t *saved = must(malloc(DF_MEMORY));

	for (unsigned i = 0; i < PAGES; i++)
		if (m->page[i])
			memcpy(saved + i * XE_PAGE_SIZE, m->page[i], XE_PAGE_SIZE);
	return saved;
}

static void exchange_memory(struct machine *m, uint8_t *saved)
{
	uint8_t page[XE_PAGE_SIZE];

	for (unsigned i = 0; i < PAGES; i++) {
		if (!m->page[i])
			continue;
		memcpy(page, m->page[i], XE_PAGE_SIZE);
		memcpy(m->page[i], saved + i * XE_PAGE_SIZE, XE_PAGE_SIZE);
		memcpy(saved + i * XE_PAGE_SIZE, page, XE_PAGE_SIZE);
	}
}

static bool is_same_memory(const struct machine *m, const uint8_t *saved)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (m->page[i] && memcmp(m->page[i], saved + i * XE_PAGE_SIZE, XE_PAGE_SIZE) != 0)
			return false;
	return true;
}

/*
 * Executes twice from the same state, the second time without a cache.  Translations
 * may be older than the page tables, so those in the cache are forgotten before.
 */
static enum xe_result execute_twice(struct machine *m)
{
	struct xe_cpu before, after;
	uint8_t *saved = save_memory(m);
	enum xe_result first, second;

	if (m->cpu.cache)
		xe_state_changed(&m->cpu);
	before = m->cpu;
	first = xe_execute(&m->cpu);
	after = m->cpu;
	exchange_memory(m, saved);
	m->cpu = before;
	m->cpu.cache = NULL;
	second = xe_execute(&m->cpu);
	if (first != second || m->cpu.rip != after.rip || m->cpu.rflags != after.rflags ||
	    memcmp(m->cpu.gpr, after.gpr, sizeof(after.gpr)) != 0 || memcmp(m->cpu.seg, after.seg, sizeof(after.seg)) != 0)
		fail(m, "the same state came to something else");
	if (!is_same_memory(m, saved))
		fail(m, "the same state wrote something else");
	m->cpu.cache = before.cache;
	if (m->cpu.cache)
		xe_state_changed(&m->cpu);
	free(saved);
	return first;
}

/* --- Steps ----------------------------------------------------------------------------------------------- */

static void answer(struct machine *m)
{
	uint64_t value = df_next(&m->random);

	if ((m->header.options & WITH_DROPS) && df_chance(&m->random, 20)) {
		xe_drop(&m->cpu);
		return;
	}
	if (!m->cpu.access.write)
		memcpy(m->cpu.access.data, &value, 8);
	m->cpu.access.refused = m->cpu.access.kind == XE_ACCESS_MSR && (value & 1);
}

static enum xe_result step(struct machine *m, unsigned i)
{
	struct xe_cpu before = m->cpu;
	bool twice = !xe_is_pending(&m->cpu) && !m->cpu.watching && i % 16 == (m->header.seed & 15);
	enum xe_result r = twice ? execute_twice(m) : xe_execute(&m->cpu);

	check_result(m, &before, r);
	return r;
}

static enum xe_result deliver(struct machine *m, const struct xe_event *event)
{
	enum xe_result r = xe_deliver(&m->cpu, event);

	if (r != XE_OK && r != XE_SHUTDOWN && r != XE_REFUSED)
		fail(m, "no such result of delivery");
	check_state(m);
	return r;
}

/* What a program does with a result: false ends it. */
static bool follow(struct machine *m, enum xe_result r)
{
	struct xe_event event;

	switch (r) {
	case XE_OK:
		return true;
	case XE_ACCESS:
		answer(m);
		return true;
	case XE_EXCEPTION:
		event = m->cpu.event;
		return deliver(m, &event) == XE_OK;
	case XE_HALT:
		event = (struct xe_event){ .kind = XE_EVENT_EXTERNAL, .vector = 0x30 };
		return deliver(m, &event) == XE_OK;
	default:
		return false;
	}
}

static void by_execute(struct machine *m)
{
	for (unsigned i = 0; i < STEPS; i++)
		if (!follow(m, step(m, i)))
			break;
}

/* xe_run goes on until something is wanted: attention ends it after a while, by the bus's clock. */
static void by_run(struct machine *m)
{
	uint32_t attention = 1;

	m->cpu.attention = &attention;
	for (unsigned i = 0; i < STEPS; i++) {
		enum xe_result r;

		if ((m->header.options & WITH_INTERRUPTS) && df_chance(&m->random, 10))
			m->cpu.interrupt = (int)(df_next(&m->random) & 0xff);
		if ((m->header.options & WITH_INTERRUPTS) && df_chance(&m->random, 5))
			m->cpu.nmi = true;
		r = xe_run(&m->cpu);
		if (r > XE_REFUSED || (r == XE_ACCESS) != xe_is_pending(&m->cpu))
			fail(m, "no such result of xe_run");
		check_state(m);
		if (!follow(m, r))
			break;
	}
	m->cpu.attention = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine *m;

	if (size <= sizeof(m->header))
		return 0;
	m = must(calloc(1, sizeof(*m)));
	memcpy(&m->header, data, sizeof(m->header));
	m->header.mode %= DF_MODES;
	make_memory(m, data + sizeof(m->header), size - sizeof(m->header));
	make_cpu(m);
	if (m->header.options & BY_RUN)
		by_run(m);
	else
		by_execute(m);
	close_machine(m);
	free(m);
	return 0;
}
