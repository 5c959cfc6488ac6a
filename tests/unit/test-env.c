/* SPDX-License-Identifier: MIT */
/* core/env.c: what counts as set. */
#include <stdlib.h>

#include "fixture.h"
#include "internal.h"

START_TEST(unset)
{
	unsetenv("HY_TEST_VARIABLE");
	ck_assert_ptr_null(hy__getenv("HY_TEST_VARIABLE"));
}
END_TEST

START_TEST(empty_is_unset)
{
	setenv("HY_TEST_VARIABLE", "", 1);
	ck_assert_ptr_null(hy__getenv("HY_TEST_VARIABLE"));
}
END_TEST

START_TEST(set)
{
	setenv("HY_TEST_VARIABLE", "value", 1);
	ck_assert_str_eq(hy__getenv("HY_TEST_VARIABLE"), "value");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("env");
	TCase *tcase = tcase_create("env");

	tcase_add_test(tcase, unset);
	tcase_add_test(tcase, empty_is_unset);
	tcase_add_test(tcase, set);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
