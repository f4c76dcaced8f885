# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# Was a guest lost to the emulator? With two threads on a busy machine it can execute a breakpoint that
# the kernel, patching its text, has removed already; or all of it stands still. No other end of a guest
# is looked at twice. On one thread (LAB_TCG_THREAD=single), which takes longer, there is no such breakpoint.

# emulator_lost KERNEL FILE: one that failed since FILE was touched, by its console log in $O. Sets $lost_by.
emulator_lost()
{
	local log
	log=$(find "$O/lab/log" -name "*-$1-*.log" -newer "$2" -printf '%T@ %p\n' 2>/dev/null | sort -rn | head -n 1)
	log=${log#* }
	if [ -z "$log" ]; then
		return 1
	elif grep -aq 'int3: 0000' "$log"; then
		lost_by="panic at int3"
	elif grep -aqE '^lab: (guest hangs|.* did not boot within)' "$log"; then
		lost_by="it hung"
	else
		return 1
	fi
}
