/* SPDX-License-Identifier: MIT */
/* The cache from inside: what x86-cache.c, x86-fetch.c and x86-memory.c share. */
#ifndef HY_ASSIST_X86_CACHE_H
#define HY_ASSIST_X86_CACHE_H

#include "internal.h"

#define XE_TLB_ENTRIES 1024u
#define XE_TLB_FLUSHES (XE_PAGE_SIZE - 1)
#define XE_INSN_ENTRIES 4096u

/*
 * A page that was accessed.  There is a tag for each kind of access that may go
 * straight to `host`: the page's address, with the number of flushes so far in the
 * bits below, so that one addition forgets all.
 */
struct xe_tlb_entry {
	uint64_t tag[3]; /* by HY_PROT_* / 2 */
	uint8_t *host;
};

struct xe_cache {
	uint64_t flushes; /* below XE_TLB_FLUSHES */
	bool has_large;   /* pieces of large pages came in since the last flush of all */
	struct xe_tlb_entry tlb[2][XE_TLB_ENTRIES]; /* of supervisor and user accesses */
	/*
	 * By address, but good for any: whoever takes one compares the bytes.  So
	 * nothing has to be told of changed code.
	 */
	struct xe_insn insn[XE_INSN_ENTRIES];
};

/* A piece of an access, within one page: in memory, or NULL and outside at gpa. */
struct xe_part {
	uint8_t *host;
	uint64_t gpa; /* where outside */
	size_t size;
};

static inline bool xe_is_user(const struct xe_cpu *cpu, unsigned as)
{
	return (as & XE_AS_USER) || (cpu->cpl == 3 && !(as & XE_AS_SYSTEM));
}

/* Never 0, so that a zeroed cache is an empty one. */
static inline uint64_t xe_tlb_tag(const struct xe_cache *cache, uint64_t linear)
{
	return (linear & ~XE_PAGE_MASK) | (cache->flushes + 1);
}

static inline struct xe_tlb_entry *xe_tlb_entry(struct xe_cache *cache, uint64_t linear, bool user)
{
	return &cache->tlb[user][linear / XE_PAGE_SIZE % XE_TLB_ENTRIES];
}

/* The host address of a byte, if accesses of this kind were found to be good; else NULL. */
static inline uint8_t *xe_tlb_find(const struct xe_cpu *cpu, uint64_t linear, unsigned access, bool user)
{
	const struct xe_tlb_entry *entry;

	if (!cpu->cache)
		return NULL;
	entry = xe_tlb_entry(cpu->cache, linear, user);
	if (entry->tag[access >> 1] != xe_tlb_tag(cpu->cache, linear))
		return NULL;
	return entry->host + (linear & XE_PAGE_MASK);
}

static inline struct xe_insn *xe_insn_slot(struct xe_cache *cache, uint64_t linear)
{
	return &cache->insn[(linear ^ linear / XE_INSN_ENTRIES) % XE_INSN_ENTRIES];
}

/* An access of this kind to this page was good, and may go to `host` from now on. */
void xe_tlb_fill(struct xe_cache *cache, uint64_t linear, unsigned access, bool user, uint8_t *host);

/* Translates as an access would be, with accessed and dirty bits; `access_as` is HY_PROT_* and XE_AS_*. */
enum xe_result xe_walk(struct xe_cpu *cpu, uint64_t linear, unsigned access_as, struct xe_translation *translation);

/*
 * Where the byte at an address is, for an access of one kind.  Raises #PF;
 * refuses code and the processor's structures that are no memory.
 */
enum xe_result xe_touch(struct xe_cpu *cpu, uint64_t linear, unsigned access_as, struct xe_part *part);

#endif /* HY_ASSIST_X86_CACHE_H */
