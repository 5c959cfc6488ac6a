/* SPDX-License-Identifier: MIT */
/* hy-conform: runs the conformance suite on a backend, each case in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "info.h"
#include "runner.h"

#define MAX_JOBS 64
#define MAX_SECONDS 86400
#define OUTPUT_MAX 4096
/* Before a case counts as hung: a while, and a storm's rounds on a busy machine. */
#define CASE_SECONDS 120
#define ROUNDS_PER_SECOND 200

enum {
	STATUS_PASSED = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_SKIPPED = 77 /* no usable backend */
};

static const char usage[] =
	"usage: hy-conform [--backend NAME | PLUGIN-FILE] [--filter PATTERN] [--jobs N]\n"
	"                  [--list | --json | --report]\n"
	"\n"
	"Runs the conformance suite of libhy's backends and prints TAP.\n"
	"\n"
	"  -b, --backend NAME    on this backend (the best one)\n"
	"  -f, --filter PATTERN  only cases whose name holds PATTERN\n"
	"  -j, --jobs N          so many at a time (1)\n"
	"  -t, --timeout SECONDS end a case after this time (120, more for long storms)\n"
	"  -l, --list            print the names of the cases and what they prove\n"
	"      --json            print results as JSON instead of TAP\n"
	"      --report          the same with all about host and backend, to be sent in\n"
	"  -h, --help            show this help\n"
	"  -V, --version         show the version\n"
	"\n"
	"Status: 0 passed, 1 a case failed, 2 usage, 77 no usable backend.\n";

enum format { FORMAT_TAP, FORMAT_LIST, FORMAT_JSON, FORMAT_REPORT };

struct settings {
	struct hy_host_options options;
	const char *filter;
	enum format format;
	unsigned long jobs;
	char *path; /* of a plugin file: its directory and name */
	char *name;
};

/* --- One case's process ----------------------------------------------------------- */

enum outcome { PASSED, FAILED, SKIPPED };

struct result {
	const struct conform_case *test;
	pid_t pid; /* 0: ended */
	int fd;    /* its output */
	uint64_t deadline;
	bool hung;
	bool done;
	enum outcome outcome;
	size_t length;
	char output[OUTPUT_MAX];
};

static unsigned long case_seconds; /* --timeout */

static unsigned long usual_seconds(void)
{
	return CASE_SECONDS + conform_rounds(0) / ROUNDS_PER_SECOND;
}

static bool start_case(struct result *result, const struct hy_host_options *options)
{
	int pipe_fds[2];

	if (pipe(pipe_fds) != 0)
		return false;
	fflush(NULL);
	result->pid = fork();
	if (result->pid == 0) {
		setpgid(0, 0); /* so that its own children end with it */
		/* Should we be ended ourselves, a case that hangs still ends. */
		alarm((unsigned)case_seconds + 10);
		dup2(pipe_fds[1], STDOUT_FILENO);
		dup2(pipe_fds[1], STDERR_FILENO);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		case_main(result->test, options);
	}
	close(pipe_fds[1]);
	result->fd = pipe_fds[0];
	result->deadline = hy_now() + case_seconds * UINT64_C(1000000000);
	if (result->pid > 0)
		return true;
	close(pipe_fds[0]);
	return false;
}

static void add_text(struct result *result, const char *format, ...) HY_PRINTF(2, 3);

static void add_text(struct result *result, const char *format, ...)
{
	size_t room = sizeof(result->output) - result->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(result->output + result->length, room, format, args);
	va_end(args);
	result->length += n > 0 && (size_t)n < room ? (size_t)n : room - 1;
}

/* Takes what the case prints; false at its end. */
static bool read_output(struct result *result)
{
	char buffer[512];
	ssize_t n = read(result->fd, buffer, sizeof(buffer) - 1);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	buffer[n] = '\0';
	if (n > 0)
		add_text(result, "%s", buffer);
	return n > 0;
}

/* What is left of a case that has closed its output. */
static void end_case(struct result *result)
{
	int status;

	close(result->fd);
	while (waitpid(result->pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-result->pid, SIGKILL);
	result->pid = 0;
	result->done = true;
	result->outcome = FAILED;
	if (result->hung)
		add_text(result, "it hung for %lu seconds\n", case_seconds);
	else if (WIFSIGNALED(status))
		add_text(result, "it was ended by signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) == CASE_PASSED)
		result->outcome = PASSED;
	else if (WEXITSTATUS(status) == CASE_SKIPPED)
		result->outcome = SKIPPED;
	else if (WEXITSTATUS(status) != CASE_FAILED)
		add_text(result, "it exited with %d\n", WEXITSTATUS(status));
}

static void kill_hung(struct result *result)
{
	if (hy_now() < result->deadline)
		return;
	result->hung = true;
	kill(-result->pid, SIGKILL);
	kill(result->pid, SIGKILL);
}

/* --- All of them --------------------------------------------------------------------- */

struct results {
	struct result *result;
	size_t count;
	size_t counts[3]; /* by outcome */
};

static bool wanted(const struct settings *settings, const struct conform_case *test)
{
	return !settings->filter || strstr(test->name, settings->filter);
}

static int choose_cases(const struct settings *settings, struct results *results)
{
	const struct conform_case *test;
	size_t all = 0;

	while (case_at(all))
		all++;
	results->result = calloc(all ? all : 1, sizeof(*results->result));
	if (!results->result) {
		fputs("hy-conform: not enough memory\n", stderr);
		return STATUS_FAILED;
	}
	for (size_t i = 0; (test = case_at(i)) != NULL; i++) {
		if (wanted(settings, test))
			results->result[results->count++].test = test;
	}
	return 0;
}

/* Waits a moment for any of the running cases to say something or to end. */
static void attend(struct results *results, size_t first, size_t end)
{
	struct pollfd fds[MAX_JOBS];
	struct result *of[MAX_JOBS];
	nfds_t n = 0;

	for (size_t i = first; i < end && n < MAX_JOBS; i++) {
		if (results->result[i].pid == 0)
			continue;
		of[n] = &results->result[i];
		fds[n++] = (struct pollfd){ .fd = results->result[i].fd, .events = POLLIN };
	}
	if (poll(fds, n, 100) < 0)
		return;
	for (nfds_t i = 0; i < n; i++) {
		if (fds[i].revents != 0 && !read_output(of[i]))
			end_case(of[i]);
		else if (fds[i].revents == 0)
			kill_hung(of[i]);
	}
}

static unsigned count_running(const struct results *results, size_t first, size_t end)
{
	unsigned running = 0;

	for (size_t i = first; i < end; i++)
		running += results->result[i].pid != 0;
	return running;
}

static const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = { "passed", "failed", "skipped" };

	return names[outcome];
}

static void print_tap(const struct result *result, size_t number)
{
	size_t length = strcspn(result->output, "\n");

	printf("%s %zu - %s", result->outcome == FAILED ? "not ok" : "ok", number, result->test->name);
	if (result->outcome == SKIPPED)
		printf(" # SKIP %.*s", (int)length, result->output);
	putchar('\n');
	for (const char *line = result->output; result->outcome == FAILED && *line; line += length) {
		length = strcspn(line, "\n");
		printf("# %.*s\n", (int)length, line);
		length += line[length] == '\n';
	}
	fflush(stdout);
}

/* Runs them, and reports each as soon as those before it have ended. */
static void run_cases(const struct settings *settings, struct results *results)
{
	size_t started = 0, reported = 0;

	while (reported < results->count) {
		while (started < results->count && count_running(results, reported, started) < settings->jobs) {
			struct result *result = &results->result[started++];

			if (!start_case(result, &settings->options)) {
				result->done = true;
				result->outcome = FAILED;
				add_text(result, "no process for it: %s\n", strerror(errno));
			}
		}
		if (count_running(results, reported, started) > 0)
			attend(results, reported, started);
		for (; reported < started && results->result[reported].done; reported++) {
			results->counts[results->result[reported].outcome]++;
			if (settings->format == FORMAT_TAP)
				print_tap(&results->result[reported], reported + 1);
		}
	}
}

static void json_case(struct json *json, const struct result *result)
{
	json_begin_object(json, NULL);
	json_string(json, "name", result->test->name);
	json_string(json, "proves", result->test->proves);
	json_string(json, "outcome", outcome_name(result->outcome));
	json_string(json, "text", result->output);
	json_end_object(json);
}

/* About the machine as hy-info does, and its kernel. */
static void json_system(struct json *json, const struct hy_host_options *options)
{
	struct info info = { .host = NULL };
	struct utsname name;

	if (uname(&name) == 0) {
		json_string(json, "system", name.sysname);
		json_string(json, "release", name.release);
		json_string(json, "machine", name.machine);
	}
	info_gather(&info, options);
	json_begin_object(json, "info");
	info_json(json, &info);
	json_end_object(json);
	info_release(&info);
}

static void print_json(const struct settings *settings, const struct results *results)
{
	struct json json;

	json_init(&json, stdout);
	json_begin_object(&json, NULL);
	if (settings->format == FORMAT_REPORT)
		json_system(&json, &settings->options);
	for (int outcome = PASSED; outcome <= SKIPPED; outcome++)
		json_unsigned(&json, outcome_name((enum outcome)outcome), results->counts[outcome]);
	json_begin_array(&json, "cases");
	for (size_t i = 0; i < results->count; i++)
		json_case(&json, &results->result[i]);
	json_end_array(&json);
	json_end_object(&json);
}

static int list_cases(const struct settings *settings)
{
	const struct conform_case *test;

	for (size_t i = 0; (test = case_at(i)) != NULL; i++) {
		if (wanted(settings, test))
			printf("%-45s %s\n", test->name, test->proves);
	}
	return STATUS_PASSED;
}

/*
 * A file that libhy passes over, as it does when it loads none, mustn't be mistaken
 * for a built-in backend of its name, or one in a directory that is searched before.
 */
static int check_file(const struct settings *settings, const struct hy_host *host)
{
	const char *path = hy_host_backend(host)->path;

	if (!settings->path || strncmp(path, settings->path, strlen(settings->path)) == 0)
		return STATUS_PASSED;
	fprintf(stderr, "hy-conform: libhy takes '%s' from %s instead of the file in %s\n", settings->name, path,
	        settings->path);
	return STATUS_USAGE;
}

/* Whether there is a backend to run on; says why not as TAP does. */
static int check_backend(const struct settings *settings)
{
	struct hy_host *host;
	int status = hy_host_open(&settings->options, &host);

	if (status == 0) {
		status = check_file(settings, host);
		hy_host_close(host);
		return status;
	}
	if (settings->format == FORMAT_TAP && status == HY_E_NO_BACKEND) {
		printf("1..0 # SKIP %.*s\n", (int)strcspn(hy_error()->text, "\n"), hy_error()->text);
		printf("# %s\n", hy_error()->hint);
	} else {
		fprintf(stderr, "hy-conform: %s\n", hy_error()->text);
	}
	if (status == HY_E_NO_BACKEND)
		return STATUS_SKIPPED;
	return status == HY_E_INVALID ? STATUS_USAGE : STATUS_FAILED;
}

static int run(const struct settings *settings)
{
	struct results results = { NULL, 0, { 0 } };
	int status = choose_cases(settings, &results);

	if (status != 0)
		return status;
	if (settings->format == FORMAT_TAP)
		printf("1..%zu\n", results.count);
	run_cases(settings, &results);
	if (settings->format != FORMAT_TAP)
		print_json(settings, &results);
	free(results.result);
	return results.counts[FAILED] > 0 ? STATUS_FAILED : STATUS_PASSED;
}

/* --- Options --------------------------------------------------------------------------- */

static int usage_error(void)
{
	fputs("Try 'hy-conform --help'.\n", stderr);
	return STATUS_USAGE;
}

/* Makes /DIR/hy-backend-NAME.so the only directory and the only name. */
static int use_file(struct settings *settings, const char *file)
{
	static const char prefix[] = "hy-backend-";
	char *path = realpath(file, NULL);
	char *base = path ? strrchr(path, '/') + 1 : NULL;

	if (!base || strncmp(base, prefix, sizeof(prefix) - 1) != 0 || !strrchr(base, '.')) {
		fprintf(stderr, "hy-conform: %s: %s\n", file,
		        base ? "a plugin file is named hy-backend-NAME.so" : strerror(errno));
		free(path);
		return STATUS_USAGE;
	}
	settings->name = strdup(base + sizeof(prefix) - 1);
	settings->path = path;
	if (!settings->name)
		return STATUS_FAILED;
	*strrchr(settings->name, '.') = '\0';
	base[-1] = '\0';
	settings->options.path = path;
	settings->options.backend = settings->name;
	return 0;
}

/* A number from 1 to `most`. */
static int set_number(unsigned long *number, const char *option, const char *text, unsigned long most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < 1 || value > most) {
		fprintf(stderr, "hy-conform: %s %s: must be 1 to %lu\n", option, text, most);
		return usage_error();
	}
	*number = value;
	return 0;
}

static int set_format(struct settings *settings, enum format format)
{
	if (settings->format != FORMAT_TAP && settings->format != format) {
		fputs("hy-conform: --list, --json and --report exclude each other\n", stderr);
		return usage_error();
	}
	settings->format = format;
	return 0;
}

static int read_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' }, { "filter", required_argument, NULL, 'f' },
		{ "jobs", required_argument, NULL, 'j' },    { "timeout", required_argument, NULL, 't' },
		{ "list", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'J' },          { "report", no_argument, NULL, 'R' },
		{ "help", no_argument, NULL, 'h' },          { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status = 0;

	while (status == 0 && (c = getopt_long(argc, argv, "b:f:j:t:lhV", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			settings->options.backend = optarg;
			break;
		case 'f':
			settings->filter = optarg;
			break;
		case 'j':
			status = set_number(&settings->jobs, "--jobs", optarg, MAX_JOBS);
			break;
		case 't':
			status = set_number(&case_seconds, "--timeout", optarg, MAX_SECONDS);
			break;
		case 'l':
			status = set_format(settings, FORMAT_LIST);
			break;
		case 'J':
			status = set_format(settings, FORMAT_JSON);
			break;
		case 'R':
			status = set_format(settings, FORMAT_REPORT);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(STATUS_PASSED);
		case 'V':
			printf("hy-conform %s\n", hy_version());
			exit(STATUS_PASSED);
		default:
			return usage_error();
		}
	}
	return status;
}

static int read_arguments(int argc, char **argv, struct settings *settings)
{
	int status = read_options(argc, argv, settings);

	if (status != 0 || optind == argc)
		return status;
	if (argc - optind > 1 || settings->options.backend) {
		fputs("hy-conform: one backend or one plugin file is enough\n", stderr);
		return usage_error();
	}
	return use_file(settings, argv[optind]);
}

int main(int argc, char **argv)
{
	struct settings settings = { .options = HY_HOST_OPTIONS_INIT, .jobs = 1 };
	int status;

	case_seconds = usual_seconds();
	status = read_arguments(argc, argv, &settings);
	if (status == 0 && settings.format == FORMAT_LIST)
		status = list_cases(&settings);
	else if (status == 0) {
		status = check_backend(&settings);
		if (status == 0)
			status = run(&settings);
	}
	free(settings.path);
	free(settings.name);
	return status;
}
