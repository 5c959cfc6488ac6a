/* SPDX-License-Identifier: MIT */
/* The CPUID bits of extensions (SDM vol. 2, CPUID; APM vol. 3, appendix D). */
#include "isa.h"

enum { EAX, EBX, ECX, EDX };

struct cpuid_bit {
	uint32_t leaf; /* 0: nobody has it */
	uint8_t subleaf;
	uint8_t reg, bit;
};

static const struct cpuid_bit extensions[ZYDIS_ISA_EXT_MAX_VALUE + 1] = {
	[ZYDIS_ISA_EXT_ADOX_ADCX] = { 7, 0, EBX, 19 },
	[ZYDIS_ISA_EXT_AES] = { 1, 0, ECX, 25 },
	[ZYDIS_ISA_EXT_AMD3DNOW] = { 0x80000001, 0, EDX, 31 },
	[ZYDIS_ISA_EXT_AMD3DNOW_PREFETCH] = { 0x80000001, 0, ECX, 8 },
	[ZYDIS_ISA_EXT_AMD_INVLPGB] = { 0x80000008, 0, EBX, 3 },
	[ZYDIS_ISA_EXT_AMX_BF16] = { 7, 0, EDX, 22 },
	[ZYDIS_ISA_EXT_AMX_INT8] = { 7, 0, EDX, 25 },
	[ZYDIS_ISA_EXT_AMX_TILE] = { 7, 0, EDX, 24 },
	[ZYDIS_ISA_EXT_AVX] = { 1, 0, ECX, 28 },
	[ZYDIS_ISA_EXT_AVX2] = { 7, 0, EBX, 5 },
	[ZYDIS_ISA_EXT_AVX2GATHER] = { 7, 0, EBX, 5 },
	[ZYDIS_ISA_EXT_AVX512EVEX] = { 7, 0, EBX, 16 },
	[ZYDIS_ISA_EXT_AVX512VEX] = { 7, 0, EBX, 16 },
	[ZYDIS_ISA_EXT_AVXAES] = { 1, 0, ECX, 25 },
	[ZYDIS_ISA_EXT_AVX_VNNI] = { 7, 1, EAX, 4 },
	[ZYDIS_ISA_EXT_BMI1] = { 7, 0, EBX, 3 },
	[ZYDIS_ISA_EXT_BMI2] = { 7, 0, EBX, 8 },
	[ZYDIS_ISA_EXT_CET] = { 7, 0, ECX, 7 },
	[ZYDIS_ISA_EXT_CLFLUSHOPT] = { 7, 0, EBX, 23 },
	[ZYDIS_ISA_EXT_CLFSH] = { 1, 0, EDX, 19 },
	[ZYDIS_ISA_EXT_CLWB] = { 7, 0, EBX, 24 },
	[ZYDIS_ISA_EXT_CLZERO] = { 0x80000008, 0, EBX, 0 },
	[ZYDIS_ISA_EXT_ENQCMD] = { 7, 0, ECX, 29 },
	[ZYDIS_ISA_EXT_F16C] = { 1, 0, ECX, 29 },
	[ZYDIS_ISA_EXT_FMA] = { 1, 0, ECX, 12 },
	[ZYDIS_ISA_EXT_FMA4] = { 0x80000001, 0, ECX, 16 },
	[ZYDIS_ISA_EXT_GFNI] = { 7, 0, ECX, 8 },
	[ZYDIS_ISA_EXT_HRESET] = { 7, 1, EAX, 22 },
	[ZYDIS_ISA_EXT_INVPCID] = { 7, 0, EBX, 10 },
	[ZYDIS_ISA_EXT_KEYLOCKER] = { 7, 0, ECX, 23 },
	[ZYDIS_ISA_EXT_KEYLOCKER_WIDE] = { 7, 0, ECX, 23 },
	[ZYDIS_ISA_EXT_LZCNT] = { 0x80000001, 0, ECX, 5 },
	[ZYDIS_ISA_EXT_MCOMMIT] = { 0x80000008, 0, EBX, 8 },
	[ZYDIS_ISA_EXT_MMX] = { 1, 0, EDX, 23 },
	[ZYDIS_ISA_EXT_MONITOR] = { 1, 0, ECX, 3 },
	[ZYDIS_ISA_EXT_MONITORX] = { 0x80000001, 0, ECX, 29 },
	[ZYDIS_ISA_EXT_MOVBE] = { 1, 0, ECX, 22 },
	[ZYDIS_ISA_EXT_MOVDIR] = { 7, 0, ECX, 27 },
	[ZYDIS_ISA_EXT_PCLMULQDQ] = { 1, 0, ECX, 1 },
	[ZYDIS_ISA_EXT_PCONFIG] = { 7, 0, EDX, 18 },
	[ZYDIS_ISA_EXT_PKU] = { 7, 0, ECX, 3 },
	[ZYDIS_ISA_EXT_PREFETCHWT1] = { 7, 0, ECX, 0 },
	[ZYDIS_ISA_EXT_PT] = { 7, 0, EBX, 25 },
	[ZYDIS_ISA_EXT_RDPID] = { 7, 0, ECX, 22 },
	[ZYDIS_ISA_EXT_RDPRU] = { 0x80000008, 0, EBX, 4 },
	[ZYDIS_ISA_EXT_RDRAND] = { 1, 0, ECX, 30 },
	[ZYDIS_ISA_EXT_RDSEED] = { 7, 0, EBX, 18 },
	[ZYDIS_ISA_EXT_RDTSCP] = { 0x80000001, 0, EDX, 27 },
	[ZYDIS_ISA_EXT_RDWRFSGS] = { 7, 0, EBX, 0 },
	[ZYDIS_ISA_EXT_RTM] = { 7, 0, EBX, 11 },
	[ZYDIS_ISA_EXT_SERIALIZE] = { 7, 0, EDX, 14 },
	[ZYDIS_ISA_EXT_SGX] = { 7, 0, EBX, 2 },
	[ZYDIS_ISA_EXT_SGX_ENCLV] = { 7, 0, EBX, 2 },
	[ZYDIS_ISA_EXT_SHA] = { 7, 0, EBX, 29 },
	[ZYDIS_ISA_EXT_SMAP] = { 7, 0, EBX, 20 },
	[ZYDIS_ISA_EXT_SMX] = { 1, 0, ECX, 6 },
	[ZYDIS_ISA_EXT_SNP] = { 0x8000001f, 0, EAX, 4 },
	[ZYDIS_ISA_EXT_SSE] = { 1, 0, EDX, 25 },
	[ZYDIS_ISA_EXT_SSE2] = { 1, 0, EDX, 26 },
	[ZYDIS_ISA_EXT_SSE3] = { 1, 0, ECX, 0 },
	[ZYDIS_ISA_EXT_SSE4] = { 1, 0, ECX, 19 },
	[ZYDIS_ISA_EXT_SSE4A] = { 0x80000001, 0, ECX, 6 },
	[ZYDIS_ISA_EXT_SSSE3] = { 1, 0, ECX, 9 },
	[ZYDIS_ISA_EXT_SVM] = { 0x80000001, 0, ECX, 2 },
	[ZYDIS_ISA_EXT_TBM] = { 0x80000001, 0, ECX, 21 },
	[ZYDIS_ISA_EXT_TSX_LDTRK] = { 7, 0, EDX, 16 },
	[ZYDIS_ISA_EXT_UINTR] = { 7, 0, EDX, 5 },
	[ZYDIS_ISA_EXT_VAES] = { 7, 0, ECX, 9 },
	[ZYDIS_ISA_EXT_VMFUNC] = { 1, 0, ECX, 5 },
	[ZYDIS_ISA_EXT_VPCLMULQDQ] = { 7, 0, ECX, 10 },
	[ZYDIS_ISA_EXT_VTX] = { 1, 0, ECX, 5 },
	[ZYDIS_ISA_EXT_WAITPKG] = { 7, 0, ECX, 5 },
	[ZYDIS_ISA_EXT_X87] = { 1, 0, EDX, 0 },
	[ZYDIS_ISA_EXT_XOP] = { 0x80000001, 0, ECX, 11 },
	[ZYDIS_ISA_EXT_XSAVE] = { 1, 0, ECX, 26 },
	[ZYDIS_ISA_EXT_XSAVEC] = { 13, 1, EAX, 1 },
	[ZYDIS_ISA_EXT_XSAVEOPT] = { 13, 1, EAX, 0 },
	[ZYDIS_ISA_EXT_XSAVES] = { 13, 1, EAX, 3 },
};

/* Zydis counts these among an older extension. */
static struct cpuid_bit bit_of(const ZydisDecodedInstructionMeta *meta)
{
	switch (meta->isa_set) {
	case ZYDIS_ISA_SET_SSE42:
		return (struct cpuid_bit){ 1, 0, ECX, 20 };
	case ZYDIS_ISA_SET_POPCNT:
		return (struct cpuid_bit){ 1, 0, ECX, 23 };
	case ZYDIS_ISA_SET_FXSAVE:
	case ZYDIS_ISA_SET_FXSAVE64:
		return (struct cpuid_bit){ 1, 0, EDX, 24 };
	default:
		return extensions[meta->isa_ext];
	}
}

/*
 * x87 to SSE2 are every 64-bit processor's, and compilers use them unasked.  Where
 * CPUID hasn't their bits, that tells that the executor can't do all of them: what
 * it can is done, and the rest is refused, which says more than #UD.
 */
static bool is_everybodys(const ZydisDecodedInstructionMeta *meta)
{
	switch (meta->isa_ext) {
	case ZYDIS_ISA_EXT_BASE:
	case ZYDIS_ISA_EXT_LONGMODE:
	case ZYDIS_ISA_EXT_PAUSE:
		return true;
	case ZYDIS_ISA_EXT_X87:
	case ZYDIS_ISA_EXT_MMX:
	case ZYDIS_ISA_EXT_SSE:
	case ZYDIS_ISA_EXT_SSE2:
		return meta->isa_set != ZYDIS_ISA_SET_FXSAVE && meta->isa_set != ZYDIS_ISA_SET_FXSAVE64;
	default:
		return false;
	}
}

bool xe_isa_ok(struct xe_cpu *cpu, const ZydisDecodedInstructionMeta *meta)
{
	struct cpuid_bit bit = bit_of(meta);
	uint32_t answer[4] = { 0 };

	if (is_everybodys(meta))
		return true;
	if (!bit.leaf)
		return false;
	cpu->bus->cpuid(cpu->ctx, bit.leaf, bit.subleaf, answer);
	return answer[bit.reg] >> bit.bit & 1;
}
