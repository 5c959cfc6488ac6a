/* SPDX-License-Identifier: MIT */
/*
 * Read-modify-write, with and without LOCK.
 *
 * A locked one is a compare-and-swap of the host's, anywhere within a page.  It is
 * not atomic where it crosses pages, and on hosts other than x86 where it isn't
 * aligned; nor outside of memory, where a read and a write are two accesses.
 */
#include "x86-cache.h"
#include "x86-ram.h"

static bool is_in_page(uint64_t linear, size_t size)
{
	return (linear & XE_PAGE_MASK) + size <= XE_PAGE_SIZE;
}

static enum xe_result open_register(struct xe_cpu *cpu, const struct xe_operand *operand, struct xe_place *place,
                                    uint64_t *old)
{
	*place = (struct xe_place){ .operand = operand, .size = operand->size };
	*old = operand->kind == XE_GPR_HIGH ? xe_gpr(cpu, operand->reg, 2) >> 8 :
	                                      xe_gpr(cpu, operand->reg, operand->size);
	place->old = *old;
	return XE_OK;
}

enum xe_result xe_open(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned i, struct xe_place *place,
                       uint64_t *old)
{
	const struct xe_operand *operand = &insn->operand[i];

	if (operand->kind != XE_MEM)
		return open_register(cpu, operand, place, old);
	return xe_open_memory(cpu, insn->segment, xe_offset(cpu, insn), operand->size, insn->prefixes & XE_LOCK, place,
	                      old);
}

/*
 * Finds whether all of it is in one page of memory, readable and writable.  Faults
 * are those of a write: they come before anything is read outside.
 */
static enum xe_result find(struct xe_cpu *cpu, uint64_t linear, size_t size, uint8_t **host)
{
	struct xe_part write, read;
	enum xe_result r;

	*host = NULL;
	if (!is_in_page(linear, size))
		return xe_check_linear(cpu, linear, size, HY_PROT_WRITE);
	r = xe_touch(cpu, linear, HY_PROT_WRITE, &write);
	if (r == XE_OK)
		r = xe_touch(cpu, linear, HY_PROT_READ, &read);
	if (r == XE_OK && write.host && read.host)
		*host = write.host;
	return r;
}

enum xe_result xe_open_memory(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, bool locked,
                              struct xe_place *place, uint64_t *old)
{
	enum xe_result r;

	*place = (struct xe_place){ .locked = locked, .size = size };
	r = xe_check_segment(cpu, &cpu->seg[segment], segment, offset, size, HY_PROT_WRITE, &place->linear);
	if (r == XE_OK)
		r = find(cpu, place->linear, size, &place->host);
	if (r != XE_OK)
		return r;
	if (place->host)
		*old = xe_ram_load(place->host, size);
	else
		r = xe_load_linear(cpu, place->linear, size, 0, old);
	place->old = *old;
	return r;
}

static enum xe_result close_register(struct xe_cpu *cpu, const struct xe_operand *operand, uint64_t value)
{
	if (operand->kind == XE_GPR_HIGH)
		cpu->gpr[operand->reg] = (cpu->gpr[operand->reg] & ~UINT64_C(0xff00)) | (value & 0xff) << 8;
	else
		xe_set_gpr(cpu, operand->reg, operand->size, value);
	return XE_OK;
}

enum xe_result xe_close(struct xe_cpu *cpu, struct xe_place *place, uint64_t value)
{
	if (place->operand)
		return close_register(cpu, place->operand, value);
	if (!place->host)
		return xe_store_linear(cpu, place->linear, place->size, 0, value);
	if (!place->locked || !xe_ram_can_swap(place->host, place->size))
		xe_ram_store(place->host, place->size, value);
	else if (!xe_ram_swap(place->host, place->size, place->old, value))
		return XE_RETRY;
	if (cpu->watching)
		xe_watch_data(cpu, place->linear, place->size, true);
	return XE_OK;
}

/* As the processor does it: what was there is written back when it isn't equal. */
static enum xe_result exchange_apart(struct xe_cpu *cpu, unsigned segment, uint64_t offset, uint64_t old[2],
                                     const uint64_t expected[2], const uint64_t wanted[2], bool *equal)
{
	enum xe_result r = xe_load_bytes(cpu, segment, offset, old, 16);

	if (r != XE_OK)
		return r;
	*equal = old[0] == expected[0] && old[1] == expected[1];
	return xe_store_bytes(cpu, segment, offset, *equal ? wanted : old, 16);
}

enum xe_result xe_exchange16(struct xe_cpu *cpu, unsigned segment, uint64_t offset, bool locked, uint64_t old[2],
                             const uint64_t expected[2], const uint64_t wanted[2], bool *equal)
{
	uint64_t linear;
	uint8_t *host;
	enum xe_result r = xe_check_segment(cpu, &cpu->seg[segment], segment, offset, 16, HY_PROT_WRITE, &linear);

	if (r == XE_OK)
		r = find(cpu, linear, 16, &host);
	if (r != XE_OK)
		return r;
	if (!host || !locked || linear % 16)
		return exchange_apart(cpu, segment, offset, old, expected, wanted, equal);
	*equal = xe_ram_swap16(host, old, expected, wanted);
	if (cpu->watching)
		xe_watch_data(cpu, linear, 16, true);
	return XE_OK;
}

static bool is_rom(struct xe_cpu *cpu, uint64_t linear)
{
	struct xe_translation translation;
	uint32_t prot = 0;

	if (xe_walk(cpu, linear, HY_PROT_WRITE | XE_AS_SYSTEM, &translation) != XE_OK)
		return false;
	if (!cpu->bus->page(cpu->ctx, translation.gpa & ~XE_PAGE_MASK, &prot))
		return false;
	return (prot & HY_PROT_READ) && !(prot & HY_PROT_WRITE);
}

/*
 * Descriptors in read-only memory stay as they are, as a firmware's in its ROM do:
 * there the write has no effect, and the processor doesn't notice.
 */
enum xe_result xe_set_descriptor_bits(struct xe_cpu *cpu, uint64_t linear, uint8_t clear, uint8_t set)
{
	struct xe_part part;
	uint64_t old, value;
	enum xe_result r = xe_touch(cpu, linear, HY_PROT_READ | XE_AS_SYSTEM, &part);

	if (r != XE_OK)
		return r;
	old = xe_ram_load(part.host, 1);
	if (((old & ~(uint64_t)clear) | set) == old)
		return XE_OK;
	r = xe_touch(cpu, linear, HY_PROT_WRITE | XE_AS_SYSTEM, &part);
	if (r == XE_REFUSED && is_rom(cpu, linear))
		return XE_OK;
	if (r != XE_OK)
		return r;
	do {
		old = xe_ram_load(part.host, 1);
		value = (old & ~(uint64_t)clear) | set;
	} while (!xe_ram_swap(part.host, 1, old, value));
	return XE_OK;
}
