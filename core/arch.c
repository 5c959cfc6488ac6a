/* SPDX-License-Identifier: MIT */
/* The guest architectures that the core has a file for; custom.c is for all others. */
#include "internal.h"

const struct hy__arch *hy__arch_find(uint32_t id)
{
	static const struct hy__arch *const all[] = { &hy__arch_x86, &hy__arch_custom };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i]->id == id)
			return all[i];
	}
	return NULL;
}
