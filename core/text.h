/* SPDX-License-Identifier: MIT */
/* Text in buffers of fixed size: what doesn't fit is cut, and seen to be. */
#ifndef HY_CORE_TEXT_H
#define HY_CORE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

#include <hy/types.h>

/*
 * Adds to the string in `text`, a buffer of `size` bytes.  What is too long ends
 * in "...", and never in half a UTF-8 character.
 */
void hy__text_append(char *text, size_t size, const char *format, ...) HY_PRINTF(3, 4);
void hy__text_append_va(char *text, size_t size, const char *format, va_list args) HY_PRINTF(3, 0);

/* Puts a copy of `from` there; the two may overlap. */
void hy__text_copy(char *text, size_t size, const char *from);

/* Turns line ends and other control characters into spaces. */
void hy__text_one_line(char *text);

#endif /* HY_CORE_TEXT_H */
