/* SPDX-License-Identifier: MIT */
#include "guest.S.h"
