/* SPDX-License-Identifier: MIT */
/* A look at a shared object before the system's loader gets it. */
#ifndef HY_CORE_ELF_FILE_H
#define HY_CORE_ELF_FILE_H

#include "verdict.h"

/*
 * Whether `path` is a whole shared object of this process's kind.  Loaders say
 * "No such file" of one for another processor, and die of SIGBUS on one that is
 * cut short.  Returns 0, also where the system doesn't use ELF, or
 * HY_E_NO_BACKEND with a verdict.
 */
int hy__elf_check(const char *path, struct hy__verdict *verdict);

#endif /* HY_CORE_ELF_FILE_H */
