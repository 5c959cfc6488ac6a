/* SPDX-License-Identifier: MIT */
/* Its table is longer than this core's, as a later version's will be. */
#define MOCK_NAME "newer"
#define MOCK_SIZE sizeof(struct newer_backend)
#define MOCK_NO_ENTRY
#include "mock.h"

struct newer_backend {
	struct hy_backend known;
	void (*later[4])(void);
};

static void later(void)
{
}

static const struct newer_backend mock_table = {
	.known = MOCK_TABLE,
	.later = { later, later, later, later },
};

const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *services)
{
	(void)services;
	return &mock_table.known;
}
