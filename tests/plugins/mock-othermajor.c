/* SPDX-License-Identifier: MIT */
/* Has the entry of another major version only. */
#include <hy/backend.h>

HY_BACKEND_EXPORT const void *hy_backend_entry_v1(const void *services);

const void *hy_backend_entry_v1(const void *services)
{
	return services;
}
