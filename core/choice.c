/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "internal.h"

static const char auto_word[] = "auto";

static bool equals(const char *text, size_t length, const char *other)
{
	return strlen(other) == length && memcmp(text, other, length) == 0;
}

bool hy__name_ok(const char *name, size_t length)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	if (length == 0 || length > HY__NAME_MAX || name[0] == '-' ||
	    equals(name, length, auto_word))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (name[i] == '\0' || !strchr(allowed, name[i]))
			return false;
	}
	return true;
}

static int bad_word(const struct hy__choice *choice, const char *text, size_t length)
{
	if (length == 0)
		return hy__fail(HY_E_INVALID, NULL, "%s: the list has an empty word",
		                choice->origin);
	return hy__fail(
		HY_E_INVALID, NULL,
		"%s: '%.*s' can't be the name of a backend (a-z 0-9 _ -, at most %d of them)",
		choice->origin, length < 64 ? (int)length : 64, text, HY__NAME_MAX);
}

static int add_word(struct hy__choice *choice, const char *text, size_t length)
{
	struct hy__choice_word *word = &choice->word[choice->count];

	if (equals(text, length, auto_word)) {
		choice->any = true;
		choice->any_rank = choice->count;
	}
	word->exclude = length > 0 && text[0] == '-';
	word->name = text + word->exclude;
	word->length = length - word->exclude;
	if ((word->exclude || !equals(text, length, auto_word)) &&
	    !hy__name_ok(word->name, word->length))
		return bad_word(choice, text, length);
	choice->count++;
	return 0;
}

static size_t count_words(const char *text)
{
	size_t count = 1;

	for (; *text; text++)
		count += *text == ',';
	return count;
}

static int add_words(struct hy__choice *choice)
{
	const char *text = choice->text;
	bool only_exclusions = true;
	int status;

	for (;;) {
		size_t length = strcspn(text, ",");

		status = add_word(choice, text, length);
		if (status != 0)
			return status;
		only_exclusions = only_exclusions && choice->word[choice->count - 1].exclude;
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	choice->any = choice->any || only_exclusions;
	return 0;
}

int hy__choice_parse(struct hy__choice *choice, const char *text, const char *origin)
{
	int status;

	*choice = (struct hy__choice){ .origin = origin, .any = !text };
	if (!text)
		return 0;
	choice->text = strdup(text);
	choice->word = calloc(count_words(text), sizeof(*choice->word));
	if (choice->text && choice->word)
		status = add_words(choice);
	else
		status = hy__fail_nomem("the list of backends");
	if (status != 0)
		hy__choice_free(choice);
	return status;
}

void hy__choice_free(struct hy__choice *choice)
{
	free(choice->word);
	free(choice->text);
	*choice = (struct hy__choice){ .origin = NULL };
}

/* The first word of that name and kind; `count` where there is none. */
static size_t find_word(const struct hy__choice *choice, const char *name, bool exclude)
{
	size_t i = 0;

	for (; i < choice->count; i++) {
		const struct hy__choice_word *word = &choice->word[i];

		if (word->exclude == exclude && equals(word->name, word->length, name))
			break;
	}
	return i;
}

bool hy__choice_allows(const struct hy__choice *choice, const char *name)
{
	if (find_word(choice, name, true) < choice->count)
		return false;
	return choice->any || find_word(choice, name, false) < choice->count;
}

size_t hy__choice_rank(const struct hy__choice *choice, const char *name)
{
	size_t rank = find_word(choice, name, false);

	return rank < choice->count ? rank : choice->any_rank;
}
