/* SPDX-License-Identifier: MIT */
/* Has no vcpu_run. */
#define MOCK_NAME "nullop"
#define MOCK_RUN NULL
#include "mock.h"
