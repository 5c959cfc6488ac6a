#!/bin/sh
# SPDX-License-Identifier: MIT
#
# doc/PORTING.md, word by word: its ```sh blocks are run in order, in a fresh
# directory, beside an installed libhy; each line of the ```text block after one
# must be in what it said.  A ```c block goes into the backend as the text there
# says: functions in the place of those of their name, what stands before them
# below the #include lines, and members into the table.

set -eu

scripts=$(dirname "$0")
top=${srcdir:-$scripts/../..}
work=$(mktemp -d)
step=none
trap 'end $?' EXIT
trap 'exit 1' HUP INT TERM
# shellcheck source=tests/scripts/installed.sh
. "$scripts/installed.sh"

# When it failed: what was being done, and what came of it.
end()
{
	if [ "$1" -ne 0 ] && [ -f "$work/steps/$step" ]; then
		echo "PORTING.md fails at step $step:"
		cat "$work/steps/$step"
		echo "---"
		cat "$work/said"
	fi
	rm -rf "$work"
}

# One file per block, in order: NN.sh, NN.text, NN.c.
take_apart()
{
	mkdir "$work/steps"
	awk -v dir="$work/steps" '
	/^```[a-z]/ { file = sprintf("%s/%02d.%s", dir, ++n, substr($0, 4)); next }
	/^```/ { close(file); file = ""; next }
	file { print >file }
	' "$top/doc/PORTING.md"
}

# In this shell: where a block goes and what it exports, the next ones find.
run_step()
{
	# shellcheck source=/dev/null
	. "$1" >"$work/said" 2>&1
}

# Does with the block $1 what an author does with it in his editor.
edit()
{
	awk '
	function name_of(line) {
		sub(/\(.*/, "", line)
		sub(/.*[ *]/, "", line)
		return line
	}
	FNR == 1 { file++ }
	# The block: functions, members, and what comes first.
	file == 1 && /^static .*\)$/ { current = name_of($0) }
	file == 1 && /^\t\./ { members = members $0 "\n"; next }
	file == 1 && current == "" { head = head $0 "\n"; next }
	file == 1 { body[current] = body[current] $0 "\n" }
	file == 1 && /^}/ { current = "" }
	file == 1 { next }
	# The source.
	/^static .*\)$/ && (name_of($0) in body) {
		printf "%s", body[name_of($0)]
		leaving = 1
	}
	leaving { leaving = !/^}/; next }
	{ print }
	/^#include <hy\/backend.h>/ { printf "%s", head }
	/^\t\.version/ { printf "%s", members }
	' "$1" hy-backend-mine.c >"$work/edited"
	mv "$work/edited" hy-backend-mine.c
}

# Whether all lines of the block $1 were said.
check_words()
{
	while IFS= read -r line; do
		grep -q -F -e "$line" "$work/said" || {
			echo "not said: $line" >>"$work/said"
			return 1
		}
	done <"$1"
}

why=$(why_not)
if [ -n "$why" ]; then
	echo "SKIP: $(echo "$why" | head -n 1)"
	exit 77
fi
take_apart
: >"$work/said"
# What it installs must go to a tree of ours.
unset HY_ROOT
use_installed "$work"
mkdir "$work/author"
cd "$work/author"
for file in "$work"/steps/*; do
	step=${file##*/}
	case $step in
	*.sh) run_step "$file" ;;
	*.text) check_words "$file" ;;
	*.c) edit "$file" ;;
	esac
done
