/* SPDX-License-Identifier: MIT */
#include "conform.h"

const struct conform_case conform_errors[] = {
	{ 0 },
};
