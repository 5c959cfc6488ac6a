/* SPDX-License-Identifier: MIT */
/* Wants services of a core that is yet to come. */
#define MOCK_NAME "needsnew"
#define MOCK_SERVICES_MINOR 99
#include "mock.h"
