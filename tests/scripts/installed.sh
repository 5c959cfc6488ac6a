#!/bin/sh
# SPDX-License-Identifier: MIT
#
# For scripts that see libhy as those who have installed it do; to be sourced.
# It wants what tests/Makefile.inc sets.

# Why a plugin can't be built and loaded here; empty: it can.
why_not()
{
	for tool in cc make pkg-config; do
		command -v "$tool" >/dev/null 2>&1 || echo "$tool is missing"
	done
	if nm -D "${HY_LIBRARY:?}" 2>/dev/null | grep -q ' U __[atu]*b*san_'; then
		echo "a library with sanitizers is for programs with them"
	fi
}

# Takes a directory for its own use.  Gives the tree that HY_ROOT names (empty:
# that of this system), or one made of the build: its programs, library and
# backends are the first to be found, and its libhy.pc says where it stands.
use_installed()
{
	dir=$1
	if [ "${HY_ROOT+set}" ]; then
		root=$HY_ROOT
	else
		root=$dir/root
		unset MAKEFLAGS MFLAGS MAKELEVEL
		make -C "${HY_BUILD:?}" install DESTDIR="$root" >"$dir/install.log" 2>&1 || {
			cat "$dir/install.log"
			exit 1
		}
	fi
	mkdir "$dir/pkgconfig"
	sed "s,=/,=$root/," "$root${HY_PKGCONFIGDIR:?}/libhy.pc" >"$dir/pkgconfig/libhy.pc"
	PKG_CONFIG_PATH=$dir/pkgconfig
	PATH=$root${HY_BINDIR:?}:$PATH
	LD_LIBRARY_PATH=$root${HY_LIBDIR:?}
	export PKG_CONFIG_PATH PATH LD_LIBRARY_PATH
	unset HY_BACKEND HY_BACKEND_PATH_ADD HY_DEBUG HY_STRICT
	HY_BACKEND_PATH=$(pkg-config --variable=backenddir libhy)
	export HY_BACKEND_PATH
}
