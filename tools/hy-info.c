/* SPDX-License-Identifier: MIT */
/* hy-info: tells which backends there are, why not, and what the chosen one can do. */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hy/backend.h>
#include <hy/hy.h>

#include "json.h"

#define STATUS_USABLE 0
#define STATUS_NONE 1
#define STATUS_USAGE 2

#define CAP_FIRST_LIMIT 64
#define CAP_END 128

#define NAME_WIDTH 6 /* of a backend, at least */
#define WHY "why:  "
#define HELP "help: "

static const char usage[] =
	"usage: hy-info [--backend LIST] [--json]\n"
	"\n"
	"Lists the backends of libhy, why some can't be used and what helps, and what the\n"
	"chosen one can do.\n"
	"\n"
	"  -b, --backend LIST  choose among these, as in HY_BACKEND\n"
	"  -j, --json          write JSON\n"
	"  -h, --help          show this help\n"
	"  -V, --version       show the version\n"
	"\n"
	"Status: 0 a backend is usable, 1 none is, 2 usage.\n";

/* All there is to tell. */
struct info {
	struct hy_host *host;           /* NULL: none could be opened */
	struct hy_report *own_report;   /* ours to free */
	const struct hy_report *report; /* what to show; NULL: not even that */
	const struct hy_error *error;   /* of opening; NULL with a host */
};

/* --- Words ---------------------------------------------------------------------- */

static const char *stage_name(uint32_t stage)
{
	switch (stage) {
	case HY_STAGE_SCAN:
		return "scan";
	case HY_STAGE_LOAD:
		return "load";
	case HY_STAGE_ABI:
		return "abi";
	case HY_STAGE_PROBE:
		return "probe";
	case HY_STAGE_OPEN:
		return "open";
	case HY_STAGE_USABLE:
		return "usable";
	default:
		return "unknown";
	}
}

static const char *probe_name(uint32_t status)
{
	switch (status) {
	case HY_PROBE_OK:
		return "ok";
	case HY_PROBE_NO_DEVICE:
		return "no-device";
	case HY_PROBE_NO_PERMISSION:
		return "no-permission";
	case HY_PROBE_BUSY:
		return "busy";
	case HY_PROBE_DISABLED:
		return "disabled";
	case HY_PROBE_TOO_OLD:
		return "too-old";
	case HY_PROBE_UNSUPPORTED_CPU:
		return "unsupported-cpu";
	default:
		return "error";
	}
}

static const char *how_name(uint32_t how)
{
	switch (how) {
	case HY_CAP_HOST:
		return "host";
	case HY_CAP_LIBRARY:
		return "library";
	default:
		return "absent";
	}
}

/* What became of a candidate: "usable", or where it failed and how. */
static const char *verdict(const struct hy_candidate *candidate, char *text, size_t size)
{
	const char *stage = stage_name(candidate->stage);

	if (candidate->stage == HY_STAGE_USABLE)
		return stage;
	if (candidate->stage == HY_STAGE_SCAN)
		return "not loaded";
	if (candidate->stage == HY_STAGE_PROBE)
		snprintf(text, size, "%s failed: %s", stage, probe_name(candidate->probe_status));
	else
		snprintf(text, size, "%s failed", stage);
	return text;
}

/* --- Gathering ------------------------------------------------------------------ */

/*
 * With a host its own report is the better one: it has failures to open, too.
 * Opening comes last, so that hy_error() stays what it said.
 */
static void gather(struct info *info, const struct hy_host_options *options)
{
	if (hy_report_create(options, &info->own_report) == 0)
		info->report = info->own_report;
	if (hy_host_open(options, &info->host) == 0)
		info->report = hy_host_report(info->host);
	else
		info->error = hy_error();
}

static void release(struct info *info)
{
	hy_report_destroy(info->own_report);
	hy_host_close(info->host);
}

/* Iterates over the candidates and directories, of which there may be none. */
static const struct hy_candidate *candidate_at(const struct info *info, size_t i)
{
	return info->report ? hy_report_candidate(info->report, i) : NULL;
}

static const struct hy_search_dir *dir_at(const struct info *info, size_t i)
{
	return info->report ? hy_report_dir(info->report, i) : NULL;
}

/* The next capability from `id` on and below `end`; 0: there is none. */
static uint32_t next_cap(const struct info *info, uint32_t id, uint32_t end, struct hy_cap *cap)
{
	for (; id < end; id++)
		if (hy_cap_name(id) && hy_host_cap(info->host, id, cap) == 0)
			return id;
	return 0;
}

/* Whether the list of candidates already tells all that the error does. */
static bool list_tells_all(const struct info *info)
{
	const struct hy_candidate *candidate;

	if (info->error->code != HY_E_NO_BACKEND || !candidate_at(info, 0))
		return false;
	for (size_t i = 0; (candidate = candidate_at(info, i)) != NULL; i++)
		if (candidate->stage == HY_STAGE_USABLE)
			return false;
	return true;
}

/* --- Text ----------------------------------------------------------------------- */

/* A line of its own under a name of `width`; further lines of the text are set under the first. */
static void print_note(int width, const char *label, const char *text)
{
	int indent = width + 3;

	if (!text[0])
		return;
	printf("%*s%s", indent, "", label);
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n' && text[1])
			printf("%*s", indent + (int)strlen(label), "");
	}
	putchar('\n');
}

static void print_dirs(const struct info *info)
{
	const struct hy_search_dir *dir;

	puts("searched:");
	for (size_t i = 0; (dir = dir_at(info, i)) != NULL; i++) {
		printf("  %s (%s)\n", dir->path, dir->origin);
		print_note(NAME_WIDTH, WHY, dir->reason);
	}
}

static int name_width(const struct info *info)
{
	const struct hy_candidate *candidate;
	int width = NAME_WIDTH;

	for (size_t i = 0; (candidate = candidate_at(info, i)) != NULL; i++)
		if ((int)strlen(candidate->name) > width)
			width = (int)strlen(candidate->name);
	return width;
}

static void print_candidate(const struct hy_candidate *candidate, int width)
{
	char text[64];

	printf("%c %-*s %s", candidate->chosen ? '*' : ' ', width, candidate->name,
	       verdict(candidate, text, sizeof(text)));
	if (candidate->summary[0])
		printf(" (%s, version %s, priority %" PRIu32 ")", candidate->summary, candidate->version,
		       candidate->priority);
	putchar('\n');
	print_note(width, "file: ", candidate->path);
	print_note(width, WHY, candidate->reason);
	print_note(width, HELP, candidate->hint);
}

static void print_candidates(const struct info *info)
{
	const struct hy_candidate *candidate;
	int width = name_width(info);
	size_t i;

	puts("backends:");
	for (i = 0; (candidate = candidate_at(info, i)) != NULL; i++)
		print_candidate(candidate, width);
	if (i == 0)
		puts("  none found");
}

static void print_reason(const struct hy_cap *cap)
{
	if (cap->reason && cap->reason[0])
		printf(": %s", cap->reason);
	putchar('\n');
}

static void print_features(const struct info *info)
{
	struct hy_cap cap;

	puts("features:");
	for (uint32_t id = 1; (id = next_cap(info, id, CAP_FIRST_LIMIT, &cap)) != 0; id++) {
		printf("  %-20s %s", hy_cap_name(id), how_name(cap.how));
		print_reason(&cap);
	}
}

static void print_limits(const struct info *info)
{
	struct hy_cap cap;

	puts("limits:");
	for (uint32_t id = CAP_FIRST_LIMIT; (id = next_cap(info, id, CAP_END, &cap)) != 0; id++) {
		printf("  %-20s ", hy_cap_name(id));
		if (cap.value)
			printf("%" PRIu64, cap.value);
		else
			printf("not known");
		print_reason(&cap);
	}
}

static void print_failure(const struct info *info)
{
	puts("chosen: none");
	if (list_tells_all(info))
		return;
	print_note(NAME_WIDTH, WHY, info->error->text);
	print_note(NAME_WIDTH, HELP, info->error->hint);
}

static void print_text(const struct info *info)
{
	printf("libhy %s, backend ABI %d.%d\n", hy_version(), HY_BACKEND_ABI_MAJOR, HY_BACKEND_ABI_MINOR);
	print_dirs(info);
	print_candidates(info);
	if (!info->host) {
		print_failure(info);
		return;
	}
	printf("chosen: %s\n", hy_host_backend(info->host)->name);
	print_features(info);
	print_limits(info);
}

/* --- JSON: keys are part of the interface, see hy-info(1) ----------------------------- */

static const char *text_or_null(const char *text)
{
	return text && text[0] ? text : NULL;
}

static void json_abi(struct json *json)
{
	json_begin_object(json, "abi");
	json_unsigned(json, "major", HY_BACKEND_ABI_MAJOR);
	json_unsigned(json, "minor", HY_BACKEND_ABI_MINOR);
	json_end_object(json);
}

static void json_dirs(struct json *json, const struct info *info)
{
	const struct hy_search_dir *dir;

	json_begin_array(json, "directories");
	for (size_t i = 0; (dir = dir_at(info, i)) != NULL; i++) {
		json_begin_object(json, NULL);
		json_string(json, "path", dir->path);
		json_string(json, "origin", dir->origin);
		json_string(json, "reason", text_or_null(dir->reason));
		json_end_object(json);
	}
	json_end_array(json);
}

static void json_candidate(struct json *json, const struct hy_candidate *candidate)
{
	json_begin_object(json, NULL);
	json_string(json, "name", candidate->name);
	json_string(json, "path", candidate->path);
	json_string(json, "summary", text_or_null(candidate->summary));
	json_string(json, "version", text_or_null(candidate->version));
	json_string(json, "stage", stage_name(candidate->stage));
	json_bool(json, "usable", candidate->stage == HY_STAGE_USABLE);
	json_bool(json, "chosen", candidate->chosen);
	json_unsigned(json, "priority", candidate->priority);
	json_string(json, "probe",
	            candidate->stage >= HY_STAGE_PROBE ? probe_name(candidate->probe_status) : NULL);
	json_signed(json, "host_code", candidate->host_code);
	json_string(json, "reason", text_or_null(candidate->reason));
	json_string(json, "hint", text_or_null(candidate->hint));
	json_end_object(json);
}

static void json_candidates(struct json *json, const struct info *info)
{
	const struct hy_candidate *candidate;

	json_begin_array(json, "backends");
	for (size_t i = 0; (candidate = candidate_at(info, i)) != NULL; i++)
		json_candidate(json, candidate);
	json_end_array(json);
}

static void json_error(struct json *json, const struct hy_error *error)
{
	json_begin_object(json, "error");
	json_string(json, "code", hy_status_name(error->code));
	json_signed(json, "host_code", error->host_code);
	json_string(json, "host_name", text_or_null(error->host_name));
	json_string(json, "text", error->text);
	json_string(json, "hint", text_or_null(error->hint));
	json_end_object(json);
}

static void json_features(struct json *json, const struct info *info)
{
	struct hy_cap cap;

	json_begin_object(json, "features");
	for (uint32_t id = 1; (id = next_cap(info, id, CAP_FIRST_LIMIT, &cap)) != 0; id++) {
		json_begin_object(json, hy_cap_name(id));
		json_string(json, "how", how_name(cap.how));
		json_string(json, "reason", text_or_null(cap.reason));
		json_end_object(json);
	}
	json_end_object(json);
}

static void json_limits(struct json *json, const struct info *info)
{
	struct hy_cap cap;

	json_begin_object(json, "limits");
	for (uint32_t id = CAP_FIRST_LIMIT; (id = next_cap(info, id, CAP_END, &cap)) != 0; id++) {
		json_begin_object(json, hy_cap_name(id));
		if (cap.value)
			json_unsigned(json, "value", cap.value);
		else
			json_null(json, "value");
		json_string(json, "reason", text_or_null(cap.reason));
		json_end_object(json);
	}
	json_end_object(json);
}

static void print_json(const struct info *info)
{
	struct json json;

	json_init(&json, stdout);
	json_begin_object(&json, NULL);
	json_string(&json, "version", hy_version());
	json_abi(&json);
	json_dirs(&json, info);
	json_candidates(&json, info);
	if (info->host) {
		json_string(&json, "chosen", hy_host_backend(info->host)->name);
		json_null(&json, "error");
		json_features(&json, info);
		json_limits(&json, info);
	} else {
		json_null(&json, "chosen");
		json_error(&json, info->error);
		json_null(&json, "features");
		json_null(&json, "limits");
	}
	json_end_object(&json);
}

/* --- The program ------------------------------------------------------------------------ */

struct settings {
	struct hy_host_options host;
	bool json;
};

/* What was printed must have arrived. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	perror("hy-info: standard output");
	return STATUS_NONE;
}

static int usage_error(void)
{
	fputs("Try 'hy-info --help'.\n", stderr);
	return STATUS_USAGE;
}

/* Ends the program itself for --help and --version. */
static int parse_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "b:jhV", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			settings->host.backend = optarg;
			break;
		case 'j':
			settings->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(finish(STATUS_USABLE));
		case 'V':
			printf("hy-info (libhy) %s\n", hy_version());
			exit(finish(STATUS_USABLE));
		default: /* getopt_long has complained */
			return usage_error();
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hy-info: unexpected argument '%s'\n", argv[optind]);
		return usage_error();
	}
	return 0;
}

static int show(const struct settings *settings)
{
	struct info info = { .host = NULL };
	int status;

	gather(&info, &settings->host);
	status = info.host ? STATUS_USABLE : STATUS_NONE;
	if (info.error && info.error->code == HY_E_INVALID) {
		fprintf(stderr, "hy-info: %s\n", info.error->text);
		if (info.error->hint[0])
			fprintf(stderr, "hy-info: help: %s\n", info.error->hint);
		status = STATUS_USAGE;
	} else if (settings->json) {
		print_json(&info);
	} else {
		print_text(&info);
	}
	release(&info);
	return status;
}

int main(int argc, char **argv)
{
	struct settings settings = { .host = HY_HOST_OPTIONS_INIT };
	int status;

	status = parse_options(argc, argv, &settings);
	return finish(status != 0 ? status : show(&settings));
}
