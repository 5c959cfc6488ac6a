/* SPDX-License-Identifier: MIT */
/* Its probe is content, but then open fails. */
#define MOCK_NAME "openfail"
#define MOCK_PRIORITY 80
#define MOCK_OPEN openfail_open

#include <errno.h>

struct hy_backend_host;
static int openfail_open(struct hy_backend_host *host);

#include "mock.h"

static int openfail_open(struct hy_backend_host *host)
{
	return host->services->fail(HY_E_BUSY, EBUSY, NULL, "stop the other one",
	                            "open /dev/openfail");
}
