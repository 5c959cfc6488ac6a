/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "suite.h"

static const char *fake_dir(void)
{
	const char *dir = getenv("HY_TEST_FAKE");

	ck_assert_msg(dir != NULL, "HY_TEST_FAKE must name the directory of the fake backend");
	return dir;
}

static struct fake_control *fake;
static const char *fake_name;

static void set_usual_caps(void)
{
	fake->cap[HY_CAP_GRANULE] = (struct hy_cap){ .how = HY_CAP_HOST, .value = 4096 };
	fake->cap[HY_CAP_GPA_BITS] = (struct hy_cap){ .how = HY_CAP_HOST, .value = 40 };
	fake->cap[HY_CAP_MAX_VCPUS] = (struct hy_cap){ .how = HY_CAP_HOST, .value = 8 };
	fake->cap[HY_CAP_MAP_MEMORY].how = HY_CAP_HOST;
	fake->cap[HY_CAP_READ_ONLY].how = HY_CAP_HOST;
	fake->cap[HY_CAP_CPUID].how = HY_CAP_HOST;
}

struct fake_control *fake_load(const char *name)
{
	char path[4096];
	void *module;

	fake_name = name;
	snprintf(path, sizeof(path), "%s/hy-backend-%s.so", fake_dir(), name);
	module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	ck_assert_msg(module != NULL, "%s", dlerror());
	fake = dlsym(module, "fake_control");
	ck_assert_ptr_nonnull(fake);
	dlclose(module);
	memset(fake, 0, sizeof(*fake));
	set_usual_caps();
	return fake;
}

struct hy_host *fake_host(void)
{
	struct hy_host_options options = HY_HOST_OPTIONS_INIT;
	struct hy_host *host;
	int status;

	options.flags = HY_HOST_IGNORE_ENV;
	options.path = fake_dir();
	options.backend = fake_name;
	status = hy_host_open(&options, &host);
	ck_assert_msg(status == 0, "%s", hy_error()->text);
	return host;
}

void fake_close_clean(struct hy_host *host)
{
	ck_assert_int_eq(hy_host_close(host), 0);
	ck_assert_msg(fake->broken == 0, "%s", fake->last_broken);
	ck_assert_uint_eq(fake->regions, 0);
	ck_assert_int_eq(fake->allocated, 0);
	ck_assert_int_eq(fake->vcpus, 0);
	ck_assert_int_eq(fake->vms, 0);
	ck_assert_int_eq(fake->hosts, 0);
}

void expect_error(int status, int code, const char *part)
{
	ck_assert_msg(status == code, "status is %s, should be %s: %s", hy_status_name(status), hy_status_name(code),
	              hy_error()->text);
	ck_assert_int_eq(hy_error()->code, code);
	ck_assert_msg(strstr(hy_error()->text, part) != NULL, "no '%s' in: %s", part, hy_error()->text);
}

int run_suite(const char *name, const TTest **tests, double timeout)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, timeout);
	for (; *tests; tests++)
		tcase_add_test(tcase, *tests);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
