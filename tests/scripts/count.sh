#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: count.sh BUILD-DIRECTORY...
#
# Counts the test cases that `make check` left in *.trs and *.log.  A suite of
# Check says in its log how many cases it had; TAP scripts have one result each
# per case; every other program is one case.  Prints "SKIP: name: reason" and
# "FAIL: name" lines, then "N passed, N failed, N skipped".
#
# A case of a suite that can't run here prints "SKIP: case: reason" and returns,
# a program that can't prints "SKIP: reason" and exits with 77.

set -eu

find "$@" -name '*.trs' | sort | awk '
# --- One test: its results in a .trs, its output in the .log beside it ---------

function read_results(file,    line, word)
{
	split("", results)
	while ((getline line <file) > 0) {
		if (split(line, word, " ") >= 2 && word[1] == ":test-result:")
			results[word[2]]++
	}
	close(file)
}

# "100%: Checks: 12, Failures: 0, Errors: 0"
function read_check_line(line,    word)
{
	split(line, word, /[:,] */)
	is_suite = 1
	cases += word[3]
	case_failures += word[5] + word[7]
}

# "ok 2 - case # SKIP reason", or "1..0 # SKIP reason" for all of a script.
function tap_skip(line,    words)
{
	split(line, words, / *# *[Ss][Kk][Ii][Pp][^ ]* */)
	sub(/^(not )?ok *[0-9]*[- ]*|^1\.\.0/, "", words[1])
	return name ": " (words[1] == "" ? "" : words[1] ": ") words[2]
}

# "reason", "test: reason" and "case: reason" with the name of the test in front.
function named(reason)
{
	return index(reason, name ":") == 1 ? reason : name ": " reason
}

function read_log(file,    line)
{
	is_suite = is_tap = cases = case_failures = case_skips = 0
	last_line = ""
	while ((getline line <file) > 0) {
		if (line ~ /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/)
			read_check_line(line)
		is_tap = is_tap || line ~ /^(1\.\.[0-9]+|ok [0-9]|not ok [0-9])/
		if (line ~ /^(ok|not ok|1\.\.0).*# *[Ss][Kk][Ii][Pp]/)
			reasons[++case_skips] = tap_skip(line)
		else if (!is_tap && line ~ /^SKIP: /)
			reasons[++case_skips] = named(substr(line, 7))
		else if (line != "" && line !~ /^SKIP .* \(exit status: 77\)$/)
			last_line = line
	}
	close(file)
}

function show_skips(    i)
{
	for (i = 1; i <= case_skips; i++)
		print "SKIP: " reasons[i]
	if (case_skips == 0 && results["SKIP"] > 0)
		print "SKIP: " name ": " last_line
}

# A suite that passes all its cases and then fails leaks, or died at its end.
function count_suite(    bad)
{
	bad = results["FAIL"] + results["ERROR"]
	if (bad > 0 && case_failures == 0) {
		case_failures = 1
		cases++
	}
	if (case_skips > cases - case_failures)
		case_skips = cases - case_failures
	passed += cases - case_failures - case_skips
	failed += case_failures
	skipped += case_skips
	return case_failures
}

function count_others(    bad)
{
	bad = results["FAIL"] + results["ERROR"] + results["XPASS"]
	passed += results["PASS"] + results["XFAIL"]
	failed += bad
	skipped += results["SKIP"]
	return bad
}

{
	name = $0
	sub(/^.*\//, "", name)
	sub(/\.trs$/, "", name)
	log_file = $0
	sub(/\.trs$/, ".log", log_file)
	read_results($0)
	read_log(log_file)
	if ((is_suite ? count_suite() : count_others()) > 0)
		print "FAIL: " name
	if (is_suite || results["SKIP"] > 0)
		show_skips()
}

END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
'
