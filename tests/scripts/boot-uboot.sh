#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: boot-uboot.sh ROM [HY-RUN-OPTION...]
#
# Runs a U-Boot for QEMU's PC as firmware under hy-run, up to its prompt, and has
# it answer commands typed on the serial line.
#
# HY_RUN is the hy-run to test, HY_BACKEND chooses the backend.
# Exits with 0 passed, 1 failed, 77 can't run here.

set -u

run=${HY_RUN:?names the hy-run to test}
rom=${1:?names the ROM}
shift
limit=100 # seconds
no_backend=72
pid=

skip()
{
	echo "SKIP: $*"
	exit 77
}

fail()
{
	echo "FAIL: $*"
	echo "--- standard output of hy-run"
	cat "$work/out"
	echo "--- standard error of hy-run"
	cat "$work/err"
	exit 1
}

clean_up()
{
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	rm -rf "$work"
}

# hy-run ended, and it shouldn't have.
ended()
{
	wait "$pid"
	status=$?
	pid=
	[ "$status" -ne "$no_backend" ] || skip "no usable backend: $(tr '\n' ' ' <"$work/err")"
	fail "hy-run ended with status $status while waiting for $1"
}

# Waits for COUNT lines of output that match PATTERN; hy-run's own limit ends it.
wait_for()
{
	what=$1 count=$2 pattern=$3
	while [ "$(grep -c -a -e "$pattern" "$work/out")" -lt "$count" ]; do
		kill -0 "$pid" 2>/dev/null || ended "$what"
		sleep 0.1
	done
	echo "# $what: after $(($(date +%s) - started)) s"
}

type_line()
{
	printf '%s\r' "$1" >&3
}

[ -r "$rom" ] || skip "there is no $rom (Debian has it in u-boot-qemu)"
work=$(mktemp -d) || exit 1
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE

mkfifo "$work/in" || fail "mkfifo"
: >"$work/out"
started=$(date +%s)
"$run" --firmware "$@" --timeout "$limit" "$rom" <"$work/in" >"$work/out" 2>"$work/err" &
pid=$!
exec 3>"$work/in"

wait_for banner 1 '^U-Boot '
wait_for countdown 1 '^Hit any key to stop autoboot'
type_line ''
wait_for prompt 1 '^=> '

# The second line with the version; then the next prompt.
type_line version
wait_for 'answer to version' 2 '^U-Boot '

# The end of the first MiB has a copy of the end of the firmware.
type_line 'md.b 0xffff0 10'
wait_for 'answer to md.b' 1 '^000ffff0: '
expected=$(tail -c 16 "$rom" | od -A n -t x1 | tr -d '\n')
grep -q -a -F -e "000ffff0:$expected " "$work/out" || fail "memory at 0xffff0 isn't$expected"

# Not SIGINT, which shells make background jobs ignore.
kill -TERM "$pid"
wait "$pid"
status=$?
pid=
[ "$status" -eq 143 ] || fail "hy-run ended by SIGTERM has status $status"
echo "PASS: U-Boot came to its prompt and answered"
