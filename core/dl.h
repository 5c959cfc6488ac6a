/* SPDX-License-Identifier: MIT */
/* Loading a shared object, by dl-ltdl.c; dl-none.c is for a library that loads none. */
#ifndef HY_CORE_DL_H
#define HY_CORE_DL_H

#include <stddef.h>

/* Why no file can be loaded at all; NULL: files can be. */
extern const char *const hy__dl_absent;

/* How the names of backends' files end; NULL comes last. */
extern const char *const hy__dl_extensions[];

/*
 * Loads the file at an absolute path, for ever, with every symbol bound.
 * Returns 0, or HY_E_NO_BACKEND with the system's own words in `reason`.  Any
 * thread; runs the file's constructors.
 */
int hy__dl_open(const char *path, void **module, char *reason, size_t size);

/* The address of a symbol, or NULL. */
void *hy__dl_symbol(void *module, const char *name);

#endif /* HY_CORE_DL_H */
