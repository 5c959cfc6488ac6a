/* SPDX-License-Identifier: MIT */
/* Segment registers: libhy's attribute word and KVM's fields. */
#include <string.h>

#include "x86.h"

static uint16_t flag(uint8_t field, unsigned bit)
{
	return field ? (uint16_t)bit : 0;
}

/*
 * KVM takes "not present" and "unusable" for one thing, and different
 * processors give back the one or the other; so whatever isn't present is
 * unusable here, and the other way round.
 */
void kvm_x86_segment_from_kvm(struct hy_segment *to, const struct kvm_segment *from)
{
	bool usable = from->present && !from->unusable;

	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->attributes = (uint16_t)((from->type & HY_X86_SEG_TYPE) |
	                            (from->dpl << HY_X86_SEG_DPL_SHIFT & HY_X86_SEG_DPL) |
	                            flag(from->s, HY_X86_SEG_S) | flag(from->avl, HY_X86_SEG_AVL) |
	                            flag(from->l, HY_X86_SEG_L) | flag(from->db, HY_X86_SEG_DB) |
	                            flag(from->g, HY_X86_SEG_G) |
	                            (usable ? HY_X86_SEG_P : HY_X86_SEG_UNUSABLE));
}

void kvm_x86_segment_to_kvm(struct kvm_segment *to, const struct hy_segment *from)
{
	unsigned attributes = from->attributes;
	bool usable = (attributes & HY_X86_SEG_P) && !(attributes & HY_X86_SEG_UNUSABLE);

	memset(to, 0, sizeof(*to));
	to->base = from->base;
	to->limit = from->limit;
	to->selector = from->selector;
	to->type = attributes & HY_X86_SEG_TYPE;
	to->s = (attributes & HY_X86_SEG_S) != 0;
	to->dpl = (attributes & HY_X86_SEG_DPL) >> HY_X86_SEG_DPL_SHIFT;
	to->present = usable;
	to->unusable = !usable;
	to->avl = (attributes & HY_X86_SEG_AVL) != 0;
	to->l = (attributes & HY_X86_SEG_L) != 0;
	to->db = (attributes & HY_X86_SEG_DB) != 0;
	to->g = (attributes & HY_X86_SEG_G) != 0;
}
