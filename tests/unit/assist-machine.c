/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "assist-machine.h"

#define DESCRIPTOR_ATTRIBUTES 0xf0ffu /* bits 8 to 11 are the limit's */
#define SEGMENTS_PER_RING 5

/* --- The bus ---------------------------------------------------------------------- */

static uint8_t *bus_page(void *ctx, uint64_t gpa, uint32_t *prot)
{
	struct machine *machine = ctx;

	if (gpa >= MACHINE_RAM || !machine->prot[gpa / XE_PAGE_SIZE])
		return NULL;
	*prot = machine->prot[gpa / XE_PAGE_SIZE];
	return machine->ram + gpa;
}

static bool bus_load(void *ctx, unsigned parts)
{
	struct machine *machine = ctx;

	machine->cpu.parts |= parts;
	return true;
}

static void bus_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	struct machine *machine = ctx;

	memset(answer, 0, 4 * sizeof(answer[0]));
	if (machine->cpuid)
		machine->cpuid(machine, leaf, subleaf, answer);
}

static bool bus_msr_exits(void *ctx, uint32_t index, bool write)
{
	struct machine *machine = ctx;

	return machine->msr_exits && machine->msr_exits(machine, index, write);
}

static uint64_t bus_tsc(void *ctx)
{
	struct machine *machine = ctx;

	return machine->clock++;
}

/* --- Memory ------------------------------------------------------------------------- */

void machine_write(struct machine *machine, uint64_t gpa, const void *data, size_t size)
{
	memcpy(machine->ram + gpa, data, size);
}

void machine_write_value(struct machine *machine, uint64_t gpa, size_t size, uint64_t value)
{
	memcpy(machine->ram + gpa, &value, size);
}

uint64_t machine_read_value(const struct machine *machine, uint64_t gpa, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, machine->ram + gpa, size);
	return value;
}

void machine_protect(struct machine *machine, uint64_t gpa, uint64_t size, uint32_t prot)
{
	for (uint64_t page = gpa / XE_PAGE_SIZE; page < (gpa + size) / XE_PAGE_SIZE; page++)
		machine->prot[page] = prot;
	if (machine->cpu.cache)
		xe_cache_flush(machine->cpu.cache);
}

/* --- Page tables ---------------------------------------------------------------------- */

/* The shape of page tables: how many levels, bytes of an entry, bits of the address per level. */
static unsigned levels(const struct machine *machine)
{
	static const unsigned of[] = { 0, 2, 3, 4, 5 };

	return of[machine->paging];
}

static size_t entry_size(const struct machine *machine)
{
	return machine->paging == MACHINE_PAGING_32 ? 4 : 8;
}

static uint64_t entry_gpa(const struct machine *machine, uint64_t table, uint64_t linear, unsigned level)
{
	unsigned bits = entry_size(machine) == 4 ? 10 : 9;
	uint64_t index = linear >> (12 + bits * (level - 1)) & ((1u << bits) - 1);

	return table + index * entry_size(machine);
}

static uint64_t table_of(uint64_t entry)
{
	return entry & UINT64_C(0xffffffffff000);
}

/* Page directory pointers of PAE paging have neither W nor U. */
static uint64_t table_flags(const struct machine *machine, unsigned level)
{
	return machine->paging == MACHINE_PAGING_PAE && level == 3 ? MACHINE_P : MACHINE_P | MACHINE_W | MACHINE_U;
}

static uint64_t new_table(struct machine *machine)
{
	uint64_t table = machine->next_table;

	if (table >= MACHINE_RAM)
		abort();
	memset(machine->ram + table, 0, XE_PAGE_SIZE);
	machine->next_table += XE_PAGE_SIZE;
	return table;
}

/* The table of a level that serves an address; 0: not there. */
static uint64_t find_table(struct machine *machine, uint64_t linear, unsigned level, bool make)
{
	uint64_t table = table_of(machine->cpu.cr3);

	for (unsigned at = levels(machine); at > level; at--) {
		uint64_t gpa = entry_gpa(machine, table, linear, at);
		uint64_t entry = machine_read_value(machine, gpa, entry_size(machine));

		if (!(entry & MACHINE_P) && make) {
			entry = new_table(machine) | table_flags(machine, at);
			machine_write_value(machine, gpa, entry_size(machine), entry);
		}
		if (!(entry & MACHINE_P) || table_of(entry) >= MACHINE_RAM)
			return 0;
		table = table_of(entry);
	}
	return table;
}

bool machine_has_table(struct machine *machine, uint64_t linear, unsigned level)
{
	return find_table(machine, linear, level, false) != 0;
}

uint64_t machine_entry(struct machine *machine, uint64_t linear, unsigned level)
{
	uint64_t table = find_table(machine, linear, level, false);

	if (!table)
		abort();
	return machine_read_value(machine, entry_gpa(machine, table, linear, level), entry_size(machine));
}

void machine_set_entry(struct machine *machine, uint64_t linear, unsigned level, uint64_t entry)
{
	uint64_t table = find_table(machine, linear, level, true);

	if (!table)
		abort();
	machine_write_value(machine, entry_gpa(machine, table, linear, level), entry_size(machine), entry);
}

void machine_map(struct machine *machine, uint64_t linear, uint64_t gpa, uint64_t flags, unsigned level)
{
	machine_set_entry(machine, linear, level, gpa | flags | (level > 1 ? MACHINE_LARGE : 0));
}

static void set_paging_bits(struct xe_cpu *cpu, enum machine_paging paging)
{
	bool is_long = paging >= MACHINE_PAGING_4;

	cpu->cr0 &= ~(uint64_t)HY_X86_CR0_PG;
	cpu->cr4 &= ~(uint64_t)(HY_X86_CR4_PAE | HY_X86_CR4_LA57 | HY_X86_CR4_PSE);
	cpu->efer &= ~(uint64_t)(HY_X86_EFER_LME | HY_X86_EFER_LMA);
	if (paging != MACHINE_NO_PAGING)
		cpu->cr0 |= HY_X86_CR0_PG;
	if (paging == MACHINE_PAGING_32)
		cpu->cr4 |= HY_X86_CR4_PSE;
	if (paging >= MACHINE_PAGING_PAE)
		cpu->cr4 |= HY_X86_CR4_PAE;
	if (paging == MACHINE_PAGING_5)
		cpu->cr4 |= HY_X86_CR4_LA57;
	if (is_long)
		cpu->efer |= HY_X86_EFER_LME | HY_X86_EFER_LMA;
}

void machine_set_paging(struct machine *machine, enum machine_paging paging)
{
	machine->paging = paging;
	machine->next_table = MACHINE_TABLES;
	set_paging_bits(&machine->cpu, paging);
	if (paging != MACHINE_NO_PAGING) {
		machine->cpu.cr3 = new_table(machine);
		for (uint64_t at = 0; at < MACHINE_MAPPED; at += XE_PAGE_SIZE)
			machine_map(machine, at, at, MACHINE_P | MACHINE_W | MACHINE_U, 1);
	}
	xe_state_changed(&machine->cpu);
}

/* --- Segments ---------------------------------------------------------------------------- */

static uint32_t segment_attributes(enum machine_segment segment, unsigned ring)
{
	static const uint32_t of[] = { HY_X86_ATTR_CODE16, HY_X86_ATTR_DATA16, HY_X86_ATTR_CODE32, HY_X86_ATTR_DATA32,
		                       HY_X86_ATTR_CODE64 };

	return of[segment] | ring << HY_X86_SEG_DPL_SHIFT;
}

uint16_t machine_selector(enum machine_segment segment, unsigned ring)
{
	return (uint16_t)((1 + ring * SEGMENTS_PER_RING + segment) * 8 | ring);
}

void machine_descriptor(struct machine *machine, uint16_t selector, uint64_t base, uint32_t limit,
                        uint32_t attributes)
{
	uint64_t at = MACHINE_GDT + (selector & 0xfff8u);
	uint32_t units = attributes & HY_X86_SEG_G ? limit >> 12 : limit;
	uint32_t high = (uint32_t)(base >> 16 & 0xff) | (attributes & DESCRIPTOR_ATTRIBUTES) << 8 |
	                (units & 0xf0000) | (uint32_t)(base & 0xff000000);

	machine_write_value(machine, at, 4, (units & 0xffff) | (base & 0xffff) << 16);
	machine_write_value(machine, at + 4, 4, high);
	if (!(attributes & HY_X86_SEG_S) && (machine->cpu.efer & HY_X86_EFER_LMA))
		machine_write_value(machine, at + 8, 8, base >> 32);
}

void machine_gate(struct machine *machine, unsigned vector, uint16_t selector, uint64_t offset, uint8_t access)
{
	uint64_t low = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)access << 40 |
	               (offset >> 16 & 0xffff) << 48;

	if (!(machine->cpu.cr0 & HY_X86_CR0_PE)) {
		machine_write_value(machine, vector * 4u, 4, (offset & 0xffff) | (uint64_t)selector << 16);
	} else if (machine->cpu.efer & HY_X86_EFER_LMA) {
		machine_write_value(machine, MACHINE_IDT + vector * 16u, 8, low);
		machine_write_value(machine, MACHINE_IDT + vector * 16u + 8, 8, offset >> 32);
	} else {
		machine_write_value(machine, MACHINE_IDT + vector * 8u, 8, low);
	}
}

static void make_gdt(struct machine *machine)
{
	for (unsigned ring = 0; ring < 4; ring++) {
		for (unsigned i = 0; i < SEGMENTS_PER_RING; i++) {
			uint32_t attributes = segment_attributes((enum machine_segment)i, ring);

			machine_descriptor(machine, machine_selector((enum machine_segment)i, ring), 0,
			                   attributes & HY_X86_SEG_G ? UINT32_MAX : 0xffff, attributes);
		}
	}
	machine->cpu.gdtr = (struct hy_segment){ .base = MACHINE_GDT, .limit = 0xfff };
}

/* Stacks for all inner rings in one place; no map of ports. */
static void make_tss(struct machine *machine)
{
	bool is_long = machine->cpu.efer & HY_X86_EFER_LMA;

	machine_descriptor(machine, MACHINE_TSS_SELECTOR, MACHINE_TSS, 0x67, HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY);
	memset(machine->ram + MACHINE_TSS, 0, 0x68);
	for (unsigned ring = 0; ring < 3; ring++) {
		uint64_t at = MACHINE_TSS + 4 + 8 * ring;

		machine_write_value(machine, at, 8, MACHINE_STACK0);
		if (!is_long)
			machine_write_value(machine, at + 4, 4, machine_selector(MACHINE_DATA32, ring));
	}
	machine_write_value(machine, MACHINE_TSS + 0x66, 2, 0x68);
	machine->cpu.seg[XE_TR] = (struct hy_segment){ .base = MACHINE_TSS,
		                                       .limit = 0x67,
		                                       .selector = MACHINE_TSS_SELECTOR,
		                                       .attributes = HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY };
}

static struct hy_segment flat_segment(enum machine_segment segment, unsigned ring)
{
	uint32_t attributes = segment_attributes(segment, ring);

	return (struct hy_segment){ .limit = attributes & HY_X86_SEG_G ? UINT32_MAX : 0xffff,
		                    .selector = machine_selector(segment, ring),
		                    .attributes = (uint16_t)attributes };
}

/* --- Modes ---------------------------------------------------------------------------------- */

/* What all modes have; the bits of RFLAGS are those of a fresh start. */
static void enter(struct machine *machine, uint64_t rflags)
{
	struct xe_cpu *cpu = &machine->cpu;

	cpu->rflags = HY_X86_RFLAGS_ONE | rflags;
	cpu->rip = MACHINE_CODE;
	cpu->gpr[XE_RSP] = MACHINE_STACK;
	cpu->shadow = cpu->shadow_ss = cpu->nmi_masked = false;
	cpu->trap = 0;
	cpu->seg[XE_LDTR] = (struct hy_segment){ .attributes = HY_X86_SEG_UNUSABLE };
	xe_drop(cpu);
	xe_state_changed(cpu);
}

static void set_segments(struct machine *machine, enum machine_segment code, enum machine_segment data, unsigned cpl)
{
	for (unsigned i = XE_ES; i <= XE_GS; i++)
		machine->cpu.seg[i] = flat_segment(i == XE_CS ? code : data, cpl);
}

static void set_real_segments(struct xe_cpu *cpu, uint16_t code, uint16_t data)
{
	for (unsigned i = XE_ES; i <= XE_GS; i++)
		cpu->seg[i] = (struct hy_segment){ .limit = 0xffff, .attributes = i == XE_CS ? code : data };
}

void machine_enter_real(struct machine *machine)
{
	struct xe_cpu *cpu = &machine->cpu;

	cpu->cr0 &= ~(uint64_t)HY_X86_CR0_PE;
	set_real_segments(cpu, HY_X86_ATTR_CODE16, HY_X86_ATTR_DATA16);
	cpu->idtr = (struct hy_segment){ .base = 0, .limit = 0x3ff };
	machine_set_paging(machine, MACHINE_NO_PAGING);
	enter(machine, 0);
}

void machine_enter_v8086(struct machine *machine)
{
	machine_enter_protected(machine, 16, 3);
	set_real_segments(&machine->cpu, HY_X86_ATTR_DATA16 | HY_X86_SEG_DPL, HY_X86_ATTR_DATA16 | HY_X86_SEG_DPL);
	enter(machine, HY_X86_RFLAGS_VM);
}

void machine_enter_protected(struct machine *machine, unsigned bits, unsigned cpl)
{
	bool is_16 = bits == 16;

	if (machine->paging >= MACHINE_PAGING_4)
		machine_set_paging(machine, MACHINE_NO_PAGING);
	machine->cpu.cr0 |= HY_X86_CR0_PE;
	make_gdt(machine);
	make_tss(machine);
	machine->cpu.idtr = (struct hy_segment){ .base = MACHINE_IDT, .limit = 0x7ff };
	set_segments(machine, is_16 ? MACHINE_CODE16 : MACHINE_CODE32, is_16 ? MACHINE_DATA16 : MACHINE_DATA32, cpl);
	enter(machine, 0);
}

void machine_enter_long(struct machine *machine, unsigned bits, unsigned cpl)
{
	enum machine_segment code = bits == 64 ? MACHINE_CODE64 : bits == 32 ? MACHINE_CODE32 : MACHINE_CODE16;

	machine->cpu.cr0 |= HY_X86_CR0_PE;
	if (machine->paging < MACHINE_PAGING_4)
		machine_set_paging(machine, MACHINE_PAGING_4);
	make_gdt(machine);
	make_tss(machine);
	machine->cpu.idtr = (struct hy_segment){ .base = MACHINE_IDT, .limit = 0xfff };
	set_segments(machine, code, bits == 16 ? MACHINE_DATA16 : MACHINE_DATA32, cpl);
	enter(machine, 0);
}

bool machine_open(struct machine *machine, bool cache)
{
	struct xe_cpu *cpu = &machine->cpu;

	memset(machine, 0, sizeof(*machine));
	machine->ram = calloc(1, MACHINE_RAM);
	cpu->cache = cache ? calloc(1, xe_cache_size) : NULL;
	if (!machine->ram || (cache && !cpu->cache)) {
		machine_close(machine);
		return false;
	}
	for (size_t page = 0; page < MACHINE_PAGES; page++)
		machine->prot[page] = HY_PROT_RWX;
	machine->bus = (struct xe_bus){ bus_page, bus_load, bus_cpuid, bus_msr_exits, bus_tsc };
	cpu->bus = &machine->bus;
	cpu->ctx = machine;
	cpu->features = UINT32_MAX;
	cpu->phys_bits = 40;
	xe_reset(cpu);
	cpu->parts = XE_PART_ALL;
	cpu->interrupt = -1;
	cpu->cr0 = HY_X86_CR0_ET | HY_X86_CR0_NE | HY_X86_CR0_MP | HY_X86_CR0_WP;
	cpu->cr4 = HY_X86_CR4_OSFXSR | HY_X86_CR4_OSXMMEXCPT | HY_X86_CR4_OSXSAVE;
	cpu->efer = HY_X86_EFER_SCE | HY_X86_EFER_NXE;
	cpu->xcr0 = 7;
	machine_enter_real(machine);
	return true;
}

void machine_close(struct machine *machine)
{
	free(machine->ram);
	free(machine->cpu.cache);
	machine->ram = NULL;
	machine->cpu.cache = NULL;
}

/* --- Execution --------------------------------------------------------------------------------- */

void machine_code(struct machine *machine, const void *code, size_t size)
{
	machine_write(machine, MACHINE_CODE, code, size);
	machine->cpu.rip = MACHINE_CODE;
}

uint64_t machine_pattern(uint64_t address, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (((address + i) * 37 + 11) & 0xff) << 8 * i;
	return value;
}

void machine_answer(struct machine *machine)
{
	struct xe_access *access = &machine->cpu.access;
	uint64_t data = 0;

	if (access->write) {
		memcpy(&data, access->data, access->size);
		if (machine->answer)
			(void)machine->answer(machine, access);
	} else {
		data = machine->answer ? machine->answer(machine, access) :
		                         machine_pattern(access->address, access->size);
		memcpy(access->data, &data, access->size);
	}
	if (machine->accesses < MACHINE_ACCESSES)
		machine->access[machine->accesses++] = (struct machine_access){
			access->kind, access->size, access->write, access->string, access->address, data
		};
}

bool machine_again(struct machine *machine, enum xe_result r)
{
	machine->cpu.log.used = 0;
	if (r != XE_ACCESS) {
		xe_drop(&machine->cpu);
		return false;
	}
	machine_answer(machine);
	xe_log_answer(&machine->cpu);
	return true;
}

enum xe_result machine_step(struct machine *machine)
{
	enum xe_result r;

	while ((r = xe_execute(&machine->cpu)) == XE_ACCESS)
		machine_answer(machine);
	return r;
}

enum xe_result machine_try(struct machine *machine, const void *code, size_t size)
{
	machine_code(machine, code, size);
	return machine_step(machine);
}

enum xe_result machine_run(struct machine *machine)
{
	enum xe_result r;

	while ((r = xe_run(&machine->cpu)) == XE_ACCESS)
		machine_answer(machine);
	return r;
}
