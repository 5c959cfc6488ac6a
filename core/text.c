/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "text.h"

static const char cut_mark[] = "...";

/* Marks a full buffer as cut. */
static void mark_cut(char *text, size_t size)
{
	size_t at;

	if (size < sizeof(cut_mark))
		return;
	at = size - sizeof(cut_mark);
	/* 10xxxxxx goes on with a character: begin the mark where it began. */
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, cut_mark, sizeof(cut_mark));
}

void hy__text_append_va(char *text, size_t size, const char *format, va_list args)
{
	size_t used = strlen(text);
	int length = vsnprintf(text + used, size - used, format, args);

	if (length < 0)
		text[used] = '\0';
	else if ((size_t)length >= size - used)
		mark_cut(text, size);
}

void hy__text_append(char *text, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hy__text_append_va(text, size, format, args);
	va_end(args);
}

void hy__text_copy(char *text, size_t size, const char *from)
{
	size_t length = strlen(from);

	if (length < size) {
		memmove(text, from, length + 1);
		return;
	}
	memmove(text, from, size - 1);
	text[size - 1] = '\0';
	mark_cut(text, size);
}

void hy__text_one_line(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
	}
}
