/* SPDX-License-Identifier: MIT */
/* Suites have no built-in backends, whatever libhy was configured with, unless they bring a table. */
#include "loader.h"

const struct hy_own_backend hy__builtin_backends[] = { { NULL, NULL } };
