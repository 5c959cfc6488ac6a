/* SPDX-License-Identifier: MIT */
/* Is for no guest architecture. */
#define MOCK_NAME "noarch"
#define MOCK_ARCHES 0
#include "mock.h"
