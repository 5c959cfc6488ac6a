#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: static-zydis.sh DIR
#
# Sees to it that -L DIR -lZydis works in a static program.  Where the system has
# a static Zydis there is nothing to do.  Debian and its relatives have only the
# shared one: there it is compiled into DIR from the source package of the very
# version whose headers are installed.  Exits with 77 when neither is possible.

set -eu

[ $# -eq 1 ] || {
	echo "usage: static-zydis.sh DIR" >&2
	exit 2
}
mkdir -p "$1"
dir=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip()
{
	echo "SKIP: no static Zydis: $*"
	exit 77
}

links()
{
	echo 'int ZydisMnemonicGetString(int); int main(void) { return !ZydisMnemonicGetString(0); }' >"$work/links.c"
	${CC:-cc} -static "$work/links.c" -L"$dir" -lZydis -o "$work/links" 2>/dev/null
}

# apt's lists of source packages, in a place of our own: the system's may have none.
set_up_apt()
{
	mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial"
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
		case $file in
		*.sources) sed 's/^Types:.*/Types: deb-src/' "$file" ;;
		*.list) sed -n 's/^deb /deb-src /p' "$file" ;;
		esac >"$work/parts/$(basename "$file")"
	done
	apt_options="-q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$work/parts \
		-o Dir::State::Lists=$work/lists -o Dir::Cache=$work/cache -o APT::Sandbox::User=root"
}

fetch()
{
	version=$(dpkg-query -W -f '${source:Version}' libzydis-dev)
	set_up_apt
	cd "$work"
	# shellcheck disable=SC2086 # a list of words
	apt-get $apt_options update && apt-get $apt_options source "zydis=$version"
}

# The library is C files side by side, and needs of Zycore no more than its headers.
compile()
{
	source=$(find "$work" -maxdepth 1 -type d -name 'zydis-*')
	mkdir "$work/objects"
	for file in "$source"/src/*.c; do
		${CC:-cc} -O2 -DZYDIS_STATIC_BUILD -I"$source/include" -I"$source/src" \
			-c "$file" -o "$work/objects/$(basename "$file" .c).o"
	done
	${AR:-ar} rcs "$work/libZydis.a" "$work"/objects/*.o
	mv "$work/libZydis.a" "$dir"
}

! links || exit 0
for tool in apt-get dpkg-query dpkg-source; do
	command -v "$tool" >/dev/null 2>&1 || skip "the system's package has none, and $tool is missing to build one"
done
(fetch) || skip "Debian's package has none, and its source can't be got here"
compile
links || skip "what was built from Debian's source doesn't link"
