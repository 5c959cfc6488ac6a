/* SPDX-License-Identifier: MIT */
/* Model-specific registers (SDM vol. 4, chapter 2). */
#include "handlers.h"

/*
 * What a kernel or a firmware for this kind of processor touches without asking CPUID
 * for it, or with what CPUID has.  Those that nothing stands behind read as a machine
 * has them that lacks the thing: no microcode update loaded, no machine check banks,
 * nothing to lock.
 */
enum {
	MSR_PLATFORM_ID = 0x17,
	MSR_APIC_BASE = 0x1b,
	MSR_EBL_CR_POWERON = 0x2a,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_BIOS_UPDATE = 0x79,
	MSR_BIOS_SIGNATURE = 0x8b,
	MSR_MTRR_CAPABILITIES = 0xfe,
	MSR_MCG_CAPABILITIES = 0x179,
	MSR_MCG_STATUS = 0x17a,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_DEBUG_CONTROL = 0x1d9,
	MSR_MTRR_VARIABLE = 0x200, /* base and mask in turn */
	MSR_MTRR_FIXED_64K = 0x250,
	MSR_MTRR_FIXED_16K = 0x258, /* 2 of them */
	MSR_MTRR_FIXED_4K = 0x268,  /* 8 of them */
	MSR_MTRR_DEFAULT_TYPE = 0x2ff,
	MSR_TSC_AUX = 0xc0000103u,
};

#define FEATURE_CONTROL_LOCKED 1u
#define APIC_BASE_BITS 0x900u /* enabled, bootstrap processor; an address is above */
#define MTRR_TYPE_BITS 0xcffu /* type, fixed ones enabled, enabled */
#define MTRR_CAPABILITIES (XE_MTRR_VARIABLE | 0x500u) /* and fixed ones, and write-combining */
#define MTRR_BASE_RESERVED 0xf00u
#define MTRR_MASK_RESERVED 0x7ffu
#define EFER_BITS (HY_X86_EFER_SCE | HY_X86_EFER_LME | HY_X86_EFER_LMA | HY_X86_EFER_NXE)

uint64_t xe_guest_tsc(const struct xe_cpu *cpu)
{
	return cpu->msr.tsc_offset + (cpu->bus->tsc ? cpu->bus->tsc(cpu->ctx) : 0);
}

bool xe_is_canonical_base(const struct xe_cpu *cpu, uint64_t linear)
{
	unsigned unused = cpu->features & XE_HAS_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

/* --- Registers that are plain storage --------------------------------------------------- */

enum msr_check { ANY, CANONICAL, LOW_HALF };

struct stored {
	uint32_t index;
	uint32_t needs; /* XE_HAS_* */
	enum msr_check check;
	size_t offset; /* in struct xe_cpu */
};

static const struct stored stored[] = {
	{ HY_X86_MSR_SYSENTER_CS, XE_HAS_SYSENTER, ANY, offsetof(struct xe_cpu, msr.sysenter_cs) },
	{ HY_X86_MSR_SYSENTER_ESP, XE_HAS_SYSENTER, CANONICAL, offsetof(struct xe_cpu, msr.sysenter_esp) },
	{ HY_X86_MSR_SYSENTER_EIP, XE_HAS_SYSENTER, CANONICAL, offsetof(struct xe_cpu, msr.sysenter_eip) },
	{ MSR_MISC_ENABLE, 0, ANY, offsetof(struct xe_cpu, msr.misc_enable) },
	{ HY_X86_MSR_STAR, XE_HAS_LONG, ANY, offsetof(struct xe_cpu, msr.star) },
	{ HY_X86_MSR_LSTAR, XE_HAS_LONG, CANONICAL, offsetof(struct xe_cpu, msr.lstar) },
	{ HY_X86_MSR_CSTAR, XE_HAS_LONG, CANONICAL, offsetof(struct xe_cpu, msr.cstar) },
	{ HY_X86_MSR_FMASK, XE_HAS_LONG, LOW_HALF, offsetof(struct xe_cpu, msr.fmask) },
	{ HY_X86_MSR_FS_BASE, XE_HAS_LONG, CANONICAL, offsetof(struct xe_cpu, seg[XE_FS].base) },
	{ HY_X86_MSR_GS_BASE, XE_HAS_LONG, CANONICAL, offsetof(struct xe_cpu, seg[XE_GS].base) },
	{ HY_X86_MSR_KERNEL_GS_BASE, XE_HAS_LONG, CANONICAL, offsetof(struct xe_cpu, msr.kernel_gs_base) },
	{ MSR_TSC_AUX, XE_HAS_RDTSCP, LOW_HALF, offsetof(struct xe_cpu, msr.tsc_aux) },
};

static const struct stored *find_stored(uint32_t index)
{
	for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++)
		if (stored[i].index == index)
			return &stored[i];
	return NULL;
}

/* Features count for the guest alone: the caller sets and reads a whole processor. */
static bool guest_has(const struct xe_cpu *cpu, uint32_t index)
{
	const struct stored *msr = find_stored(index);

	return !msr || (cpu->features & msr->needs) == msr->needs;
}

static bool set_stored(struct xe_cpu *cpu, const struct stored *msr, uint64_t value)
{
	if (msr->check == CANONICAL && !xe_is_canonical_base(cpu, value))
		return false;
	if (msr->check == LOW_HALF && value >> 32)
		return false;
	memcpy((uint8_t *)cpu + msr->offset, &value, sizeof(value));
	return true;
}

/* --- Registers with rules of their own ----------------------------------------------------- */

/* SDM vol. 3, table 12-10: 2 and 3 and all above 7 are reserved. */
static bool set_pat(struct xe_cpu *cpu, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		uint8_t type = (uint8_t)(value >> 8 * i);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	cpu->msr.pat = value;
	return true;
}

/* LME is fixed while paging is on; LMA follows paging, what is written to it is lost. */
static bool set_efer(struct xe_cpu *cpu, uint64_t value)
{
	uint64_t changed = cpu->efer ^ value;

	if (value & ~(uint64_t)EFER_BITS)
		return false;
	if ((changed & HY_X86_EFER_LME) && (cpu->cr0 & HY_X86_CR0_PG))
		return false;
	if ((value & HY_X86_EFER_NXE && !(cpu->features & XE_HAS_NX)) ||
	    (value & HY_X86_EFER_LME && !(cpu->features & XE_HAS_LONG)) ||
	    (value & HY_X86_EFER_SCE && !(cpu->features & XE_HAS_SYSCALL)))
		return false;
	cpu->efer = (value & ~(uint64_t)HY_X86_EFER_LMA) | (cpu->efer & HY_X86_EFER_LMA);
	if (changed & HY_X86_EFER_NXE)
		xe_flush_all(cpu);
	xe_update_mode(cpu);
	return true;
}

/* x2APIC mode isn't there. */
static bool set_apic_base(struct xe_cpu *cpu, uint64_t value)
{
	uint64_t address = value & ~XE_PAGE_MASK;

	if ((value & XE_PAGE_MASK & ~(uint64_t)APIC_BASE_BITS) || address >> cpu->phys_bits)
		return false;
	cpu->msr.apic_base = value;
	return true;
}

/* --- Memory types (SDM vol. 3, section 12.11): kept, and nothing else ---------------------- */

/* SDM vol. 3, table 12-8. */
static bool is_memory_type(uint8_t type)
{
	return type <= 6 && type != 2 && type != 3;
}

static bool set_mtrr_default_type(struct xe_cpu *cpu, uint64_t value)
{
	if ((value & ~(uint64_t)MTRR_TYPE_BITS) || !is_memory_type((uint8_t)value))
		return false;
	cpu->msr.mtrr_def_type = value;
	return true;
}

/* Where a range's register is; NULL for other MSRs. */
static uint64_t *mtrr_place(struct xe_msrs *msr, uint32_t index)
{
	if (index - MSR_MTRR_VARIABLE < 2 * XE_MTRR_VARIABLE)
		return &msr->mtrr_variable[index - MSR_MTRR_VARIABLE];
	if (index == MSR_MTRR_FIXED_64K)
		return &msr->mtrr_fixed[0];
	if (index - MSR_MTRR_FIXED_16K < 2)
		return &msr->mtrr_fixed[1 + (index - MSR_MTRR_FIXED_16K)];
	if (index - MSR_MTRR_FIXED_4K < 8)
		return &msr->mtrr_fixed[3 + (index - MSR_MTRR_FIXED_4K)];
	return NULL;
}

static bool is_mtrr_ok(const struct xe_cpu *cpu, uint32_t index, uint64_t value)
{
	bool ok = true;

	if (index - MSR_MTRR_VARIABLE < 2 * XE_MTRR_VARIABLE) {
		bool mask = index & 1;

		ok = mask || is_memory_type((uint8_t)value);
		return ok && !(value & (mask ? MTRR_MASK_RESERVED : MTRR_BASE_RESERVED)) && !(value >> cpu->phys_bits);
	}
	for (unsigned i = 0; i < 8; i++)
		ok = ok && is_memory_type((uint8_t)(value >> 8 * i));
	return ok;
}

static bool set_mtrr(struct xe_cpu *cpu, uint32_t index, uint64_t value)
{
	uint64_t *place = mtrr_place(&cpu->msr, index);

	if (!place || !is_mtrr_ok(cpu, index, value))
		return false;
	*place = value;
	return true;
}

static bool get_mtrr(const struct xe_cpu *cpu, uint32_t index, uint64_t *value)
{
	const uint64_t *place = mtrr_place((struct xe_msrs *)(uintptr_t)&cpu->msr, index);

	if (place)
		*value = *place;
	return place != NULL;
}

/* --- The others with rules ------------------------------------------------------------------- */

static bool get_special(const struct xe_cpu *cpu, uint32_t index, uint64_t *value)
{
	switch (index) {
	case HY_X86_MSR_TSC:
		*value = xe_guest_tsc(cpu);
		return true;
	case HY_X86_MSR_EFER:
		*value = cpu->efer;
		return true;
	case HY_X86_MSR_PAT:
		*value = cpu->msr.pat;
		return true;
	case MSR_APIC_BASE:
		*value = cpu->msr.apic_base;
		return true;
	case MSR_MTRR_DEFAULT_TYPE:
		*value = cpu->msr.mtrr_def_type;
		return true;
	case MSR_MTRR_CAPABILITIES:
		*value = MTRR_CAPABILITIES;
		return true;
	case MSR_FEATURE_CONTROL:
		*value = FEATURE_CONTROL_LOCKED;
		return true;
	case MSR_PLATFORM_ID:
	case MSR_EBL_CR_POWERON:
	case MSR_BIOS_SIGNATURE:
	case MSR_MCG_CAPABILITIES:
	case MSR_MCG_STATUS:
	case MSR_DEBUG_CONTROL:
		*value = 0;
		return true;
	default:
		return get_mtrr(cpu, index, value);
	}
}

static bool set_special(struct xe_cpu *cpu, uint32_t index, uint64_t value)
{
	switch (index) {
	case HY_X86_MSR_TSC:
		cpu->msr.tsc_offset += value - xe_guest_tsc(cpu);
		return true;
	case HY_X86_MSR_EFER:
		return set_efer(cpu, value);
	case HY_X86_MSR_PAT:
		return set_pat(cpu, value);
	case MSR_APIC_BASE:
		return set_apic_base(cpu, value);
	case MSR_MTRR_DEFAULT_TYPE:
		return set_mtrr_default_type(cpu, value);
	case MSR_BIOS_UPDATE:
	case MSR_BIOS_SIGNATURE:
		return true;
	case MSR_EBL_CR_POWERON:
	case MSR_MCG_STATUS:
	case MSR_DEBUG_CONTROL:
		return value == 0;
	default:
		return set_mtrr(cpu, index, value);
	}
}

/* --- All of them ------------------------------------------------------------------------------- */

bool xe_get_msr(struct xe_cpu *cpu, uint32_t index, uint64_t *value)
{
	const struct stored *msr = find_stored(index);

	if (!msr)
		return get_special(cpu, index, value);
	memcpy(value, (const uint8_t *)cpu + msr->offset, sizeof(*value));
	return true;
}

bool xe_set_msr(struct xe_cpu *cpu, uint32_t index, uint64_t value)
{
	const struct stored *msr = find_stored(index);
	bool ok = msr ? set_stored(cpu, msr, value) : set_special(cpu, index, value);

	if (ok)
		cpu->changed |= XE_PART_MSRS;
	return ok;
}

/* Privileges; true in *outside: the program has answered, or is given the write. */
static enum xe_result open_msr(struct xe_cpu *cpu, uint32_t index, bool write, bool *outside)
{
	enum xe_result r = xe_check_privileged(cpu);

	*outside = r == XE_OK && cpu->bus->msr_exits && cpu->bus->msr_exits(cpu->ctx, index, write);
	return r == XE_OK && !*outside ? xe_need(cpu, XE_PART_MSRS) : r;
}

enum xe_result xe_read_msr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint32_t index = (uint32_t)cpu->gpr[XE_RCX];
	uint64_t value = 0;
	bool outside;
	enum xe_result r = open_msr(cpu, index, false, &outside);

	(void)insn;
	if (r == XE_OK && outside)
		r = xe_outside(cpu, XE_ACCESS_MSR, index, 8, false, false, &value);
	else if (r == XE_OK && !(guest_has(cpu, index) && xe_get_msr(cpu, index, &value)))
		r = xe_raise_error(cpu, XE_GP, 0);
	if (r != XE_OK)
		return r;
	cpu->gpr[XE_RAX] = (uint32_t)value;
	cpu->gpr[XE_RDX] = value >> 32;
	return XE_OK;
}

enum xe_result xe_write_msr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint32_t index = (uint32_t)cpu->gpr[XE_RCX];
	uint64_t value = cpu->gpr[XE_RDX] << 32 | (uint32_t)cpu->gpr[XE_RAX];
	bool outside;
	enum xe_result r = open_msr(cpu, index, true, &outside);

	(void)insn;
	if (r != XE_OK)
		return r;
	if (outside)
		return xe_outside(cpu, XE_ACCESS_MSR, index, 8, true, false, &value);
	return guest_has(cpu, index) && xe_set_msr(cpu, index, value) ? XE_OK : xe_raise_error(cpu, XE_GP, 0);
}
