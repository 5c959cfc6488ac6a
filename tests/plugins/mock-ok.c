/* SPDX-License-Identifier: MIT */
/* Nothing is wrong with this one; -D may give it another name and priority. */
#ifndef MOCK_NAME
#define MOCK_NAME "ok"
#endif
#include "mock.h"
