#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The conformance suite on KVM with calls that fail: some of them, all with HY_FULL=1.

# Each storm is run a thousand times: short ones will do.
HY_STORM=20
export HY_STORM
unset HY_BACKEND HY_BACKEND_PATH_ADD HY_STRICT
exec "${HY_TEST_INJECT:?names the directory of run-inject}/run-inject" "$HY_TEST_INJECT/.libs" \
	"${HY_BACKEND_PATH:?names the directory of the backends}/hy-backend-kvm.so"
