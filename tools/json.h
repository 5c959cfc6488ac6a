/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259), indented, one value at a time.  Inside an object
 * each value has a key; inside an array the key is NULL.
 */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned depth;
	bool empty; /* nothing written yet at this depth */
};

void json_init(struct json *json, FILE *out);

void json_begin_object(struct json *json, const char *key);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *key);
void json_end_array(struct json *json);

/* NULL becomes null.  Bytes that are no UTF-8 become U+FFFD, one for each. */
void json_string(struct json *json, const char *key, const char *value);
void json_unsigned(struct json *json, const char *key, uint64_t value);
void json_signed(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

#endif /* TOOLS_JSON_H */
