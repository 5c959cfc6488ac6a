/* SPDX-License-Identifier: MIT */
/* Fails its probe without a word. */
#define MOCK_NAME "noreason"
#define MOCK_PROBE noreason_probe

struct hy_probe;
static void noreason_probe(struct hy_probe *probe);

#include "mock.h"

static void noreason_probe(struct hy_probe *probe)
{
	probe->status = HY_PROBE_NO_DEVICE;
}
