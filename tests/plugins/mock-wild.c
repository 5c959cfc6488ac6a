/* SPDX-License-Identifier: MIT */
/* Its probe fills every byte, and answers what isn't one of the answers. */
#define MOCK_NAME "wild"
#define MOCK_PROBE wild_probe

#include <string.h>

struct hy_probe;
static void wild_probe(struct hy_probe *probe);

#include "mock.h"

static void wild_probe(struct hy_probe *probe)
{
	probe->status = 77;
	memset(probe->reason, 'w', sizeof(probe->reason));
	memset(probe->hint, '\n', sizeof(probe->hint));
}
