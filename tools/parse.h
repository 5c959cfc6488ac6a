/* SPDX-License-Identifier: MIT */
/* Strict readers for the values of options: the whole text, or nothing. */
#ifndef TOOLS_PARSE_H
#define TOOLS_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* "64M": decimal or 0x..., with K, M or G (1024 each) behind it or nothing. */
bool parse_size(const char *text, uint64_t *bytes);

/* "0x7c00" or "31744". */
bool parse_address(const char *text, uint64_t *address);

/* "1.5": decimal seconds, in nanoseconds; up to a year, finer than 1 ns is cut. */
bool parse_seconds(const char *text, uint64_t *ns);

#endif /* TOOLS_PARSE_H */
