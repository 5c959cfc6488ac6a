/* SPDX-License-Identifier: MIT */
/* Its device is there, but not for this user. */
#define MOCK_NAME "perm"
#define MOCK_PRIORITY 90
#define MOCK_PROBE perm_probe

#include <errno.h>
#include <string.h>

struct hy_probe;
static void perm_probe(struct hy_probe *probe);

#include "mock.h"

static void perm_probe(struct hy_probe *probe)
{
	probe->status = HY_PROBE_NO_PERMISSION;
	probe->host_code = EACCES;
	strcpy(probe->reason, "open /dev/perm: Permission denied");
	strcpy(probe->hint, "sudo usermod -aG perm USER");
}
