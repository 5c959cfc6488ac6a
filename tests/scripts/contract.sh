#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The contract holds together: doc/BACKENDS.md has each number once and without
# a gap, each rule names tests that exist, each case of the conformance suite
# proves rules that exist, and each operation of the backend ABI carries what
# there is to say of it.

set -eu

top=${srcdir:-$(dirname "$0")/../..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "test NAME" for each case of the conformance suite, and "claim NAME NUMBER" for
# each rule that it says it proves.
conformance_cases()
{
	awk '
	function entry(name, strings,    number, count, i) {
		match(strings, /"[^"]*"/)
		count = split(substr(strings, RSTART + 1, RLENGTH - 2), number, " ")
		print "test", name
		if (count == 0)
			print "claim", name, "nothing"
		for (i = 1; i <= count; i++)
			print "claim", name, number[i]
	}
	# Each begins with { "group/name", or with MACRO("name", where the macro has the group.
	function entries(text,    part) {
		while (match(text, /([A-Z][A-Z0-9_]*\(|[{][ \t]*)"[^"]*",/)) {
			split(substr(text, RSTART, RLENGTH), part, "\"")
			text = substr(text, RSTART + RLENGTH)
			entry(group[part[1]] part[2], text)
		}
	}
	/^#define [A-Z0-9_]+\(/ { macro = $2; sub(/\(.*/, "(", macro); defining = 1 }
	defining && match($0, /"[a-z-]+\/"/) { group[macro] = substr($0, RSTART + 1, RLENGTH - 2) }
	defining && !/\\$/ { defining = 0 }
	/^const struct conform_case / { inside = 1; text = ""; next }
	inside && /^};/ { entries(text); inside = 0 }
	inside { text = text $0 }
	' "$top"/tests/conformance/*.c
}

# "test unit:SUITE:CASE" for each case of the suites.
suite_cases()
{
	for file in "$top"/tests/unit/test-*.c "$top"/tests/system/test-*.c; do
		kind=$(basename "$(dirname "$file")")
		sed -n "s/^START_TEST(\(.*\))\$/test $kind:$(basename "$file" .c):\1/p" "$file"
	done
}

scripts()
{
	for file in "$top"/tests/scripts/*; do
		echo "test script:${file##*/}"
	done
}

# "rule NUMBER TEST..." for each line of the tables, "retired NUMBER" for those
# that have gone.
rules()
{
	awk -F '|' '
	!/^\| *HY-/ { next }
	NF != 7 { print "malformed", $2; next }
	$3 ~ /^ *\*retired\*/ { print "retired", $2; next }
	{ gsub(/,/, " ", $6); print "rule", $2, $6 }
	' "$top/doc/BACKENDS.md"
}

# What is wrong between those, read from a file of all their lines.
check_rules()
{
	awk '
	function number(id) {
		if (id !~ /^HY-[BC][1-9][0-9]*$/) {
			print id ": not a number like HY-B1 or HY-C1"
			return
		}
		if (id in seen)
			print id " is there twice"
		seen[id] = 1
		kind = substr(id, 4, 1)
		if (substr(id, 5) + 0 > last[kind])
			last[kind] = substr(id, 5) + 0
	}
	$1 == "test" { exists[$2] = 1; tests++ }
	$1 == "claim" { claims[$2 " " $3] = 1 }
	$1 == "malformed" { print $2 ": its line has not five columns" }
	$1 == "retired" { number($2); retired[$2] = 1 }
	$1 == "rule" {
		number($2)
		if (NF < 3)
			print $2 " names no test"
		for (i = 3; i <= NF; i++)
			named[$2 " " $i] = 1
	}
	END {
		for (kind in last)
			for (i = 1; i <= last[kind]; i++)
				if (!(("HY-" kind i) in seen))
					print "HY-" kind i " is missing: a number that is retired keeps its line"
		for (pair in named) {
			split(pair, part, " ")
			if (!(part[2] in exists))
				print part[1] " names a test that is not there: " part[2]
			else if (part[2] ~ /\// && !((part[2] " " part[1]) in claims))
				print part[1] " names " part[2] ", which does not claim to prove it"
		}
		for (pair in claims) {
			split(pair, part, " ")
			if (part[2] == "nothing")
				print part[1] " proves no rule"
			else if (!(part[2] in seen))
				print part[1] " proves a rule that is not there: " part[2]
			else if (part[2] in retired)
				print part[1] " proves a rule that is retired: " part[2]
		}
		if (last["B"] < 20 || last["C"] < 20 || tests < 20)
			print "found only " last["B"] + last["C"] " rules and " tests + 0 " tests"
	}' "$1"
}

# Between two operations stands a comment with every part of a contract.
check_operations()
{
	awk '
	/^struct hy_backend \{/ { inside = 1 }
	/^};/ { inside = 0 }
	inside && /^\t\/\*/ { comment = "" }
	inside { comment = comment $0 "\n" }
	inside && /^\t[a-z].*\(\*[a-z0-9_]+\)\(/ {
		name = $0
		sub(/.*\(\*/, "", name)
		sub(/\).*/, "", name)
		count++
		parts = split(name ":|Called|Blocks:|Arguments:|Returns:", part, "|")
		for (i = 1; i <= parts; i++)
			if (!index(comment, "* " part[i]))
				print name ": no \"" part[i] "\" in its contract"
		if (comment !~ /\* (Required|Optional)[ ,.:]/)
			print name ": neither required nor optional"
		if (comment !~ /Since [0-9]+\.[0-9]+\./)
			print name ": since when?"
		comment = ""
	}
	END {
		if (count < 20)
			print "found only " count + 0 " operations"
	}' "$top/include/hy/backend.h"
}

{
	conformance_cases
	suite_cases
	scripts
	rules
} >"$work/facts"
{
	check_rules "$work/facts"
	check_operations
} >"$work/complaints"
sort "$work/complaints"
[ ! -s "$work/complaints" ]
