/* SPDX-License-Identifier: MIT */
/*
 * Between the cases of the conformance suite and the program that makes calls
 * fail under them: there the end of a case isn't the end of its process, whose
 * objects are ended then, and what is left behind is looked at.
 */
#ifndef HY_TESTS_UNWIND_H
#define HY_TESTS_UNWIND_H

#include "../conformance/runner.h"

struct unwind {
	/* A case begins. */
	void (*begin)(void);
	/* It ends, in whichever thread and with whatever it has; gives the exit status. */
	int (*end)(enum case_status status);
};

/* NULL in hy-conform. */
extern const struct unwind *case_unwind;

/* Ends the case and its process. */
void case_leave(enum case_status status) __attribute__((noreturn));

#endif /* HY_TESTS_UNWIND_H */
