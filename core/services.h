/* SPDX-License-Identifier: MIT */
/* What error.c, log.c and services.c share. */
#ifndef HY_CORE_SERVICES_H
#define HY_CORE_SERVICES_H

#include <stdarg.h>
#include <stdint.h>

#include <hy/types.h>

/* The failure just recorded is a backend's, see hy__backend_failed. */
void hy__fail_is_backends(void);

/* As hy__fail_host. */
int hy__fail_va(int code, int64_t host_code, const char *host_name, const char *hint,
                const char *format, va_list args) HY_PRINTF(5, 0);

/* Logs what a backend has to say. */
void hy__log_backend(enum hy_log_level level, const char *backend, const char *format, va_list args)
	HY_PRINTF(3, 0);

/* The backend that this thread is in, or NULL. */
const char *hy__current_backend(void);

#endif /* HY_CORE_SERVICES_H */
