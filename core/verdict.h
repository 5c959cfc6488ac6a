/* SPDX-License-Identifier: MIT */
/* What is wrong with a candidate. */
#ifndef HY_CORE_VERDICT_H
#define HY_CORE_VERDICT_H

#include <hy/hy.h>

struct hy__verdict {
	enum hy_stage stage;   /* where it failed, or HY_STAGE_USABLE */
	uint32_t probe_status; /* enum hy_probe_status, at HY_STAGE_PROBE */
	int64_t host_code;
	char reason[512]; /* "" where nothing is wrong */
	char hint[256];
};

/*
 * Puts down why a candidate or a directory is refused.  Both return
 * HY_E_NO_BACKEND, which no thread's record of failures sees: a report goes on
 * with the next.
 */
int hy__refuse(struct hy__verdict *verdict, enum hy_stage stage, const char *format, ...)
	HY_PRINTF(3, 4);
/* The same with an errno value, which is named and explained. */
int hy__refuse_errno(struct hy__verdict *verdict, enum hy_stage stage, int err, const char *format,
                     ...) HY_PRINTF(4, 5);

#endif /* HY_CORE_VERDICT_H */
