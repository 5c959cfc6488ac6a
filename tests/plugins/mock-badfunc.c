/* SPDX-License-Identifier: MIT */
/* Calls a function that nobody defines; bound lazily, so that it loads at all. */
#define MOCK_NAME "badfunc"
#define MOCK_PROBE badfunc_probe

struct hy_probe;
static void badfunc_probe(struct hy_probe *probe);
void no_such_func(struct hy_probe *probe);

#include "mock.h"

static void badfunc_probe(struct hy_probe *probe)
{
	no_such_func(probe);
}
