/* SPDX-License-Identifier: MIT */
/*
 * Registers.  What is written is put into a copy of the processor, which takes
 * the place of the first when all of it is allowed.
 */
#include <inttypes.h>

#include "soft.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CR0_BITS                                                                                                       \
	(HY_X86_CR0_PE | HY_X86_CR0_MP | HY_X86_CR0_EM | HY_X86_CR0_TS | HY_X86_CR0_NE | HY_X86_CR0_WP |               \
	 HY_X86_CR0_AM | HY_X86_CR0_NW | HY_X86_CR0_CD | HY_X86_CR0_PG)

/* What of DR6 and DR7 can be written, and what always reads as 1 (SDM vol. 3, section 18.2). */
#define DR6_WRITABLE 0xe00fu
#define DR6_ONES 0xffff0ff0u
#define DR7_WRITABLE 0xffff23ffu
#define DR7_ONES 0x400u

/* --- Where a register is ---------------------------------------------------------------- */

static uint64_t *control_place(struct xe_cpu *cpu, hy_reg id)
{
	switch (id) {
	case HY_X86_CR0:
		return &cpu->cr0;
	case HY_X86_CR2:
		return &cpu->cr2;
	case HY_X86_CR3:
		return &cpu->cr3;
	case HY_X86_CR4:
		return &cpu->cr4;
	case HY_X86_CR8:
		return &cpu->cr8;
	case HY_X86_XCR0:
		return &cpu->xcr0;
	case HY_X86_EFER:
		return &cpu->efer;
	default:
		return NULL;
	}
}

/* Registers that are a number, but for MSRs; NULL for others. */
static uint64_t *number_place(struct xe_cpu *cpu, hy_reg id)
{
	uint32_t index = HY_REG_INDEX(id);

	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_GENERAL:
		return index < COUNT(cpu->gpr) ? &cpu->gpr[index] : NULL;
	case HY_X86_CLASS_IP:
		return &cpu->rip;
	case HY_X86_CLASS_FLAGS:
		return &cpu->rflags;
	case HY_X86_CLASS_CONTROL:
		return control_place(cpu, id);
	case HY_X86_CLASS_DEBUG:
		return index < COUNT(cpu->dr) ? &cpu->dr[index] : NULL;
	default:
		return NULL;
	}
}

static struct hy_segment *segment_place(struct xe_cpu *cpu, hy_reg id)
{
	uint32_t index = HY_REG_INDEX(id);

	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_SEGMENT:
		return index < COUNT(cpu->seg) ? &cpu->seg[index] : NULL;
	case HY_X86_CLASS_TABLE:
		return id == HY_X86_GDTR ? &cpu->gdtr : &cpu->idtr;
	default:
		return NULL;
	}
}

/* The MSRs that are other registers too. */
static uint64_t *shared_msr_place(struct xe_cpu *cpu, uint32_t index)
{
	switch (index) {
	case HY_X86_MSR_EFER:
		return &cpu->efer;
	case HY_X86_MSR_FS_BASE:
		return &cpu->seg[XE_FS].base;
	case HY_X86_MSR_GS_BASE:
		return &cpu->seg[XE_GS].base;
	default:
		return NULL;
	}
}

/* --- What is refused -------------------------------------------------------------------------- */

static int refuse_pending(struct hy_backend_vcpu *be, hy_reg id)
{
	char name[24];

	soft_services_of(be)->reg_name(id, name, sizeof(name));
	return soft_services_of(be)->fail(HY_E_PENDING, 0, NULL, "call hy_vcpu_complete first",
	                                  "%s of vCPU %u can't be had at an unfinished access", name, be->id);
}

static int refuse_value(const struct hy_backend_vcpu *be, hy_reg id, uint64_t value, const char *why)
{
	char name[24];

	soft_services_of(be)->reg_name(id, name, sizeof(name));
	return soft_services_of(be)->fail(HY_E_INVALID, 0, NULL, NULL, "%s of vCPU %u = 0x%" PRIx64 ": %s", name,
	                                  be->id, value, why);
}

static int no_such_msr(const struct hy_backend_vcpu *be, uint32_t index)
{
	return soft_services_of(be)->fail(HY_E_UNSUPPORTED, 0, NULL, NULL, "MSR 0x%" PRIx32 ": vCPU %u has none", index,
	                                  be->id);
}

/* Whether general registers can be had: there is no access, or it is by IN or OUT. */
static bool is_plain(const struct xe_access *access)
{
	return access->kind == XE_ACCESS_NONE || (access->kind == XE_ACCESS_IO && !access->string);
}

/* Nothing is read or written before every id has passed. */
static int check_ids(struct hy_backend_vcpu *be, const hy_reg *ids, size_t count)
{
	const struct xe_access *access = &soft_vcpu_of(be)->cpu.access;

	if (access->kind == XE_ACCESS_NONE)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (HY_REG_CLASS(ids[i]) != HY_X86_CLASS_GENERAL || !is_plain(access))
			return refuse_pending(be, ids[i]);
	}
	return 0;
}

static bool are_general(const hy_reg *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (HY_REG_CLASS(ids[i]) != HY_X86_CLASS_GENERAL)
			return false;
	}
	return true;
}

/* --- Reading ----------------------------------------------------------------------------------- */

/* "Unusable" and "not present" are one: what has the one has the other. */
static struct hy_segment normal_segment(const struct hy_segment *segment)
{
	struct hy_segment normal = *segment;
	bool usable = (normal.attributes & HY_X86_SEG_P) && !(normal.attributes & HY_X86_SEG_UNUSABLE);

	normal.attributes &= (uint16_t)~(HY_X86_SEG_P | HY_X86_SEG_UNUSABLE);
	normal.attributes |= (uint16_t)(usable ? HY_X86_SEG_P : HY_X86_SEG_UNUSABLE);
	return normal;
}

static int read_msr(struct hy_backend_vcpu *be, uint32_t index, uint64_t *value)
{
	return xe_get_msr(&soft_vcpu_of(be)->cpu, index, value) ? 0 : no_such_msr(be, index);
}

static int read_one(struct hy_backend_vcpu *be, hy_reg id, union hy_value *value)
{
	struct soft_vcpu *vcpu = be->priv;
	const struct hy_segment *segment;

	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_GENERAL:
		value->u64 = vcpu->rewritten ? vcpu->gpr[HY_REG_INDEX(id)] : vcpu->cpu.gpr[HY_REG_INDEX(id)];
		return 0;
	case HY_X86_CLASS_MSR:
		return read_msr(be, HY_REG_INDEX(id), &value->u64);
	case HY_X86_CLASS_SEGMENT:
		value->segment = normal_segment(segment_place(&vcpu->cpu, id));
		return 0;
	case HY_X86_CLASS_TABLE:
		segment = segment_place(&vcpu->cpu, id);
		value->segment.base = segment->base;
		value->segment.limit = segment->limit;
		return 0;
	default:
		value->u64 = *number_place(&vcpu->cpu, id);
		return 0;
	}
}

int soft_get_regs(struct hy_backend_vcpu *be, const hy_reg *ids, union hy_value *values, size_t count)
{
	int r = check_ids(be, ids, count);

	for (size_t i = 0; i < count && !r; i++)
		r = read_one(be, ids[i], &values[i]);
	return r;
}

/* --- Writing ----------------------------------------------------------------------------------- */

/* Where an access is pending the executor still needs the old ones. */
static void write_general(struct soft_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count)
{
	uint64_t *gpr = vcpu->cpu.gpr;

	if (xe_is_pending(&vcpu->cpu)) {
		for (unsigned i = 0; i < 16 && !vcpu->rewritten; i++)
			vcpu->gpr[i] = gpr[i];
		vcpu->rewritten = true;
		gpr = vcpu->gpr;
	}
	for (size_t i = 0; i < count; i++)
		gpr[HY_REG_INDEX(ids[i])] = values[i].u64;
}

static int write_msr(const struct hy_backend_vcpu *be, struct xe_cpu *cpu, hy_reg id, uint64_t value)
{
	uint64_t *shared = shared_msr_place(cpu, HY_REG_INDEX(id));
	uint64_t before;

	if (shared) {
		*shared = value;
		return 0;
	}
	if (xe_set_msr(cpu, HY_REG_INDEX(id), value))
		return 0;
	if (!xe_get_msr(cpu, HY_REG_INDEX(id), &before))
		return no_such_msr(be, HY_REG_INDEX(id));
	return refuse_value(be, id, value, "not a value of this MSR");
}

/* The bits that the processor keeps as they are. */
static uint64_t fixed(hy_reg id, uint64_t value)
{
	switch (id) {
	case HY_X86_RFLAGS:
		return value | HY_X86_RFLAGS_ONE;
	case HY_X86_CR0:
		return (value & CR0_BITS) | HY_X86_CR0_ET;
	case HY_X86_DR6:
		return (value & DR6_WRITABLE) | DR6_ONES;
	case HY_X86_DR7:
		return (value & DR7_WRITABLE) | DR7_ONES;
	default:
		return value;
	}
}

static int write_one(const struct hy_backend_vcpu *be, struct xe_cpu *cpu, hy_reg id, const union hy_value *value)
{
	const char *why;

	if (HY_REG_CLASS(id) == HY_X86_CLASS_MSR && HY_REG_INDEX(id) == HY_X86_MSR_EFER)
		id = HY_X86_EFER;
	why = soft_check_value(cpu, id, value);
	if (why)
		return refuse_value(be, id, HY_REG_SIZE(id) > 8 ? value->segment.limit : value->u64, why);
	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_MSR:
		return write_msr(be, cpu, id, value->u64);
	case HY_X86_CLASS_SEGMENT:
		*segment_place(cpu, id) = normal_segment(&value->segment);
		return 0;
	case HY_X86_CLASS_TABLE:
		segment_place(cpu, id)->base = value->segment.base;
		segment_place(cpu, id)->limit = value->segment.limit;
		return 0;
	default:
		*number_place(cpu, id) = fixed(id, value->u64);
		return 0;
	}
}

/* Takes effect; the page-directory-pointers may be read from guest memory. */
static void take_over(struct soft_vcpu *vcpu, const struct xe_cpu *next)
{
	vcpu->cpu = *next;
	soft_enter(vcpu);
	xe_state_changed(&vcpu->cpu);
	soft_leave(vcpu);
}

int soft_set_regs(struct hy_backend_vcpu *be, const hy_reg *ids, const union hy_value *values, size_t count)
{
	struct soft_vcpu *vcpu = be->priv;
	struct xe_cpu next;
	const char *why;
	int r = check_ids(be, ids, count);

	if (r)
		return r;
	if (are_general(ids, count)) {
		write_general(vcpu, ids, values, count);
		return 0;
	}
	next = vcpu->cpu;
	for (size_t i = 0; i < count && !r; i++)
		r = write_one(be, &next, ids[i], &values[i]);
	if (r)
		return r;
	why = soft_check_state(&next);
	if (why)
		return soft_services_of(be)->fail(HY_E_INVALID, 0, NULL, NULL, "registers of vCPU %u: %s", be->id, why);
	take_over(vcpu, &next);
	return 0;
}
