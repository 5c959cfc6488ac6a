#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The Debian packaging fits the tree: each installed file is in one package, each
# pattern of a package has a file, the symbols are those of the library, and the
# version and the names of packages are the same everywhere.

set -eu

top=${srcdir:-$(dirname "$0")/../..}
debian=$top/packaging/debian
builddir=${HY_BUILD:?names the build directory}
library=${HY_LIBRARY:?names the built library}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
failures=0

complain()
{
	echo "$@" >&2
	failures=$((failures + 1))
}

variable()
{
	pkg-config --variable="$1" "$builddir/core/libhy.pc"
}

# --- Files -----------------------------------------------------------------------

# What is installed, where Debian has it.
installed_files()
{
	make -C "$builddir" install DESTDIR="$work/root" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		return 1
	}
	backends=usr/lib/TRIPLET/hy/$(basename "$(variable backenddir)")
	find "$work/root" ! -type d | sed \
		-e "s|^$work/root||" \
		-e "s|^$(variable backenddir)/|$backends/|" \
		-e "s|^$(variable libdir)/|usr/lib/TRIPLET/|" \
		-e "s|^$(variable prefix)/share/doc/libhy/|usr/share/doc/libhy-dev/|" \
		-e "s|^$(variable prefix)/|usr/|"
}

# matches PATTERN: those of the files that it matches.
matches()
{
	while read -r file; do
		# shellcheck disable=SC2254 # it is a pattern
		case $file in
		$1) echo "$file" ;;
		esac
	done <"$work/files"
}

# Whether this build has no such backend.
is_left_out()
{
	backend=$(basename "$1" .install)
	case $backend in
	hy-backend-*) [ ! -e "$builddir/.libs/$backend.so" ] ;;
	*) false ;;
	esac
}

# Writes the files that a list puts into its package.
check_list()
{
	name=$(basename "$1")
	while read -r pattern; do
		matches "$pattern" | grep . || complain "$name: no file is $pattern"
	done <"$1"
}

check_files()
{
	installed_files >"$work/files" || exit 1
	for list in "$debian"/*.install; do
		is_left_out "$list" || check_list "$list"
	done >"$work/packed"
	sort "$work/files" >"$work/expected"
	sort "$work/packed" | diff -u "$work/expected" - >&2 ||
		complain "installed files (-) and files in packages (+) aren't the same"
}

# --- Names and numbers -----------------------------------------------------------------

check_symbols()
{
	nm -D --defined-only "$library" | sed -n 's/.* [ATBDR] \(.*\)/\1/p' |
		sed -e 's/@@/@/' -e 's/^[^@]*$/&@&/' | sort >"$work/exported"
	sed -n 's/^ \([^ ]*\) .*/\1/p' "$debian/libhy0.symbols" | sort | diff -u "$work/exported" - >&2 ||
		complain "exported symbols (-) and those of libhy0.symbols (+) aren't the same"
}

check_version()
{
	version=$(sed -n 's/^#define HY_VERSION_[A-Z]* //p' "$top/include/hy/hy.h" | paste -s -d . -)
	packaged=$(sed -n '1s/^libhy (\(.*\)-[^-]*) .*/\1/p' "$debian/changelog")
	[ "$version" = "$packaged" ] || complain "this is libhy $version; the changelog of the packages has $packaged"
}

# Packages have files, and what libhy tells its users to install is a package.
check_names()
{
	sed -n 's/^Package: //p' "$debian/control" | sort >"$work/packages"
	for list in "$debian"/*.install; do
		basename "$list" .install
	done | sort | diff -u "$work/packages" - >&2 || complain "packages (-) and lists of files (+) aren't the same"
	grep -oh 'hy-backend-[a-z]*' "$top/core/story.c" | sort -u | comm -23 - "$work/packages" >"$work/unknown"
	[ ! -s "$work/unknown" ] || complain "core/story.c names what is no package: $(cat "$work/unknown")"
}

[ -f "$library" ] || {
	echo "SKIP: no shared library $library"
	exit 77
}
check_files
check_symbols
check_version
check_names
[ "$failures" -eq 0 ]
