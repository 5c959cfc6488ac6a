/* SPDX-License-Identifier: MIT */
/* Would outrank every other. */
#define MOCK_NAME "badprio"
#define MOCK_PRIORITY 100000
#include "mock.h"
