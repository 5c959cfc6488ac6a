/* SPDX-License-Identifier: MIT */
/* Control registers (SDM vol. 3, section 2.5; vol. 2, MOV to and from control registers). */
#include "handlers.h"

#define CR0_BITS                                                                                                       \
	(HY_X86_CR0_PE | HY_X86_CR0_MP | HY_X86_CR0_EM | HY_X86_CR0_TS | HY_X86_CR0_ET | HY_X86_CR0_NE |               \
	 HY_X86_CR0_WP | HY_X86_CR0_AM | HY_X86_CR0_NW | HY_X86_CR0_CD | HY_X86_CR0_PG)

/* Changes that have PDPTEs loaded anew where PAE paging is on (SDM vol. 3, section 4.4.1). */
#define CR0_LOADS_PDPTES (HY_X86_CR0_CD | HY_X86_CR0_NW | HY_X86_CR0_PG)
#define CR4_LOADS_PDPTES (HY_X86_CR4_PAE | HY_X86_CR4_PGE | HY_X86_CR4_PSE | XE_CR4_SMEP)

/* Changes that translations made before don't stand. */
#define CR0_TRANSLATES (HY_X86_CR0_PG | HY_X86_CR0_WP)
#define CR4_TRANSLATES                                                                                                 \
	(HY_X86_CR4_PSE | HY_X86_CR4_PAE | HY_X86_CR4_PGE | HY_X86_CR4_LA57 | XE_CR4_PCIDE | XE_CR4_SMEP |             \
	 XE_CR4_SMAP | XE_CR4_PKE)

#define CR3_KEEP (UINT64_C(1) << 63) /* with PCIDs: translations needn't be forgotten */
#define CR3_PCID 0xfffu
#define CR8_BITS 0xfu

enum xe_result xe_check_privileged(struct xe_cpu *cpu)
{
	return cpu->cpl ? xe_raise_error(cpu, XE_GP, 0) : XE_OK;
}

/* --- Writing ------------------------------------------------------------------------ */

/* Reads the PDPTEs if paging would be PAE paging with these; else leaves them alone. */
static enum xe_result read_pdptes(struct xe_cpu *cpu, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t pdpte[4])
{
	if (!(cr0 & HY_X86_CR0_PG) || !(cr4 & HY_X86_CR4_PAE) || (cpu->efer & HY_X86_EFER_LME))
		return XE_OK;
	return xe_read_pdptes(cpu, cr3, pdpte);
}

/* SDM vol. 3, section 10.8.5: from legacy code only, with PAE, and a TSS that isn't of 16 bits. */
static bool can_enter_long(const struct xe_cpu *cpu)
{
	unsigned tss = cpu->seg[XE_TR].attributes & HY_X86_SEG_TYPE & ~2u;

	return (cpu->cr4 & HY_X86_CR4_PAE) && !(cpu->seg[XE_CS].attributes & HY_X86_SEG_L) && tss != 1;
}

static bool is_cr0_ok(const struct xe_cpu *cpu, uint64_t value)
{
	uint64_t changed = cpu->cr0 ^ value;

	if (value >> 32)
		return false;
	if (!(value & HY_X86_CR0_CD) && (value & HY_X86_CR0_NW))
		return false;
	if (!(value & HY_X86_CR0_PG))
		return !(changed & HY_X86_CR0_PG) || !(xe_is_64(cpu) || (cpu->cr4 & XE_CR4_PCIDE));
	if (!(value & HY_X86_CR0_PE))
		return false;
	return !(changed & HY_X86_CR0_PG) || !(cpu->efer & HY_X86_EFER_LME) || can_enter_long(cpu);
}

static void update_lma(struct xe_cpu *cpu)
{
	cpu->efer &= ~(uint64_t)HY_X86_EFER_LMA;
	if ((cpu->cr0 & HY_X86_CR0_PG) && (cpu->efer & HY_X86_EFER_LME))
		cpu->efer |= HY_X86_EFER_LMA;
}

static enum xe_result set_cr0(struct xe_cpu *cpu, uint64_t value)
{
	uint64_t changed = cpu->cr0 ^ value;
	uint64_t pdpte[4];
	enum xe_result r = XE_OK;

	if (!is_cr0_ok(cpu, value))
		return xe_raise_error(cpu, XE_GP, 0);
	memcpy(pdpte, cpu->pdpte, sizeof(pdpte));
	if (changed & CR0_LOADS_PDPTES)
		r = read_pdptes(cpu, value, cpu->cr3, cpu->cr4, pdpte);
	if (r != XE_OK)
		return r;
	memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
	cpu->cr0 = (value & CR0_BITS) | HY_X86_CR0_ET;
	update_lma(cpu);
	if (changed & CR0_TRANSLATES)
		xe_flush_all(cpu);
	xe_update_mode(cpu);
	return XE_OK;
}

/* PCIDs aren't told apart: translations always go. */
static enum xe_result set_cr3(struct xe_cpu *cpu, uint64_t value)
{
	uint64_t pdpte[4];
	enum xe_result r;

	if (cpu->cr4 & XE_CR4_PCIDE)
		value &= ~CR3_KEEP;
	if (value >> cpu->phys_bits)
		return xe_raise_error(cpu, XE_GP, 0);
	memcpy(pdpte, cpu->pdpte, sizeof(pdpte));
	r = read_pdptes(cpu, cpu->cr0, value, cpu->cr4, pdpte);
	if (r != XE_OK)
		return r;
	memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
	cpu->cr3 = value;
	xe_flush_all(cpu);
	return XE_OK;
}

uint64_t xe_cr4_bits(const struct xe_cpu *cpu)
{
	static const struct {
		uint32_t feature, bit;
	} optional[] = {
		{ XE_HAS_PSE, HY_X86_CR4_PSE },   { XE_HAS_PAE, HY_X86_CR4_PAE },
		{ XE_HAS_PGE, HY_X86_CR4_PGE },   { XE_HAS_UMIP, XE_CR4_UMIP },
		{ XE_HAS_LA57, HY_X86_CR4_LA57 }, { XE_HAS_FSGSBASE, XE_CR4_FSGSBASE },
		{ XE_HAS_PCID, XE_CR4_PCIDE },    { XE_HAS_XSAVE, HY_X86_CR4_OSXSAVE },
		{ XE_HAS_SMEP, XE_CR4_SMEP },     { XE_HAS_SMAP, XE_CR4_SMAP },
		{ XE_HAS_PKU, XE_CR4_PKE },       { XE_HAS_VME, XE_CR4_VME | XE_CR4_PVI },
	};
	uint64_t bits = XE_CR4_TSD | XE_CR4_DE | XE_CR4_MCE | XE_CR4_PCE | HY_X86_CR4_OSFXSR | HY_X86_CR4_OSXMMEXCPT;

	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		if (cpu->features & optional[i].feature)
			bits |= optional[i].bit;
	return bits;
}

static bool is_cr4_ok(const struct xe_cpu *cpu, uint64_t value)
{
	uint64_t changed = cpu->cr4 ^ value;

	if (value & ~xe_cr4_bits(cpu))
		return false;
	if (cpu->is_long && (changed & (HY_X86_CR4_PAE | HY_X86_CR4_LA57)))
		return false;
	if (!(changed & value & XE_CR4_PCIDE))
		return true;
	return cpu->is_long && !(cpu->cr3 & CR3_PCID);
}

static enum xe_result set_cr4(struct xe_cpu *cpu, uint64_t value)
{
	uint64_t changed = cpu->cr4 ^ value;
	uint64_t pdpte[4];
	enum xe_result r = XE_OK;

	if (!is_cr4_ok(cpu, value))
		return xe_raise_error(cpu, XE_GP, 0);
	memcpy(pdpte, cpu->pdpte, sizeof(pdpte));
	if (changed & CR4_LOADS_PDPTES)
		r = read_pdptes(cpu, cpu->cr0, cpu->cr3, value, pdpte);
	if (r != XE_OK)
		return r;
	memcpy(cpu->pdpte, pdpte, sizeof(pdpte));
	cpu->cr4 = value;
	if (changed & CR4_TRANSLATES)
		xe_flush_all(cpu);
	return XE_OK;
}

enum xe_result xe_set_cr(struct xe_cpu *cpu, unsigned number, uint64_t value)
{
	switch (number) {
	case 0:
		return set_cr0(cpu, value);
	case 2:
		cpu->cr2 = value;
		return XE_OK;
	case 3:
		return set_cr3(cpu, value);
	case 4:
		return set_cr4(cpu, value);
	case 8:
		if (value & ~(uint64_t)CR8_BITS)
			return xe_raise_error(cpu, XE_GP, 0);
		cpu->cr8 = value;
		return XE_OK;
	default:
		return xe_raise(cpu, XE_UD);
	}
}

/* --- Instructions --------------------------------------------------------------------- */

static enum xe_result get_cr(struct xe_cpu *cpu, unsigned number, uint64_t *value)
{
	switch (number) {
	case 0:
		*value = cpu->cr0;
		return XE_OK;
	case 2:
		*value = cpu->cr2;
		return XE_OK;
	case 3:
		*value = cpu->cr3;
		return XE_OK;
	case 4:
		*value = cpu->cr4;
		return XE_OK;
	case 8:
		*value = cpu->cr8;
		return XE_OK;
	default:
		return xe_raise(cpu, XE_UD);
	}
}

/* Of 64 bits in 64-bit mode, of 32 elsewhere, whatever the prefixes. */
enum xe_result xe_mov_cr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = xe_is_64(cpu) ? 8 : 4;
	uint64_t value = 0;
	enum xe_result r = xe_check_privileged(cpu);

	if (r != XE_OK)
		return r;
	if (insn->operand[0].kind == XE_CONTROL)
		return xe_set_cr(cpu, insn->operand[0].reg, xe_gpr(cpu, insn->operand[1].reg, size));
	r = get_cr(cpu, insn->operand[1].reg, &value);
	if (r == XE_OK)
		xe_set_gpr(cpu, insn->operand[0].reg, size, value);
	return r;
}

enum xe_result xe_clear_task_switched(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = xe_check_privileged(cpu);

	(void)insn;
	if (r == XE_OK)
		cpu->cr0 &= ~(uint64_t)HY_X86_CR0_TS;
	return r;
}

/* LMSW: the low four bits of CR0, of which PE can be set but not cleared. */
enum xe_result xe_load_msw(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t clears = HY_X86_CR0_MP | HY_X86_CR0_EM | HY_X86_CR0_TS;
	uint64_t value;
	enum xe_result r = xe_check_privileged(cpu);

	if (r == XE_OK)
		r = xe_get(cpu, insn, 0, &value);
	if (r != XE_OK)
		return r;
	return set_cr0(cpu, (cpu->cr0 & ~clears) | (value & (clears | HY_X86_CR0_PE)));
}

/* SMSW: registers get as much of CR0 as they hold, memory 16 bits. */
enum xe_result xe_store_msw(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (cpu->cpl && (cpu->cr4 & XE_CR4_UMIP))
		return xe_raise_error(cpu, XE_GP, 0);
	return xe_put(cpu, insn, 0, cpu->cr0);
}
