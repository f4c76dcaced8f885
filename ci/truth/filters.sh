# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2086,SC2154
# Filters together: what passes all of them is counted, and nothing else is. In real time.

# passes NAME ROW…: all rows of the report that have counted: "DISK OP COUNT" of requests, "KIND VIA COUNT" of operations
passes()
{
	same "$1: what passed" "$(sum $1 '[(.devices[] | .name as $n | .ops[] | select(.count > 0) | "\($n) \(.op) \(.count)"),
		(.operations[]? | select(.count > 0) | "\(.kind) \(.via) \(.count)")] | join("\n")' | sort | paste -sd';')" \
		"$(printf '%s\n' "${@:2}" | sort | paste -sd';')"
	none_lost $1
}

# known TARGET ARGUMENT…: I/Os of known number, direct
known() { $tmp/known-count --target $1 --direct "${@:2}" >$tmp/known.out || fail "known-count $*"; }

# waiting TARGET ARGUMENT…: those of a process that waits to be told: $pid
waiting()
{
	: >$tmp/known.err
	$tmp/known-count --target $1 --wait "${@:2}" >$tmp/known.out 2>$tmp/known.err &
	pid=$!
	until grep -q ready $tmp/known.err; do kill -0 $pid 2>/dev/null || { fail "known-count $*"; return 1; }; sleep 0.02; done
}
go()
{
	kill -USR1 $pid
	wait $pid || fail "process $pid: status $?"
}

# By process and by name, of a partition, writes alone; beside it another process there, its reads, and its writes elsewhere.
of_a_task_on_a_partition()
{
	local nvme=$LAB_DISK_NVME name=${LAB_DISK_NVME#/dev/} part writes opts
	part=${nvme}p1
	addpart $nvme 1 2048 65536 || return
	if $iopath trace --tier block --dev $part --duration 1ms 2>&1 | grep -q "does not tell partitions apart"; then
		delpart $nvme 1
		skip "a partition alone: not on this kernel"
		return
	fi
	for opts in --pid --comm; do
		waiting $part --direct --op randrw --count 211 || break
		case $opts in --pid) opts+=" $pid" ;; *) opts+=" known-count" ;; esac
		trace_opts="--tier full --dev $part --op write $opts"
		start part || break
		go
		writes=$(jq '.ops[] | select(.op == "write") | .count' $tmp/known.out)
		dd if=/dev/zero of=$part bs=4k count=71 oflag=direct 2>/dev/null
		known $nvme --op write --count 101 --offset 64M
		stop part
		at_least "writes" $writes 50
		passes part "$name write $writes" "write syscall $writes"
	done
	delpart $nvme 1
}

# in_cgroup DIR CMD…
in_cgroup() { (echo $BASHPID >$1/cgroup.procs && exec "${@:2}") >/dev/null 2>&1 || fail "${*:2}"; }

# of_cgroups DIR: two below it, one of them deep in the other that is asked for; and what io_uring's workers do for it
of_cgroups()
{
	mkdir -p $1/asked/deep $1/other || return
	trace_opts="--tier full --dev $dev --cgroup $1/asked --op read"
	start cg || return
	in_cgroup $1/asked $tmp/known-count --target $dev --direct --count 53
	in_cgroup $1/asked/deep $tmp/known-count --target $dev --direct --engine io_uring_punt --count 59
	in_cgroup $1/asked $tmp/known-count --target $dev --direct --op write --count 61
	in_cgroup $1/other $tmp/known-count --target $dev --direct --count 67
	known $dev --count 71
	stop cg
	passes cg "$disk read 112" "read syscall 53" "read io_uring 59"
	rmdir $1/asked/deep $1/asked $1/other
}

of_a_cgroup_by_path()
{
	local v1=$tmp/v1 status
	null t0 && of_cgroups /sys/fs/cgroup/truth-asked || return
	rmdir /sys/fs/cgroup/truth-asked
	mkdir -p $v1
	mount -t cgroup -o freezer none $v1 || { skip "no freezer of cgroup v1"; return; }
	of_cgroups $v1
	status=$?
	umount $v1
	return $status
}

# late MS: the level that delays, and lies on the disk named first, from now on
late()
{
	dmsetup suspend truth-late && dmsetup reload truth-late --table "0 $(blockdev --getsz /dev/mapper/truth-late) delay $dev 0 $1"
	dmsetup resume truth-late
}

# Of a file, and of a directory: slow reads alone. The quick ones are of the cache; another file is as slow, and so are writes.
the_slow_reads_of_a_file()
{
	local opts
	null t0 memory_backed=1 || return
	modprobe dm_delay 2>/dev/null
	mapped truth-late "0 $(blockdev --getsz $dev) delay $dev 0 0" || { skip "no dm-delay"; return; }
	filled /dev/$dm && mkdir $mnt/in && cp $mnt/f $mnt/in/f && sync -f $mnt/f || return
	for opts in "--file $mnt/in/f" "--dir $mnt/in"; do
		trace_opts="--tier full --dev /dev/$dm $opts --op read --min-lat 1s --threshold 1s"
		start late || break
		late 2000
		# asked for together, so that they take as long as one
		known $mnt/in/f --count 7 --engine libaio --depth 7 --batch 7
		known $mnt/f --count 11 --engine libaio --depth 11 --batch 11
		known $mnt/in/f --op write --count 5 --engine libaio --depth 5 --batch 5
		late 0
		cat $mnt/in/f >$tmp/copy
		stop late
		passes late "$dm read 7" "read libaio 7"
		same "$opts: records of them" "$(told late ".kind == \"read\" and .path == \"$mnt/in/f\"")" 7
		at_least "$opts: quick ones, left out" "$(covered late operations.too_short)" 100
	done
	umount $mnt
	dmsetup remove truth-late
	rm -f $tmp/copy
}

# A file on a level on a disk: of all these devices, and of the file alone.
of_a_file_on_a_stack()
{
	local name=${LAB_DISK_NVME#/dev/}
	mapped truth-stack "0 262144 linear $LAB_DISK_NVME 0" && filled /dev/$dm || return
	cp $mnt/f $mnt/g && sync -f $mnt/g
	trace_opts="--tier full --dev-stack /dev/$dm --file $mnt/f --op read"
	start stack || { umount $mnt; dmsetup remove truth-stack; return 1; }
	known $mnt/f --count 37
	known $mnt/g --count 41
	known $mnt/f --op write --count 43
	known /dev/$dm --count 47
	known $LAB_DISK_NVME --count 53 --offset 256M
	stop stack
	umount $mnt
	dmsetup remove truth-stack
	passes stack "$dm read 37" "$name read 37" "read syscall 37"
}

# What others do for a process is its own: io_uring's workers and polling thread, of one file of two.
of_a_ring_in_a_file()
{
	local engine
	null t0 memory_backed=1 && filled $dev && cp $mnt/f $mnt/g && sync -f $mnt/g || return
	for engine in io_uring_punt sqpoll; do
		waiting $mnt/f --direct --engine $engine --depth 4 --count 83 || break
		trace_opts="--tier full --dev $dev --file $mnt/f --pid $pid --op read"
		start ring || break
		go
		known $mnt/f --engine $engine --count 89
		known $mnt/g --engine $engine --count 97
		stop ring
		passes ring "$disk read 83" "read io_uring 83"
	done
	# in a thread of the kernel's, later, what the process made dirty of that file; not what it made so of another
	waiting $mnt/f --op write --contiguous --count 101 || return
	trace_opts="--tier full --dev $dev --dir $mnt --pid $pid --op write --threshold 1ns"
	start back || { umount $mnt; return 1; }
	go
	$tmp/known-count --target $mnt/g --op write --contiguous --count 103 >/dev/null
	sync -f $mnt/f
	stop back
	umount $mnt
	same "calls" "$(sum back '[.operations[] | select(.count > 0) | "\(.kind) \(.via) \(.count)"] | join(" ")')" "write syscall 101"
	same "bytes written back for it" "$(sum back '[.devices[].ops[] | select(.count > 0) | "\(.op) \(.bytes)"] | join(" ")')" "write $((101 * 4096))"
	same "whose, and of which file" "$(said back '.level == "request"' '\(.pid) \(.comm) \(.submitter.comm | sub("/.*"; "")) \(.path)')" \
		"$pid known-count kworker $mnt/f"
	none_lost back
}

# refused STATUS TEXT ARGUMENT…: in one line, at once
refused()
{
	timeout 60 $iopath trace --duration 1s "${@:3}" >$tmp/no.out 2>$tmp/no.err
	same "${*:3}: status" $? $1
	same "${*:3}: lines" "$(wc -l <$tmp/no.err)" 1
	grep -qF -- "$2" $tmp/no.err || fail "${*:3}: $(cat $tmp/no.err), wanted: $2"
	[ ! -s $tmp/no.out ] || fail "${*:3}: it told something"
}

# What cannot be done is refused before anything is traced: more of a sort than there is room for, and what has no controller.
filters_have_limits()
{
	local v1=$tmp/v1 i cgroups=() files=() dirs=()
	mkdir -p $v1
	mount -t cgroup -o none,name=truth none $v1 || return
	mkdir -p $v1/in
	refused 2 "$v1/in: its hierarchy has no controller" --cgroup $v1/in
	rmdir $v1/in
	umount $v1
	for ((i = 0; i < 9; i++)); do
		mkdir -p /sys/fs/cgroup/truth-$i
		cgroups+=(--cgroup "/sys/fs/cgroup/truth-$i")
	done
	refused 2 "--cgroup: more than 8 cgroups" "${cgroups[@]}"
	rmdir /sys/fs/cgroup/truth-[0-8]
	for ((i = 0; i < 17; i++)); do
		: >$tmp/limit-$i
		mkdir -p $tmp/limits/$i
		files+=(--file "$tmp/limit-$i")
		dirs+=(--dir "$tmp/limits/$i")
	done
	refused 2 "--file $tmp/limit-16: more than 16 of them" "${files[@]}"
	refused 2 "--dir $tmp/limits/16: more than 16 of them" "${dirs[@]}"
	rm -r $tmp/limit-* $tmp/limits
	null t0 || return
	for ((i = 1; i <= 64; i++)); do
		addpart $dev $i $((2048 * i)) 2048 || { fail "partition $i"; break; }
	done
	refused 2 "--dev $dev: more than 64 devices" --dev $dev
	refused 2 "--dev-stack $dev: more than 64 devices" --dev-stack $dev
	for ((i = 1; i <= 64; i++)); do delpart $dev $i; done
}

# alone NAME OP: the trace that is asked for, of what `all_kinds` does
alone()
{
	trace_opts="--tier full --dev $dev --dev $LAB_DISK_NVME --op $1"
	start $1 || return
	all_kinds
	stop $1
	none_lost $1
}

# 7 of each eleventh of pages; 5; a megabyte; a read, a write and two fsyncs that are nobody's
all_kinds()
{
	local i
	$tmp/known-count --target $mnt/f --engine mmap --op write --count 77 --fsync-every 11 >/dev/null
	for ((i = 1; i <= 5; i++)); do fallocate -o ${i}M -l 1M $mnt/space$i; done
	blkdiscard --zeroout --length 1048576 $LAB_DISK_NVME
	known $LAB_DISK_NVME --op write --count 13 --fsync-every 13
	known $LAB_DISK_NVME --count 17
}

# Each by itself, of a run that has them all.
rare_kinds_can_be_asked_for()
{
	local nvme=${LAB_DISK_NVME#/dev/} before after
	null t0 memory_backed=1 && filled $dev || return
	alone msync
	same "msync: operations" "$(sum msync '[.operations[] | select(.count > 0) | "\(.kind) \(.via) \(.count)"] | join(" ")')" "msync syscall 7"
	rm -f $mnt/space*
	alone fallocate
	# util-linux has an fsync of its own in it
	same "fallocate: operations" "$(sum fallocate '[.operations[] | select(.count > 0) | "\(.kind) \(.via) \(.count)"] | join(" ")')" "fallocate syscall 5"
	rm -f $mnt/space*
	read -ra before </sys/block/$nvme/stat
	alone write_zeroes
	umount $mnt
	same "write_zeroes: operations" "$(sum write_zeroes '[.operations[] | select(.count > 0)] | length')" 0
	same "write_zeroes: bytes of the requests" "$(sum write_zeroes '[.devices[].ops[] | select(.count > 0) | "\(.op) \(.bytes)"] | join(" ")')" \
		"write_zeroes 1048576"
}

# The command of a queue, of which the calls are nobody's business; and what has no other name, as resetting a zone.
what_no_call_names_can_be_asked_for()
{
	null t0 memory_backed=1 cache_size=16 || return
	trace_opts="--tier full --dev $dev --op flush_command"
	start command || return
	known $dev --op write --count 77 --fsync-every 11
	stop command
	passes command "$disk flush_command 7"
	null t0 zoned=1 zone_size=64 2>/dev/null || { null t0; skip "no zones"; return; }
	trace_opts="--tier full --dev $dev --op other"
	start other || return
	known $dev --op write --contiguous --count 5
	blkzone reset --offset 0 --count 3 $dev || fail "blkzone"
	known $dev --count 7
	stop other
	passes other "$disk other 3"
}

filters="of_a_task_on_a_partition of_a_cgroup_by_path the_slow_reads_of_a_file of_a_file_on_a_stack of_a_ring_in_a_file filters_have_limits
	rare_kinds_can_be_asked_for what_no_call_names_can_be_asked_for"
