/* SPDX-License-Identifier: MIT */
#include <hy/backend.h>

#include "info.h"

/* --- Words ---------------------------------------------------------------------- */

const char *info_stage_name(uint32_t stage)
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

const char *info_probe_name(uint32_t status)
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

const char *info_how_name(uint32_t how)
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

/* --- Gathering ------------------------------------------------------------------ */

/*
 * With a host its own report is the better one: it has failures to open, too.
 * Opening comes last, so that hy_error() stays what it said.
 */
void info_gather(struct info *info, const struct hy_host_options *options)
{
	if (hy_report_create(options, &info->own_report) == 0)
		info->report = info->own_report;
	if (hy_host_open(options, &info->host) == 0)
		info->report = hy_host_report(info->host);
	else
		info->error = hy_error();
}

void info_release(struct info *info)
{
	hy_report_destroy(info->own_report);
	hy_host_close(info->host);
}

/* Iterates over the candidates and directories, of which there may be none. */
const struct hy_candidate *info_candidate(const struct info *info, size_t i)
{
	return info->report ? hy_report_candidate(info->report, i) : NULL;
}

const struct hy_search_dir *info_dir(const struct info *info, size_t i)
{
	return info->report ? hy_report_dir(info->report, i) : NULL;
}

/* The next capability from `id` on and below `end`; 0: there is none. */
uint32_t info_next_cap(const struct info *info, uint32_t id, uint32_t end, struct hy_cap *cap)
{
	for (; id < end; id++)
		if (hy_cap_name(id) && hy_host_cap(info->host, id, cap) == 0)
			return id;
	return 0;
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
	for (size_t i = 0; (dir = info_dir(info, i)) != NULL; i++) {
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
	json_string(json, "stage", info_stage_name(candidate->stage));
	json_bool(json, "usable", candidate->stage == HY_STAGE_USABLE);
	json_bool(json, "chosen", candidate->chosen);
	json_unsigned(json, "priority", candidate->priority);
	json_string(json, "probe",
	            candidate->stage >= HY_STAGE_PROBE ? info_probe_name(candidate->probe_status) : NULL);
	json_signed(json, "host_code", candidate->host_code);
	json_string(json, "reason", text_or_null(candidate->reason));
	json_string(json, "hint", text_or_null(candidate->hint));
	json_end_object(json);
}

static void json_candidates(struct json *json, const struct info *info)
{
	const struct hy_candidate *candidate;

	json_begin_array(json, "backends");
	for (size_t i = 0; (candidate = info_candidate(info, i)) != NULL; i++)
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
	for (uint32_t id = 1; (id = info_next_cap(info, id, INFO_FIRST_LIMIT, &cap)) != 0; id++) {
		json_begin_object(json, hy_cap_name(id));
		json_string(json, "how", info_how_name(cap.how));
		json_string(json, "reason", text_or_null(cap.reason));
		json_end_object(json);
	}
	json_end_object(json);
}

static void json_limits(struct json *json, const struct info *info)
{
	struct hy_cap cap;

	json_begin_object(json, "limits");
	for (uint32_t id = INFO_FIRST_LIMIT; (id = info_next_cap(info, id, INFO_CAP_END, &cap)) != 0; id++) {
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

void info_json(struct json *json, const struct info *info)
{
	json_string(json, "version", hy_version());
	json_abi(json);
	json_dirs(json, info);
	json_candidates(json, info);
	if (info->host) {
		json_string(json, "chosen", hy_host_backend(info->host)->name);
		json_null(json, "error");
		json_features(json, info);
		json_limits(json, info);
	} else {
		json_null(json, "chosen");
		json_error(json, info->error);
		json_null(json, "features");
		json_null(json, "limits");
	}
}
