/* SPDX-License-Identifier: MIT */
/* Reports: every candidate, examined as far as it goes, in order of preference. */
#include <stdlib.h>
#include <string.h>

#include "loader.h"
#include "services.h"
#include "text.h"

/* --- Candidates -------------------------------------------------------------------- */

const char *hy__stage_name(uint32_t stage)
{
	static const char *const names[] = {
		[HY_STAGE_SCAN] = "scan",   [HY_STAGE_LOAD] = "load", [HY_STAGE_ABI] = "abi",
		[HY_STAGE_PROBE] = "probe", [HY_STAGE_OPEN] = "open", [HY_STAGE_USABLE] = "usable",
	};

	return stage < sizeof(names) / sizeof(names[0]) && names[stage] ? names[stage] : "?";
}

/* Makes the public record say what the verdict does. */
static void publish(struct hy__found *found)
{
	found->pub.stage = found->verdict.stage;
	found->pub.probe_status = found->verdict.probe_status;
	found->pub.host_code = found->verdict.host_code;
}

/* Whether the name and the choice let the file be looked at. */
static int check_name(const struct hy_report *report, struct hy__found *found)
{
	const struct hy__choice *choice = &report->choice;

	if (!hy__name_ok(found->name, strlen(found->name)))
		return hy__refuse(
			&found->verdict, HY_STAGE_SCAN,
			"'%s' can't be the name of a backend (a-z 0-9 _ -, at most %d of them)",
			found->name, HY__NAME_MAX);
	if (found->hidden_by)
		return hy__refuse(&found->verdict, HY_STAGE_SCAN, "hidden by %s",
		                  found->hidden_by->path);
	found->allowed = hy__choice_allows(choice, found->name);
	found->rank = hy__choice_rank(choice, found->name);
	if (!found->allowed)
		return hy__refuse(&found->verdict, HY_STAGE_SCAN, "not asked for (%s=%s)",
		                  choice->origin, choice->text);
	return 0;
}

/* What a probe said, made fit to show. */
static void take_answer(struct hy__found *found, struct hy_probe *probe)
{
	struct hy__verdict *verdict = &found->verdict;
	const char *reason = *probe->reason ? probe->reason : "gave no reason";

	probe->reason[sizeof(probe->reason) - 1] = '\0';
	probe->hint[sizeof(probe->hint) - 1] = '\0';
	if (probe->status == HY_PROBE_OK)
		return;
	if (probe->status <= HY_PROBE_ERROR) {
		hy__refuse(verdict, HY_STAGE_PROBE, "%s", reason);
	} else {
		hy__refuse(verdict, HY_STAGE_PROBE, "unknown status %u: %s", probe->status, reason);
		probe->status = HY_PROBE_ERROR;
	}
	verdict->probe_status = probe->status;
	verdict->host_code = probe->host_code;
	hy__text_copy(verdict->hint, sizeof(verdict->hint), probe->hint);
	hy__text_one_line(verdict->hint);
}

static void probe(struct hy__found *found)
{
	struct hy_probe answer = { .size = sizeof(answer) };
	uint64_t start = hy_now();
	const char *before;

	before = hy__enter_backend(found->name);
	found->module->ops.probe(&answer);
	hy__leave_backend(before);
	take_answer(found, &answer);
	hy__log(HY__LOG_PROBE, "%s: %s, after %llu us", found->name,
	        *found->verdict.reason ? found->verdict.reason : "usable",
	        (unsigned long long)(hy_now() - start) / 1000);
}

static int load_file(struct hy__found *found)
{
	bool guarded = found->dir->built_in || hy__elevated();
	struct hy__source source = { .path = found->path };
	int status = hy__file_check(found->path, guarded, &source.id, &found->verdict);

	return status ? status : hy__module_get(&source, found->name, &found->module, &found->verdict);
}

static int load_entry(struct hy__found *found)
{
	const struct hy__source source = { .path = found->name, .entry = found->entry };

	return hy__module_get(&source, found->name, &found->module, &found->verdict);
}

static int load(struct hy__found *found)
{
	const struct hy_backend *ops;
	int status = found->entry ? load_entry(found) : load_file(found);

	if (status != 0)
		return status;
	ops = &found->module->ops;
	found->pub.summary = ops->summary;
	found->pub.version = ops->version;
	found->pub.priority = hy__abi_priority(ops->priority, found->entry || found->dir->built_in);
	return 0;
}

/* Takes a candidate as far as it goes.  Returns 0 or HY_E_NOMEM, recorded. */
static int examine(const struct hy_report *report, struct hy__found *found)
{
	int status = check_name(report, found);

	if (status == 0)
		status = load(found);
	if (status == HY_E_NOMEM)
		return status;
	if (status == 0)
		probe(found);
	publish(found);
	if (*found->verdict.reason)
		hy__log(HY__LOG_LOAD, "%s%s%s: %s: %s", found->entry ? found->name : "", found->entry ? " " : "",
		        found->path, hy__stage_name(found->pub.stage), found->verdict.reason);
	return 0;
}

/* --- Order ------------------------------------------------------------------------------ */

static bool is_usable(const struct hy__found *found)
{
	return found->verdict.stage == HY_STAGE_USABLE;
}

/* By rank, and within it the higher priority first. */
static int compare_preference(const struct hy__found *a, const struct hy__found *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->pub.priority != b->pub.priority)
		return a->pub.priority > b->pub.priority ? -1 : 1;
	return 0;
}

static int compare(const void *left, const void *right)
{
	const struct hy__found *a = *(void *const *)left, *b = *(void *const *)right;
	int order = 0;

	if (is_usable(a) != is_usable(b))
		return is_usable(a) ? -1 : 1;
	if (is_usable(a))
		order = compare_preference(a, b);
	if (order == 0)
		order = strcmp(a->name, b->name);
	if (order == 0)
		order = a->number < b->number ? -1 : 1;
	return order;
}

static void sort(struct hy_report *report)
{
	struct hy__list *founds = &report->founds;

	if (founds->count == 0)
		return;
	qsort(founds->item, founds->count, sizeof(*founds->item), compare);
	if (is_usable(founds->item[0]))
		hy__report_opened(report, 0);
}

/* --- Making a report --------------------------------------------------------------------- */

static int check_own_backends(const struct hy_own_backend *own)
{
	for (size_t i = 0; own && own[i].name; i++) {
		if (!hy__name_ok(own[i].name, strlen(own[i].name)))
			return hy__fail(HY_E_INVALID, NULL,
			                "hy_host_options.own_backends[%zu]: '%.64s' can't be the name of a backend "
			                "(a-z 0-9 _ -, at most %d of them)",
			                i, own[i].name, HY__NAME_MAX);
		if (!own[i].entry)
			return hy__fail(HY_E_INVALID, NULL, "hy_host_options.own_backends[%zu]: '%s' has no entry", i,
			                own[i].name);
	}
	return 0;
}

static int read_options(struct hy_host_options *own, const struct hy_host_options *options)
{
	int status;

	*own = (struct hy_host_options)HY_HOST_OPTIONS_INIT;
	status = hy__copy_options(own, sizeof(*own), options, "hy_host_options");
	if (status != 0)
		return status;
	if ((own->flags & ~HY_HOST_IGNORE_ENV) != 0)
		return hy__fail(HY_E_INVALID, NULL, "hy_host_options.flags is %#x: unknown flags",
		                own->flags);
	if (own->reserved != 0)
		return hy__fail(HY_E_INVALID, NULL, "hy_host_options.reserved is %#x, not 0",
		                own->reserved);
	return check_own_backends(own->own_backends);
}

static int build(struct hy_report *report, const struct hy_host_options *options)
{
	int status = hy__search(report, options);

	for (size_t i = 0; i < report->founds.count && status == 0; i++)
		status = examine(report, hy__report_found_at(report, i));
	if (status == 0)
		sort(report);
	return status;
}

static int refuse_reentry(void)
{
	return hy__fail(HY_E_BUSY, NULL, "libhy was called by a backend that it is calling");
}

int hy__report_build(const struct hy_host_options *options, struct hy_report **report)
{
	struct hy_host_options own;
	struct hy__setting list;
	struct hy_report *made;
	int status;

	*report = NULL;
	if (hy__current_backend())
		return refuse_reentry();
	status = read_options(&own, options);
	if (status != 0)
		return status;
	if (hy__elevated())
		hy__log(HY__LOG_LOAD, "privileged program: the environment is ignored");
	made = calloc(1, sizeof(*made));
	if (!made)
		return hy__fail_nomem("a report");
	list = hy__setting(&own, own.backend, "option backend", "HY_BACKEND");
	status = hy__choice_parse(&made->choice, list.value, list.origin);
	if (status == 0)
		status = build(made, &own);
	if (status == 0)
		*report = made;
	else
		hy_report_destroy(made);
	return status;
}

int hy_report_create(const struct hy_host_options *options, struct hy_report **report)
{
	if (!report)
		return hy__fail(HY_E_INVALID, NULL, "hy_report_create: report is NULL");
	return hy__report_build(options, report);
}

void hy_report_destroy(struct hy_report *report)
{
	if (!report)
		return;
	hy__search_free(report);
	hy__choice_free(&report->choice);
	free(report);
}

/* --- Reading it ---------------------------------------------------------------------------- */

const struct hy_candidate *hy_report_candidate(const struct hy_report *report, size_t i)
{
	return report && i < report->founds.count ? &hy__report_found_at(report, i)->pub : NULL;
}

const struct hy_search_dir *hy_report_dir(const struct hy_report *report, size_t i)
{
	return report && i < report->dirs.count ? &hy__report_dir_at(report, i)->pub : NULL;
}

const struct hy__module *hy__report_module(const struct hy_report *report, size_t i)
{
	const struct hy__found *found =
		i < report->founds.count ? hy__report_found_at(report, i) : NULL;

	return found && is_usable(found) ? found->module : NULL;
}

bool hy__report_allowed(const struct hy_report *report, size_t i)
{
	return i < report->founds.count && hy__report_found_at(report, i)->allowed;
}

void hy__report_opened(struct hy_report *report, size_t i)
{
	for (size_t other = 0; other < report->founds.count; other++)
		hy__report_found_at(report, other)->pub.chosen = other == i;
}

void hy__report_open_failed(struct hy_report *report, size_t i)
{
	struct hy__found *found = hy__report_found_at(report, i);
	const struct hy_error *error = hy_error();
	size_t length = strlen(found->name);
	const char *text = error->text;

	/* The backend's name stands beside it anyway. */
	if (strncmp(text, found->name, length) == 0 && strncmp(text + length, ": ", 2) == 0)
		text += length + 2;
	hy__refuse(&found->verdict, HY_STAGE_OPEN, "%s", text);
	hy__text_copy(found->verdict.hint, sizeof(found->verdict.hint), error->hint);
	found->verdict.host_code = error->host_code;
	found->pub.chosen = 0;
	publish(found);
}
