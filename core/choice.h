/* SPDX-License-Identifier: MIT */
/* Which backends may be taken, and which first: HY_BACKEND and its option. */
#ifndef HY_CORE_CHOICE_H
#define HY_CORE_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#define HY__NAME_MAX 32

struct hy__choice_word {
	const char *name; /* in `text`; ends at ',' or the end */
	size_t length;
	bool exclude;
};

/* The words of a list in their order; "auto" is a word of its own. */
struct hy__choice {
	char *text; /* as it was given; NULL: nothing was asked for */
	const char *origin;
	struct hy__choice_word *word;
	size_t count;
	bool any; /* backends without a word of their own are allowed */
	size_t any_rank;
};

/*
 * Reads a list; NULL allows everything.  `origin` says in messages where the
 * list came from, and must outlast the choice.  Returns 0, HY_E_INVALID or
 * HY_E_NOMEM, recorded; free it only after 0.
 */
int hy__choice_parse(struct hy__choice *choice, const char *text, const char *origin);
void hy__choice_free(struct hy__choice *choice);

bool hy__choice_allows(const struct hy__choice *choice, const char *name);
/* Where an allowed backend stands: a lower rank goes first. */
size_t hy__choice_rank(const struct hy__choice *choice, const char *name);

/* Whether these characters can be a backend's name: a-z 0-9 _ -, not "auto". */
bool hy__name_ok(const char *name, size_t length);

#endif /* HY_CORE_CHOICE_H */
