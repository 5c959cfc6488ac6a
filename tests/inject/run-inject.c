/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite with each call failing in its turn.  Every case is run
 * once to count its calls, and then again for each kind of call and each of the
 * first MAX_CALLS of that kind, with that one call failing: the case must fail
 * with an error that names the call, or not care, and nothing may be left.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject.h"
#include "unwind.h"

#define MAX_CALLS 40
#define JOBS 2
#define RUN_SECONDS 30
#define QUICK_STRIDE 13 /* of all combinations, when not all are asked for */
#define STATUS_SKIPPED 77

static const char usage[] =
	"usage: run-inject [--verbose] [--all | --every N] [--filter PATTERN] SHIM-DIRECTORY PLUGIN-FILE\n";

struct run {
	const struct conform_case *test;
	struct inject *state; /* shared with its process */
	pid_t pid;            /* 0: none */
	FILE *output;
};

static struct {
	struct hy_host_options options;
	const char *filter;
	bool verbose;
	unsigned long stride;
	unsigned long combinations; /* counted over all cases */
	unsigned long calls;        /* in the cases that were counted */
	unsigned long runs, ended, unaffected, inconclusive, bad, skipped_cases;
	struct run run[JOBS];
} all;

/* --- One run ----------------------------------------------------------------------- */

static bool start(struct run *run, const struct conform_case *test, unsigned kind, unsigned at)
{
	memset(run->state, 0, sizeof(*run->state));
	run->state->kind = kind;
	run->state->at = at;
	run->test = test;
	rewind(run->output);
	if (ftruncate(fileno(run->output), 0) != 0)
		return false;
	fflush(NULL);
	run->pid = fork();
	if (run->pid == 0) {
		setpgid(0, 0);
		dup2(fileno(run->output), STDOUT_FILENO);
		dup2(fileno(run->output), STDERR_FILENO);
		inject_state = run->state;
		case_unwind = &inject_unwind;
		alarm(RUN_SECONDS);
		case_main(test, &all.options);
	}
	return run->pid > 0;
}

/* Waits for any process; NULL when there is none. */
static struct run *wait_any(int *status)
{
	pid_t pid;

	do {
		pid = wait(status);
	} while (pid < 0 && errno == EINTR);
	for (unsigned i = 0; i < JOBS; i++) {
		if (pid > 0 && all.run[i].pid == pid) {
			kill(-pid, SIGKILL); /* what it has begun itself */
			all.run[i].pid = 0;
			return &all.run[i];
		}
	}
	return NULL;
}

/* --- What came of it ------------------------------------------------------------------ */

static const char *describe(int status)
{
	static char text[64];

	if (WIFSIGNALED(status)) {
		if (WTERMSIG(status) == SIGALRM)
			return "hung";
		snprintf(text, sizeof(text), "was ended by signal %d", WTERMSIG(status));
		return text;
	}
	switch (WEXITSTATUS(status)) {
	case RUN_BROKEN:
		return "failed, but no call had";
	case RUN_UNNAMED:
		return "got an error that doesn't name the call";
	case RUN_LEAKED:
		return "left something behind";
	case RUN_UNCLEAN:
		return "couldn't end its objects";
	default:
		snprintf(text, sizeof(text), "exited with %d", WEXITSTATUS(status));
		return text;
	}
}

static void print_output(struct run *run)
{
	char line[1024];

	rewind(run->output);
	while (fgets(line, sizeof(line), run->output))
		printf("#   %s%s", line, strchr(line, '\n') ? "" : "\n");
}

static void report_bad(struct run *run, int status)
{
	printf("# %s %s, with %s failing at call %u\n", run->test->name, describe(status),
	       inject_name(run->state->kind), run->state->at);
	print_output(run);
	fflush(stdout);
	all.bad++;
}

static void judge(struct run *run, int status)
{
	all.runs++;
	switch (WIFEXITED(status) ? WEXITSTATUS(status) : -1) {
	case RUN_ENDED:
		all.ended++;
		break;
	case RUN_PASSED:
	case RUN_SKIPPED:
		all.unaffected++;
		break;
	case RUN_INCONCLUSIVE:
		all.inconclusive++;
		if (all.verbose)
			printf("# %s is inconclusive, with %s failing at call %u\n", run->test->name,
			       inject_name(run->state->kind), run->state->at);
		break;
	default:
		report_bad(run, status);
	}
}

static void finish_one(void)
{
	int status;
	struct run *run = wait_any(&status);

	if (run)
		judge(run, status);
}

static struct run *free_run(void)
{
	for (;;) {
		for (unsigned i = 0; i < JOBS; i++) {
			if (all.run[i].pid == 0)
				return &all.run[i];
		}
		finish_one();
	}
}

static void finish_all(void)
{
	for (unsigned i = 0; i < JOBS; i++) {
		while (all.run[i].pid != 0)
			finish_one();
	}
}

/* --- All runs ----------------------------------------------------------------------------- */

static bool fail_nth(const struct conform_case *test, unsigned kind, unsigned at)
{
	if (all.combinations++ % all.stride != 0 || start(free_run(), test, kind, at))
		return true;
	perror("run-inject: no process");
	return false;
}

/* Runs the case undisturbed; false when there is nothing to be learnt from it. */
static bool count_calls(const struct conform_case *test, unsigned *calls)
{
	struct run *run = &all.run[0];
	int status;

	if (!start(run, test, INJECT_NONE, 0) || wait_any(&status) != run)
		return false;
	memcpy(calls, run->state->calls, sizeof(run->state->calls));
	if (WIFEXITED(status) && WEXITSTATUS(status) == RUN_PASSED)
		return true;
	all.skipped_cases++;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != RUN_SKIPPED) {
		printf("# %s %s even undisturbed\n", test->name, describe(status));
		print_output(run);
	}
	return false;
}

static bool disturb(const struct conform_case *test)
{
	unsigned calls[INJECT_KINDS];

	if (!count_calls(test, calls))
		return true;
	for (unsigned kind = INJECT_NONE + 1; kind < INJECT_KINDS; kind++) {
		all.calls += calls[kind];
		for (unsigned at = 1; at <= calls[kind] && at <= MAX_CALLS; at++) {
			if (!fail_nth(test, kind, at))
				return false;
		}
	}
	finish_all();
	return true;
}

static bool disturb_all(void)
{
	const struct conform_case *test;

	for (size_t i = 0; (test = case_at(i)) != NULL; i++) {
		if ((!all.filter || strstr(test->name, all.filter)) && !disturb(test))
			return false;
	}
	printf("# %lu calls, %lu of them to fail, 1 in %lu did\n", all.calls, all.combinations, all.stride);
	printf("# %lu runs: %lu failed as they should, %lu unaffected, %lu inconclusive\n", all.runs, all.ended,
	       all.unaffected, all.inconclusive);
	printf("%lu passed, %lu failed, %lu skipped\n", all.ended + all.unaffected, all.bad,
	       all.inconclusive + all.skipped_cases);
	return all.bad == 0 && all.runs > 0;
}

/* --- Beginning -------------------------------------------------------------------------------- */

static bool make_runs(void)
{
	struct inject *states = mmap(NULL, (JOBS + 1) * sizeof(*states), PROT_READ | PROT_WRITE,
	                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (states == MAP_FAILED)
		return false;
	for (unsigned i = 0; i < JOBS; i++) {
		all.run[i].state = &states[i];
		all.run[i].output = tmpfile();
		if (!all.run[i].output)
			return false;
	}
	inject_state = &states[JOBS];
	return true;
}

/* Also loads the plugin, so that the runs don't. */
static int check_backend(void)
{
	struct hy_host *host;
	int status = hy_host_open(&all.options, &host);

	if (status == 0)
		return hy_host_close(host);
	printf("%s: %s\n", status == HY_E_NO_BACKEND ? "SKIP" : "failed", hy_error()->text);
	return status == HY_E_NO_BACKEND ? STATUS_SKIPPED : 1;
}

static bool read_arguments(int argc, char **argv)
{
	int i = 1;

	all.stride = getenv("HY_FULL") ? 1 : QUICK_STRIDE;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--all") == 0)
			all.stride = 1;
		else if (strcmp(argv[i], "--verbose") == 0)
			all.verbose = true;
		else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc)
			all.stride = strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc)
			all.filter = argv[++i];
		else
			return false;
	}
	if (argc - i != 2 || all.stride == 0)
		return false;
	all.options = (struct hy_host_options)HY_HOST_OPTIONS_INIT;
	all.options.backend = "shim";
	all.options.path = argv[i];
	return setenv("HY_SHIM_PLUGIN", argv[i + 1], 1) == 0;
}

int main(int argc, char **argv)
{
	int status;

	if (!read_arguments(argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
#ifdef INJECT_IMPOSSIBLE
	puts("SKIP: no call can be made to fail under this C library or sanitizer");
	return STATUS_SKIPPED;
#endif
	setenv("HY_STORM", "20", 0);
	if (!make_runs()) {
		perror("run-inject");
		return 1;
	}
	status = check_backend();
	if (status != 0)
		return status;
	return disturb_all() ? 0 : 1;
}
