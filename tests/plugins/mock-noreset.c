/* SPDX-License-Identifier: MIT */
/* Has guests of an architecture of its own, and can't reset them. */
#define MOCK_NAME "noreset"
#define MOCK_ARCHES HY_ARCH_BIT(HY_ARCH_CUSTOM)
#include "mock.h"
