/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>
#include <stddef.h>

/* Whether `c` is a byte in the middle of a UTF-8 sequence. */
static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * The length of the UTF-8 sequence at `text`, or 0 when it is none: cut short,
 * longer than it need be, a surrogate or beyond U+10FFFF (RFC 3629, section 4).
 */
static size_t utf8_length(const unsigned char *text)
{
	unsigned char first = text[0], low = 0x80, high = 0xbf;
	size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (!is_continuation(text[i]))
			return 0;
	return length;
}

static void write_ascii(FILE *out, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		fprintf(out, "\\%c", c);
		break;
	case '\n':
		fputs("\\n", out);
		break;
	case '\r':
		fputs("\\r", out);
		break;
	case '\t':
		fputs("\\t", out);
		break;
	default:
		if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
}

static void write_text(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	fputc('"', out);
	while (*at) {
		size_t length = utf8_length(at);

		if (length == 1)
			write_ascii(out, *at);
		else if (length == 0)
			fputs("\\ufffd", out);
		else
			fwrite(at, 1, length, out);
		at += length ? length : 1;
	}
	fputc('"', out);
}

static void new_line(const struct json *json)
{
	fputc('\n', json->out);
	for (unsigned i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

static void begin_value(struct json *json, const char *key)
{
	if (!json->empty)
		fputc(',', json->out);
	json->empty = false;
	if (json->depth)
		new_line(json);
	if (key) {
		write_text(json->out, key);
		fputs(": ", json->out);
	}
}

static void begin_group(struct json *json, const char *key, char bracket)
{
	begin_value(json, key);
	fputc(bracket, json->out);
	json->depth++;
	json->empty = true;
}

static void end_group(struct json *json, char bracket)
{
	json->depth--;
	if (!json->empty)
		new_line(json);
	json->empty = false;
	fputc(bracket, json->out);
	if (json->depth == 0)
		fputc('\n', json->out);
}

void json_init(struct json *json, FILE *out)
{
	json->out = out;
	json->depth = 0;
	json->empty = true;
}

void json_begin_object(struct json *json, const char *key)
{
	begin_group(json, key, '{');
}

void json_end_object(struct json *json)
{
	end_group(json, '}');
}

void json_begin_array(struct json *json, const char *key)
{
	begin_group(json, key, '[');
}

void json_end_array(struct json *json)
{
	end_group(json, ']');
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (!value) {
		json_null(json, key);
		return;
	}
	begin_value(json, key);
	write_text(json->out, value);
}

void json_unsigned(struct json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_signed(struct json *json, const char *key, int64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRId64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	begin_value(json, key);
	fputs("null", json->out);
}
