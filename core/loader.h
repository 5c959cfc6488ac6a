/* SPDX-License-Identifier: MIT */
/* What the files of the loader share: search.c, loader.c, abi.c, report.c, story.c. */
#ifndef HY_CORE_LOADER_H
#define HY_CORE_LOADER_H

#include "choice.h"
#include "file.h"
#include "internal.h"
#include "verdict.h"

/* An array of pointers that grows. */
struct hy__list {
	void **item;
	size_t count;
	size_t room;
};

/* A directory to be searched. */
struct hy__dir {
	struct hy_search_dir pub; /* points to what follows */
	char *path;
	struct hy__verdict verdict;
	bool built_in;
};

/* A file that may be a backend, or an entry that needs none. */
struct hy__found {
	struct hy_candidate pub; /* points to what follows, and to the module */
	char *name;
	char *path;
	struct hy__verdict verdict;
	const struct hy__dir *dir;         /* NULL without a file */
	hy_backend_entry *entry;           /* NULL: the file has it */
	const struct hy__found *hidden_by; /* of that name, in a directory before */
	const struct hy__module *module;   /* NULL: it can't be used */
	size_t number;                     /* in the order of the search */
	size_t rank;
	bool allowed;
};

struct hy_report {
	struct hy__choice choice;
	struct hy__list dirs;   /* of struct hy__dir */
	struct hy__list founds; /* of struct hy__found */
};

static inline struct hy__dir *hy__report_dir_at(const struct hy_report *report, size_t i)
{
	return report->dirs.item[i];
}

static inline struct hy__found *hy__report_found_at(const struct hy_report *report, size_t i)
{
	return report->founds.item[i];
}

/* --- search.c ----------------------------------------------------------------- */

/* One setting and where it came from. */
struct hy__setting {
	const char *value; /* NULL: not set */
	const char *origin;
};

/* The option where it is set, or else the variable; empty is not set. */
struct hy__setting hy__setting(const struct hy_host_options *options, const char *option,
                               const char *option_origin, const char *variable);

/* Lists the directories and the files in them.  Returns 0 or HY_E_NOMEM, recorded. */
int hy__search(struct hy_report *report, const struct hy_host_options *options);
void hy__search_free(struct hy_report *report);

/* --- builtin.c ------------------------------------------------------------------ */

/* The backends that libhy was built with; the last has no name. */
extern const struct hy_own_backend hy__builtin_backends[];

/* --- abi.c ---------------------------------------------------------------------- */

/* Finds the entry in a loaded file.  Returns 0 or HY_E_NO_BACKEND with a verdict. */
int hy__abi_find(void *module, hy_backend_entry **entry, struct hy__verdict *verdict);

/*
 * Gets the backend's table from its entry, checks and copies it.  `name_says`
 * goes before the name in the verdict when the table has another one.  Returns
 * 0 or HY_E_NO_BACKEND with a verdict.
 */
int hy__abi_read(hy_backend_entry *entry, const char *name, const char *name_says, struct hy_backend *ops,
                 struct hy__verdict *verdict);

/* A backend's priority, cut to what is allowed for a stranger's. */
uint32_t hy__abi_priority(uint32_t priority, bool trusted);

/* --- loader.c ------------------------------------------------------------------- */

/* What a module is made from. */
struct hy__source {
	const char *path;        /* of the file; without one, the backend's name */
	struct hy__file_id id;   /* zeros without a file */
	hy_backend_entry *entry; /* NULL: the file has it */
};

/*
 * The module of a source, loaded when it isn't yet.  Returns 0, HY_E_NO_BACKEND
 * with a verdict, or HY_E_NOMEM, recorded.
 */
int hy__module_get(const struct hy__source *source, const char *name, const struct hy__module **module,
                   struct hy__verdict *verdict);

/* --- report.c --------------------------------------------------------------------- */

/* "probe" for HY_STAGE_PROBE. */
const char *hy__stage_name(uint32_t stage);

#endif /* HY_CORE_LOADER_H */
