/* SPDX-License-Identifier: MIT */
/* Where backends are looked for, the files that are there, and those without a file. */
#include <stdlib.h>
#include <string.h>

#include "dl.h"
#include "loader.h"

static const char file_prefix[] = "hy-backend-";

struct hy__setting hy__setting(const struct hy_host_options *options, const char *option,
                               const char *option_origin, const char *variable)
{
	struct hy__setting setting = { option, option_origin };

	if (option && *option)
		return setting;
	setting.value = options->flags & HY_HOST_IGNORE_ENV ? NULL : hy__getenv(variable);
	setting.origin = variable;
	return setting;
}

static int append(struct hy__list *list, void *item)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 8;
		void **grown = realloc(list->item, room * sizeof(*grown));

		if (!grown)
			return HY_E_NOMEM;
		list->item = grown;
		list->room = room;
	}
	list->item[list->count++] = item;
	return 0;
}

/* --- Directories ------------------------------------------------------------------ */

static void free_dir(struct hy__dir *dir)
{
	if (!dir)
		return;
	free(dir->path);
	free(dir);
}

static struct hy__dir *make_dir(const char *path, size_t length, const char *origin)
{
	struct hy__dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	dir->path = strndup(path, length);
	if (!dir->path) {
		free(dir);
		return NULL;
	}
	dir->pub.path = dir->path;
	dir->pub.origin = origin;
	dir->pub.reason = dir->verdict.reason;
	dir->built_in = strcmp(dir->path, HY_BACKEND_DIR) == 0;
	return dir;
}

static bool is_listed(const struct hy_report *report, const char *path)
{
	for (size_t i = 0; i < report->dirs.count; i++) {
		if (strcmp(hy__report_dir_at(report, i)->path, path) == 0)
			return true;
	}
	return false;
}

static int add_dir(struct hy_report *report, const char *path, size_t length, const char *origin)
{
	struct hy__dir *dir;

	/* "/dir/" and "/dir" are one. */
	while (length > 1 && path[length - 1] == '/')
		length--;
	dir = make_dir(path, length, origin);
	if (!dir)
		return HY_E_NOMEM;
	if (!hy__path_is_absolute(dir->path))
		hy__refuse(&dir->verdict, HY_STAGE_SCAN, "not an absolute path");
	else if (is_listed(report, dir->path))
		hy__refuse(&dir->verdict, HY_STAGE_SCAN, "is in the list before");
	if (append(&report->dirs, dir) == 0)
		return 0;
	free_dir(dir);
	return HY_E_NOMEM;
}

static int add_dirs(struct hy_report *report, const struct hy__setting *setting)
{
	const char separators[] = { hy__path_separator, '\0' };
	const char *path = setting->value;
	int status = 0;

	while (path && *path && status == 0) {
		size_t length = strcspn(path, separators);

		if (length > 0)
			status = add_dir(report, path, length, setting->origin);
		path += length + (path[length] != '\0');
	}
	return status;
}

/* --- Files ---------------------------------------------------------------------------- */

static void free_found(struct hy__found *found)
{
	if (!found)
		return;
	free(found->path);
	free(found->name);
	free(found);
}

static char *join(const char *dir, const char *file)
{
	size_t dir_length = strlen(dir), size = dir_length + strlen(file) + 2;
	char *path = malloc(size);

	if (!path)
		return NULL;
	memcpy(path, dir, dir_length);
	path[dir_length] = '/';
	memcpy(path + dir_length + 1, file, size - dir_length - 1);
	return path;
}

/* Takes the path, which may be NULL for want of memory. */
static struct hy__found *make_found(const char *name, size_t length, char *path)
{
	struct hy__found *found = calloc(1, sizeof(*found));

	if (!found) {
		free(path);
		return NULL;
	}
	found->name = strndup(name, length);
	found->path = path;
	if (!found->name || !found->path) {
		free_found(found);
		return NULL;
	}
	found->verdict.stage = HY_STAGE_USABLE;
	found->pub = (struct hy_candidate){
		.name = found->name,
		.path = found->path,
		.summary = "",
		.version = "",
		.reason = found->verdict.reason,
		.hint = found->verdict.hint,
	};
	return found;
}

static const struct hy__found *find_name(const struct hy_report *report, const char *name)
{
	for (size_t i = 0; i < report->founds.count; i++) {
		const struct hy__found *found = hy__report_found_at(report, i);

		if (strcmp(found->name, name) == 0)
			return found;
	}
	return NULL;
}

/* Takes what make_found gave, NULL too. */
static int add_found(struct hy_report *report, struct hy__found *found)
{
	if (!found)
		return HY_E_NOMEM;
	found->hidden_by = find_name(report, found->name);
	found->number = report->founds.count;
	if (append(&report->founds, found) == 0)
		return 0;
	free_found(found);
	return HY_E_NOMEM;
}

static int add_file(struct hy_report *report, const struct hy__dir *dir, const char *file, const char *name,
                    size_t length)
{
	struct hy__found *found = make_found(name, length, join(dir->path, file));

	if (found)
		found->dir = dir;
	return add_found(report, found);
}

/* `path` stands in the place of a file's. */
static int add_entries(struct hy_report *report, const struct hy_own_backend *backends, const char *path)
{
	int status = 0;

	for (size_t i = 0; backends && backends[i].name && status == 0; i++) {
		struct hy__found *found = make_found(backends[i].name, strlen(backends[i].name), strdup(path));

		if (found)
			found->entry = backends[i].entry;
		status = add_found(report, found);
	}
	return status;
}

/* The backend's name in a file's name and its length; NULL: it is no backend's. */
static const char *name_in(const char *file, size_t *length)
{
	size_t prefix = sizeof(file_prefix) - 1, size = strlen(file);

	if (strncmp(file, file_prefix, prefix) != 0)
		return NULL;
	for (size_t i = 0; hy__dl_extensions[i]; i++) {
		size_t extension = strlen(hy__dl_extensions[i]);

		if (size >= prefix + extension &&
		    strcmp(file + size - extension, hy__dl_extensions[i]) == 0) {
			*length = size - prefix - extension;
			return file + prefix;
		}
	}
	return NULL;
}

static int add_files(struct hy_report *report, const struct hy__dir *dir,
                     const struct hy__names *files)
{
	int status = 0;

	for (size_t i = 0; i < files->count && status == 0; i++) {
		const char *file = files->name[i];
		size_t length;
		const char *name = name_in(file, &length);

		if (name)
			status = add_file(report, dir, file, name, length);
		else if (strcmp(file, ".") != 0 && strcmp(file, "..") != 0)
			hy__log(HY__LOG_LOAD, "%s/%s: ignored, not named as a backend", dir->path,
			        file);
	}
	return status;
}

static int search_dir(struct hy_report *report, struct hy__dir *dir)
{
	struct hy__names files;
	int status, err;

	if (hy__dl_absent && !*dir->verdict.reason)
		hy__refuse(&dir->verdict, HY_STAGE_SCAN, "%s", hy__dl_absent);
	if (*dir->verdict.reason ||
	    hy__dir_check(dir->path, dir->built_in || hy__elevated(), &dir->verdict) != 0)
		return 0;
	status = hy__list_dir(dir->path, &files, &err);
	if (status == HY_E_NOMEM)
		return status;
	if (status != 0) {
		hy__refuse_errno(&dir->verdict, HY_STAGE_SCAN, err, "list");
		return 0;
	}
	status = add_files(report, dir, &files);
	hy__names_free(&files);
	return status;
}

static int search_dirs(struct hy_report *report, const struct hy__setting *setting)
{
	size_t i = report->dirs.count;
	int status = add_dirs(report, setting);

	for (; i < report->dirs.count && status == 0; i++) {
		struct hy__dir *dir = hy__report_dir_at(report, i);

		status = search_dir(report, dir);
		hy__log(HY__LOG_LOAD, "searched %s (%s)%s%s", dir->path, dir->pub.origin,
		        *dir->verdict.reason ? ": " : "", dir->verdict.reason);
	}
	return status;
}

/*
 * Of two with one name the first is taken: the program's own word goes first, the
 * user's next.  What is built in goes before libhy's directory, since it is of the
 * same version for certain.
 */
int hy__search(struct hy_report *report, const struct hy_host_options *options)
{
	const struct hy__setting add =
		hy__setting(options, options->path_add, "option path_add", "HY_BACKEND_PATH_ADD");
	const struct hy__setting path = hy__setting(options, options->path, "option path", "HY_BACKEND_PATH");
	const struct hy__setting home = { HY_BACKEND_DIR, "built-in" };
	int status = add_entries(report, options->own_backends, "(program)");

	if (status == 0)
		status = search_dirs(report, &add);
	if (status == 0)
		status = search_dirs(report, &path);
	if (status == 0)
		status = add_entries(report, hy__builtin_backends, "(built-in)");
	if (status == 0 && !path.value)
		status = search_dirs(report, &home);
	return status ? hy__fail_nomem("the search for backends") : 0;
}

void hy__search_free(struct hy_report *report)
{
	for (size_t i = 0; i < report->founds.count; i++)
		free_found(report->founds.item[i]);
	free(report->founds.item);
	for (size_t i = 0; i < report->dirs.count; i++)
		free_dir(report->dirs.item[i]);
	free(report->dirs.item);
}
