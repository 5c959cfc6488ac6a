#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The library exports what its headers declare, no less and no more.

set -eu

top=${srcdir:-$(dirname "$0")/../..}
library=${HY_LIBRARY:?names the built library}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -f "$library" ] || {
	echo "SKIP: no shared library $library"
	exit 77
}
sed -n 's/^HY_API .*[ *]\(hy_[a-z0-9_]*\)(.*/\1/p' "$top"/include/hy/*.h | sort >"$work/declared"
nm -D --defined-only "$library" | sed -n 's/.* [TBDR] \(.*\)/\1/p' | sed 's/@.*//' | grep -v '^HY_' | sort >"$work/exported"
sed -n 's/^	\(hy_[a-z0-9_]*\);/\1/p' "$top/core/libhy.sym" | sort >"$work/listed"
[ -s "$work/declared" ]
diff -u "$work/declared" "$work/listed"
diff -u "$work/declared" "$work/exported"
