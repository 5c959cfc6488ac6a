#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The library exports what its headers declare, no less and no more; a backend its
# entry, and it calls nothing that it must not.

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

# A backend exports its entry alone, needs nothing of the library, and calls
# nothing that writes for the program, ends it, or takes a signal from it.
forbidden='v*f*d*printf|f*puts|putc(har)?|fputc|fwrite|perror|abort|_*exit|_Exit|quick_exit|sigaction|signal|hy_.*'
entry=$(sed -n 's/^#define HY_BACKEND_ENTRY_NAME "\(.*\)"$/\1/p' "$top/include/hy/backend.h")
for backend in "${HY_BACKEND_PATH:?names the built backends}"/hy-backend-*.so; do
	[ -f "$backend" ] || continue
	nm -D --defined-only "$backend" | sed -n 's/.* [TBDR] \([^@]*\).*/\1/p' >"$work/exported"
	echo "$entry" | diff -u - "$work/exported"
	if nm -D --undefined-only "$backend" | sed 's/.* \([^@]*\).*/\1/' | grep -E -x "$forbidden"; then
		echo "$backend must not call these"
		exit 1
	fi
done
