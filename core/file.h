/* SPDX-License-Identifier: MIT */
/* Files and directories of backends; file-posix.c is one implementation. */
#ifndef HY_CORE_FILE_H
#define HY_CORE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "verdict.h"

/* Tells one version of a file from the next. */
struct hy__file_id {
	uint64_t device;
	uint64_t inode;
	int64_t seconds; /* of the last change of its contents */
	int64_t nanoseconds;
};

/* Between the directories of a list: ':' or ';'. */
extern const char hy__path_separator;
bool hy__path_is_absolute(const char *path);

/*
 * Whether a file or directory of this owner and mode can be loaded from by a
 * program with effective user `euid`: NULL, or what is wrong ("is writable by
 * everyone").
 */
const char *hy__mistrust(uint64_t owner, unsigned mode, uint64_t euid, bool elevated);

/*
 * Whether `path` is a file that may be loaded, or a directory that may be
 * searched; `guarded`: hy__mistrust decides too.  The file can be exchanged
 * between this look and the loading, but only by those who are trusted with
 * its directory.  Returns 0 or HY_E_NO_BACKEND with a verdict.
 */
int hy__file_check(const char *path, bool guarded, struct hy__file_id *id,
                   struct hy__verdict *verdict);
int hy__dir_check(const char *path, bool guarded, struct hy__verdict *verdict);

#endif /* HY_CORE_FILE_H */
