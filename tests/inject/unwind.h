/* SPDX-License-Identifier: MIT */
/*
 * Between the cases of the conformance suite and the program that makes calls
 * fail under them: there a failing case isn't the end of it, but goes back to
 * where it began, ends its objects, and what it leaves behind is looked at.
 */
#ifndef HY_TESTS_UNWIND_H
#define HY_TESTS_UNWIND_H

#include <stdbool.h>

#include "../conformance/runner.h"

/* What is around a case whose calls fail on purpose; called in this order. */
struct unwind {
	/* The case begins. */
	void (*begin)(void);
	/* It ends early, in this thread; false: the process can't be unwound now. */
	bool (*can_unwind)(enum case_status status);
	/* Its objects are gone: gives the exit status.  `clean`: without a complaint. */
	int (*end)(bool clean);
};

/* NULL in hy-conform, where a case that ends early ends the process. */
extern const struct unwind *case_unwind;

/* Ends the case early.  In the place of _Exit. */
void case_leave(enum case_status status) __attribute__((noreturn));

#endif /* HY_TESTS_UNWIND_H */
