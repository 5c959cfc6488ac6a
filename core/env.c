/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "internal.h"

const char *hy__getenv(const char *name)
{
	const char *value;

	/* Who starts a set-user-id program mustn't choose what it loads. */
	if (hy__elevated())
		return NULL;
	value = getenv(name);
	return value && *value ? value : NULL;
}
