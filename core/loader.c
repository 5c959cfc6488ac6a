/* SPDX-License-Identifier: MIT */
/*
 * The modules that this process has loaded, for ever: unloading code that has
 * threads, handlers or thread-local data of its own is not to be had safely.
 * Entries without a file are kept the same way, so that each is called once.
 */
#include <stdlib.h>
#include <string.h>

#include "dl.h"
#include "elf-file.h"
#include "loader.h"

enum state {
	STATE_NEW,     /* nobody has tried, or the system refused it */
	STATE_LOADING, /* some thread is at it */
	STATE_DONE     /* loaded; `verdict` says whether it is a backend */
};

struct record {
	struct hy__module module;
	struct hy__source source; /* with a path of our own */
	struct hy__verdict verdict;
	enum state state;
	struct record *next;
};

/* The lock is never held while a plugin's code runs, nor its constructors. */
static struct {
	struct hy__mutex lock;
	struct hy__cond settled; /* a record left STATE_LOADING */
	bool has_settled;        /* the condition is initialized */
	struct record *first;
} table = { .lock = HY__MUTEX_INIT };

static bool same_file(const struct hy__file_id *a, const struct hy__file_id *b)
{
	return a->device == b->device && a->inode == b->inode && a->seconds == b->seconds &&
	       a->nanoseconds == b->nanoseconds;
}

static bool same_source(const struct hy__source *a, const struct hy__source *b)
{
	return a->entry == b->entry && same_file(&a->id, &b->id) && strcmp(a->path, b->path) == 0;
}

static struct record *find_locked(const struct hy__source *source)
{
	struct record *record = table.first;

	while (record && !same_source(&record->source, source))
		record = record->next;
	return record;
}

/* Adds a record; NULL when there is no memory for it. */
static struct record *add_locked(const struct hy__source *source)
{
	struct record *record = calloc(1, sizeof(*record));

	if (!record)
		return NULL;
	record->source = *source;
	record->source.path = strdup(source->path);
	if (!record->source.path) {
		free(record);
		return NULL;
	}
	record->next = table.first;
	table.first = record;
	return record;
}

/*
 * The record of a source, once no other thread is loading it.  When it comes back
 * in STATE_LOADING it is the caller who has to load it and then to settle it.
 */
static struct record *claim_locked(const struct hy__source *source)
{
	struct record *record = find_locked(source);

	if (!table.has_settled && hy__cond_init(&table.settled) != 0)
		return NULL;
	table.has_settled = true;
	if (!record)
		record = add_locked(source);
	if (!record)
		return NULL;
	while (record->state == STATE_LOADING)
		hy__cond_wait(&table.settled, &table.lock, UINT64_MAX);
	if (record->state == STATE_NEW)
		record->state = STATE_LOADING;
	return record;
}

static void settle(struct record *record, enum state state)
{
	hy__mutex_lock(&table.lock);
	record->state = state;
	hy__cond_broadcast(&table.settled);
	hy__mutex_unlock(&table.lock);
}

/* Loads the file; the verdict of the system's loader isn't kept: it may change. */
static int load_file(struct record *record, const char *name, struct hy__verdict *verdict)
{
	const char *path = record->source.path;
	hy_backend_entry *entry;
	const char *before;
	void *module;
	int status = hy__elf_check(path, verdict);

	if (status != 0)
		return status;
	before = hy__enter_backend(name);
	status = hy__dl_open(path, &module, verdict->reason, sizeof(verdict->reason));
	hy__leave_backend(before);
	if (status != 0) {
		verdict->stage = HY_STAGE_LOAD;
		return status;
	}
	hy__log(HY__LOG_LOAD, "%s: loaded", path);
	if (hy__abi_find(module, &entry, &record->verdict) == 0)
		hy__abi_read(entry, name, "its file name says", &record->module.ops, &record->verdict);
	return 0;
}

static int load(struct record *record, const char *name, struct hy__verdict *verdict)
{
	if (!record->source.entry)
		return load_file(record, name, verdict);
	hy__abi_read(record->source.entry, name, "it was handed over as", &record->module.ops, &record->verdict);
	return 0;
}

int hy__module_get(const struct hy__source *source, const char *name, const struct hy__module **module,
                   struct hy__verdict *verdict)
{
	struct record *record;
	bool claimed;
	int status = 0;

	*module = NULL;
	hy__mutex_lock(&table.lock);
	record = claim_locked(source);
	claimed = record && record->state == STATE_LOADING;
	hy__mutex_unlock(&table.lock);
	if (!record)
		return hy__fail_nomem("the table of modules");
	if (claimed) {
		status = load(record, name, verdict);
		settle(record, status == 0 ? STATE_DONE : STATE_NEW);
	}
	if (status != 0)
		return status;
	if (*record->verdict.reason) {
		*verdict = record->verdict;
		return HY_E_NO_BACKEND;
	}
	*module = &record->module;
	return 0;
}
