#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What an exit costs in system calls on KVM, counted by strace over the whole process:
# the difference between a loop of N exits and one of 2 N.

set -eu

program=${HY_EXIT_LOOP:?names the exit-loop program, no wrapper of it}
LD_LIBRARY_PATH=$(dirname "${HY_LIBRARY:?names the built library}")
ASAN_OPTIONS=detect_leaks=0 # the leak sanitizer is a tracer itself
HY_BACKEND=kvm
export LD_LIBRARY_PATH ASAN_OPTIONS HY_BACKEND
n=500
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v strace >/dev/null 2>&1 || {
	echo "SKIP: strace isn't there"
	exit 77
}
"$program" out 1 >"$work/log" 2>&1 || {
	[ $? -eq 77 ] || { cat "$work/log"; exit 1; }
	cat "$work/log"
	exit 77
}
strace -f -o /dev/null true 2>/dev/null || {
	echo "SKIP: strace may not trace here"
	exit 77
}

calls()
{
	strace -f -o "$work/trace" "$program" "$1" "$2" || exit 1
	grep -c '(' "$work/trace"
}

# check MODE CALLS-PER-EXIT
check()
{
	once=$(calls "$1" "$n")
	twice=$(calls "$1" $((2 * n)))
	echo "# $1: $((twice - once)) system calls for $n exits"
	[ $((twice - once)) -eq $(($2 * n)) ]
}

check out 1          # the exit alone
check regs 1         # two general registers read and one written at each exit
check complete 2     # completed, and the instruction pointer read
