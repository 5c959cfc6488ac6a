/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores: segmentation, translation, and the way to memory or outside.
 *
 * An access is at most two parts, since it is no longer than a page.  All of them
 * are translated before any is made, lower addresses first, so that a fault leaves
 * nothing done.  Then those outside are made, each up to 8 bytes, and memory is
 * written last: see assist.h.
 */
#include "x86-cache.h"
#include "x86-ram.h"

/* --- Segmentation (SDM vol. 3, sections 5.3 to 5.5) ------------------------------------ */

static enum xe_result raise_segment(struct xe_cpu *cpu, unsigned index)
{
	return xe_raise_error(cpu, index == XE_SS ? XE_SS_FAULT : XE_GP, 0);
}

/* What an operand has to be a multiple of (SDM vol. 3, table 6-7); vectors are not checked. */
static uint64_t alignment_of(size_t size)
{
	switch (size) {
	case 2:
	case 4:
	case 8:
		return size;
	case 6:
		return 4;
	case 10:
		return 8;
	default:
		return 1;
	}
}

/* CR0.AM and RFLAGS.AC are the same bit. */
static inline bool checks_alignment(const struct xe_cpu *cpu, unsigned access)
{
	return (cpu->cr0 & cpu->rflags & XE_RFLAGS_AC) && xe_is_user(cpu, access);
}

static enum xe_result check_alignment(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned access)
{
	if (checks_alignment(cpu, access) && linear % alignment_of(size))
		return xe_raise_error(cpu, XE_AC, 0);
	return XE_OK;
}

static bool is_type_ok(const struct hy_segment *segment, unsigned access)
{
	bool is_code = segment->attributes & 8;
	bool has_right = segment->attributes & 2; /* to write data, to read code */

	if (access & HY_PROT_WRITE)
		return !is_code && has_right;
	return !is_code || has_right;
}

/*
 * A limit of 4 GiB checks nothing: the SDM leaves open whether an access may wrap
 * around there, and processors let it.
 */
static bool is_limit_ok(const struct hy_segment *segment, uint64_t offset, size_t size)
{
	bool is_down = (segment->attributes & 0xc) == 4;
	uint64_t last = offset + size - 1;

	if (!is_down)
		return segment->limit == UINT32_MAX || last <= segment->limit;
	return offset > segment->limit && ((segment->attributes & HY_X86_SEG_DB) || last <= 0xffff);
}

static bool is_segment_ok(const struct xe_cpu *cpu, const struct hy_segment *segment, unsigned access)
{
	if (!xe_is_protected(cpu))
		return true;
	if ((segment->attributes & HY_X86_SEG_UNUSABLE) || !(segment->attributes & HY_X86_SEG_P))
		return false;
	return is_type_ok(segment, access);
}

static enum xe_result check_legacy(struct xe_cpu *cpu, const struct hy_segment *segment, unsigned index,
                                   uint64_t offset, size_t size, unsigned access, uint64_t *linear)
{
	if (!is_segment_ok(cpu, segment, access) || !is_limit_ok(segment, offset, size))
		return raise_segment(cpu, index);
	*linear = (uint32_t)(segment->base + offset);
	return check_alignment(cpu, *linear, size, access);
}

enum xe_result xe_check_segment(struct xe_cpu *cpu, const struct hy_segment *segment, unsigned index, uint64_t offset,
                                size_t size, unsigned access, uint64_t *linear)
{
	if (!xe_is_64(cpu))
		return check_legacy(cpu, segment, index, offset, size, access, linear);
	*linear = index <= XE_DS ? offset : segment->base + offset;
	if (!xe_is_canonical(cpu, *linear) || !xe_is_canonical(cpu, *linear + size - 1))
		return raise_segment(cpu, index);
	return check_alignment(cpu, *linear, size, access);
}

/* --- Parts ----------------------------------------------------------------------------- */

static enum xe_result refuse_outside(struct xe_cpu *cpu, uint64_t gpa, unsigned access)
{
	if (access & HY_PROT_EXEC)
		return xe_refuse(cpu, XE_REFUSED_FETCH, gpa, HY_PROT_EXEC, "code outside of executable memory");
	return xe_refuse(cpu, XE_REFUSED_MEMORY, gpa, access & HY_PROT_RWX,
	                 "a structure of the processor outside of memory");
}

/*
 * What RFLAGS.AC permits isn't kept, since nothing is flushed when it changes
 * (SDM vol. 3, section 4.6.1: SMAP).
 */
static bool depends_on_ac(const struct xe_cpu *cpu, const struct xe_translation *translation, unsigned access_as)
{
	return translation->user && (cpu->cr4 & XE_CR4_SMAP) && !xe_is_user(cpu, access_as) &&
	       !(access_as & HY_PROT_EXEC);
}

static void keep(struct xe_cpu *cpu, uint64_t linear, unsigned access_as, const struct xe_translation *translation,
                 uint8_t *page)
{
	if (!cpu->cache || depends_on_ac(cpu, translation, access_as))
		return;
	if (translation->page_size > XE_PAGE_SIZE)
		cpu->cache->has_large = true;
	xe_tlb_fill(cpu->cache, linear, access_as & HY_PROT_RWX, xe_is_user(cpu, access_as), page);
}

/*
 * What was asked outside stays there until its instruction is done, even where
 * there is memory meanwhile.
 */
static bool is_answered(const struct xe_cpu *cpu, uint64_t gpa, unsigned access)
{
	bool write = access == HY_PROT_WRITE;

	for (unsigned i = cpu->log.used; i < cpu->log.count; i++) {
		if (cpu->log.entry[i].kind == XE_ACCESS_MMIO && cpu->log.entry[i].write == write &&
		    cpu->log.entry[i].address == gpa)
			return true;
	}
	return false;
}

static enum xe_result touch_anew(struct xe_cpu *cpu, uint64_t linear, unsigned access_as, struct xe_part *part)
{
	unsigned access = access_as & HY_PROT_RWX;
	struct xe_translation translation;
	uint32_t prot = 0;
	enum xe_result r = xe_walk(cpu, linear, access_as, &translation);
	uint8_t *page;

	if (r == XE_EXCEPTION)
		return xe_raise_page(cpu, linear, translation.error);
	if (r != XE_OK)
		return r;
	page = cpu->bus->page(cpu->ctx, translation.gpa & ~XE_PAGE_MASK, &prot);
	if (page && (prot & access) && !is_answered(cpu, translation.gpa, access)) {
		keep(cpu, linear, access_as, &translation, page);
		part->host = page + (linear & XE_PAGE_MASK);
		return XE_OK;
	}
	if (access == HY_PROT_EXEC || (access_as & XE_AS_SYSTEM))
		return refuse_outside(cpu, translation.gpa, access);
	part->host = NULL;
	part->gpa = translation.gpa;
	return XE_OK;
}

enum xe_result xe_touch(struct xe_cpu *cpu, uint64_t linear, unsigned access_as, struct xe_part *part)
{
	part->host = xe_tlb_find(cpu, linear, access_as & HY_PROT_RWX, xe_is_user(cpu, access_as));
	return part->host ? XE_OK : touch_anew(cpu, linear, access_as, part);
}

/*
 * The address after `size` more bytes.  Outside of 64-bit mode addresses have 32
 * bits, apart from those of long mode's tables.
 */
static uint64_t advance(const struct xe_cpu *cpu, uint64_t linear, size_t size)
{
	return xe_is_64(cpu) || linear > UINT32_MAX ? linear + size : (uint32_t)(linear + size);
}

/* All that the access touches, in one or two parts. */
static enum xe_result split(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned access_as,
                            struct xe_part parts[2])
{
	size_t left = XE_PAGE_SIZE - (size_t)(linear & XE_PAGE_MASK);
	enum xe_result r = xe_touch(cpu, linear, access_as, &parts[0]);

	parts[0].size = size < left ? size : left;
	parts[1].size = size - parts[0].size;
	if (r != XE_OK || !parts[1].size)
		return r;
	return xe_touch(cpu, advance(cpu, linear, left), access_as, &parts[1]);
}

/* A part outside goes in pieces of up to 8 bytes. */
static size_t piece_of(const struct xe_part *part, size_t at)
{
	return part->size - at < 8 ? part->size - at : 8;
}

static enum xe_result load_outside(struct xe_cpu *cpu, const struct xe_part *part, uint8_t *data)
{
	for (size_t at = 0, size; at < part->size; at += size) {
		uint64_t value = 0;
		enum xe_result r;

		size = piece_of(part, at);
		r = xe_outside(cpu, XE_ACCESS_MMIO, part->gpa + at, size, false, false, &value);
		if (r != XE_OK)
			return r;
		memcpy(data + at, &value, size);
	}
	return XE_OK;
}

static enum xe_result store_outside(struct xe_cpu *cpu, const struct xe_part *part, const uint8_t *data)
{
	for (size_t at = 0, size; at < part->size; at += size) {
		uint64_t value = 0;
		enum xe_result r;

		size = piece_of(part, at);
		memcpy(&value, data + at, size);
		r = xe_outside(cpu, XE_ACCESS_MMIO, part->gpa + at, size, true, false, &value);
		if (r != XE_OK)
			return r;
	}
	return XE_OK;
}

static enum xe_result load_parts(struct xe_cpu *cpu, const struct xe_part parts[2], uint8_t *data)
{
	for (unsigned i = 0; i < 2 && parts[i].size; data += parts[i++].size) {
		enum xe_result r = XE_OK;

		if (parts[i].host)
			xe_ram_read(parts[i].host, data, parts[i].size);
		else
			r = load_outside(cpu, &parts[i], data);
		if (r != XE_OK)
			return r;
	}
	return XE_OK;
}

static enum xe_result store_parts(struct xe_cpu *cpu, const struct xe_part parts[2], const uint8_t *data)
{
	const uint8_t *const piece[2] = { data, data + parts[0].size };

	for (unsigned i = 0; i < 2 && parts[i].size; i++) {
		enum xe_result r = parts[i].host ? XE_OK : store_outside(cpu, &parts[i], piece[i]);

		if (r != XE_OK)
			return r;
	}
	for (unsigned i = 0; i < 2 && parts[i].size; i++) {
		if (parts[i].host)
			xe_ram_write(parts[i].host, piece[i], parts[i].size);
	}
	return XE_OK;
}

/* --- By linear address ------------------------------------------------------------------ */

static enum xe_result load_linear_bytes(struct xe_cpu *cpu, uint64_t linear, void *data, size_t size, unsigned as)
{
	struct xe_part parts[2];
	enum xe_result r = split(cpu, linear, size, HY_PROT_READ | as, parts);

	if (r == XE_OK)
		r = load_parts(cpu, parts, data);
	if (r == XE_OK && cpu->watching)
		xe_watch_data(cpu, linear, size, false);
	return r;
}

static enum xe_result store_linear_bytes(struct xe_cpu *cpu, uint64_t linear, const void *data, size_t size,
                                         unsigned as)
{
	struct xe_part parts[2];
	enum xe_result r = split(cpu, linear, size, HY_PROT_WRITE | as, parts);

	if (r == XE_OK)
		r = store_parts(cpu, parts, data);
	if (r == XE_OK && cpu->watching)
		xe_watch_data(cpu, linear, size, true);
	return r;
}

static inline bool is_in_page(uint64_t linear, size_t size)
{
	return (linear & XE_PAGE_MASK) + size <= XE_PAGE_SIZE;
}

/* Where an access is known to be good and to be all; else NULL. */
static inline uint8_t *find_whole(const struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned access, unsigned as)
{
	if (!is_in_page(linear, size) || cpu->watching)
		return NULL;
	return xe_tlb_find(cpu, linear, access, xe_is_user(cpu, as));
}

enum xe_result xe_load_linear(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned as, uint64_t *value)
{
	struct xe_part parts[2];
	uint64_t data = 0;
	enum xe_result r;

	parts[0].host = find_whole(cpu, linear, size, HY_PROT_READ, as);
	if (parts[0].host) {
		*value = xe_ram_load(parts[0].host, size);
		return XE_OK;
	}
	r = split(cpu, linear, size, HY_PROT_READ | as, parts);
	if (r != XE_OK)
		return r;
	if (parts[0].host && !parts[1].size)
		data = xe_ram_load(parts[0].host, size);
	else
		r = load_parts(cpu, parts, (uint8_t *)&data);
	if (r != XE_OK)
		return r;
	if (cpu->watching)
		xe_watch_data(cpu, linear, size, false);
	*value = data;
	return XE_OK;
}

enum xe_result xe_store_linear(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned as, uint64_t value)
{
	struct xe_part parts[2];
	enum xe_result r;

	parts[0].host = find_whole(cpu, linear, size, HY_PROT_WRITE, as);
	if (parts[0].host) {
		xe_ram_store(parts[0].host, size, value);
		return XE_OK;
	}
	r = split(cpu, linear, size, HY_PROT_WRITE | as, parts);
	if (r != XE_OK)
		return r;
	if (parts[0].host && !parts[1].size)
		xe_ram_store(parts[0].host, size, value);
	else
		r = store_parts(cpu, parts, (const uint8_t *)&value);
	if (r == XE_OK && cpu->watching)
		xe_watch_data(cpu, linear, size, true);
	return r;
}

enum xe_result xe_check_linear(struct xe_cpu *cpu, uint64_t linear, size_t size, unsigned access_as)
{
	struct xe_part parts[2];

	return split(cpu, linear, size, access_as, parts);
}

/* --- By segment and offset ---------------------------------------------------------------- */

/*
 * The short way of 64-bit mode: an address that was translated before is canonical,
 * and segments check nothing.
 */
static inline uint8_t *find_64(const struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size,
                               unsigned access)
{
	uint64_t linear = segment <= XE_DS ? offset : cpu->seg[segment].base + offset;

	if (!xe_is_64(cpu) || checks_alignment(cpu, 0))
		return NULL;
	return find_whole(cpu, linear, size, access, 0);
}

enum xe_result xe_load(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, uint64_t *value)
{
	const uint8_t *host = find_64(cpu, segment, offset, size, HY_PROT_READ);
	uint64_t linear;
	enum xe_result r;

	if (host) {
		*value = xe_ram_load(host, size);
		return XE_OK;
	}
	r = xe_check_segment(cpu, &cpu->seg[segment], segment, offset, size, HY_PROT_READ, &linear);
	return r == XE_OK ? xe_load_linear(cpu, linear, size, 0, value) : r;
}

enum xe_result xe_store(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, uint64_t value)
{
	uint8_t *host = find_64(cpu, segment, offset, size, HY_PROT_WRITE);
	uint64_t linear;
	enum xe_result r;

	if (host) {
		xe_ram_store(host, size, value);
		return XE_OK;
	}
	r = xe_check_segment(cpu, &cpu->seg[segment], segment, offset, size, HY_PROT_WRITE, &linear);
	return r == XE_OK ? xe_store_linear(cpu, linear, size, 0, value) : r;
}

enum xe_result xe_load_bytes(struct xe_cpu *cpu, unsigned segment, uint64_t offset, void *data, size_t size)
{
	uint64_t linear;
	enum xe_result r = xe_check_segment(cpu, &cpu->seg[segment], segment, offset, size, HY_PROT_READ, &linear);

	return r == XE_OK ? load_linear_bytes(cpu, linear, data, size, 0) : r;
}

enum xe_result xe_store_bytes(struct xe_cpu *cpu, unsigned segment, uint64_t offset, const void *data, size_t size)
{
	uint64_t linear;
	enum xe_result r = xe_check_segment(cpu, &cpu->seg[segment], segment, offset, size, HY_PROT_WRITE, &linear);

	return r == XE_OK ? store_linear_bytes(cpu, linear, data, size, 0) : r;
}

enum xe_result xe_check(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t size, unsigned access)
{
	uint64_t linear;
	enum xe_result r = xe_check_segment(cpu, &cpu->seg[segment], segment, offset, size, access, &linear);

	return r == XE_OK ? xe_check_linear(cpu, linear, size, access) : r;
}
