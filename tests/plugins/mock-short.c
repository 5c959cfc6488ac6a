/* SPDX-License-Identifier: MIT */
/* Its table has the two version numbers and no more. */
#define MOCK_NAME "short"
#define MOCK_SIZE 8
#include "mock.h"
