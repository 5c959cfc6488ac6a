/* SPDX-License-Identifier: MIT */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define SECONDS_PER_YEAR UINT64_C(31536000)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits of C's base 10 or 16; strtoull alone takes signs and blanks too. */
static bool parse_number(const char *text, uint64_t *value, const char **end)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *after;

	if (hex ? !isxdigit((unsigned char)text[2]) : !is_digit(text[0]))
		return false;
	errno = 0;
	*value = strtoull(text, &after, hex ? 16 : 10);
	*end = after;
	return errno == 0;
}

static bool parse_suffix(const char *text, unsigned *shift)
{
	static const char suffixes[] = "KMG";
	const char *found;

	*shift = 0;
	if (*text == '\0')
		return true;
	found = strchr(suffixes, toupper((unsigned char)*text));
	if (!found || text[1] != '\0')
		return false;
	*shift = 10 * (unsigned)(found - suffixes + 1);
	return true;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	const char *end;
	uint64_t value;
	unsigned shift;

	if (!parse_number(text, &value, &end) || !parse_suffix(end, &shift))
		return false;
	if (value > UINT64_MAX >> shift)
		return false;
	*bytes = value << shift;
	return true;
}

bool parse_address(const char *text, uint64_t *address)
{
	const char *end;

	return parse_number(text, address, &end) && *end == '\0';
}

bool parse_seconds(const char *text, uint64_t *ns)
{
	uint64_t seconds = 0, fraction = 0, unit = NS_PER_SECOND;

	if (!is_digit(*text))
		return false;
	for (; is_digit(*text); text++) {
		seconds = seconds * 10 + (uint64_t)(*text - '0');
		if (seconds > SECONDS_PER_YEAR)
			return false;
	}
	if (*text == '.' && is_digit(text[1])) {
		for (text++; is_digit(*text); text++) {
			unit /= 10;
			fraction += (uint64_t)(*text - '0') * unit;
		}
	}
	*ns = seconds * NS_PER_SECOND + fraction;
	return *text == '\0';
}
