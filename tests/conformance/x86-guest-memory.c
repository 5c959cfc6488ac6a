/* SPDX-License-Identifier: MIT */
#include "conform.h"

const struct conform_case conform_guest_memory[] = {
	{ 0 },
};
