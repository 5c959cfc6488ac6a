/* SPDX-License-Identifier: MIT */
/* Built for another minor number of major 0, where any may change anything. */
#define MOCK_NAME "old"
#define MOCK_MINOR (HY_BACKEND_ABI_MINOR + 1)
#include "mock.h"
