/* SPDX-License-Identifier: MIT */
/* Wants more private state for a VM than any backend needs. */
#define MOCK_NAME "bigpriv"
#define MOCK_VM_SIZE (UINT64_C(1) << 40)
#include "mock.h"
