/* SPDX-License-Identifier: MIT */
/* Instructions about selectors: LLDT, LTR, SLDT, STR, VERR, VERW, LAR, LSL, ARPL (SDM vol. 2; vol. 3, section 5.10). */
#include "handlers.h"
#include "x86-protect.h"

/* SLDT, STR. */
enum xe_result xe_store_system_selector(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (!xe_is_protected(cpu))
		return xe_raise(cpu, XE_UD);
	if ((cpu->cr4 & XE_CR4_UMIP) && cpu->cpl > 0)
		return xe_raise_error(cpu, XE_GP, 0);
	return xe_put(cpu, insn, 0, cpu->seg[insn->op].selector);
}

/* The operand of LLDT and LTR, which only privileged code may use. */
static enum xe_result get_system_selector(struct xe_cpu *cpu, const struct xe_insn *insn, uint16_t *selector)
{
	uint64_t value = 0;
	enum xe_result r;

	if (!xe_is_protected(cpu))
		return xe_raise(cpu, XE_UD);
	if (cpu->cpl != 0)
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_get(cpu, insn, 0, &value);
	*selector = (uint16_t)value;
	return r;
}

/* A descriptor of the GDT for LDTR or TR. */
static enum xe_result read_system_segment(struct xe_cpu *cpu, uint16_t selector, unsigned types,
                                          struct xe_descriptor *descriptor, struct hy_segment *segment)
{
	enum xe_result r;

	if (selector & 4)
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	r = xe_read_system_descriptor(cpu, selector, XE_GP, descriptor);
	if (r != XE_OK)
		return r;
	if (xe_is_segment(descriptor) || !(types >> xe_descriptor_type(descriptor) & 1))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	if (!xe_is_present(descriptor))
		return xe_raise_error(cpu, XE_NP, xe_selector_error(selector));
	xe_segment_of(descriptor, xe_rpl(selector), segment);
	if (cpu->is_long && !xe_is_canonical(cpu, segment->base))
		return xe_raise_error(cpu, XE_GP, xe_selector_error(selector));
	return XE_OK;
}

enum xe_result xe_load_ldtr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_descriptor descriptor;
	struct hy_segment segment;
	uint16_t selector;
	enum xe_result r = get_system_selector(cpu, insn, &selector);

	if (r != XE_OK)
		return r;
	if (xe_is_null(selector)) {
		xe_null_segment(selector, 0, &segment);
	} else {
		r = read_system_segment(cpu, selector, 1u << XE_SYSTEM_LDT, &descriptor, &segment);
		if (r != XE_OK)
			return r;
	}
	cpu->seg[XE_LDTR] = segment;
	return XE_OK;
}

enum xe_result xe_load_tr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	unsigned types = cpu->is_long ? 1u << XE_SYSTEM_TSS : 1u << XE_SYSTEM_TSS | 1u << XE_SYSTEM_TSS16;
	struct xe_descriptor descriptor;
	struct hy_segment segment;
	uint16_t selector;
	enum xe_result r = get_system_selector(cpu, insn, &selector);

	if (r != XE_OK)
		return r;
	if (xe_is_null(selector))
		return xe_raise_error(cpu, XE_GP, 0);
	r = read_system_segment(cpu, selector, types, &descriptor, &segment);
	if (r == XE_OK)
		r = xe_set_descriptor_bits(cpu, descriptor.linear + 5, 0, XE_SYSTEM_BUSY);
	if (r != XE_OK)
		return r;
	segment.attributes |= XE_SYSTEM_BUSY;
	cpu->seg[XE_TR] = segment;
	return XE_OK;
}

/* --- Questions: what would be allowed, told by ZF ---------------------------------------- */

/*
 * Reads the descriptor of an operand's selector; *found: there is one, of a
 * segment that this privilege level may name.  Only page faults remain faults.
 */
static enum xe_result look_up(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned operand,
                              struct xe_descriptor *descriptor, bool *found)
{
	uint64_t selector;
	unsigned dpl;
	enum xe_result r;

	*found = false;
	if (!xe_is_protected(cpu))
		return xe_raise(cpu, XE_UD);
	r = xe_get(cpu, insn, operand, &selector);
	selector &= 0xffff;
	if (r != XE_OK || xe_is_null((uint16_t)selector))
		return r;
	r = xe_read_descriptor(cpu, (uint16_t)selector, XE_GP, descriptor);
	if (r == XE_EXCEPTION && cpu->event.vector == XE_GP)
		return XE_OK;
	if (r != XE_OK)
		return r;
	dpl = xe_descriptor_dpl(descriptor);
	*found = (xe_is_code(descriptor) && xe_is_conforming(descriptor)) ||
	         (dpl >= cpu->cpl && dpl >= xe_rpl((uint16_t)selector));
	return XE_OK;
}

static void answer(struct xe_cpu *cpu, bool yes)
{
	xe_set_flags(cpu, HY_X86_RFLAGS_ZF, yes ? HY_X86_RFLAGS_ZF : 0);
}

/* VERR, VERW. */
enum xe_result xe_verify(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_descriptor descriptor;
	bool found;
	enum xe_result r = look_up(cpu, insn, 0, &descriptor, &found);

	if (r != XE_OK)
		return r;
	if (!found || !xe_is_segment(&descriptor))
		answer(cpu, false);
	else if (insn->op == HY_PROT_READ)
		answer(cpu, !xe_is_code(&descriptor) || (descriptor.attributes & XE_TYPE_READABLE));
	else
		answer(cpu, !xe_is_code(&descriptor) && (descriptor.attributes & XE_TYPE_WRITABLE));
	return XE_OK;
}

/* The types that LAR and LSL know (SDM vol. 2, tables 3-53 and 3-56), code and data apart. */
#define RIGHTS_LONG (1u << XE_SYSTEM_LDT | 1u << XE_SYSTEM_TSS | 1u << XE_SYSTEM_TSS_BUSY | 1u << XE_SYSTEM_CALL)
#define RIGHTS (RIGHTS_LONG | 1u << XE_SYSTEM_TSS16 | 1u << XE_SYSTEM_TSS16_BUSY | 1u << XE_SYSTEM_CALL16 | \
                1u << XE_SYSTEM_TASK_GATE)
#define LIMIT_LONG (1u << XE_SYSTEM_LDT | 1u << XE_SYSTEM_TSS | 1u << XE_SYSTEM_TSS_BUSY)
#define LIMIT (LIMIT_LONG | 1u << XE_SYSTEM_TSS16 | 1u << XE_SYSTEM_TSS16_BUSY)

static bool is_known(const struct xe_descriptor *descriptor, unsigned types)
{
	return xe_is_segment(descriptor) || (types >> xe_descriptor_type(descriptor) & 1);
}

enum xe_result xe_load_rights(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_descriptor descriptor;
	bool found;
	enum xe_result r = look_up(cpu, insn, 1, &descriptor, &found);

	if (r != XE_OK)
		return r;
	found = found && is_known(&descriptor, cpu->is_long ? RIGHTS_LONG : RIGHTS);
	answer(cpu, found);
	if (found)
		xe_set_gpr(cpu, insn->operand[0].reg, insn->operand_size, descriptor.low >> 32 & 0xffff00);
	return XE_OK;
}

enum xe_result xe_load_limit(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	struct xe_descriptor descriptor;
	struct hy_segment segment;
	bool found;
	enum xe_result r = look_up(cpu, insn, 1, &descriptor, &found);

	if (r != XE_OK)
		return r;
	found = found && is_known(&descriptor, cpu->is_long ? LIMIT_LONG : LIMIT);
	answer(cpu, found);
	if (found) {
		xe_segment_of(&descriptor, 0, &segment);
		xe_set_gpr(cpu, insn->operand[0].reg, insn->operand_size, segment.limit);
	}
	return XE_OK;
}

enum xe_result xe_adjust_rpl(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t old, wanted;
	bool low;
	enum xe_result r;

	if (!xe_is_protected(cpu))
		return xe_raise(cpu, XE_UD);
	r = xe_get(cpu, insn, 1, &wanted);
	if (r == XE_OK)
		r = xe_get(cpu, insn, 0, &old);
	if (r != XE_OK)
		return r;
	low = xe_rpl((uint16_t)old) < xe_rpl((uint16_t)wanted);
	if (low)
		r = xe_put(cpu, insn, 0, (old & ~UINT64_C(3)) | (wanted & 3));
	if (r == XE_OK)
		answer(cpu, low);
	return r;
}
