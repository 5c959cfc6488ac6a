#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each public header is complete in itself, in C and in C++, and each operation
# of the backend ABI carries its contract.

set -eu

top=${srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in "$top"/include/hy/*.h; do
	echo "#include <hy/$(basename "$header")>" >"$work/alone.c"
	cp "$work/alone.c" "$work/alone.cc"
	${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$top/include" -fsyntax-only "$work/alone.c"
	! command -v "${CXX:-c++}" >/dev/null 2>&1 ||
		${CXX:-c++} -std=c++11 -Wall -Wextra -Werror -I"$top/include" -fsyntax-only "$work/alone.cc"
done

# Between two operations stands a comment with every part of a contract.
awk '
/^struct hy_backend \{/ { inside = 1 }
/^};/ { inside = 0 }
inside && /^\t\/\*/ { comment = "" }
inside { comment = comment $0 "\n" }
inside && /^\t[a-z].*\(\*[a-z0-9_]+\)\(/ {
	name = $0
	sub(/.*\(\*/, "", name)
	sub(/\).*/, "", name)
	count++
	split(name ":|Called|Blocks:|Arguments:|Returns:", part, "|")
	for (i in part)
		if (!index(comment, "* " part[i])) { print name ": no \"" part[i] "\" in its contract"; bad = 1 }
	if (comment !~ /(Required|Optional).*Since [0-9]/ && comment !~ /Since [0-9]/) { print name ": required or optional, since when?"; bad = 1 }
	comment = ""
}
END {
	if (count < 20) { print "found only " count " operations"; bad = 1 }
	exit bad
}' "$top/include/hy/backend.h"
