#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: run.sh [NAME...]
#
# Runs programs with the real KVM anywhere: boots Debian's kernel in QEMU, which
# emulates a processor with AMD's SVM in software.  `make check-kvm-qemu` starts
# this in the build directory, with what `make install` installs in qemu/root.
# NAMEs choose among the programs that the file `programs` lists; default: all.
#
# HY_QEMU may name another QEMU, HY_QEMU_KERNEL_DIR a directory with a kernel to
# take instead of Debian's (boot/vmlinuz-VERSION and lib/modules/VERSION), and
# HY_QEMU_LIMIT the seconds after which the virtual machine is ended.
#
# Results stay in qemu/results, in the form of automake's tests.  Ends with the
# line "N passed, N failed, N skipped" and 0 or 1, or with 77 and a reason.

set -eu

top=${srcdir:-$(dirname "$0")/../..}
here=$top/tests/qemu
qemu=${HY_QEMU:-qemu-system-x86_64}
limit=${HY_QEMU_LIMIT:-300}
metapackage=linux-image-cloud-amd64
work=$PWD/qemu
root=$work/root
results=$work/results
pid=

# --- Results -------------------------------------------------------------------

# record NAME RESULT [LINE]
record()
{
	[ $# -lt 3 ] || echo "$3" | tee -a "$results/$1.log"
	echo ":test-result: $2" >"$results/$1.trs"
}

skip()
{
	record kvm-qemu SKIP "SKIP: $*"
	exit 77
}

clean_up()
{
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	rm -rf "$work/kernel.new"
}

need()
{
	command -v "$1" >/dev/null 2>&1 || skip "$1 is missing (Debian has it in $2)"
}

# --- The kernel ----------------------------------------------------------------

# The package behind the metapackage: its name changes with security updates.
kernel_package()
{
	apt-cache depends "$metapackage" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p'
}

# Unpacked, but not installed, and therefore without root.
download_kernel()
{
	new=$work/kernel.new
	rm -rf "$new"
	mkdir "$new"
	package=$(kernel_package)
	[ -n "$package" ] || return 1
	echo "downloading $package"
	(cd "$new" && apt-get -q download "$package") || return 1
	dpkg-deb --fsys-tarfile "$new"/*.deb |
		tar -x -C "$new" --wildcards '*/vmlinuz-*' '*/irqbypass.ko*' '*/kvm.ko*' '*/kvm-amd.ko*' || return 1
	rm "$new"/*.deb
	mv "$new" "$work/kernel"
}

find_kernel()
{
	kernel=${HY_QEMU_KERNEL_DIR:-$work/kernel}
	if [ ! -d "$kernel" ] && [ -z "${HY_QEMU_KERNEL_DIR-}" ]; then
		need apt-get apt
		need dpkg-deb dpkg
		download_kernel >"$results/download.log" 2>&1 ||
			skip "no kernel: $metapackage can't be downloaded: $(tail -n 1 "$results/download.log")"
	fi
	for vmlinuz in "$kernel"/boot/vmlinuz-*; do
		version=${vmlinuz##*/vmlinuz-}
	done
	[ -r "$vmlinuz" ] || skip "no kernel: there is no $vmlinuz"
}

# --- What is inside --------------------------------------------------------------

unpack()
{
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -q -dc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac
}

add_modules()
{
	mkdir -p "$root/modules"
	for module in irqbypass kvm kvm-amd; do
		file=$(find "$kernel"/lib/modules/"$version" "$kernel"/usr/lib/modules/"$version" \
			-name "$module.ko*" 2>/dev/null | head -n 1)
		[ -z "$file" ] || unpack "$file" >"$root/modules/$module.ko"
	done
}

# The lines of `programs` whose names are given, or all.
chosen()
{
	[ $# -gt 0 ] || set -- '[^#].*'
	for name; do
		grep "^${name}[[:space:]]" "$here/programs" || {
			echo "run.sh: there is no program $name" >&2
			exit 2
		}
	done
}

# The program that libtool's wrapper would start, or the program itself.
built()
{
	wrapped=$(dirname "$1")/.libs/$(basename "$1")
	if [ -x "$wrapped" ]; then
		echo "$wrapped"
	else
		echo "$1"
	fi
}

# add_program NAME WORD...: the words are those of `programs`.
add_program()
{
	line="$1 LD_LIBRARY_PATH=$libdir:/lib"
	shift
	while [ "${1#*=}" != "$1" ]; do
		line="$line $1"
		shift
	done
	program=$(built "$1")
	shift
	[ -x "$program" ] && cp "$program" "$root/tests/" &&
		echo "$line /tests/${program##*/}${*:+ $*}" >>"$root/programs"
}

add_programs()
{
	: >"$root/programs"
	mkdir -p "$root/tests"
	while read -r name kind words; do
		# shellcheck disable=SC2086 # words they are
		add_program "$name" $words || record "$name" SKIP "SKIP: $name: it wasn't built"
	done <"$results/chosen"
}

# What programs and libraries need of the system, by full names.
libraries()
{
	find "$root" -type f -perm -u+x -exec env LD_LIBRARY_PATH="$root$libdir" ldd {} + | awk -v root="$root/" '
		{
			for (i = 1; i <= NF; i++)
				if ($i ~ /^\// && index($i, root) != 1) print $i
		}' | sort -u
}

# All of them go to /lib, but the loader has its place in each program.
add_libraries()
{
	mkdir -p "$root/lib"
	libraries | while read -r library; do
		case $library in
		*/ld-linux*) directory=$root${library%/*} ;;
		*) directory=$root/lib ;;
		esac
		mkdir -p "$directory"
		cp -L "$library" "$directory/"
	done
}

make_initrd()
{
	libdir=$(sed -n "s/^libdir='\(.*\)'/\1/p" libhy.la)
	mkdir -p "$root/tmp"
	add_programs
	add_libraries
	add_modules
	cp tests/qemu/init "$root/init"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initrd"
}

# --- Running ---------------------------------------------------------------------

# One thread for both processors: with two, QEMU 7.2 hangs now and then where KVM
# patches the kernel's code, as it does when VMs come and go.  rcu_expedited
# halves the time that a VM's life takes.  Both processors have the host's TSC,
# which the kernel can neither measure well nor know to be in step: where it holds
# its TSC for unstable, KVM puts the guests' back all the time.
boot()
{
	started=$(date +%s)
	tsc_khz=$(tests/qemu/tsc-khz)
	timeout -k 10 "$limit" "$qemu" -accel tcg,thread=single -machine q35 \
		-cpu max,+svm,+npt -smp 2 -m 256 -nodefaults -display none -no-reboot \
		-serial "file:$results/kernel.log" -serial "file:$results/console" \
		-device isa-debug-exit,iobase=0x501,iosize=1 -kernel "$vmlinuz" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr rcupdate.rcu_expedited=1 \
			tsc=reliable tsc_early_khz=$tsc_khz" &
	pid=$!
	status=0
	wait "$pid" || status=$?
	pid=
	echo "Linux $version in QEMU: $(($(date +%s) - started)) s, status $status"
}

# What came from the console to a NAME.out each, and "NAME STATUS MILLISECONDS"
# lines to `ended`.
split_console()
{
	: >"$results/ended"
	awk -v results="$results" '
		/^@begin / { file = results "/" $2 ".out"; printf "" >file; next }
		/^@end / { print $2, $3, $4 >(results "/ended"); close(file); file = ""; next }
		/^@error / { print >"/dev/stderr" }
		file != "" { print >file }
	' "$results/console"
}

# KVM is there, so a program that couldn't use it has failed.
judge_status()
{
	mv "$results/$1.out" "$results/$1.log"
	case $2 in
	0) record "$1" PASS ;;
	77) record "$1" FAIL "FAIL: $1 found no usable KVM" ;;
	*) record "$1" FAIL "FAIL: $1 ended with status $2" ;;
	esac
}

# The output of a TAP program, in which failures that `cannot` lists are skips.
excuse()
{
	awk '
		NR == FNR {
			name = $1
			sub(/^[^ \t]+[ \t]+/, "")
			reason[name] = $0
			next
		}
		/^not ok [0-9]+ - / && $5 in reason { $0 = "ok " $3 " - " $5 " # SKIP " reason[$5] }
		{ print }
	' "$here/cannot" "$1"
}

# A status of 1 only repeats what the "not ok" lines say.
judge_tap()
{
	name=$1 status=$2
	excuse "$results/$name.out" >"$results/$name.tap"
	if [ "$status" -eq 1 ] && grep -q '^not ok' "$results/$name.out"; then
		status=0
	elif [ "$status" -eq 77 ] || grep -q '^1\.\.0' "$results/$name.out"; then
		record "$name" FAIL "FAIL: $name found no usable KVM"
		return
	fi
	# shellcheck disable=SC2016 # the inner shell's parameters
	sh "$top/build-aux/tap-driver.sh" --test-name "$name" --log-file "$results/$name.log" \
		--trs-file "$results/$name.trs" --expect-failure no --enable-hard-errors yes \
		--color-tests no -- sh -c 'cat "$1"; exit "$2"' sh "$results/$name.tap" "$status" >"$results/$name.lines"
	grep -v '^PASS: ' "$results/$name.lines" || true
}

# judge NAME KIND
judge()
{
	ended=$(sed -n "s/^$1 //p" "$results/ended")
	if [ -n "$ended" ]; then
		echo "$1: status ${ended% *} after ${ended#* } ms"
		"judge_$2" "$1" "${ended% *}"
	elif [ -f "$results/$1.out" ]; then
		mv "$results/$1.out" "$results/$1.log"
		record "$1" FAIL "FAIL: $1 didn't end"
	else
		record "$1" FAIL "FAIL: $1 didn't begin"
	fi
}

show()
{
	echo "--- $1"
	grep -v -E '^(PASS: |ok )' "$1" | tail -n 100
	echo "---"
}

# The kernel is told to be quiet, so that what it says is of interest.
show_failures()
{
	for trs in "$results"/*.trs; do
		! grep -q -e FAIL -e ERROR "$trs" || show "${trs%.trs}.log"
	done
	[ ! -s "$results/kernel.log" ] || show "$results/kernel.log"
}

# -------------------------------------------------------------------------------------

mkdir -p "$work"
rm -rf "$results"
mkdir "$results"
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

need "$qemu" qemu-system-x86
need cpio cpio
find_kernel
chosen "$@" >"$results/chosen"
make_initrd
boot
split_console
while read -r name kind words; do
	if [ ! -f "$results/$name.trs" ]; then
		judge "$name" "$kind"
	fi
done <"$results/chosen"
show_failures
sh "$top/tests/scripts/count.sh" "$results" | tee "$results/total"
grep -q ' 0 failed' "$results/total"
