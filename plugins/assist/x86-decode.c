/* SPDX-License-Identifier: MIT */
/* From bytes to struct xe_insn, by Zydis. */
#include <Zydis/Zydis.h>

#include "fpu.h"
#include "isa.h"
#include "vector.h"

#define OPERANDS (sizeof(((struct xe_insn *)0)->operand) / sizeof(struct xe_operand))

/*
 * Long mode's compatibility modes are no modes of their own here, nor is real mode: what they
 * lack is for the handlers to refuse, which know the processor's state and not only the code.
 */
static void init_decoder(const struct xe_cpu *cpu, ZydisDecoder *decoder)
{
	/* Encodings that processors without these extensions take for others: NOP, BSR, BSF. */
	ZyanBool has_lzcnt = (cpu->features & XE_HAS_LZCNT) != 0;
	ZyanBool has_tzcnt = (cpu->features & XE_HAS_BMI1) != 0;

	if (cpu->mode == 8)
		(void)ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	else if (cpu->mode == 4)
		(void)ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	else
		(void)ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	(void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
	(void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
	(void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
	(void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_LZCNT, has_lzcnt);
	(void)ZydisDecoderEnableMode(decoder, ZYDIS_DECODER_MODE_TZCNT, has_tzcnt);
}

/* --- Operands ------------------------------------------------------------------------ */

static struct xe_operand decode_byte_register(unsigned number)
{
	/* Zydis counts AL to BL, AH to BH, SPL to R15B. */
	if (number < 4)
		return (struct xe_operand){ XE_GPR, (uint8_t)number, 1 };
	if (number < 8)
		return (struct xe_operand){ XE_GPR_HIGH, (uint8_t)(number - 4), 1 };
	return (struct xe_operand){ XE_GPR, (uint8_t)(number - 4), 1 };
}

static uint8_t register_kind(ZydisRegisterClass class)
{
	switch (class) {
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		return XE_GPR;
	case ZYDIS_REGCLASS_SEGMENT:
		return XE_SEGREG;
	case ZYDIS_REGCLASS_CONTROL:
		return XE_CONTROL;
	case ZYDIS_REGCLASS_DEBUG:
		return XE_DEBUG;
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_YMM:
		return XE_VECTOR;
	case ZYDIS_REGCLASS_MMX:
		return XE_MMX;
	case ZYDIS_REGCLASS_X87:
		return XE_X87;
	default:
		return XE_NONE;
	}
}

static struct xe_operand decode_register(const ZydisDecodedOperand *from)
{
	ZydisRegisterClass class = ZydisRegisterGetClass(from->reg.value);
	uint8_t number = (uint8_t)ZydisRegisterGetId(from->reg.value);

	if (class == ZYDIS_REGCLASS_GPR8)
		return decode_byte_register(number);
	return (struct xe_operand){ register_kind(class), number, (uint16_t)(from->size / 8) };
}

static uint8_t address_register(ZydisRegister from)
{
	switch (ZydisRegisterGetClass(from)) {
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		return (uint8_t)ZydisRegisterGetId(from);
	case ZYDIS_REGCLASS_IP:
		return XE_BASE_RIP;
	default:
		return XE_NO_REG;
	}
}

static void decode_address(const ZydisDecodedOperandMem *from, struct xe_insn *insn)
{
	insn->segment = (uint8_t)ZydisRegisterGetId(from->segment);
	insn->base = address_register(from->base);
	insn->index = address_register(from->index);
	insn->scale = from->scale;
	insn->disp = from->disp.has_displacement ? from->disp.value : 0;
}

static void decode_operand(const ZydisDecodedOperand *from, struct xe_insn *insn, bool *has_imm)
{
	struct xe_operand *operand = &insn->operand[insn->operand_count++];

	switch (from->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		*operand = decode_register(from);
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		*operand = (struct xe_operand){ XE_MEM, 0, (uint16_t)(from->size / 8) };
		decode_address(&from->mem, insn);
		break;
	case ZYDIS_OPERAND_TYPE_POINTER:
		*operand = (struct xe_operand){ XE_FAR, 0, (uint16_t)(from->size / 8) };
		insn->imm = from->ptr.offset;
		insn->imm2 = from->ptr.segment;
		break;
	default:
		*operand = (struct xe_operand){ XE_IMM, 0, (uint16_t)(from->size / 8) };
		*(*has_imm ? &insn->imm2 : &insn->imm) = from->imm.value.u;
		*has_imm = true;
		break;
	}
}

/* The stack of PUSH, CALL, LEAVE..., which Zydis has among the hidden operands. */
static bool is_stack(const ZydisDecodedOperandMem *mem)
{
	uint8_t base = address_register(mem->base);

	return mem->segment == ZYDIS_REGISTER_SS && (base == XE_RSP || base == XE_RBP);
}

/*
 * The address that a string form or the like doesn't spell out: of two the source, which a
 * segment override moves.
 */
static void decode_hidden(const ZydisDecodedOperand *from, unsigned count, struct xe_insn *insn)
{
	bool found = false;

	for (unsigned i = 0; i < count; i++) {
		if (from[i].type != ZYDIS_OPERAND_TYPE_MEMORY || is_stack(&from[i].mem))
			continue;
		if (!found || address_register(from[i].mem.base) == XE_RSI)
			decode_address(&from[i].mem, insn);
		found = true;
	}
}

/*
 * A base of 5 without a displacement is a displacement without a base, R13 too (SDM vol. 2,
 * table 2-5).  Zydis 4.0 doesn't know of R13 with 32-bit addresses.
 */
static void correct_base(const ZydisDecodedInstruction *from, struct xe_insn *insn)
{
	if (!(from->attributes & ZYDIS_ATTRIB_HAS_SIB) || from->raw.modrm.mod || from->raw.sib.base != 5)
		return;
	insn->base = XE_NO_REG;
	insn->disp = from->raw.disp.value;
}

/* With 16 bits MOVSXD reads 16 (SDM vol. 2, MOVSX); Zydis 4.0 has 32. */
static void correct_size(const ZydisDecodedInstruction *from, struct xe_insn *insn)
{
	if (from->mnemonic == ZYDIS_MNEMONIC_MOVSXD && insn->operand[0].size == 2)
		insn->operand[1].size = 2;
}

static void decode_operands(const ZydisDecodedInstruction *from, const ZydisDecodedOperand *operands,
                            struct xe_insn *insn)
{
	bool has_imm = false;

	insn->base = insn->index = XE_NO_REG;
	insn->segment = XE_DS;
	decode_hidden(operands + from->operand_count_visible, from->operand_count - from->operand_count_visible, insn);
	for (unsigned i = 0; i < from->operand_count_visible && i < OPERANDS; i++)
		decode_operand(&operands[i], insn, &has_imm);
	correct_base(from, insn);
	correct_size(from, insn);
}

/* --- The rest ---------------------------------------------------------------------------- */

/* Of F2 and F3 the last counts. */
static uint8_t decode_prefixes(const ZydisDecodedInstruction *from)
{
	uint8_t prefixes = 0;

	for (unsigned i = 0; i < from->raw.prefix_count; i++) {
		if (from->raw.prefixes[i].value == 0xf3)
			prefixes = XE_REP;
		else if (from->raw.prefixes[i].value == 0xf2)
			prefixes = XE_REPNE;
	}
	if (from->attributes & ZYDIS_ATTRIB_HAS_LOCK)
		prefixes |= XE_LOCK;
	if (from->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
		prefixes |= XE_VEX;
	if (from->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		prefixes |= XE_FAR_BRANCH;
	return prefixes;
}

/* Zydis knows the forms whose size is 64 by default or always; of byte forms it is what prefixes say. */
static uint8_t decode_operand_size(const ZydisDecodedInstruction *from, uint8_t mode)
{
	bool toggled = from->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE;

	if (from->operand_width > 8)
		return (uint8_t)(from->operand_width / 8);
	if ((from->attributes & ZYDIS_ATTRIB_HAS_REX) && from->raw.rex.W)
		return 8;
	return (mode == 2) != toggled ? 2 : 4;
}

/* What keeps x87 and vector instructions from being executed at all; op: whether it is one of x87. */
static enum xe_result begin_lacking(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (insn->op)
		return xe_fpu_begin(cpu, true);
	for (unsigned i = 0; i < insn->operand_count; i++)
		if (insn->operand[i].kind == XE_VECTOR || insn->operand[i].kind == XE_MMX)
			return xe_vector_begin(cpu, insn);
	return XE_OK;
}

/* Of an instruction that the executor lacks: a guest that isn't ready for it gets its #NM or #UD. */
static enum xe_result execute_lacking(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	enum xe_result r = begin_lacking(cpu, insn);

	if (r != XE_OK)
		return r;
	return xe_refuse(cpu, XE_REFUSED_INSN, HY_ADDR_UNKNOWN, 0, ZydisMnemonicGetString(insn->mnemonic));
}

/* Some mnemonics are those of AVX-512, XOP or Xeon Phi too, which the table doesn't mean. */
static bool is_in_table(const ZydisDecodedInstruction *from, const struct xe_table_entry *entry)
{
	if (from->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY && from->encoding != ZYDIS_INSTRUCTION_ENCODING_VEX)
		return false;
	return entry->handler && from->meta.isa_ext != ZYDIS_ISA_EXT_KNC && from->meta.isa_ext != ZYDIS_ISA_EXT_KNCV;
}

/*
 * What the guest's processor doesn't have is #UD, as it would be there.  What it has and the
 * executor hasn't must not be: the guest would take a wrong turn.
 */
static enum xe_result find_handler(struct xe_cpu *cpu, const ZydisDecodedInstruction *from, struct xe_insn *insn)
{
	const struct xe_table_entry *entry = xe_table(from->mnemonic);
	bool found = is_in_table(from, entry);

	if (found && (entry->needs & ~XE_BY_CPUID & ~cpu->features))
		return xe_raise(cpu, XE_UD);
	if ((!found || (entry->needs & XE_BY_CPUID)) && !xe_isa_ok(cpu, &from->meta))
		return xe_raise(cpu, XE_UD);
	insn->handler = found ? entry->handler : execute_lacking;
	insn->op = found ? entry->op : from->meta.isa_ext == ZYDIS_ISA_EXT_X87;
	return XE_OK;
}

static enum xe_result report(struct xe_cpu *cpu, ZyanStatus status)
{
	if (status == ZYDIS_STATUS_NO_MORE_DATA)
		return XE_RETRY;
	if (status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG)
		return xe_raise_error(cpu, XE_GP, 0);
	return xe_raise(cpu, XE_UD);
}

enum xe_result xe_decode(struct xe_cpu *cpu, const uint8_t *bytes, size_t size, struct xe_insn *insn)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction from;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZyanStatus status;

	init_decoder(cpu, &decoder);
	status = ZydisDecoderDecodeFull(&decoder, bytes, size, &from, operands);
	if (ZYAN_FAILED(status))
		return report(cpu, status);

	memset(insn, 0, sizeof(*insn));
	insn->mnemonic = (uint16_t)from.mnemonic;
	insn->length = from.length;
	insn->mode = cpu->mode;
	insn->operand_size = decode_operand_size(&from, cpu->mode);
	insn->address_size = from.address_width / 8;
	insn->prefixes = decode_prefixes(&from);
	insn->vector_size = from.avx.vector_length == 256 ? 32 : 16;
	memcpy(insn->bytes, bytes, from.length);
	decode_operands(&from, operands, insn);
	return find_handler(cpu, &from, insn);
}
