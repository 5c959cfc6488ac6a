#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: packaging/debian/build.sh DIRECTORY
#
# Builds the Debian packages of the tree that this script is in, and puts them
# into DIRECTORY.  In a checkout what is committed counts, and nothing else.
# dpkg-buildpackage heeds DEB_BUILD_OPTIONS, for instance "nocheck".

set -eu

# export_tree DIRECTORY: the sources, as a release has them.
export_tree()
{
	if [ -e "$source/.git" ]; then
		git -C "$source" archive -o "$1.tar" HEAD
	else
		tar -C "$source" -cf "$1.tar" .
	fi
	rm -rf "$1"
	mkdir "$1"
	tar -C "$1" -xf "$1.tar"
	rm "$1.tar"
}

[ $# -eq 1 ] || {
	echo "usage: $0 DIRECTORY" >&2
	exit 2
}
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
directory=$(cd "$1" && pwd)
case $directory/ in
"$source"/*)
	[ -e "$source/.git" ] || {
		echo "$0: $directory is in the tree that is to be packed" >&2
		exit 2
	}
	;;
esac
version=$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' "$source/packaging/debian/changelog")
tree=$directory/libhy-$version
export_tree "$tree"
cp -R "$tree/packaging/debian" "$tree/debian"
cd "$tree"
dpkg-buildpackage -us -uc -b
