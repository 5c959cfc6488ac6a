/* SPDX-License-Identifier: MIT */
/* Has nothing to say about itself. */
#define MOCK_NAME "nosummary"
#define MOCK_SUMMARY NULL
#include "mock.h"
