/* SPDX-License-Identifier: MIT */
/*
 * The loader as a whole: which files it finds, what it says of each, which it
 * prefers.  The plugins are in tests/plugins, one for each way of being wrong.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "loader.h"

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

/* Makes the report of some directories, without the environment. */
static void look(const char *backend, const char *path)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	options.flags = HY_HOST_IGNORE_ENV;
	options.backend = backend;
	options.path = path;
	hy_report_destroy(report);
	ck_assert_msg(hy_report_create(&options, &report) == 0, "%s", hy_error()->text);
}

/* The same of fixture_dir, with what the environment says. */
static void look_by_env(void)
{
	hy_report_destroy(report);
	ck_assert_msg(hy_report_create(NULL, &report) == 0, "%s", hy_error()->text);
}

static const struct hy_candidate *find(const char *name)
{
	const struct hy_candidate *candidate;

	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL; i++) {
		if (strcmp(candidate->name, name) == 0)
			return candidate;
	}
	ck_abort_msg("no candidate '%s'", name);
}

/* The names in their order: "ok perm". */
static const char *order(void)
{
	static char text[512];
	const struct hy_candidate *candidate;

	text[0] = '\0';
	for (size_t i = 0; (candidate = hy_report_candidate(report, i)) != NULL; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
		         candidate->name);
	return text;
}

static void check_verdict(const char *name, uint32_t stage, const char *reason)
{
	const struct hy_candidate *candidate = find(name);

	ck_assert_str_eq(candidate->reason, reason);
	ck_assert_uint_eq(candidate->stage, stage);
	ck_assert_uint_eq(candidate->chosen, 0);
}

/* --- Good plugins ----------------------------------------------------------------------- */

START_TEST(usable)
{
	const struct hy_candidate *ok;
	const struct hy__module *module;

	fixture_plugin(NULL, "ok");
	look(NULL, fixture_dir);
	ok = hy_report_candidate(report, 0);
	ck_assert_str_eq(ok->name, "ok");
	ck_assert_str_eq(ok->summary, "mock ok");
	ck_assert_str_eq(ok->version, "1");
	ck_assert_str_eq(ok->reason, "");
	ck_assert_str_eq(ok->hint, "");
	ck_assert_uint_eq(ok->stage, HY_STAGE_USABLE);
	ck_assert_uint_eq(ok->priority, 30);
	ck_assert_uint_eq(ok->chosen, 1);
	ck_assert_int_eq(ok->host_code, 0);
	ck_assert_ptr_null(hy_report_candidate(report, 1));
	module = hy__report_module(report, 0);
	ck_assert_ptr_nonnull(module);
	ck_assert_str_eq(module->ops.name, "ok");
	ck_assert_ptr_null(hy__report_module(report, 1));
	ck_assert(hy__report_allowed(report, 0));
	ck_assert(!hy__report_allowed(report, 1));
}
END_TEST

/* The core's defaults stand where a plugin has nothing. */
START_TEST(defaults_filled)
{
	fixture_plugin(NULL, "ok");
	look(NULL, fixture_dir);
	ck_assert(hy__report_module(report, 0)->ops.vcpu_reset != NULL);
}
END_TEST

START_TEST(longer_table)
{
	fixture_plugin(NULL, "newer");
	look(NULL, fixture_dir);
	ck_assert_uint_eq(find("newer")->stage, HY_STAGE_USABLE);
}
END_TEST

START_TEST(loaded_once)
{
	const struct hy__module *module;

	fixture_plugin(NULL, "ok");
	look(NULL, fixture_dir);
	module = hy__report_module(report, 0);
	look(NULL, fixture_dir);
	ck_assert_ptr_eq(hy__report_module(report, 0), module);
}
END_TEST

START_TEST(foreign_priority_is_cut)
{
	fixture_plugin(NULL, "badprio");
	look(NULL, fixture_dir);
	ck_assert_uint_eq(find("badprio")->priority, 99);
	ck_assert_uint_eq(hy__abi_priority(100000, false), 99);
	ck_assert_uint_eq(hy__abi_priority(100000, true), 199);
	ck_assert_uint_eq(hy__abi_priority(150, true), 150);
	ck_assert_uint_eq(hy__abi_priority(30, false), 30);
}
END_TEST

/* --- Broken plugins ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	uint32_t stage;
	const char *reason;
} broken[] = {
	{ "badfunc", HY_STAGE_LOAD, "undefined symbol: no_such_func" },
	{ "old", HY_STAGE_ABI, "built for backend ABI 0.3, this libhy speaks 0.2" },
	{ "othermajor", HY_STAGE_ABI, "built for backend ABI 1, this libhy speaks 0" },
	{ "nosym", HY_STAGE_ABI, "no symbol hy_backend_entry_v0: not a libhy backend" },
	{ "libhy", HY_STAGE_ABI, "this is libhy itself, not a backend of it" },
	{ "nullret", HY_STAGE_ABI, "its entry returned NULL: this build of it can do nothing" },
	{ "nullop", HY_STAGE_ABI, "required operation vcpu_run is NULL" },
	{ "misnamed", HY_STAGE_ABI, "calls itself 'else', its file name says 'misnamed'" },
	{ "needsnew", HY_STAGE_ABI, "needs libhy backend ABI 0.99, this is 0.2" },
	{ "halfpair", HY_STAGE_ABI, "operation memory_alloc is there without memory_free" },
	{ "bigpriv", HY_STAGE_ABI, "vm_size is 1099511627776, more than 1048576" },
	{ "noarch", HY_STAGE_ABI, "it has no guest architecture" },
	{ "noreset", HY_STAGE_ABI, "HY_ARCH_CUSTOM needs operation vcpu_reset, which is NULL" },
	{ "nosummary", HY_STAGE_ABI, "summary is NULL" },
	{ "noreason", HY_STAGE_PROBE, "gave no reason" },
	{ "perm", HY_STAGE_PROBE, "open /dev/perm: Permission denied" },
};

START_TEST(broken_plugins)
{
	fixture_plugin(NULL, broken[_i].name);
	look(NULL, fixture_dir);
	check_verdict(broken[_i].name, broken[_i].stage, broken[_i].reason);
	ck_assert_ptr_null(hy__report_module(report, 0));
	/* The same when it is known. */
	look(NULL, fixture_dir);
	check_verdict(broken[_i].name, broken[_i].stage, broken[_i].reason);
}
END_TEST

START_TEST(short_table)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "table is 8 bytes, the smallest valid one is %zu",
	         offsetof(struct hy_backend, x86_get_xsave));
	fixture_plugin(NULL, "short");
	look(NULL, fixture_dir);
	check_verdict("short", HY_STAGE_ABI, expected);
}
END_TEST

START_TEST(probe_answer)
{
	fixture_plugin(NULL, "perm");
	look(NULL, fixture_dir);
	ck_assert_uint_eq(find("perm")->probe_status, HY_PROBE_NO_PERMISSION);
	ck_assert_int_eq(find("perm")->host_code, EACCES);
	ck_assert_str_eq(find("perm")->hint, "sudo usermod -aG perm USER");
	ck_assert_str_eq(find("perm")->summary, "mock perm");
}
END_TEST

START_TEST(wild_answer)
{
	const struct hy_candidate *wild;

	fixture_plugin(NULL, "wild");
	look(NULL, fixture_dir);
	wild = find("wild");
	ck_assert_uint_eq(wild->stage, HY_STAGE_PROBE);
	ck_assert_uint_eq(wild->probe_status, HY_PROBE_ERROR);
	ck_assert_int_eq(strncmp(wild->reason, "unknown status 77: www", 22), 0);
	ck_assert_uint_eq(strlen(wild->reason), strlen("unknown status 77: ") + 159);
	ck_assert_ptr_null(strchr(wild->hint, '\n'));
}
END_TEST

START_TEST(reentry)
{
	char *path = fixture_mock("reenter");
	int (**hook)(const struct hy_host_options *, struct hy_report **);
	void *module;

	fixture_plugin(NULL, "reenter");
	module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_ptr_nonnull(module);
	hook = dlsym(module, "mock_reenter");
	ck_assert_ptr_nonnull(hook);
	*hook = hy_report_create;
	look(NULL, fixture_dir);
	ck_assert_int_eq(find("reenter")->host_code, HY_E_BUSY);
	ck_assert_int_eq(hy_error()->code, HY_E_BUSY);
	/* And it is over with the probe. */
	look(NULL, fixture_dir);
	free(path);
}
END_TEST

/* --- Files that are no plugins ---------------------------------------------------------------- */

static void write_plugin(const char *name, const void *data, size_t size)
{
	char file[64], *path;

	snprintf(file, sizeof(file), "hy-backend-%s.so", name);
	path = fixture_path(file);
	fixture_write(path, data, size);
	free(path);
}

static char *plugin_path(const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "hy-backend-%s.so", name);
	return fixture_path(file);
}

START_TEST(odd_files)
{
	char *dir = plugin_path("dir"), *dangling = plugin_path("dangling"),
	     *fifo = plugin_path("fifo");

	write_plugin("junk", "#!/bin/sh\n", 10);
	write_plugin("empty", "", 0);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	ck_assert_int_eq(symlink("/no/such/file", dangling), 0);
	ck_assert_int_eq(mkfifo(fifo, 0644), 0);
	look(NULL, fixture_dir);
	check_verdict("junk", HY_STAGE_SCAN, "not a shared library (no ELF header)");
	check_verdict("empty", HY_STAGE_SCAN, "empty file");
	check_verdict("dir", HY_STAGE_SCAN, "is a directory");
	check_verdict("dangling", HY_STAGE_SCAN, "dangling link to /no/such/file");
	check_verdict("fifo", HY_STAGE_SCAN, "not a regular file");
	ck_assert_str_eq(order(), "dangling dir empty fifo junk");
	free(fifo);
	free(dangling);
	free(dir);
}
END_TEST

START_TEST(unreadable)
{
	char *path = plugin_path("secret");

	write_plugin("secret", "x", 1);
	ck_assert_int_eq(chmod(path, 0), 0);
	look(NULL, fixture_dir);
	/* Nothing is unreadable to root. */
	if (geteuid() != 0)
		check_verdict("secret", HY_STAGE_SCAN, "open: Permission denied (EACCES)");
	free(path);
}
END_TEST

START_TEST(broken_copies)
{
	char *path = fixture_mock("ok");
	size_t size;
	unsigned char *image = fixture_read(path, &size);

	/* Each segment begins on a page of its own: this is within the second. */
	write_plugin("half", image, 5000);
	write_plugin("head", image, 40);
	image[18] ^= 0x80;
	write_plugin("machine", image, size);
	image[18] ^= 0x80;
	image[4] ^= 3;
	write_plugin("class", image, size);
	look(NULL, fixture_dir);
	ck_assert_int_eq(strncmp(find("half")->reason, "truncated: ", 11), 0);
	ck_assert_int_eq(strncmp(find("head")->reason, "truncated: ", 11), 0);
	ck_assert_int_eq(strncmp(find("machine")->reason, "built for ", 10), 0);
	ck_assert_int_eq(strncmp(find("class")->reason, "built for ", 10), 0);
	free(image);
	free(path);
}
END_TEST

/* A copy whose libc has another name: one that isn't there. */
START_TEST(missing_library)
{
	static const char libc[] = "libc.so.6";
	char *path = fixture_mock("ok");
	size_t size;
	unsigned char *image = fixture_read(path, &size), *needed;

	needed = memmem(image, size, libc, sizeof(libc));
	if (needed) {
		needed[3] = 'X';
		write_plugin("badlib", image, size);
		look(NULL, fixture_dir);
		check_verdict(
			"badlib", HY_STAGE_LOAD,
			"libX.so.6: cannot open shared object file: No such file or directory");
	}
	free(image);
	free(path);
}
END_TEST

START_TEST(names)
{
	write_plugin("Upper", "x", 1);
	write_plugin("-dash", "x", 1);
	write_plugin("auto", "x", 1);
	write_plugin("", "x", 1);
	write_plugin("abcdefghijklmnopqrstuvwxyz0123456", "x", 1);
	fixture_plugin(NULL, "ok");
	look(NULL, fixture_dir);
	check_verdict("Upper", HY_STAGE_SCAN,
	              "'Upper' can't be the name of a backend (a-z 0-9 _ -, at most 32 of them)");
	ck_assert_str_eq(order(), "ok  -dash Upper abcdefghijklmnopqrstuvwxyz0123456 auto");
}
END_TEST

START_TEST(other_files_are_ignored)
{
	static const char *const files[] = { "hy-backend-a.so.1", "hy-backend-b",  "libhy.so",
		                             "hy-backend-.s",     "hy-backend.so", ".so",
		                             "x-hy-backend-c.so" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = fixture_path(files[i]);

		fixture_write(path, "x", 1);
		free(path);
	}
	look(NULL, fixture_dir);
	ck_assert_str_eq(order(), "");
}
END_TEST

/* --- Trust ------------------------------------------------------------------------------------ */

START_TEST(mistrust)
{
	ck_assert_ptr_null(hy__mistrust(0, 0755, 1000, false));
	ck_assert_ptr_null(hy__mistrust(1000, 0644, 1000, false));
	ck_assert_ptr_null(hy__mistrust(1000, 0664, 1000, false));
	ck_assert_ptr_null(hy__mistrust(0, 0755, 1000, true));
	ck_assert_str_eq(hy__mistrust(0, 0664, 0, true), "is writable by its group");
	ck_assert_str_eq(hy__mistrust(0, 0757, 0, false), "is writable by everyone");
	ck_assert_str_eq(hy__mistrust(0, 01777, 0, false), "is writable by everyone");
	ck_assert_str_eq(hy__mistrust(1001, 0644, 1000, false), "belongs to another user");
	ck_assert_str_eq(hy__mistrust(1000, 0644, 0, false), "belongs to another user");
}
END_TEST

START_TEST(guarded_files)
{
	struct hy__verdict verdict = { .reason = "" };
	struct hy__file_id id;
	char *path = fixture_path("file"), expected[600];

	fixture_write(path, "x", 1);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(hy__file_check(path, false, &id, &verdict), 0);
	ck_assert_int_eq(hy__file_check(path, true, &id, &verdict), HY_E_NO_BACKEND);
	snprintf(expected, sizeof(expected), "not trusted: %s is writable by everyone", path);
	ck_assert_str_eq(verdict.reason, expected);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(hy__file_check(path, true, &id, &verdict), 0);
	free(path);
}
END_TEST

START_TEST(guarded_dirs)
{
	struct hy__verdict verdict = { .reason = "" };

	ck_assert_int_eq(hy__dir_check(fixture_dir, true, &verdict), 0);
	ck_assert_int_eq(chmod(fixture_dir, 0777), 0);
	ck_assert_int_eq(hy__dir_check(fixture_dir, false, &verdict), 0);
	ck_assert_int_eq(hy__dir_check(fixture_dir, true, &verdict), HY_E_NO_BACKEND);
}
END_TEST

/* --- Directories
 * ---------------------------------------------------------------------------------- */

static void check_dir(size_t i, const char *path, const char *origin, const char *reason)
{
	const struct hy_search_dir *dir = hy_report_dir(report, i);

	ck_assert_ptr_nonnull(dir);
	ck_assert_str_eq(dir->path, path);
	ck_assert_str_eq(dir->origin, origin);
	if (reason)
		ck_assert_str_eq(dir->reason, reason);
}

START_TEST(built_in_dir)
{
	look_by_env();
	check_dir(0, HY_BACKEND_DIR, "built-in", NULL);
	ck_assert_ptr_null(hy_report_dir(report, 1));
}
END_TEST

START_TEST(env_dirs)
{
	setenv("HY_BACKEND_PATH", "/nowhere/a:/nowhere/b", 1);
	setenv("HY_BACKEND_PATH_ADD", "/nowhere/c", 1);
	look_by_env();
	check_dir(0, "/nowhere/c", "HY_BACKEND_PATH_ADD", "no such directory");
	check_dir(1, "/nowhere/a", "HY_BACKEND_PATH", "no such directory");
	check_dir(2, "/nowhere/b", "HY_BACKEND_PATH", "no such directory");
	ck_assert_ptr_null(hy_report_dir(report, 3));
}
END_TEST

START_TEST(env_add_alone)
{
	setenv("HY_BACKEND_PATH_ADD", "/nowhere/c", 1);
	look_by_env();
	check_dir(0, "/nowhere/c", "HY_BACKEND_PATH_ADD", NULL);
	check_dir(1, HY_BACKEND_DIR, "built-in", NULL);
}
END_TEST

START_TEST(option_beats_env)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	setenv("HY_BACKEND_PATH", "/nowhere/a", 1);
	setenv("HY_BACKEND_PATH_ADD", "/nowhere/b", 1);
	options.path = "/nowhere/c";
	ck_assert_int_eq(hy_report_create(&options, &report), 0);
	check_dir(0, "/nowhere/b", "HY_BACKEND_PATH_ADD", NULL);
	check_dir(1, "/nowhere/c", "option path", NULL);
	hy_report_destroy(report);
	options.path_add = "/nowhere/d";
	ck_assert_int_eq(hy_report_create(&options, &report), 0);
	check_dir(0, "/nowhere/d", "option path_add", NULL);
	check_dir(1, "/nowhere/c", "option path", NULL);
	ck_assert_ptr_null(hy_report_dir(report, 2));
}
END_TEST

START_TEST(env_ignored)
{
	setenv("HY_BACKEND", "!", 1);
	setenv("HY_BACKEND_PATH", "/nowhere/a", 1);
	setenv("HY_BACKEND_PATH_ADD", "/nowhere/b", 1);
	look(NULL, NULL);
	check_dir(0, HY_BACKEND_DIR, "built-in", NULL);
	ck_assert_ptr_null(hy_report_dir(report, 1));
}
END_TEST

START_TEST(odd_dirs)
{
	char path[1024];

	snprintf(path, sizeof(path), "relative:%s/::%s:../x:/", fixture_dir, fixture_dir);
	fixture_plugin(NULL, "ok");
	look(NULL, path);
	check_dir(0, "relative", "option path", "not an absolute path");
	check_dir(1, fixture_dir, "option path", "");
	check_dir(2, fixture_dir, "option path", "is in the list before");
	check_dir(3, "../x", "option path", "not an absolute path");
	check_dir(4, "/", "option path", "");
	ck_assert_str_eq(order(), "ok");
}
END_TEST

START_TEST(dir_is_a_file)
{
	char *path = fixture_path("file");

	fixture_write(path, "x", 1);
	look(NULL, path);
	check_dir(0, path, "option path", "not a directory");
	free(path);
}
END_TEST

START_TEST(name_in_two_dirs)
{
	char *first = fixture_mkdir("1"), *second = fixture_mkdir("2"), path[1024], expected[600];
	const struct hy_candidate *hidden;

	fixture_plugin(first, "ok");
	fixture_plugin(second, "ok");
	fixture_plugin(second, "newer");
	snprintf(path, sizeof(path), "%s:%s", first, second);
	look(NULL, path);
	ck_assert_str_eq(order(), "newer ok ok");
	hidden = hy_report_candidate(report, 2);
	snprintf(expected, sizeof(expected), "hidden by %s/hy-backend-ok.so", first);
	ck_assert_str_eq(hidden->reason, expected);
	ck_assert_uint_eq(hidden->stage, HY_STAGE_SCAN);
	ck_assert_int_eq(strncmp(hy_report_candidate(report, 1)->path, first, strlen(first)), 0);
	ck_assert(!hy__report_allowed(report, 2));
	free(second);
	free(first);
}
END_TEST

/* --- Order and choice
 * ----------------------------------------------------------------------------- */

static void five_plugins(void)
{
	static const char *const plugins[] = { "tie-b", "tie-a", "ok", "top", "perm" };

	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
		fixture_plugin(NULL, plugins[i]);
}

START_TEST(best_first)
{
	five_plugins();
	look(NULL, fixture_dir);
	ck_assert_str_eq(order(), "top tie-a tie-b ok perm");
	ck_assert_uint_eq(hy_report_candidate(report, 0)->chosen, 1);
	for (size_t i = 1; i < 5; i++)
		ck_assert_uint_eq(hy_report_candidate(report, i)->chosen, 0);
}
END_TEST

static const struct {
	const char *list;
	const char *order;
	const char *chosen;
} choices[] = {
	{ "ok", "ok perm tie-a tie-b top", "ok" },
	{ "ok,top", "ok top perm tie-a tie-b", "ok" },
	{ "perm,tie-b", "tie-b ok perm tie-a top", "tie-b" },
	{ "-top", "tie-a tie-b ok perm top", "tie-a" },
	{ "tie-b,auto", "tie-b top tie-a ok perm", "tie-b" },
	{ "auto", "top tie-a tie-b ok perm", "top" },
	{ "perm", "ok perm tie-a tie-b top", "" },
	{ "none", "ok perm tie-a tie-b top", "" },
};

START_TEST(choice_orders)
{
	const struct hy_candidate *first;

	five_plugins();
	look(choices[_i].list, fixture_dir);
	ck_assert_str_eq(order(), choices[_i].order);
	first = hy_report_candidate(report, 0);
	ck_assert_str_eq(first->chosen ? first->name : "", choices[_i].chosen);
}
END_TEST

/* Nothing of a plugin runs that wasn't asked for. */
START_TEST(not_asked_for)
{
	fixture_plugin(NULL, "ok");
	fixture_plugin(NULL, "badfunc");
	look("ok", fixture_dir);
	check_verdict("badfunc", HY_STAGE_SCAN, "not asked for (option backend=ok)");
	ck_assert_str_eq(find("badfunc")->summary, "");
	setenv("HY_BACKEND", "-ok", 1);
	setenv("HY_BACKEND_PATH", fixture_dir, 1);
	look_by_env();
	check_verdict("ok", HY_STAGE_SCAN, "not asked for (HY_BACKEND=-ok)");
}
END_TEST

START_TEST(bad_choice)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	setenv("HY_BACKEND", "kvm,K", 1);
	ck_assert_int_eq(hy_report_create(NULL, &report), HY_E_INVALID);
	ck_assert_ptr_null(report);
	ck_assert_ptr_nonnull(strstr(hy_error()->text, "HY_BACKEND: 'K'"));
	options.backend = "!";
	ck_assert_int_eq(hy_report_create(&options, &report), HY_E_INVALID);
	ck_assert_ptr_nonnull(strstr(hy_error()->text, "option backend: '!'"));
	/* An option that is set beats the variable, bad or not. */
	options.backend = "kvm";
	ck_assert_int_eq(hy_report_create(&options, &report), 0);
}
END_TEST

START_TEST(bad_options)
{
	struct {
		struct hy_host_options known;
		uint64_t later;
	} longer = { .known = HY_HOST_OPTIONS_INIT };
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;

	ck_assert_int_eq(hy_report_create(NULL, NULL), HY_E_INVALID);
	options.size = 0;
	ck_assert_int_eq(hy_report_create(&options, &report), HY_E_INVALID);
	options.size = sizeof(options);
	options.flags = 2;
	ck_assert_int_eq(hy_report_create(&options, &report), HY_E_INVALID);
	options.flags = 0;
	options.reserved = 1;
	ck_assert_int_eq(hy_report_create(&options, &report), HY_E_INVALID);
	longer.known.size = sizeof(longer);
	longer.later = 1;
	ck_assert_int_eq(hy_report_create(&longer.known, &report), HY_E_INVALID);
	longer.later = 0;
	ck_assert_int_eq(hy_report_create(&longer.known, &report), 0);
}
END_TEST

START_TEST(null_report)
{
	hy_report_destroy(NULL);
	ck_assert_ptr_null(hy_report_candidate(NULL, 0));
	ck_assert_ptr_null(hy_report_dir(NULL, 0));
}
END_TEST

/* --- Opening, as hy_host_open does it
 * --------------------------------------------------------------- */

static int open_first(void)
{
	struct hy_backend_host host = { .services = &hy__services };
	const struct hy__module *module = hy__report_module(report, 0);
	const char *before = hy__enter_backend(module->ops.name);
	int status = module->ops.open(&host);

	hy__leave_backend(before);
	return status;
}

START_TEST(open_fails)
{
	const struct hy_candidate *first, *second;

	fixture_plugin(NULL, "openfail");
	fixture_plugin(NULL, "ok");
	look(NULL, fixture_dir);
	first = hy_report_candidate(report, 0);
	second = hy_report_candidate(report, 1);
	ck_assert_str_eq(first->name, "openfail");
	ck_assert_int_eq(open_first(), HY_E_BUSY);
	hy__report_open_failed(report, 0);
	ck_assert_uint_eq(first->stage, HY_STAGE_OPEN);
	ck_assert_str_eq(first->reason, "open /dev/openfail: Device or resource busy (EBUSY)");
	ck_assert_str_eq(first->hint, "stop the other one");
	ck_assert_int_eq(first->host_code, EBUSY);
	ck_assert_uint_eq(first->chosen, 0);
	ck_assert_ptr_null(hy__report_module(report, 0));
	ck_assert_ptr_nonnull(hy__report_module(report, 1));
	hy__report_opened(report, 1);
	ck_assert_uint_eq(second->chosen, 1);
}
END_TEST

START_TEST(host_takes_the_next)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;

	fixture_plugin(NULL, "openfail");
	fixture_plugin(NULL, "ok");
	options.flags = HY_HOST_IGNORE_ENV;
	options.path = fixture_dir;
	ck_assert_int_eq(hy_host_open(&options, &host), 0);
	ck_assert_str_eq(hy_host_backend(host)->name, "ok");
	ck_assert_uint_eq(hy_host_backend(host)->chosen, 1);
	ck_assert_uint_eq(hy_report_candidate(hy_host_report(host), 0)->stage, HY_STAGE_OPEN);
	ck_assert_int_eq(hy_host_close(host), 0);
}
END_TEST

START_TEST(host_keeps_to_the_choice)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;

	fixture_plugin(NULL, "openfail");
	fixture_plugin(NULL, "ok");
	options.flags = HY_HOST_IGNORE_ENV;
	options.path = fixture_dir;
	options.backend = "openfail";
	ck_assert_int_eq(hy_host_open(&options, &host), HY_E_NO_BACKEND);
	ck_assert_ptr_null(host);
	ck_assert_ptr_nonnull(
		strstr(hy_error()->text, "open: open /dev/openfail: Device or resource busy"));
	ck_assert_str_eq(hy_error()->hint, "stop the other one");
	options.backend = "openfai";
	ck_assert_int_eq(hy_host_open(&options, &host), HY_E_NOT_FOUND);
	ck_assert_ptr_null(host);
}
END_TEST

/* --- The whole story
 * ------------------------------------------------------------------------------------ */

static void check_story(int code, const char *format, ...) HY_PRINTF(2, 3);

static void check_story(int code, const char *format, ...)
{
	char expected[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	ck_assert_int_eq(hy__report_fail(report), code);
	ck_assert_int_eq(hy_error()->code, code);
	ck_assert_str_eq(hy_error()->text, expected);
}

static const char install_hint[] = "install a backend package, for example hy-backend-kvm, or hy-backend-soft, which "
                                   "needs no hypervisor; or name a directory with HY_BACKEND_PATH";

START_TEST(story_of_nothing)
{
	look(NULL, fixture_dir);
	check_story(HY_E_NO_BACKEND, "no usable hypervisor backend\nsearched: %s (option path)",
	            fixture_dir);
	ck_assert_str_eq(hy_error()->hint, install_hint);
	look(NULL, "/nowhere/a:b");
	check_story(HY_E_NO_BACKEND, "no usable hypervisor backend\n"
	                             "searched: /nowhere/a (option path: no such directory), "
	                             "b (option path: not an absolute path)");
	look("kvm", "/nowhere/a");
	check_story(HY_E_NOT_FOUND, "option backend=kvm: no such backend; found: none; "
	                            "searched: /nowhere/a (option path: no such directory)");
	ck_assert_str_eq(hy_error()->hint, install_hint);
}
END_TEST

START_TEST(story_of_a_wrong_name)
{
	fixture_plugin(NULL, "ok");
	fixture_plugin(NULL, "perm");
	setenv("HY_BACKEND", "okk", 1);
	setenv("HY_BACKEND_PATH", fixture_dir, 1);
	look_by_env();
	check_story(
		HY_E_NOT_FOUND,
		"HY_BACKEND=okk: no such backend; found: ok, perm; searched: %s (HY_BACKEND_PATH)",
		fixture_dir);
	ck_assert_str_eq(hy_error()->hint, "");
}
END_TEST

START_TEST(story_of_failures)
{
	const char *dir = fixture_dir;

	fixture_plugin(NULL, "noreason");
	fixture_plugin(NULL, "nosym");
	fixture_plugin(NULL, "perm");
	look(NULL, fixture_dir);
	check_story(HY_E_NO_BACKEND,
	            "no usable hypervisor backend\n"
	            "  noreason  %s/hy-backend-noreason.so\n"
	            "            probe: gave no reason\n"
	            "  nosym     %s/hy-backend-nosym.so\n"
	            "            abi: no symbol hy_backend_entry_v0: not a libhy backend\n"
	            "  perm      %s/hy-backend-perm.so\n"
	            "            probe: open /dev/perm: Permission denied (sudo usermod -aG perm "
	            "USER)\n"
	            "searched: %s (option path)",
	            dir, dir, dir, dir);
	ck_assert_str_eq(hy_error()->hint, "sudo usermod -aG perm USER");
}
END_TEST

START_TEST(story_of_a_strict_choice)
{
	const char *dir = fixture_dir;

	fixture_plugin(NULL, "ok");
	fixture_plugin(NULL, "perm");
	look("perm,kvm", fixture_dir);
	check_story(
		HY_E_NO_BACKEND,
		"no usable hypervisor backend (option backend=perm,kvm)\n"
		"  ok    %s/hy-backend-ok.so\n"
		"        scan: not asked for (option backend=perm,kvm)\n"
		"  perm  %s/hy-backend-perm.so\n"
		"        probe: open /dev/perm: Permission denied (sudo usermod -aG perm USER)\n"
		"  kvm   not found\n"
		"searched: %s (option path)",
		dir, dir, dir);
}
END_TEST

START_TEST(long_story)
{
	for (char c = 'a'; c <= 'z'; c++) {
		char name[33];

		memset(name, c, 32);
		name[32] = '\0';
		write_plugin(name, "junk", 4);
	}
	look(NULL, fixture_dir);
	ck_assert_int_eq(hy__report_fail(report), HY_E_NO_BACKEND);
	ck_assert_uint_lt(strlen(hy_error()->text), 4096);
}
END_TEST

/* --- Threads and leaks
 * -------------------------------------------------------------------------------------- */

static unsigned count_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

START_TEST(no_descriptor_stays)
{
	unsigned before;

	five_plugins();
	write_plugin("junk", "x", 1);
	fixture_plugin(NULL, "badfunc");
	look(NULL, fixture_dir);
	before = count_fds();
	for (unsigned i = 0; i < 100; i++)
		look(NULL, fixture_dir);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

#define THREADS 8
static atomic_uint ready;

/* All begin at once, when nothing is loaded yet. */
static void wait_for_others(void)
{
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < THREADS)
		hy__thread_yield();
}

static void *make_reports(void *arg)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	uintptr_t failed = 0;

	(void)arg;
	options.flags = HY_HOST_IGNORE_ENV;
	options.path = fixture_dir;
	wait_for_others();
	for (unsigned i = 0; i < 30; i++) {
		struct hy_report *mine;

		failed += hy_report_create(&options, &mine) != 0;
		failed += !hy_report_candidate(mine, 0) ||
		          strcmp(hy_report_candidate(mine, 0)->name, "top") != 0;
		hy_report_destroy(mine);
	}
	return (void *)failed;
}

START_TEST(many_threads)
{
	pthread_t thread[THREADS];
	void *failed;

	five_plugins();
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (strcmp(broken[i].name, "perm") != 0)
			fixture_plugin(NULL, broken[i].name);
	}
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, make_reports, NULL), 0);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failed);
		ck_assert_ptr_null(failed);
	}
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

static void add_plugin_tests(Suite *suite)
{
	TCase *tcase = add_case(suite, "plugins");

	tcase_add_test(tcase, usable);
	tcase_add_test(tcase, defaults_filled);
	tcase_add_test(tcase, longer_table);
	tcase_add_test(tcase, loaded_once);
	tcase_add_test(tcase, foreign_priority_is_cut);
	tcase_add_loop_test(tcase, broken_plugins, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(tcase, short_table);
	tcase_add_test(tcase, probe_answer);
	tcase_add_test(tcase, wild_answer);
	tcase_add_test(tcase, reentry);
	tcase_add_test(tcase, open_fails);
	tcase_add_test(tcase, host_takes_the_next);
	tcase_add_test(tcase, host_keeps_to_the_choice);
}

static void add_file_tests(Suite *suite)
{
	TCase *tcase = add_case(suite, "files");

	tcase_add_test(tcase, odd_files);
	tcase_add_test(tcase, unreadable);
	tcase_add_test(tcase, broken_copies);
	tcase_add_test(tcase, missing_library);
	tcase_add_test(tcase, names);
	tcase_add_test(tcase, other_files_are_ignored);
	tcase_add_test(tcase, mistrust);
	tcase_add_test(tcase, guarded_files);
	tcase_add_test(tcase, guarded_dirs);
}

static void add_search_tests(Suite *suite)
{
	TCase *tcase = add_case(suite, "search");

	tcase_add_test(tcase, built_in_dir);
	tcase_add_test(tcase, env_dirs);
	tcase_add_test(tcase, env_add_alone);
	tcase_add_test(tcase, option_beats_env);
	tcase_add_test(tcase, env_ignored);
	tcase_add_test(tcase, odd_dirs);
	tcase_add_test(tcase, dir_is_a_file);
	tcase_add_test(tcase, name_in_two_dirs);
}

static void add_choice_tests(Suite *suite)
{
	TCase *tcase = add_case(suite, "choice");

	tcase_add_test(tcase, best_first);
	tcase_add_loop_test(tcase, choice_orders, 0, sizeof(choices) / sizeof(choices[0]));
	tcase_add_test(tcase, not_asked_for);
	tcase_add_test(tcase, bad_choice);
	tcase_add_test(tcase, bad_options);
	tcase_add_test(tcase, null_report);
}

static void add_story_tests(Suite *suite)
{
	TCase *tcase = add_case(suite, "story");

	tcase_add_test(tcase, story_of_nothing);
	tcase_add_test(tcase, story_of_a_wrong_name);
	tcase_add_test(tcase, story_of_failures);
	tcase_add_test(tcase, story_of_a_strict_choice);
	tcase_add_test(tcase, long_story);
	tcase_add_test(tcase, no_descriptor_stays);
	tcase_add_test(tcase, many_threads);
}

int main(void)
{
	Suite *suite = suite_create("loader");

	add_plugin_tests(suite);
	add_file_tests(suite);
	add_search_tests(suite);
	add_choice_tests(suite);
	add_story_tests(suite);
	return suite_run(suite);
}
