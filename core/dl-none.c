/* SPDX-License-Identifier: MIT */
/* dl.h for a library that was configured --without-ltdl, for static programs. */
#include <hy/types.h>

#include "dl.h"
#include "text.h"

const char *const hy__dl_absent = "this libhy was built to load no files";

const char *const hy__dl_extensions[] = { NULL };

int hy__dl_open(const char *path, void **module, char *reason, size_t size)
{
	(void)path;
	*module = NULL;
	hy__text_copy(reason, size, hy__dl_absent);
	return HY_E_NO_BACKEND;
}

void *hy__dl_symbol(void *module, const char *name)
{
	(void)module;
	(void)name;
	return NULL;
}
