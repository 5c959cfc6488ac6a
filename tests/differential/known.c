/* SPDX-License-Identifier: MIT */
/*
 * Differences that are the other side's, or that the manual leaves open: at most 40.
 * Each match is counted and printed.
 */
#include <stdio.h>

#include <Zydis/Zydis.h>

#include "differential.h"

struct known {
	const char *side; /* NULL: any */
	unsigned mnemonic; /* 0: any */
	unsigned diffs;    /* the most that may differ */
	bool (*matches)(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs);
	const char *reason; /* and the manual's section */
};

/* --- Conditions -------------------------------------------------------------------------- */

static bool both_fault(const struct df_result *ours, const struct df_result *theirs)
{
	return ours->outcome == DF_FAULT && theirs->outcome == DF_FAULT;
}

static bool faults(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)c;
	return both_fault(ours, theirs);
}

static bool faults_here(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)c;
	(void)theirs;
	return ours->outcome == DF_FAULT;
}

static bool stores_by_bytes(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return c->mnemonic == ZYDIS_MNEMONIC_MASKMOVQ || c->mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU ||
	       c->mnemonic == ZYDIS_MNEMONIC_VMASKMOVDQU;
}

static bool stores_by_lanes(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	if (!both_fault(ours, theirs))
		return false;
	return c->mnemonic == ZYDIS_MNEMONIC_VMASKMOVPS || c->mnemonic == ZYDIS_MNEMONIC_VMASKMOVPD ||
	       c->mnemonic == ZYDIS_MNEMONIC_VPMASKMOVD || c->mnemonic == ZYDIS_MNEMONIC_VPMASKMOVQ;
}

static bool is_mmx_store(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	if (!both_fault(ours, theirs))
		return false;
	return c->mnemonic == ZYDIS_MNEMONIC_MOVQ || c->mnemonic == ZYDIS_MNEMONIC_MOVD ||
	       c->mnemonic == ZYDIS_MNEMONIC_MOVNTQ;
}

/* In many accesses: which of them faults first. */
static bool is_long(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	/* Without components only the header counts, or not even that. */
	if (!both_fault(ours, theirs) && (c->mnemonic != ZYDIS_MNEMONIC_XSAVEOPT || (c->before.gpr[XE_RAX] & 7)))
		return false;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_FXSAVE: case ZYDIS_MNEMONIC_FXSAVE64: case ZYDIS_MNEMONIC_FXRSTOR:
	case ZYDIS_MNEMONIC_FXRSTOR64: case ZYDIS_MNEMONIC_XSAVE: case ZYDIS_MNEMONIC_XSAVE64:
	case ZYDIS_MNEMONIC_XSAVEC: case ZYDIS_MNEMONIC_XSAVEC64: case ZYDIS_MNEMONIC_XSAVEOPT:
	case ZYDIS_MNEMONIC_XSAVEOPT64: case ZYDIS_MNEMONIC_XRSTOR: case ZYDIS_MNEMONIC_XRSTOR64:
	case ZYDIS_MNEMONIC_FNSTENV: case ZYDIS_MNEMONIC_FLDENV: case ZYDIS_MNEMONIC_FNSAVE:
	case ZYDIS_MNEMONIC_FRSTOR: case ZYDIS_MNEMONIC_PUSHA: case ZYDIS_MNEMONIC_PUSHAD:
	case ZYDIS_MNEMONIC_FLD: case ZYDIS_MNEMONIC_FSTP: case ZYDIS_MNEMONIC_POPA: case ZYDIS_MNEMONIC_POPAD:
		return true;
	default:
		return false;
	}
}

/* RCX of a REP, or what POPA has read so far. */
static bool has_begun(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	if (c->mnemonic == ZYDIS_MNEMONIC_POPA || c->mnemonic == ZYDIS_MNEMONIC_POPAD)
		return both_fault(ours, theirs);
	return both_fault(ours, theirs) && c->repeats && df_modes[c->mode].size == 8 &&
	       theirs->after.gpr[XE_RCX] == (uint32_t)ours->after.gpr[XE_RCX];
}

/* --- Conditions on Unicorn ------------------------------------------------------------------- */

static bool has_byte(const struct df_case *c, unsigned byte)
{
	for (unsigned i = 0; i < c->length; i++)
		if (c->code[i] == byte)
			return true;
	return false;
}

static bool is_far(const struct df_case *c)
{
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_IRET: case ZYDIS_MNEMONIC_IRETD: case ZYDIS_MNEMONIC_IRETQ: case ZYDIS_MNEMONIC_RET:
	case ZYDIS_MNEMONIC_CALL: case ZYDIS_MNEMONIC_JMP:
		return !c->branches;
	default:
		return false;
	}
}

static bool ours_is_general(const struct df_result *ours)
{
	return ours->outcome == DF_FAULT && (ours->vector == XE_GP || ours->vector == XE_SS_FAULT) && !ours->error;
}

static bool is_unaligned(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)theirs;
	return (c->is_vector || c->mnemonic == ZYDIS_MNEMONIC_LDMXCSR) && ours_is_general(ours) && ours->vector == XE_GP;
}

/* Limits and types of segments, where there are any. */
static bool is_limit(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)theirs;
	return (df_modes[c->mode].size != 8 || is_far(c)) && ours_is_general(ours);
}

static bool is_vex_16(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	return df_modes[c->mode].size == 2 && c->is_vex && theirs->outcome == DF_FAULT && theirs->vector == XE_UD;
}

static bool is_bits(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return c->mnemonic == ZYDIS_MNEMONIC_BLSI || c->mnemonic == ZYDIS_MNEMONIC_PDEP ||
	       c->mnemonic == ZYDIS_MNEMONIC_PEXT || c->mnemonic == ZYDIS_MNEMONIC_BZHI ||
	       c->mnemonic == ZYDIS_MNEMONIC_BEXTR;
}

static bool is_far_transfer(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return is_far(c);
}

/*
 * Faults that QEMU lacks in transfers and loads of segments: outer VM, L with D, null stack segments; and
 * a task switch that reads the new task before it saves the old.
 */
static bool is_unchecked_transfer(const struct df_case *c, const struct df_result *ours,
                                  const struct df_result *theirs)
{
	if (is_far(c) && theirs->outcome == DF_FAULT && theirs->vector == XE_TS)
		return true;
	if (ours->outcome != DF_FAULT)
		return false;
	return is_far(c) || c->mnemonic == ZYDIS_MNEMONIC_LSS ||
	       (c->mnemonic == ZYDIS_MNEMONIC_MOV && has_byte(c, 0x8e)) || c->mnemonic == ZYDIS_MNEMONIC_LTR ||
	       c->mnemonic == ZYDIS_MNEMONIC_LLDT;
}

static bool is_as_amd(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_SYSRET: case ZYDIS_MNEMONIC_SYSEXIT:
		return true;
	case ZYDIS_MNEMONIC_LSS: case ZYDIS_MNEMONIC_LFS: case ZYDIS_MNEMONIC_LGS:
		return df_modes[c->mode].size == 8;
	default:
		return df_modes[c->mode].size == 8 && c->branches && has_byte(c, 0x66);
	}
}

static bool is_port(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)theirs;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_IN: case ZYDIS_MNEMONIC_OUT: case ZYDIS_MNEMONIC_INSB: case ZYDIS_MNEMONIC_INSW:
	case ZYDIS_MNEMONIC_INSD: case ZYDIS_MNEMONIC_OUTSB: case ZYDIS_MNEMONIC_OUTSW: case ZYDIS_MNEMONIC_OUTSD:
		return ours_is_general(ours) && df_modes[c->mode].cpl == 3;
	default:
		return false;
	}
}

static bool is_undefined(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_BSWAP: case ZYDIS_MNEMONIC_SMSW: case ZYDIS_MNEMONIC_LAR:
	case ZYDIS_MNEMONIC_BSF: case ZYDIS_MNEMONIC_BSR:
		return true;
	default:
		return false;
	}
}

static bool reads_first(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	if (c->mnemonic == ZYDIS_MNEMONIC_ARPL)
		return theirs->outcome == DF_FAULT;
	return both_fault(ours, theirs) && ours->vector == XE_PF && theirs->vector == XE_PF && (ours->error & 2) &&
	       !(theirs->error & 2);
}

static bool is_unmapped(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)c;
	return ours->outcome == DF_FAULT && theirs->outcome == DF_OUTSIDE;
}

/* The instruction ends where its page does, or after: what follows can't be fetched. */
static bool ends_page(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	uint64_t linear = c->before.rip + (df_modes[c->mode].size == 8 ? 0 : c->before.seg[XE_CS].base);

	(void)ours;
	return linear + c->length >= DF_CODE + XE_PAGE_SIZE &&
	       (theirs->outcome == DF_OUTSIDE || theirs->outcome == DF_FAULT);
}

static bool is_prefix(unsigned byte)
{
	return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 || (byte & 0xfe) == 0x64 ||
	       (byte & 0xe7) == 0x26;
}

/* In 64-bit code: a segment that doesn't count after one that does. */
static bool has_idle_segment(const struct df_case *c)
{
	bool has_base = false;

	for (unsigned i = 0; i < c->length && is_prefix(c->code[i]); i++) {
		if (has_base && (c->code[i] & 0xe7) == 0x26)
			return true;
		has_base |= (c->code[i] & 0xfe) == 0x64;
	}
	return false;
}

/*
 * A prefix that counts for nothing: such a segment; 66 where F2 or F3 chooses the instruction; REX before
 * another prefix, or with AH, or with PAUSE.
 */
static bool has_idle_prefix(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	if (c->is_vector && has_byte(c, 0x66) && (has_byte(c, 0xf2) || has_byte(c, 0xf3)))
		return true;
	if (df_modes[c->mode].size != 8)
		return false;
	if (has_idle_segment(c))
		return true;
	for (unsigned i = 0; i + 1u < c->length; i++) {
		if ((c->code[i] & 0xf0) == 0x40)
			return is_prefix(c->code[i + 1]) || (c->code[i + 1] & 0xf0) == 0x40 ||
			       c->mnemonic == ZYDIS_MNEMONIC_LAHF ||
			       c->mnemonic == ZYDIS_MNEMONIC_SAHF || c->mnemonic == ZYDIS_MNEMONIC_PAUSE;
		if (!is_prefix(c->code[i]))
			return false;
	}
	return false;
}

static bool is_16(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return df_modes[c->mode].size == 2;
}

static bool is_unknown_there(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	return (c->mnemonic == ZYDIS_MNEMONIC_NOP || c->mnemonic == ZYDIS_MNEMONIC_TEST ||
	        (c->mnemonic == ZYDIS_MNEMONIC_MOV && df_modes[c->mode].size == 8)) &&
	       theirs->outcome == DF_FAULT && theirs->vector == XE_UD;
}

static bool has_high_parameter(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return c->code[c->length - 1] & 0x80;
}

static bool has_reserved_bits(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)theirs;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_RDMSR: case ZYDIS_MNEMONIC_WRMSR: case ZYDIS_MNEMONIC_LMSW:
		return true;
	case ZYDIS_MNEMONIC_MOV:
		return has_byte(c, 0x22) || has_byte(c, 0x23);
	case ZYDIS_MNEMONIC_LGDT: case ZYDIS_MNEMONIC_LIDT:
		return ours_is_general(ours) || (df_modes[c->mode].size == 8 && has_byte(c, 0x66));
	default:
		return false;
	}
}

static bool is_non_canonical(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)theirs;
	return df_modes[c->mode].size == 8 && (c->branches || is_far(c)) && ours->outcome == DF_FAULT &&
	       ours->vector == XE_GP;
}

static bool pushes_more(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	if (c->mnemonic == ZYDIS_MNEMONIC_POP || c->mnemonic == ZYDIS_MNEMONIC_MOVSXD)
		return ours->outcome == DF_DONE && theirs->outcome == DF_FAULT && theirs->vector == XE_PF;
	return c->mnemonic == ZYDIS_MNEMONIC_PUSH || c->mnemonic == ZYDIS_MNEMONIC_PUSHFD;
}

static bool is_horizontal(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return !c->memory && c->mnemonic >= ZYDIS_MNEMONIC_PHADDD && c->mnemonic <= ZYDIS_MNEMONIC_PHSUBW;
}

static bool is_wrapped(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return c->address_size == 2 && (c->mnemonic == ZYDIS_MNEMONIC_BOUND || c->mnemonic == ZYDIS_MNEMONIC_LES ||
	                                c->mnemonic == ZYDIS_MNEMONIC_LDS || c->mnemonic == ZYDIS_MNEMONIC_LSS ||
	                                c->mnemonic == ZYDIS_MNEMONIC_LFS || c->mnemonic == ZYDIS_MNEMONIC_LGS);
}

static bool reads_too_much(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)c;
	return ours->vector == XE_BR && theirs->outcome != DF_DONE;
}

static bool has_lock(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return has_byte(c, 0xf0);
}

static bool is_before_immediate(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	return df_modes[c->mode].size == 8 &&
	       (c->mnemonic == ZYDIS_MNEMONIC_SHLD || c->mnemonic == ZYDIS_MNEMONIC_SHRD ||
	        c->mnemonic == ZYDIS_MNEMONIC_RORX || c->mnemonic == ZYDIS_MNEMONIC_TEST);
}

static bool is_changed_before(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	bool same = !memcmp(ours->after.gpr, theirs->after.gpr, sizeof(ours->after.gpr));

	return both_fault(ours, theirs) && (same || c->mnemonic == ZYDIS_MNEMONIC_POPA || c->mnemonic == ZYDIS_MNEMONIC_POPAD);
}

static bool is_upper_half(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	for (unsigned i = 0; i < 16; i++)
		if ((uint32_t)(ours->after.gpr[i] ^ theirs->after.gpr[i]))
			return false;
	return df_modes[c->mode].size == 8 && (c->repeats || c->mnemonic == ZYDIS_MNEMONIC_CMPXCHG);
}

/* --- Conditions on a paravirtual KVM ------------------------------------------------------------- */

static bool is_emulated_roughly(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_IN: case ZYDIS_MNEMONIC_PAUSE:
		return has_byte(c, 0xf2) || has_byte(c, 0xf3);
	case ZYDIS_MNEMONIC_STR: case ZYDIS_MNEMONIC_SLDT: case ZYDIS_MNEMONIC_MOV:
		return c->memory;
	case ZYDIS_MNEMONIC_ENTER: case ZYDIS_MNEMONIC_NOP: case ZYDIS_MNEMONIC_CMPXCHG:
	case ZYDIS_MNEMONIC_LSS: case ZYDIS_MNEMONIC_LFS: case ZYDIS_MNEMONIC_LGS: case ZYDIS_MNEMONIC_CLFLUSH:
		return true;
	default:
		return false;
	}
}

/* Ours ended in the handler of #GP or #SS. */
static bool is_raised_here(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	uint64_t linear = ours->after.rip + (df_modes[c->mode].kind == DF_REAL ? ours->after.seg[XE_CS].base : 0);

	(void)theirs;
	return ours->outcome == DF_HALT && (linear == DF_HANDLERS + XE_GP + 1 || linear == DF_HANDLERS + XE_SS_FAULT + 1);
}

static bool is_unchecked(const struct df_case *c, const struct df_result *ours, const struct df_result *theirs)
{
	(void)ours;
	(void)theirs;
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_WRMSR: case ZYDIS_MNEMONIC_RDMSR: case ZYDIS_MNEMONIC_INT: case ZYDIS_MNEMONIC_LGDT:
	case ZYDIS_MNEMONIC_LIDT: case ZYDIS_MNEMONIC_XSETBV:
		return true;
	case ZYDIS_MNEMONIC_MOV:
		return has_byte(c, 0x22) || has_byte(c, 0x23) || has_byte(c, 0x20) || has_byte(c, 0x21);
	default:
		return is_far(c) || c->mnemonic == ZYDIS_MNEMONIC_SYSRET;
	}
}

/* --- The list ------------------------------------------------------------------------------- */

#define ANY (~0u)

static const struct known known[] = {
	{ NULL, 0, ANY & ~DF_DIFF_GPR, stores_by_bytes,
	  "MASKMOVQ and MASKMOVDQU: faults and #AC by the mask are implementation-dependent (vol. 2, "
	  "MASKMOVQ)" },

	{ "processor", ZYDIS_MNEMONIC_ENTER, DF_DIFF_MEMORY | DF_DIFF_VECTOR | DF_DIFF_ERROR | DF_DIFF_CR2, faults,
	  "ENTER has pushed, or failed to, when its last check faults (vol. 2, ENTER)" },
	{ "processor", ZYDIS_MNEMONIC_CALL, DF_DIFF_MEMORY | DF_DIFF_VECTOR, faults,
	  "CALL has pushed, or failed to, when its target faults (vol. 2, CALL checks the target first)" },
	{ "processor", 0, DF_DIFF_MEMORY | DF_DIFF_CR2 | DF_DIFF_VECTOR | DF_DIFF_OUTCOME, is_long,
	  "of many accesses, which faults first isn't said, and the ones before have happened; #AC or "
	  "#GP is implementation-dependent (vol. 2, FXSAVE)" },
	{ "processor", 0, DF_DIFF_CR2 | DF_DIFF_VECTOR, stores_by_lanes,
	  "VMASKMOV: which lane faults first isn't said (vol. 2, VMASKMOV)" },
	{ "processor", 0, DF_DIFF_FPU, is_mmx_store,
	  "an MMX store that faults has set the tags already (vol. 3, 6.5 says nothing has happened)" },
	{ "processor", 0, DF_DIFF_GPR, has_begun,
	  "REP with 32-bit addresses cuts RCX before the first item faults, POPA loads what it reads "
	  "(vol. 1, 3.4.1.1; vol. 3, 6.5 says nothing has happened)" },

	{ "unicorn", 0, ANY, is_unaligned,
	  "no alignment of SSE operands, no reserved bits of MXCSR (vol. 1, 10.4.1.1)" },
	{ "unicorn", 0, ANY, is_limit,
	  "no limits and types of segments for data and branches (vol. 3, 5.3, 5.5)" },
	{ "unicorn", 0, ANY, is_vex_16,
	  "no VEX in 16-bit protected mode (vol. 2, 2.3.5)" },
	{ "unicorn", 0, DF_DIFF_GPR | DF_DIFF_FLAGS, is_bits,
	  "BLSI's CF is the wrong way round; PDEP, PEXT, BZHI, BEXTR of some operands (vol. 2; the "
	  "processor agrees with ours)" },
	{ "unicorn", 0, DF_DIFF_MEMORY | DF_DIFF_SEGMENT, is_far_transfer,
	  "far transfers don't set CS's accessed bit, and take RPL for CPL (vol. 3, 5.8.3)" },
	{ "unicorn", 0, ANY, is_unchecked_transfer,
	  "takes VM of IRET at any CPL, L with D, null stacks, LTR and LLDT as they come; order of a "
	  "task switch (vol. 2, IRET, MOV, LTR; vol. 3, 7.3)" },
	{ "unicorn", 0, ANY, is_as_amd,
	  "is an AMD: SYSRET, SYSEXIT, 66 with near branches, LSS with REX.W (vol. 2, SYSRET, Jcc)" },
	{ "unicorn", 0, ANY, is_port,
	  "no IO permissions (vol. 1, 19.5)" },
	{ "unicorn", 0, DF_DIFF_GPR | DF_DIFF_MEMORY, is_undefined,
	  "undefined: BSWAP of 16 bits, SMSW above bit 15, LAR's 19:16, BSF and BSR of 0 (vol. 2)" },
	{ "unicorn", 0, DF_DIFF_ERROR | DF_DIFF_OUTCOME | DF_DIFF_CR2 | DF_DIFF_SYSTEM, reads_first,
	  "read-modify-write faults in reading; ARPL always writes (vol. 3, 4.7)" },
	{ "unicorn", 0, ANY, is_unmapped,
	  "looks for memory at a linear address before the page tables (vol. 3, 4.3)" },
	{ "unicorn", 0, ANY, ends_page,
	  "at a page's end it fetches what comes next too early, or an instruction's rest too late "
	  "(vol. 3, 6.9)" },
	{ "unicorn", 0, ANY, has_idle_prefix,
	  "REX before another prefix, with AH or with PAUSE; 66 with F2 or F3; ES, CS, SS, DS after FS or GS in 64-bit "
	  "code (vol. 2, 2.1.1, 2.2.1)" },
	{ "unicorn", ZYDIS_MNEMONIC_CRC32, ANY, is_16,
	  "CRC32 doesn't know the operand size of 16-bit code (vol. 2, CRC32)" },
	{ "unicorn", 0, ANY, is_unknown_there,
	  "no 0F 0D with registers, no F6 /1, no C7 /0 with REX.R (vol. 2, A.2)" },
	{ "unicorn", ZYDIS_MNEMONIC_RET, ANY, has_high_parameter,
	  "RET's parameter is signed (vol. 2, RET)" },
	{ "unicorn", ZYDIS_MNEMONIC_ENTER, ANY, NULL,
	  "ENTER writes all of RBP, and doesn't check the new stack (vol. 2, ENTER)" },
	{ "unicorn", 0, ANY, has_reserved_bits,
	  "no reserved bits in control registers, no unknown MSRs; bases of LGDT are canonical, with 66"
	  " too (vol. 3, 2.5; vol. 2, WRMSR, LGDT)" },
	{ "unicorn", ZYDIS_MNEMONIC_CLFLUSH, ANY, faults_here,
	  "CLFLUSH is a NOP (vol. 2, CLFLUSH)" },
	{ "unicorn", ZYDIS_MNEMONIC_LTR, DF_DIFF_SEGMENT, NULL,
	  "LTR's segment isn't busy (vol. 2, LTR)" },
	{ "unicorn", 0, ANY, is_non_canonical,
	  "a branch to a non-canonical address faults after it (vol. 2, JMP)" },
	{ "unicorn", 0, DF_DIFF_MEMORY | DF_DIFF_OUTCOME, pushes_more,
	  "PUSH Sreg writes zeros above the selector, newer processors nothing, and POP Sreg reads there; MOVSXD of 16 "
	  "bits reads 32; PUSHFD pushes VM (vol. 2, PUSH, POP, MOVSXD, PUSHF)" },
	{ "unicorn", 0, DF_DIFF_VECTORS, is_horizontal,
	  "PHADD and PHSUB of a register with itself (vol. 2, PHADDW)" },
	{ "unicorn", 0, ANY, is_wrapped,
	  "the second part of an operand with 16-bit addresses doesn't wrap (vol. 1, 3.7.5)" },
	{ "unicorn", ZYDIS_MNEMONIC_BOUND, ANY, reads_too_much,
	  "BOUND reads both bounds before it compares (vol. 2, BOUND; the processor agrees with ours)" },
	{ "unicorn", ZYDIS_MNEMONIC_NEG, DF_DIFF_FLAGS, has_lock,
	  "flags of LOCK NEG (vol. 2, NEG)" },
	{ "unicorn", 0, ANY, is_before_immediate,
	  "RIP-relative operands before an immediate (vol. 2, 2.2.1.6)" },
	{ "unicorn", 0, DF_DIFF_GPR, is_upper_half,
	  "upper halves: RAX after CMPXCHG, RCX after REP of no items (vol. 2, CMPXCHG; the processor "
	  "agrees with ours)" },
	{ "unicorn", 0, DF_DIFF_VECTORS | DF_DIFF_FLAGS | DF_DIFF_GPR, is_changed_before,
	  "flags, vectors, and registers of POPA have changed before a fault (vol. 3, 6.5)" },
	{ "unicorn", ZYDIS_MNEMONIC_LAR, DF_DIFF_GPR | DF_DIFF_FLAGS, NULL,
	  "LAR knows task gates in long mode (vol. 2, LAR)" },

	{ "kvm", 0, ANY, is_emulated_roughly,
	  "REP with IN and PAUSE, STR and SLDT of 64 bits to memory, ENTER of 16 bits, CMPXCHG of 32, "
	  "long NOPs, CLFLUSH (vol. 2)" },
	{ "kvm", 0, ANY, is_unchecked,
	  "MSRs, control and debug registers, tables, INT and far transfers aren't checked (vol. 2, "
	  "WRMSR, INT, IRET)" },
	{ "kvm", 0, ANY, is_raised_here,
	  "no limits and types of segments (vol. 3, 5.3, 5.5)" },
};

#define KNOWN (sizeof(known) / sizeof(*known))

_Static_assert(KNOWN <= 40, "differences are to be found, not listed");

static unsigned long matched[KNOWN];

int df_known(const struct df_side *side, const struct df_case *c, unsigned diff, const struct df_result *ours,
             const struct df_result *theirs)
{
	for (unsigned i = 0; i < KNOWN; i++) {
		const struct known *k = &known[i];

		if ((k->side && strcmp(k->side, side->name) != 0) || (k->mnemonic && k->mnemonic != c->mnemonic))
			continue;
		if (diff & ~k->diffs)
			continue;
		if (k->matches && !k->matches(c, ours, theirs))
			continue;
		matched[i]++;
		return (int)i;
	}
	return -1;
}

void df_print_known(void)
{
	for (unsigned i = 0; i < KNOWN; i++)
		if (matched[i])
			printf("known: %lu times: %s: %s\n", matched[i], known[i].side ? known[i].side : "any",
			       known[i].reason);
}
