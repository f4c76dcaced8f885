# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Errors by their status, as the disk tells it and as the caller sees it; requeues and completions in parts.

scsi=/sys/bus/pseudo/drivers/scsi_debug

# inject OPTS EVERY_NTH: into the commands of scsi_debug; 0 0: no more
inject()
{
	echo $2 >$scsi/every_nth
	echo $1 >$scsi/opts
}

# told NAME FILTER: how many of its records of operations fulfil that
told() { jq -s "${@:3}" "map(select(.type == \"slow\" and .level == \"operation\" and ($2))) | length" $tmp/$1.json; }

# ended_as NAME ERRNO STATUS NUMBER: so many calls failed with that errno, by a bio that ended so
ended_as()
{
	local failed with by
	read -r failed with by < <(jq -rs --arg by "$3" 'map(select(.type == "slow" and .level == "operation" and .result < 0)) |
		[length, (map(select(.result == -'$2')) | length, (map(select(any(.tree[]; .error == $by))) | length))] | join(" ")' $tmp/$1.json)
	same "$1: calls that failed" "$failed" $4
	same "$1: calls that failed with errno $2" "$with" $4
	# before 5.18 the kernel tells an errno in place of a status
	[ $LAB_KERNEL = 5.10 ] || same "$1: those by \"$3\"" "$by" $4
}

# Errors by their status: as the disk says, and as the caller sees it.
errors_are_counted()
{
	local got=0 i
	null t0 memory_backed=1 badblocks=+800-900 || return
	start err || return
	for i in 0 800 808 4000; do
		got=$((got + $($tmp/truth-load once read $dev $i)))
	done
	stop err
	same "errno of the two that fail" $got $((2 * 5))
	same "requests that failed" "$(requests err $disk read errors)" 2
	same "their status" "$(requests err $disk read errors_by_status.0.status)" 10
	same "by that status" "$(requests err $disk read errors_by_status.0.count)" 2
	same "reads that failed" "$(operations err read syscall errors)" 2
	same "records that say -5" "$(jq -s 'map(select(.type == "slow" and .level == "operation" and .result == -5)) | length' $tmp/err.json)" 2
}

flakey_errors_are_counted()
{
	{ [ -n "$level" ] && modprobe dm_flakey 2>/dev/null; } || { skip "no dm-flakey"; return; }
	local got=0
	# error_reads is new (6.5); before, all I/O of the down time fails
	level_table flakey $slow 0 0 60 1 error_reads || level_table flakey $slow 0 0 60 || return
	start flakey || return
	for _ in 1 2 3; do
		got=$((got + $($tmp/truth-load once read /dev/$level 0)))
	done
	stop flakey
	level_table delay $slow 0 0
	same "errno of the three" $got $((3 * 5))
	same "reads that failed" "$(operations flakey read syscall errors)" 3
	same "bios of the dm device that failed" "$(requests flakey $level read errors)" 3
	ended_as flakey 5 "I/O error" 3
}

error_of_the_medium()
{
	local got
	start medium || return
	inject 2 0
	got=$($tmp/truth-load once read $LAB_DISK_SCSI_DEBUG $((0x1234)))
	inject 0 0
	stop medium
	same "errno" $got 61
	ended_as medium 61 "medium error" 1
	same "requests that failed" "$(requests medium ${LAB_DISK_SCSI_DEBUG#/dev/} read errors)" 1
}

# A sector that the disk had when the kernel asked how many there are.
error_of_the_target()
{
	local got row=${LAB_DISK_SCSI_DEBUG#/dev/}
	echo 1 >$scsi/virtual_gb && echo 1 >/sys/block/$row/device/rescan && echo 0 >$scsi/virtual_gb || return
	start target || return
	got=$($tmp/truth-load once read $LAB_DISK_SCSI_DEBUG 1000000)
	stop target
	echo 1 >/sys/block/$row/device/rescan
	same "errno" $got 121
	ended_as target 121 "target error" 1
	same "requests that failed" "$(requests target $row read errors)" 1
}

# Answered by the device after the kernel has given it up: its status is still that.
error_of_a_timeout()
{
	local got
	null t0 completion_nsec=3000000000 || return
	echo 500 >/sys/block/$disk/queue/io_timeout
	start timeout || return
	got=$($tmp/truth-load once read $dev 0)
	stop timeout
	same "errno" $got 110
	ended_as timeout 110 "timeout" 1
	same "requests that failed" "$(requests timeout $disk read errors)" 1
}

# A pool of 1 MiB that is written beyond; the error is the level's, nothing below it has one.
error_of_no_space()
{
	local data meta pool got i
	{ [ -n "$level" ] && modprobe dm_thin_pool 2>/dev/null; } || { skip "no dm-thin-pool"; return; }
	null t0 memory_backed=1 || return
	mapped t-meta "0 8192 linear $dev 0" && meta=/dev/$dm
	mapped t-data "0 2048 linear $dev 8192" && data=/dev/$dm
	mapped t-pool "0 2048 thin-pool $meta $data 128 0 1 error_if_no_space" && pool=/dev/$dm
	dmsetup message t-pool 0 "create_thin 0"
	level_like 0 65536 thin $pool 0 || return
	start space || return
	for ((i = 0; i < 20; i++)); do
		got=$($tmp/truth-load once write /dev/$level $((i * 128)))
	done
	stop space
	level_table delay $slow 0 0
	dmsetup remove t-pool t-data t-meta
	same "errno of the last" $got 28
	ended_as space 28 "no space" 4
	same "bios of the device that failed" "$(requests space $level write errors)" 4
}

# More zones written to at once than the device allows.
error_of_a_zone()
{
	local got
	null t0 memory_backed=1 zoned=1 zone_size=4 zone_max_active=1 2>/dev/null || { null t0; skip "no limit of active zones"; return; }
	start zone || return
	got=$($tmp/truth-load once write $dev 0)
	got+=" $($tmp/truth-load once write $dev 8192)"
	stop zone
	same "errno" "$got" "0 75"
	same "calls that failed with it" "$(told zone '.result == -75')" 1
	same "requests that failed" "$(requests zone $disk write errors)" 1
}

# Two commands of three find the host busy, and come again.
requeued_requests_are_counted()
{
	start busy || return
	inject $((0x8000)) 3
	fio_on $LAB_DISK_SCSI_DEBUG --size=100m --number_ios=97 >/dev/null
	inject 0 0
	stop busy
	local row=${LAB_DISK_SCSI_DEBUG#/dev/}
	same "requests" "$(requests busy $row read count)" 97
	same "that failed" "$(requests busy $row read errors)" 0
	at_least "requeues" "$(requests busy $row read requeues)" 20
	same "requeues by the records" "$(jq -s '[.[] | select(.type == "slow") | .tree[]?.requeues] | add' $tmp/busy.json)" \
		"$(requests busy $row read requeues)"
	whole busy
}

# Half of what was asked for comes first, the rest when the request comes again.
requests_that_complete_in_parts()
{
	local row=${LAB_DISK_SCSI_DEBUG#/dev/}
	start parts || return
	inject $((0x100)) 2
	fio_on $LAB_DISK_SCSI_DEBUG --size=100m --bs=64k --number_ios=53 >/dev/null
	inject 0 0
	stop parts
	same "requests" "$(requests parts $row read count)" 53
	same "bytes" "$(requests parts $row read bytes)" $((53 * 65536))
	at_least "records of requests that came in parts" "$(told parts 'any(.tree[]; .partial_completions > 0)')" 10
	same "records whose stages do not sum to the total" "$(covered parts lost.uneven)" 0
	whole parts
}

# A request of another disk that completes in parts has none of them counted.
parts_elsewhere_are_left_out()
{
	local row=${LAB_DISK_SCSI_DEBUG#/dev/} trace_opts
	null t0 || return
	trace_opts="--tier full --dev $dev"
	start apart || return
	inject $((0x100)) 2
	fio_on $LAB_DISK_SCSI_DEBUG --size=100m --bs=64k --number_ios=53 >/dev/null
	inject 0 0
	fio_on $dev --number_ios=20 >/dev/null
	stop apart
	same "requests" "$(requests apart $disk read count)" 20
	same "requests of the other disk" "$(requests apart $row read count)" 0
	whole apart
}

# Which tag a request has, and in which hardware queue, the kernel says itself while it is under way.
tags_and_queues_are_the_kernels()
{
	local cpu n want readers='' trace_opts debug=/sys/kernel/debug/block
	null t0 completion_nsec=2000000000 submit_queues=2 hw_queue_depth=8 || return
	[ -d $debug/$disk ] || mount -t debugfs none /sys/kernel/debug || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start tags || return
	for cpu in 0 1; do
		for n in 1 2 3; do
			taskset -c $cpu dd if=$dev of=/dev/null bs=4k count=1 skip=$((cpu * 4 + n)) iflag=direct 2>/dev/null &
			readers+=" $!"
		done
	done
	sleep 1
	for n in 0 1; do
		sed -n "s/.*[.]tag=\([0-9]*\),.*/$n \1/p" $debug/$disk/hctx$n/busy
	done | sort >$tmp/tags.want
	wait $readers
	stop tags
	want=$(tr '\n' , <$tmp/tags.want)
	same "requests under way" "$(wc -l <$tmp/tags.want)" 6
	same "queues and tags" "$(jq -r 'select(.type == "slow") | .tree[] | "\(.hctx) \(.tag)"' $tmp/tags.json | sort | tr '\n' ,)" "$want"
	same "of the operation" "$(jq -r 'select(.type == "slow") | "\(.hctx) \(.tag)"' $tmp/tags.json | sort | tr '\n' ,)" "$want"
	whole tags
}

# A command that is never answered: after a second it is given up and tried again.
a_timeout_is_the_devices_time()
{
	local row=${LAB_DISK_SCSI_DEBUG#/dev/}
	echo 1 >/sys/block/$row/device/timeout
	start late || return
	inject 4 2
	$tmp/truth-load once read $LAB_DISK_SCSI_DEBUG 0 >/dev/null
	$tmp/truth-load once read $LAB_DISK_SCSI_DEBUG 800 >/dev/null
	inject 0 0
	stop late
	echo 30 >/sys/block/$row/device/timeout
	same "requests" "$(requests late $row read count)" 2
	same "records of more than half a second" "$(told late '.total_ns > 500e6')" 1
	at_least "its time in the device and on the way there again, ms" \
		"$(jq -s 'map(select(.type == "slow" and .level == "operation" and .total_ns > 500e6)) | .[0].stages | (.device + .driver + .i2d) / 1e6 | floor' $tmp/late.json)" 900
	whole late
}

errors="errors_are_counted flakey_errors_are_counted error_of_the_medium error_of_the_target
	error_of_a_timeout error_of_no_space error_of_a_zone
	requeued_requests_are_counted requests_that_complete_in_parts parts_elsewhere_are_left_out tags_and_queues_are_the_kernels a_timeout_is_the_devices_time"
