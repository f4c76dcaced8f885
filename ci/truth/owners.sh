# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2086,SC2154
# Whose each start is: kind and interface, initiator with its cgroup, submitter, and file of every record. In real time.

group=/sys/fs/cgroup/truth-owner

# by CMD…: in a cgroup of its own; $pid, its process
by()
{
	mkdir -p $group || return
	(echo $BASHPID >$group/cgroup.procs && exec "$@") >$tmp/by.out 2>&1 &
	pid=$!
	wait $pid
	case $? in 0 | 77) ;; *) fail "$*: $(tail -n 1 $tmp/by.out)" ;; esac
}

# What is told of one record: with "us" who is that process, in that cgroup; of a thread of the kernel the name that stays.
tell='def name: if . == null then "-" else sub("[-/:]u?[0-9].*$"; "") end;
	"\(.kind) \(.via // "request") \(if .pid == ($pid | tonumber) and .cgroup == "/truth-owner" then "us" else "\(.pid) \(.cgroup)" end) \(.comm) \(.submitter.comm | name) \(.path // "-")"'

# owned NAME PID FILTER LINE…: what its records that fulfil that tell, each once
owned()
{
	same "$1: $3" "$(jq -r --arg pid $2 "select(.type == \"slow\" and ($3)) | $tell" $tmp/$1.json | sort -u)" "$(printf '%s\n' "${@:4}" | sort -u)"
}

# Each way to ask for a file on ext4, past the page cache and through it.
calls_and_rings_are_whose()
{
	local engine way who pid rows=() row file
	null t0 memory_backed=1 discard=1 && filled $dev || return
	file=$mnt/f
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start whose || return
	for engine in psync sync readv preadv2 libaio io_uring io_uring_fixed io_uring_punt sqpoll; do
		by $tmp/known-count --target $file --engine $engine --direct --count 7
		case $engine in
		libaio) way=libaio who=- ;;
		io_uring | io_uring_fixed) way=io_uring who=- ;;
		io_uring_punt) way=io_uring who=iou-wrk ;;
		sqpoll) way=io_uring who=iou-sqp ;;
		*) way=syscall who=- ;;
		esac
		grep -q '"count"\|"done"\|{' $tmp/by.out || continue # not in this kernel
		rows+=("$pid|.kind == \"read\" and .pid == $pid|read $way us known-count $who $file")
	done
	for engine in sync libaio; do
		by $tmp/known-count --target $file --engine $engine --cold --no-readahead --count 7
		case $engine in libaio) way=libaio ;; *) way=syscall ;; esac
		rows+=("$pid|.kind == \"read\" and .pid == $pid|read $way us known-count - $file")
	done
	by $tmp/known-count --target $mnt/w --engine sync --op write --count 7 --fsync-every 7
	rows+=("$pid|.kind == \"write\" and .pid == $pid|write syscall us known-count - $mnt/w"
		"$pid|.kind == \"fsync\" and .pid == $pid|fsync syscall us known-count - $mnt/w")
	by $tmp/known-count --target $mnt/w --engine io_uring --op write --count 7 --fsync-every 7 --fdatasync
	# that is always a worker's
	rows+=("$pid|.kind == \"fdatasync\" and .pid == $pid|fdatasync io_uring us known-count iou-wrk $mnt/w")
	by fallocate -l 1M $mnt/space
	rows+=("$pid|.kind == \"fallocate\"|fallocate syscall us fallocate - $mnt/space")
	by sync -f $file
	rows+=("$pid|.kind == \"sync\"|sync syscall us sync - $file")
	by $tmp/truth-load ahead $file 32
	rows+=("$pid|.kind == \"readahead\"|readahead syscall us truth-load - $file")
	by fstrim $mnt
	rows+=("$pid|.kind == \"discard\" and .level == \"operation\"|discard syscall us fstrim - $mnt")
	if [ -e /sys/kernel/btf/ext4 ]; then
		by $tmp/truth-load touch $file 53
		rows+=("$pid|.kind == \"fault\" and .pid == $pid|fault mmap us truth-load - $file")
	fi
	stop whose
	umount $mnt
	for row in "${rows[@]}"; do
		IFS='|' read -r pid engine way <<<"$row"
		owned whose $pid "$engine" "$way"
	done
}

# Raw devices: by a ring that is polled, by linked requests, and of levels.
raw_devices_are_whose()
{
	local pid
	null t0 memory_backed=1 poll_queues=1 discard=1 2>/dev/null || null t0 memory_backed=1 discard=1 || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start raw || return
	by $tmp/known-count --target $dev --engine iopoll --direct --count 7 --depth 2
	local polled=$pid
	by $tmp/truth-load linked $dev 7
	local linked=$pid
	by blkdiscard --offset 1048576 --length 1048576 $dev
	local discard=$pid
	stop raw
	[ ! -d /sys/block/$disk/mq ] || [ "$(cat /sys/block/$disk/queue/io_poll)" = 0 ] ||
		owned raw $polled ".pid == $polled" "read io_uring us known-count - $dev"
	owned raw $linked ".pid == $linked" "read io_uring us truth-load - $dev"
	owned raw $discard ".level == \"operation\" and .kind == \"discard\"" "discard syscall us blkdiscard - $dev"
}

# Pages are written by a thread of the kernel, for who made them dirty; the journal's blocks for nobody.
writeback_is_whose()
{
	local pid
	null t0 memory_backed=1 && filled $dev || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start back || return
	by dd if=/dev/zero of=$mnt/dirty bs=64k count=16
	local dirtier=$pid
	echo 1 >/proc/sys/vm/dirty_writeback_centisecs
	echo 1 >/proc/sys/vm/dirty_expire_centisecs
	until [ "$(awk '$1 == "nr_dirty" { d = $2 } $1 == "nr_writeback" { d += $2 } END { print d }' /proc/vmstat)" -lt 16 ]; do sleep 0.1; done
	# what is left is the journal's
	sync -f $mnt/f
	stop back
	echo 500 >/proc/sys/vm/dirty_writeback_centisecs
	echo 3000 >/proc/sys/vm/dirty_expire_centisecs
	umount $mnt
	owned back $dirtier ".level == \"request\" and .kind == \"write\" and .path == \"$mnt/dirty\"" \
		"write request us dd kworker $mnt/dirty"
	# by whom and for whom
	at_least "blocks of the journal" "$(jq -s 'map(select(.type == "slow" and .level == "request" and
		(.submitter.comm // .comm | startswith("jbd2/")) and .path == null)) | length' $tmp/back.json)" 1
}

# What dm-crypt's threads write is for who asked; zram has no thread.
levels_are_whose()
{
	local pid key above
	if modprobe dm_crypt 2>/dev/null && [ -e /sys/kernel/btf/dm_crypt ]; then
		null t0 memory_backed=1 || return
		key=$(printf %064d 7)
		mapped truth-crypt "0 $(blockdev --getsz $dev) crypt aes-xts-plain64 $key 0 $dev 0" || return
		above=$dm
		trace_opts="--tier full --dev /dev/$above --dev $dev --threshold 1ns"
		start crypt || return
		by dd if=/dev/zero of=/dev/$above bs=4k count=31 oflag=direct
		stop crypt
		dmsetup remove truth-crypt
		owned crypt $pid ".pid == $pid" "write syscall us dd dmcrypt_write /dev/$above"
	fi
	modprobe zram 2>/dev/null
	[ -e /sys/block/zram0 ] || { skip "no zram"; return; }
	echo 64M >/sys/block/zram0/disksize || return
	trace_opts="--tier full --dev /dev/zram0 --threshold 1ns"
	start zram || return
	by dd if=/dev/zero of=/dev/zram0 bs=4k count=31 oflag=direct
	stop zram
	echo 1 >/sys/block/zram0/reset
	owned zram $pid ".pid == $pid" "write syscall us dd - /dev/zram0"
}

owners="calls_and_rings_are_whose raw_devices_are_whose writeback_is_whose levels_are_whose"
