# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2013,SC2034,SC2086,SC2154
# Hostile life, in real time on two processors. Counts must hold; what cannot be known must be admitted.

ends_on_another_processor()
{
	local irq
	trace_opts="--dev $LAB_DISK_NVME"
	echo 0 >/sys/block/nvme0n1/queue/rq_affinity
	for irq in $(awk '/nvme0q/ { sub(":", "", $1); print $1 }' /proc/interrupts); do
		echo 1 2>/dev/null >/proc/irq/$irq/smp_affinity
	done
	fio_traced cpu $LAB_DISK_NVME --number_ios=997 --cpus_allowed=1
	echo 1 >/sys/block/nvme0n1/queue/rq_affinity
	same "reads" "$(operations cpu read syscall count)" 997
	same "requests" "$(requests cpu nvme0n1 read count)" 997
	whole cpu
}

tasks_end_in_mid_io()
{
	null t_leave completion_nsec=3000000 || return
	trace_opts="--dev $dev"
	start leave || return
	$tmp/truth-load leave $dev 50 || fail "the load"
	sleep 0.2
	stop leave
	unnull t_leave
	same "requests" "$(requests leave $disk read count)" 800
	same "operations" "$(sum leave '.coverage.operations | .finished + .in_flight')" 800
	same "lost" "$(sum leave '[.coverage.lost[]] | add')" 0
}

# kill -9 of a task inside a read that will not come back for long
a_killed_task_is_counted()
{
	local reads
	null t_kill completion_nsec=2000000000 || return
	trace_opts="--dev $dev"
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
	unnull t_kill
	same "requests" "$(requests kill $disk read count)" 3
	same "operations" "$(sum kill '.coverage | .operations.finished + .task_died')" 3
}

pids_are_used_again()
{
	local was
	was=$(cat /proc/sys/kernel/pid_max)
	null t_pid || return
	trace_opts="--dev $dev"
	echo 400 >/proc/sys/kernel/pid_max || return
	traced pid $tmp/truth-load forks $dev 1200
	echo $was >/proc/sys/kernel/pid_max
	unnull t_pid
	same "reads" "$(operations pid read syscall count)" 1200
	whole pid
}

ten_thousand_processes()
{
	null t_many completion_nsec=1000 || return
	trace_opts="--dev $dev"
	traced many $tmp/truth-load forks $dev 10000
	unnull t_many
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
	trace_opts="--dev $on"
	start $name || return
	fio_on $on --ioengine=libaio --iodepth=16 --time_based --runtime=60 --size=100m >$tmp/$name.out 2>$tmp/$name.fio.err &
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
	same "not finished" "$(sum $name '.coverage.requests | .seen - .finished - .in_flight')" 0
	same "in flight" "$(sum $name '.coverage.requests.in_flight')" 0
	same "lost" "$(sum $name '[.coverage.lost[]] | add')" 0
	at_least "requests" "$(sum $name '.coverage.requests.finished')" 100
}

scsi_disk_is_removed()
{
	in_mid_run gone $LAB_DISK_SCSI_DEBUG eval "echo 1 >/sys/block/${LAB_DISK_SCSI_DEBUG#/dev/}/device/delete"
}

null_blk_is_switched_off()
{
	null t_off completion_nsec=1000000 || return
	in_mid_run off $dev eval 'echo 0 >/sys/kernel/config/nullb/t_off/power'
	unnull t_off
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
	null t_swi || return
	in_mid_run switch $dev switch_schedulers
	unnull t_swi
}

# Errors by their status: as the disk says, and as the caller sees it.
errors_are_counted()
{
	local got=0 i
	null t_err memory_backed=1 badblocks=+800-900 || return
	trace_opts="--dev $dev --threshold 1ns"
	start err || return
	for i in 0 800 808 4000; do
		got=$((got + $($tmp/truth-load once read $dev $i)))
	done
	stop err
	unnull t_err
	same "errno of the two that fail" $got $((2 * 5))
	same "requests that failed" "$(requests err $disk read errors)" 2
	same "reads that failed" "$(operations err read syscall errors)" 2
	same "records that say -5" "$(jq -s 'map(select(.type == "slow" and .level == "operation" and .result == -5)) | length' $tmp/err.json)" 2
}

flakey_errors_are_counted()
{
	modprobe dm_flakey 2>/dev/null || { skip "no dm-flakey"; return; }
	local got=0
	null t_fla || return
	# error_reads is new (6.5); before, all I/O of the down time fails
	mapped truth-flakey "0 $(blockdev --getsz $dev) flakey $dev 0 0 60 1 error_reads" ||
		mapped truth-flakey "0 $(blockdev --getsz $dev) flakey $dev 0 0 60" || return
	trace_opts="--dev /dev/$dm"
	start flakey || return
	for _ in 1 2 3; do
		got=$((got + $($tmp/truth-load once read /dev/$dm 0)))
	done
	stop flakey
	dmsetup remove truth-flakey
	unnull t_fla
	same "errno of the three" $got $((3 * 5))
	same "reads that failed" "$(operations flakey read syscall errors)" 3
	same "bios of the dm device that failed" "$(requests flakey $dm read errors)" 3
}

# The reader stands still: records are dropped, and counted.
a_full_ring_is_counted()
{
	null t_ring completion_nsec=1000 || return
	trace_opts="--dev $dev --sample 1/1"
	start ring || return
	kill -STOP $tracer
	fio_on $dev --number_ios=20000 --ioengine=io_uring --iodepth=32 >$tmp/ring.out
	kill -CONT $tracer
	stop ring
	unnull t_ring
	at_least "records dropped" "$(sum ring .coverage.lost.ring_full)" 1
	same "records and those dropped" \
		$(($(grep -c '"type":"sample"' $tmp/ring.json) + $(sum ring .coverage.lost.ring_full))) 20000
	same "operations" "$(operations ring read io_uring count)" 20000
}

# More bios at once than there is room for: they wait in a suspended device.
a_full_map_is_counted()
{
	null t_full || return
	mapped truth-full "0 $(blockdev --getsz $dev) linear $dev 0" || return
	echo 100000 >/proc/sys/fs/aio-max-nr
	trace_opts="--dev /dev/$dm"
	start full || return
	dmsetup suspend truth-full
	fio_on /dev/$dm --number_ios=20000 --ioengine=libaio --iodepth=20000 >$tmp/full.out &
	local fio=$!
	sleep 8
	dmsetup resume truth-full
	wait $fio
	stop full
	dmsetup remove truth-full
	unnull t_full
	at_least "lost for want of room" "$(sum full '.coverage.lost | .map_full + .bio_map_full')" 1
	at_least "no more reads than were done" 20000 "$(operations full read libaio count)"
	# a second name of an operation may be lost too
	at_least "those counted and those lost for want of room" \
		$(($(operations full read libaio count) + $(sum full .coverage.lost.map_full))) 20000
	at_least "no more requests than were done" 20000 "$(requests full $dm read count)"
}

nothing_is_left_after_kill_9()
{
	local progs maps
	progs=$(bpftool prog list | grep -c '^[0-9]') maps=$(bpftool map list | grep -c '^[0-9]')
	trace_opts=''
	start left || return
	at_least "programs while it runs" "$(bpftool prog list | grep -c '^[0-9]')" $((progs + 10))
	kill -9 $tracer
	wait $tracer 2>/dev/null
	sleep 1
	same "programs" "$(bpftool prog list | grep -c '^[0-9]')" $progs
	same "maps" "$(bpftool map list | grep -c '^[0-9]')" $maps
}

hostile="ends_on_another_processor tasks_end_in_mid_io a_killed_task_is_counted pids_are_used_again
	ten_thousand_processes null_blk_is_switched_off scheduler_is_switched errors_are_counted
	flakey_errors_are_counted a_full_ring_is_counted a_full_map_is_counted nothing_is_left_after_kill_9"
# it does not come back
last=scsi_disk_is_removed
