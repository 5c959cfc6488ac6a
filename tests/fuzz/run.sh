#!/bin/sh
# SPDX-License-Identifier: MIT
# Replays the corpus, then fuzzes.
#
#   FUZZ_SECONDS   how long (default 60; 0: only the corpus)
#   FUZZ_CORPUS    the corpus, one text file
#   FUZZ_REPLAY    the program that replays
#   FUZZ_PROGRAM   the one that fuzzes; without it, that part is skipped
#   FUZZ_FINDINGS  where inputs go that failed (default: here)
set -u

seconds=${FUZZ_SECONDS:-60}
corpus=${FUZZ_CORPUS:-tests/fuzz/corpus.txt}
replay=${FUZZ_REPLAY:-tests/fuzz/replay}
program=${FUZZ_PROGRAM:-tests/fuzz/fuzz-execute}
findings=${FUZZ_FINDINGS:-.}

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# The name of the test, then what runs it.
try() {
	name=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		passed=$((passed + 1))
		echo "ok: $name: $(tail -n 1 "$work/log")"
	else
		failed=$((failed + 1))
		cat "$work/log"
		echo "not ok: $name"
	fi
}

try "the corpus" "$replay" "$corpus"
if [ ! -x "$program" ]; then
	skipped=$((skipped + 1))
	echo "SKIP: fuzzing: the compiler has no libFuzzer (clang has)"
elif [ "$seconds" -eq 0 ]; then
	skipped=$((skipped + 1))
	echo "SKIP: fuzzing: FUZZ_SECONDS is 0"
else
	mkdir "$work/inputs"
	"$replay" --unpack "$work/inputs" "$corpus" || exit 99
	try "$seconds seconds of fuzzing" "$program" -max_total_time="$seconds" -max_len=600 -len_control=0 \
		-timeout=10 -verbosity=1 -artifact_prefix="$findings/" "$work/inputs"
fi
echo "fuzz: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
