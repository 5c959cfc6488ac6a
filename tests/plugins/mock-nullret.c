/* SPDX-License-Identifier: MIT */
/* Its entry says that it can do nothing here. */
#include <hy/backend.h>

const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *services)
{
	(void)services;
	return NULL;
}
