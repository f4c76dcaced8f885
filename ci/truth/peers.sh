# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# What other tracers have been seen to get wrong, each as a case. In real time on two processors.

# Several block tools ask for the cgroup of the task that the completion interrupted.
peer_cgroup_of_the_interrupted_task()
{
	local a=/sys/fs/cgroup/truth-a b=/sys/fs/cgroup/truth-b other
	null t_cg || return
	mkdir -p $a $b
	trace_opts="--dev $dev --cgroup $a"
	start cg || return
	(echo $BASHPID >$b/cgroup.procs && fio_on $dev --number_ios=100000 --time_based --runtime=60 >/dev/null 2>&1) &
	other=$!
	(echo $BASHPID >$a/cgroup.procs && fio_on $dev --number_ios=503 >$tmp/cg.out)
	pkill -INT -P $other fio
	wait $other
	stop cg
	unnull t_cg
	rmdir $a $b
	same "reads of the cgroup" "$(operations cg read syscall count)" 503
	same "requests of the cgroup" "$(requests cg $disk read count)" 503
}

# biotop -p drops the entry when another process completes it; biosnoop.bt shows that one's name.
peer_pid_and_name_of_the_completing_task()
{
	local other
	null t_pid || return
	trace_opts="--dev $dev --threshold 1ns"
	fio_on $dev --number_ios=100000 --time_based --runtime=60 >/dev/null 2>&1 &
	other=$!
	traced pid $tmp/truth-load forks $dev 211
	kill -INT $other
	wait $other
	unnull t_pid
	same "reads of the command" "$(operations pid read syscall count)" 211
	same "requests of the command" "$(requests pid $disk read count)" 211
	same "names" "$(jq -rs 'map(select(.type == "slow") | .comm) | unique | join(" ")' $tmp/pid.json)" truth-load
}

# biolatency.bt pairs by sector alone, biosnoop by device and sector.
peer_pairs_by_sector()
{
	local first first_disk other
	null t_one || return
	first=$dev first_disk=$disk
	null t_two completion_nsec=2000000 || return
	trace_opts="--dev $first --dev $dev"
	start sector || return
	fio_on $first --size=4k --io_size=400k --numjobs=2 >/dev/null &
	other=$!
	fio_on $dev --size=4k --io_size=400k --numjobs=2 >/dev/null
	wait $other
	stop sector
	unnull t_one
	unnull t_two
	same "requests of the quick disk" "$(requests sector $first_disk read count)" 200
	same "requests of the slow disk" "$(requests sector $disk read count)" 200
	at_least "median of the slow disk, ns" "$(requests sector $disk read stages.device.p50_ns)" 1800000
	whole sector
}

# block_rq_complete fires for each part: a medium error in the middle gives two.
peer_ends_at_the_first_part()
{
	local opts=/sys/bus/pseudo/drivers/scsi_debug/opts was
	was=$(cat $opts)
	trace_opts="--dev $LAB_DISK_SCSI_DEBUG"
	start part || return
	echo 2 >$opts
	# 16 sectors from 8 before the bad ones (0x1234)
	dd if=$LAB_DISK_SCSI_DEBUG of=/dev/null bs=8192 skip=$((0x1230 / 16)) count=1 iflag=direct 2>/dev/null && fail "no error"
	echo $was >$opts
	stop part
	same "requests" "$(requests part ${LAB_DISK_SCSI_DEBUG#/dev/} read count)" 1
	same "of them failed" "$(requests part ${LAB_DISK_SCSI_DEBUG#/dev/} read errors)" 1
	same "reads that failed" "$(operations part read syscall errors)" 1
}

# fsslower takes -EIOCBQUEUED for a size, and the submission for the whole.
peer_async_read_of_minus_529_bytes()
{
	null t_aio completion_nsec=2000000 || return
	trace_opts="--dev $dev"
	fio_traced aio $dev --number_ios=307 --ioengine=libaio --iodepth=4
	unnull t_aio
	same "reads" "$(operations aio read libaio count)" 307
	same "bytes" "$(operations aio read libaio bytes)" $((307 * 4096))
	at_least "mean, ns" "$(operations aio read libaio stages.total.mean_ns)" 2000000
	whole aio
}

# cachestat hooks functions that folios have replaced; hit ratios of -3570 % by subtraction.
peer_cache_misses_are_always_0()
{
	null t_cache memory_backed=1 || return
	trace_opts="--dev $dev"
	start cache || return
	for _ in 1 2; do
		dd if=$dev of=/dev/null bs=4k count=149 2>/dev/null
	done
	stop cache
	unnull t_cache
	same "reads" "$(operations cache read syscall count)" 298
	same "hits and misses" $(($(operations cache read syscall cache.hits) + $(operations cache read syscall cache.misses))) 298
	at_least "hits" "$(operations cache read syscall cache.hits)" 149
	at_least "misses" "$(operations cache read syscall cache.misses)" 1
}

# sysak's nvme probe looks at the last command of a batch alone.
peer_driver_point_of_the_last_in_a_batch()
{
	trace_opts="--dev $LAB_DISK_NVME"
	fio_traced batch $LAB_DISK_NVME --number_ios=320 --ioengine=io_uring --iodepth=16 --iodepth_batch=16
	same "requests" "$(requests batch nvme0n1 read count)" 320
	same "requests in driver" "$(requests batch nvme0n1 read stages.driver.count)" 320
	same "requests in complete" "$(requests batch nvme0n1 read stages.complete.count)" 320
	whole batch
}

# gala-ops scales the offset from a command to its request.
peer_scsi_request_by_a_scaled_offset()
{
	trace_opts="--dev $LAB_DISK_SCSI_DEBUG"
	fio_traced scsi $LAB_DISK_SCSI_DEBUG --number_ios=227 --size=100m
	same "requests in driver" "$(requests scsi ${LAB_DISK_SCSI_DEBUG#/dev/} read stages.driver.count)" 227
	whole scsi
}

# rq_qos hooks are not called on a disk without a policy: zero-trace and huatuo then tie nothing.
peer_blind_without_a_qos_policy()
{
	echo 0 2>/dev/null >/sys/block/nvme0n1/queue/wbt_lat_usec
	trace_opts="--dev $LAB_DISK_NVME"
	fio_traced qos $LAB_DISK_NVME --number_ios=223 --rw=randwrite
	same "writes tied to a request" "$(operations qos write syscall stages.device.count)" 223
	same "bios outside of operations" "$(sum qos .coverage.untied_bios)" 0
	whole qos
}

# biosnoop read the length at completion, when it is 0 already.
peer_bytes_are_always_0()
{
	trace_opts="--dev $LAB_DISK_NVME"
	fio_traced bytes $LAB_DISK_NVME --number_ios=101 --bs=64k
	same "bytes of the requests" "$(requests bytes nvme0n1 read bytes)" $((101 * 65536))
}

# A bio-based level is invisible to most, and hides who began (dm-crypt).
peer_no_level_but_the_lowest()
{
	null t_lin || return
	mapped truth-linear "0 $(blockdev --getsz $dev) linear $dev 0" || return
	trace_opts="--dev $dev --dev /dev/$dm"
	fio_traced level /dev/$dm --number_ios=131
	dmsetup remove truth-linear
	unnull t_lin
	same "bios of the dm device" "$(requests level $dm read count)" 131
	same "requests of the disk below" "$(requests level $disk read count)" 131
	same "reads" "$(operations level read syscall count)" 131
	whole level
}

# Latencies of 584 years: a difference below 0 in an unsigned number. In every report so far.
peer_negative_differences()
{
	local name
	for name in "$tmp"/*.sum; do
		same "$(basename $name): stages longer than the run" \
			"$(jq '.window_ns as $w | [.. | .max_ns? // empty | select(. > $w)] | length' $name)" 0
	done
}

peers="peer_cgroup_of_the_interrupted_task peer_pid_and_name_of_the_completing_task peer_pairs_by_sector
	peer_async_read_of_minus_529_bytes peer_cache_misses_are_always_0
	peer_driver_point_of_the_last_in_a_batch peer_scsi_request_by_a_scaled_offset
	peer_ends_at_the_first_part peer_blind_without_a_qos_policy peer_bytes_are_always_0
	peer_no_level_but_the_lowest peer_negative_differences"
