/* SPDX-License-Identifier: MIT */
#include <time.h>
#include <unistd.h>

#include "os.h"

#define NANOSECONDS UINT64_C(1000000000)

uint64_t soft_os_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

uint64_t soft_os_process(void)
{
	return (uint64_t)getpid();
}
