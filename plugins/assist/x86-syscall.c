/* SPDX-License-Identifier: MIT */
/* SYSCALL, SYSRET, SYSENTER, SYSEXIT (SDM vol. 2; vol. 3, sections 5.8.7 and 5.8.8). */
#include "handlers.h"
#include "x86-protect.h"

/* Segments as these instructions set them, whatever the descriptors say: flat, present, accessed. */
static void set_flat(struct xe_cpu *cpu, uint16_t cs, uint16_t ss, unsigned level, unsigned cs_attributes)
{
	uint16_t dpl = (uint16_t)(level << HY_X86_SEG_DPL_SHIFT);

	cpu->seg[XE_CS] = (struct hy_segment){ 0, UINT32_MAX, (uint16_t)(cs | level), (uint16_t)(cs_attributes | dpl) };
	cpu->seg[XE_SS] = (struct hy_segment){ 0, UINT32_MAX, (uint16_t)(ss | level), HY_X86_ATTR_DATA32 | dpl };
	xe_update_mode(cpu);
}

/* Intel knows SYSCALL and SYSRET in 64-bit mode only. */
static enum xe_result check_syscall(struct xe_cpu *cpu)
{
	if (!xe_is_64(cpu) || !(cpu->efer & HY_X86_EFER_SCE))
		return xe_raise(cpu, XE_UD);
	return xe_need(cpu, XE_PART_MSRS);
}

/* The new TF is what counts for single-stepping, so that a kernel which masks it isn't stepped into. */
static void step_by_new_flags(struct xe_cpu *cpu)
{
	cpu->next_step = (cpu->rflags & HY_X86_RFLAGS_TF) != 0;
}

enum xe_result xe_syscall(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = check_syscall(cpu);
	uint16_t cs;

	(void)insn;
	if (r != XE_OK)
		return r;
	cs = cpu->msr.star >> 32 & 0xfffc;
	cpu->gpr[XE_RCX] = cpu->next_rip;
	cpu->gpr[11] = cpu->rflags;
	cpu->next_rip = cpu->msr.lstar;
	cpu->rflags = (cpu->rflags & ~cpu->msr.fmask & ~(uint64_t)HY_X86_RFLAGS_RF) | HY_X86_RFLAGS_ONE;
	set_flat(cpu, cs, (uint16_t)(cs + 8), 0, HY_X86_ATTR_CODE64);
	step_by_new_flags(cpu);
	return XE_OK;
}

enum xe_result xe_sysret(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	bool wide = insn->operand_size == 8;
	enum xe_result r = check_syscall(cpu);
	uint16_t base;

	if (r != XE_OK)
		return r;
	/* Here at CPL 0, with the user's stack: Intel's processors do it so. */
	if (cpu->cpl != 0 || (wide && !xe_is_canonical(cpu, cpu->gpr[XE_RCX])))
		return xe_raise_error(cpu, XE_GP, 0);
	base = (uint16_t)(cpu->msr.star >> 48);
	cpu->next_rip = wide ? cpu->gpr[XE_RCX] : cpu->gpr[XE_RCX] & UINT32_MAX;
	cpu->rflags = (cpu->gpr[11] & 0x3c7fd7) | HY_X86_RFLAGS_ONE;
	set_flat(cpu, (uint16_t)(wide ? base + 16 : base), (uint16_t)(base + 8), 3,
	         wide ? HY_X86_ATTR_CODE64 : HY_X86_ATTR_CODE32);
	step_by_new_flags(cpu);
	return XE_OK;
}

/* The selector that all four of SYSENTER and SYSEXIT are counted from; 0: not set up. */
static enum xe_result get_sysenter_cs(struct xe_cpu *cpu, uint16_t *cs)
{
	enum xe_result r = xe_need(cpu, XE_PART_MSRS);

	if (r != XE_OK)
		return r;
	*cs = cpu->msr.sysenter_cs & 0xfffc;
	if (!(cpu->cr0 & HY_X86_CR0_PE) || *cs == 0)
		return xe_raise_error(cpu, XE_GP, 0);
	return XE_OK;
}

enum xe_result xe_sysenter(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = cpu->is_long ? 8 : 4;
	uint16_t cs;
	enum xe_result r = get_sysenter_cs(cpu, &cs);

	(void)insn;
	if (r != XE_OK)
		return r;
	cpu->rflags &= ~(uint64_t)(HY_X86_RFLAGS_VM | HY_X86_RFLAGS_IF | HY_X86_RFLAGS_RF);
	xe_set_gpr(cpu, XE_RSP, size, cpu->msr.sysenter_esp);
	cpu->next_rip = cpu->msr.sysenter_eip & xe_mask(size);
	set_flat(cpu, cs, (uint16_t)(cs + 8), 0, cpu->is_long ? HY_X86_ATTR_CODE64 : HY_X86_ATTR_CODE32);
	return XE_OK;
}

enum xe_result xe_sysexit(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand_size == 8 ? 8 : 4;
	uint64_t rip = xe_gpr(cpu, XE_RDX, size), rsp = xe_gpr(cpu, XE_RCX, size);
	uint16_t cs;
	enum xe_result r = get_sysenter_cs(cpu, &cs);

	if (r != XE_OK)
		return r;
	if (cpu->cpl != 0 || (size == 8 && !(xe_is_canonical(cpu, rip) && xe_is_canonical(cpu, rsp))))
		return xe_raise_error(cpu, XE_GP, 0);
	xe_set_gpr(cpu, XE_RSP, size, rsp);
	cpu->next_rip = rip;
	cs = (uint16_t)(size == 8 ? cs + 32 : cs + 16);
	set_flat(cpu, cs, (uint16_t)(cs + 8), 3, size == 8 ? HY_X86_ATTR_CODE64 : HY_X86_ATTR_CODE32);
	return XE_OK;
}
