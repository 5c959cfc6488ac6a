#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs tests/differential by each side that there is, and puts their tables together.
#
#   DIFFERENTIAL          ci (100,000 cases of Unicorn and the processor) or full
#                         (2,000,000 of each, and each mnemonic 1,000 times)
#   DIFFERENTIAL_SEED     a seed for all sides; else each form has its own
#   DIFFERENTIAL_PROGRAM  the program
set -u

program=${DIFFERENTIAL_PROGRAM:-tests/differential/differential}
case ${DIFFERENTIAL:-ci} in
full) sides="unicorn:2000000 processor:2000000 kvm:20000" wanted=1000 seed=2026 ;;
*) sides="unicorn:100000 processor:100000 kvm:2000" wanted=0 seed=1 ;;
esac
seed=${DIFFERENTIAL_SEED:-$seed}

tables=$(mktemp) || exit 99
trap 'rm -f "$tables"' EXIT
passed=0 failed=0 skipped=0

for side in $sides; do
	output=$("$program" --against "${side%:*}" --count "${side#*:}" --seed "$seed" --table)
	status=$?
	printf '%s\n' "$output" | grep '^table:' >>"$tables"
	printf '%s\n' "$output" | grep -v '^table:'
	case $status in
	0) passed=$((passed + 1)) ;;
	77) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
done

# What only KVM executes.
if [ "$wanted" -gt 0 ]; then
	for which in syscall:long-cpl0 sysenter:32-cpl0; do
		"$program" --against kvm --count $((wanted * 2)) --seed "$seed" --mnemonic "${which%:*}" \
			--mode "${which#*:}" --table | grep "^table:.* ${which%:*} " >>"$tables"
	done
fi

# How often each mnemonic was compared, by side; those without a number weren't asked for.
awk '
	{ all[$3] += $4; by[$3, $2] += $4 }
	END {
		printf "%-18s %9s %9s %9s\n", "compared", "unicorn", "processor", "kvm"
		for (m in all)
			printf "%-18s %9d %9d %9d\n", m, by[m, "unicorn"], by[m, "processor"], by[m, "kvm"] | "sort"
	}' "$tables"

# A side that is missing is an excuse for those that only it executes.
if [ "$wanted" -gt 0 ]; then
	few=$(awk -v wanted="$wanted" '{ all[$3] += $4 } END { for (m in all) if (all[m] < wanted) print m }' "$tables")
	if [ -z "$few" ]; then
		passed=$((passed + 1))
	elif [ "$skipped" -gt 0 ]; then
		skipped=$((skipped + 1))
		echo "SKIP: compared less than $wanted times, a side being absent: $(echo "$few" | tr "\n" " ")"
	else
		failed=$((failed + 1))
		echo "FAIL: compared less than $wanted times: $(echo "$few" | tr "\n" " ")"
	fi
fi

echo "differential: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
