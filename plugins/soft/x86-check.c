/* SPDX-License-Identifier: MIT */
/*
 * Register values that the processor doesn't allow: by themselves (MOV to CR and
 * DR, XSETBV, WRMSR in SDM vol. 2), and together (SDM vol. 3, 26.3.1, which has
 * for VM entries what must hold of any state).
 */
#include "soft.h"

/* Bits that hy/x86.h doesn't name (SDM vol. 3, sections 2.3 to 2.6). */
#define RFLAGS_DEFINED 0x3f7fd7u
#define CR0_WIDTH UINT64_C(0xffffffff)
#define CR4_PCIDE 0x20000u
#define XCR0_X87 1u
#define XCR0_SSE 2u
#define XCR0_AVX 4u
#define CR8_MAX 15u
#define DR_WIDTH UINT64_C(0xffffffff)

/* --- One by one --------------------------------------------------------------------- */

static const char *check_cr0(uint64_t value)
{
	if (value & ~CR0_WIDTH)
		return "it has 32 bits";
	return (value & HY_X86_CR0_NW) && !(value & HY_X86_CR0_CD) ? "NW needs CD" : NULL;
}

static uint64_t efer_bits(const struct xe_cpu *cpu)
{
	uint64_t bits = 0;

	if (cpu->features & XE_HAS_SYSCALL)
		bits |= HY_X86_EFER_SCE;
	if (cpu->features & XE_HAS_LONG)
		bits |= HY_X86_EFER_LME | HY_X86_EFER_LMA;
	if (cpu->features & XE_HAS_NX)
		bits |= HY_X86_EFER_NXE;
	return bits;
}

static const char *check_xcr0(const struct xe_cpu *cpu, uint64_t value)
{
	uint64_t allowed = XCR0_X87;

	if (cpu->features & XE_HAS_XSAVE)
		allowed |= XCR0_SSE;
	if (cpu->features & XE_HAS_AVX)
		allowed |= XCR0_AVX;
	if (value & ~allowed)
		return "bits of components that the CPUID table doesn't have";
	if (!(value & XCR0_X87))
		return "bit 0 can't be clear";
	return (value & XCR0_AVX) && !(value & XCR0_SSE) ? "AVX needs SSE" : NULL;
}

static const char *check_control(const struct xe_cpu *cpu, hy_reg id, uint64_t value)
{
	switch (id) {
	case HY_X86_CR0:
		return check_cr0(value);
	case HY_X86_CR3:
		return value >> cpu->phys_bits ? "it is wider than a physical address" : NULL;
	case HY_X86_CR4:
		return value & ~xe_cr4_bits(cpu) ? "a bit that the CPUID table doesn't allow" : NULL;
	case HY_X86_CR8:
		return value > CR8_MAX ? "it has four bits" : NULL;
	case HY_X86_EFER:
		return value & ~efer_bits(cpu) ? "a bit that the CPUID table doesn't allow" : NULL;
	case HY_X86_XCR0:
		return check_xcr0(cpu, value);
	default:
		return NULL;
	}
}

static const char *check_debug(hy_reg id, uint64_t value)
{
	return HY_REG_INDEX(id) >= 6 && (value & ~DR_WIDTH) ? "it has 32 bits" : NULL;
}

const char *soft_check_value(const struct xe_cpu *cpu, hy_reg id, const union hy_value *value)
{
	switch (HY_REG_CLASS(id)) {
	case HY_X86_CLASS_FLAGS:
		return value->u64 & ~(uint64_t)RFLAGS_DEFINED ? "reserved bits" : NULL;
	case HY_X86_CLASS_TABLE:
		return value->segment.limit > UINT16_MAX ? "the limit has 16 bits" : NULL;
	case HY_X86_CLASS_CONTROL:
		return check_control(cpu, id, value->u64);
	case HY_X86_CLASS_DEBUG:
		return check_debug(id, value->u64);
	default:
		return NULL;
	}
}

/* --- Together -------------------------------------------------------------------------- */

static const char *check_long_mode(const struct xe_cpu *cpu)
{
	bool wanted = (cpu->efer & HY_X86_EFER_LME) && (cpu->cr0 & HY_X86_CR0_PG);
	bool is_long = cpu->efer & HY_X86_EFER_LMA;
	unsigned cs = cpu->seg[XE_CS].attributes;

	if (wanted && !(cpu->cr4 & HY_X86_CR4_PAE))
		return "long mode (efer.LME with cr0.PG) needs cr4.PAE";
	if (wanted != is_long)
		return is_long ? "efer.LMA needs efer.LME and cr0.PG" : "efer.LMA must be set with efer.LME and cr0.PG";
	if (!is_long)
		return cs & HY_X86_SEG_L ? "a 64-bit cs (attribute L) needs long mode" : NULL;
	return (cs & HY_X86_SEG_L) && (cs & HY_X86_SEG_DB) ? "cs has both attributes L and DB" : NULL;
}

const char *soft_check_state(const struct xe_cpu *cpu)
{
	bool is_long = cpu->efer & HY_X86_EFER_LMA;

	if ((cpu->cr0 & HY_X86_CR0_PG) && !(cpu->cr0 & HY_X86_CR0_PE))
		return "cr0.PG needs cr0.PE";
	if ((cpu->cr4 & CR4_PCIDE) && !is_long)
		return "cr4.PCIDE needs long mode";
	if ((cpu->rflags & HY_X86_RFLAGS_VM) && (is_long || !(cpu->cr0 & HY_X86_CR0_PE)))
		return "rflags.VM needs protected mode outside of long mode";
	return check_long_mode(cpu);
}
