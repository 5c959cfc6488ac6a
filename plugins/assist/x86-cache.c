/* SPDX-License-Identifier: MIT */
/* The cache of translations, and what empties it. */
#include "x86-cache.h"

const size_t xe_cache_size = sizeof(struct xe_cache);

void xe_tlb_fill(struct xe_cache *cache, uint64_t linear, unsigned access, bool user, uint8_t *host)
{
	struct xe_tlb_entry *entry = xe_tlb_entry(cache, linear, user);
	uint64_t tag = xe_tlb_tag(cache, linear);
	bool is_same = entry->tag[0] == tag || entry->tag[1] == tag || entry->tag[2] == tag;

	/* What was found good earlier was of another page, or of this one before its entry changed. */
	if (!is_same || entry->host != host)
		memset(entry->tag, 0, sizeof(entry->tag));
	entry->tag[access >> 1] = tag;
	entry->host = host;
}

void xe_cache_flush(struct xe_cache *cache)
{
	cache->has_large = false;
	if (++cache->flushes == XE_TLB_FLUSHES) {
		cache->flushes = 0;
		memset(cache->tlb, 0, sizeof(cache->tlb));
	}
}

void xe_flush_all(struct xe_cpu *cpu)
{
	if (cpu->cache)
		xe_cache_flush(cpu->cache);
}

/* Of a large page any piece may be here: then all go. */
void xe_flush_page(struct xe_cpu *cpu, uint64_t linear)
{
	if (!cpu->cache)
		return;
	if (cpu->cache->has_large) {
		xe_cache_flush(cpu->cache);
		return;
	}
	memset(xe_tlb_entry(cpu->cache, linear, false)->tag, 0, sizeof(cpu->cache->tlb[0][0].tag));
	memset(xe_tlb_entry(cpu->cache, linear, true)->tag, 0, sizeof(cpu->cache->tlb[0][0].tag));
}
