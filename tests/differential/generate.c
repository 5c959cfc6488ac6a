/* SPDX-License-Identifier: MIT */
/*
 * Cases: a random instruction, registers with interesting values, memory operands
 * led to where there is memory (mostly), and what the instruction needs to get
 * far: selectors, frames on the stack, areas of FXRSTOR.
 */
#include "encode.h"
#include "handlers.h"
#include "special.h"

static struct df_choice choice;
static uint16_t usable[2][ZYDIS_MNEMONIC_MAX_VALUE + 1];
static unsigned usable_count[2];

/* What is #UD in the executor because its processors don't have it may be something elsewhere. */
static bool is_usable(unsigned mnemonic)
{
	return xe_table(mnemonic)->handler != xe_undefined || mnemonic == ZYDIS_MNEMONIC_UD0 ||
	       mnemonic == ZYDIS_MNEMONIC_UD1 || mnemonic == ZYDIS_MNEMONIC_UD2;
}

void df_generator_open(const struct df_choice *c)
{
	choice = *c;
	df_encode_open();
	for (unsigned is_64 = 0; is_64 < 2; is_64++) {
		const uint16_t *list;
		size_t count = df_mnemonics(is_64, &list);

		usable_count[is_64] = 0;
		for (size_t i = 0; i < count; i++)
			if (is_usable(list[i]) && (!c->mnemonic || c->mnemonic == list[i]))
				usable[is_64][usable_count[is_64]++] = list[i];
	}
}

bool df_can_encode(unsigned mnemonic)
{
	for (unsigned is_64 = 0; is_64 < 2; is_64++)
		for (unsigned i = 0; i < usable_count[is_64]; i++)
			if (usable[is_64][i] == mnemonic)
				return true;
	return false;
}

/* --- Registers ----------------------------------------------------------------------- */

static uint64_t interesting(struct df_random *r)
{
	static const uint64_t values[] = { 0, 1, UINT64_MAX, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fffffff, 0x80000000,
		                           UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000), 0xffffffff,
		                           0xffff, 0xff, 2, 0x10, UINT64_C(0x0000800000000000) };

	switch (df_below(r, 4)) {
	case 0:
		return values[df_below(r, sizeof(values) / sizeof(*values))];
	case 1:
		return df_below(r, 256);
	case 2:
		return (uint64_t)(int64_t)(int32_t)df_next(r);
	default:
		return df_next(r);
	}
}

static void random_vectors(struct df_random *r, struct xe_fpu *fpu)
{
	for (unsigned i = 0; i < 16; i++)
		for (unsigned j = 0; j < 4; j++)
			fpu->ymm[i].q[j] = df_chance(r, 20) ? interesting(r) : df_next(r);
}

static void random_x87(struct df_random *r, struct xe_fpu *fpu)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t mantissa = df_next(r) | UINT64_C(1) << 63;
		uint16_t exponent = df_chance(r, 30) ? 0xffff : (uint16_t)(0x3fff + df_below(r, 40));

		memcpy(fpu->st[i], &mantissa, 8);
		memcpy(fpu->st[i] + 8, &exponent, 2);
	}
	fpu->ftw = df_chance(r, 60) ? 0 : (uint8_t)df_next(r);
	fpu->fsw = (uint16_t)(df_next(r) & 0x7f00 & (df_chance(r, 50) ? ~0x3800u : ~0u));
	fpu->fcw = (uint16_t)(0x37f | (df_next(r) & 0xc00));
}

static void random_flags(struct df_random *r, struct xe_cpu *cpu, unsigned mode)
{
	uint64_t flags = df_next(r) & (XE_RFLAGS_STATUS | HY_X86_RFLAGS_DF);

	if (df_chance(r, 10))
		flags |= XE_RFLAGS_AC;
	if (!df_modes[mode].native)
		flags |= df_next(r) & (HY_X86_RFLAGS_IF | XE_RFLAGS_IOPL | XE_RFLAGS_ID);
	if (df_modes[mode].kind == DF_V8086 && df_chance(r, 70))
		flags |= XE_RFLAGS_IOPL;
	/* A paravirtual host keeps IOPL to itself. */
	if (choice.side->delivers)
		flags &= ~(uint64_t)XE_RFLAGS_IOPL;
	if (df_modes[mode].native)
		flags |= HY_X86_RFLAGS_IF;
	if (choice.side->traps)
		flags |= HY_X86_RFLAGS_TF;
	cpu->rflags |= flags;
}

static void random_bases(struct df_random *r, struct xe_cpu *cpu, unsigned mode)
{
	static const uint64_t bases[] = { 0, 0, 0x1000, DF_DATA, 0x30 };

	if (df_modes[mode].size != 8)
		return;
	cpu->seg[XE_FS].base = bases[df_below(r, 5)];
	cpu->seg[XE_GS].base = bases[df_below(r, 5)];
}

static void random_state(struct df_random *r, unsigned mode, struct xe_cpu *cpu)
{
	unsigned count = df_modes[mode].size == 8 ? 16 : 8;

	df_setup(mode, cpu);
	cpu->features = choice.features;
	cpu->xcr0 = choice.xcr0;
	if (choice.xcr0 > 1)
		cpu->cr4 |= HY_X86_CR4_OSXSAVE;
	if (choice.features & XE_HAS_FSGSBASE)
		cpu->cr4 |= XE_CR4_FSGSBASE;
	for (unsigned i = 0; i < count; i++) {
		cpu->gpr[i] = interesting(r);
		if (count == 8)
			cpu->gpr[i] &= UINT32_MAX;
	}
	random_flags(r, cpu, mode);
	random_bases(r, cpu, mode);
	random_vectors(r, &cpu->fpu);
	random_x87(r, &cpu->fpu);
	/* The stack is a good one, mostly in its middle; in linear addresses so far. */
	cpu->gpr[XE_RSP] = DF_STACK + (df_chance(r, 85) ? 0x800 + (df_below(r, 0x800) & ~7u) : df_below(r, 0x2010));
	cpu->gpr[XE_RBP] = df_chance(r, 70) ? DF_STACK + 0x800 + (df_below(r, 0x800) & ~7u) : cpu->gpr[XE_RBP];
	cpu->gpr[XE_RSP] -= df_modes[mode].size == 8 ? 0 : cpu->seg[XE_SS].base;
	cpu->gpr[XE_RBP] -= df_modes[mode].size == 8 ? 0 : cpu->seg[XE_SS].base;
	if (count == 8)
		cpu->gpr[XE_RBP] &= UINT32_MAX;
}

/* --- Where the instruction is ----------------------------------------------------------- */

static void place_code(struct df_random *r, struct df_case *c)
{
	uint32_t linear = DF_CODE + 0x40 + df_below(r, 0xf00);

	if (df_chance(r, 1))
		linear = DF_CODE + 0x1000 - c->length + (df_chance(r, 50) ? 1 : 0);
	c->before.rip = linear - (df_modes[c->mode].size == 8 ? 0 : c->before.seg[XE_CS].base);
}

/* --- Where its memory operand is ---------------------------------------------------------- */

uint32_t df_target(struct df_random *r, unsigned size)
{
	unsigned align = size >= 8 ? size : 8;
	unsigned where = df_below(r, 100);

	if (size > 64)
		return df_chance(r, 75) ? DF_IMAGE : DF_DATA + (df_below(r, 0x1400) & ~63u);
	if (where < 70)
		return DF_DATA + (df_below(r, 0x2000 - align) & ~(align - 1)) +
		       (df_chance(r, 25) ? df_below(r, align) : 0);
	if (where < 78)
		return DF_DATA + 0x1000 - df_below(r, align);
	if (where < 84)
		return DF_DATA + 0x2000 - align + df_below(r, align + 1);
	if (where < 88)
		return DF_DATA - df_below(r, align + 1);
	if (where < 92)
		return DF_READ_ONLY + (df_below(r, 0x1000) & ~7u);
	if (where < 96)
		return DF_SUPERVISOR + (df_below(r, 0x1000) & ~7u);
	return DF_STACK + (df_below(r, 0x2000) & ~7u);
}

static int gpr_of(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	return whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15 ? (int)(whole - ZYDIS_REGISTER_RAX) : -1;
}

static const struct hy_segment *segment_of(const struct df_case *c, ZydisRegister reg)
{
	static const struct hy_segment none;
	unsigned i = reg - ZYDIS_REGISTER_ES;

	if (df_modes[c->mode].size == 8 && i < XE_FS)
		return &none;
	return i <= XE_GS ? &c->before.seg[i] : &none;
}

/* Writes the displacement into the bytes. */
static void set_displacement(struct df_case *c, const struct df_insn *insn, int64_t value)
{
	unsigned offset = insn->decoded.raw.disp.offset, size = insn->decoded.raw.disp.size / 8;

	memcpy(c->code + offset, &value, size < sizeof(value) ? size : sizeof(value));
}

static void set_register(struct df_case *c, int reg, unsigned address_size, uint64_t value)
{
	xe_set_gpr(&c->before, (unsigned)reg, address_size, value);
}

/* Leads an operand to an offset in its segment. */
static void lead_to(struct df_case *c, const struct df_insn *insn, const ZydisDecodedOperand *operand, uint64_t offset)
{
	unsigned size = insn->decoded.address_width / 8;
	int base = gpr_of(operand->mem.base), index = gpr_of(operand->mem.index);
	int64_t disp = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0;

	offset &= xe_mask(size);
	if (operand->mem.base == ZYDIS_REGISTER_RIP || operand->mem.base == ZYDIS_REGISTER_EIP)
		set_displacement(c, insn, (int64_t)(offset - c->before.rip - c->length));
	else if (base >= 0 && base == index)
		set_register(c, base, size, (offset - (uint64_t)disp) / (1u + operand->mem.scale));
	else if (base >= 0)
		set_register(c, base, size,
		             offset - (uint64_t)disp -
		                     (index >= 0 ? c->before.gpr[index] * operand->mem.scale : 0));
	else if (index >= 0 && operand->mem.scale)
		set_register(c, index, size, (offset - (uint64_t)disp) / operand->mem.scale);
	else if (operand->mem.disp.has_displacement)
		set_displacement(c, insn, (int64_t)offset);
}

static void lead_memory(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	for (unsigned i = 0; i < insn->decoded.operand_count; i++) {
		const ZydisDecodedOperand *operand = &insn->operand[i];
		uint32_t target;

		if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.type == ZYDIS_MEMOP_TYPE_INVALID)
			continue;
		c->memory |= operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT;
		if (operand->mem.base == ZYDIS_REGISTER_RSP || operand->mem.base == ZYDIS_REGISTER_ESP ||
		    operand->mem.base == ZYDIS_REGISTER_SP)
			continue; /* the stack is where it should be */
		if (df_chance(r, 4))
			continue;
		target = df_target(r, operand->size / 8);
		lead_to(c, insn, operand, target - segment_of(c, operand->mem.segment)->base);
		df_special_memory(r, c, insn, target);
	}
}

/* --- The whole ------------------------------------------------------------------------------- */

static bool random_insn(struct df_random *r, unsigned size, struct df_insn *insn)
{
	bool is_64 = size == 8;

	if (!choice.mnemonic && df_chance(r, 5))
		return df_encode_any(r, size, insn);
	return usable_count[is_64] &&
	       df_encode(r, usable[is_64][df_below(r, usable_count[is_64])], size, insn);
}

static unsigned random_mode(struct df_random *r)
{
	bool is_64 = df_chance(r, 30); /* what only 64-bit code has, has fewer modes */
	unsigned mode;

	if (choice.mode >= 0)
		return (unsigned)choice.mode;
	do
		mode = df_below(r, DF_MODES);
	while (!(choice.side->modes & 1u << mode) || (is_64 && df_modes[mode].size != 8));
	return mode;
}

static void note_registers(struct df_case *c, const struct df_insn *insn)
{
	ZydisISAExt extension = insn->decoded.meta.isa_ext;

	c->is_x87 = extension == ZYDIS_ISA_EXT_X87 || extension == ZYDIS_ISA_EXT_MMX ||
	            insn->decoded.mnemonic == ZYDIS_MNEMONIC_FISTTP ||
	            insn->decoded.meta.isa_set == ZYDIS_ISA_SET_FXSAVE ||
	            insn->decoded.meta.isa_set == ZYDIS_ISA_SET_FXSAVE64;
	c->is_vector = false;
	c->is_vex = insn->decoded.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
	c->branches = insn->decoded.meta.branch_type == ZYDIS_BRANCH_TYPE_SHORT ||
	              insn->decoded.meta.branch_type == ZYDIS_BRANCH_TYPE_NEAR;
	for (unsigned i = 0; i < insn->decoded.operand_count; i++) {
		ZydisRegisterClass class = insn->operand[i].type == ZYDIS_OPERAND_TYPE_REGISTER ?
		                                   ZydisRegisterGetClass(insn->operand[i].reg.value) :
		                                   ZYDIS_REGCLASS_INVALID;

		c->is_x87 |= class == ZYDIS_REGCLASS_MMX;
		c->is_vector |= class == ZYDIS_REGCLASS_XMM || class == ZYDIS_REGCLASS_YMM;
	}
}

static bool try_generate(struct df_random *r, struct df_case *c)
{
	struct df_insn insn;

	c->mode = random_mode(r);
	c->patches = 0;
	c->memory = false;
	random_state(r, c->mode, &c->before);
	if (!random_insn(r, df_modes[c->mode].size, &insn))
		return false;
	c->mnemonic = insn.decoded.mnemonic;
	c->length = insn.decoded.length;
	c->address_size = insn.decoded.address_width / 8;
	c->operand_size = (uint8_t)(insn.operand[0].size / 8);
	c->repeats = (insn.decoded.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE)) != 0;
	note_registers(c, &insn);
	memset(c->code, 0, sizeof(c->code));
	memcpy(c->code, insn.bytes, c->length);
	place_code(r, c);
	df_special_registers(r, c, &insn);
	lead_memory(r, c, &insn);
	df_special_last(r, c, &insn);
	return choice.side->can(c);
}

void df_generate(uint64_t seed, struct df_case *c)
{
	struct df_random r = { seed };

	c->seed = seed;
	while (!try_generate(&r, c))
		continue;
}
