/* SPDX-License-Identifier: MIT */
/* Why there is no host: everything that was tried, in one text. */
#include <string.h>

#include "dl.h"
#include "loader.h"
#include "text.h"

static const char install_hint[] = "install a backend package, for example hy-backend-kvm, or hy-backend-soft, which "
                                   "needs no hypervisor; or name a directory with HY_BACKEND_PATH";

static const char build_hint[] = "build libhy with --enable-builtin-backends=soft, or give the program a backend of "
                                 "its own";

/* What helps where nothing was found. */
static const char *nothing_hint(void)
{
	return hy__dl_absent ? build_hint : install_hint;
}

struct story {
	const struct hy_report *report;
	char text[4000]; /* fits hy_error */
};

static HY_PRINTF(2, 3) void tell(struct story *story, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hy__text_append_va(story->text, sizeof(story->text), format, args);
	va_end(args);
}

/* "; searched: /a (HY_BACKEND_PATH), /b (built-in: no such directory)" */
static void tell_dirs(struct story *story)
{
	for (size_t i = 0; i < story->report->dirs.count; i++) {
		const struct hy_search_dir *dir = &hy__report_dir_at(story->report, i)->pub;

		tell(story, "%s%s (%s%s%s)", i == 0 ? "" : ", ", dir->path, dir->origin,
		     *dir->reason ? ": " : "", dir->reason);
	}
}

static const struct hy__found *find_word(const struct hy_report *report,
                                         const struct hy__choice_word *word)
{
	for (size_t i = 0; i < report->founds.count; i++) {
		const struct hy__found *found = hy__report_found_at(report, i);

		if (strlen(found->name) == word->length &&
		    memcmp(found->name, word->name, word->length) == 0)
			return found;
	}
	return NULL;
}

/* --- HY_E_NOT_FOUND -------------------------------------------------------------------- */

/* Whether backends were asked for by name and none of those is there. */
static bool is_nothing_found(const struct hy_report *report)
{
	const struct hy__choice *choice = &report->choice;

	if (choice->any)
		return false;
	for (size_t i = 0; i < choice->count; i++) {
		if (!choice->word[i].exclude && find_word(report, &choice->word[i]))
			return false;
	}
	return true;
}

static int fail_not_found(struct story *story)
{
	const struct hy_report *report = story->report;
	const struct hy__choice *choice = &report->choice;

	tell(story, "%s=%.256s: no such backend; found: ", choice->origin, choice->text);
	for (size_t i = 0; i < report->founds.count; i++) {
		const struct hy__found *found = hy__report_found_at(report, i);

		if (!found->hidden_by)
			tell(story, "%s%s", i == 0 ? "" : ", ", found->name);
	}
	tell(story, "%s; searched: ", report->founds.count == 0 ? "none" : "");
	tell_dirs(story);
	return hy__fail(HY_E_NOT_FOUND, report->founds.count == 0 ? nothing_hint() : NULL, "%s",
	                story->text);
}

/* --- HY_E_NO_BACKEND --------------------------------------------------------------------- */

static int name_width(const struct hy_report *report)
{
	size_t width = 4;

	for (size_t i = 0; i < report->founds.count; i++) {
		size_t length = strlen(hy__report_found_at(report, i)->name);

		if (length > width && length <= HY__NAME_MAX)
			width = length;
	}
	return (int)width;
}

static void tell_candidate(struct story *story, const struct hy_candidate *candidate, int width)
{
	tell(story, "\n  %-*s  %s\n  %*s  %s", width, candidate->name, candidate->path, width, "",
	     hy__stage_name(candidate->stage));
	if (*candidate->reason)
		tell(story, ": %s", candidate->reason);
	if (*candidate->hint)
		tell(story, " (%s)", candidate->hint);
}

/* Backends that were asked for by name and aren't there. */
static void tell_missing(struct story *story, int width)
{
	const struct hy__choice *choice = &story->report->choice;

	for (size_t i = 0; i < choice->count; i++) {
		const struct hy__choice_word *word = &choice->word[i];

		if (!word->exclude && hy__name_ok(word->name, word->length) &&
		    !find_word(story->report, word))
			tell(story, "\n  %-*.*s  not found", width, (int)word->length, word->name);
	}
}

/* What helps the candidate that came the furthest. */
static const char *best_hint(const struct hy_report *report)
{
	if (report->founds.count == 0)
		return nothing_hint();
	for (size_t i = 0; i < report->founds.count; i++) {
		const struct hy_candidate *candidate = &hy__report_found_at(report, i)->pub;
		bool nearly =
			candidate->stage == HY_STAGE_PROBE || candidate->stage == HY_STAGE_OPEN;

		if (nearly && *candidate->hint)
			return candidate->hint;
	}
	return NULL;
}

static int fail_no_backend(struct story *story)
{
	const struct hy_report *report = story->report;
	int width = name_width(report);

	tell(story, "no usable hypervisor backend");
	if (report->choice.text)
		tell(story, " (%s=%.256s)", report->choice.origin, report->choice.text);
	for (size_t i = 0; i < report->founds.count; i++)
		tell_candidate(story, &hy__report_found_at(report, i)->pub, width);
	tell_missing(story, width);
	tell(story, "\nsearched: ");
	tell_dirs(story);
	return hy__fail(HY_E_NO_BACKEND, best_hint(report), "%s", story->text);
}

int hy__report_fail(const struct hy_report *report)
{
	struct story story = { .report = report };

	return is_nothing_found(report) ? fail_not_found(&story) : fail_no_backend(&story);
}
