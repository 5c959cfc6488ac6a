/* SPDX-License-Identifier: MIT */
/* core/choice.c: lists of backends, good and bad. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "fixture.h"
#include "internal.h"

/* What a list makes of these five, best first: "kvm soft" and so on. */
static const char *const names[] = { "hvf", "kvm", "soft", "vmm", "x-1_y" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static void append_rank(const struct hy__choice *choice, size_t rank, char *text)
{
	for (size_t i = 0; i < NAMES; i++) {
		if (!hy__choice_allows(choice, names[i]) ||
		    hy__choice_rank(choice, names[i]) != rank)
			continue;
		if (*text)
			strcat(text, " ");
		strcat(text, names[i]);
	}
}

static const struct {
	const char *list;
	const char *order;
} good[] = {
	{ NULL, "hvf kvm soft vmm x-1_y" },
	{ "auto", "hvf kvm soft vmm x-1_y" },
	{ "kvm", "kvm" },
	{ "x-1_y", "x-1_y" },
	{ "vmm,kvm", "vmm kvm" },
	{ "kvm,vmm,kvm", "kvm vmm" },
	{ "-kvm", "hvf soft vmm x-1_y" },
	{ "-kvm,-hvf", "soft vmm x-1_y" },
	{ "vmm,auto", "vmm hvf kvm soft x-1_y" },
	{ "auto,hvf", "kvm soft vmm x-1_y hvf" },
	{ "vmm,auto,hvf", "vmm kvm soft x-1_y hvf" },
	{ "-soft,vmm,auto", "vmm hvf kvm x-1_y" },
	{ "vmm,-soft,auto", "vmm hvf kvm x-1_y" },
	{ "vmm,auto,-soft", "vmm hvf kvm x-1_y" },
	{ "kvm,vmm,-kvm", "vmm" },
	{ "kvm,-kvm", "" },
	{ "other", "" },
	{ "kv", "" },
	{ "kvm2", "" },
	{ "abcdefghijklmnopqrstuvwxyz012345", "" },
};

START_TEST(good_lists)
{
	struct hy__choice choice;
	char order[128] = "";

	ck_assert_int_eq(hy__choice_parse(&choice, good[_i].list, "HY_BACKEND"), 0);
	for (size_t rank = 0; rank < 4; rank++)
		append_rank(&choice, rank, order);
	ck_assert_str_eq(order, good[_i].order);
	hy__choice_free(&choice);
}
END_TEST

static const struct {
	const char *list;
	const char *text;
} bad[] = {
	{ "", "HY_BACKEND: the list has an empty word" },
	{ ",", "HY_BACKEND: the list has an empty word" },
	{ "kvm,", "HY_BACKEND: the list has an empty word" },
	{ ",kvm", "HY_BACKEND: the list has an empty word" },
	{ "kvm,,vmm", "HY_BACKEND: the list has an empty word" },
	{ "KVM", "HY_BACKEND: 'KVM' can't be" },
	{ "vmm, kvm", "HY_BACKEND: ' kvm' can't be" },
	{ "-", "HY_BACKEND: '-' can't be" },
	{ "--kvm", "HY_BACKEND: '--kvm' can't be" },
	{ "-auto", "HY_BACKEND: '-auto' can't be" },
	{ "../kvm", "HY_BACKEND: '../kvm' can't be" },
	{ "kvm;vmm", "HY_BACKEND: 'kvm;vmm' can't be" },
	{ "k\xc3\xa9", "HY_BACKEND: 'k\xc3\xa9' can't be" },
	{ "abcdefghijklmnopqrstuvwxyz0123456",
	  "HY_BACKEND: 'abcdefghijklmnopqrstuvwxyz0123456' can't be" },
};

START_TEST(bad_lists)
{
	struct hy__choice choice;

	ck_assert_int_eq(hy__choice_parse(&choice, bad[_i].list, "HY_BACKEND"), HY_E_INVALID);
	ck_assert_int_eq(hy_error()->code, HY_E_INVALID);
	ck_assert_msg(strncmp(hy_error()->text, bad[_i].text, strlen(bad[_i].text)) == 0, "%s",
	              hy_error()->text);
}
END_TEST

START_TEST(origin_is_named)
{
	struct hy__choice choice;

	ck_assert_int_eq(hy__choice_parse(&choice, "!", "option backend"), HY_E_INVALID);
	ck_assert_ptr_nonnull(strstr(hy_error()->text, "option backend: '!'"));
}
END_TEST

START_TEST(name_charset)
{
	ck_assert(hy__name_ok("a", 1));
	ck_assert(hy__name_ok("autox", 5));
	ck_assert(!hy__name_ok("", 0));
	ck_assert(!hy__name_ok("auto", 4));
	ck_assert(!hy__name_ok("-a", 2));
	ck_assert(!hy__name_ok("a\0b", 3));
	for (int c = 1; c < 256; c++) {
		char name[2] = { 'a', (char)c };
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';

		ck_assert(hy__name_ok(name, 2) == ok);
	}
}
END_TEST

/* Any bytes: it parses or refuses, and every name has an answer. */
START_TEST(random_lists)
{
	static const char alphabet[] = "akuto-_,9,A \xff/";
	uint32_t seed = 1;
	char list[40];

	for (unsigned round = 0; round < 200000; round++) {
		struct hy__choice choice;
		size_t length = round % sizeof(list);

		for (size_t i = 0; i < length; i++) {
			seed = seed * 1664525u + 1013904223u;
			list[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		list[length] = '\0';
		if (hy__choice_parse(&choice, list, "fuzz") != 0)
			continue;
		for (size_t i = 0; i < NAMES; i++) {
			if (hy__choice_allows(&choice, names[i]))
				ck_assert_uint_lt(hy__choice_rank(&choice, names[i]), choice.count);
		}
		hy__choice_free(&choice);
	}
}
END_TEST

START_TEST(long_list)
{
	size_t size = 1 << 20;
	char *list = malloc(size + 1);
	struct hy__choice choice;

	ck_assert_ptr_nonnull(list);
	for (size_t i = 0; i < size; i++)
		list[i] = "ab,"[i % 3];
	list[size] = '\0';
	ck_assert_int_eq(hy__choice_parse(&choice, list, "long"), 0);
	ck_assert(hy__choice_allows(&choice, "ab"));
	ck_assert(!hy__choice_allows(&choice, "kvm"));
	hy__choice_free(&choice);
	memset(list, 'a', size);
	ck_assert_int_eq(hy__choice_parse(&choice, list, "long"), HY_E_INVALID);
	ck_assert_uint_lt(strlen(hy_error()->text), 200);
	free(list);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("choice");
	TCase *tcase = tcase_create("choice");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, good_lists, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, bad_lists, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, origin_is_named);
	tcase_add_test(tcase, name_charset);
	tcase_add_test(tcase, random_lists);
	tcase_add_test(tcase, long_list);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
