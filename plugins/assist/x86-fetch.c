/* SPDX-License-Identifier: MIT */
/* Fetching instructions: from the cache where the bytes are still the same. */
#include "x86-cache.h"
#include "x86-ram.h"

#define INSN_ROOM 16u /* bytes that are compared at once */

_Static_assert(sizeof(struct xe_insn) <= sizeof(((struct xe_cpu *)0)->insn_room), "has room without a cache");
_Static_assert(sizeof(((struct xe_insn *)0)->bytes) == INSN_ROOM, "two words hold an instruction");

/* How far in CS an instruction at RIP may reach, at most INSN_MAX bytes; 0: nowhere. */
static size_t bytes_allowed(const struct xe_cpu *cpu)
{
	uint64_t limit = cpu->seg[XE_CS].limit;
	size_t last = XE_INSN_MAX - 1;

	if (xe_is_64(cpu)) {
		if (!xe_is_canonical(cpu, cpu->rip))
			return 0;
		while (!xe_is_canonical(cpu, cpu->rip + last))
			last--;
		return last + 1;
	}
	if (cpu->rip > limit)
		return 0;
	return limit - cpu->rip < last ? (size_t)(limit - cpu->rip) + 1 : last + 1;
}

/* Whether the instruction in the slot is the one of these bytes; all 16 can be read. */
static inline bool is_same(const struct xe_insn *insn, const uint8_t *bytes)
{
	uint64_t low, high;

	memcpy(&low, insn->bytes, 8);
	memcpy(&high, insn->bytes + 8, 8);
	low ^= xe_ram_load8(bytes);
	high ^= xe_ram_load8(bytes + 8);
	if (insn->length <= 8)
		return !(low << (64 - 8 * insn->length));
	return !low && !(high << (128 - 8 * insn->length));
}

static inline bool is_usable(const struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return insn->mode == cpu->mode && insn->length;
}

/* More bytes of code: those of the page of `linear`, up to `want` of them. */
static enum xe_result read_code(struct xe_cpu *cpu, uint64_t linear, uint8_t *bytes, size_t want, size_t *got)
{
	size_t left = XE_PAGE_SIZE - (size_t)(linear & XE_PAGE_MASK);
	struct xe_part part;
	enum xe_result r = xe_touch(cpu, linear, HY_PROT_EXEC, &part);

	if (r != XE_OK)
		return r;
	*got = want < left ? want : left;
	xe_ram_read(part.host, bytes, *got);
	return XE_OK;
}

/* `size` bytes of it are there, of `allowed`.  XE_RETRY: it is longer than that. */
static enum xe_result decode(struct xe_cpu *cpu, struct xe_insn *insn, const uint8_t *bytes, size_t size)
{
	enum xe_result r;

	if (is_usable(cpu, insn) && insn->length <= size && is_same(insn, bytes))
		return XE_OK;
	r = xe_decode(cpu, bytes, size, insn);
	if (r != XE_OK)
		insn->length = 0;
	return r;
}

/*
 * The second page is touched, and may fault, only when the bytes of the first are
 * not all; neither does a limit matter that the instruction doesn't reach.
 */
static enum xe_result fetch(struct xe_cpu *cpu, uint64_t linear, struct xe_insn *insn)
{
	uint8_t bytes[INSN_ROOM] = { 0 };
	size_t allowed = bytes_allowed(cpu), size = 0;
	enum xe_result r = XE_RETRY;

	while (r == XE_RETRY && size < allowed) {
		uint64_t next = linear + size;
		size_t got;

		r = read_code(cpu, xe_is_64(cpu) ? next : (uint32_t)next, bytes + size, allowed - size, &got);
		if (r != XE_OK)
			return r;
		size += got;
		r = decode(cpu, insn, bytes, size);
	}
	if (r == XE_RETRY)
		return xe_raise_error(cpu, XE_GP, 0);
	return r;
}

/* The instruction in the cache, where all of it is as it was. */
static inline struct xe_insn *find(const struct xe_cpu *cpu, uint64_t linear)
{
	const uint8_t *host = xe_tlb_find(cpu, linear, HY_PROT_EXEC, cpu->cpl == 3);
	struct xe_insn *insn;

	if (!host || (linear & XE_PAGE_MASK) > XE_PAGE_SIZE - INSN_ROOM)
		return NULL;
	insn = xe_insn_slot(cpu->cache, linear);
	if (!is_usable(cpu, insn) || !is_same(insn, host))
		return NULL;
	if (!xe_is_64(cpu) && cpu->rip + insn->length - 1 > cpu->seg[XE_CS].limit)
		return NULL;
	return insn;
}

/* Apart, so that the short way needs no room on the stack. */
__attribute__((noinline)) static enum xe_result fetch_anew(struct xe_cpu *cpu, uint64_t linear)
{
	struct xe_insn *insn = cpu->cache ? xe_insn_slot(cpu->cache, linear) : (struct xe_insn *)(void *)cpu->insn_room;
	enum xe_result r = fetch(cpu, linear, insn);

	if (r == XE_OK)
		cpu->insn = insn;
	return r;
}

enum xe_result xe_fetch(struct xe_cpu *cpu)
{
	uint64_t linear = xe_is_64(cpu) ? cpu->rip : (uint32_t)(cpu->seg[XE_CS].base + cpu->rip);
	struct xe_insn *insn = find(cpu, linear);

	if (!insn)
		return fetch_anew(cpu, linear);
	cpu->insn = insn;
	return XE_OK;
}
