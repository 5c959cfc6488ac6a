/* SPDX-License-Identifier: MIT */
/* A shared library, but no backend. */
#include <hy/backend.h>

HY_BACKEND_EXPORT int mock_nosym(void);

int mock_nosym(void)
{
	return 0;
}
