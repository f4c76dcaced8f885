# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2086,SC2154,SC2207
# What other tracers have been seen to get wrong, each as a case. In real time on two processors.

# Several block tools ask for the cgroup of the task that the completion interrupted.
peer_cgroup_of_the_interrupted_task()
{
	local a=/sys/fs/cgroup/truth-a b=/sys/fs/cgroup/truth-b other
	null t0 || return
	mkdir -p $a $b
	trace_opts="--dev $dev --cgroup $a"
	start cg || return
	(echo $BASHPID >$b/cgroup.procs && as='exec' && fio_on $dev --number_ios=100000 --time_based --runtime=60 >/dev/null 2>&1) &
	other=$!
	(echo $BASHPID >$a/cgroup.procs && fio_on $dev --number_ios=503 >$tmp/cg.out)
	kill -INT $other
	wait $other
	stop cg
	rmdir $a $b
	same "reads of the cgroup" "$(operations cg read syscall count)" 503
	same "requests of the cgroup" "$(requests cg $disk read count)" 503
}

# biotop -p drops the entry when another process completes it; biosnoop.bt shows that one's name.
peer_pid_and_name_of_the_completing_task()
{
	local other
	null t0 || return
	trace_opts="--dev $dev --threshold 1ns"
	# the other one begins when the tracer is there
	rm -f $tmp/there
	(until [ -e $tmp/there ]; do sleep 0.1; done; as='exec' && fio_on $dev --number_ios=100000 --time_based --runtime=60) >/dev/null 2>&1 &
	other=$!
	traced pid bash -c 'touch $1; until read -r n _ <$2 && ((n > 200)); do sleep 0.1; done; exec "${@:3}"' - \
		$tmp/there /sys/block/$disk/stat $tmp/truth-load forks $dev 211
	kill -INT $other
	wait $other
	same "reads of the command" "$(operations pid read syscall count)" 211
	same "requests of the command" "$(requests pid $disk read count)" 211
	same "names" "$(jq -rs 'map(select(.type == "slow") | .comm) | unique | join(" ")' $tmp/pid.json)" truth-load
}

# biolatency.bt pairs by sector alone, biosnoop by device and sector.
peer_pairs_by_sector()
{
	local other
	null t0 || return
	start sector || return
	fio_on $dev --size=4k --io_size=400k --numjobs=2 >/dev/null &
	other=$!
	fio_on $slow --size=4k --io_size=400k --numjobs=2 >/dev/null
	wait $other
	stop sector
	same "requests of the quick disk" "$(requests sector $disk read count)" 200
	same "requests of the slow disk" "$(requests sector ${slow#/dev/} read count)" 200
	at_least "median of the slow disk, ns" "$(requests sector ${slow#/dev/} read stages.device.p50_ns)" 1800000
	whole sector
}

# block_rq_complete fires for each part: a medium error in the middle gives two.
peer_ends_at_the_first_part()
{
	local opts=/sys/bus/pseudo/drivers/scsi_debug/opts was
	was=$(cat $opts)
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
	null t0 completion_nsec=2000000 || return
	fio_traced aio $dev --number_ios=307 --ioengine=libaio --iodepth=4
	same "reads" "$(operations aio read libaio count)" 307
	same "bytes" "$(operations aio read libaio bytes)" $((307 * 4096))
	at_least "mean, ns" "$(operations aio read libaio stages.total.mean_ns)" 2000000
	whole aio
}

# cachestat hooks functions that folios have replaced, and subtracts counts of events: misses always 0, hit
# ratios of 50 % on cold reads, of -3570 %; and file systems differ.
peer_cache_numbers_of_each_file_system()
{
	local fs force
	for fs in ext4 xfs btrfs; do
		null t0 memory_backed=1 || return
		force=-f
		[ $fs != ext4 ] || force=-F
		mkfs.$fs -q $force $dev >/dev/null && mkdir -p $tmp/mnt && mount -o noatime $dev $tmp/mnt || return
		# its files have a device number of their own, which is known when it is mounted
		[ $fs != btrfs ] || trace_opts="--tier full --dev $dev"
		$tmp/known-count --target $tmp/mnt/f --contiguous --op write --count 149 --fsync-every 149 >/dev/null
		traced $fs-cold $tmp/known-count --target $tmp/mnt/f --contiguous --cold --no-readahead --count 149
		traced $fs-hot $tmp/known-count --target $tmp/mnt/f --contiguous --count 149
		traced $fs-past $tmp/known-count --target $tmp/mnt/f --contiguous --direct --count 149
		umount $tmp/mnt
		same "$fs: misses of cold reads" "$(operations $fs-cold read syscall cache.misses)" 149
		same "$fs: hits of cold reads" "$(operations $fs-cold read syscall cache.hits)" 0
		same "$fs: misses of hot reads" "$(operations $fs-hot read syscall cache.misses)" 0
		same "$fs: hits of hot reads" "$(operations $fs-hot read syscall cache.hits)" 149
		at_least "$fs: folios used by hot reads" "$(operations $fs-hot read syscall cache.folios_used)" 1
		same "$fs: reads past the cache" "$(operations $fs-past read syscall cache.direct)" 149
	done
}

# sysak's nvme probe looks at the last command of a batch alone.
peer_driver_point_of_the_last_in_a_batch()
{
	traced batch $tmp/known-count --target $LAB_DISK_NVME --direct --count 320 --engine io_uring --depth 16 --batch 16
	same "requests" "$(requests batch ${LAB_DISK_NVME#/dev/} read count)" 320
	same "requests in driver" "$(requests batch ${LAB_DISK_NVME#/dev/} read stages.driver.count)" 320
	same "requests in complete" "$(requests batch ${LAB_DISK_NVME#/dev/} read stages.complete.count)" 320
	whole batch
}

# gala-ops scales the offset from a command to its request.
peer_scsi_request_by_a_scaled_offset()
{
	traced scsi $tmp/known-count --target $LAB_DISK_SCSI_DEBUG --direct --count 227
	same "requests in driver" "$(requests scsi ${LAB_DISK_SCSI_DEBUG#/dev/} read stages.driver.count)" 227
	whole scsi
}

# rq_qos hooks are not called on a disk without a policy: zero-trace and huatuo then tie nothing.
peer_blind_without_a_qos_policy()
{
	echo 0 2>/dev/null >/sys/block/${LAB_DISK_NVME#/dev/}/queue/wbt_lat_usec
	traced qos $tmp/known-count --target $LAB_DISK_NVME --direct --count 223 --op write
	same "writes tied to a request" "$(operations qos write syscall stages.device.count)" 223
	same "bios outside of operations" "$(covered qos untied_bios)" 0
	whole qos
}

# biosnoop read the length at completion, when it is 0 already.
peer_bytes_are_always_0()
{
	traced bytes $tmp/known-count --target $LAB_DISK_NVME --direct --count 101 --size 64k
	same "bytes of the requests" "$(requests bytes ${LAB_DISK_NVME#/dev/} read bytes)" $((101 * 65536))
}

# A bio-based level is invisible to most, and hides who began (dm-crypt).
peer_no_level_but_the_lowest()
{
	[ -n "$level" ] || { skip "no dm-delay"; return; }
	level_table linear $slow 0
	traced level $tmp/known-count --target /dev/$level --direct --count 131
	same "bios of the dm device" "$(requests level $level read count)" 131
	same "requests of the disk below" "$(requests level ${slow#/dev/} read count)" 131
	same "reads" "$(operations level read syscall count)" 131
	whole level
}

# bcc#910: behind dm-crypt's workers nobody knows any more who began.
peer_dm_crypt_hides_who_began()
{
	local key above
	modprobe dm_crypt 2>/dev/null || { skip "no dm-crypt"; return; }
	[ -e /sys/kernel/btf/dm_crypt ] || { skip "modules have no types in this kernel: what its workers submit leads nowhere"; return; }
	null t0 memory_backed=1 || return
	key=$(printf %064d 7)
	mapped truth-crypt "0 $(blockdev --getsz $dev) crypt aes-xts-plain64 $key 0 $dev 0" || { skip "no dm-crypt"; return; }
	above=$dm
	trace_opts="--dev /dev/$above --dev $dev --threshold 1ns"
	traced crypt dd if=/dev/zero of=/dev/$above bs=4k count=101 oflag=direct
	stacked crypt write $above 101
	traced decrypt dd if=/dev/$above of=/dev/null bs=4k count=103 iflag=direct
	stacked decrypt read $above 103
	dmsetup remove truth-crypt
}

# stacked NAME OP ABOVE N: of the disk below, all belong to operations on the level above
stacked()
{
	same "$1: operations" "$(operations $1 $2 syscall count)" $4
	same "$1: bios of the level" "$(requests $1 $3 $2 count)" $4
	same "$1: requests of the disk below" "$(requests $1 $disk $2 count)" $4
	same "$1: bios outside operations" "$(covered $1 untied_bios)" 0
	same "$1: records whose tree has both" \
		"$(jq -s "map(select(.type == \"slow\" and ([.tree[]?.device] | unique == ([\"$3\", \"$disk\"] | unique)))) | length" $tmp/$1.json)" $4
	same "$1: names" "$(jq -rs 'map(select(.type == "slow") | .comm) | unique | join(" ")' $tmp/$1.json)" dd
	same "$1: records whose stages do not sum to the total" "$(covered $1 lost.uneven)" 0
	whole $1
}

# bcc#1680: latencies of an NVMe disk under bcache that nobody could explain. Cold reads go to the slow disk, and what they
# brought is written to the quick one.
peer_no_levels_below_bcache()
{
	local quick backing above=bcache0 set
	modprobe bcache 2>/dev/null || { skip "no bcache"; return; }
	null t2 memory_backed=1 && quick=$dev && null t0 memory_backed=1 completion_nsec=5000000 && backing=$disk || return
	make-bcache -C $quick -B $dev >/dev/null || return
	for set in $quick $dev; do
		echo $set 2>/dev/null >/sys/fs/bcache/register
	done
	until [ -b /dev/$above ]; do sleep 0.1; done
	echo 0 >/sys/block/$above/bcache/sequential_cutoff
	echo 0 >/sys/block/$above/bcache/readahead 2>/dev/null
	trace_opts="--dev /dev/$above --dev $dev --dev $quick --threshold 1ns"
	traced cold $tmp/known-count --target /dev/$above --direct --count 47
	traced warm $tmp/known-count --target /dev/$above --direct --count 47
	echo 1 >/sys/block/$above/bcache/stop
	echo 1 >/sys/fs/bcache/*-*/stop
	until [ ! -e /sys/block/$above ] && [ -z "$(compgen -G '/sys/fs/bcache/*-*')" ]; do sleep 0.1; done
	for set in cold warm; do
		same "$set: reads" "$(operations $set read syscall count)" 47
		same "$set: bios of the level" "$(requests $set $above read count)" 47
		none_lost $set
	done
	# its begin has been looked at for partitions, and may be there
	at_least "cold: requests of the slow disk" "$(requests cold $backing read count)" 45
	same "cold: requests of either disk" $(($(requests cold $backing read count) + $(requests cold ${quick#/dev/} read count))) 47
	same "cold: reads whose tree has both" "$(jq -s "map(select(.type == \"slow\" and .level == \"operation\" and
		([.tree[].device] | unique == [\"$above\", \"$backing\"]))) | length" $tmp/cold.json)" "$(requests cold $backing read count)"
	at_least "cold: mean, ns" "$(operations cold read syscall stages.total.mean_ns)" 4500000
	same "warm: requests of the slow disk" "$(requests warm $backing read count)" 0
	same "warm: requests of the quick disk" "$(requests warm ${quick#/dev/} read count)" 47
}

# A map of 1024 to 10240 entries, and nobody asks whether there was room. Here more bios at once than there
# is room for: they wait in a suspended device.
peer_silent_loss_in_a_full_map()
{
	null t0 || return
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
	at_least "lost for want of room" $(($(covered full lost.map_full) + $(covered full lost.bio_map_full))) 1
	at_least "no more reads than were done" 20000 "$(operations full read libaio count)"
	# a second name of an operation may be lost too
	at_least "those counted and those lost for want of room" \
		$(($(operations full read libaio count) + $(covered full lost.map_full))) 20000
	at_least "no more requests than were done" 20000 "$(requests full $dm read count)"
}

# The device is quick, the queue before it is not: who leaves that out reports 0.2 ms for what takes 8.
peer_queueing_is_left_out()
{
	local clat
	null t0 hw_queue_depth=1 completion_nsec=1000000 || return
	fio_traced queue $dev --number_ios=50 --numjobs=8
	clat=$(fio_clat queue read)
	at_least "q2g, ns in all" "$(requests queue $disk read stages.q2g.sum_ns)" \
		$((4 * $(requests queue $disk read stages.device.sum_ns)))
	at_least "total of the operations, of fio's latency" "$(operations queue read syscall stages.total.mean_ns)" \
		$((${clat%.*} * 8 / 10))
	whole queue
}

# Sector and length exchanged, most I/O of NVMe not there, names and latencies that were junk.
peer_junk_instead_of_what_was_done()
{
	traced junk dd if=$LAB_DISK_NVME of=/dev/null bs=8192 count=37 skip=1000 iflag=direct
	jq -c 'select(.type == "slow") | [.comm, .device, .sector, .bytes]' $tmp/junk.json >$tmp/junk.got
	jq -cn --arg disk "${LAB_DISK_NVME#/dev/}" 'range(37) | ["dd", $disk, 16000 + 16 * ., 8192]' >$tmp/junk.want
	cmp -s $tmp/junk.got $tmp/junk.want || fail "records: $(diff $tmp/junk.got $tmp/junk.want | head -n 3 | tr '\n' ' ')"
	same "times that cannot be" "$(jq -s '.[-1].window_ns as $w |
		map(select(.type == "slow" and (.total_ns <= 0 or .total_ns > $w))) | length' $tmp/junk.json)" 0
}

# What was merged never completes under its own name: paired by sector, the next one there takes 90 s.
peer_merged_requests_stay_behind()
{
	null t0 memory_backed=1 || return
	echo mq-deadline >/sys/block/$disk/queue/scheduler
	start merge || return
	for _ in 1 2 3; do
		fio_on $dev --rw=write --direct=0 --size=2m --end_fsync=1 >/dev/null
	done
	fio_on $dev --rw=write --ioengine=io_uring --iodepth=32 --iodepth_batch=32 --size=2m >/dev/null
	stop merge
	same "bytes" "$(requests merge $disk write bytes)" $((8 << 20))
	at_least "merged" "$(requests merge $disk write merged_bios)" 1
	whole merge
}

# Flushes have no sector, and disturb what is paired by it; a discard is not a write.
peer_flushes_and_discards_are_taken_for_io()
{
	null t0 memory_backed=1 cache_size=8 discard=1 || return
	start flush || return
	fio_on $dev --rw=randwrite --number_ios=97 --fsync=1 >/dev/null
	blkdiscard -l 65536 $dev
	stop flush
	same "writes" "$(requests flush $disk write count)" 97
	same "bytes of the writes" "$(requests flush $disk write bytes)" $((97 * 4096))
	same "flushes" "$(requests flush $disk flush count)" "$(operations flush fsync syscall count)"
	at_least "flushes" "$(requests flush $disk flush count)" 96
	same "bytes of the discard" "$(requests flush $disk discard bytes)" 65536
	whole flush
}

# I/O of the whole disk shown on a partition, and under no name.
peer_io_of_the_disk_on_a_partition()
{
	local nvme=$LAB_DISK_NVME
	addpart $nvme 1 2048 65536 && addpart $nvme 2 131072 65536 || return
	start part || return
	fio_on ${nvme}p1 --number_ios=31 --size=16m >/dev/null
	fio_on ${nvme}p2 --number_ios=37 --size=16m >/dev/null
	fio_on $nvme --number_ios=41 >/dev/null
	stop part
	same "requests" "$(requests part ${LAB_DISK_NVME#/dev/} read count)" 109
	same "devices" "$(sum part '[.devices[] | select(any(.ops[]; .count > 0)) | .name] | join(" ")')" ${LAB_DISK_NVME#/dev/}
	trace_opts="--tier block --dev ${nvme}p1"
	if $iopath trace $trace_opts --duration 1ms 2>&1 | grep -q "does not tell partitions apart"; then
		skip "a partition alone: not on this kernel"
	else
		start one || return
		fio_on ${nvme}p1 --number_ios=31 --size=16m >/dev/null
		fio_on $nvme --number_ios=41 >/dev/null
		stop one
		same "requests of the partition" "$(requests one ${LAB_DISK_NVME#/dev/} read count)" 31
	fi
	delpart $nvme 1 && delpart $nvme 2
}

# Metadata is I/O too: huatuo leaves REQ_META out.
peer_metadata_is_skipped()
{
	local before after
	null t0 memory_backed=1 || return
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 $dev && mkdir -p $tmp/mnt || return
	before=($(cat /sys/block/$disk/stat))
	start meta || return
	mount -o noatime $dev $tmp/mnt
	mkdir -p $tmp/mnt/{a,b,c}/{d,e,f}
	sync
	umount $tmp/mnt || fail "umount"
	stop meta
	after=($(cat /sys/block/$disk/stat))
	same "bytes read" "$(requests meta $disk read bytes)" $(((after[2] - before[2]) * 512))
	same "bytes written" "$(requests meta $disk write bytes)" $(((after[6] - before[6]) * 512))
	at_least "writes" "$(requests meta $disk write count)" 1
	whole meta
}

# Latencies of 584 years: a difference below 0 in an unsigned number. In every report so far; of an interval the
# maximum is an upper bound.
peer_negative_differences()
{
	same "stages longer than the run" "$(jq -n '[inputs | .window_ns as $w |
		.. | .max_ns? // empty | select(. > 2 * $w)] | length' $tmp/*.sum)" 0
}

peers="peer_cgroup_of_the_interrupted_task peer_pid_and_name_of_the_completing_task peer_pairs_by_sector
	peer_async_read_of_minus_529_bytes peer_cache_numbers_of_each_file_system
	peer_driver_point_of_the_last_in_a_batch peer_scsi_request_by_a_scaled_offset
	peer_ends_at_the_first_part peer_blind_without_a_qos_policy peer_bytes_are_always_0
	peer_no_level_but_the_lowest peer_no_levels_below_bcache peer_dm_crypt_hides_who_began peer_silent_loss_in_a_full_map peer_queueing_is_left_out
	peer_junk_instead_of_what_was_done peer_merged_requests_stay_behind peer_flushes_and_discards_are_taken_for_io
	peer_io_of_the_disk_on_a_partition peer_metadata_is_skipped peer_negative_differences"
