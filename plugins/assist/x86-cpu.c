/* SPDX-License-Identifier: MIT */
/* A processor as a whole: reset, features, and what belongs to no instruction. */
#include "internal.h"

#define CPUID_STANDARD 1u
#define CPUID_STRUCTURED 7u
#define CPUID_EXTENDED 0x80000001u

/* The registers that a CPUID leaf answers in, as offsets. */
#define CPUID_WORD(reg) offsetof(struct hy_x86_cpuid, reg)

/* SDM vol. 2, CPUID; extended leaf: APM vol. 3, appendix E. */
static const struct {
	uint32_t leaf;
	uint8_t word;
	uint8_t bit;
	uint32_t feature;
} features[] = {
	{ CPUID_STANDARD, CPUID_WORD(edx), 1, XE_HAS_VME },
	{ CPUID_STANDARD, CPUID_WORD(edx), 3, XE_HAS_PSE },
	{ CPUID_STANDARD, CPUID_WORD(edx), 6, XE_HAS_PAE },
	{ CPUID_STANDARD, CPUID_WORD(edx), 11, XE_HAS_SYSENTER },
	{ CPUID_STANDARD, CPUID_WORD(edx), 13, XE_HAS_PGE },
	{ CPUID_STANDARD, CPUID_WORD(ecx), 13, XE_HAS_CX16 },
	{ CPUID_STANDARD, CPUID_WORD(ecx), 17, XE_HAS_PCID },
	{ CPUID_STANDARD, CPUID_WORD(ecx), 22, XE_HAS_MOVBE },
	{ CPUID_STANDARD, CPUID_WORD(ecx), 23, XE_HAS_POPCNT },
	{ CPUID_STANDARD, CPUID_WORD(ecx), 26, XE_HAS_XSAVE },
	{ CPUID_STANDARD, CPUID_WORD(ecx), 28, XE_HAS_AVX },
	{ CPUID_STRUCTURED, CPUID_WORD(ebx), 0, XE_HAS_FSGSBASE },
	{ CPUID_STRUCTURED, CPUID_WORD(ebx), 3, XE_HAS_BMI1 },
	{ CPUID_STRUCTURED, CPUID_WORD(ebx), 7, XE_HAS_SMEP },
	{ CPUID_STRUCTURED, CPUID_WORD(ebx), 8, XE_HAS_BMI2 },
	{ CPUID_STRUCTURED, CPUID_WORD(ebx), 10, XE_HAS_INVPCID },
	{ CPUID_STRUCTURED, CPUID_WORD(ebx), 19, XE_HAS_ADX },
	{ CPUID_STRUCTURED, CPUID_WORD(ebx), 20, XE_HAS_SMAP },
	{ CPUID_STRUCTURED, CPUID_WORD(ecx), 2, XE_HAS_UMIP },
	{ CPUID_STRUCTURED, CPUID_WORD(ecx), 3, XE_HAS_PKU },
	{ CPUID_STRUCTURED, CPUID_WORD(ecx), 16, XE_HAS_LA57 },
	{ CPUID_EXTENDED, CPUID_WORD(edx), 11, XE_HAS_SYSCALL },
	{ CPUID_EXTENDED, CPUID_WORD(edx), 20, XE_HAS_NX },
	{ CPUID_EXTENDED, CPUID_WORD(edx), 26, XE_HAS_1G },
	{ CPUID_EXTENDED, CPUID_WORD(edx), 27, XE_HAS_RDTSCP },
	{ CPUID_EXTENDED, CPUID_WORD(edx), 29, XE_HAS_LONG },
	{ CPUID_EXTENDED, CPUID_WORD(ecx), 5, XE_HAS_LZCNT },
};

static uint32_t features_of_line(const struct hy_x86_cpuid *line)
{
	uint32_t found = 0;

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		uint32_t word;

		memcpy(&word, (const uint8_t *)line + features[i].word, sizeof(word));
		if (line->leaf == features[i].leaf && (word >> features[i].bit & 1))
			found |= features[i].feature;
	}
	return found;
}

uint32_t xe_features(const struct hy_x86_cpuid *table, size_t count)
{
	uint32_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (!(table[i].flags & HY_X86_CPUID_SUBLEAF) || table[i].subleaf == 0)
			found |= features_of_line(&table[i]);
	}
	return found;
}

static void reset_segments(struct xe_cpu *cpu)
{
	for (unsigned i = XE_ES; i <= XE_GS; i++)
		cpu->seg[i] = (struct hy_segment){ .limit = 0xffff, .attributes = HY_X86_ATTR_DATA16 };
	cpu->seg[XE_CS] = (struct hy_segment){ 0xffff0000, 0xffff, 0xf000, HY_X86_ATTR_CODE16 };
	cpu->seg[XE_LDTR] = (struct hy_segment){ .limit = 0xffff, .attributes = HY_X86_SEG_P | HY_X86_TYPE_LDT };
	cpu->seg[XE_TR] = (struct hy_segment){ .limit = 0xffff, .attributes = HY_X86_SEG_P | HY_X86_TYPE_TSS_BUSY };
	cpu->gdtr = (struct hy_segment){ .limit = 0xffff };
	cpu->idtr = (struct hy_segment){ .limit = 0xffff };
}

static void reset_msrs(struct xe_cpu *cpu)
{
	memset(&cpu->msr, 0, sizeof(cpu->msr));
	cpu->msr.pat = UINT64_C(0x0007040600070406);
	cpu->msr.apic_base = 0xfee00900; /* enabled, of the bootstrap processor */
	cpu->msr.misc_enable = 1;        /* fast strings */
	if (cpu->bus->tsc)
		cpu->msr.tsc_offset = 0 - cpu->bus->tsc(cpu->ctx);
}

static void reset_fpu(struct xe_cpu *cpu)
{
	memset(&cpu->fpu, 0, sizeof(cpu->fpu));
	cpu->fpu.fcw = 0x40;
	cpu->fpu.ftw = 0xff; /* all hold +0.0 */
	cpu->fpu.mxcsr = 0x1f80;
	cpu->xcr0 = 1;
	cpu->pkru = 0;
}

static void reset_control(struct xe_cpu *cpu)
{
	cpu->cr0 = HY_X86_CR0_CD | HY_X86_CR0_NW | HY_X86_CR0_ET;
	cpu->cr2 = cpu->cr3 = cpu->cr4 = cpu->cr8 = cpu->efer = 0;
	memset(cpu->pdpte, 0, sizeof(cpu->pdpte));
	memset(cpu->dr, 0, sizeof(cpu->dr));
	cpu->dr[6] = 0xffff0ff0;
	cpu->dr[7] = 0x400;
}

/* EDX has the processor's version after reset, as CPUID gives it. */
static void reset_general(struct xe_cpu *cpu)
{
	uint32_t version[4] = { 0 };

	memset(cpu->gpr, 0, sizeof(cpu->gpr));
	if (cpu->bus->cpuid)
		cpu->bus->cpuid(cpu->ctx, CPUID_STANDARD, 0, version);
	cpu->gpr[XE_RDX] = version[0];
	cpu->rip = 0xfff0;
	cpu->rflags = HY_X86_RFLAGS_ONE;
}

void xe_reset(struct xe_cpu *cpu)
{
	reset_general(cpu);
	reset_segments(cpu);
	reset_control(cpu);
	reset_msrs(cpu);
	reset_fpu(cpu);
	cpu->shadow = cpu->shadow_ss = cpu->nmi_masked = false;
	cpu->next_shadow = cpu->next_shadow_ss = false;
	cpu->trap = 0;
	cpu->interrupt = -1;
	cpu->nmi = false;
	cpu->parts = cpu->changed = XE_PART_ALL;
	memset(&cpu->event, 0, sizeof(cpu->event));
	xe_drop(cpu);
	xe_state_changed(cpu);
}

/*
 * The PDPTEs are read again where PAE paging is on.  No fault can be raised here:
 * where they aren't good, nothing is mapped.
 */
static void reload_pdptes(struct xe_cpu *cpu)
{
	struct xe_event event = cpu->event;

	if (!(cpu->cr0 & HY_X86_CR0_PG) || !(cpu->cr4 & HY_X86_CR4_PAE) || cpu->is_long)
		return;
	if (xe_read_pdptes(cpu, cpu->cr3, cpu->pdpte) != XE_OK)
		memset(cpu->pdpte, 0, sizeof(cpu->pdpte));
	cpu->event = event;
}

void xe_state_changed(struct xe_cpu *cpu)
{
	xe_update_mode(cpu);
	reload_pdptes(cpu);
	xe_flush_all(cpu);
}

void xe_drop(struct xe_cpu *cpu)
{
	memset(&cpu->access, 0, sizeof(cpu->access));
	cpu->log.count = 0;
	cpu->log.used = 0;
}

enum xe_result xe_refuse(struct xe_cpu *cpu, enum xe_refusal_reason reason, uint64_t gpa, uint32_t access,
                         const char *what)
{
	cpu->refusal = (struct xe_refusal){ (uint8_t)reason, (uint8_t)access, gpa, what };
	return XE_REFUSED;
}

enum xe_result xe_need(struct xe_cpu *cpu, unsigned parts)
{
	unsigned absent = parts & ~cpu->parts;

	if (!absent)
		return XE_OK;
	if (!cpu->bus->load || !cpu->bus->load(cpu->ctx, absent))
		return xe_refuse(cpu, XE_REFUSED_INSN, HY_ADDR_UNKNOWN, 0, "registers that the host doesn't give");
	cpu->parts |= absent;
	return XE_OK;
}

uint64_t xe_linear(const struct xe_cpu *cpu, unsigned segment, uint64_t offset)
{
	if (!xe_is_64(cpu))
		return (uint32_t)(cpu->seg[segment].base + offset);
	return segment <= XE_DS ? offset : cpu->seg[segment].base + offset;
}

bool xe_is_canonical(const struct xe_cpu *cpu, uint64_t linear)
{
	unsigned unused = cpu->cr4 & HY_X86_CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

/* --- The outside -------------------------------------------------------------------- */

/* The next entry of the log, if it is of this access. */
static bool is_logged(const struct xe_log *log, const struct xe_access *access)
{
	return log->used < log->count && log->entry[log->used].kind == access->kind &&
	       log->entry[log->used].size == access->size && log->entry[log->used].write == access->write &&
	       log->entry[log->used].address == access->address;
}

/* What is written isn't compared: the program has seen what it was at the time. */
static enum xe_result take_from_log(struct xe_cpu *cpu, bool write, uint64_t *value)
{
	unsigned i = cpu->log.used++;

	if (cpu->log.entry[i].refused)
		return xe_raise_error(cpu, XE_GP, 0);
	if (!write)
		*value = cpu->log.entry[i].data;
	return XE_OK;
}

enum xe_result xe_outside(struct xe_cpu *cpu, enum xe_access_kind kind, uint64_t address, size_t size, bool write,
                          bool string, uint64_t *value)
{
	struct xe_access access = { .kind = (uint8_t)kind,
		                    .size = (uint8_t)size,
		                    .write = write,
		                    .string = string,
		                    .address = address };
	uint64_t data = write ? *value & xe_mask(size) : UINT64_MAX;

	if (is_logged(&cpu->log, &access))
		return take_from_log(cpu, write, value);
	/* Memory that another processor changed may have led elsewhere: what comes later is asked anew. */
	cpu->log.count = cpu->log.used;
	if (cpu->log.used == XE_LOG_MAX)
		return xe_refuse(cpu, XE_REFUSED_INSN, HY_ADDR_UNKNOWN, 0, "an instruction with too many accesses");
	memcpy(access.data, &data, sizeof(access.data));
	cpu->access = access;
	return XE_ACCESS;
}

void xe_log_answer(struct xe_cpu *cpu)
{
	struct xe_access *access = &cpu->access;
	struct xe_log *log = &cpu->log;
	uint64_t data;

	memcpy(&data, access->data, sizeof(data));
	log->entry[log->count].kind = access->kind;
	log->entry[log->count].size = access->size;
	log->entry[log->count].write = access->write;
	log->entry[log->count].refused = access->refused;
	log->entry[log->count].address = access->address;
	log->entry[log->count].data = data & xe_mask(access->size);
	log->count++;
	log->used = 0;
	access->kind = XE_ACCESS_NONE;
}
