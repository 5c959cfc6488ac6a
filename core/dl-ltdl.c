/* SPDX-License-Identifier: MIT */
/*
 * dl.h by GNU libltdl.
 *
 * lt_dlopen() itself won't do: every failure of it reads "file not found", it
 * binds lazily, and its list of handles isn't safe with threads.  Its loader is
 * asked directly instead, which touches no state of the process.
 */
#include <dlfcn.h>
#include <string.h>

#include <libltdl/lt_dlloader.h>
#include <ltdl.h>

#include <hy/types.h>

#include "dl.h"
#include "os.h"
#include "text.h"

#ifdef RTLD_NODELETE
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)
#else
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL)
#endif

const char *const hy__dl_absent = NULL;

const char *const hy__dl_extensions[] = {
	".so",
#ifdef __APPLE__
	".dylib",
#endif
	NULL,
};

/* Guards libltdl's start and its last error. */
static struct hy__mutex ltdl_lock = HY__MUTEX_INIT;

static void copy_ltdl_error(char *reason, size_t size)
{
	const char *error;

	hy__mutex_lock(&ltdl_lock);
	error = lt_dlerror();
	hy__text_copy(reason, size, error ? error : "libltdl gave no reason");
	hy__mutex_unlock(&ltdl_lock);
}

/* libltdl's loader for files, or NULL. */
static const lt_dlvtable *file_loader(void)
{
	static const lt_dlvtable *loader;
	const lt_dlvtable *found;

	hy__mutex_lock(&ltdl_lock);
	if (!loader && lt_dlinit() == 0)
		loader = lt_dlloader_find("lt_dlopen");
	found = loader;
	hy__mutex_unlock(&ltdl_lock);
	return found;
}

/* dlerror()'s text, without the path that stands beside it anyway. */
static void copy_dl_error(const char *path, char *reason, size_t size)
{
	const char *error = dlerror();
	size_t length = strlen(path);

	if (!error)
		error = "the system's loader gave no reason";
	if (strncmp(error, path, length) == 0 && strncmp(error + length, ": ", 2) == 0)
		error += length + 2;
	hy__text_copy(reason, size, error);
}

int hy__dl_open(const char *path, void **module, char *reason, size_t size)
{
	const lt_dlvtable *loader = file_loader();

	*module = NULL;
	if (!loader) {
		copy_ltdl_error(reason, size);
		return HY_E_NO_BACKEND;
	}
	/* libltdl binds lazily: a missing function would end the process at
	 * its first call.  Bind all of it before, and learn the exact reason. */
	if (!dlopen(path, OPEN_FLAGS)) {
		copy_dl_error(path, reason, size);
		return HY_E_NO_BACKEND;
	}
	*module = loader->module_open(loader->dlloader_data, path, NULL);
	if (*module)
		return 0;
	copy_ltdl_error(reason, size);
	return HY_E_NO_BACKEND;
}

void *hy__dl_symbol(void *module, const char *name)
{
	const lt_dlvtable *loader = file_loader();

	return loader->find_sym(loader->dlloader_data, module, name);
}
