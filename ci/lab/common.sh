# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Shared by the lab's scripts: where things are, and how an error is said.

LAB_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
LAB_TREE=$(cd "$LAB_SRC/../.." && pwd -P)
: "${O:=build}"
case $O in
/*) ;;
*) O=$LAB_TREE/$O ;;
esac
LAB_DIR=$O/lab
LAB_KERNEL_DIR=$LAB_DIR/kernel LAB_LOG_DIR=$LAB_DIR/log

# Exit codes of the lab itself; a CMD that ran has its own.
EX_USAGE=2 EX_ENV=4 EX_HARNESS=5 EX_TIMEOUT=124

PATH=$PATH:/usr/sbin:/sbin

say() { printf 'lab: %s\n' "$*" >&2; }

# die CODE MESSAGE: one line, then out
die()
{
	local code=$1
	shift
	say "$*"
	exit "$code"
}

need()
{
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null ||
			die $EX_ENV "$tool is not installed: run make lab-deps"
	done
}

# need_room DIR MIB PURPOSE
need_room()
{
	local have
	have=$(df --output=avail -m "$1" | tail -n 1)
	[ "$have" -ge "$2" ] ||
		die $EX_ENV "no room: $3 needs $2 MiB in $1, which has $((have)) MiB"
}
