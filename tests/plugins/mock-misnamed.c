/* SPDX-License-Identifier: MIT */
/* Calls itself other than its file. */
#define MOCK_NAME "else"
#include "mock.h"
