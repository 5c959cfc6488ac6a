/* SPDX-License-Identifier: MIT */
/* Moves, conversions, single flags, and what does nothing. */
#include "integer.h"

/* --- MOV ------------------------------------------------------------------------------ */

/* After a load of SS nothing comes in between that would use the stack (SDM vol. 3, section 6.8.3). */
static enum xe_result mov_to_segment(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	unsigned segment = insn->operand[0].reg;
	uint64_t selector;
	enum xe_result r = xe_get(cpu, insn, 1, &selector);

	if (r == XE_OK)
		r = xe_load_segment(cpu, segment, (uint16_t)selector);
	if (r == XE_OK && segment == XE_SS)
		cpu->next_shadow = cpu->next_shadow_ss = true;
	return r;
}

/* One mnemonic for all of them. */
enum xe_result xe_mov(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint8_t to = insn->operand[0].kind, from = insn->operand[1].kind;
	uint64_t value;
	enum xe_result r;

	if (to == XE_SEGREG)
		return mov_to_segment(cpu, insn);
	if (to == XE_CONTROL || from == XE_CONTROL)
		return xe_mov_cr(cpu, insn);
	if (to == XE_DEBUG || from == XE_DEBUG)
		return xe_mov_dr(cpu, insn);
	if (from == XE_SEGREG)
		return xe_put(cpu, insn, 0, cpu->seg[insn->operand[1].reg].selector);
	r = xe_get(cpu, insn, 1, &value);
	return r == XE_OK ? xe_put(cpu, insn, 0, value) : r;
}

/* --- Other moves ------------------------------------------------------------------------ */

enum xe_result xe_movzx(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	return r == XE_OK ? xe_put(cpu, insn, 0, value) : r;
}

enum xe_result xe_movsx(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	return r == XE_OK ? xe_put(cpu, insn, 0, xe_sign_extend(value, insn->operand[1].size)) : r;
}

/* Whether locked or not: with memory it is (SDM vol. 3, section 9.1.2.1). */
enum xe_result xe_xchg(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	unsigned memory = xe_is_memory(insn, 1) ? 1 : 0;
	const struct xe_operand *other = &insn->operand[1 - memory];
	uint64_t mine = xe_get_register(cpu, other), theirs;
	struct xe_place place;
	enum xe_result r;

	if (!xe_is_memory(insn, memory)) {
		theirs = xe_get_register(cpu, &insn->operand[0]);
		xe_set_register(cpu, &insn->operand[0], mine);
		xe_set_register(cpu, &insn->operand[1], theirs);
		return XE_OK;
	}
	do {
		r = xe_open_memory(cpu, insn->segment, xe_offset(cpu, insn), insn->operand[memory].size, true, &place,
		                   &theirs);
		if (r == XE_OK)
			r = xe_close(cpu, &place, mine);
	} while (r == XE_RETRY);
	if (r == XE_OK)
		xe_set_register(cpu, other, theirs);
	return r;
}

/* The source is read in any case; 32 bits clear the upper half in any case. */
enum xe_result xe_cmov(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	if (r != XE_OK)
		return r;
	if (!xe_condition(cpu, insn->op))
		value = xe_get_register(cpu, &insn->operand[0]);
	xe_set_register(cpu, &insn->operand[0], value);
	return XE_OK;
}

enum xe_result xe_setcc(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return xe_put(cpu, insn, 0, xe_condition(cpu, insn->op));
}

enum xe_result xe_lea(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	xe_set_register(cpu, &insn->operand[0], xe_offset(cpu, insn));
	return XE_OK;
}

static uint64_t swap_bytes(uint64_t value, size_t size)
{
	return __builtin_bswap64(value) >> (64 - xe_bits(size));
}

/* Of 16 bits it is undefined; processors clear them. */
enum xe_result xe_bswap(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	const struct xe_operand *operand = &insn->operand[0];
	uint64_t value = xe_get_register(cpu, operand);

	xe_set_register(cpu, operand, operand->size == 2 ? 0 : swap_bytes(value, operand->size));
	return XE_OK;
}

enum xe_result xe_movbe(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t value;
	enum xe_result r = xe_get(cpu, insn, 1, &value);

	return r == XE_OK ? xe_put(cpu, insn, 0, swap_bytes(value, insn->operand[0].size)) : r;
}

enum xe_result xe_xlat(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t offset = xe_offset(cpu, insn) + xe_gpr(cpu, XE_RAX, 1);
	uint64_t value;
	enum xe_result r = xe_load(cpu, insn->segment, offset & xe_mask(insn->address_size), 1, &value);

	if (r == XE_OK)
		xe_set_gpr(cpu, XE_RAX, 1, value);
	return r;
}

/* --- Conversions within RAX and RDX ------------------------------------------------------- */

/* CBW, CWDE, CDQE: by the size of what comes out. */
enum xe_result xe_convert(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	xe_set_gpr(cpu, XE_RAX, insn->op, xe_sign_extend(cpu->gpr[XE_RAX], insn->op / 2u));
	return XE_OK;
}

/* CWD, CDQ, CQO: by the size of what comes in. */
enum xe_result xe_convert_double(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	xe_set_gpr(cpu, XE_RDX, insn->op, xe_top(cpu->gpr[XE_RAX], insn->op) ? UINT64_MAX : 0);
	return XE_OK;
}

/* --- Flags --------------------------------------------------------------------------------- */

#define LAHF_FLAGS (XE_RFLAGS_STATUS & 0xffu)

enum xe_result xe_lahf(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	const struct xe_operand ah = { XE_GPR_HIGH, XE_RAX, 1 };

	(void)insn;
	xe_set_register(cpu, &ah, (cpu->rflags & LAHF_FLAGS) | HY_X86_RFLAGS_ONE);
	return XE_OK;
}

enum xe_result xe_sahf(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	xe_set_flags(cpu, LAHF_FLAGS, cpu->gpr[XE_RAX] >> 8);
	return XE_OK;
}

enum xe_result xe_flag(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	switch (insn->op) {
	case XE_FLAG_CLC:
		cpu->rflags &= ~(uint64_t)HY_X86_RFLAGS_CF;
		break;
	case XE_FLAG_STC:
		cpu->rflags |= HY_X86_RFLAGS_CF;
		break;
	case XE_FLAG_CMC:
		cpu->rflags ^= HY_X86_RFLAGS_CF;
		break;
	case XE_FLAG_CLD:
		cpu->rflags &= ~(uint64_t)HY_X86_RFLAGS_DF;
		break;
	default:
		cpu->rflags |= HY_X86_RFLAGS_DF;
		break;
	}
	return XE_OK;
}

/* SALC: AL is all of CF (SDM has its opcode, D6, among the reserved that work; APM doesn't). */
enum xe_result xe_salc(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)insn;
	xe_set_gpr(cpu, XE_RAX, 1, cpu->rflags & HY_X86_RFLAGS_CF ? 0xff : 0);
	return XE_OK;
}

/* --- Nothing, or nearly ---------------------------------------------------------------------- */

/* Hints too: they neither access nor fault. */
enum xe_result xe_nop(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)cpu;
	(void)insn;
	return XE_OK;
}

/* Guest memory is the host's: other vCPUs are threads. */
enum xe_result xe_fence(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	(void)cpu;
	(void)insn;
	__sync_synchronize();
	return XE_OK;
}

/* Faults as a load of a byte does (SDM vol. 2, CLFLUSH); there is nothing to flush. */
enum xe_result xe_clflush(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return xe_check(cpu, insn->segment, xe_offset(cpu, insn), 1, HY_PROT_READ);
}
