/* SPDX-License-Identifier: MIT */
/*
 * Calls libhy out of its own probe, which a backend must not.  The program puts
 * the function in `mock_reenter`; what came of it is the probe's host code.
 */
#define MOCK_NAME "reenter"
#define MOCK_PROBE reenter_probe

struct hy_probe;
static void reenter_probe(struct hy_probe *probe);

#include "mock.h"

HY_BACKEND_EXPORT int (*mock_reenter)(const void *options, void **report);

static void reenter_probe(struct hy_probe *probe)
{
	void *report = probe;
	int status = mock_reenter ? mock_reenter(NULL, &report) : 0;

	probe->status = HY_PROBE_BUSY;
	probe->host_code = report ? 0 : status;
}
