#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `make install` installs is whole, has no .la file and names no directory of
# the build; and `make uninstall` takes all of it away again.

set -eu

builddir=${HY_BUILD:?names the build directory}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
unset MAKEFLAGS MFLAGS MAKELEVEL

complain()
{
	echo "$@" >&2
	exit 1
}

make_here()
{
	make -C "$builddir" "$@" DESTDIR="$root" >"$work/log" 2>&1 || {
		cat "$work/log"
		exit 1
	}
}

variable()
{
	pkg-config --variable="$1" "$builddir/core/libhy.pc"
}

make_here install
if find "$root" -name '*.la' | grep .; then
	complain "libtool's .la files must not be installed"
fi
if find "$root" -type f \( -perm -020 -o -perm -002 \) | grep .; then
	complain "others may write to these"
fi
for built in "$builddir"/.libs/hy-backend-*.so; do
	[ ! -e "$built" ] || [ -e "$root$(variable backenddir)/$(basename "$built")" ] ||
		complain "$built isn't in backenddir"
done
find "$root" -type f -perm -u+x | while read -r file; do
	if readelf -d "$file" 2>/dev/null | grep -F -e "[$builddir"; then
		complain "$file looks for libraries in the build directory"
	fi
done
LD_LIBRARY_PATH=$root$(variable libdir) HY_BACKEND_PATH=$root$(variable backenddir) \
	"$root$(variable prefix)/bin/hy-info" --version

make_here uninstall
if find "$root" ! -type d | grep .; then
	complain "these stayed"
fi
if find "$root$(variable prefix)"/* -name '*hy*' | grep .; then
	complain "these directories stayed"
fi
