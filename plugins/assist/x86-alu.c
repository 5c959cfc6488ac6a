/* SPDX-License-Identifier: MIT */
/* Addition, subtraction, comparison and logic; exchange by condition. */
#include "integer.h"

/* A logic result has no carry; of AF, undefined, processors make 0. */
static uint64_t compute(unsigned op, uint64_t a, uint64_t b, uint64_t rflags, size_t size, uint64_t *flags)
{
	uint64_t carry = rflags & HY_X86_RFLAGS_CF;
	uint64_t result;

	switch (op) {
	case XE_ALU_ADD:
		carry = 0; /* fall through */
	case XE_ALU_ADC:
		result = (a + b + carry) & xe_mask(size);
		*flags = xe_flags_add(a, b, result, size);
		return result;
	case XE_ALU_SUB:
	case XE_ALU_CMP:
		carry = 0; /* fall through */
	case XE_ALU_SBB:
		result = (a - b - carry) & xe_mask(size);
		*flags = xe_flags_sub(a, b, result, size);
		return result;
	case XE_ALU_OR:
		result = a | b;
		break;
	case XE_ALU_XOR:
		result = a ^ b;
		break;
	default:
		result = a & b;
		break;
	}
	*flags = xe_flags_result(result, size);
	return result;
}

static enum xe_result alu_memory(struct xe_cpu *cpu, const struct xe_insn *insn, uint64_t b)
{
	size_t size = insn->operand[0].size;
	uint64_t a, flags = 0;
	struct xe_place place;
	enum xe_result r;

	do {
		r = xe_open(cpu, insn, 0, &place, &a);
		if (r == XE_OK)
			r = xe_close(cpu, &place, compute(insn->op, a, b, cpu->rflags, size, &flags));
	} while (r == XE_RETRY);
	if (r == XE_OK)
		xe_set_flags(cpu, XE_RFLAGS_STATUS, flags);
	return r;
}

enum xe_result xe_alu(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t a, b, flags;
	enum xe_result r = xe_get(cpu, insn, 1, &b);

	if (r != XE_OK)
		return r;
	b &= xe_mask(size);
	if (xe_is_memory(insn, 0))
		return alu_memory(cpu, insn, b);
	a = xe_get_register(cpu, &insn->operand[0]);
	xe_set_register(cpu, &insn->operand[0], compute(insn->op, a, b, cpu->rflags, size, &flags));
	xe_set_flags(cpu, XE_RFLAGS_STATUS, flags);
	return XE_OK;
}

/* CMP and TEST. */
enum xe_result xe_compare(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t a, b, flags;
	enum xe_result r = xe_get(cpu, insn, 0, &a);

	if (r == XE_OK)
		r = xe_get(cpu, insn, 1, &b);
	if (r != XE_OK)
		return r;
	(void)compute(insn->op, a, b & xe_mask(size), cpu->rflags, size, &flags);
	xe_set_flags(cpu, XE_RFLAGS_STATUS, flags);
	return XE_OK;
}

/* --- INC, DEC, NEG, NOT ------------------------------------------------------------------ */

static uint64_t compute_unary(unsigned op, uint64_t a, size_t size, uint64_t *flags)
{
	uint64_t result;

	switch (op) {
	case XE_ALU_INC:
		result = (a + 1) & xe_mask(size);
		*flags = xe_flags_add(a, 1, result, size);
		return result;
	case XE_ALU_DEC:
		result = (a - 1) & xe_mask(size);
		*flags = xe_flags_sub(a, 1, result, size);
		return result;
	case XE_ALU_NEG:
		result = (0 - a) & xe_mask(size);
		*flags = xe_flags_sub(0, a, result, size);
		return result;
	default:
		*flags = 0;
		return ~a & xe_mask(size);
	}
}

static uint64_t flags_of_unary(unsigned op)
{
	if (op == XE_ALU_NOT)
		return 0;
	return op == XE_ALU_NEG ? XE_RFLAGS_STATUS : XE_RFLAGS_STATUS & ~HY_X86_RFLAGS_CF;
}

enum xe_result xe_alu_unary(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t a, flags = 0;
	struct xe_place place;
	enum xe_result r;

	do {
		r = xe_open(cpu, insn, 0, &place, &a);
		if (r == XE_OK)
			r = xe_close(cpu, &place, compute_unary(insn->op, a, size, &flags));
	} while (r == XE_RETRY);
	if (r == XE_OK)
		xe_set_flags(cpu, flags_of_unary(insn->op), flags);
	return r;
}

/* --- ADCX, ADOX: op is the flag that carries --------------------------------------------------- */

enum xe_result xe_add_by_flag(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t a = xe_get_register(cpu, &insn->operand[0]), b, sum;
	enum xe_result r = xe_get(cpu, insn, 1, &b);

	if (r != XE_OK)
		return r;
	sum = (a + b + !!(cpu->rflags & insn->op)) & xe_mask(size);
	xe_set_flags(cpu, insn->op, xe_flags_add(a, b, sum, size) & HY_X86_RFLAGS_CF ? insn->op : 0);
	xe_set_register(cpu, &insn->operand[0], sum);
	return XE_OK;
}

/* --- XADD, CMPXCHG... -------------------------------------------------------------------------- */

enum xe_result xe_xadd(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t addend = xe_get_register(cpu, &insn->operand[1]), old, sum;
	struct xe_place place;
	enum xe_result r;

	do {
		r = xe_open(cpu, insn, 0, &place, &old);
		sum = (old + addend) & xe_mask(size);
		if (r == XE_OK)
			r = xe_close(cpu, &place, sum);
	} while (r == XE_RETRY);
	if (r != XE_OK)
		return r;
	xe_set_register(cpu, &insn->operand[1], old);
	/* Of one register with itself the sum stays. */
	if (!xe_is_memory(insn, 0))
		xe_set_register(cpu, &insn->operand[0], sum);
	xe_set_flags(cpu, XE_RFLAGS_STATUS, xe_flags_add(old, addend, sum, size));
	return XE_OK;
}

/* A register that isn't equal is left alone, its upper half too; memory is written in any case. */
enum xe_result xe_cmpxchg(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t expected = xe_gpr(cpu, XE_RAX, size), wanted = xe_get_register(cpu, &insn->operand[1]), old;
	struct xe_place place;
	enum xe_result r;

	do {
		r = xe_open(cpu, insn, 0, &place, &old);
		if (r == XE_OK && (old == expected || xe_is_memory(insn, 0)))
			r = xe_close(cpu, &place, old == expected ? wanted : old);
	} while (r == XE_RETRY);
	if (r != XE_OK)
		return r;
	if (old != expected)
		xe_set_gpr(cpu, XE_RAX, size, old);
	xe_set_flags(cpu, XE_RFLAGS_STATUS, xe_flags_sub(expected, old, (expected - old) & xe_mask(size), size));
	return XE_OK;
}

/* What CMPXCHG8B and 16B leave: ZF, and in rDX:rAX what was there instead. */
static void set_pair(struct xe_cpu *cpu, size_t half, bool equal, uint64_t low, uint64_t high)
{
	if (!equal) {
		xe_set_gpr(cpu, XE_RAX, half, low);
		xe_set_gpr(cpu, XE_RDX, half, high);
	}
	xe_set_flags(cpu, HY_X86_RFLAGS_ZF, xe_flag_if(equal, HY_X86_RFLAGS_ZF));
}

enum xe_result xe_cmpxchg8b(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	uint64_t expected = xe_gpr(cpu, XE_RDX, 4) << 32 | xe_gpr(cpu, XE_RAX, 4);
	uint64_t wanted = xe_gpr(cpu, XE_RCX, 4) << 32 | xe_gpr(cpu, XE_RBX, 4), old;
	struct xe_place place;
	enum xe_result r;

	do {
		r = xe_open(cpu, insn, 0, &place, &old);
		if (r == XE_OK)
			r = xe_close(cpu, &place, old == expected ? wanted : old);
	} while (r == XE_RETRY);
	if (r == XE_OK)
		set_pair(cpu, 4, old == expected, old, old >> 32);
	return r;
}

enum xe_result xe_cmpxchg16b(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	const uint64_t expected[2] = { cpu->gpr[XE_RAX], cpu->gpr[XE_RDX] };
	const uint64_t wanted[2] = { cpu->gpr[XE_RBX], cpu->gpr[XE_RCX] };
	uint64_t offset = xe_offset(cpu, insn), old[2];
	bool equal;
	enum xe_result r;

	if (xe_linear(cpu, insn->segment, offset) & 15)
		return xe_raise_error(cpu, XE_GP, 0);
	do {
		r = xe_exchange16(cpu, insn->segment, offset, insn->prefixes & XE_LOCK, old, expected, wanted, &equal);
	} while (r == XE_RETRY);
	if (r == XE_OK)
		set_pair(cpu, 8, equal, old[0], old[1]);
	return r;
}
