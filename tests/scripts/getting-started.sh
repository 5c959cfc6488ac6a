#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The README's program says what its guest wrote; without a backend, why not.

set -eu

program=${HY_GETTING_STARTED:?names the program}
info=${HY_INFO:?names hy-info}

if "$info" >/dev/null 2>&1; then
	[ "$("$program")" = "Hi
ended by HALT" ]
fi

says=$(HY_BACKEND_PATH=/nonexistent "$program" 2>&1 || echo "status $?")
echo "$says"
echo "$says" | grep -q 'no usable hypervisor backend'
echo "$says" | grep -q 'status 1'
"$info" >/dev/null 2>&1 || {
	echo "SKIP: no usable backend to run it on"
	exit 77
}
