/* SPDX-License-Identifier: MIT */
/*
 * The loader with every allocation failing in turn.  Linked with
 * -Wl,--wrap for malloc, calloc, realloc, strdup and strndup.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "loader.h"

/* Allocations left until one fails; below 0: none does. */
static long allocations_left = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);

/* Whether it is this allocation's turn: one fails, and those after it don't. */
static bool fails(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return fails() ? NULL : __real_strndup(text, size);
}

static void fill_dir(void)
{
	static const char *const plugins[] = { "ok",  "newer", "perm",  "nosym", "badfunc",
		                               "top", "tie-a", "tie-b", "wild" };

	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
		fixture_plugin(NULL, plugins[i]);
}

/* Fails the allocation of that number; returns whether there was none. */
static bool survives(const struct hy_host_options *options, long number)
{
	struct hy_report *report;
	int status;

	allocations_left = number;
	status = hy_report_create(options, &report);
	if (status == 0) {
		bool unused = allocations_left >= 0;

		allocations_left = -1;
		hy_report_destroy(report);
		return unused;
	}
	allocations_left = -1;
	ck_assert_int_eq(status, HY_E_NOMEM);
	ck_assert_int_eq(hy_error()->code, HY_E_NOMEM);
	ck_assert_ptr_null(report);
	return false;
}

static const struct hy_backend *no_table(const struct hy_services *services)
{
	(void)services;
	return NULL;
}

START_TEST(each_allocation)
{
	static const struct hy_own_backend own[] = { { "own", no_table }, { NULL, NULL } };
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	long number = 0;

	fill_dir();
	options.flags = HY_HOST_IGNORE_ENV;
	options.path = fixture_dir;
	options.path_add = "/nowhere";
	options.backend = "ok,auto";
	options.own_backends = own;
	while (!survives(&options, number))
		number++;
	ck_assert_int_gt(number, 50);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loader-oom");
	TCase *tcase = tcase_create("loader-oom");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, each_allocation);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
