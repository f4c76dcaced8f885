# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2013,SC2034,SC2086,SC2154
# Hostile life, in real time on two processors. Counts must hold; what cannot be known must be admitted.

# An NVMe disk of one queue, whose interrupt goes to the processor that the load does not run on.
ends_on_another_processor()
{
	local on=${LAB_DISK_NVME2#/dev/} t=/sys/kernel/tracing irq end from=0 elsewhere
	irq=$(awk -v queue=${LAB_DISK_NVME2#/dev/} 'BEGIN { sub("n1$", "q1", queue) } $NF == queue { sub(":", "", $1); print $1 }' /proc/interrupts)
	end=$(cat /proc/irq/$irq/effective_affinity_list)
	[ "$end" != 0 ] || from=1
	echo 0 >/sys/block/$on/queue/rq_affinity
	echo >$t/trace
	echo 1 >$t/events/block/block_rq_complete/enable
	traced cpu taskset -c $from $tmp/known-count --target $LAB_DISK_NVME2 --direct --count 997
	echo 0 >$t/events/block/enable
	echo 1 >/sys/block/$on/queue/rq_affinity
	# TASK-PID [CPU] FLAGS TIME: EVENT: MAJOR,MINOR …
	elsewhere=$(awk -v from=$from -v dev=" $(tr : , </sys/block/$on/dev) " '
		/ block_rq_complete: / && index($0, dev) { match($0, /\[[0-9]+\]/); n += substr($0, RSTART + 1, RLENGTH - 2) + 0 != from }
		END { print n + 0 }' $t/trace)
	echo >$t/trace
	at_least "of 997, ended elsewhere than on $from, by the kernel's events" $elsewhere 900
	same "reads" "$(operations cpu read syscall count)" 997
	same "requests" "$(requests cpu $on read count)" 997
	same "with a device's time" "$(requests cpu $on read stages.device.count)" 997
	whole cpu
}

tasks_end_in_mid_io()
{
	null t0 completion_nsec=3000000 || return
	start leave || return
	$tmp/truth-load leave $dev 50 || fail "the load"
	sleep 0.2
	stop leave
	same "requests" "$(requests leave $disk read count)" 800
	same "operations" $(($(covered leave operations.finished) + $(covered leave operations.in_flight))) 800
	same "lost" "$(lost leave)" 0
}

# kill -9 of a task inside a read that will not come back for long
a_killed_task_is_counted()
{
	local reads
	null t0 completion_nsec=2000000000 || return
	start kill || return
	for _ in 1 2 3; do
		dd if=$dev of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null &
		reads=0
		while [ "$reads" = 0 ] && kill -0 $! 2>/dev/null; do
			read -r reads _ </sys/block/$disk/inflight
		done
		kill -9 $!
		wait $! 2>/dev/null
	done
	stop kill
	same "requests" "$(requests kill $disk read count)" 3
	same "operations" $(($(covered kill operations.finished) + $(covered kill task_died))) 3
}

pids_are_used_again()
{
	local was
	was=$(cat /proc/sys/kernel/pid_max)
	null t0 || return
	echo 400 >/proc/sys/kernel/pid_max || return
	traced pid $tmp/truth-load forks $dev 1200
	echo $was >/proc/sys/kernel/pid_max
	same "reads" "$(operations pid read syscall count)" 1200
	whole pid
}

ten_thousand_processes()
{
	null t0 completion_nsec=1000 || return
	traced many $tmp/truth-load forks $dev 10000
	same "reads" "$(operations many read syscall count)" 10000
	same "requests" "$(requests many $disk read count)" 10000
	whole many
}

# in_mid_run NAME DEV COMMAND…: fio for as long as that takes
in_mid_run()
{
	local name=$1 on=$2 reads before
	shift 2
	read -r before _ </sys/block/${on#/dev/}/stat
	reads=$before
	start $name || return
	(as='exec' && fio_on $on --ioengine=libaio --iodepth=16 --time_based --runtime=60 --size=100m) >$tmp/$name.out 2>$tmp/$name.fio.err &
	local fio=$!
	while [ $((reads - before)) -lt 200 ] && kill -0 $fio 2>/dev/null; do
		read -r reads _ </sys/block/${on#/dev/}/stat
	done
	kill -0 $fio 2>/dev/null || fail "fio: $(head -n 1 $tmp/$name.fio.err)"
	"$@" || fail "$*"
	sleep 0.5
	kill -INT $fio 2>/dev/null
	wait $fio
	stop $name
	same "not finished" $(($(covered $name requests.seen) - $(covered $name requests.finished) - $(covered $name requests.in_flight))) 0
	same "in flight" "$(covered $name requests.in_flight)" 0
	# as many as the disk can do: records of them may find no room
	none_lost $name ring_full
	at_least "requests" "$(covered $name requests.finished)" 100
}

scsi_disk_is_removed()
{
	in_mid_run gone $LAB_DISK_SCSI_DEBUG eval "echo 1 >/sys/block/${LAB_DISK_SCSI_DEBUG#/dev/}/device/delete"
}

null_blk_is_switched_off()
{
	null t0 completion_nsec=1000000 || return
	in_mid_run off $dev eval 'echo 0 >/sys/kernel/config/nullb/t0/power'
}

switch_schedulers()
{
	local s
	for s in mq-deadline kyber bfq none mq-deadline none; do
		echo $s >/sys/block/$disk/queue/scheduler || return
	done
}

scheduler_is_switched()
{
	null t0 || return
	in_mid_run switch $dev switch_schedulers
}

# Buffered, direct, io_uring, libaio, fsync and mmap at once, and a mixed run of fio: tracer/tests/test-trace-sums.c.
a_hundred_thousand_operations_add_up()
{
	modprobe loop 2>/dev/null
	$tmp/test-trace-sums >$tmp/sums.out || fail "$(grep -v '^ok' $tmp/sums.out | head -n 20)"
	grep -E '^    [0-9]+ operations' $tmp/sums.out | sed "s/^ */truth:   $current: /"
	# a guest is too slow for the rate of one of them
	sed -n "s/^skip fifty_thousand/truth:   $current: fifty_thousand/p" $tmp/sums.out
	! grep '^skip' $tmp/sums.out | grep -qv fifty_thousand || fail "$(grep '^skip' $tmp/sums.out)"
}

# The reader stands still: records are dropped, and counted.
a_full_ring_is_counted()
{
	null t0 completion_nsec=1000 || return
	trace_opts="--dev $dev --sample 1/1"
	start ring || return
	kill -STOP $tracer
	fio_on $dev --number_ios=20000 --ioengine=io_uring --iodepth=32 >$tmp/ring.out
	kill -CONT $tracer
	stop ring
	at_least "records dropped" "$(covered ring lost.ring_full)" 1
	same "records and those dropped" \
		$(($(grep -c '"type":"sample"' $tmp/ring.json) + $(covered ring lost.ring_full))) 20000
	same "operations" "$(operations ring read io_uring count)" 20000
}

# A bio is the first of a request, or merged into one, however the request completes.
bios_of_requests_in_parts()
{
	local on=$LAB_DISK_SCSI_DEBUG row=${LAB_DISK_SCSI_DEBUG#/dev/}
	start bios || return
	inject $((0x100)) 2
	fio_on $on --rw=write --bs=4k --size=1m --ioengine=io_uring --iodepth=32 --iodepth_batch=32 --iodepth_batch_complete_min=32 >/dev/null
	inject 0 0
	stop bios
	at_least "bios merged" "$(requests bios $row write merged_bios)" 100
	same "requests, and bios merged into them" $(($(requests bios $row write count) + $(requests bios $row write merged_bios))) 256
	same "bytes" "$(requests bios $row write bytes)" $((1 << 20))
	whole bios
}

# Merged at the front and at the back: neither the first bio nor the last is as old as the request. That is no plug's.
a_request_that_grew_at_both_ends()
{
	local at readers=()
	null t0 hw_queue_depth=1 completion_nsec=5000000000 && echo mq-deadline >/sys/block/$disk/queue/scheduler &&
		echo 64 >/sys/block/$disk/queue/nr_requests || return
	# on 6.1 the kernel stamps the issue then
	echo 75000 2>/dev/null >/sys/block/$disk/queue/wbt_lat_usec
	trace_opts="--tier full --dev $dev"
	start grew || return
	# one in the device, one that waits for its tag, and the three
	for at in 9000 7000 5000 4999 5001; do
		dd if=$dev of=/dev/null bs=4k count=1 skip=$at iflag=direct 2>/dev/null &
		readers+=($!)
		sleep 0.3
	done
	wait "${readers[@]}"
	stop grew
	same "requests" "$(requests grew $disk read count)" 3
	same "bios merged" "$(requests grew $disk read merged_bios)" 2
	same "allocated ahead" "$(covered grew allocated_ahead)" 0
	whole grew
}

# Written back by a kernel thread: it is the cgroup's that made the pages dirty.
writeback_of_a_cgroup()
{
	local cg=/sys/fs/cgroup/truth-wb i
	null t0 memory_backed=1 || return
	echo +io +memory >/sys/fs/cgroup/cgroup.subtree_control || return
	mkdir -p $cg
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 $dev && mkdir -p $tmp/mnt && mount -o noatime $dev $tmp/mnt || return
	trace_opts="--dev $dev --cgroup $cg"
	start wb || return
	(echo $BASHPID >$cg/cgroup.procs && dd if=/dev/zero of=$tmp/mnt/in bs=64k count=64 2>/dev/null)
	dd if=/dev/zero of=$tmp/mnt/out bs=64k count=128 2>/dev/null
	sync
	stop wb
	umount $tmp/mnt
	rmdir $cg
	same "bytes written by calls of the cgroup" "$(operations wb write syscall bytes)" $((64 * 65536))
	same "bytes written back for it" "$(requests wb $disk write bytes)" $((64 * 65536))
	same "lost" "$(lost wb)" 0
}

nothing_is_left_after_kill_9()
{
	local progs maps
	progs=$(bpftool prog list | grep -c '^[0-9]') maps=$(bpftool map list | grep -c '^[0-9]')
	trace_opts='--tier full'
	start left || return
	at_least "programs while it runs" "$(bpftool prog list | grep -c '^[0-9]')" $((progs + 10))
	kill -9 $tracer
	wait $tracer 2>/dev/null
	sleep 1
	same "programs" "$(bpftool prog list | grep -c '^[0-9]')" $progs
	same "maps" "$(bpftool map list | grep -c '^[0-9]')" $maps
}

hostile="ends_on_another_processor tasks_end_in_mid_io a_killed_task_is_counted pids_are_used_again
	ten_thousand_processes null_blk_is_switched_off scheduler_is_switched a_hundred_thousand_operations_add_up a_full_ring_is_counted
	bios_of_requests_in_parts a_request_that_grew_at_both_ends writeback_of_a_cgroup nothing_is_left_after_kill_9"
# it does not come back
last=scsi_disk_is_removed
