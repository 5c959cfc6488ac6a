/* SPDX-License-Identifier: MIT */
/* Ports: IN, OUT, INS, OUTS (SDM vol. 1, chapter 19). */
#include "x86-string.h"

/* Where a TSS of 32 or 64 bits says at what offset its map of ports is (SDM vol. 3, sections 7.2.1 and 7.7). */
#define TSS_MAP_BASE 0x66u

static bool has_port_map(const struct hy_segment *tr)
{
	unsigned type = tr->attributes & HY_X86_SEG_TYPE & ~2u; /* without "busy" */

	return !(tr->attributes & HY_X86_SEG_UNUSABLE) && (tr->attributes & HY_X86_SEG_P) && type == 9 &&
	       tr->limit >= TSS_MAP_BASE + 1;
}

/* Two bytes of the map are read, always: a port's bits may go over the end of the first. */
static enum xe_result check_port_map(struct xe_cpu *cpu, uint16_t port, size_t size)
{
	const struct hy_segment *tr = &cpu->seg[XE_TR];
	uint64_t offset, bits;
	enum xe_result r;

	if (!has_port_map(tr))
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_load_linear(cpu, tr->base + TSS_MAP_BASE, 2, XE_AS_SYSTEM, &offset);
	if (r != XE_OK)
		return r;
	offset += port / 8;
	if (offset + 1 > tr->limit)
		return xe_raise_error(cpu, XE_GP, 0);
	r = xe_load_linear(cpu, tr->base + offset, 2, XE_AS_SYSTEM, &bits);
	if (r == XE_OK && (bits >> port % 8 & ((1u << size) - 1)))
		return xe_raise_error(cpu, XE_GP, 0);
	return r;
}

enum xe_result xe_check_port(struct xe_cpu *cpu, uint16_t port, size_t size)
{
	if (!(cpu->cr0 & HY_X86_CR0_PE) || (!xe_is_v8086(cpu) && cpu->cpl <= xe_iopl(cpu)))
		return XE_OK;
	return check_port_map(cpu, port, size);
}

/*
 * The port, after all checks.  Where the answer is there already it is the port that
 * was asked: the program may have changed DX meanwhile, and has served that one.
 */
static enum xe_result open_port(struct xe_cpu *cpu, uint16_t wanted, size_t size, uint16_t *port)
{
	enum xe_result r = XE_OK;

	*port = wanted;
	if (cpu->log.used < cpu->log.count)
		*port = (uint16_t)cpu->log.entry[cpu->log.used].address;
	else
		r = xe_check_port(cpu, wanted, size);
	if (r == XE_OK && cpu->watching)
		xe_watch_port(cpu, *port, size);
	return r;
}

static uint16_t port_of(const struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i)
{
	return insn->operand[i].kind == XE_IMM ? insn->imm & 0xff : (uint16_t)cpu->gpr[XE_RDX];
}

enum xe_result xe_in(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[0].size;
	uint64_t value;
	uint16_t port;
	enum xe_result r;

	r = open_port(cpu, port_of(cpu, insn, 1), size, &port);
	if (r == XE_OK)
		r = xe_outside(cpu, XE_ACCESS_IO, port, size, false, false, &value);
	if (r == XE_OK)
		xe_set_gpr(cpu, XE_RAX, size, value);
	return r;
}

enum xe_result xe_out(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	size_t size = insn->operand[1].size;
	uint64_t value = xe_gpr(cpu, XE_RAX, size);
	uint16_t port;
	enum xe_result r;

	r = open_port(cpu, port_of(cpu, insn, 0), size, &port);
	return r == XE_OK ? xe_outside(cpu, XE_ACCESS_IO, port, size, true, false, &value) : r;
}

/* The port isn't read before it is sure that the item can be stored. */
static enum xe_result in_item(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	uint64_t offset = xe_string_pointer(cpu, insn, XE_RDI);
	uint64_t value;
	uint16_t port;
	enum xe_result r;

	r = open_port(cpu, (uint16_t)cpu->gpr[XE_RDX], size, &port);
	if (r == XE_OK)
		r = xe_check(cpu, XE_ES, offset, size, HY_PROT_WRITE);
	if (r == XE_OK)
		r = xe_outside(cpu, XE_ACCESS_IO, port, size, false, true, &value);
	if (r == XE_OK)
		r = xe_store(cpu, XE_ES, offset, size, value);
	if (r == XE_OK)
		xe_string_advance(cpu, insn, XE_RDI, size);
	return r;
}

/* The source may be outside too; the port's own answer is then the last in the log. */
static enum xe_result out_item(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	uint16_t port = (uint16_t)cpu->gpr[XE_RDX];
	uint64_t value;
	enum xe_result r;

	r = xe_check_port(cpu, port, size);
	if (r == XE_OK && cpu->watching)
		xe_watch_port(cpu, port, size);
	if (r == XE_OK)
		r = xe_load(cpu, insn->segment, xe_string_pointer(cpu, insn, XE_RSI), size, &value);
	if (r == XE_OK)
		r = xe_outside(cpu, XE_ACCESS_IO, port, size, true, true, &value);
	if (r == XE_OK)
		xe_string_advance(cpu, insn, XE_RSI, size);
	return r;
}

static const struct xe_string in = { .item = in_item };
static const struct xe_string out = { .item = out_item };

/* Whether the port may be used counts also where there is nothing to do. */
static enum xe_result repeat(struct xe_cpu *cpu, const struct xe_insn *insn, const struct xe_string *string)
{
	enum xe_result r = xe_check_port(cpu, (uint16_t)cpu->gpr[XE_RDX], insn->op);

	return r == XE_OK ? xe_string_repeat(cpu, insn, insn->op, string) : r;
}

enum xe_result xe_string_in(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return repeat(cpu, insn, &in);
}

enum xe_result xe_string_out(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return repeat(cpu, insn, &out);
}
