#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: static.sh [--full] [ZYDIS-DIR]
#
# Backends that are built in make static programs: hy-run boots its guest with no
# libltdl and no dlopen, and so does a program built by what pkg-config says.  With
# --full all backends of the host are in it, and the conformance suite passes on
# soft.  ZYDIS-DIR keeps a static Zydis from one time to the next, see
# static-zydis.sh.

set -eu

top=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
full=
[ "${1-}" != --full ] || {
	full=yes
	shift
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
zydis=${1:-$work/zydis}
build=$work/build prefix=$work/prefix
unset HY_BACKEND HY_BACKEND_PATH HY_BACKEND_PATH_ADD HY_DEBUG HY_BUILD MAKEFLAGS MFLAGS MAKELEVEL

complain()
{
	echo "$@" >&2
	exit 1
}

skip()
{
	echo "SKIP: $*"
	exit 77
}

make_it()
{
	make -C "$build" -j "$(getconf _NPROCESSORS_ONLN)" LDFLAGS="-all-static -L$zydis" "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		exit 1
	}
}

# configure FLAGS...
configure_it()
{
	mkdir "$build"
	(cd "$build" && "$top/configure" -q --prefix="$prefix" --enable-static --disable-shared --enable-werror \
		LDFLAGS="-L$zydis" "$@")
}

check_is_static()
{
	if readelf -lW "$1" | grep -E 'INTERP|DYNAMIC'; then
		complain "$1 isn't static"
	fi
}

# libc.a has a dlopen of its own, for its character sets; nothing of ours may want it.
check_loads_nothing()
{
	if nm -A "$build/.libs/libhy.a" | grep -E ' [TUWw] _*(dl(open|sym|error|close)|lt_)'; then
		complain "libhy.a must not use these"
	fi
}

check_boots()
{
	says=$("$build/hy-run" "$build/tests/guests/hello.bin" 2>/dev/null)
	case $says in
	"Hello from a guest of libhy!"*) ;;
	*) complain "hy-run says '$says'" ;;
	esac
}

# What a file would have been is told, also when it was asked for.
check_explains()
{
	says=$("$build/hy-run" --backend other "$build/tests/guests/hello.bin" 2>&1) &&
		complain "hy-run ran on a backend that isn't there"
	case $says in
	*"no such backend"*soft*"built to load no files"*) ;;
	*) complain "hy-run says '$says'" ;;
	esac
}

flags_of_libhy()
{
	PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --static --cflags --libs libhy
}

check_program()
{
	make_it install-libLTLIBRARIES install-pkgconfigDATA install-hyincludeHEADERS
	# shellcheck disable=SC2046 # a list of words
	${CC:-cc} -static "$top/examples/getting-started.c" -L"$zydis" $(flags_of_libhy) -o "$work/program"
	check_is_static "$work/program"
	[ "$(HY_BACKEND=soft "$work/program")" = "Hi
ended by HALT" ] || complain "getting-started doesn't run"
}

check_conforms()
{
	for program in hy-info hy-conform; do
		check_is_static "$build/$program"
	done
	"$build/hy-info" --backend soft
	: >"$work/hy-backend-soft.so"
	says=$("$build/hy-conform" "$work/hy-backend-soft.so" 2>&1) &&
		complain "hy-conform took the built-in soft for the file"
	case $says in
	*"instead of the file"*) ;;
	*) complain "hy-conform says '$says'" ;;
	esac
	HY_STORM=${HY_STORM:-10000} "$build/hy-conform" --backend soft --jobs "$(getconf _NPROCESSORS_ONLN)"
}

[ ! -e "$top/config.status" ] || skip "the source tree was configured in itself"
echo 'int main(void) { return 0; }' >"$work/static.c"
${CC:-cc} -static "$work/static.c" -o "$work/static" || skip "there is no static libc"
status=0
"$top/tests/scripts/static-zydis.sh" "$zydis" >"$work/log" 2>&1 || status=$?
[ "$status" -eq 0 ] || cat "$work/log"
[ "$status" -eq 0 ] || exit "$status"

# Speed is of no use to a program that is run once.
if [ "$full" ]; then
	configure_it --enable-builtin-backends=auto
	make_it
else
	configure_it --enable-builtin-backends=soft CFLAGS=-O0
	make_it hy-run
fi
make_it tests/guests/hello.bin
check_is_static "$build/hy-run"
check_loads_nothing
check_boots
check_explains
check_program
[ ! "$full" ] || check_conforms
