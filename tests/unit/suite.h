/* SPDX-License-Identifier: MIT */
/* The end of every main of a Check suite. */
#ifndef HY_TESTS_SUITE_H
#define HY_TESTS_SUITE_H

#include <check.h>

/* Runs a suite as the CK_ variables say and frees it; main's status. */
static inline int suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}

#endif /* HY_TESTS_SUITE_H */
