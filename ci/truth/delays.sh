# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2086,SC2154,SC2317
# A delay put into one place appears in its stage, and in no other. In virtual time, where the rest repeats.
# How long it was, fio says: its latency with the delay less that without.

ms=1000000

# delayed DISK STAGE DIR BASE WITH LEAST_NS: on both levels
delayed()
{
	local op=$3
	injected $4 $5 $3 $6
	appears $2 $injected_ns $4 $5 "operation(\"$op\"; \"syscall\")" ${1:+"device(\"$1\"; \"$op\")"}
	whole $4
	whole $5
}

null_blk_time_is_device()
{
	null t0 || return
	fio_traced base $dev --number_ios=100
	null t0 completion_nsec=2000000 || return
	fio_traced with $dev --number_ios=100
	delayed $disk device read base with $((19 * ms / 10))
}

scsi_debug_time_is_device()
{
	local ndelay=/sys/bus/pseudo/drivers/scsi_debug/ndelay
	fio_traced base $LAB_DISK_SCSI_DEBUG --number_ios=100 --size=128m
	echo 2000000 >$ndelay || return
	fio_traced with $LAB_DISK_SCSI_DEBUG --number_ios=100 --size=128m
	echo 20000 >$ndelay
	delayed ${LAB_DISK_SCSI_DEBUG#/dev/} device read base with $((19 * ms / 10))
}

# One request at a time, four threads: each waits for three others to give their tag back.
tag_wait_is_q2g()
{
	null t0 hw_queue_depth=1 completion_nsec=1000000 || return
	fio_traced base $dev --number_ios=100
	fio_traced with $dev --number_ios=100 --numjobs=4
	delayed $disk q2g read base with $ms
}

# The same of requests that one task asks for at once. io_uring tries without waiting, then has workers wait, of which
# there are four per processor: each for three others. libaio waits in io_submit(), for the one before. That is how
# long it is, by the disk's own time: fio's latency has in it how late it looks.
async_tag_wait()
{
	null t0 hw_queue_depth=1 completion_nsec=1000000 || return
	fio_traced base $dev --number_ios=100 --ioengine=$1
	fio_traced with $dev --number_ios=100 --ioengine=$1 --iodepth=$2
	appears q2g $3 base with "device(\"$disk\"; \"read\")" "operation(\"read\"; \"$1\")"
	whole base
	whole with
}
tag_wait_of_io_uring_is_q2g() { async_tag_wait io_uring 4 $((3 * ms)); }
tag_wait_of_libaio_is_q2g() { async_tag_wait libaio 16 $ms; }

# in_scheduler NAME: the same, but the waiting is the scheduler's
in_scheduler()
{
	null t0 hw_queue_depth=1 completion_nsec=1000000 || return
	echo $1 >/sys/block/$disk/queue/scheduler || return
	# some kernels (6.12.95) tell the scheduler the number before: bfq would have the writes wait for one tag, in q2g
	echo 63 >/sys/block/$disk/queue/nr_requests
	echo 64 >/sys/block/$disk/queue/nr_requests
	# mq-deadline lets writes have some of the requests only: the wait for these is q2g
	[ ! -e /sys/block/$disk/queue/iosched/async_depth ] || echo 64 >/sys/block/$disk/queue/iosched/async_depth
	fio_traced base $dev --number_ios=100 --rw=randwrite
	fio_traced with $dev --number_ios=100 --rw=randwrite --numjobs=4
	delayed $disk i2d write base with $ms
}
mq_deadline_under_load_is_i2d() { in_scheduler mq-deadline; }
bfq_under_load_is_i2d() { in_scheduler bfq; }

# What a plug holds back is not issued before the whole batch is built. How long, the kernel's own events say.
plug_is_g2i()
{
	local t=/sys/kernel/tracing want got
	null t0 || return
	echo mono >$t/trace_clock
	echo 4096 >$t/buffer_size_kb
	echo 1 >$t/events/block/block_getrq/enable
	echo 1 >$t/events/block/block_rq_issue/enable
	fio_traced plug $dev --number_ios=320 --bs=64k --ioengine=io_uring --iodepth=16 --iodepth_batch=16 \
		--iodepth_batch_complete_min=16
	echo 0 >$t/events/block/enable
	# TASK-PID [CPU] FLAGS TIME: EVENT: MAJOR,MINOR … SECTOR + N [TASK]
	want=$(awk '/block_getrq:|block_rq_issue:/ {
			match($0, /[0-9]+ \+ [0-9]+ /)
			split(substr($0, RSTART), s, " ")
			match($0, /[0-9]+\.[0-9]+: block_/)
			t = substr($0, RSTART, RLENGTH - 8)
			if (/block_getrq/) got[s[1]] = t
			else if (s[1] in got) { sum += t - got[s[1]]; n++ }
		}
		END { printf "%.0f\n", n ? sum / n * 1e9 : 0 }' $t/trace)
	echo >$t/trace
	echo local >$t/trace_clock
	at_least "the plug's own time, ns" $want 50000
	got=$(sum plug "$rows"' device("'$disk'"; "read") | means | .g2i | floor')
	[ $((got > want ? got - want : want - got)) -le $((want / 50 + 20000)) ] || fail "g2i: $got ns, the kernel's events say $want"
	got=$(sum plug "$rows"' operation("read"; "io_uring") | means | .g2i | floor')
	[ $((got > want ? got - want : want - got)) -le $((want / 50 + 20000)) ] || fail "g2i of the operation: $got ns, the kernel's events say $want"
	# and in no other: the disk takes 20 us, and the fifteen that end with it their time on the one processor
	for got in $(sum plug "$rows"' device("'$disk'"; "read") | means | del(.total, .g2i) | to_entries[] | "\(.key):\(.value | floor)"'); do
		[ ${got#*:} -le $([[ $got == device:* ]] && echo 80000 || echo 20000) ] || fail "$got ns, wanted less"
	done
	whole plug
}

# The data is there, but another task has the processor; one of class batch does not take it away.
cpu_hog_is_wakeup_or_offcpu()
{
	null t0 || return
	export -f fio_on
	traced base chrt -b 0 bash -c 'fio_on "$@"' fio $dev --number_ios=50
	# shellcheck disable=SC2016
	traced with bash -c 'while :; do :; done & chrt -b 0 bash -c "fio_on \$@" fio "$@"; kill $!' fio $dev --number_ios=50
	delayed '' wakeup+offcpu read base with 200000
}

# 6.4 MB/s, by its queue
slow_ext4()
{
	echo 64 >/sys/block/$disk/queue/max_sectors_kb
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 $dev && mkdir -p $tmp/mnt && mount -o noatime $dev $tmp/mnt
}

dirty_limits()
{
	echo 2097152 >/proc/sys/vm/dirty_background_bytes
	echo 4194304 >/proc/sys/vm/dirty_bytes
}

no_dirty_limits()
{
	echo 20 >/proc/sys/vm/dirty_ratio
	echo 10 >/proc/sys/vm/dirty_background_ratio
}

dirty_limit_is_throttle()
{
	null t0 memory_backed=1 hw_queue_depth=1 completion_nsec=10000000 || return
	slow_ext4 || return
	fio_traced base $tmp/mnt/f --rw=write --bs=64k --direct=0 --size=16m --fallocate=none
	sync
	dirty_limits
	fio_traced with $tmp/mnt/f --rw=write --bs=64k --direct=0 --size=16m --fallocate=none
	no_dirty_limits
	umount $tmp/mnt
	delayed '' throttle write base with 500000
}

# limited_to 100 IOPS by CGROUP, made anew, with VALUE in its FILE
limited_to()
{
	local cg=$1
	grep -qw __blk_throtl_bio /proc/kallsyms || { skip "the throttle has no function to hook"; return; }
	fio_traced base $dev --number_ios=50
	mkdir -p $cg && echo "$3" >$cg/$2 || return
	fio_on_limited() { (echo $BASHPID >$cg/cgroup.procs && fio_on "$@"); }
	traced with fio_on_limited $dev --number_ios=50
	rmdir $cg
	delayed $disk q2g read base with $((5 * ms))
}

# Four requests of one read on a disk that takes one at a time: the last of them is the critical path, with three turns before it.
critical_path_of_a_queue_of_one()
{
	local jq='select(.type == "slow" and .bios == 4) | .critical_path'
	null t0 hw_queue_depth=1 completion_nsec=$ms && echo 4 >/sys/block/$disk/queue/max_sectors_kb || return
	$iopath trace --json --tier vfs --dev $disk --threshold 1ns -o $tmp/critical.json -- \
		dd if=$dev of=/dev/null bs=16k count=20 iflag=direct 2>/dev/null || return
	same "reads of four requests" "$(jq -s "[.[] | $jq] | length" $tmp/critical.json)" 20
	same "that are not three turns of q2g and one of device within 2 % + 20 us" "$(jq -s --argjson ms $ms "
		def near(\$want): (. - \$want) | fabs < \$want * .02 + 20000;
		[.[] | $jq | select((.requests | length != 1) or (.stages.q2g | near(3 * \$ms) | not) or
			(.stages.device | near(\$ms) | not))] | length" $tmp/critical.json)" 0
}

# A bio is put before that of a request which waits in the scheduler: it is younger than the request's insertion, and that is no disorder.
front_merge_into_an_inserted_request()
{
	null t0 hw_queue_depth=1 completion_nsec=$((300 * ms)) && echo mq-deadline >/sys/block/$disk/queue/scheduler &&
		echo 64 >/sys/block/$disk/queue/nr_requests || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start front || return
	local at
	# one in the device, one that waits for its tag, one in the scheduler, and the one before that
	for at in 9000 7000 5001 5000; do
		dd if=$dev of=/dev/null bs=4k count=1 skip=$at iflag=direct 2>/dev/null &
		sleep 0.05
	done
	sleep 2
	stop front
	same "requests" "$(requests front $disk read count)" 3
	same "merged bios" "$(requests front $disk read merged_bios)" 1
	same "reads" "$(operations front read syscall count)" 4
	same "lost" "$(lost front)" 0
}

# io.max holds bios back before they get a request.
io_max_is_q2g()
{
	null t0 && echo +io >/sys/fs/cgroup/cgroup.subtree_control &&
		limited_to /sys/fs/cgroup/truth io.max "$(cat /sys/block/$disk/dev) riops=100"
}

# So does what cgroup v1 calls the same.
blkio_throttle_is_q2g()
{
	local v1=$tmp/blkio status
	null t0 && echo -io >/sys/fs/cgroup/cgroup.subtree_control && mkdir -p $v1 || return
	mount -t cgroup -o blkio none $v1 || { skip "no blkio of cgroup v1"; return; }
	limited_to $v1/truth blkio.throttle.read_iops_device "$(cat /sys/block/$disk/dev) 100"
	status=$?
	umount $v1
	return $status
}

# dm-delay's own time is its own, in the device's row and in the operation: the disk below is as quick as ever.
dm_delay_is_its_own_level()
{
	[ -n "$level" ] || { skip "no dm-delay"; return; }
	level_table delay $slow 0 0
	fio_traced base /dev/$level --number_ios=50
	level_table delay $slow 0 20
	fio_traced with /dev/$level --number_ios=50
	injected base with read $((15 * ms))
	appears device $injected_ns base with "device(\"$level\"; \"read\")" 'operation("read"; "syscall")'
	appears device 0 base with "device(\"${slow#/dev/}\"; \"read\")"
	whole with
}

delays="null_blk_time_is_device scsi_debug_time_is_device tag_wait_is_q2g tag_wait_of_io_uring_is_q2g tag_wait_of_libaio_is_q2g mq_deadline_under_load_is_i2d
	bfq_under_load_is_i2d plug_is_g2i cpu_hog_is_wakeup_or_offcpu dirty_limit_is_throttle io_max_is_q2g
	blkio_throttle_is_q2g front_merge_into_an_inserted_request critical_path_of_a_queue_of_one dm_delay_is_its_own_level"
