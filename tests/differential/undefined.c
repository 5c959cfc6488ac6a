/* SPDX-License-Identifier: MIT */
/* Flags that an instruction leaves undefined (SDM vol. 2, "Flags Affected" of each). */
#include <Zydis/Zydis.h>

#include "differential.h"

#define CF HY_X86_RFLAGS_CF
#define PF HY_X86_RFLAGS_PF
#define AF HY_X86_RFLAGS_AF
#define ZF HY_X86_RFLAGS_ZF
#define SF HY_X86_RFLAGS_SF
#define OF HY_X86_RFLAGS_OF

/* The count of a shift: an immediate, CL or 1. */
static unsigned shift_count(const struct df_case *c, unsigned opcode)
{
	switch (opcode) {
	case 0xc0: case 0xc1: case 0xa4: case 0xac:
		return c->code[c->length - 1];
	case 0xd0: case 0xd1:
		return 1;
	default:
		return (unsigned)(c->before.gpr[XE_RCX] & 0xff);
	}
}

static unsigned opcode_of(const struct df_case *c)
{
	unsigned i = 0;

	while (i < c->length - 1u) {
		unsigned b = c->code[i];

		if (b != 0x66 && b != 0x67 && b != 0xf0 && b != 0xf2 && b != 0xf3 && b != 0x64 && b != 0x65 &&
		    (b & 0xe7) != 0x26 && (df_modes[c->mode].size != 8 || (b & 0xf0) != 0x40))
			break;
		i++;
	}
	return c->code[i] == 0x0f ? c->code[i + 1] : c->code[i];
}

static uint64_t of_shift(const struct df_case *c, bool rotates, bool is_double)
{
	unsigned bits = c->operand_size * 8u;
	unsigned count = shift_count(c, opcode_of(c)) & (bits == 64 ? 63 : 31);
	uint64_t undefined = 0;

	if (!count)
		return 0;
	if (count != 1)
		undefined |= OF;
	if (!rotates)
		undefined |= AF;
	if (!rotates && count >= bits)
		undefined |= CF;
	if (is_double && count > bits)
		undefined |= XE_RFLAGS_STATUS;
	return undefined;
}

uint64_t df_undefined_flags(const struct df_case *c)
{
	switch (c->mnemonic) {
	case ZYDIS_MNEMONIC_AND: case ZYDIS_MNEMONIC_OR: case ZYDIS_MNEMONIC_XOR: case ZYDIS_MNEMONIC_TEST:
		return AF;
	case ZYDIS_MNEMONIC_ANDN: case ZYDIS_MNEMONIC_BLSI: case ZYDIS_MNEMONIC_BLSR: case ZYDIS_MNEMONIC_BLSMSK:
	case ZYDIS_MNEMONIC_BZHI:
		return AF | PF;
	case ZYDIS_MNEMONIC_BEXTR:
		return AF | SF | PF;
	case ZYDIS_MNEMONIC_MUL: case ZYDIS_MNEMONIC_IMUL:
		return SF | ZF | AF | PF;
	case ZYDIS_MNEMONIC_DIV: case ZYDIS_MNEMONIC_IDIV:
		return XE_RFLAGS_STATUS;
	case ZYDIS_MNEMONIC_SHL: case ZYDIS_MNEMONIC_SHR: case ZYDIS_MNEMONIC_SAR:
		return of_shift(c, false, false);
	case ZYDIS_MNEMONIC_SHLD: case ZYDIS_MNEMONIC_SHRD:
		return of_shift(c, false, true);
	case ZYDIS_MNEMONIC_ROL: case ZYDIS_MNEMONIC_ROR: case ZYDIS_MNEMONIC_RCL: case ZYDIS_MNEMONIC_RCR:
		return of_shift(c, true, false);
	case ZYDIS_MNEMONIC_BSF: case ZYDIS_MNEMONIC_BSR:
		return CF | OF | SF | AF | PF;
	case ZYDIS_MNEMONIC_BT: case ZYDIS_MNEMONIC_BTS: case ZYDIS_MNEMONIC_BTR: case ZYDIS_MNEMONIC_BTC:
		return OF | SF | AF | PF;
	case ZYDIS_MNEMONIC_LZCNT: case ZYDIS_MNEMONIC_TZCNT:
		return OF | SF | AF | PF;
	case ZYDIS_MNEMONIC_AAA: case ZYDIS_MNEMONIC_AAS:
		return OF | SF | ZF | PF;
	case ZYDIS_MNEMONIC_AAM: case ZYDIS_MNEMONIC_AAD:
		return OF | AF | CF;
	case ZYDIS_MNEMONIC_DAA: case ZYDIS_MNEMONIC_DAS:
		return OF;
	default:
		return 0;
	}
}
