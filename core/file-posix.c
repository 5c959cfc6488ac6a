/* SPDX-License-Identifier: MIT */
/* file.h on POSIX systems. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "os.h"

#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

const char hy__path_separator = ':';

bool hy__path_is_absolute(const char *path)
{
	return path[0] == '/';
}

const char *hy__mistrust(uint64_t owner, unsigned mode, uint64_t euid, bool elevated)
{
	if (mode & S_IWOTH)
		return "is writable by everyone";
	if (elevated && (mode & S_IWGRP))
		return "is writable by its group";
	if (owner != 0 && owner != euid)
		return "belongs to another user";
	return NULL;
}

static int check_trust(const char *path, const struct stat *st, struct hy__verdict *verdict)
{
	const char *why = hy__mistrust(st->st_uid, st->st_mode, geteuid(), hy__elevated());

	return why ? hy__refuse(verdict, HY_STAGE_SCAN, "not trusted: %s %s", path, why) : 0;
}

/* Nothing can be learned about `path`: is it a link to nowhere? */
static int refuse_missing(const char *path, int err, struct hy__verdict *verdict)
{
	char target[256];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (err != ENOENT || length < 0)
		return hy__refuse_errno(verdict, HY_STAGE_SCAN, err, "stat");
	target[length] = '\0';
	return hy__refuse(verdict, HY_STAGE_SCAN, "dangling link to %s", target);
}

int hy__file_check(const char *path, bool guarded, struct hy__file_id *id,
                   struct hy__verdict *verdict)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return refuse_missing(path, errno, verdict);
	if (S_ISDIR(st.st_mode))
		return hy__refuse(verdict, HY_STAGE_SCAN, "is a directory");
	if (!S_ISREG(st.st_mode))
		return hy__refuse(verdict, HY_STAGE_SCAN, "not a regular file");
	*id = (struct hy__file_id){
		.device = (uint64_t)st.st_dev,
		.inode = (uint64_t)st.st_ino,
		.seconds = (int64_t)st.st_mtim.tv_sec,
		.nanoseconds = (int64_t)st.st_mtim.tv_nsec,
	};
	return guarded ? check_trust(path, &st, verdict) : 0;
}

int hy__dir_check(const char *path, bool guarded, struct hy__verdict *verdict)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? hy__refuse(verdict, HY_STAGE_SCAN, "no such directory")
		                       : hy__refuse_errno(verdict, HY_STAGE_SCAN, errno, "stat");
	if (!S_ISDIR(st.st_mode))
		return hy__refuse(verdict, HY_STAGE_SCAN, "not a directory");
	return guarded ? check_trust(path, &st, verdict) : 0;
}
