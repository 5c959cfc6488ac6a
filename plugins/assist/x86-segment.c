/* SPDX-License-Identifier: MIT */
/* Descriptors and segment registers (SDM vol. 3, sections 3.4, 5.6 and 5.7). */
#include "handlers.h"
#include "x86-protect.h"

void xe_update_mode(struct xe_cpu *cpu)
{
	const struct hy_segment *cs = &cpu->seg[XE_CS], *ss = &cpu->seg[XE_SS];

	cpu->is_long = (cpu->efer & HY_X86_EFER_LMA) != 0;
	if (cpu->is_long && (cs->attributes & HY_X86_SEG_L))
		cpu->mode = 8;
	else
		cpu->mode = cs->attributes & HY_X86_SEG_DB ? 4 : 2;
	if (cpu->mode == 8)
		cpu->stack_size = 8;
	else
		cpu->stack_size = ss->attributes & HY_X86_SEG_DB ? 4 : 2;
	/* The DPL of SS is the privilege level (SDM vol. 3, 25.4.1), also while SS is null. */
	if (!(cpu->cr0 & HY_X86_CR0_PE))
		cpu->cpl = 0;
	else
		cpu->cpl = xe_is_v8086(cpu) ? 3 : (uint8_t)xe_dpl(ss);
	cpu->watching = (cpu->dr[7] & 0xff) != 0;
}

/* --- Descriptors --------------------------------------------------------------------- */

/* The table that a selector is for; NULL: an LDT that isn't there. */
static const struct hy_segment *table_of(const struct xe_cpu *cpu, uint16_t selector)
{
	const struct hy_segment *ldt = &cpu->seg[XE_LDTR];

	if (!(selector & 4))
		return &cpu->gdtr;
	if ((ldt->attributes & HY_X86_SEG_UNUSABLE) || !(ldt->attributes & HY_X86_SEG_P))
		return NULL;
	return ldt;
}

static enum xe_result read_part(struct xe_cpu *cpu, uint16_t selector, size_t part, uint8_t vector, uint64_t *linear,
                                uint64_t *bits)
{
	const struct hy_segment *table = table_of(cpu, selector);
	uint64_t offset = (selector & ~7u) + part;

	if (!table || offset + 7 > table->limit)
		return xe_raise_error(cpu, vector, xe_selector_error(selector));
	*linear = table->base + offset;
	if (!cpu->is_long)
		*linear &= UINT32_MAX;
	return xe_load_linear(cpu, *linear, 8, XE_AS_SYSTEM, bits);
}

enum xe_result xe_read_descriptor(struct xe_cpu *cpu, uint16_t selector, uint8_t vector,
                                  struct xe_descriptor *descriptor)
{
	enum xe_result r;

	descriptor->selector = selector;
	descriptor->high = 0;
	r = read_part(cpu, selector, 0, vector, &descriptor->linear, &descriptor->low);
	if (r != XE_OK)
		return r;
	descriptor->attributes = (uint16_t)(descriptor->low >> 40 & 0xf0ff);
	return XE_OK;
}

enum xe_result xe_read_system_descriptor(struct xe_cpu *cpu, uint16_t selector, uint8_t vector,
                                         struct xe_descriptor *descriptor)
{
	uint64_t linear;
	enum xe_result r = xe_read_descriptor(cpu, selector, vector, descriptor);

	if (r != XE_OK || !cpu->is_long || xe_is_segment(descriptor))
		return r;
	r = read_part(cpu, selector, 8, vector, &linear, &descriptor->high);
	if (r != XE_OK)
		return r;
	/* The upper half's type is 0, so that it isn't taken for a descriptor (SDM vol. 3, 5.8.3.1). */
	if (descriptor->high >> 40 & 0x1f)
		return xe_raise_error(cpu, vector, xe_selector_error(selector));
	return XE_OK;
}

enum xe_result xe_set_accessed(struct xe_cpu *cpu, const struct xe_descriptor *descriptor)
{
	if (descriptor->attributes & XE_TYPE_ACCESSED)
		return XE_OK;
	return xe_set_descriptor_bits(cpu, descriptor->linear + 5, 0, XE_TYPE_ACCESSED);
}

void xe_segment_of(const struct xe_descriptor *descriptor, unsigned rpl, struct hy_segment *segment)
{
	uint64_t low = descriptor->low;
	uint32_t limit = (uint32_t)((low & 0xffff) | (low >> 32 & 0xf0000));

	segment->selector = (uint16_t)((descriptor->selector & ~3u) | rpl);
	segment->attributes = descriptor->attributes;
	if (xe_is_segment(descriptor))
		segment->attributes |= XE_TYPE_ACCESSED;
	segment->base = (low >> 16 & 0xffffff) | (low >> 32 & 0xff000000) | descriptor->high << 32;
	segment->limit = descriptor->attributes & HY_X86_SEG_G ? limit << 12 | 0xfff : limit;
}

void xe_null_segment(uint16_t selector, unsigned dpl, struct hy_segment *segment)
{
	memset(segment, 0, sizeof(*segment));
	segment->selector = selector;
	segment->attributes = (uint16_t)(HY_X86_SEG_UNUSABLE | dpl << HY_X86_SEG_DPL_SHIFT);
}

/* Limit and attributes stay what they were in real mode ("unreal mode"); virtual-8086 mode has its own (SDM 20.2.1). */
void xe_real_segment(const struct xe_cpu *cpu, unsigned index, uint16_t selector, struct hy_segment *segment)
{
	*segment = cpu->seg[index];
	if (xe_is_v8086(cpu)) {
		segment->attributes = HY_X86_ATTR_DATA16 | HY_X86_SEG_DPL;
		segment->limit = 0xffff;
	} else if (segment->attributes & HY_X86_SEG_UNUSABLE) {
		segment->attributes = HY_X86_ATTR_DATA16;
		segment->limit = 0xffff;
	}
	segment->selector = selector;
	segment->base = (uint64_t)selector << 4;
}

/* --- Loading data and stack segments --------------------------------------------------- */

enum xe_result xe_read_stack_segment(struct xe_cpu *cpu, uint16_t selector, unsigned level, uint8_t vector,
                                     struct xe_descriptor *descriptor)
{
	unsigned writable = HY_X86_SEG_S | XE_TYPE_WRITABLE;
	enum xe_result r = xe_read_descriptor(cpu, selector, vector, descriptor);

	if (r != XE_OK)
		return r;
	if (xe_rpl(selector) != level || xe_descriptor_dpl(descriptor) != level ||
	    (descriptor->attributes & (writable | XE_TYPE_CODE)) != writable)
		return xe_raise_error(cpu, vector, xe_selector_error(selector));
	if (!xe_is_present(descriptor))
		return xe_raise_error(cpu, XE_SS_FAULT, xe_selector_error(selector));
	return XE_OK;
}

static enum xe_result read_data_segment(struct xe_cpu *cpu, uint16_t selector, struct xe_descriptor *descriptor)
{
	enum xe_result r = xe_read_descriptor(cpu, selector, XE_GP, descriptor);
	unsigned dpl;

	if (r != XE_OK)
		return r;
	dpl = xe_descriptor_dpl(descriptor);
	if (!xe_is_segment(descriptor) || (xe_is_code(descriptor) && !(descriptor->attributes & XE_TYPE_READABLE)))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	if (!(xe_is_code(descriptor) && xe_is_conforming(descriptor)) && (dpl < xe_rpl(selector) || dpl < cpu->cpl))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	if (!xe_is_present(descriptor))
		return xe_raise_error(cpu, XE_NP, xe_selector_error(selector));
	return XE_OK;
}

/* SS may be null in 64-bit mode, but at CPL 3 (SDM vol. 2, MOV). */
static enum xe_result load_null(struct xe_cpu *cpu, unsigned segment, uint16_t selector)
{
	if (segment == XE_SS && (!xe_is_64(cpu) || cpu->cpl == 3 || xe_rpl(selector) != cpu->cpl))
		return xe_raise_error(cpu, XE_GP, 0);
	xe_null_segment(selector, segment == XE_SS ? cpu->cpl : 0, &cpu->seg[segment]);
	return XE_OK;
}

enum xe_result xe_load_segment(struct xe_cpu *cpu, unsigned segment, uint16_t selector)
{
	struct xe_descriptor descriptor;
	enum xe_result r;

	if (!xe_is_protected(cpu)) {
		xe_real_segment(cpu, segment, selector, &cpu->seg[segment]);
		return XE_OK;
	}
	if (xe_is_null(selector))
		return load_null(cpu, segment, selector);
	if (segment == XE_SS)
		r = xe_read_stack_segment(cpu, selector, cpu->cpl, XE_GP, &descriptor);
	else
		r = read_data_segment(cpu, selector, &descriptor);
	if (r == XE_OK)
		r = xe_set_accessed(cpu, &descriptor);
	if (r != XE_OK)
		return r;
	xe_segment_of(&descriptor, xe_rpl(selector), &cpu->seg[segment]);
	if (segment == XE_SS)
		xe_update_mode(cpu);
	return XE_OK;
}

void xe_drop_segments(struct xe_cpu *cpu, unsigned level)
{
	static const uint8_t data[] = { XE_ES, XE_DS, XE_FS, XE_GS };

	for (size_t i = 0; i < sizeof(data); i++) {
		struct hy_segment *segment = &cpu->seg[data[i]];
		unsigned conforming = XE_TYPE_CODE | XE_TYPE_CONFORMING;

		/*
		 * Processors clear selectors that are null but for their RPL, and keep
		 * the base: FS and GS may have it from their MSRs.
		 */
		if (segment->attributes & HY_X86_SEG_UNUSABLE)
			segment->selector = 0;
		else if ((segment->attributes & conforming) != conforming && xe_dpl(segment) < level)
			xe_null_segment(0, 0, segment);
	}
}

/* LDS, LES, LFS, LGS, LSS: the offset, then the selector. */
enum xe_result xe_load_pointer(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand_size;
	uint64_t mask = xe_mask(insn->address_size), address = xe_offset(cpu, insn), offset, selector;
	enum xe_result r = xe_load(cpu, insn->segment, address, size, &offset);

	if (r == XE_OK)
		r = xe_load(cpu, insn->segment, (address + size) & mask, 2, &selector);
	if (r == XE_OK)
		r = xe_load_segment(cpu, insn->op, (uint16_t)selector);
	if (r == XE_OK)
		xe_set_gpr(cpu, insn->operand[0].reg, size, offset);
	return r;
}
