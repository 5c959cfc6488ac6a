/* SPDX-License-Identifier: MIT */
/* core/log.c: who gets what, and that nobody gets anything unasked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "internal.h"

static const char word_list[] =
	"libhy: HY_DEBUG takes a list of error, warn, info, load, probe, all, help\n";

static void log_all(void)
{
	hy__log(HY__LOG_ERROR, "an %s", "error");
	hy__log(HY__LOG_WARN, "a warning");
	hy__log(HY__LOG_INFO, "a message");
	hy__log(HY__LOG_LOAD, "loading");
	hy__log(HY__LOG_PROBE, "probing");
	hy__services.message(HY_LOG_INFO, "mock", "hello %d", 1);
	hy__services.message(HY_LOG_DEBUG, "mock", "detail");
}

/* What goes to standard error with HY_DEBUG like that. */
static void check_stderr(const char *words, const char *expected)
{
	char *text;

	if (words)
		setenv("HY_DEBUG", words, 1);
	else
		unsetenv("HY_DEBUG");
	fixture_capture();
	log_all();
	text = fixture_captured();
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(silent)
{
	check_stderr(NULL, "");
}
END_TEST

START_TEST(empty_is_silent)
{
	check_stderr("", "");
}
END_TEST

START_TEST(some_words)
{
	check_stderr("load,error", "libhy: error: an error\nlibhy: load: loading\n");
}
END_TEST

START_TEST(all_words)
{
	check_stderr("all",
	             "libhy: error: an error\nlibhy: warn: a warning\nlibhy: info: a message\n"
	             "libhy: load: loading\nlibhy: probe: probing\nlibhy: info: mock: hello 1\n"
	             "libhy: debug: mock: detail\n");
}
END_TEST

/* No prefix, no other case, no space makes a word. */
START_TEST(exact_words)
{
	static const char *const wrong[] = { "a", "al", "alll", "ALL", " all", "all ", "warning" };
	char expected[256];

	snprintf(expected, sizeof(expected), "libhy: HY_DEBUG: unknown word '%s'\n%s", wrong[_i],
	         word_list);
	check_stderr(wrong[_i], expected);
}
END_TEST

START_TEST(unknown_beside_known)
{
	char expected[256];

	snprintf(expected, sizeof(expected),
	         "libhy: HY_DEBUG: unknown word 'no'\nlibhy: HY_DEBUG: unknown word 'nope'\n%s"
	         "libhy: warn: a warning\n",
	         word_list);
	check_stderr("no,,warn,nope,", expected);
}
END_TEST

START_TEST(help)
{
	check_stderr("help", word_list);
}
END_TEST

START_TEST(long_word)
{
	char word[5001], *text;

	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	setenv("HY_DEBUG", word, 1);
	fixture_capture();
	log_all();
	text = fixture_captured();
	ck_assert_uint_lt(strlen(text), 300);
	ck_assert_ptr_nonnull(strstr(text, word_list));
	free(text);
}
END_TEST

/* A message is one line, however long and whatever is in it. */
START_TEST(long_message)
{
	char message[3000], *text;

	memset(message, 'm', sizeof(message) - 1);
	message[5] = '\n';
	message[sizeof(message) - 1] = '\0';
	setenv("HY_DEBUG", "info", 1);
	fixture_capture();
	hy__log(HY__LOG_INFO, "%s", message);
	text = fixture_captured();
	ck_assert_uint_eq(strlen(text), 1023);
	ck_assert_ptr_eq(strchr(text, '\n'), text + 1022);
	free(text);
}
END_TEST

/* --- hy_set_log --------------------------------------------------------------------- */

static char seen[1024];

static void take(void *data, enum hy_log_level level, const char *text)
{
	ck_assert_ptr_eq(data, seen);
	snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%d %s|", (int)level, text);
	errno = EDOM;
}

START_TEST(to_function)
{
	char *text;

	setenv("HY_DEBUG", "all", 1);
	hy_set_log(take, seen);
	fixture_capture();
	errno = EAGAIN;
	log_all();
	ck_assert_int_eq(errno, EAGAIN);
	text = fixture_captured();
	ck_assert_str_eq(text, "");
	ck_assert_str_eq(seen,
	                 "1 an error|2 a warning|3 a message|4 loading|4 probing|3 mock: hello 1|"
	                 "4 mock: detail|");
	free(text);
}
END_TEST

START_TEST(function_undone)
{
	hy_set_log(take, seen);
	hy_set_log(NULL, NULL);
	check_stderr("warn", "libhy: warn: a warning\n");
	ck_assert_str_eq(seen, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, silent);
	tcase_add_test(tcase, empty_is_silent);
	tcase_add_test(tcase, some_words);
	tcase_add_test(tcase, all_words);
	tcase_add_loop_test(tcase, exact_words, 0, 7);
	tcase_add_test(tcase, unknown_beside_known);
	tcase_add_test(tcase, help);
	tcase_add_test(tcase, long_word);
	tcase_add_test(tcase, long_message);
	tcase_add_test(tcase, to_function);
	tcase_add_test(tcase, function_undone);
	suite_add_tcase(suite, tcase);
	/* HY_DEBUG is read once in a process. */
	setenv("CK_FORK", "yes", 1);
	return suite_run(suite);
}
