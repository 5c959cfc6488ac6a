#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Proves that the conformance suite notices: each patch here breaks the KVM
# plugin in one way, and with each some case must fail that passes without it.
# A patch names the cases to run in its line "Cases:".
#
# usage: run.sh [NAME]...      the patches, all without

set -eu

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
conform=${HY_CONFORM:?names hy-conform}
conform=$(cd "$(dirname "$conform")" && pwd)/$(basename "$conform")
compile=${CC:-cc}
HY_STORM=${HY_STORM:-300}
export HY_STORM
passed=0 failed=0 skipped=0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The instruction executor, which no patch touches: its objects are made once.
build_executor()
{
	mkdir "$work/executor"
	# shellcheck disable=SC2086 # compilers have arguments
	(cd "$work/executor" && $compile -std=gnu11 -D_GNU_SOURCE -O1 -fPIC -fvisibility=hidden \
		-I"$source/include" -I"$source/plugins/assist" -c "$source"/plugins/assist/*.c)
}

build()
{
	# shellcheck disable=SC2086 # compilers have arguments
	(cd "$1" && $compile -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -fPIC -shared \
		-fvisibility=hidden -Iinclude -Iplugins/assist -o "$1/hy-backend-kvm.so" \
		plugins/kvm/*.c "$work"/executor/*.o -lZydis -pthread)
}

# Names of the cases with this filter that fail on the plugin in a directory, into a file.
run_cases()
{
	HY_BACKEND_PATH=$1 "$conform" --backend kvm --jobs 2 --timeout 10 --filter "$2" >"$3.tap" 2>&1 || true
	sed -n 's/^not ok [0-9]* - //p' "$3.tap" | sort >"$3"
}

# What fails already without a patch, once for each filter.
find_known()
{
	known=$work/known-$(echo "$1" | tr / -)
	[ -f "$known" ] || run_cases "$work/plain" "$1" "$known"
}

complain()
{
	echo "# $1: $2"
	failed=$((failed + 1))
}

try_patch()
{
	name=$1
	file=$here/$name.patch
	cases=$(sed -n 's/^Cases: //p' "$file")
	tree=$work/tree
	rm -rf "$tree"
	mkdir "$tree"
	cp -R "$work/plain/include" "$work/plain/plugins" "$tree"
	if ! patch -d "$tree" -p1 -F0 -s <"$file" >"$work/log" 2>&1; then
		complain "$name" "the patch no longer applies: make it anew"
		sed 's/^/#   /' "$work/log"
		return
	fi
	if ! build "$tree" >"$work/log" 2>&1; then
		complain "$name" "the patched plugin can't be built"
		sed 's/^/#   /' "$work/log"
		return
	fi
	find_known "$cases"
	run_cases "$tree" "$cases" "$work/found"
	if comm -13 "$known" "$work/found" | grep . >"$work/caught"; then
		echo "# $name: noticed by $(tr '\n' ' ' <"$work/caught")"
		passed=$((passed + 1))
	else
		complain "$name" "no case of '$cases' notices"
	fi
}

command -v patch >/dev/null 2>&1 || {
	echo "SKIP: patch isn't there"
	exit 77
}
mkdir "$work/plain"
cp -R "$source/include" "$source/plugins" "$work/plain"
build_executor
build "$work/plain"
if HY_BACKEND_PATH=$work/plain "$conform" --backend kvm --filter no-such-case 2>&1 | grep SKIP; then
	exit 77
fi

if [ $# -eq 0 ]; then
	for file in "$here"/*.patch; do
		set -- "$@" "$(basename "$file" .patch)"
	done
fi
for name; do
	try_patch "$name"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
