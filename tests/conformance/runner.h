/* SPDX-License-Identifier: MIT */
/* Between hy-conform's parent, which runs cases, and the processes they run in. */
#ifndef HY_CONFORM_RUNNER_H
#define HY_CONFORM_RUNNER_H

#include "conform.h"

/* How the process of a case ends; anything else is a crash. */
enum case_status {
	CASE_PASSED = 0,
	CASE_FAILED = 1,
	CASE_SKIPPED = 77
};

/* Runs one case in this process and ends it with a case_status. */
void case_main(const struct conform_case *test, const struct hy_host_options *options) __attribute__((noreturn));

/* Every case, in the order of the groups; NULL from the end on. */
const struct conform_case *case_at(size_t i);

#endif /* HY_CONFORM_RUNNER_H */
