/* SPDX-License-Identifier: MIT */
/* MOVS, CMPS, SCAS, LODS, STOS, and REP for all string instructions (SDM vol. 1, section 7.3.9). */
#include "integer.h"
#include "x86-cache.h"
#include "x86-ram.h"
#include "x86-string.h"

/* Items, or runs of them within a page, until the caller is asked for what it wants. */
#define BATCH 1024u

/* Fewer bytes aren't worth looking for their page. */
#define RUN_MIN 32u

/* --- Repeating ---------------------------------------------------------------------- */

void xe_string_advance(struct xe_cpu *cpu, const struct xe_insn *insn, unsigned reg, uint64_t bytes)
{
	uint64_t step = cpu->rflags & HY_X86_RFLAGS_DF ? 0 - bytes : bytes;

	xe_set_gpr(cpu, reg, insn->address_size, cpu->gpr[reg] + step);
}

/*
 * Between items: an answer from outside was used up, a trap is due, single step, or
 * the caller is wanted.
 */
static bool must_pause(const struct xe_cpu *cpu)
{
	return cpu->log.count || cpu->trap || (cpu->rflags & HY_X86_RFLAGS_TF) ||
	       (cpu->attention && __atomic_load_n(cpu->attention, __ATOMIC_RELAXED));
}

/*
 * Intel's processors write the count even if it was 0, and the pointers of MOVS and
 * STOS: with 32-bit addresses in 64-bit mode their upper halves go.
 */
static enum xe_result repeat_nothing(struct xe_cpu *cpu, const struct xe_insn *insn, const struct xe_string *string)
{
	if (insn->address_size != 4)
		return XE_OK;
	xe_set_gpr(cpu, XE_RCX, 4, 0);
	for (unsigned i = 0; i < string->cut; i++)
		xe_set_gpr(cpu, XE_RDI - i, 4, cpu->gpr[XE_RDI - i]);
	return XE_OK;
}

static bool ends_by_flag(const struct xe_cpu *cpu, const struct xe_insn *insn, const struct xe_string *string)
{
	bool equal = cpu->rflags & HY_X86_RFLAGS_ZF;

	return string->compares && equal != !!(insn->prefixes & XE_REP);
}

/*
 * Pointers and count follow each item; flags come with the last one, as long as it
 * isn't done they are those from before the instruction (SDM vol. 2, REP).
 */
enum xe_result xe_string_repeat(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size,
                                const struct xe_string *string)
{
	uint64_t count = xe_string_pointer(cpu, insn, XE_RCX);
	uint64_t flags = cpu->rflags;
	enum xe_result r = XE_OK;

	if (!(insn->prefixes & (XE_REP | XE_REPNE)))
		return string->item(cpu, insn, size);
	if (!count)
		return repeat_nothing(cpu, insn, string);
	for (unsigned i = 0; i < BATCH; i++) {
		uint64_t done = string->run ? string->run(cpu, insn, size, count) : 0;

		if (!done) {
			r = string->item(cpu, insn, size);
			if (r != XE_OK)
				break;
			done = 1;
		}
		count -= done;
		xe_set_gpr(cpu, XE_RCX, insn->address_size, count);
		if (!count || ends_by_flag(cpu, insn, string))
			return XE_OK;
		if (must_pause(cpu))
			break;
	}
	xe_set_flags(cpu, XE_RFLAGS_STATUS, flags);
	cpu->next_rip = cpu->rip;
	return r;
}

/* --- Runs of items in one page ---------------------------------------------------------- */

/* Upwards, and nothing to look at between items. */
static bool can_run(const struct xe_cpu *cpu)
{
	return !cpu->watching && !(cpu->rflags & (HY_X86_RFLAGS_DF | HY_X86_RFLAGS_TF | XE_RFLAGS_AC));
}

/* The bytes until the page ends, or the pointer wraps. */
static uint64_t room(const struct xe_cpu *cpu, const struct xe_insn *insn, unsigned segment, uint64_t offset)
{
	uint64_t to_page = XE_PAGE_SIZE - (xe_linear(cpu, segment, offset) & XE_PAGE_MASK);
	uint64_t to_wrap = xe_mask(insn->address_size) - offset;

	return to_wrap < to_page ? to_wrap + 1 : to_page;
}

/* NULL: not memory that can be had in one piece.  Whoever then does a single item learns why. */
static uint8_t *find_host(struct xe_cpu *cpu, unsigned segment, uint64_t offset, size_t bytes, unsigned access)
{
	struct xe_part part;
	uint64_t linear;
	uint8_t *host;

	if (xe_check_segment(cpu, &cpu->seg[segment], segment, offset, bytes, access, &linear) != XE_OK)
		return NULL;
	host = xe_tlb_find(cpu, linear, access, cpu->cpl == 3);
	if (host)
		return host;
	return xe_touch(cpu, linear, access, &part) == XE_OK ? part.host : NULL;
}

/* Ascending; in steps of 8 bytes unless an item reads what one of the 8 bytes before it wrote. */
static void copy_up(uint8_t *to, const uint8_t *from, size_t bytes, size_t size)
{
	bool apart = (uintptr_t)to - (uintptr_t)from >= 8;

	for (; apart && bytes >= 8; bytes -= 8, to += 8, from += 8)
		xe_ram_store(to, 8, xe_ram_load8(from));
	for (; bytes; bytes -= size, to += size, from += size)
		xe_ram_store(to, size, xe_ram_load(from, size));
}

static void fill_up(uint8_t *to, uint64_t value, size_t bytes, size_t size)
{
	for (size_t width = size; width < 8; width *= 2)
		value = (value & xe_mask(width)) | value << 8 * width;
	for (; bytes >= 8; bytes -= 8, to += 8)
		xe_ram_store(to, 8, value);
	for (; bytes; bytes -= size, to += size)
		xe_ram_store(to, size, value);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t move_run(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, uint64_t count)
{
	uint64_t source = xe_string_pointer(cpu, insn, XE_RSI);
	uint64_t destination = xe_string_pointer(cpu, insn, XE_RDI);
	const uint8_t *from;
	uint64_t bytes;
	uint8_t *to;

	if (!can_run(cpu) || count < RUN_MIN / size)
		return 0;
	bytes = smaller(room(cpu, insn, insn->segment, source), room(cpu, insn, XE_ES, destination));
	bytes = smaller(bytes / size, count) * size;
	if (bytes < RUN_MIN)
		return 0;
	from = find_host(cpu, insn->segment, source, bytes, HY_PROT_READ);
	to = from ? find_host(cpu, XE_ES, destination, bytes, HY_PROT_WRITE) : NULL;
	if (!to)
		return 0;
	copy_up(to, from, bytes, size);
	xe_string_advance(cpu, insn, XE_RSI, bytes);
	xe_string_advance(cpu, insn, XE_RDI, bytes);
	return bytes / size;
}

static uint64_t store_run(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, uint64_t count)
{
	uint64_t destination = xe_string_pointer(cpu, insn, XE_RDI);
	uint64_t bytes;
	uint8_t *to;

	if (!can_run(cpu) || count < RUN_MIN / size)
		return 0;
	bytes = smaller(room(cpu, insn, XE_ES, destination) / size, count) * size;
	if (bytes < RUN_MIN)
		return 0;
	to = find_host(cpu, XE_ES, destination, bytes, HY_PROT_WRITE);
	if (!to)
		return 0;
	fill_up(to, cpu->gpr[XE_RAX], bytes, size);
	xe_string_advance(cpu, insn, XE_RDI, bytes);
	return bytes / size;
}

/* --- Items ---------------------------------------------------------------------------------- */

static enum xe_result load_source(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, uint64_t *value)
{
	return xe_load(cpu, insn->segment, xe_string_pointer(cpu, insn, XE_RSI), size, value);
}

/* No prefix moves it away from ES. */
static enum xe_result load_destination(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, uint64_t *value)
{
	return xe_load(cpu, XE_ES, xe_string_pointer(cpu, insn, XE_RDI), size, value);
}

static enum xe_result store_destination(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size, uint64_t value)
{
	return xe_store(cpu, XE_ES, xe_string_pointer(cpu, insn, XE_RDI), size, value);
}

static enum xe_result move_item(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	uint64_t value;
	enum xe_result r = load_source(cpu, insn, size, &value);

	if (r == XE_OK)
		r = store_destination(cpu, insn, size, value);
	if (r != XE_OK)
		return r;
	xe_string_advance(cpu, insn, XE_RSI, size);
	xe_string_advance(cpu, insn, XE_RDI, size);
	return XE_OK;
}

static void set_compare_flags(struct xe_cpu *cpu, uint64_t a, uint64_t b, size_t size)
{
	xe_set_flags(cpu, XE_RFLAGS_STATUS, xe_flags_sub(a, b, (a - b) & xe_mask(size), size));
}

/* Where both operands fault, it is the second that processors report. */
static enum xe_result compare_item(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	uint64_t a, b;
	enum xe_result r = load_destination(cpu, insn, size, &b);

	if (r == XE_OK)
		r = load_source(cpu, insn, size, &a);
	if (r != XE_OK)
		return r;
	set_compare_flags(cpu, a, b, size);
	xe_string_advance(cpu, insn, XE_RSI, size);
	xe_string_advance(cpu, insn, XE_RDI, size);
	return XE_OK;
}

static enum xe_result scan_item(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	uint64_t value;
	enum xe_result r = load_destination(cpu, insn, size, &value);

	if (r != XE_OK)
		return r;
	set_compare_flags(cpu, xe_gpr(cpu, XE_RAX, size), value, size);
	xe_string_advance(cpu, insn, XE_RDI, size);
	return XE_OK;
}

static enum xe_result load_item(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	uint64_t value;
	enum xe_result r = load_source(cpu, insn, size, &value);

	if (r != XE_OK)
		return r;
	xe_set_gpr(cpu, XE_RAX, size, value);
	xe_string_advance(cpu, insn, XE_RSI, size);
	return XE_OK;
}

static enum xe_result store_item(struct xe_cpu *cpu, const struct xe_insn *insn, size_t size)
{
	enum xe_result r = store_destination(cpu, insn, size, xe_gpr(cpu, XE_RAX, size));

	if (r == XE_OK)
		xe_string_advance(cpu, insn, XE_RDI, size);
	return r;
}

/* --- Instructions ----------------------------------------------------------------------------- */

static const struct xe_string move = { .item = move_item, .run = move_run, .cut = 2 };
static const struct xe_string compare = { .item = compare_item, .compares = true };
static const struct xe_string scan = { .item = scan_item, .compares = true };
static const struct xe_string load = { .item = load_item };
static const struct xe_string store = { .item = store_item, .run = store_run, .cut = 1 };

enum xe_result xe_string_move(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return xe_string_repeat(cpu, insn, insn->op, &move);
}

enum xe_result xe_string_compare(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return xe_string_repeat(cpu, insn, insn->op, &compare);
}

enum xe_result xe_string_scan(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return xe_string_repeat(cpu, insn, insn->op, &scan);
}

enum xe_result xe_string_load(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return xe_string_repeat(cpu, insn, insn->op, &load);
}

enum xe_result xe_string_store(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return xe_string_repeat(cpu, insn, insn->op, &store);
}

/* One mnemonic, two instructions: with operands it is SSE2's. */
enum xe_result xe_movsd(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	return insn->operand_count ? xe_vector_scalar(cpu, insn) : xe_string_repeat(cpu, insn, 4, &move);
}

enum xe_result xe_cmpsd(struct xe_cpu *cpu, const struct xe_insn *insn)
{
	if (insn->operand_count)
		return xe_refuse(cpu, XE_REFUSED_INSN, HY_ADDR_UNKNOWN, 0, "cmpsd of floating-point numbers");
	return xe_string_repeat(cpu, insn, 4, &compare);
}
