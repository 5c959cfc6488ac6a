/* SPDX-License-Identifier: MIT */
/* What the Check suites of core share: the fake backend, opened, and a main. */
#ifndef HY_TESTS_HARNESS_H
#define HY_TESTS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <check.h>

#include <hy/hy.h>

#include "fake.h"

/*
 * The strings of the fake backend `name`, as new: a granule of 4 KiB, 40 bits
 * of address, 8 vCPUs, and no capability but the usual.  No host is open yet.
 */
struct fake_control *fake_load(const char *name);

/* Opens the fake that was loaded; fails the test when that fails. */
struct hy_host *fake_host(void);

/* What a test must leave behind: nothing.  Closes the host. */
void fake_close_clean(struct hy_host *host);

/* hy_error() has this code, and its text holds `part`. */
void expect_error(int status, int code, const char *part);

/* Runs a suite of one case; `tests` ends with NULL.  Returns main's status. */
int run_suite(const char *name, const TTest **tests, double timeout);

#endif /* HY_TESTS_HARNESS_H */
