/* SPDX-License-Identifier: MIT */
/* Memory and registers of each mode, before the case's own. */
#include <stdlib.h>

#include "differential.h"

const struct df_mode df_modes[DF_MODES] = {
	[DF_MODE_REAL] = { "real", DF_REAL, DF_FLAT, 2, 0, false },
	[DF_MODE_V8086] = { "v8086", DF_V8086, DF_PAGES32, 2, 3, false },
	[DF_MODE_16_0] = { "16-cpl0", DF_PROTECTED, DF_FLAT, 2, 0, false },
	[DF_MODE_16_3] = { "16-cpl3", DF_PROTECTED, DF_PAGES32, 2, 3, false },
	[DF_MODE_32_0] = { "32-cpl0", DF_PROTECTED, DF_FLAT, 4, 0, false },
	[DF_MODE_32_3] = { "32-cpl3", DF_PROTECTED, DF_PAGES32, 4, 3, false },
	[DF_MODE_PAE_0] = { "pae-cpl0", DF_PROTECTED, DF_PAE, 4, 0, false },
	[DF_MODE_PAE_3] = { "pae-cpl3", DF_PROTECTED, DF_PAE, 4, 3, false },
	[DF_MODE_COMPAT16_3] = { "compat16-cpl3", DF_LONG, DF_PAGES64, 2, 3, false },
	[DF_MODE_COMPAT32_0] = { "compat32-cpl0", DF_LONG, DF_PAGES64, 4, 0, false },
	[DF_MODE_COMPAT32_3] = { "compat32-cpl3", DF_LONG, DF_PAGES64, 4, 3, false },
	[DF_MODE_LONG_0] = { "long-cpl0", DF_LONG, DF_PAGES64, 8, 0, false },
	[DF_MODE_LONG_3] = { "long-cpl3", DF_LONG, DF_PAGES64, 8, 3, false },
	[DF_MODE_NATIVE16] = { "native16", DF_LONG, DF_PAGES64, 2, 3, true },
	[DF_MODE_NATIVE32] = { "native32", DF_LONG, DF_PAGES64, 4, 3, true },
	[DF_MODE_NATIVE64] = { "native64", DF_LONG, DF_PAGES64, 8, 3, true },
};

bool df_is_memory(uint64_t gpa)
{
	gpa &= ~XE_PAGE_MASK;
	return gpa < 0x10000 || gpa == DF_CODE || gpa == DF_DATA || gpa == DF_DATA + 0x1000 || gpa == DF_READ_ONLY ||
	       gpa == DF_SUPERVISOR || gpa == DF_STACK || gpa == DF_STACK + 0x1000 || gpa == DF_STACK0;
}

bool df_is_compared(uint64_t gpa)
{
	return df_is_memory(gpa) && (gpa < DF_HANDLERS || gpa >= 0x10000);
}

/* --- Descriptors (SDM vol. 3, 3.4.5 and 3.5) ------------------------------------------------ */

static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned attributes)
{
	if (attributes & HY_X86_SEG_G)
		limit >>= 12;
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attributes & 0xf0ff) << 40 |
	       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(base >> 24) << 56;
}

static uint64_t gate(uint16_t selector, uint32_t offset, unsigned attributes, unsigned count)
{
	return (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)count << 32 | (uint64_t)attributes << 40 |
	       (uint64_t)(offset >> 16) << 48;
}

static void put(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void fill_gates(uint8_t *gdt, bool is_long)
{
	unsigned call = is_long ? 0x8c : 0x8c; /* 32-bit, which is 64-bit in long mode */

	put(gdt + 0xe0, gate(DF_CODE_0, DF_CODE + 0x100, call | 0x60, is_long ? 0 : 2));
	put(gdt + 0xf0, gate(DF_CODE_0, DF_CODE + 0x200, call, 0));
	put(gdt + 0x100, gate(DF_CODE_0, DF_CODE + 0x300, (call & 0x7f) | 0x60, 0));
	put(gdt + 0x110, gate(0x70, DF_CODE + 0x400, call | 0x60, 0));
	put(gdt + 0x120, gate(DF_CODE16_0, 0x500, 0x84 | 0x60, 1));
	put(gdt + 0x130, gate(DF_TSS_SELECTOR, 0, 0x85 | 0x60, 0));
}

static void fill_gdt(uint8_t *gdt, bool is_long)
{
	unsigned code = is_long ? 0xa09b : 0xc09b;

	put(gdt + DF_CODE32_0, descriptor(0, UINT32_MAX, 0xc09b));
	put(gdt + DF_CODE_0, descriptor(0, UINT32_MAX, code));
	put(gdt + DF_DATA_0, descriptor(0, UINT32_MAX, 0xc093));
	put(gdt + DF_CODE32_3, descriptor(0, UINT32_MAX, 0xc0fb));
	put(gdt + DF_DATA_3, descriptor(0, UINT32_MAX, 0xc0f3));
	put(gdt + DF_CODE_3, descriptor(0, UINT32_MAX, code | 0x60));
	put(gdt + DF_CODE16_0, descriptor(DF_CODE, 0xffff, 0x9b));
	put(gdt + DF_DATA16_0, descriptor(DF_DATA, 0xffff, 0x93));
	put(gdt + DF_CODE16_3, descriptor(DF_CODE, 0xffff, 0xfb));
	put(gdt + DF_DATA16_3, descriptor(DF_DATA, 0xffff, 0xf3));
	put(gdt + DF_STACK16_0, descriptor(DF_STACK, 0x1fff, 0x93));
	put(gdt + DF_STACK16_3, descriptor(DF_STACK, 0x1fff, 0xf3));
	put(gdt + 0x68, descriptor(0, UINT32_MAX, code | 0x64));               /* conforming, DPL 3 */
	put(gdt + 0x70, descriptor(0, UINT32_MAX, code | 0x04));               /* conforming, DPL 0 */
	put(gdt + 0x78, descriptor(DF_DATA, 0x1fff, 0x40f0));                  /* read-only data */
	put(gdt + 0x80, descriptor(DF_DATA, 0xfff, 0x40f6));                   /* expand-down data */
	put(gdt + 0x88, descriptor(DF_DATA, 0xffff, 0x4072));                  /* data that isn't present */
	put(gdt + 0x90, descriptor(0, UINT32_MAX, (code & 0xff7f) & ~1u));     /* code that isn't present */
	put(gdt + 0x98, descriptor(0, UINT32_MAX, (code | 0x60) & ~3u));       /* execute-only code */
	put(gdt + 0xa0, descriptor(DF_DATA, 0xffff, 0x40d2));                  /* data, DPL 2 */
	put(gdt + 0xa8, descriptor(0, UINT32_MAX, 0xe09b));                    /* L and D */
	put(gdt + DF_LDT_SELECTOR, descriptor(DF_LDT, DF_LDT_LIMIT, 0x82));
	put(gdt + DF_TSS_SELECTOR, descriptor(DF_TSS, 0x2100, 0x8b));
	put(gdt + 0xd0, descriptor(DF_TSS, 0x2100, 0x89));
	fill_gates(gdt, is_long);
}

/* The first three as processor.c gives them to Linux. */
static void fill_ldt(uint8_t *ldt)
{
	put(ldt, descriptor(DF_CODE, 0xffff, 0xfb));
	put(ldt + 8, descriptor(DF_DATA, 0xffff, 0xf3));
	put(ldt + 16, descriptor(DF_STACK, 0x1fff, 0xf3));
	put(ldt + 24, descriptor(0, UINT32_MAX, 0xc0fb));
	put(ldt + 32, descriptor(0, UINT32_MAX, 0xc093));
}

static void fill_idt(uint8_t *memory, const struct df_mode *mode)
{
	enum df_kind kind = mode->kind;

	for (unsigned vector = 0; vector < 256; vector++) {
		/* Linux has but three gates for programs. */
		bool is_open = mode->native ? vector == 0x80 : vector >= 0x80;
		unsigned dpl = vector == 3 || vector == 4 || is_open ? 0x60 : 0;
		uint64_t entry = gate(DF_CODE_0, DF_HANDLERS + vector, 0x8e | dpl, 0);
		uint32_t vector16 = (DF_HANDLERS >> 4) << 16 | vector;

		if (kind == DF_LONG)
			put(memory + DF_IDT + 16 * vector, entry);
		else
			put(memory + DF_IDT + 8 * vector, entry);
		memcpy(memory + DF_IVT + 4 * vector, &vector16, 4);
	}
}

static void fill_tss(uint8_t *tss, bool is_long)
{
	uint32_t esp0 = DF_STACK0 + 0xf00;
	uint16_t map = 0x68;

	memset(tss, 0, 0x68);
	memcpy(tss + 4, &esp0, 4);
	if (!is_long)
		put(tss + 8, DF_DATA_0);
	memcpy(tss + 0x66, &map, 2);
	memset(tss + map, 0, 0x2000);
	for (unsigned i = 0; i < 0x2000; i += 3)
		tss[map + i] = 0xff;
	tss[map + 0x2000] = 0xff;
}

/* --- Page tables (SDM vol. 3, chapter 4) ------------------------------------------------------ */

#define KERNEL_HALF UINT64_C(0xffff800000000000)

#define PRESENT 1u
#define WRITE 2u
#define USER 4u
#define ACCESSED 0x20u
#define DIRTY 0x40u

/* The rights of a page; 0: it isn't present. */
static unsigned rights(const struct df_mode *mode, uint32_t page)
{
	if (!df_is_memory(page))
		return 0;
	if (page < 0x10000 || page == DF_SUPERVISOR || page == DF_STACK0)
		return mode->native ? 0 : PRESENT | WRITE | ACCESSED | DIRTY;
	if (page == DF_CODE || page == DF_READ_ONLY)
		return PRESENT | USER | ACCESSED | DIRTY;
	return PRESENT | WRITE | USER | ACCESSED | DIRTY;
}

/* Where the system's structures are in a process's address space: the first 64 KiB, for the supervisor. */
static void fill_kernel_half(uint8_t *tables)
{
	unsigned link = PRESENT | WRITE | ACCESSED;

	memset(tables + 0x4000, 0, 0x3000);
	put(tables + 8 * 256, (DF_TABLES + 0x4000) | link);
	put(tables + 0x4000, (DF_TABLES + 0x5000) | link);
	put(tables + 0x5000, (DF_TABLES + 0x6000) | link);
	for (unsigned i = 0; i < 16; i++)
		put(tables + 0x6000 + 8 * i, i << 12 | link | DIRTY);
}

static void fill_tables(const struct df_mode *mode, uint8_t *memory)
{
	unsigned link = PRESENT | WRITE | USER | ACCESSED;
	uint8_t *tables = memory + DF_TABLES;

	memset(tables, 0, 0x8000);
	put(tables, (DF_TABLES + 0x1000) | link);
	put(tables + 0x1000, (DF_TABLES + 0x2000) | link);
	put(tables + 0x2000, (DF_TABLES + 0x3000) | link);
	put(tables + 0x4000, (DF_TABLES + 0x5000) | link);
	put(tables + 0x6000, (DF_TABLES + 0x2000) | PRESENT);
	if (mode->native)
		fill_kernel_half(tables);
	for (unsigned i = 0; i < 0x100; i++) {
		uint32_t entry = (i << 12) | rights(mode, i << 12);

		if (!(entry & PRESENT))
			continue;
		put(tables + 0x3000 + 8 * i, entry);
		memcpy(tables + 0x5000 + 4 * i, &entry, 4);
	}
}

/* --- The image ----------------------------------------------------------------------------------- */

static void fill_random(uint8_t *memory, uint32_t start, uint32_t size)
{
	struct df_random random = { start };

	for (uint32_t i = 0; i < size; i += 8)
		put(memory + start + i, df_next(&random));
}

/* An area that FXRSTOR and XRSTOR take (SDM vol. 1, 10.5.1 and 13.4). */
static void fill_area(uint8_t *area)
{
	uint32_t mxcsr = 0x1f80, mask = 0xffff;
	uint16_t fcw = 0x37f, fsw = 0x3800;

	memcpy(area, &fcw, 2);
	memcpy(area + 2, &fsw, 2);
	area[5] = 0;
	memset(area + 8, 0, 16);
	memcpy(area + 24, &mxcsr, 4);
	memcpy(area + 28, &mask, 4);
	memset(area + 512, 0, 64);
	area[512] = 7;
}

static uint8_t *new_image(const struct df_mode *mode)
{
	bool is_long = mode->kind == DF_LONG;
	uint8_t *memory = calloc(1, DF_MEMORY);

	if (!memory)
		abort();
	fill_gdt(memory + DF_GDT, is_long);
	fill_ldt(memory + DF_LDT);
	fill_idt(memory, mode);
	fill_tss(memory + DF_TSS, is_long);
	fill_tables(mode, memory);
	memset(memory + DF_HANDLERS, 0xf4, 0x1000);
	memset(memory + DF_CODE, 0xf4, 0x1000);
	fill_random(memory, DF_DATA, 0x2000);
	fill_area(memory + DF_IMAGE);
	fill_random(memory, DF_READ_ONLY, 0x1000);
	fill_random(memory, DF_SUPERVISOR, 0x1000);
	fill_random(memory, DF_STACK, 0x2000);
	fill_random(memory, DF_STACK0, 0x1000);
	return memory;
}

const uint8_t *df_image(unsigned mode)
{
	static uint8_t *images[DF_MODES];

	if (!images[mode])
		images[mode] = new_image(&df_modes[mode]);
	return images[mode];
}

/* --- Registers -------------------------------------------------------------------------------------- */

struct hy_segment df_segment(unsigned mode, uint16_t selector)
{
	const uint8_t *table = df_image(mode) + (selector & 4 ? DF_LDT : DF_GDT);
	struct hy_segment segment = { 0, 0, selector, HY_X86_SEG_UNUSABLE };
	uint64_t raw;

	if (!(selector & ~3u))
		return segment;
	memcpy(&raw, table + (selector & ~7u), 8);
	segment.base = (raw >> 16 & 0xffffff) | (raw >> 56 << 24);
	segment.limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000));
	segment.attributes = (uint16_t)(raw >> 40 & 0xf0ff);
	if (segment.attributes & HY_X86_SEG_G)
		segment.limit = segment.limit << 12 | 0xfff;
	return segment;
}

static void set_real_segments(struct xe_cpu *cpu, unsigned data, unsigned code)
{
	static const uint16_t selectors[] = { 0x3000, 0x2000, 0x4000, 0x3000, 0x3010, 0x30f0 };

	for (unsigned i = 0; i <= XE_GS; i++) {
		unsigned attributes = i == XE_CS ? code : data;

		cpu->seg[i] = (struct hy_segment){ (uint64_t)selectors[i] << 4, 0xffff, selectors[i],
			                           (uint16_t)attributes };
	}
}

static void set_segments(unsigned mode, struct xe_cpu *cpu)
{
	bool user = df_modes[mode].cpl == 3;
	uint16_t data = user ? DF_DATA_3 | 3 : DF_DATA_0, code, stack = data;

	if (df_modes[mode].size == 2) {
		data = user ? DF_DATA16_3 | 3 : DF_DATA16_0;
		code = user ? DF_CODE16_3 | 3 : DF_CODE16_0;
		stack = user ? DF_STACK16_3 | 3 : DF_STACK16_0;
	} else if (df_modes[mode].size == 4) {
		code = user ? DF_CODE32_3 | 3 : DF_CODE32_0;
	} else {
		code = user ? DF_CODE_3 | 3 : DF_CODE_0;
	}
	if (mode == DF_MODE_NATIVE16) {
		code = 7;
		data = 0xf;
		stack = 0x17;
	}
	for (unsigned i = 0; i <= XE_GS; i++)
		cpu->seg[i] = df_segment(mode, i == XE_CS ? code : i == XE_SS ? stack : data);
}

static void set_paging(const struct df_mode *mode, struct xe_cpu *cpu)
{
	static const uint32_t roots[] = { 0, DF_TABLES + 0x4000, DF_TABLES + 0x6000, DF_TABLES };

	cpu->cr3 = roots[mode->paging];
	cpu->cr4 = 0x600; /* OSFXSR, OSXMMEXCPT */
	if (mode->paging != DF_FLAT)
		cpu->cr0 |= HY_X86_CR0_PG | HY_X86_CR0_WP;
	if (mode->paging >= DF_PAE)
		cpu->cr4 |= HY_X86_CR4_PAE;
	if (mode->kind == DF_LONG)
		cpu->efer = HY_X86_EFER_LME | HY_X86_EFER_LMA | HY_X86_EFER_SCE;
	if (mode->paging == DF_PAE)
		memcpy(cpu->pdpte, df_image((unsigned)(mode - df_modes)) + cpu->cr3, sizeof(cpu->pdpte));
}

static void set_msrs(struct xe_cpu *cpu)
{
	cpu->msr.sysenter_cs = DF_CODE32_0;
	cpu->msr.sysenter_esp = DF_STACK0 + 0x800;
	cpu->msr.sysenter_eip = DF_CODE + 0x800;
	cpu->msr.star = (uint64_t)(DF_CODE32_3 | 3) << 48 | (uint64_t)DF_CODE_0 << 32 | (DF_CODE + 0x900);
	cpu->msr.lstar = DF_CODE + 0xa00;
	cpu->msr.cstar = DF_CODE + 0xb00;
	cpu->msr.fmask = 0x47700;
	cpu->msr.kernel_gs_base = DF_DATA + 0x10;
	cpu->msr.pat = UINT64_C(0x0007040600070406);
}

/* The TSS has no map of IO permissions, as Linux's has none for a process that didn't ask. */
static void move_to_kernel_half(struct xe_cpu *cpu)
{
	cpu->gdtr.base |= KERNEL_HALF;
	cpu->idtr.base |= KERNEL_HALF;
	cpu->seg[XE_LDTR].base |= KERNEL_HALF;
	cpu->seg[XE_TR].base |= KERNEL_HALF;
	cpu->seg[XE_TR].limit = 0x67;
}

static void set_system(unsigned mode, struct xe_cpu *cpu)
{
	const struct df_mode *m = &df_modes[mode];

	cpu->gdtr = (struct hy_segment){ DF_GDT, DF_GDT_LIMIT, 0, 0 };
	cpu->idtr = (struct hy_segment){ DF_IDT, m->kind == DF_LONG ? 0xfff : 0x7ff, 0, 0 };
	if (m->kind == DF_REAL)
		cpu->idtr = (struct hy_segment){ DF_IVT, 0x3ff, 0, 0 };
	if (m->kind != DF_REAL) {
		cpu->seg[XE_LDTR] = df_segment(mode, DF_LDT_SELECTOR);
		cpu->seg[XE_TR] = df_segment(mode, DF_TSS_SELECTOR);
		cpu->cr0 |= HY_X86_CR0_PE;
	}
	if (m->native)
		move_to_kernel_half(cpu);
	set_paging(m, cpu);
	set_msrs(cpu);
}

void df_setup(unsigned mode, struct xe_cpu *cpu)
{
	enum df_kind kind = df_modes[mode].kind;

	memset(cpu, 0, sizeof(*cpu));
	cpu->dr[6] = 0xffff0ff0;
	cpu->dr[7] = 0x400;
	cpu->phys_bits = 40;
	cpu->parts = XE_PART_ALL;
	cpu->interrupt = -1;
	cpu->rflags = HY_X86_RFLAGS_ONE | (kind == DF_V8086 ? HY_X86_RFLAGS_VM : 0);
	cpu->cr0 = HY_X86_CR0_ET | HY_X86_CR0_NE | HY_X86_CR0_MP;
	cpu->fpu.fcw = 0x37f;
	cpu->fpu.mxcsr = 0x1f80;
	set_system(mode, cpu);
	if (kind == DF_REAL)
		set_real_segments(cpu, HY_X86_ATTR_DATA16, HY_X86_ATTR_CODE16);
	else if (kind == DF_V8086)
		set_real_segments(cpu, 0xf3, 0xf3);
	else
		set_segments(mode, cpu);
	if (df_modes[mode].native) {
		cpu->cr0 |= HY_X86_CR0_AM;
		cpu->efer |= HY_X86_EFER_NXE;
	}
}
