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

#include "info.h"

#define STATUS_USABLE 0
#define STATUS_NONE 1
#define STATUS_USAGE 2

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

/* --- Words ---------------------------------------------------------------------- */

/* What became of a candidate: "usable", or where it failed and how. */
static const char *verdict(const struct hy_candidate *candidate, char *text, size_t size)
{
	const char *stage = info_stage_name(candidate->stage);

	if (candidate->stage == HY_STAGE_USABLE)
		return stage;
	if (candidate->stage == HY_STAGE_SCAN)
		return "not loaded";
	if (candidate->stage == HY_STAGE_PROBE)
		snprintf(text, size, "%s failed: %s", stage, info_probe_name(candidate->probe_status));
	else
		snprintf(text, size, "%s failed", stage);
	return text;
}

/* Whether the list of candidates already tells all that the error does. */
static bool list_tells_all(const struct info *info)
{
	const struct hy_candidate *candidate;

	if (info->error->code != HY_E_NO_BACKEND || !info_candidate(info, 0))
		return false;
	for (size_t i = 0; (candidate = info_candidate(info, i)) != NULL; i++)
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
	for (size_t i = 0; (dir = info_dir(info, i)) != NULL; i++) {
		printf("  %s (%s)\n", dir->path, dir->origin);
		print_note(NAME_WIDTH, WHY, dir->reason);
	}
}

static int name_width(const struct info *info)
{
	const struct hy_candidate *candidate;
	int width = NAME_WIDTH;

	for (size_t i = 0; (candidate = info_candidate(info, i)) != NULL; i++)
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
	for (i = 0; (candidate = info_candidate(info, i)) != NULL; i++)
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
	for (uint32_t id = 1; (id = info_next_cap(info, id, INFO_FIRST_LIMIT, &cap)) != 0; id++) {
		printf("  %-20s %s", hy_cap_name(id), info_how_name(cap.how));
		print_reason(&cap);
	}
}

static void print_limits(const struct info *info)
{
	struct hy_cap cap;

	puts("limits:");
	for (uint32_t id = INFO_FIRST_LIMIT; (id = info_next_cap(info, id, INFO_CAP_END, &cap)) != 0; id++) {
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

static void print_json(const struct info *info)
{
	struct json json;

	json_init(&json, stdout);
	json_begin_object(&json, NULL);
	info_json(&json, info);
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

	info_gather(&info, &settings->host);
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
	info_release(&info);
	return status;
}

int main(int argc, char **argv)
{
	struct settings settings = { .host = HY_HOST_OPTIONS_INIT };
	int status;

	status = parse_options(argc, argv, &settings);
	return finish(status != 0 ? status : show(&settings));
}
