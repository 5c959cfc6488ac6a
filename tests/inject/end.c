/* SPDX-License-Identifier: MIT */
/* The end of a case under which a call has failed: was it named, and what is left? */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inject.h"
#include "unwind.h"

static struct {
	pthread_t thread;
	unsigned descriptors, mappings;
} at_begin;

/* --- What is left ------------------------------------------------------------------ */

/* Descriptors of the library and the plugin: of KVM, and of the files of backends. */
static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	char target[256];
	unsigned count = 0;

	while (dir && (entry = readdir(dir)) != NULL) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		count += strstr(target, "kvm") != NULL || strstr(target, "hy-backend-") != NULL;
	}
	if (dir)
		closedir(dir);
	return count;
}

static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned count = 0;

	while (maps && fgets(line, sizeof(line), maps))
		count += strstr(line, "kvm-vcpu") != NULL;
	if (maps)
		fclose(maps);
	return count;
}

static bool complain(const char *what, long count)
{
	if (count != 0)
		printf("left behind: %ld %s\n", count, what);
	return count != 0;
}

static bool leaks(void)
{
	bool found = complain("objects with the plugin", inject_state->objects);

	found |= complain("allocations", inject_state->live);
	found |= complain("descriptors", (long)count_descriptors() - (long)at_begin.descriptors);
	found |= complain("mappings of vCPUs", (long)count_mappings() - (long)at_begin.mappings);
	return found;
}

/* --- The two moments ------------------------------------------------------------------ */

static void begin(void)
{
	at_begin.thread = pthread_self();
	at_begin.descriptors = count_descriptors();
	at_begin.mappings = count_mappings();
	inject_state->pid = getpid();
}

static bool is_named(void)
{
	const struct hy_error *error = hy_error();

	if (error->code < 0 && strstr(error->text, inject_word(inject_state->kind)))
		return true;
	printf("hy_error(): %s: %s\n", hy_status_name(error->code), error->text);
	return false;
}

/* A failure of the case: whether it is the one that was ordered. */
static enum run_status judge_failure(void)
{
	if (!inject_state->fired)
		return RUN_BROKEN;
	return is_named() ? RUN_ENDED : RUN_UNNAMED;
}

static enum run_status judge(enum case_status status)
{
	switch (status) {
	case CASE_FAILED:
		return judge_failure();
	case CASE_SKIPPED:
		return RUN_SKIPPED;
	default:
		return RUN_PASSED;
	}
}

static int end(enum case_status status)
{
	enum run_status verdict;

	if (inject_state->pid != getpid())
		return status; /* a process that the case has made */
	verdict = judge(status);
	if (verdict == RUN_BROKEN || verdict == RUN_UNNAMED)
		return verdict;
	if (!pthread_equal(at_begin.thread, pthread_self()) || inject_state->case_threads != 0)
		return RUN_INCONCLUSIVE;
	if (!inject_end_objects())
		return RUN_UNCLEAN;
	return leaks() ? RUN_LEAKED : verdict;
}

const struct unwind inject_unwind = { begin, end };
