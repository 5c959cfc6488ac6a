/* SPDX-License-Identifier: MIT */
/* A directory of the test's own, with plugins and other files in it. */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include <stddef.h>

#include <check.h>

#include "suite.h"

/* An old macro of Check's, and a member of struct hy_services. */
#undef fail

/* Made before and removed after each test, by fixture_setup and _teardown. */
extern char fixture_dir[];
void fixture_setup(void);
void fixture_teardown(void);

/* The path of a name in the directory; the caller frees it. */
char *fixture_path(const char *name);

/* Makes a directory, and files. */
char *fixture_mkdir(const char *name);
void fixture_write(const char *path, const void *data, size_t size);

/* A whole file, and its size; the caller frees it. */
unsigned char *fixture_read(const char *path, size_t *size);

/* The mock plugin of that name, in HY_TEST_PLUGINS; the caller frees it. */
char *fixture_mock(const char *name);

/* Links the mock into a directory, NULL for fixture_dir, under its own name or `as`. */
void fixture_plugin(const char *dir, const char *name);
void fixture_plugin_as(const char *dir, const char *name, const char *as);

/* What the process writes to standard error between the two; the caller frees it. */
void fixture_capture(void);
char *fixture_captured(void);

#endif /* TESTS_UNIT_FIXTURE_H */
