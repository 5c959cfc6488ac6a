/* SPDX-License-Identifier: MIT */
/* What the software CPU needs of the system beside threads: os-*.c. */
#ifndef HY_SOFT_OS_H
#define HY_SOFT_OS_H

#include <stdint.h>

/* Nanoseconds of a clock that never goes back. */
uint64_t soft_os_now(void);
/* A number that the child of a fork() doesn't share with its parent. */
uint64_t soft_os_process(void);

#endif /* HY_SOFT_OS_H */
