/* SPDX-License-Identifier: MIT */
/* core/error.c, text.c and services.c: the record of a thread's last failure. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fixture.h"
#include "internal.h"
#include "text.h"

START_TEST(nothing_failed_yet)
{
	const struct hy_error *error = hy_error();

	ck_assert_int_eq(error->code, 0);
	ck_assert_int_eq(error->host_code, 0);
	ck_assert_str_eq(error->text, "");
	ck_assert_str_eq(error->hint, "");
	ck_assert_str_eq(error->host_name, "");
}
END_TEST

START_TEST(status_names)
{
	ck_assert_str_eq(hy_status_name(HY_OK), "HY_OK");
	ck_assert_str_eq(hy_status_name(HY_E_INVALID), "HY_E_INVALID");
	ck_assert_str_eq(hy_status_name(HY_E_GONE), "HY_E_GONE");
	ck_assert_str_eq(hy_status_name(HY_E_GONE - 1), "HY_E_?");
	ck_assert_str_eq(hy_status_name(1), "HY_E_?");
	ck_assert_str_eq(hy_status_name(INT32_MIN), "HY_E_?");
	for (int status = 0; status >= HY_E_GONE; status--)
		ck_assert_ptr_nonnull(hy_status_name(status));
}
END_TEST

START_TEST(plain)
{
	ck_assert_int_eq(hy__fail(HY_E_BUSY, "wait", "the %s is busy", "line"), HY_E_BUSY);
	ck_assert_int_eq(hy_error()->code, HY_E_BUSY);
	ck_assert_str_eq(hy_error()->text, "the line is busy");
	ck_assert_str_eq(hy_error()->hint, "wait");
	ck_assert_str_eq(hy_error()->host_name, "");
	hy__fail(HY_E_LIMIT, NULL, "next");
	ck_assert_str_eq(hy_error()->hint, "");
	ck_assert_int_eq(hy__fail_nomem("a thing"), HY_E_NOMEM);
	ck_assert_str_eq(hy_error()->text, "not enough memory for a thing");
}
END_TEST

START_TEST(host_codes)
{
	hy__fail_host(HY_E_PERMISSION, EACCES, NULL, NULL, "open /dev/kvm");
	ck_assert_str_eq(hy_error()->text, "open /dev/kvm: Permission denied (EACCES)");
	ck_assert_str_eq(hy_error()->host_name, "EACCES");
	ck_assert_int_eq(hy_error()->host_code, EACCES);

	hy__fail_host(HY_E_HOST, 0x80370102, "WHV_E_UNKNOWN_CAPABILITY", NULL, "WHvGetCapability");
	ck_assert_str_eq(hy_error()->text, "WHvGetCapability (WHV_E_UNKNOWN_CAPABILITY)");
	ck_assert_int_eq(hy_error()->host_code, 0x80370102);

	hy__fail_host(HY_E_HOST, 0, NULL, NULL, "no code");
	ck_assert_str_eq(hy_error()->text, "no code");
	ck_assert_str_eq(hy_error()->host_name, "");

	hy__fail_host(HY_E_HOST, 99999, NULL, NULL, "odd");
	ck_assert_ptr_nonnull(strstr(hy_error()->text, "(errno 99999)"));
}
END_TEST

/* A failure is often told in terms of the one before. */
START_TEST(tells_of_itself)
{
	hy__fail_host(HY_E_HOST, EBUSY, NULL, "hint", "first");
	hy__fail_host(HY_E_HOST, hy_error()->host_code, hy_error()->host_name, hy_error()->hint,
	              "second: %s", hy_error()->text);
	ck_assert_str_eq(hy_error()->text,
	                 "second: first: Device or resource busy (EBUSY) (EBUSY)");
	ck_assert_str_eq(hy_error()->host_name, "EBUSY");
	ck_assert_str_eq(hy_error()->hint, "hint");
}
END_TEST

START_TEST(long_text_is_cut)
{
	char text[6000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	hy__fail_host(HY_E_HOST, EIO, NULL, text, "%s", text);
	ck_assert_uint_eq(strlen(hy_error()->text), 4095);
	ck_assert_str_eq(hy_error()->text + 4091, "x...");
	ck_assert_uint_eq(strlen(hy_error()->hint), 511);
	ck_assert_str_eq(hy_error()->hint + 507, "x...");
}
END_TEST

START_TEST(cut_between_characters)
{
	char text[12] = "";

	/* Each of these characters is three bytes. */
	hy__text_append(text, sizeof(text), "ab%s",
	                "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
	ck_assert_str_eq(text, "ab\xe2\x82\xac\xe2\x82\xac...");
	hy__text_append(text, sizeof(text), "more");
	ck_assert_uint_lt(strlen(text), sizeof(text));
	hy__text_copy(text, sizeof(text), "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac");
	ck_assert_str_eq(text, "\xe2\x82\xac\xe2\x82\xac...");
	hy__text_copy(text, sizeof(text), "elevenbytes");
	ck_assert_str_eq(text, "elevenbytes");
	hy__text_copy(text, 3, "elevenbytes");
	ck_assert_str_eq(text, "el");
}
END_TEST

START_TEST(one_line)
{
	char text[] = "a\nb\tc\x7f\xc3\xa9";

	hy__text_one_line(text);
	ck_assert_str_eq(text, "a b c \xc3\xa9");
}
END_TEST

START_TEST(backend_is_named)
{
	const char *before = hy__enter_backend("kvm");

	ck_assert_ptr_null(before);
	ck_assert_int_eq(hy__services.fail(HY_E_HOST, ENODEV, NULL, "hint", "ioctl %d", 7),
	                 HY_E_HOST);
	ck_assert_str_eq(hy_error()->text, "kvm: ioctl 7: No such device (ENODEV)");
	ck_assert_str_eq(hy_error()->hint, "hint");
	hy__leave_backend(before);
	hy__fail(HY_E_HOST, NULL, "plain");
	ck_assert_str_eq(hy_error()->text, "plain");
}
END_TEST

START_TEST(backend_must_fail)
{
	ck_assert_int_eq(hy__services.fail(0, 0, NULL, NULL, "none"), HY_E_ABI);
	ck_assert_int_eq(hy__services.fail(5, 0, NULL, NULL, "none"), HY_E_ABI);
	ck_assert_int_eq(hy__services.fail(HY_E_LIMIT, 0, NULL, NULL, "%s", ""), HY_E_LIMIT);
	ck_assert_str_eq(hy_error()->text, "HY_E_LIMIT");
}
END_TEST

START_TEST(services_table)
{
	ck_assert_uint_eq(hy__services.size, sizeof(struct hy_services));
	ck_assert_uint_eq(hy__services.abi_major, HY_BACKEND_ABI_MAJOR);
	ck_assert_uint_eq(hy__services.abi_minor, HY_BACKEND_ABI_MINOR);
	ck_assert(HY_SERVICES_HAS(&hy__services, vm_read));
	ck_assert(HY_SERVICES_HAS(&hy__services, vm_find));
}
END_TEST

static void *fail_elsewhere(void *arg)
{
	(void)arg;
	hy__fail(HY_E_NOMEM, NULL, "elsewhere");
	return NULL;
}

START_TEST(each_thread_has_its_own)
{
	pthread_t thread;

	hy__fail(HY_E_BUSY, NULL, "here");
	ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(hy_error()->code, HY_E_BUSY);
	ck_assert_str_eq(hy_error()->text, "here");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("error");
	TCase *tcase = tcase_create("error");

	tcase_add_test(tcase, nothing_failed_yet);
	tcase_add_test(tcase, status_names);
	tcase_add_test(tcase, plain);
	tcase_add_test(tcase, host_codes);
	tcase_add_test(tcase, tells_of_itself);
	tcase_add_test(tcase, long_text_is_cut);
	tcase_add_test(tcase, cut_between_characters);
	tcase_add_test(tcase, one_line);
	tcase_add_test(tcase, backend_is_named);
	tcase_add_test(tcase, backend_must_fail);
	tcase_add_test(tcase, services_table);
	tcase_add_test(tcase, each_thread_has_its_own);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
