/* SPDX-License-Identifier: MIT */
/*
 * CPUID: what guests get by default, and how a vCPU looks its answer up.
 *
 * The table promises what the executor does, no less and no more.  Above all it
 * hasn't FPU, SSE and what builds on them: the executor moves, shuffles and saves
 * that state, but has no floating-point arithmetic.  Guests that don't ask may
 * still use what there is, see plugins/assist/x86-isa.c.
 */
#include <string.h>

#include "soft.h"

#define LEAF_XSAVE 0xdu
#define LEAF_EXTENDED 0x80000000u
/* Leaves with the whole APIC id: EDX of two, EAX of AMD's. */
#define LEAF_TOPOLOGY 0xbu
#define LEAF_TOPOLOGY_V2 0x1fu
#define LEAF_AMD_TOPOLOGY 0x8000001eu
#define LEAF_WIDTHS 0x80000008u

/* Leaf 1 (SDM vol. 2, CPUID, tables 3-10 and 3-11). */
#define LEAF1_EBX_CLFLUSH_64 (8u << 8)
#define LEAF1_EBX_APIC_ID_SHIFT 24
#define LEAF1_EBX_APIC_ID 0xff000000u
#define LEAF1_ECX_CX16 (1u << 13)
#define LEAF1_ECX_PCID (1u << 17)
#define LEAF1_ECX_MOVBE (1u << 22)
#define LEAF1_ECX_POPCNT (1u << 23)
#define LEAF1_ECX_XSAVE (1u << 26)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF1_EDX_DE (1u << 2)
#define LEAF1_EDX_PSE (1u << 3)
#define LEAF1_EDX_TSC (1u << 4)
#define LEAF1_EDX_MSR (1u << 5)
#define LEAF1_EDX_PAE (1u << 6)
#define LEAF1_EDX_CX8 (1u << 8)
#define LEAF1_EDX_SEP (1u << 11)
#define LEAF1_EDX_MTRR (1u << 12)
#define LEAF1_EDX_PGE (1u << 13)
#define LEAF1_EDX_CMOV (1u << 15)
#define LEAF1_EDX_PAT (1u << 16)
#define LEAF1_EDX_CLFSH (1u << 19)
#define LEAF1_EDX_MMX (1u << 23)
#define LEAF1_EDX_FXSR (1u << 24)

/* Leaf 7. */
#define LEAF7_EBX_FSGSBASE (1u << 0)
#define LEAF7_EBX_BMI1 (1u << 3)
#define LEAF7_EBX_SMEP (1u << 7)
#define LEAF7_EBX_BMI2 (1u << 8)
#define LEAF7_EBX_INVPCID (1u << 10)
#define LEAF7_EBX_ADX (1u << 19)
#define LEAF7_EBX_SMAP (1u << 20)
#define LEAF7_EBX_CLFLUSHOPT (1u << 23)
#define LEAF7_EBX_CLWB (1u << 24)
#define LEAF7_ECX_UMIP (1u << 2)
#define LEAF7_ECX_PKU (1u << 3)
#define LEAF7_ECX_LA57 (1u << 16)

/* Leaf 0x80000001, and the invariant TSC of 0x80000007. */
#define EXTENDED_ECX_LAHF (1u << 0)
#define EXTENDED_ECX_LZCNT (1u << 5)
#define EXTENDED_ECX_PREFETCHW (1u << 8)
#define EXTENDED_EDX_SYSCALL (1u << 11)
#define EXTENDED_EDX_NX (1u << 20)
#define EXTENDED_EDX_1G (1u << 26)
#define EXTENDED_EDX_RDTSCP (1u << 27)
#define EXTENDED_EDX_LONG (1u << 29)
#define INVARIANT_TSC (1u << 8)

/* Family 6, model 6, stepping 3: old enough that nobody looks for its errata. */
#define SIGNATURE 0x663u

/* The size of an image of x87 and SSE, with its header (SDM vol. 1, section 13.4). */
#define XSAVE_SIZE 576u
#define XSTATE_X87_SSE 3u
#define XSAVEOPT (1u << 0) /* leaf 0xd, subleaf 1, EAX */

/* A ratio of the TSC to a crystal, as leaf 0x15 wants it. */
#define CRYSTAL_HZ 25000000u
#define TSC_MHZ (SOFT_TSC_HZ / 1000000u)

static const struct hy_x86_cpuid host_table[] = {
	/* "GenuineIntel", in the order EBX, EDX, ECX. */
	{ 0, 0, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69 },
	{ 1, 0, 0, SIGNATURE, LEAF1_EBX_CLFLUSH_64,
	  LEAF1_ECX_CX16 | LEAF1_ECX_PCID | LEAF1_ECX_MOVBE | LEAF1_ECX_POPCNT | LEAF1_ECX_XSAVE | LEAF1_ECX_HYPERVISOR,
	  LEAF1_EDX_DE | LEAF1_EDX_PSE | LEAF1_EDX_TSC | LEAF1_EDX_MSR | LEAF1_EDX_PAE | LEAF1_EDX_CX8 | LEAF1_EDX_SEP |
		  LEAF1_EDX_MTRR | LEAF1_EDX_PGE | LEAF1_EDX_CMOV | LEAF1_EDX_PAT | LEAF1_EDX_CLFSH | LEAF1_EDX_MMX |
		  LEAF1_EDX_FXSR },
	{ 7, 0, HY_X86_CPUID_SUBLEAF, 0,
	  LEAF7_EBX_FSGSBASE | LEAF7_EBX_BMI1 | LEAF7_EBX_SMEP | LEAF7_EBX_BMI2 | LEAF7_EBX_INVPCID | LEAF7_EBX_ADX |
		  LEAF7_EBX_SMAP | LEAF7_EBX_CLFLUSHOPT | LEAF7_EBX_CLWB,
	  LEAF7_ECX_UMIP | LEAF7_ECX_PKU | LEAF7_ECX_LA57, 0 },
	{ LEAF_XSAVE, 0, HY_X86_CPUID_SUBLEAF, XSTATE_X87_SSE, XSAVE_SIZE, XSAVE_SIZE, 0 },
	{ LEAF_XSAVE, 1, HY_X86_CPUID_SUBLEAF, XSAVEOPT, 0, 0, 0 },
	{ 0x15, 0, 0, 1, SOFT_TSC_HZ / CRYSTAL_HZ, CRYSTAL_HZ, 0 },
	{ 0x16, 0, 0, TSC_MHZ, TSC_MHZ, 0, 0 },
	{ LEAF_EXTENDED, 0, 0, LEAF_WIDTHS, 0, 0, 0 },
	{ 0x80000001, 0, 0, 0, 0, EXTENDED_ECX_LAHF | EXTENDED_ECX_LZCNT | EXTENDED_ECX_PREFETCHW,
	  EXTENDED_EDX_SYSCALL | EXTENDED_EDX_NX | EXTENDED_EDX_1G | EXTENDED_EDX_RDTSCP | EXTENDED_EDX_LONG },
	/* "libhy software CPU" */
	{ 0x80000002, 0, 0, 0x6862696c, 0x6f732079, 0x61777466, 0x43206572 },
	{ 0x80000003, 0, 0, 0x00005550, 0, 0, 0 },
	{ 0x80000004, 0, 0, 0, 0, 0, 0 },
	{ 0x80000007, 0, 0, 0, 0, 0, INVARIANT_TSC },
	{ LEAF_WIDTHS, 0, 0, SOFT_GPA_BITS | 57u << 8, 0, 0, 0 },
};
#define LINES (sizeof(host_table) / sizeof(host_table[0]))

int soft_x86_cpuid(struct hy_backend_host *be, struct hy_x86_cpuid *table, size_t *count)
{
	size_t room = *count;

	*count = LINES;
	if (room < LINES)
		return be->services->fail(HY_E_LIMIT, 0, NULL, NULL, "room for %zu lines of CPUID, needed are %zu",
		                          room, LINES);
	memcpy(table, host_table, sizeof(host_table));
	return 0;
}

const struct hy_x86_cpuid *soft_cpuid_find(const struct hy_vm_options *options, uint32_t leaf, uint32_t subleaf)
{
	for (size_t i = 0; i < options->x86_cpuid_count; i++) {
		const struct hy_x86_cpuid *line = &options->x86_cpuid[i];

		if (line->leaf == leaf && (!(line->flags & HY_X86_CPUID_SUBLEAF) || line->subleaf == subleaf))
			return line;
	}
	return NULL;
}

/* --- Widths ---------------------------------------------------------------------------- */

/* SDM vol. 3, section 4.1.4: where CPUID doesn't tell. */
#define DEFAULT_PHYS_BITS 36
#define MIN_PHYS_BITS 32
#define MAX_PHYS_BITS 52

uint8_t soft_cpuid_phys_bits(const struct hy_vm_options *options)
{
	const struct hy_x86_cpuid *line = soft_cpuid_find(options, LEAF_WIDTHS, 0);
	uint32_t bits = line ? line->eax & 0xff : DEFAULT_PHYS_BITS;

	if (bits < MIN_PHYS_BITS)
		return MIN_PHYS_BITS;
	return (uint8_t)(bits > MAX_PHYS_BITS ? MAX_PHYS_BITS : bits);
}

/* --- A guest's question ------------------------------------------------------------------- */

/*
 * Beyond the last leaf of its range a question is one for the last basic leaf
 * (SDM vol. 2, CPUID); a leaf that is missing before it is all zeros.
 */
static const struct hy_x86_cpuid *find_line(const struct hy_vm_options *options, uint32_t leaf, uint32_t subleaf)
{
	const struct hy_x86_cpuid *first = soft_cpuid_find(options, leaf & LEAF_EXTENDED, 0);
	const struct hy_x86_cpuid *basic = soft_cpuid_find(options, 0, 0);

	if (first && leaf > first->eax && basic)
		leaf = basic->eax;
	return soft_cpuid_find(options, leaf, subleaf);
}

/* The APIC id is the vCPU's own, wherever it is told. */
static void set_apic_id(uint32_t leaf, uint32_t id, uint32_t answer[4])
{
	switch (leaf) {
	case 1:
		answer[1] = (answer[1] & ~LEAF1_EBX_APIC_ID) | id << LEAF1_EBX_APIC_ID_SHIFT;
		break;
	case LEAF_TOPOLOGY:
	case LEAF_TOPOLOGY_V2:
		answer[3] = id;
		break;
	case LEAF_AMD_TOPOLOGY:
		answer[0] = id;
		break;
	}
}

void soft_cpuid(void *ctx, uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	const struct soft_vcpu *vcpu = ctx;
	const struct hy_x86_cpuid *line = find_line(vcpu->be->vm->options, leaf, subleaf);

	memset(answer, 0, 4 * sizeof(*answer));
	if (!line)
		return;
	answer[0] = line->eax;
	answer[1] = line->ebx;
	answer[2] = line->ecx;
	answer[3] = line->edx;
	set_apic_id(line->leaf, vcpu->be->id, answer);
}
