/* SPDX-License-Identifier: MIT */
/* What a case left behind, and where two of them differ. */
#include <inttypes.h>
#include <stdio.h>

#include "encode.h"

/* --- Memory ---------------------------------------------------------------------------- */

static const uint32_t compared[] = { DF_IVT, DF_IDT, DF_GDT, DF_LDT, DF_TSS, DF_TSS + 0x1000, DF_TSS + 0x2000,
	                             DF_CODE, DF_DATA, DF_DATA + 0x1000, DF_READ_ONLY, DF_SUPERVISOR, DF_STACK,
	                             DF_STACK + 0x1000, DF_STACK0 };

/* The pages that a side has: Linux's processes have none of the supervisor's. */
static bool has_page(const struct df_case *c, uint32_t page)
{
	return !df_modes[c->mode].native || (page >= DF_CODE && page != DF_SUPERVISOR && page != DF_STACK0);
}

static uint32_t code_linear(const struct df_case *c)
{
	return (uint32_t)(c->before.rip + (df_modes[c->mode].size == 8 ? 0 : c->before.seg[XE_CS].base));
}

void df_prepare(const struct df_case *c, uint8_t *memory)
{
	uint32_t code = code_linear(c), room = DF_CODE + XE_PAGE_SIZE - code;

	for (unsigned i = 0; i < c->patches; i++)
		if (has_page(c, c->patch[i].address & ~(uint32_t)XE_PAGE_MASK))
			memcpy(memory + c->patch[i].address, c->patch[i].data, c->patch[i].size);
	memcpy(memory + code, c->code, c->length < room ? c->length : room);
}

/* Page tables and handlers, which the supervisor can reach by accident: whether they were changed. */
static bool restore_tables(const struct df_case *c, uint8_t *memory)
{
	const size_t size = 0x10000 - DF_HANDLERS;

	if (df_modes[c->mode].cpl == 3 || !memcmp(memory + DF_HANDLERS, df_image(c->mode) + DF_HANDLERS, size))
		return false;
	memcpy(memory + DF_HANDLERS, df_image(c->mode) + DF_HANDLERS, size);
	return true;
}

bool df_restore(const struct df_case *c, uint8_t *memory)
{
	const uint8_t *image = df_image(c->mode);

	for (unsigned i = 0; i < sizeof(compared) / sizeof(*compared); i++)
		if (has_page(c, compared[i]))
			memcpy(memory + compared[i], image + compared[i], XE_PAGE_SIZE);
	return restore_tables(c, memory);
}

static void collect_page(const uint8_t *image, const uint8_t *memory, uint32_t page, struct df_result *result)
{
	for (uint32_t at = page; at < page + XE_PAGE_SIZE; at += 8) {
		if (!memcmp(image + at, memory + at, 8))
			continue;
		if (result->changes < DF_CHANGES) {
			memset(&result->change[result->changes], 0, sizeof(result->change[0]));
			result->change[result->changes].address = at;
			memcpy(&result->change[result->changes].value, memory + at, 8);
		}
		result->changes++;
	}
}

void df_collect(const struct df_case *c, const uint8_t *memory, struct df_result *result)
{
	const uint8_t *image = df_image(c->mode);

	result->changes = 0;
	for (unsigned i = 0; i < sizeof(compared) / sizeof(*compared); i++)
		if (has_page(c, compared[i]) && memcmp(image + compared[i], memory + compared[i], XE_PAGE_SIZE) != 0)
			collect_page(image, memory, compared[i], result);
}

void df_note_io(struct df_result *result, unsigned port, unsigned size, bool write, uint32_t value)
{
	if (result->ios < DF_IOS)
		result->io[result->ios] = (struct df_io){ (uint16_t)port, (uint8_t)size, write, value };
	result->ios++;
}

/* --- Comparing ----------------------------------------------------------------------------- */

static bool same_memory(const struct df_result *a, const struct df_result *b)
{
	unsigned count = a->changes < DF_CHANGES ? a->changes : DF_CHANGES;

	if (a->changes != b->changes)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (a->change[i].address != b->change[i].address || a->change[i].value != b->change[i].value)
			return false;
	return true;
}

static bool same_io(const struct df_result *a, const struct df_result *b)
{
	unsigned count = a->ios < DF_IOS ? a->ios : DF_IOS;

	if (a->ios != b->ios)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (a->io[i].port != b->io[i].port || a->io[i].size != b->io[i].size ||
		    a->io[i].write != b->io[i].write || a->io[i].value != b->io[i].value)
			return false;
	return true;
}

static bool is_unusable(const struct hy_segment *s)
{
	return (s->attributes & HY_X86_SEG_UNUSABLE) || !(s->attributes & HY_X86_SEG_P);
}

/* The accessed bit, AVL and in 64-bit code all but the selector and the bases of FS and GS don't count. */
static bool same_segment(const struct xe_cpu *a, const struct xe_cpu *b, unsigned i)
{
	const struct hy_segment *x = &a->seg[i], *y = &b->seg[i];
	unsigned mask = i < XE_LDTR ? 0xe0fe : 0x80ff;

	if (x->selector != y->selector)
		return false;
	if (i == XE_LDTR && !(x->selector & ~3u))
		return true;
	if (is_unusable(x) || is_unusable(y))
		return is_unusable(x) && is_unusable(y);
	return x->base == y->base && x->limit == y->limit && !((x->attributes ^ y->attributes) & mask);
}

static bool same_table(const struct hy_segment *a, const struct hy_segment *b)
{
	return a->base == b->base && (uint16_t)a->limit == (uint16_t)b->limit;
}

static unsigned compare_system(const struct df_case *c, const struct xe_cpu *a, const struct xe_cpu *b)
{
	unsigned diff = 0;

	for (unsigned i = 0; i < XE_SEGMENTS; i++)
		if (!same_segment(a, b, i) && !(df_modes[c->mode].kind == DF_REAL && i >= XE_LDTR))
			diff |= DF_DIFF_SEGMENT;
	if (df_modes[c->mode].native)
		return diff;
	if (a->cr0 != b->cr0 || a->cr3 != b->cr3 || a->cr4 != b->cr4 || a->efer != b->efer || a->cr8 != b->cr8 ||
	    a->cr2 != b->cr2 || !same_table(&a->gdtr, &b->gdtr) || !same_table(&a->idtr, &b->idtr))
		diff |= DF_DIFF_SYSTEM;
	if (a->msr.sysenter_cs != b->msr.sysenter_cs || a->msr.sysenter_esp != b->msr.sysenter_esp ||
	    a->msr.sysenter_eip != b->msr.sysenter_eip || a->msr.star != b->msr.star || a->msr.lstar != b->msr.lstar ||
	    a->msr.cstar != b->msr.cstar || a->msr.fmask != b->msr.fmask ||
	    a->msr.kernel_gs_base != b->msr.kernel_gs_base || a->msr.pat != b->msr.pat)
		diff |= DF_DIFF_MSR;
	return diff;
}

static bool same_x87(const struct xe_fpu *a, const struct xe_fpu *b)
{
	for (unsigned i = 0; i < 8; i++)
		if (memcmp(a->st[i], b->st[i], 10) != 0)
			return false;
	return a->fcw == b->fcw && a->fsw == b->fsw && a->ftw == b->ftw;
}

static unsigned compare_fpu(const struct df_case *c, const struct xe_fpu *a, const struct xe_fpu *b)
{
	unsigned diff = 0, size = c->before.features & XE_HAS_AVX ? 32 : 16;

	for (unsigned i = 0; i < 16; i++)
		if (memcmp(&a->ymm[i], &b->ymm[i], size) != 0)
			diff |= DF_DIFF_VECTORS;
	if (!same_x87(a, b))
		diff |= DF_DIFF_FPU;
	if (a->mxcsr != b->mxcsr)
		diff |= DF_DIFF_MXCSR;
	return diff;
}

static unsigned compare_fault(const struct df_result *ours, const struct df_result *theirs)
{
	unsigned diff = 0;

	if (ours->vector != theirs->vector)
		return DF_DIFF_VECTOR;
	if (ours->has_error && ours->error != theirs->error)
		diff |= DF_DIFF_ERROR;
	if (ours->vector == XE_PF && ours->after.cr2 != theirs->after.cr2)
		diff |= DF_DIFF_CR2;
	return diff;
}

/* Registers that a clock has written, or what the processor has and ours hasn't. */
static bool is_other_answer(const struct df_case *c, unsigned reg)
{
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_RDTSC:
		return reg == XE_RAX || reg == XE_RDX;
	case ZYDIS_MNEMONIC_RDTSCP:
		return reg == XE_RAX || reg == XE_RDX || reg == XE_RCX;
	case ZYDIS_MNEMONIC_XGETBV:
		return reg == XE_RAX;
	default:
		return false;
	}
}

/* Upper halves count in any case. */
static bool same_registers(const struct df_case *c, const uint64_t *a, const uint64_t *b)
{
	for (unsigned i = 0; i < 16; i++)
		if (is_other_answer(c, i) ? (a[i] ^ b[i]) >> 32 : a[i] ^ b[i])
			return false;
	return true;
}

unsigned df_compare(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	const struct xe_cpu *a = &ours->after, *b = &theirs->after;
	uint64_t ignored = HY_X86_RFLAGS_RF | df_undefined_flags(c);
	unsigned diff = 0;

	if (ours->outcome != theirs->outcome)
		return DF_DIFF_OUTCOME;
	if (ours->outcome == DF_FAULT)
		diff |= compare_fault(ours, theirs);
	if (ours->outcome == DF_FAULT || ours->outcome == DF_HALT)
		ignored = HY_X86_RFLAGS_RF;
	if (ours->outcome >= DF_SHUTDOWN)
		return 0;
	if (ours->outcome != DF_OUTSIDE && !same_registers(c, a->gpr, b->gpr))
		diff |= DF_DIFF_GPR;
	if (a->rip != b->rip)
		diff |= DF_DIFF_RIP;
	if (((a->rflags ^ b->rflags) & ~ignored) && ours->outcome != DF_OUTSIDE)
		diff |= DF_DIFF_FLAGS;
	if (ours->outcome == DF_OUTSIDE)
		return diff & ~DF_DIFF_RIP;
	diff |= compare_system(c, a, b) | compare_fpu(c, &a->fpu, &b->fpu);
	if (!same_memory(ours, theirs) && (ours->outcome == DF_DONE || theirs->trusts_memory))
		diff |= DF_DIFF_MEMORY;
	if (!same_io(ours, theirs))
		diff |= DF_DIFF_IO;
	return diff;
}
