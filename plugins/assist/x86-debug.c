/* SPDX-License-Identifier: MIT */
/* Debug registers (SDM vol. 3, sections 18.2 and 18.3). */
#include "handlers.h"

/* Bits that can be changed, and those that are always set. */
#define DR6_BITS 0xe00fu /* B0 to B3, BD, BS, BT */
#define DR6_ONES 0xffff0ff0u
#define DR7_BITS 0xffff23ffu
#define DR7_ONES 0x400u
#define DR7_GD 0x2000u
#define DR6_BD 0x2000u

/* What a breakpoint waits for, in DR7. */
enum { ON_FETCH, ON_WRITE, ON_PORT, ON_ACCESS };

/* --- Breakpoints -------------------------------------------------------------------- */

static bool is_enabled(uint64_t dr7, unsigned i)
{
	return dr7 >> 2 * i & 3;
}

static unsigned kind_of(uint64_t dr7, unsigned i)
{
	return dr7 >> (16 + 4 * i) & 3;
}

static unsigned length_of(uint64_t dr7, unsigned i)
{
	static const uint8_t lengths[] = { 1, 2, 8, 4 };

	return lengths[dr7 >> (18 + 4 * i) & 3];
}

/* Breakpoints ignore the address bits below their length.  Neither range may wrap to 0. */
static bool overlaps(const struct xe_cpu *cpu, unsigned i, uint64_t address, size_t size)
{
	uint64_t length = length_of(cpu->dr[7], i);
	uint64_t start = cpu->dr[i] & ~(length - 1);

	return address <= start + (length - 1) && start <= address + (size - 1);
}

void xe_watch_data(struct xe_cpu *cpu, uint64_t linear, size_t size, bool write)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned kind = kind_of(cpu->dr[7], i);

		if (!is_enabled(cpu->dr[7], i) || !overlaps(cpu, i, linear, size))
			continue;
		if (kind == ON_ACCESS || (kind == ON_WRITE && write))
			cpu->trap |= UINT64_C(1) << i;
	}
}

void xe_watch_port(struct xe_cpu *cpu, uint16_t port, size_t size)
{
	if (!(cpu->cr4 & XE_CR4_DE))
		return;
	for (unsigned i = 0; i < 4; i++)
		if (is_enabled(cpu->dr[7], i) && kind_of(cpu->dr[7], i) == ON_PORT && overlaps(cpu, i, port, size))
			cpu->trap |= UINT64_C(1) << i;
}

uint64_t xe_watch_fetch(struct xe_cpu *cpu, uint64_t linear)
{
	uint64_t hits = 0;

	for (unsigned i = 0; i < 4; i++)
		if (is_enabled(cpu->dr[7], i) && kind_of(cpu->dr[7], i) == ON_FETCH && cpu->dr[i] == linear)
			hits |= UINT64_C(1) << i;
	return hits;
}

/* --- MOV --------------------------------------------------------------------------------- */

/* DR7.GD: the registers are a debugger's, who hears of it by a fault. */
static enum xe_result raise_general_detect(struct xe_cpu *cpu)
{
	enum xe_result r = xe_raise(cpu, XE_DB);

	cpu->event.dr6 = DR6_BD;
	return r;
}

/* DR4 and DR5 are other names of DR6 and DR7 unless CR4.DE is set. */
static enum xe_result open_debug(struct xe_cpu *cpu, unsigned *number)
{
	enum xe_result r = xe_check_privileged(cpu);

	if (r != XE_OK)
		return r;
	if (*number > 7 || ((*number & 6) == 4 && (cpu->cr4 & XE_CR4_DE)))
		return xe_raise(cpu, XE_UD);
	r = xe_need(cpu, XE_PART_DEBUG);
	if (r == XE_OK && (cpu->dr[7] & DR7_GD))
		return raise_general_detect(cpu);
	if (*number >= 4)
		*number |= 2;
	return r;
}

static enum xe_result set_debug(struct xe_cpu *cpu, unsigned number, uint64_t value)
{
	if (number >= 6 && value >> 32)
		return xe_raise_error(cpu, XE_GP, 0);
	if (number == 6)
		value = (value & DR6_BITS) | DR6_ONES;
	else if (number == 7)
		value = (value & DR7_BITS) | DR7_ONES;
	cpu->dr[number] = value;
	cpu->changed |= XE_PART_DEBUG;
	xe_update_mode(cpu);
	return XE_OK;
}

enum xe_result xe_mov_dr(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	bool write = insn->operand[0].kind == XE_DEBUG;
	unsigned number = insn->operand[write ? 0 : 1].reg;
	unsigned reg = insn->operand[write ? 1 : 0].reg;
	size_t size = xe_is_64(cpu) ? 8 : 4;
	enum xe_result r = open_debug(cpu, &number);

	if (r != XE_OK)
		return r;
	if (write)
		return set_debug(cpu, number, xe_gpr(cpu, reg, size));
	xe_set_gpr(cpu, reg, size, cpu->dr[number]);
	return XE_OK;
}
