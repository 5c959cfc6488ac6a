/* SPDX-License-Identifier: MIT */
/* Page walk (SDM vol. 3, chapter 4). */
#include "x86-cache.h"
#include "x86-ram.h"

/* Bits of entries (SDM vol. 3, tables 4-4 to 4-20). */
#define PTE_P 0x1u
#define PTE_W 0x2u
#define PTE_U 0x4u
#define PTE_A 0x20u
#define PTE_D 0x40u
#define PTE_LARGE 0x80u
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)
#define PTE_KEY_SHIFT 59
#define PDPTE_RESERVED 0x1e6u /* of PAE paging: bits 1, 2 and 5 to 8 */

/* Bits of #PF's error code (SDM vol. 3, section 4.7). */
#define ERROR_P 0x1u
#define ERROR_W 0x2u
#define ERROR_U 0x4u
#define ERROR_RSVD 0x8u
#define ERROR_I 0x10u
#define ERROR_PK 0x20u

#define MAX_LEVELS 5u

struct step {
	uint8_t *host;
	uint64_t gpa;
	uint64_t entry;
	bool writable; /* the memory that it is in */
};

struct walk {
	struct xe_cpu *cpu;
	uint64_t linear;
	uint32_t access; /* HY_PROT_* */
	bool user;
	bool implicit; /* by the processor itself */
	bool set_bits;
	size_t entry_size;
	unsigned index_bits;
	unsigned count;
	struct step step[MAX_LEVELS];
	uint64_t all; /* bits that every entry has */
	uint64_t any; /* bits that some entry has */
};

static uint64_t bits(unsigned low, unsigned high)
{
	return low > high ? 0 : (UINT64_MAX >> (63 - high)) & (UINT64_MAX << low);
}

static enum xe_result fault(const struct walk *walk, struct xe_translation *translation, uint32_t error)
{
	const struct xe_cpu *cpu = walk->cpu;
	bool has_nx = (cpu->cr4 & HY_X86_CR4_PAE) && (cpu->efer & HY_X86_EFER_NXE);

	if (walk->access == HY_PROT_WRITE)
		error |= ERROR_W;
	if (walk->user)
		error |= ERROR_U;
	if (walk->access == HY_PROT_EXEC && (has_nx || (cpu->cr4 & XE_CR4_SMEP)))
		error |= ERROR_I;
	translation->error = error;
	return XE_EXCEPTION;
}

/* --- Entries ---------------------------------------------------------------------------- */

static uint8_t *find_entry(struct xe_cpu *cpu, uint64_t gpa, bool *writable)
{
	uint32_t prot = 0;
	uint8_t *page = cpu->bus->page(cpu->ctx, gpa & ~XE_PAGE_MASK, &prot);

	*writable = prot & HY_PROT_WRITE;
	return page && (prot & HY_PROT_READ) ? page + (gpa & XE_PAGE_MASK) : NULL;
}

static enum xe_result read_entry(struct walk *walk, uint64_t table, unsigned level, uint64_t *entry)
{
	unsigned shift = 12 + walk->index_bits * (level - 1);
	uint64_t index = walk->linear >> shift & bits(0, walk->index_bits - 1);
	struct step *step = &walk->step[walk->count++];

	step->gpa = table + index * walk->entry_size;
	step->host = find_entry(walk->cpu, step->gpa, &step->writable);
	if (!step->host)
		return xe_refuse(walk->cpu, XE_REFUSED_MEMORY, step->gpa, HY_PROT_READ,
		                 "a page table outside of memory");
	*entry = step->entry = xe_ram_load(step->host, walk->entry_size);
	walk->all &= *entry;
	walk->any |= *entry;
	return XE_OK;
}

static bool is_large(const struct walk *walk, unsigned level, uint64_t entry)
{
	if (!(entry & PTE_LARGE))
		return false;
	if (walk->entry_size == 4)
		return level == 2 && (walk->cpu->cr4 & HY_X86_CR4_PSE);
	return level == 2 || (level == 3 && (walk->cpu->features & XE_HAS_1G));
}

/* Entries of 4 bytes: only 4 MiB pages have any (PSE-36: bits 13 to 20 are address bits 32 to 39). */
static uint64_t reserved_bits_32(const struct walk *walk, bool large)
{
	unsigned width = walk->cpu->phys_bits < 40 ? walk->cpu->phys_bits : 40;

	return large ? bits(width - 19, 21) : 0;
}

static uint64_t reserved_bits(const struct walk *walk, unsigned level, bool large)
{
	const struct xe_cpu *cpu = walk->cpu;
	uint64_t reserved = bits(cpu->phys_bits, 51);

	if (walk->entry_size == 4)
		return reserved_bits_32(walk, large);
	if (!cpu->is_long)
		reserved |= bits(52, 62);
	if (!(cpu->efer & HY_X86_EFER_NXE))
		reserved |= PTE_NX;
	if (level >= 3 && !large)
		reserved |= PTE_LARGE;
	if (large)
		reserved |= bits(13, level == 3 ? 29 : 20);
	return reserved;
}

/* --- Rights (SDM vol. 3, section 4.6) ------------------------------------------------------ */

static bool is_key_denied(const struct walk *walk)
{
	const struct xe_cpu *cpu = walk->cpu;
	unsigned key = (unsigned)(walk->step[walk->count - 1].entry >> PTE_KEY_SHIFT) & 15;
	unsigned rights = cpu->pkru >> 2 * key;

	if (!(cpu->cr4 & XE_CR4_PKE) || !cpu->is_long || walk->access == HY_PROT_EXEC || !(walk->all & PTE_U))
		return false;
	if (rights & 1)
		return true;
	return (rights & 2) && walk->access == HY_PROT_WRITE && (walk->user || (cpu->cr0 & HY_X86_CR0_WP));
}

static bool is_fetch_denied(const struct walk *walk)
{
	bool user_page = walk->all & PTE_U;

	if (walk->entry_size == 8 && (walk->any & PTE_NX) && (walk->cpu->efer & HY_X86_EFER_NXE))
		return true;
	return walk->user ? !user_page : user_page && (walk->cpu->cr4 & XE_CR4_SMEP);
}

static bool is_data_denied(const struct walk *walk)
{
	const struct xe_cpu *cpu = walk->cpu;
	bool user_page = walk->all & PTE_U;
	bool readonly = walk->access == HY_PROT_WRITE && !(walk->all & PTE_W);

	if (walk->user)
		return !user_page || readonly;
	if (user_page && (cpu->cr4 & XE_CR4_SMAP) && (walk->implicit || !(cpu->rflags & XE_RFLAGS_AC)))
		return true;
	return readonly && (cpu->cr0 & HY_X86_CR0_WP);
}

static enum xe_result check_rights(const struct walk *walk, struct xe_translation *translation)
{
	bool key_denied = is_key_denied(walk);
	bool denied = walk->access == HY_PROT_EXEC ? is_fetch_denied(walk) : is_data_denied(walk);

	if (denied || key_denied)
		return fault(walk, translation, ERROR_P | (key_denied ? ERROR_PK : 0));
	return XE_OK;
}

/* --- Accessed and dirty bits (SDM vol. 3, section 4.8) ---------------------------------------- */

/* XE_RETRY: the entry isn't what was walked any more. */
static enum xe_result set_bits_of(struct walk *walk, const struct step *step, uint64_t set)
{
	if ((step->entry & set) == set)
		return XE_OK;
	if (!step->writable)
		return xe_refuse(walk->cpu, XE_REFUSED_MEMORY, step->gpa, HY_PROT_WRITE,
		                 "a page table in read-only memory");
	return xe_ram_swap(step->host, walk->entry_size, step->entry, step->entry | set) ? XE_OK : XE_RETRY;
}

static enum xe_result set_bits(struct walk *walk)
{
	for (unsigned i = 0; i < walk->count; i++) {
		bool is_last = i == walk->count - 1;
		uint64_t set = is_last && walk->access == HY_PROT_WRITE ? PTE_A | PTE_D : PTE_A;
		enum xe_result r = set_bits_of(walk, &walk->step[i], set);

		if (r != XE_OK)
			return r;
	}
	return XE_OK;
}

/* --- The walk ------------------------------------------------------------------------------------ */

static void describe(const struct walk *walk, unsigned level, struct xe_translation *translation)
{
	uint64_t entry = walk->step[walk->count - 1].entry;
	uint64_t size = UINT64_C(1) << (12 + walk->index_bits * (level - 1));
	uint64_t base = entry & PTE_ADDRESS & ~(size - 1);

	if (walk->entry_size == 4 && level == 2)
		base |= (entry >> 13 & 0xff) << 32;
	translation->gpa = base | (walk->linear & (size - 1));
	translation->page_size = size;
	translation->writable = walk->all & PTE_W;
	translation->user = walk->all & PTE_U;
	translation->executable = walk->entry_size == 4 || !(walk->any & PTE_NX);
	translation->dirty = (entry & PTE_D) || (walk->set_bits && walk->access == HY_PROT_WRITE);
}

/* From the table at `level` down to the page. */
static enum xe_result walk_tables(struct walk *walk, uint64_t table, unsigned level,
                                  struct xe_translation *translation)
{
	uint64_t entry = 0;
	enum xe_result r;

	walk->count = 0;
	walk->all = UINT64_MAX;
	walk->any = 0;
	for (;; level--) {
		bool large;

		r = read_entry(walk, table, level, &entry);
		if (r != XE_OK)
			return r;
		if (!(entry & PTE_P))
			return fault(walk, translation, 0);
		large = is_large(walk, level, entry);
		if (entry & reserved_bits(walk, level, large))
			return fault(walk, translation, ERROR_P | ERROR_RSVD);
		if (level == 1 || large)
			break;
		table = entry & PTE_ADDRESS;
	}
	r = check_rights(walk, translation);
	if (r == XE_OK && walk->set_bits)
		r = set_bits(walk);
	if (r == XE_OK)
		describe(walk, level, translation);
	return r;
}

/* PAE paging begins in the registers that CR3's table was loaded to (SDM vol. 3, 4.4.1). */
static enum xe_result walk_pae(struct walk *walk, struct xe_translation *translation)
{
	uint64_t pdpte = walk->cpu->pdpte[walk->linear >> 30 & 3];

	if (!(pdpte & PTE_P))
		return fault(walk, translation, 0);
	return walk_tables(walk, pdpte & PTE_ADDRESS, 2, translation);
}

static enum xe_result walk_once(struct walk *walk, struct xe_translation *translation)
{
	const struct xe_cpu *cpu = walk->cpu;

	if (cpu->is_long)
		return walk_tables(walk, cpu->cr3 & PTE_ADDRESS, cpu->cr4 & HY_X86_CR4_LA57 ? 5 : 4, translation);
	if (cpu->cr4 & HY_X86_CR4_PAE)
		return walk_pae(walk, translation);
	return walk_tables(walk, cpu->cr3 & UINT32_MAX & PTE_ADDRESS, 2, translation);
}

static enum xe_result translate(struct walk *walk, struct xe_translation *translation)
{
	const struct xe_cpu *cpu = walk->cpu;
	bool is_32 = !cpu->is_long && !(cpu->cr4 & HY_X86_CR4_PAE);
	enum xe_result r;

	memset(translation, 0, sizeof(*translation));
	if (!(cpu->cr0 & HY_X86_CR0_PG)) {
		*translation = (struct xe_translation){ .gpa = walk->linear & UINT32_MAX,
			                                .page_size = XE_PAGE_SIZE,
			                                .writable = true,
			                                .user = true,
			                                .executable = true,
			                                .dirty = true };
		return XE_OK;
	}
	walk->entry_size = is_32 ? 4 : 8;
	walk->index_bits = is_32 ? 10 : 9;
	do {
		r = walk_once(walk, translation);
	} while (r == XE_RETRY);
	return r;
}

enum xe_result xe_translate(struct xe_cpu *cpu, uint64_t linear, uint32_t access, bool user, bool set,
                            struct xe_translation *translation)
{
	struct walk walk = { .cpu = cpu, .linear = linear, .access = access, .user = user, .set_bits = set };

	return translate(&walk, translation);
}

enum xe_result xe_walk(struct xe_cpu *cpu, uint64_t linear, unsigned access_as, struct xe_translation *translation)
{
	struct walk walk = { .cpu = cpu,
		             .linear = linear,
		             .access = access_as & HY_PROT_RWX,
		             .user = xe_is_user(cpu, access_as),
		             .implicit = access_as & XE_AS_SYSTEM,
		             .set_bits = true };

	return translate(&walk, translation);
}

enum xe_result xe_read_pdptes(struct xe_cpu *cpu, uint64_t cr3, uint64_t pdpte[4])
{
	uint64_t gpa = cr3 & 0xffffffe0;
	uint64_t reserved = PDPTE_RESERVED | bits(cpu->phys_bits, 63);
	bool writable;
	const uint8_t *host = find_entry(cpu, gpa, &writable);

	if (!host)
		return xe_refuse(cpu, XE_REFUSED_MEMORY, gpa, HY_PROT_READ, "a page table outside of memory");
	for (unsigned i = 0; i < 4; i++) {
		uint64_t entry = xe_ram_load8(host + 8 * (size_t)i);

		if ((entry & PTE_P) && (entry & reserved))
			return xe_raise_error(cpu, XE_GP, 0);
		pdpte[i] = entry;
	}
	return XE_OK;
}
