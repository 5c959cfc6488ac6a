/* SPDX-License-Identifier: MIT */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

char fixture_dir[256];

static int captured_fd = -1;

static char *format_path(const char *dir, const char *prefix, const char *name, const char *suffix)
{
	size_t size = strlen(dir) + strlen(prefix) + strlen(name) + strlen(suffix) + 2;
	char *path = malloc(size);

	ck_assert_ptr_nonnull(path);
	snprintf(path, size, "%s/%s%s%s", dir, prefix, name, suffix);
	return path;
}

void fixture_setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(fixture_dir, sizeof(fixture_dir), "%s/hy-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(fixture_dir));
	/* Links out of the directory are fine, but mustn't hide who may write to it. */
	ck_assert_int_eq(chmod(fixture_dir, 0755), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fixture_teardown(void)
{
	nftw(fixture_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

char *fixture_path(const char *name)
{
	return format_path(fixture_dir, "", name, "");
}

char *fixture_mkdir(const char *name)
{
	char *path = fixture_path(name);

	ck_assert_int_eq(mkdir(path, 0755), 0);
	return path;
}

void fixture_write(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

unsigned char *fixture_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	unsigned char *data;
	struct stat st;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fstat(fileno(file), &st), 0);
	*size = (size_t)st.st_size;
	data = malloc(*size + 1);
	ck_assert_ptr_nonnull(data);
	ck_assert_uint_eq(fread(data, 1, *size, file), *size);
	data[*size] = '\0';
	fclose(file);
	return data;
}

char *fixture_mock(const char *name)
{
	const char *dir = getenv("HY_TEST_PLUGINS");
	char *path, *real;

	ck_assert_msg(dir != NULL, "HY_TEST_PLUGINS must name the directory of the mock plugins");
	path = format_path(dir, "hy-backend-", name, ".so");
	real = realpath(path, NULL);
	ck_assert_msg(real != NULL, "%s isn't there", path);
	free(path);
	return real;
}

void fixture_plugin_as(const char *dir, const char *name, const char *as)
{
	char *target = fixture_mock(name);
	char *link = format_path(dir ? dir : fixture_dir, "hy-backend-", as, ".so");

	ck_assert_int_eq(symlink(target, link), 0);
	free(link);
	free(target);
}

void fixture_plugin(const char *dir, const char *name)
{
	fixture_plugin_as(dir, name, name);
}

void fixture_capture(void)
{
	char *path = fixture_path("stderr");

	captured_fd = dup(STDERR_FILENO);
	ck_assert_int_ge(captured_fd, 0);
	ck_assert_ptr_nonnull(freopen(path, "wb", stderr));
	setvbuf(stderr, NULL, _IONBF, 0);
	free(path);
}

char *fixture_captured(void)
{
	char *path = fixture_path("stderr"), *text;
	size_t size;

	ck_assert_int_ge(dup2(captured_fd, STDERR_FILENO), 0);
	close(captured_fd);
	text = (char *)fixture_read(path, &size);
	free(path);
	return text;
}
