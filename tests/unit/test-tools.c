/* SPDX-License-Identifier: MIT */
/* What the tools share: the readers of option values and the JSON writer. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "json.h"
#include "parse.h"
#include "suite.h"

/* --- Options -------------------------------------------------------------------- */

static void expect_size(const char *text, uint64_t expected)
{
	uint64_t bytes = 0;

	ck_assert_msg(parse_size(text, &bytes), "refused: %s", text);
	ck_assert_msg(bytes == expected, "%s gives %" PRIu64, text, bytes);
}

START_TEST(sizes)
{
	expect_size("0", 0);
	expect_size("65536", 65536);
	expect_size("0x1000", 0x1000);
	expect_size("512K", 512 << 10);
	expect_size("64M", 64 << 20);
	expect_size("64m", 64 << 20);
	expect_size("3G", UINT64_C(3) << 30);
	expect_size("18446744073709551615", UINT64_MAX);
	expect_size("010", 10);
}
END_TEST

START_TEST(bad_sizes)
{
	static const char *const bad[] = {
		"",     " 1",  "+1",   "-1", "1 ",   "1KB",  "1KK",  "K",
		"1.5M", "0x",  "0xg",  "1T", "0x-1", "1,0M", "M64",  "18446744073709551616",
		"1\n",  "0x ", "99999999999G",       "17179869184G",
	};
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!parse_size(bad[i], &bytes), "taken: '%s'", bad[i]);
}
END_TEST

START_TEST(addresses)
{
	uint64_t address;

	ck_assert(parse_address("0x7c00", &address));
	ck_assert_uint_eq(address, 0x7c00);
	ck_assert(parse_address("31744", &address));
	ck_assert_uint_eq(address, 31744);
	ck_assert(!parse_address("64K", &address));
	ck_assert(!parse_address("7c00", &address));
	ck_assert(!parse_address("", &address));
}
END_TEST

static void expect_seconds(const char *text, uint64_t expected)
{
	uint64_t ns = 0;

	ck_assert_msg(parse_seconds(text, &ns), "refused: %s", text);
	ck_assert_msg(ns == expected, "%s gives %" PRIu64, text, ns);
}

START_TEST(seconds)
{
	expect_seconds("0", 0);
	expect_seconds("10", UINT64_C(10000000000));
	expect_seconds("0.5", 500000000);
	expect_seconds("1.000000001", 1000000001);
	expect_seconds("0.00000000099", 0);
	expect_seconds("31536000", UINT64_C(31536000000000000));
}
END_TEST

START_TEST(bad_seconds)
{
	static const char *const bad[] = {
		"", ".5", "5.", "-1", "+1", "1s", "1e3", "0x10", " 1", "1 ", "inf", "nan", "1.2.3",
		"31536001", "99999999999999999999999",
	};
	uint64_t ns;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!parse_seconds(bad[i], &ns), "taken: '%s'", bad[i]);
}
END_TEST

/* --- JSON ----------------------------------------------------------------------- */

static char written[1024];

static FILE *open_written(struct json *json)
{
	FILE *file;

	memset(written, 0, sizeof(written));
	file = fmemopen(written, sizeof(written), "w");
	ck_assert_ptr_nonnull(file);
	json_init(json, file);
	return file;
}

static void expect_string(const char *value, const char *expected)
{
	struct json json;
	FILE *file = open_written(&json);

	json_begin_array(&json, NULL);
	json_string(&json, NULL, value);
	json_end_array(&json);
	fclose(file);
	ck_assert_ptr_nonnull(strchr(written, ' '));
	ck_assert_msg(strncmp(written + 4, expected, strlen(expected)) == 0, "%s", written);
	ck_assert_str_eq(written + 4 + strlen(expected), "\n]\n");
}

START_TEST(json_escapes)
{
	expect_string("", "\"\"");
	expect_string("plain / text", "\"plain / text\"");
	expect_string("a\"b\\c", "\"a\\\"b\\\\c\"");
	expect_string("\n\r\t\b\f\x01\x1f\x7f", "\"\\n\\r\\t\\u0008\\u000c\\u0001\\u001f\\u007f\"");
	expect_string(NULL, "null");
}
END_TEST

START_TEST(json_utf8)
{
	expect_string("\xc3\xa4", "\"\xc3\xa4\"");
	expect_string("\xe2\x82\xac", "\"\xe2\x82\xac\"");
	expect_string("\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"");
	expect_string("\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"");
}
END_TEST

START_TEST(json_bad_utf8)
{
	expect_string("\xe4x", "\"\\ufffdx\"");
	expect_string("\xc3", "\"\\ufffd\"");
	expect_string("\x80", "\"\\ufffd\"");
	expect_string("\xff", "\"\\ufffd\"");
	expect_string("\xc0\xaf", "\"\\ufffd\\ufffd\"");
	expect_string("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"");
	expect_string("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	expect_string("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	expect_string("\xe2\x82", "\"\\ufffd\\ufffd\"");
	expect_string("\xf0\x9f\x98", "\"\\ufffd\\ufffd\\ufffd\"");
}
END_TEST

START_TEST(json_structure)
{
	static const char expected[] = "{\n"
				       "  \"a\": [],\n"
				       "  \"b\": {\n"
				       "    \"u\": 18446744073709551615,\n"
				       "    \"s\": -9223372036854775808\n"
				       "  },\n"
				       "  \"c\": [\n"
				       "    true,\n"
				       "    {}\n"
				       "  ],\n"
				       "  \"d\": null\n"
				       "}\n";
	struct json json;
	FILE *file = open_written(&json);

	json_begin_object(&json, NULL);
	json_begin_array(&json, "a");
	json_end_array(&json);
	json_begin_object(&json, "b");
	json_unsigned(&json, "u", UINT64_MAX);
	json_signed(&json, "s", INT64_MIN);
	json_end_object(&json);
	json_begin_array(&json, "c");
	json_bool(&json, NULL, true);
	json_begin_object(&json, NULL);
	json_end_object(&json);
	json_end_array(&json);
	json_null(&json, "d");
	json_end_object(&json);
	fclose(file);
	ck_assert_str_eq(written, expected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tools");
	TCase *tcase = tcase_create("tools");

	tcase_add_test(tcase, sizes);
	tcase_add_test(tcase, bad_sizes);
	tcase_add_test(tcase, addresses);
	tcase_add_test(tcase, seconds);
	tcase_add_test(tcase, bad_seconds);
	tcase_add_test(tcase, json_escapes);
	tcase_add_test(tcase, json_utf8);
	tcase_add_test(tcase, json_bad_utf8);
	tcase_add_test(tcase, json_structure);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
