#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Each public header is complete in itself, in C and in C++.

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
