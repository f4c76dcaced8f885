# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Ways in which an I/O starts that no read() or write() announces. In real time on two processors.

# filled DEV: a file system on it, with a file of 32 MiB that is not in memory: $mnt/f
filled()
{
	mnt=$tmp/mnt
	mkfs.ext4 -q -F $1 && mkdir -p $mnt && mount -o noinit_itable $1 $mnt || return
	dd if=/dev/urandom of=$mnt/f bs=1M count=32 2>/dev/null
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# vmstat NAME: of the whole machine
vmstat() { awk -v name=$1 '$1 == name { print $2 }' /proc/vmstat; }

# Of records: whose page it was, of which file, and where in it.
of_touched='.comm == "truth-load" and .pid > 1 and .pid == .tid and .path == "/tmp/truth/mnt/f" and .offset % 28672 == 0'

# A page of a mapping is read from disk when it is touched.
start_by_a_fault()
{
	null t0 memory_backed=1 && filled $dev || return
	traced fault $tmp/truth-load touch $mnt/f 503
	traced again $tmp/truth-load touch $mnt/f 503
	umount $mnt
	same "faults" "$(operations fault fault mmap count)" 503
	same "faults that missed" "$(operations fault fault mmap cache.misses)" 503
	same "requests" "$(requests fault $disk read count)" 503
	same "faults with a device's time" "$(operations fault fault mmap stages.device.count)" 503
	same "records of them" "$(told fault ".kind == \"fault\" and $of_touched")" 503
	whole fault
	# what is there is mapped around: fewer faults than pages, none that waits for the disk
	same "requests, once they are there" "$(requests again $disk read count)" 0
	same "faults that missed, then" "$(operations again fault mmap cache.misses)" 0
}

# The file system is asked before a page of a shared mapping is made dirty.
start_by_a_write_fault()
{
	[ -e /sys/kernel/btf/ext4 ] || { skip "functions of modules are not typed in this kernel"; return 77; }
	null t0 memory_backed=1 && filled $dev || return
	traced mkwrite $tmp/truth-load dirty $mnt/f 211
	trace_opts="--dev $dev --op mkwrite"
	echo 3 >/proc/sys/vm/drop_caches
	traced only $tmp/truth-load dirty $mnt/f 211
	umount $mnt
	same "faults" "$(operations mkwrite fault mmap count)" 211
	same "write faults" "$(operations mkwrite mkwrite mmap count)" 211
	same "records of them" "$(told mkwrite ".kind == \"mkwrite\" and $of_touched")" 211
	same "requests" "$(requests mkwrite $disk read count)" 211
	whole mkwrite
	same "write faults, alone asked for" "$(operations only mkwrite mmap count)" 211
	same "faults, not asked for" "$(operations only fault mmap count)" 0
}

# A page of memory that was paged out is read when it is touched: a process of 16 MB in a group of 6 MB.
start_by_a_swap_fault()
{
	local group=/sys/fs/cgroup/truth-swap read_in written
	null t0 memory_backed=1 || return
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control && mkdir $group && echo 6M >$group/memory.max || return
	mkswap $dev >/dev/null && swapon $dev || return
	echo 0 >/proc/sys/vm/page-cluster
	read_in=$(vmstat pswpin) written=$(vmstat pswpout)
	traced swap bash -c "echo \$\$ >$group/cgroup.procs; exec $tmp/truth-load swap - 4001"
	read_in=$(($(vmstat pswpin) - read_in)) written=$(($(vmstat pswpout) - written))
	swapoff $dev
	rmdir $group
	at_least "pages read in" $read_in 1000
	same "faults that read" "$(operations swap fault swap stages.device.count)" $read_in
	same "requests that read" "$(requests swap $disk read count)" $read_in
	at_least "pages written out" $written 1000
	same "bytes written out" "$(requests swap $disk write bytes)" $((written * 4096))
	whole swap
}

start_by_discard()
{
	null t0 memory_backed=1 discard=1 || return
	traced discard blkdiscard --offset 1048576 --length 1048576 $dev
	traced zero blkdiscard --zeroout --length 1048576 $dev
	same "discards" "$(operations discard discard syscall count)" 1
	same "bytes of the requests" "$(requests discard $disk discard bytes)" 1048576
	same "bios outside operations" "$(covered discard untied_bios)" 0
	same "zeroing calls" "$(operations zero discard syscall count)" 1
	# a disk that can: null_blk cannot
	traced zeroes blkdiscard --zeroout --length 1048576 $LAB_DISK_NVME
	same "bytes of the disk's own zeroes" "$(requests zeroes ${LAB_DISK_NVME#/dev/} write_zeroes bytes)" 1048576
	whole discard
}

# Nobody waits for it: a disk that is done at once, or the call would end before its bios do.
start_by_readahead()
{
	null t0 memory_backed=1 irqmode=0 && filled $dev || return
	traced ahead $tmp/truth-load ahead $mnt/f 32
	umount $mnt
	same "calls" "$(operations ahead readahead syscall count)" 1
	same "bytes of the requests" "$(requests ahead $disk read bytes)" $((32 * 4096))
	same "calls whose bios are these" "$(told ahead '.kind == "readahead" and ([.tree[].bytes] | add) == 131072')" 1
	whole ahead
}

# made_of FS: on $dev, mounted, and nothing that it does by itself later; made_on DEV [FS]
made_of() { null t0 memory_backed=1 && made_on $dev $1; }
made_on()
{
	local fs=${2:-ext4} how=-f
	[ $fs != ext4 ] || how='-F -E lazy_itable_init=0,lazy_journal_init=0'
	mkfs.$fs -q $how $1 >/dev/null && mkdir -p $tmp/mnt && mount -o noatime $1 $tmp/mnt
}

# The kernel reads ahead of who reads a file from its begin to its end: each page is read once, for a call of the reader's.
start_by_reading_ahead()
{
	local fs
	for fs in ext4 xfs btrfs; do
		made_of $fs || return
		# its files have a device number of their own, which is known when it is mounted
		[ $fs != btrfs ] || trace_opts="--tier full --dev $dev --threshold 1ns"
		$tmp/known-count --target $tmp/mnt/f --contiguous --op write --count 509 --fsync-every 509 >/dev/null
		# what the file system must know of the file is in memory then, and what it has to write is on the disk
		$tmp/known-count --target $tmp/mnt/f --contiguous --cold --count 509 >/dev/null
		sync -f $tmp/mnt
		traced ra-$fs $tmp/known-count --target $tmp/mnt/f --contiguous --cold --count 509
		umount $tmp/mnt
		same "$fs: calls" "$(operations ra-$fs read syscall count)" 509
		same "$fs: bytes of the requests" "$(requests ra-$fs $disk read bytes)" $((509 * 4096))
		same "$fs: hits and misses" $(($(operations ra-$fs read syscall cache.hits) + $(operations ra-$fs read syscall cache.misses))) 509
		at_least "$fs: hits of what was read ahead" "$(operations ra-$fs read syscall cache.hits)" 255
		at_least "$fs: misses" "$(operations ra-$fs read syscall cache.misses)" 1
		at_least "$fs: folios read ahead" "$(operations ra-$fs read syscall cache.readahead_folios)" 1
		same "$fs: bios outside operations" "$(covered ra-$fs untied_bios)" 0
		same "$fs: reads that are the reader's, of the file" "$(told ra-$fs ".kind == \"read\" and .comm == \"known-count\" and .path == \"$tmp/mnt/f\"")" 509
		whole ra-$fs
	done
}

# Written back by a thread of the kernel's: it is the file's, and whose who wrote to it.
start_by_writeback()
{
	local fs
	for fs in ext4 xfs btrfs; do
		made_of $fs || return
		[ $fs != btrfs ] || trace_opts="--tier full --dev $dev --threshold 1ns"
		sync -f $tmp/mnt
		start wb-$fs || return
		$tmp/known-count --target $tmp/mnt/f --contiguous --op write --count 211 >/dev/null
		sync -f $tmp/mnt
		stop wb-$fs
		umount $tmp/mnt
		same "$fs: calls" "$(operations wb-$fs write syscall count)" 211
		same "$fs: bytes of the file written by threads of the kernel's, for who wrote them" \
			"$(jq -s 'map(select(.type == "slow" and .level == "request" and .kind == "write" and (.path // "" | endswith("/f")) and
				.comm == "known-count" and (.submitter.comm // "" | startswith("kworker"))) | .bytes) | add // 0' $tmp/wb-$fs.json)" \
			$((211 * 4096))
		whole wb-$fs
	done
}

# By itself, of a run that has more; those that sync and trim: tracer/tests/test-trace-filter.c.
kinds_can_be_asked_for()
{
	local op via=syscall want=1
	null t0 memory_backed=1 && filled $dev || return
	for op in readahead fault; do
		trace_opts="--dev $dev --op $op"
		start only-$op || return
		echo 3 >/proc/sys/vm/drop_caches
		$tmp/truth-load ahead $mnt/f 32
		$tmp/truth-load touch $mnt/f 101
		dd if=$mnt/f of=/dev/null bs=64k count=1 2>/dev/null
		stop only-$op
		# of 101 pages, each seventh, those that were read ahead of it are there
		[ $op != fault ] || via=mmap want=96
		same "$op" "$(operations only-$op $op $via count)" $want
		same "$op: other operations" "$(sum only-$op "[.operations[] | select(.kind != \"$op\")] | length")" 0
		none_lost only-$op
	done
	umount $mnt
}

# Some pass and some do not: a disk of 20 us, and one of 2 ms.
the_slow_ones_alone()
{
	null t0 || return
	trace_opts="--dev $dev --dev $slow --min-lat 1500us"
	start lat || return
	$tmp/known-count --target $dev --direct --count 211 >/dev/null
	$tmp/known-count --target $slow --direct --count 101 >/dev/null
	stop lat
	# the emulator may stand still for that long
	at_least "fast ones that were left out" "$(covered lat requests.too_short)" 150
	same "slow ones" "$(requests lat ${slow#/dev/} read count)" 101
	same "all of them" $(($(covered lat operations.too_short) + $(operations lat read syscall count))) 312
	same "requests, all of them" $(($(covered lat requests.too_short) + $(requests lat ${slow#/dev/} read count) + $(requests lat $disk read count))) 312
	whole lat
}

# Eight tasks that sync: a flush waits for the one that is under way, then takes as long as that. In virtual time they
# would all sync at once, and share one. The disk is slow, for the kernel's worker between a flush and its command may be emulated for 1 to 2 ms.
serialised_flushes_are_told()
{
	local quiet
	null t0 memory_backed=1 cache_size=16 completion_nsec=10000000 || return
	trace_opts="--tier block --dev $dev --anomalies --anomaly-window 500ms"
	start flush || return
	fio_on $dev --rw=randwrite --fsync=1 --number_ios=100 >/dev/null
	sleep 1
	quiet=$(sum_now flush FLUSH_SERIALISED)
	fio_on $dev --rw=randwrite --fsync=1 --number_ios=100 --numjobs=8 >/dev/null
	stop flush
	same "before there were several" "$quiet" 0
	at_least "FLUSH_SERIALISED" "$(sum flush .anomalies.FLUSH_SERIALISED)" 1
	same "whose" "$(of flush FLUSH_SERIALISED .subject.name | sort -u)" $disk
	whole flush
}

# By a thread of the kernel's that looks for requests, and completed by who polls, on a driver with interrupts and queues to poll.
# Has a polled request's end an event? Not in 5.10's io_uring; asked of the kernel itself.
polled_ends_are_told()
{
	local events=$tmp/tracing/events/io_uring/io_uring_complete nr
	mkdir -p $tmp/tracing && mount -t tracefs none $tmp/tracing || return
	echo >$tmp/tracing/trace
	echo 1 >$events/enable
	$tmp/known-count --target $LAB_DISK_NVME --engine iopoll --direct --count 8 --depth 4 >/dev/null
	echo 0 >$events/enable
	nr=$(grep -c io_uring_complete: $tmp/tracing/trace)
	umount $tmp/tracing
	((nr >= 8))
}

start_by_polling_on_nvme()
{
	# of its own: what never ends stays in flight there
	local on=${LAB_DISK_NVME#/dev/} engine trace_opts='--tier full'
	for engine in sqpoll iopoll; do
		traced nvme-$engine $tmp/known-count --target $LAB_DISK_NVME --engine $engine --direct --count 211 --depth 4
		same "$engine: requests" "$(requests nvme-$engine $on read count)" 211
		same "$engine: bios outside operations" "$(covered nvme-$engine untied_bios)" 0
		if [ $engine = iopoll ] && ! polled_ends_are_told; then
			echo "truth:   $current: iopoll: this kernel tells no end of a polled request"
			same "$engine: operations, none of them made up" "$(operations nvme-$engine read io_uring count)" 0
			same "$engine: operations whose end is admitted not to be known" \
				$(($(covered nvme-$engine operations.in_flight) + $(covered nvme-$engine lost.no_op_end))) 211
			continue
		fi
		same "$engine: reads" "$(operations nvme-$engine read io_uring count)" 211
		same "$engine: reads with a device's time" "$(operations nvme-$engine read io_uring stages.device.count)" 211
		whole nvme-$engine
	done
}

start_by_linked_requests()
{
	null t0 || return
	traced linked $tmp/truth-load linked $dev 71
	same "reads" "$(operations linked read io_uring count)" 213
	same "bytes of the requests" "$(requests linked $disk read bytes)" $((213 * 4096))
	same "bios outside operations" "$(covered linked untied_bios)" 0
	whole linked
}

# Completed by who polls, not by an interrupt.
start_by_polled_requests()
{
	null t0 poll_queues=1 2>/dev/null || { null t0; skip "null_blk has no queues to poll"; return; }
	traced polled $tmp/known-count --target $dev --engine iopoll --direct --count 211 --depth 4
	same "reads" "$(operations polled read io_uring count)" 211
	same "requests" "$(requests polled $disk read count)" 211
	same "reads with a device's time" "$(operations polled read io_uring stages.device.count)" 211
	whole polled
}

# Of $mnt/f, by each call.
calls_that_sync()
{
	fio_on $mnt/f --rw=write --direct=0 --size=1m --sync_file_range=write:16 >/dev/null
	dd if=/dev/zero of=$mnt/f bs=64k count=1 conv=notrunc 2>/dev/null
	sync -d $mnt/f
	dd if=/dev/zero of=$mnt/f bs=64k count=1 conv=notrunc 2>/dev/null
	sync $mnt/f
	sync -f $mnt/f
}

# fio asks for the range of each 16 writes before the next one: the last 16 have none behind them.
start_by_calls_that_sync()
{
	null t0 memory_backed=1 && filled $dev || return
	start syncs || return
	calls_that_sync
	stop syncs
	umount $mnt
	same "sync_file_range()" "$(operations syncs sync_file_range syscall count)" 15
	same "fdatasync()" "$(operations syncs fdatasync syscall count)" 1
	same "fsync()" "$(operations syncs fsync syscall count)" 1
	same "syncfs()" "$(operations syncs sync syscall count)" 1
	at_least "fsync() that waited for the device" "$(operations syncs fsync syscall stages.device.count)" 1
	whole syncs
}

# named KIND TASK_AND_FILE…: whose records of that kind there are, and of which files
named()
{
	same "$1: whose, and of which file" "$(jq -r --arg kind $1 'select(.type == "slow" and .level == "operation" and .kind == $kind) |
		"\(if .pid > 1 and .tid > 1 then .comm else "?" end) \(.path)"' $tmp/named.json | sort -u)" "$(printf '%s\n' "${@:2}")"
}

# Whoever asks, by whichever call, and of which file: the initiator is never the worker, the path never another's.
each_start_names_its_task_and_file()
{
	null t0 memory_backed=1 discard=1 && filled $dev || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start named || return
	calls_that_sync
	fallocate -l 1M $mnt/space
	cp --sparse=never $mnt/f $mnt/copy
	echo 3 >/proc/sys/vm/drop_caches
	$tmp/truth-load ahead $mnt/f 32
	fstrim $mnt
	stop named
	named sync_file_range "fio $mnt/f"
	named fdatasync "sync $mnt/f"
	# util-linux has that of its own
	named fsync "fallocate $mnt/space" "sync $mnt/f"
	named sync "sync $mnt/f"
	named fallocate "fallocate $mnt/space"
	[ "$(operations named copy syscall count)" = 0 ] || named copy "cp $mnt/f"
	named readahead "truth-load $mnt/f"
	named discard "fstrim $mnt"
	umount $mnt
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start named || return
	$tmp/truth-load linked $dev 7
	stop named
	named read "truth-load $dev"
}

# Blocks of the journal are a kernel thread's: the kernel's own events say how many.
start_by_the_journal()
{
	local t=/sys/kernel/tracing i want
	null t0 memory_backed=1 && filled $dev || return
	echo 2 >/sys/block/$disk/queue/nomerges
	start journal || return
	echo >$t/trace
	echo 1 >$t/events/block/block_bio_queue/enable
	for ((i = 0; i < 11; i++)); do
		dd if=/dev/zero of=$mnt/new$i bs=4k count=1 conv=fsync 2>/dev/null
	done
	echo 0 >$t/events/block/enable
	stop journal
	want=$(grep -c " jbd2/.* block_bio_queue: " $t/trace)
	echo >$t/trace
	umount $mnt
	same "fsync()" "$(operations journal fsync syscall count)" 11
	at_least "bios of the journal, by the kernel's events" $want 22
	same "requests of the journal" "$(jq -s 'map(select(.type == "slow" and .level == "request" and
		(.submitter.comm // .comm | startswith("jbd2/")))) | length' $tmp/journal.json)" $want
	whole journal
}

# What a level is made of is begun by its bios; a mirror writes each of them twice.
start_by_bios_of_md()
{
	local md above second i
	modprobe raid1 2>/dev/null || { skip "no md"; return; }
	null t2 memory_backed=1 && second=$dev && null t0 memory_backed=1 || return
	echo md_truth >/sys/module/md_mod/parameters/new_array || { skip "md makes no array"; return; }
	md=/sys/block/md_truth/md above=md_truth
	echo raid1 >$md/level && echo 2 >$md/raid_disks && echo none >$md/metadata_version && echo 65536 >$md/component_size || return
	for i in $dev $second; do
		cat /sys/block/${i#/dev/}/dev >$md/new_dev || return
	done
	echo 0 >$md/dev-$disk/slot && echo 1 >$md/dev-${second#/dev/}/slot || return
	# nothing to be made alike
	echo none >$md/resync_start && echo active >$md/array_state || return
	# opened for the first time it is looked at for partitions
	dd if=/dev/$above of=/dev/null count=1 2>/dev/null
	trace_opts="--tier full --dev /dev/$above --dev $dev --dev $second --threshold 1ns"
	# not of a command: what a thread of md submits (5.10) is none of its
	start md || return
	dd if=/dev/zero of=/dev/$above bs=4k count=31 oflag=direct 2>/dev/null
	dd if=/dev/$above of=/dev/null bs=4k count=37 iflag=direct 2>/dev/null
	stop md
	echo inactive >$md/array_state
	echo clear >$md/array_state
	same "writes" "$(operations md write syscall count)" 31
	same "reads" "$(operations md read syscall count)" 37
	same "bios of the level that write" "$(requests md $above write count)" 31
	same "bios of the level that read" "$(requests md $above read count)" 37
	same "requests of one half that write" "$(requests md $disk write count)" 31
	same "requests of the other half" "$(requests md ${second#/dev/} write count)" 31
	same "requests that read" $(($(requests md $disk read count) + $(requests md ${second#/dev/} read count))) 37
	whole md
	[ -e /sys/kernel/btf/raid1 ] || return 0 # what its workers submit leads nowhere
	same "writes of two requests, both made of the level's bio" "$(told md '.kind == "write" and
		([(.tree[] | select(.device != $above)).parent] | length == 2 and all(. != null)) and
		(.tree as $t | all($t[] | select(.parent != null); $t[.parent].device == $above))' --arg above $above)" 31
	same "reads of one" "$(told md '.kind == "read" and ([.tree[].parent] | sort | map(. != null) == [false, true])')" 37
}

# md_array LEVEL DEV…: of devices of 64 MiB, by the kernel's own files: $above, its name; no_array takes it apart
md_array()
{
	local level=$1 d
	modprobe $level 2>/dev/null && echo md_truth >/sys/module/md_mod/parameters/new_array || return
	above=md_truth md=/sys/block/md_truth/md
	shift
	echo $level >$md/level && echo $# >$md/raid_disks && echo none >$md/metadata_version || return
	[ $level != raid0 ] || echo 65536 >$md/chunk_size || return
	for d; do
		cat /sys/block/${d#/dev/}/dev >$md/new_dev && echo 65536 >$md/dev-${d#/dev/}/size || return
	done
	for ((d = 0; $#; d++)); do
		echo $d >$md/dev-${1#/dev/}/slot || return
		shift
	done
	echo active >$md/array_state
}
no_array()
{
	echo inactive >$md/array_state
	echo clear >$md/array_state
}

# Levels that hand a bio on, itself (then it has no other, and no time of the level's) or a clone that is accounted for: one disk behind the other (not in newer kernels), and in stripes. A file there is its reader's, on both disks.
start_by_bios_that_md_hands_on()
{
	local kind md above second one own levels=0
	null t2 memory_backed=1 size=64 && second=${dev#/dev/} && null t0 memory_backed=1 size=64 && one=$disk || return
	for kind in linear raid0; do
		md_array $kind $dev /dev/$second || { echo "truth:   $current: $kind: not in this kernel"; [ ! -e /sys/block/md_truth ] || no_array; continue; }
		levels=$((levels + 1)) own=0
		[ $kind = linear ] || ! grep -qw md_account_bio /proc/kallsyms || own=53
		made_on /dev/$above || fail "$kind: no file system"
		# of 100 MiB, so that it is on both
		dd if=/dev/urandom of=$tmp/mnt/f bs=1M count=100 conv=fsync 2>/dev/null
		trace_opts="--tier full --dev-stack /dev/$above --threshold 1ns"
		start $kind || break
		$tmp/known-count --target $tmp/mnt/f --direct --count 53 --offset 4M --offset-step 1800k >/dev/null
		stop $kind
		umount $tmp/mnt
		no_array
		same "$kind: reads" "$(operations $kind read syscall count)" 53
		same "$kind: bios of the level" "$(requests $kind $above read count)" $own
		same "$kind: requests of both" $(($(requests $kind $one read count) + $(requests $kind $second read count))) 53
		at_least "$kind: of the one" "$(requests $kind $one read count)" 10
		at_least "$kind: of the other" "$(requests $kind $second read count)" 10
		same "$kind: reads whose they are, of the file, on the stack" "$(told $kind '.level == "operation" and .kind == "read" and .comm == "known-count" and
			.path == "/tmp/truth/mnt/f" and (.device_stack | test("md_truth") and test($one) and test($second))' --arg one $one --arg second $second)" 53
		same "$kind: reads of a bio of the level, and one below made of it" "$(told $kind '.kind == "read" and (.tree | length == 2) and
			(.tree as $t | [$t[] | select(.parent == null) | .device] == [$above] and ([$t[] | select(.parent != null)] | length == 1 and $t[.[0].parent].device == $above))' --arg above $above)" $own
		same "$kind: reads of one bio, on the disk" "$(told $kind '.kind == "read" and (.tree | length == 1 and (.[0].device | . == $one or . == $second))' \
			--arg one $one --arg second $second)" $((53 - own))
		whole $kind
	done
	[ $levels != 0 ] || skip "no md"
}

# Four pieces of 4 KiB, two for each disk below a striped level, below a linear one.
the_tree_has_every_level()
{
	local second low top
	modprobe dm_mod 2>/dev/null
	[ -e /sys/kernel/btf/dm_mod ] || { skip "modules have no types in this kernel: the clone of a bio does not lead to it"; return; }
	null t2 memory_backed=1 && second=${dev#/dev/} && null t0 memory_backed=1 || return
	mapped truth-low "0 65536 striped 2 8 $dev 0 /dev/$second 0" && low=$dm || return
	mapped truth-top "0 65536 linear /dev/$low 0" && top=$dm || return
	trace_opts="--tier full --dev /dev/$top --dev /dev/$low --dev $dev --dev /dev/$second --threshold 1ns"
	traced tree $tmp/known-count --target /dev/$top --direct --count 53 --size 16k
	trace_opts="${trace_opts/full/block}"
	traced flat $tmp/known-count --target /dev/$top --direct --count 59 --size 16k
	dmsetup remove truth-top
	dmsetup remove truth-low
	same "reads" "$(operations tree read syscall count)" 53
	same "of six bios, each below its level" "$(told tree '.kind == "read" and (.tree as $t |
		[$t[] | "\(.device) \(if .parent == null then "" else $t[.parent].device end)"] | sort) ==
		(["\($top) ", "\($low) \($top)", "\($one) \($low)", "\($one) \($low)", "\($two) \($low)", "\($two) \($low)"] | sort)' \
		--arg top $top --arg low $low --arg one $disk --arg two $second)" 53
	whole tree
	# a bio that a level has cut to its rest is one still
	same "bios of the levels" "$(requests flat $top read count) $(requests flat $low read count)" "59 59"
	same "their bytes" "$(requests flat $top read bytes) $(requests flat $low read bytes)" "$((59 * 16384)) $((59 * 16384))"
	whole flat
}

# What multipath makes of a request goes to the disk without a bio of it being queued there.
start_by_requests_of_multipath()
{
	local level read=$tmp/known-count
	modprobe -a dm_multipath dm_round_robin 2>/dev/null
	null t0 memory_backed=1 && mapped truth-path "0 65536 multipath 0 0 1 1 round-robin 0 1 0 $dev" && level=$dm || { skip "no dm-multipath"; return; }
	trace_opts="--tier full --dev /dev/$level --dev $dev --threshold 1ns"
	start both || { dmsetup remove truth-path; return 1; }
	$read --target /dev/$level --direct --count 53 --size 16k >/dev/null
	stop both
	trace_opts+=" --comm known-count"
	traced mine bash -c "$read --target /dev/$level --direct --count 59 && dd if=/dev/$level of=/dev/null bs=4k count=7 iflag=direct"
	trace_opts="--tier block --dev $dev"
	# on 6.1 the kernel stamps all but the begin then
	echo 75000 2>/dev/null >/sys/block/$disk/queue/wbt_lat_usec
	start below || { dmsetup remove truth-path; return 1; }
	$read --target /dev/$level --direct --count 61 >/dev/null
	stop below
	dmsetup remove truth-path
	same "reads" "$(operations both read syscall count)" 53
	same "requests of the level, of the disk" "$(requests both $level read count) $(requests both $disk read count)" "53 53"
	same "bytes of the disk's" "$(requests both $disk read bytes)" $((53 * 16384))
	same "with a device's time, with a total" "$(requests both $disk read stages.device.count) $(requests both $disk read stages.total.count)" "53 53"
	same "requests of the disk alone, that were queued" "$(requests below $disk read count) $(requests below $disk read stages.q2g.count)" "61 0"
	same "with a device's time, with a total" "$(requests below $disk read stages.device.count) $(requests below $disk read stages.total.count)" "61 61"
	whole both
	whole mine
	whole below
	[ -e /sys/kernel/btf/dm_mod ] || return 0
	same "whose the disk's requests are" "$(jq -s --arg disk $disk 'map(select(.type == "slow" and
		.level == "request" and .kind == "read" and .device == $disk and .comm == "known-count")) | length' $tmp/both.json)" 53
	same "requests of one process" "$(requests mine $level read count) $(requests mine $disk read count)" "59 59"
}

starts="start_by_the_journal start_by_bios_of_md start_by_bios_that_md_hands_on the_tree_has_every_level start_by_requests_of_multipath start_by_a_fault start_by_a_write_fault start_by_a_swap_fault start_by_discard start_by_readahead start_by_reading_ahead start_by_writeback start_by_polling_on_nvme the_slow_ones_alone serialised_flushes_are_told kinds_can_be_asked_for each_start_names_its_task_and_file
	start_by_linked_requests start_by_polled_requests start_by_calls_that_sync"
