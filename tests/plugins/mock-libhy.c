/* SPDX-License-Identifier: MIT */
/* Looks like libhy itself: has its functions and no entry. */
#include <hy/backend.h>

HY_BACKEND_EXPORT int hy_report_create(const void *options, void **report);

int hy_report_create(const void *options, void **report)
{
	(void)options;
	(void)report;
	return -1;
}
