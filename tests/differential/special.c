/* SPDX-License-Identifier: MIT */
/* What single instructions need so that something happens: see special.h. */
#include "special.h"

static void patch(struct df_case *c, uint32_t address, const void *data, size_t size)
{
	struct df_patch *p = &c->patch[c->patches];

	if (c->patches == DF_PATCHES || !df_is_memory(address) || !df_is_memory(address + size - 1))
		return;
	p->address = address;
	p->size = (uint32_t)size;
	memcpy(p->data, data, size);
	c->patches++;
}

/* --- Values --------------------------------------------------------------------------------- */

static uint16_t random_selector(struct df_random *r, const struct df_case *c)
{
	unsigned cpl = df_modes[c->mode].cpl;

	switch (df_below(r, 12)) {
	case 0:
		return (uint16_t)df_below(r, 4);
	case 1:
		return (uint16_t)df_next(r);
	case 2:
	case 3:
		return (uint16_t)(df_below(r, 6) << 3 | 4 | (df_chance(r, 70) ? cpl : df_below(r, 4)));
	case 4:
	case 5:
		return (uint16_t)(df_below(r, 0x29) << 3 | df_below(r, 4));
	default:
		return (uint16_t)(df_below(r, 0x29) << 3 | cpl);
	}
}

/* For far transfers: mostly code. */
static uint16_t code_selector(struct df_random *r, const struct df_case *c)
{
	static const uint16_t codes[] = { DF_CODE32_0, DF_CODE_0, DF_CODE32_3, DF_CODE_3, DF_CODE16_0, DF_CODE16_3,
		                          0x68, 0x70, 0x90, 0x98, 0xa8, 0xe0, 0xf0, 0x100, 0x110, 0x120 };
	unsigned rpl = df_chance(r, 75) ? df_modes[c->mode].cpl : df_below(r, 4);

	if (df_modes[c->mode].kind == DF_REAL || df_modes[c->mode].kind == DF_V8086)
		return 0x2000;
	if (df_chance(r, 25))
		return random_selector(r, c);
	return (uint16_t)(codes[df_below(r, 16)] | rpl);
}

static uint16_t stack_selector(struct df_random *r, const struct df_case *c, unsigned rpl)
{
	if (df_modes[c->mode].kind == DF_REAL || df_modes[c->mode].kind == DF_V8086)
		return 0x4000;
	if (df_chance(r, 15))
		return random_selector(r, c);
	return (uint16_t)((rpl == 3 ? DF_DATA_3 : DF_DATA_0) | rpl);
}

static uint64_t code_offset(struct df_random *r, const struct df_case *c)
{
	uint32_t linear = DF_CODE + 0x40 + df_below(r, 0xf00);

	if (df_chance(r, 8))
		return df_next(r);
	if (df_chance(r, 4))
		return linear | UINT64_C(0x800000000000);
	return linear - (df_modes[c->mode].size == 2 ? DF_CODE : 0);
}

/* --- Registers -------------------------------------------------------------------------------- */

static void control_register(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	struct xe_cpu *cpu = &c->before;
	uint64_t now[] = { cpu->cr0, 0, cpu->cr2, cpu->cr3, cpu->cr4, 0, 0, 0, cpu->cr8 };
	int control = (int)insn->operand[0].reg.value - ZYDIS_REGISTER_CR0;
	int source = (int)insn->operand[1].reg.value;

	if (insn->operand[0].type != ZYDIS_OPERAND_TYPE_REGISTER || control < 0 || control > 8)
		return;
	source -= source >= ZYDIS_REGISTER_RAX ? ZYDIS_REGISTER_RAX : ZYDIS_REGISTER_EAX;
	if (df_chance(r, 85)) {
		cpu->gpr[source & 15] = now[control];
		for (unsigned i = df_below(r, 4); i > 0; i--)
			cpu->gpr[source & 15] ^= UINT64_C(1) << df_below(r, df_chance(r, 90) ? 24 : 64);
	}
	if (df_modes[c->mode].size != 8)
		cpu->gpr[source & 15] &= UINT32_MAX;
}

static const uint32_t msrs[] = { HY_X86_MSR_SYSENTER_CS, HY_X86_MSR_SYSENTER_ESP, HY_X86_MSR_SYSENTER_EIP,
	                         HY_X86_MSR_PAT, HY_X86_MSR_EFER, HY_X86_MSR_STAR, HY_X86_MSR_LSTAR, 0xc0000083,
	                         0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102 };

static void msr_registers(struct df_random *r, struct df_case *c)
{
	struct xe_cpu *cpu = &c->before;
	uint64_t value;

	if (df_chance(r, 97))
		cpu->gpr[XE_RCX] = msrs[df_below(r, sizeof(msrs) / sizeof(*msrs))];
	if (cpu->gpr[XE_RCX] == HY_X86_MSR_EFER) {
		value = cpu->efer ^ (df_chance(r, 50) ? UINT64_C(1) << df_below(r, 16) : 0);
		cpu->gpr[XE_RAX] = (uint32_t)value;
		cpu->gpr[XE_RDX] = value >> 32;
	} else if (cpu->gpr[XE_RCX] == HY_X86_MSR_PAT) {
		cpu->gpr[XE_RAX] &= 0x07070707;
		cpu->gpr[XE_RDX] &= df_chance(r, 80) ? 0x05050505 : 0x07070707;
	} else if (df_chance(r, 70)) {
		cpu->gpr[XE_RDX] = 0;
	}
}

static void divisor(struct df_random *r, struct df_case *c)
{
	/* A dividend whose upper half is small doesn't overflow so often. */
	if (df_chance(r, 60))
		c->before.gpr[XE_RDX] = df_chance(r, 50) ? 0 : df_below(r, 64);
	if (df_chance(r, 30))
		c->before.gpr[XE_RAX] &= 0xfff;
}

static void counts(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	if (c->repeats || df_chance(r, 10))
		c->before.gpr[XE_RCX] = df_below(r, df_chance(r, 85) ? 12 : 60);
	/* Bits 63:32 don't count with an address size of 32, nor 31:16 with one of 16. */
	if (insn->decoded.address_width < 64 && df_chance(r, 20))
		c->before.gpr[XE_RCX] |= df_next(r) & ~xe_mask(insn->decoded.address_width / 8);
	if (df_modes[c->mode].size != 8)
		c->before.gpr[XE_RCX] &= UINT32_MAX;
}

static void bit_offset(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	int reg;

	if (insn->operand[1].type != ZYDIS_OPERAND_TYPE_REGISTER || df_chance(r, 10))
		return;
	reg = (int)ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, insn->operand[1].reg.value) -
	      ZYDIS_REGISTER_RAX;
	c->before.gpr[reg & 15] = (uint64_t)((int64_t)df_below(r, 0x1000) - 0x800);
	if (df_modes[c->mode].size != 8)
		c->before.gpr[reg & 15] &= UINT32_MAX;
}

/* The register source of a selector: MOV Sreg, LTR, LAR and so on. */
static void selector_register(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	for (unsigned i = 0; i < insn->decoded.operand_count_visible; i++) {
		const ZydisDecodedOperand *operand = &insn->operand[i];
		int reg = (int)ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand->reg.value) -
		          ZYDIS_REGISTER_RAX;

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER && (operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ) &&
		    reg >= 0 && reg < 16)
			xe_set_gpr(&c->before, (unsigned)reg, 2, random_selector(r, c));
	}
}

static bool loads_selector(const struct df_insn *insn)
{
	switch (insn->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return insn->decoded.opcode == 0x8e && insn->decoded.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
	case ZYDIS_MNEMONIC_LTR:
	case ZYDIS_MNEMONIC_LLDT:
	case ZYDIS_MNEMONIC_LAR:
	case ZYDIS_MNEMONIC_LSL:
	case ZYDIS_MNEMONIC_VERR:
	case ZYDIS_MNEMONIC_VERW:
	case ZYDIS_MNEMONIC_ARPL:
		return true;
	default:
		return false;
	}
}

static void system_call(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	struct xe_cpu *cpu = &c->before;

	if (df_modes[c->mode].size != 8)
		return;
	if (insn->decoded.mnemonic == ZYDIS_MNEMONIC_SYSRET) {
		cpu->gpr[XE_RCX] = code_offset(r, c);
		cpu->gpr[11] = df_next(r) & ~(uint64_t)HY_X86_RFLAGS_TF;
	} else if (insn->decoded.mnemonic == ZYDIS_MNEMONIC_SYSEXIT) {
		cpu->gpr[XE_RDX] = code_offset(r, c);
		cpu->gpr[XE_RCX] = DF_STACK + 0x800;
	}
}

/* Which parts of XSAVE: the processor below may have more than ours. */
static void components(struct df_random *r, struct df_case *c)
{
	c->before.gpr[XE_RAX] = df_below(r, 8);
	c->before.gpr[XE_RDX] = 0;
}

void df_special_registers(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	if (loads_selector(insn))
		selector_register(r, c, insn);
	switch (insn->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		control_register(r, c, insn);
		break;
	case ZYDIS_MNEMONIC_RDMSR:
	case ZYDIS_MNEMONIC_WRMSR:
		msr_registers(r, c);
		break;
	case ZYDIS_MNEMONIC_DIV:
	case ZYDIS_MNEMONIC_IDIV:
		divisor(r, c);
		break;
	case ZYDIS_MNEMONIC_BT:
	case ZYDIS_MNEMONIC_BTS:
	case ZYDIS_MNEMONIC_BTR:
	case ZYDIS_MNEMONIC_BTC:
		bit_offset(r, c, insn);
		break;
	case ZYDIS_MNEMONIC_CPUID:
		c->before.gpr[XE_RAX] = df_chance(r, 50) ? 0 : 0x80000002 + df_below(r, 3);
		break;
	case ZYDIS_MNEMONIC_XGETBV:
	case ZYDIS_MNEMONIC_XSETBV:
		c->before.gpr[XE_RCX] = df_chance(r, 80) ? 0 : df_below(r, 3);
		c->before.gpr[XE_RDX] = df_chance(r, 80) ? 0 : c->before.gpr[XE_RDX];
		c->before.gpr[XE_RAX] = df_chance(r, 80) ? df_below(r, 8) : c->before.gpr[XE_RAX];
		break;
	case ZYDIS_MNEMONIC_XSAVE:
	case ZYDIS_MNEMONIC_XSAVE64:
	case ZYDIS_MNEMONIC_XSAVEC:
	case ZYDIS_MNEMONIC_XSAVEC64:
	case ZYDIS_MNEMONIC_XSAVEOPT:
	case ZYDIS_MNEMONIC_XSAVEOPT64:
	case ZYDIS_MNEMONIC_XRSTOR:
	case ZYDIS_MNEMONIC_XRSTOR64:
		components(r, c);
		break;
	default:
		system_call(r, c, insn);
		counts(r, c, insn);
		break;
	}
	if (c->repeats)
		counts(r, c, insn);
}

/* --- Memory -------------------------------------------------------------------------------------- */

/* A far pointer in memory: offset of the operand's size, selector. */
static void far_pointer(struct df_random *r, struct df_case *c, unsigned size, bool code, uint32_t target)
{
	uint8_t pointer[10];
	uint64_t offset = code ? code_offset(r, c) : df_next(r);
	uint16_t selector = code ? code_selector(r, c) : random_selector(r, c);

	memcpy(pointer, &offset, 8);
	memcpy(pointer + size, &selector, 2);
	patch(c, target, pointer, size + 2);
}

static void table_pointer(struct df_random *r, struct df_case *c, uint32_t target)
{
	uint8_t pointer[10];
	uint16_t limit = (uint16_t)(df_chance(r, 50) ? 0x7ff : df_next(r));
	uint64_t base = df_chance(r, 70) ? DF_GDT : df_next(r);

	if (df_chance(r, 50))
		base &= UINT64_C(0x00007fffffffffff);
	memcpy(pointer, &limit, 2);
	memcpy(pointer + 2, &base, 8);
	patch(c, target, pointer, 10);
}

static void near_target(struct df_random *r, struct df_case *c, const struct df_insn *insn, uint32_t target)
{
	uint64_t offset = code_offset(r, c);
	unsigned size = insn->operand[0].size / 8;

	if (insn->decoded.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		far_pointer(r, c, size > 2 ? size - 2 : 2, true, target);
	else
		patch(c, target, &offset, 8);
}

static void area(struct df_random *r, struct df_case *c, uint32_t target)
{
	uint64_t header = df_below(r, 8);
	uint32_t mxcsr = (uint32_t)(df_next(r) & (df_chance(r, 90) ? 0xffff : 0x1ffff));

	if (target != DF_IMAGE)
		return;
	if (df_chance(r, 5))
		header = df_next(r) & 0x1f;
	patch(c, target + 512, &header, 8);
	patch(c, target + 24, &mxcsr, 4);
}

static void selector_in_memory(struct df_random *r, struct df_case *c, uint32_t target)
{
	uint16_t selector = random_selector(r, c);

	patch(c, target, &selector, 2);
}

/* So that comparisons are equal now and then. */
static void accumulator(struct df_random *r, struct df_case *c, uint32_t target)
{
	uint64_t both[2] = { c->before.gpr[XE_RAX], c->before.gpr[XE_RDX] };

	if (!df_chance(r, 40))
		return;
	if (c->mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B)
		both[0] = (uint32_t)both[0] | both[1] << 32;
	patch(c, target, both, 16);
}

void df_special_memory(struct df_random *r, struct df_case *c, const struct df_insn *insn, uint32_t target)
{
	uint32_t mxcsr = (uint32_t)(df_next(r) & (df_chance(r, 80) ? 0xffff : 0xffffffff));

	if (loads_selector(insn))
		selector_in_memory(r, c, target);
	switch (insn->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_CALL:
		near_target(r, c, insn, target);
		break;
	case ZYDIS_MNEMONIC_LDS:
	case ZYDIS_MNEMONIC_LES:
	case ZYDIS_MNEMONIC_LSS:
	case ZYDIS_MNEMONIC_LFS:
	case ZYDIS_MNEMONIC_LGS:
		far_pointer(r, c, insn->decoded.operand_width / 8, false, target);
		break;
	case ZYDIS_MNEMONIC_LGDT:
	case ZYDIS_MNEMONIC_LIDT:
		table_pointer(r, c, target);
		break;
	case ZYDIS_MNEMONIC_LDMXCSR:
	case ZYDIS_MNEMONIC_VLDMXCSR:
		patch(c, target, &mxcsr, 4);
		break;
	case ZYDIS_MNEMONIC_CMPXCHG:
	case ZYDIS_MNEMONIC_CMPXCHG8B:
	case ZYDIS_MNEMONIC_CMPXCHG16B:
		accumulator(r, c, target);
		break;
	default:
		area(r, c, target);
		break;
	}
}

/* --- The stack -------------------------------------------------------------------------------------- */

static uint32_t stack_linear(const struct df_case *c)
{
	const struct hy_segment *ss = &c->before.seg[XE_SS];
	uint64_t sp = c->before.gpr[XE_RSP];

	if (df_modes[c->mode].size == 8)
		return (uint32_t)sp;
	return (uint32_t)(ss->base + (ss->attributes & HY_X86_SEG_DB ? sp : sp & 0xffff));
}

static void push_words(struct df_case *c, const uint64_t *words, unsigned count, unsigned size)
{
	uint8_t data[64];

	for (unsigned i = 0; i < count; i++)
		memcpy(data + i * size, &words[i], size);
	patch(c, stack_linear(c), data, (size_t)count * size);
}

static uint64_t frame_flags(struct df_random *r)
{
	uint64_t flags = df_next(r) & 0x257fd7;

	/* Virtual 8086 mode and nested tasks sometimes. */
	if (df_chance(r, 90))
		flags &= ~UINT64_C(0x20000);
	return flags & ~(uint64_t)(XE_RFLAGS_NT | HY_X86_RFLAGS_TF);
}

static void interrupt_frame(struct df_random *r, struct df_case *c, unsigned size)
{
	uint16_t cs = code_selector(r, c);
	uint64_t words[5] = { code_offset(r, c), cs, frame_flags(r), DF_STACK + 0x900,
		              stack_selector(r, c, cs & 3) };

	if (df_chance(r, 80))
		push_words(c, words, 5, size);
}

static void return_frame(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	bool is_far = insn->decoded.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
	unsigned size = insn->decoded.operand_width / 8;
	uint16_t cs = code_selector(r, c);
	uint64_t near_words[1] = { code_offset(r, c) };
	uint64_t words[4] = { code_offset(r, c), cs, DF_STACK + 0x900, stack_selector(r, c, cs & 3) };

	if (size != 2 && size != 4 && size != 8)
		size = df_modes[c->mode].size;
	/* RETF n finds the outer stack past the parameters: only without some here. */
	if (is_far)
		push_words(c, words, 4, size);
	else
		push_words(c, near_words, 1, size);
}

static void pop_selector(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	uint64_t word = random_selector(r, c);

	if (insn->operand[0].type == ZYDIS_OPERAND_TYPE_REGISTER && insn->operand[0].reg.value >= ZYDIS_REGISTER_ES &&
	    insn->operand[0].reg.value <= ZYDIS_REGISTER_GS)
		push_words(c, &word, 1, 2);
}

static void near_register(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	int reg = (int)ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, insn->operand[0].reg.value) -
	          ZYDIS_REGISTER_RAX;

	if (insn->operand[0].type == ZYDIS_OPERAND_TYPE_REGISTER && reg >= 0 && reg < 16 && reg != XE_RSP)
		c->before.gpr[reg] = code_offset(r, c) & (df_modes[c->mode].size == 8 ? UINT64_MAX : UINT32_MAX);
}

/* A pointer in the code: its last two bytes are the selector; relative branches stay near. */
static void branch_bytes(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	const ZydisDecodedOperand *operand = &insn->operand[0];
	unsigned offset = insn->decoded.raw.imm[0].offset, size = insn->decoded.raw.imm[0].size / 8;
	uint64_t value = code_offset(r, c);
	uint16_t selector = code_selector(r, c);

	if (operand->type == ZYDIS_OPERAND_TYPE_POINTER) {
		memcpy(c->code + c->length - 2, &selector, 2);
		memcpy(c->code + offset, &value, size < 4 ? 2 : 4);
	} else if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && insn->decoded.raw.imm[0].is_relative) {
		value -= c->before.rip + c->length;
		memcpy(c->code + offset, &value, size <= 4 ? size : 4);
	}
}

void df_special_last(struct df_random *r, struct df_case *c, const struct df_insn *insn)
{
	uint64_t flags = frame_flags(r);

	if (insn->decoded.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE)
		branch_bytes(r, c, insn);
	switch (insn->decoded.mnemonic) {
	case ZYDIS_MNEMONIC_JMP:
	case ZYDIS_MNEMONIC_CALL:
		near_register(r, c, insn);
		break;
	case ZYDIS_MNEMONIC_RET:
		return_frame(r, c, insn);
		break;
	case ZYDIS_MNEMONIC_IRET:
		interrupt_frame(r, c, 2);
		break;
	case ZYDIS_MNEMONIC_IRETD:
		interrupt_frame(r, c, 4);
		break;
	case ZYDIS_MNEMONIC_IRETQ:
		interrupt_frame(r, c, 8);
		break;
	case ZYDIS_MNEMONIC_POP:
		pop_selector(r, c, insn);
		break;
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_POPFD:
	case ZYDIS_MNEMONIC_POPFQ:
		push_words(c, &flags, 1, 8);
		break;
	default:
		break;
	}
}
