/* SPDX-License-Identifier: MIT */
#include "os.h"
#include "text.h"
#include "verdict.h"

static HY_PRINTF(3, 0) void put_reason(struct hy__verdict *verdict, enum hy_stage stage,
                                       const char *format, va_list args)
{
	verdict->stage = stage;
	verdict->reason[0] = '\0';
	hy__text_append_va(verdict->reason, sizeof(verdict->reason), format, args);
	/* It may hold the name of a file, which may hold anything. */
	hy__text_one_line(verdict->reason);
}

int hy__refuse(struct hy__verdict *verdict, enum hy_stage stage, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_reason(verdict, stage, format, args);
	va_end(args);
	return HY_E_NO_BACKEND;
}

int hy__refuse_errno(struct hy__verdict *verdict, enum hy_stage stage, int err, const char *format,
                     ...)
{
	va_list args;

	va_start(args, format);
	put_reason(verdict, stage, format, args);
	va_end(args);
	hy__text_append(verdict->reason, sizeof(verdict->reason), ": %s (%s)", hy__errno_text(err),
	                *hy__errno_name(err) ? hy__errno_name(err) : "errno");
	verdict->host_code = err;
	return HY_E_NO_BACKEND;
}
