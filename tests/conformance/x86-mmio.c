/* SPDX-License-Identifier: MIT */
#include "conform.h"

const struct conform_case conform_mmio[] = {
	{ 0 },
};
