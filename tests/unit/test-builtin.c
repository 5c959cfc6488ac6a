/* SPDX-License-Identifier: MIT */
/*
 * Backends without a file: those that a program hands over, and those that are
 * built in, for which this suite has a table of its own.  Libhy's own directory
 * is the one with the mocks.  Each entry is called once in a process, so with
 * CK_FORK=no no test may use a name that another one has used up.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "loader.h"

#define MOCK_NO_ENTRY
#define MOCK_NAME "mine"
#include "mock.h"

static const struct hy_backend mine_table = MOCK_TABLE;

#undef MOCK_NAME
#define MOCK_NAME "ok"
#undef MOCK_PRIORITY
#define MOCK_PRIORITY 150
static const struct hy_backend ok_table = MOCK_TABLE;

#undef MOCK_NAME
#define MOCK_NAME "inner"
#undef MOCK_PRIORITY
#define MOCK_PRIORITY 100000
static const struct hy_backend inner_table = MOCK_TABLE;

static const struct hy_backend *mine_entry(const struct hy_services *services)
{
	(void)services;
	return &mine_table;
}

static const struct hy_backend *ok_entry(const struct hy_services *services)
{
	(void)services;
	return &ok_table;
}

static const struct hy_backend *inner_entry(const struct hy_services *services)
{
	(void)services;
	return &inner_table;
}

const struct hy_own_backend hy__builtin_backends[] = {
	{ "ok", ok_entry },
	{ "inner", inner_entry },
	{ NULL, NULL },
};

static struct hy_report *report;

static void setup(void)
{
	unsetenv("HY_BACKEND");
	unsetenv("HY_BACKEND_PATH");
	unsetenv("HY_BACKEND_PATH_ADD");
	fixture_setup();
}

static void teardown(void)
{
	hy_report_destroy(report);
	report = NULL;
	fixture_teardown();
}

static void look(const struct hy_own_backend *own, const char *backend, const char *path)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	options.backend = backend;
	options.path = path;
	options.own_backends = own;
	hy_report_destroy(report);
	ck_assert_msg(hy_report_create(&options, &report) == 0, "%s", hy_error()->text);
}

/* The candidate `nth` of that name, in the order of preference. */
static const struct hy_candidate *find_nth(const char *name, unsigned nth)
{
	const struct hy_candidate *candidate;

	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL; i++) {
		if (strcmp(candidate->name, name) == 0 && nth-- == 0)
			return candidate;
	}
	return NULL;
}

static const struct hy_candidate *find(const char *name)
{
	const struct hy_candidate *candidate = find_nth(name, 0);

	ck_assert_msg(candidate != NULL, "no candidate '%s'", name);
	return candidate;
}

static const struct hy_own_backend mine[] = { { "mine", mine_entry }, { NULL, NULL } };

/* --- The program's own --------------------------------------------------------------- */

START_TEST(own_is_a_candidate)
{
	look(mine, NULL, fixture_dir);
	ck_assert_str_eq(find("mine")->path, "(program)");
	ck_assert_str_eq(find("mine")->summary, "mock mine");
	ck_assert_str_eq(find("mine")->version, "1");
	ck_assert_str_eq(find("mine")->reason, "");
	ck_assert_uint_eq(find("mine")->stage, HY_STAGE_USABLE);
	ck_assert_uint_eq(find("mine")->priority, 30);
	ck_assert_str_eq(hy_report_candidate(report, 0)->name, "inner");
	/* Nobody else gets to know of it. */
	look(NULL, NULL, fixture_dir);
	ck_assert_ptr_null(find_nth("mine", 0));
}
END_TEST

START_TEST(own_is_opened)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;
	struct hy_vm *vm;

	options.own_backends = mine;
	options.backend = "mine";
	ck_assert_msg(hy_host_open(&options, &host) == 0, "%s", hy_error()->text);
	ck_assert_str_eq(hy_host_backend(host)->path, "(program)");
	ck_assert_uint_eq(hy_host_backend(host)->chosen, 1);
	ck_assert_int_eq(hy_vm_create(host, NULL, &vm), 0);
	ck_assert_int_eq(hy_vm_destroy(vm), 0);
	ck_assert_int_eq(hy_host_close(host), 0);
}
END_TEST

/* The user's choice is among all there are. */
START_TEST(own_is_chosen_by_name)
{
	setenv("HY_BACKEND", "inner", 1);
	look(mine, NULL, fixture_dir);
	ck_assert_str_eq(find("mine")->reason, "not asked for (HY_BACKEND=inner)");
	ck_assert_uint_eq(find("inner")->chosen, 1);
	setenv("HY_BACKEND", "mine,inner", 1);
	look(mine, NULL, fixture_dir);
	ck_assert_uint_eq(find("mine")->chosen, 1);
	look(mine, "-mine", fixture_dir);
	ck_assert_str_eq(find("mine")->reason, "not asked for (option backend=-mine)");
}
END_TEST

START_TEST(own_has_its_priority)
{
	static const struct hy_own_backend own[] = { { "inner", inner_entry }, { NULL, NULL } };

	look(own, NULL, fixture_dir);
	ck_assert_uint_eq(find("inner")->priority, 199);
	ck_assert_uint_eq(find("ok")->priority, 150);
}
END_TEST

START_TEST(own_hides_the_others)
{
	static const struct hy_own_backend own[] = { { "ok", ok_entry }, { "ok", ok_entry }, { NULL, NULL } };

	fixture_plugin(NULL, "ok");
	look(own, "ok", fixture_dir);
	ck_assert_str_eq(find_nth("ok", 0)->path, "(program)");
	ck_assert_str_eq(find_nth("ok", 1)->path, "(program)");
	ck_assert_ptr_nonnull(strstr(find_nth("ok", 2)->path, "/hy-backend-ok.so"));
	ck_assert_str_eq(find_nth("ok", 3)->path, "(built-in)");
	for (unsigned i = 1; i <= 3; i++)
		ck_assert_str_eq(find_nth("ok", i)->reason, "hidden by (program)");
	ck_assert_ptr_null(find_nth("ok", 4));
}
END_TEST

START_TEST(own_arrays_are_checked)
{
	struct hy_own_backend own[] = { { "mine", mine_entry }, { "Mine", mine_entry }, { NULL, NULL } };
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	options.own_backends = own;
	ck_assert_int_eq(hy_report_create(&options, &report), HY_E_INVALID);
	ck_assert_ptr_null(report);
	ck_assert_str_eq(hy_error()->text, "hy_host_options.own_backends[1]: 'Mine' can't be the name of a backend "
	                                   "(a-z 0-9 _ -, at most 32 of them)");
	own[1] = (struct hy_own_backend){ "other", NULL };
	ck_assert_int_eq(hy_report_create(&options, &report), HY_E_INVALID);
	ck_assert_str_eq(hy_error()->text, "hy_host_options.own_backends[1]: 'other' has no entry");
	/* A program of before there was the member. */
	options.size = offsetof(struct hy_host_options, own_backends);
	ck_assert_int_eq(hy_report_create(&options, &report), 0);
	ck_assert_ptr_null(find_nth("mine", 0));
}
END_TEST

/* --- The same checks as for files ---------------------------------------------------- */

static struct hy_backend changed;

static const struct hy_backend *changed_entry(const struct hy_services *services)
{
	(void)services;
	return &changed;
}

static const struct hy_backend *null_entry(const struct hy_services *services)
{
	(void)services;
	return NULL;
}

static void check_broken(const char *name, hy_backend_entry *entry, const char *reason)
{
	const struct hy_own_backend own[] = { { name, entry }, { NULL, NULL } };

	look(own, name, fixture_dir);
	ck_assert_str_eq(find(name)->reason, reason);
	ck_assert_uint_eq(find(name)->stage, HY_STAGE_ABI);
	ck_assert_ptr_null(hy__report_module(report, 0));
	/* It isn't asked again. */
	changed = mine_table;
	look(own, name, fixture_dir);
	ck_assert_str_eq(find(name)->reason, reason);
}

START_TEST(tables_are_checked)
{
	char reason[128];

	check_broken("nullret", null_entry, "its entry returned NULL: this build of it can do nothing");
	changed = mine_table;
	check_broken("misnamed", changed_entry, "calls itself 'mine', it was handed over as 'misnamed'");
	changed = mine_table;
	changed.vcpu_run = NULL;
	check_broken("nullop", changed_entry, "required operation vcpu_run is NULL");
	changed = mine_table;
	changed.abi_minor++;
	snprintf(reason, sizeof(reason), "built for backend ABI %u.%u, this libhy speaks %u.%u", HY_BACKEND_ABI_MAJOR,
	         HY_BACKEND_ABI_MINOR + 1, HY_BACKEND_ABI_MAJOR, HY_BACKEND_ABI_MINOR);
	check_broken("newer", changed_entry, reason);
	changed = mine_table;
	changed.name = NULL;
	check_broken("nameless", changed_entry, "name is NULL");
}
END_TEST

static int open_refused(struct hy_backend_host *host)
{
	return host->services->fail(HY_E_BUSY, 0, NULL, "wait", "somebody has it");
}

static const struct hy_backend *refused_entry(const struct hy_services *services)
{
	static struct hy_backend table;

	(void)services;
	table = mine_table;
	table.name = "refused";
	table.open = open_refused;
	return &table;
}

START_TEST(failures_are_told)
{
	static const struct hy_own_backend own[] = { { "refused", refused_entry }, { NULL, NULL } };
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;

	options.own_backends = own;
	options.path = fixture_dir;
	options.backend = "refused";
	ck_assert_int_eq(hy_host_open(&options, &host), HY_E_NO_BACKEND);
	ck_assert_ptr_nonnull(strstr(hy_error()->text, "\n  refused  (program)\n"
	                                               "           open: somebody has it (wait)\n"));
	options.backend = "refused,inner";
	ck_assert_int_eq(hy_host_open(&options, &host), 0);
	ck_assert_str_eq(hy_host_backend(host)->path, "(built-in)");
	ck_assert_int_eq(hy_host_close(host), 0);
}
END_TEST

static const struct hy_backend *reentering_entry(const struct hy_services *services)
{
	struct hy_report *inner;

	(void)services;
	return hy_report_create(NULL, &inner) == HY_E_BUSY && !inner ? NULL : &mine_table;
}

START_TEST(entries_do_not_reenter)
{
	static const struct hy_own_backend own[] = { { "reenters", reentering_entry }, { NULL, NULL } };

	look(own, NULL, fixture_dir);
	ck_assert_str_eq(find("reenters")->reason, "its entry returned NULL: this build of it can do nothing");
}
END_TEST

/* --- Once, whoever comes ---------------------------------------------------------------- */

static atomic_uint calls;

static const struct hy_backend *counting_entry(const struct hy_services *services)
{
	static struct hy_backend table;

	(void)services;
	table = mine_table;
	table.name = "counts";
	atomic_fetch_add(&calls, 1);
	return &table;
}

static const struct hy_own_backend counts[] = { { "counts", counting_entry }, { NULL, NULL } };

#define THREADS 8
static atomic_uint ready;

static void *make_reports(void *arg)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	uintptr_t failed = 0;

	(void)arg;
	options.own_backends = counts;
	options.backend = "counts";
	options.path = fixture_dir;
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < THREADS)
		hy__thread_yield();
	for (unsigned i = 0; i < 30; i++) {
		struct hy_host *host;

		failed += hy_host_open(&options, &host) != 0 || hy_host_close(host) != 0;
	}
	return (void *)failed;
}

START_TEST(entries_are_called_once)
{
	pthread_t thread[THREADS];
	void *failed;

	look(counts, "-counts", fixture_dir);
	ck_assert_uint_eq(atomic_load(&calls), 0);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, make_reports, NULL), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failed);
		ck_assert_ptr_null(failed);
	}
	ck_assert_uint_eq(atomic_load(&calls), 1);
}
END_TEST

/* A child of fork() knows what its parent knew, and opens its own host. */
START_TEST(children_open_theirs)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;
	int status;
	pid_t pid;

	look(mine, "mine", fixture_dir);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		options.own_backends = mine;
		options.backend = "mine";
		_exit(hy_host_open(&options, &host) || hy_host_close(host));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* --- Built in ------------------------------------------------------------------------- */

START_TEST(built_in_is_a_candidate)
{
	look(NULL, NULL, fixture_dir);
	ck_assert_str_eq(find("inner")->path, "(built-in)");
	ck_assert_uint_eq(find("inner")->stage, HY_STAGE_USABLE);
	ck_assert_uint_eq(find("inner")->priority, 199);
	ck_assert_uint_eq(find("inner")->chosen, 1);
	ck_assert_uint_eq(find("ok")->priority, 150);
}
END_TEST

START_TEST(directories_that_are_named_go_before_built_in)
{
	fixture_plugin(NULL, "ok");
	look(NULL, "ok", fixture_dir);
	ck_assert_ptr_nonnull(strstr(find_nth("ok", 0)->path, fixture_dir));
	ck_assert_str_eq(find_nth("ok", 1)->path, "(built-in)");
	ck_assert_ptr_nonnull(strstr(find_nth("ok", 1)->reason, fixture_dir));
	setenv("HY_BACKEND_PATH_ADD", fixture_dir, 1);
	look(NULL, "ok", "/nowhere");
	ck_assert_ptr_nonnull(strstr(find_nth("ok", 0)->path, fixture_dir));
}
END_TEST

START_TEST(built_in_goes_before_the_own_directory)
{
	look(NULL, "ok", NULL);
	ck_assert_str_eq(hy_report_dir(report, 0)->path, HY_BACKEND_DIR);
	ck_assert_str_eq(hy_report_dir(report, 0)->reason, "");
	ck_assert_str_eq(find_nth("ok", 0)->path, "(built-in)");
	ck_assert_str_eq(find_nth("ok", 1)->path, HY_BACKEND_DIR "/hy-backend-ok.so");
	ck_assert_str_eq(find_nth("ok", 1)->reason, "hidden by (built-in)");
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("builtin");
	TCase *own = add_case(suite, "own"), *builtin = add_case(suite, "builtin");

	tcase_add_test(own, own_is_a_candidate);
	tcase_add_test(own, own_is_opened);
	tcase_add_test(own, own_is_chosen_by_name);
	tcase_add_test(own, own_has_its_priority);
	tcase_add_test(own, own_hides_the_others);
	tcase_add_test(own, own_arrays_are_checked);
	tcase_add_test(own, tables_are_checked);
	tcase_add_test(own, failures_are_told);
	tcase_add_test(own, entries_do_not_reenter);
	tcase_add_test(own, entries_are_called_once);
	tcase_add_test(own, children_open_theirs);
	tcase_add_test(builtin, built_in_is_a_candidate);
	tcase_add_test(builtin, directories_that_are_named_go_before_built_in);
	tcase_add_test(builtin, built_in_goes_before_the_own_directory);
	return suite_run(suite);
}
