/* SPDX-License-Identifier: MIT */
/*
 * The backends that are part of this libhy: HY_BUILTIN_BACKENDS is a list of
 * BACKEND(name), without commas, which the build makes.
 */
#include "loader.h"

#ifndef HY_BUILTIN_BACKENDS
#define HY_BUILTIN_BACKENDS
#endif

#define BACKEND(name) hy_backend_entry hy__builtin_##name;
HY_BUILTIN_BACKENDS
#undef BACKEND

#define BACKEND(name) { #name, hy__builtin_##name },
const struct hy_own_backend hy__builtin_backends[] = { HY_BUILTIN_BACKENDS { NULL, NULL } };
