#!/bin/sh
# SPDX-License-Identifier: MIT
#
# README.md shows what is so: the example, and the packages.

set -eu

top=${srcdir:-$(dirname "$0")/../..}

# What stands between the first "```c" and the "```" after it.
readme_program()
{
	awk '/^```$/ && inside { exit } inside; /^```c$/ { inside = 1 }' "$top/README.md"
}

# The program is examples/getting-started.c, to the letter.
readme_program | diff -u "$top/examples/getting-started.c" -

# And its table has the packages that bootstrap installs or names.
for system in debian fedora arch freebsd brew; do
	packages=$(sed -n "s/^.*$system-build) *echo \(.*\) ;;\$/\1/p" "$top/bootstrap")
	grep -q -F "| $packages " "$top/README.md" || {
		echo "README.md differs from bootstrap in the packages of $system: $packages"
		exit 1
	}
done
