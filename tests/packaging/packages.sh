#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: packages.sh RELEASE
#
# Builds the Debian packages of an unpacked release, installs them into a fresh
# system, and adds and removes the backends one by one while a program runs that
# holds libhy: hy-info, hy-run and the program follow each step.
#
# The system is made by debootstrap, which takes root and Debian's archive.  Where
# it can't be had, packages are unpacked into a directory with a dpkg database of
# its own, in which what they depend on counts as installed.
#
# `make check-packages` starts this.  It works in the current directory, where the
# packages stay, and ends with "packages: N passed, N failed, N skipped".

# shellcheck disable=SC2317 # most functions are called by report
set -u

here=$(cd "$(dirname "$0")" && pwd)
release=${1:?names the directory of an unpacked release}
guests=${HY_GUESTS:?names the directory of the built guests}
built_info=${HY_INFO:?names the built hy-info}
built_backends=${HY_BACKEND_PATH:?names the directory of the built backends}
work=$PWD
debs=$work/debs
root=$work/root
logs=$work/logs
limit=600 # seconds
follower=
asked=0
passed=0 failed=0 skipped=0
unset HY_BACKEND HY_BACKEND_PATH HY_BACKEND_PATH_ADD HY_DEBUG HY_STRICT MAKEFLAGS MFLAGS MAKELEVEL
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
trap '' PIPE
trap clean_up EXIT

# --- Results -------------------------------------------------------------------

# report NAME COMMAND...: one result.
report()
{
	name=$1
	shift
	if "$@" >"$logs/report" 2>&1; then
		echo "ok - $name"
		passed=$((passed + 1))
		return 0
	fi
	echo "FAIL: $name"
	tail -n 40 "$logs/report" | sed 's/^/# /'
	failed=$((failed + 1))
	return 1
}

skip()
{
	echo "SKIP: $1: $2"
	skipped=$((skipped + 1))
}

finish()
{
	echo "packages: $passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
	exit
}

clean_up()
{
	exec 9>&-
	rm -rf "$root" "$work/tree" "$work/ask" "${debs:?}"/*/
}

# --- Building --------------------------------------------------------------------

build()
{
	"$release/packaging/debian/build.sh" "$debs" >"$logs/build" 2>&1 || {
		cat "$logs/build"
		return 1
	}
}

deb()
{
	echo "$debs/$1"_*.deb
}

packages_are()
{
	find "$debs" -name '*.deb' | sed -e 's/_.*//' -e 's|.*/||' | grep -v -e '-dbgsym$' | sort >"$logs/names"
	printf '%s\n' "$@" | diff -u - "$logs/names"
}

has_no_lintian_error()
{
	lintian --fail-on error "$debs"/*.changes
}

# field_has PACKAGE FIELD ENTRY
field_has()
{
	dpkg-deb -f "$(deb "$1")" "$2" | tr ',' '\n' | grep -E -x -e " *$3( \(.*\))? *"
}

# Whether it could be installed beside any version of the library with its ABI.
is_bound_by_abi_alone()
{
	field_has "$1" Depends "hy-backend-abi-$abi" && ! field_has "$1" Depends 'libhy[0-9].*'
}

check_debs()
{
	report "the packages are those that should be" \
		packages_are hy-backend-kvm hy-backend-soft hy-tools libhy-dev libhy0
	if command -v lintian >/dev/null 2>&1; then
		report "lintian finds no error" has_no_lintian_error
	else
		skip "lintian finds no error" "lintian is missing"
	fi
	report "the library provides the ABI" field_has libhy0 Provides "hy-backend-abi-$abi"
	for backend in kvm soft; do
		report "$backend is bound by the ABI alone" is_bound_by_abi_alone "hy-backend-$backend"
	done
}

# A backend of a stranger, who built it for an ABI that isn't provided.
make_foreign_deb()
{
	mkdir -p "$work/tree/DEBIAN" &&
		cat >"$work/tree/DEBIAN/control" <<-END &&
			Package: hy-backend-foreign
			Version: 1
			Architecture: all
			Maintainer: nobody <nobody@example.org>
			Depends: hy-backend-abi-${abi%.*}.$((${abi#*.} + 1))
			Provides: hy-backend
			Description: backend for another ABI
		END
		dpkg-deb --root-owner-group -b "$work/tree" "$debs/hy-backend-foreign_1_all.deb"
}

# --- A fresh system ------------------------------------------------------------------

# What the packages depend on, theirs aside.
dependencies()
{
	for file in "$debs"/*.deb; do
		dpkg-deb -f "$file" Depends
	done | tr ',' '\n' | sed -e 's/|.*//' -e 's/(.*//' -e 's/[[:space:]]//g' |
		grep -v -E '^(lib)?hy|^$' | sort -u
}

why_no_system()
{
	if ! command -v debootstrap >/dev/null 2>&1; then
		echo "debootstrap is missing"
	elif [ "$(id -u)" -ne 0 ]; then
		echo "debootstrap needs root"
	elif ! make_system >"$logs/debootstrap" 2>&1; then
		echo "debootstrap failed: $(tail -n 1 "$logs/debootstrap")"
	fi
}

# The release that this machine has, from where it has it.
make_system()
{
	release_name=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	# shellcheck disable=SC2016 # it is for apt-get to expand
	archive=$(apt-get indextargets --format '$(SITE)' "Codename: $release_name" 'Created-By: Packages' |
		head -n 1)
	rm -rf "$root"
	timeout "$limit" debootstrap --variant=minbase --include="$(dependencies | paste -s -d , -)" \
		"$release_name" "$root" "$archive" &&
		mkdir "$root/debs" &&
		cp "$debs"/*.deb "$root/debs" &&
		(cd "$root/debs" && dpkg-scanpackages -m . >Packages) &&
		echo 'deb [trusted=yes] file:/debs ./' >"$root/etc/apt/sources.list" &&
		in_system apt-get -q update
}

# Its usr has a file, lest dpkg removes it with the last package.
make_directory()
{
	database=$root/var/lib/dpkg
	rm -rf "$root"
	mkdir -p "$root/usr" "$root/etc" "$database/info" "$database/updates" "$database/triggers" &&
		: >"$root/usr/kept" &&
		for package in $(dependencies); do
			dpkg-query -s "$package" && echo
		done >"$database/status"
}

in_system()
{
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}

in_directory()
{
	env LD_LIBRARY_PATH="$root/usr/lib/$triplet" HY_BACKEND_PATH="$root/usr/lib/$triplet/hy/$backends" "$@"
}

dpkg_in_directory()
{
	if [ "$(id -u)" -eq 0 ]; then
		dpkg --root="$root" "$@"
	else
		fakeroot dpkg --root="$root" --force-not-root "$@"
	fi
}

# inside PROGRAM ARGUMENT...: runs an installed program; $at goes before each path.
inside()
{
	case $system in
	yes) in_system timeout 60 "$@" ;;
	no) in_directory timeout 60 "$@" ;;
	esac
}

add()
{
	case $system in
	yes) in_system apt-get -q -y --no-install-recommends install "$@" ;;
	no)
		for package; do
			shift
			set -- "$@" "$(deb "$package")"
		done
		dpkg_in_directory -i "$@"
		;;
	esac
}

drop()
{
	case $system in
	yes) in_system apt-get -q -y purge "$@" ;;
	no) dpkg_in_directory -P "$@" ;;
	esac
}

files()
{
	(cd "$root" && find usr etc | sort)
}

# --- The program that holds libhy -------------------------------------------------------

# Built with what libhy-dev installed.
build_follower()
{
	flags=$(PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/$triplet/pkgconfig \
		pkg-config --cflags --libs libhy) || return
	# shellcheck disable=SC2086 # lists of words
	${CC:-cc} -Wall -Wextra -Werror "$here/follow.c" -o "$root/follow" $flags
}

start_follower()
{
	mkfifo "$work/ask"
	: >"$logs/answers"
	case $system in
	yes) in_system timeout "$limit" /follow ;;
	no) in_directory timeout "$limit" "$root/follow" ;;
	esac <"$work/ask" >"$logs/answers" 2>&1 &
	follower=$!
	exec 9>"$work/ask"
}

# Whether this is the answer to one more question, in 10 seconds at most.
answers()
{
	echo >&9 || return
	asked=$((asked + 1))
	tries=0
	while [ "$(wc -l <"$logs/answers")" -lt "$asked" ] && [ "$tries" -lt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	answer=$(sed -n "${asked}p" "$logs/answers")
	echo "the program said: $answer"
	[ "$answer" = "$1" ]
}

ends_well()
{
	exec 9>&-
	wait "$follower"
	status=$?
	follower=
	return "$status"
}

# --- Steps ------------------------------------------------------------------------------

# info STATUS WORDS...: what hy-info must exit with, and each of what it must say.
info()
{
	inside "$at/usr/bin/hy-info" >"$logs/info" 2>&1
	status=$?
	wanted=$1
	shift
	cat "$logs/info"
	for words; do
		grep -E -q -e "$words" "$logs/info" || { echo "not said: $words"; return 1; }
	done
	[ "$status" -eq "$wanted" ] || { echo "status $status, not $wanted"; return 1; }
}

boots_hello()
{
	inside "$at/usr/bin/hy-run" "$at/hello.bin" >"$logs/hello" 2>&1
	status=$?
	cat "$logs/hello"
	[ "$status" -eq 0 ] && grep -i -q hello "$logs/hello"
}

# Whether KVM works for a program on this machine.
kvm_works()
{
	HY_BACKEND_PATH=$built_backends "$built_info" --backend kvm >/dev/null 2>&1
}

# It can't be installed for want of its ABI.
foreign_is_refused()
{
	if add hy-backend-foreign >"$logs/foreign" 2>&1; then
		return 1
	fi
	grep "hy-backend-abi-" "$logs/foreign"
}

step_none()
{
	report "$1: hy-info names the packages to install, exits with 1" \
		info 1 '^chosen: none' 'none found' 'hy-backend-kvm' 'hy-backend-soft'
}

step_soft()
{
	report "soft is installed" add hy-backend-soft
	report "soft alone: hy-info chooses it" info 0 '^chosen: soft'
	report "soft alone: hy-run boots a guest" boots_hello
	report "soft alone: the running program has it" answers 'soft; soft runs'
}

without_device()
{
	report "kvm without /dev/kvm: hy-info says why not, and stays on soft" \
		info 0 '^chosen: soft' 'kvm +probe failed' 'why: .*/dev/kvm'
	report "kvm without /dev/kvm: hy-run boots a guest" boots_hello
	report "kvm without /dev/kvm: the running program stays on soft" answers 'soft; soft runs'
}

with_device()
{
	report "kvm with /dev/kvm: hy-info prefers it" info 0 '^chosen: kvm'
	report "kvm with /dev/kvm: hy-run boots a guest" boots_hello
	report "kvm with /dev/kvm: the running program would have it, and its VM runs on" answers 'kvm; soft runs'
}

step_kvm()
{
	report "kvm is installed too" add hy-backend-kvm
	if [ "$system" = yes ] || ! kvm_works; then
		without_device
	else
		skip "kvm without /dev/kvm" "the directory shares /dev with this machine"
	fi
	if ! kvm_works; then
		skip "kvm with /dev/kvm" "$(HY_BACKEND_PATH=$built_backends "$built_info" --backend kvm |
			sed -n 's/.*why: *//p' | head -n 1)"
	elif [ "$system" = yes ] && ! give_device; then
		skip "kvm with /dev/kvm" "no device can be made in the fresh system"
	else
		with_device
	fi
}

give_device()
{
	mknod -m 666 "$root/dev/kvm" c "$(stat -c 0x%t /dev/kvm)" "$(stat -c 0x%T /dev/kvm)" &&
		(: <>"$root/dev/kvm") 2>/dev/null
}

step_kvm_alone()
{
	report "soft is removed" drop hy-backend-soft
	if kvm_works; then
		report "kvm alone: hy-info chooses it" info 0 '^chosen: kvm'
		report "kvm alone: the VM on soft runs on" answers 'kvm; soft runs'
	else
		report "kvm alone: hy-info says why not, exits with 1" info 1 '^chosen: none' 'why: .*kvm'
		report "kvm alone: the VM on soft runs on" answers 'none; soft runs'
	fi
}

step_foreign()
{
	report "a backend for another ABI isn't installed" foreign_is_refused
	drop hy-backend-foreign >"$logs/drop" 2>&1
}

step_recommended()
{
	[ "$system" = yes ] || return
	in_system apt-get -s install hy-tools libhy-dev >"$logs/recommended" 2>&1
	report "apt takes the recommended backend along" grep '^Inst hy-backend-kvm ' "$logs/recommended"
	in_system apt-get -s install --no-install-recommends hy-backend-soft >"$logs/alone" 2>&1
	report "apt takes the library along with a backend" grep '^Inst libhy0 ' "$logs/alone"
}

steps()
{
	files >"$logs/before"
	step_recommended
	report "library, headers and tools are installed, without a backend" add libhy0 libhy-dev hy-tools
	report "a program is built with libhy-dev" build_follower || finish
	start_follower
	step_none "no backend"
	report "no backend: the running program has none" answers 'none; no VM'
	step_soft
	step_kvm
	step_foreign
	step_kvm_alone
	report "kvm is removed" drop hy-backend-kvm
	step_none "none again"
	report "none again: the VM on soft runs on" answers 'none; soft runs'
	report "the running program ends well" ends_well
	report "all is removed" drop libhy-dev hy-tools libhy0
	files >"$logs/after"
	report "nothing stays" diff -u "$logs/before" "$logs/after"
}

# ------------------------------------------------------------------------------------------

rm -rf "$debs" "$root" "$logs" "$work/tree" "$work/ask"
mkdir "$logs"
for tool in dpkg-buildpackage dh pkg-config; do
	command -v "$tool" >/dev/null 2>&1 || {
		skip packages "$tool is missing"
		finish
	}
done
report "the packages are built" build || finish
abi=$(sed -n 's/^#define HY_BACKEND_ABI_M[AJINO]*R //p' "$release/include/hy/backend.h" | paste -s -d . -)
backends=backends-${abi%.*}
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
check_debs
make_foreign_deb >"$logs/foreign" 2>&1

reason=$(why_no_system)
if [ -z "$reason" ]; then
	system=yes at=
	echo "ok - a fresh system"
	passed=$((passed + 1))
else
	system=no at=$root
	skip "a fresh system" "$reason"
	report "a directory with a database of its own" make_directory || finish
fi
cp "$guests/hello.bin" "$root"
steps
finish
