# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2086,SC2154
# Too little room (--room) for a load of known counts, in real time: what is counted and what is counted as lost make
# it up, and nothing else is said of it.

# reads_with ROOM [SCHEDULER]: 1000 reads by io_uring, then 1000 by libaio, 64 at a time, of a disk that takes its time
reads_with()
{
	local engine
	null t0 completion_nsec=50000000 && echo ${2:-none} >/sys/block/$disk/queue/scheduler || return
	trace_opts="--tier full --dev $dev --threshold 1ns --room $1"
	start room || return
	for engine in io_uring libaio; do
		fio_on $dev --number_ios=1000 --iodepth=64 --ioengine=$engine >$tmp/room.out
	done
	stop room
	same "records whose stages do not sum to the total" "$(covered room lost.uneven)" 0
	same "percentiles are doubtful" "$(sum room .coverage.percentiles_doubtful)" true
}

# Slots of operations are claimed for calls on other files too.
room_for_operations()
{
	local via n=0
	reads_with operations=8 || return
	at_least "reads that found no room" "$(covered room lost.map_full)" 1
	for via in io_uring libaio; do
		at_least "$via: no more reads than were done" 1000 "$(operations room read $via count)"
		n=$((n + $(operations room read $via count)))
	done
	at_least "those counted and those lost" $((n + $(covered room lost.map_full))) 2000
	same "requests" "$(requests room $disk read count)" 2000
	same "bytes of the requests" "$(requests room $disk read bytes)" $((2000 * 4096))
	same "reads told" "$(jq -s 'map(select(.type == "slow" and .kind == "read" and .level == "operation")) | length' $tmp/room.json)" $n
}

# Where the kernel's own stamps serve, a request is known without its bio.
room_for_bios()
{
	reads_with bios=8 || return
	at_least "bios that found no room" "$(covered room lost.bio_map_full)" 1
	same "requests, and those whose begin is unseen" $(($(requests room $disk read count) + $(covered room lost.no_start))) 2000
	same "begun before" "$(covered room begun_before)" 0
	same "bytes of the requests" "$(requests room $disk read bytes)" $((4096 * $(requests room $disk read count)))
	same "reads by io_uring" "$(operations room read io_uring count)" 1000
	same "reads by libaio, and those whose end is unseen" $(($(operations room read libaio count) + $(covered room lost.no_op_end))) 1000
	same "operations in flight" "$(covered room operations.in_flight)" 0
}

# Of a request whose issue found no room the total is known, and no stage. Without a scheduler, none needs room where
# the kernel stamps the issue.
room_for_requests()
{
	reads_with requests=8 mq-deadline || return
	at_least "requests that found no room" "$(covered room lost.bio_map_full)" 1
	same "reads" $(($(operations room read io_uring count) + $(operations room read libaio count))) 2000
	same "requests" "$(requests room $disk read stages.total.count)" 2000
	same "requests with a device's time, and with that before it" \
		"$(requests room $disk read stages.device.count)" "$(requests room $disk read stages.g2i.count)"
}

# Each read has eight bios, which come before it.
room_for_records()
{
	null t0 completion_nsec=1000 || return
	echo 64 >/sys/block/$disk/queue/max_sectors_kb || return
	trace_opts="--tier full --dev $dev --sample 1/1 --room ring=4096"
	start ring || return
	fio_on $dev --number_ios=100 --bs=512k --ioengine=io_uring --iodepth=8 >$tmp/ring.out
	# the reader stands still
	kill -STOP $tracer
	fio_on $dev --number_ios=400 --io_size=200m --bs=512k --ioengine=io_uring --iodepth=8 >$tmp/ring.out
	kill -CONT $tracer
	stop ring
	at_least "records that found no room" "$(covered ring lost.ring_full)" 1
	at_least "bios of records that found none" "$(covered ring lost.part_ring_full)" 1
	same "records and those lost" $(($(grep -c '"type":"sample"' $tmp/ring.json) + $(covered ring lost.ring_full))) 500
	same "reads" "$(operations ring read io_uring count)" 500
	same "requests" "$(requests ring $disk read count)" 4000
	same "what records tell of their bios" "$(jq -r 'select(.type == "sample") | "\(.bios) \(.bios == (.tree | length) + .bios_untold)"' \
		$tmp/ring.json | sort -u)" "8 true"
	same "other losses" $(($(lost ring) - $(covered ring lost.ring_full) - $(covered ring lost.part_ring_full))) 0
}

# One process after the other, each reads once; a place is free when the kernel has let go of the process that had it.
room_for_processes()
{
	null t0 || return
	trace_opts="--tier full --dev $dev --room processes=2"
	traced room $tmp/truth-load forks $dev 53 || return
	at_least "processes that were not followed" "$(covered room lost.tree_full)" 1
	same "reads, and processes that were not followed" $(($(operations room read syscall count) + $(covered room lost.tree_full))) 53
	same "percentiles are doubtful" "$(sum room .coverage.percentiles_doubtful)" true
}

# Stacks of reads and of writes.
room_for_stacks()
{
	null t0 || return
	trace_opts="--tier block --dev $dev --stacks --room stacks=1"
	start stacks || return
	fio_on $dev --number_ios=211 >$tmp/stacks.out
	fio_on $dev --number_ios=211 --rw=randwrite --ioengine=io_uring --iodepth=4 >$tmp/stacks.out
	stop stacks
	same "most stacks" "$(sum stacks .stacks.max_stacks)" 1
	same "rows" "$(sum stacks '.stacks.rows | length')" 1
	at_least "bios that found no room" "$(sum stacks .stacks.lost.full)" 1
	same "bios of stacks, and those" "$(sum stacks '([.stacks.rows[].count] | add) + .stacks.lost.full')" 422
	same "requests" $(($(requests stacks $disk read count) + $(requests stacks $disk write count))) 422
}

# Files are written, then written back: of some it is not known who wrote them. Nothing else changes.
room_for_dirty_files()
{
	local f known
	# a request is told by one file: those of several must not be merged
	null t0 memory_backed=1 && filled $dev && echo 2 >/sys/block/$disk/queue/nomerges || return
	trace_opts="--tier full --dev $dev --threshold 1ns --room dirty-files=1"
	start dirty || { umount $mnt; return 1; }
	for f in $(seq 300); do echo $f >$mnt/$f; done
	sync -f $mnt
	stop dirty
	umount $mnt
	same "files written back" "$(jq -s '[.[] | select(.type == "slow" and .level == "request" and .kind == "write") | .path // empty |
		select(test("/[0-9]+$"))] | unique | length' $tmp/dirty.json)" 300
	known=$(jq -s '[.[] | select(.type == "slow" and .level == "request" and .path and .comm == "bash")] | length' $tmp/dirty.json)
	at_least "not told to be the writer's: of 300, those that are" 299 "$known"
	none_lost dirty
}

# Small writes in a row, while the disk is busy with one: the scheduler puts them into few requests.
a_long_request_is_told()
{
	local on=$LAB_DISK_SCSI_DEBUG name=${LAB_DISK_SCSI_DEBUG#/dev/} was
	was=$(cat /sys/block/$name/queue/scheduler)
	echo mq-deadline >/sys/block/$name/queue/scheduler && echo 1000 >/sys/block/$name/queue/nr_requests || return
	echo 1 >/sys/block/$name/device/queue_depth
	trace_opts="--tier full --dev $on"
	start long || return
	fio_on $on --rw=write --bs=512 --size=1m --ioengine=libaio --iodepth=1024 --iodepth_batch=1024 >$tmp/long.out
	stop long
	was=${was#*[}
	echo ${was%]*} >/sys/block/$name/queue/scheduler
	same "writes" $(($(operations long write libaio count) + $(covered long lost.no_op_end) + $(covered long operations.in_flight))) 2048
	same "bytes of the requests" "$(requests long $name write bytes)" $((1 << 20))
	at_least "long requests" "$(covered long lost.chain_long)" 1
}

# kyber has the kernel stamp when a request is issued; without it, nothing does.
stamps_that_cease()
{
	local q
	null t0 completion_nsec=2000000 || return
	q=/sys/block/$disk/queue
	echo kyber >$q/scheduler || return
	trace_opts="--tier full --dev $dev"
	start cease || return
	fio_on $dev --number_ios=53 >$tmp/cease.out
	echo mq-deadline >$q/scheduler
	fio_on $dev --number_ios=61 >$tmp/cease.out
	stop cease
	echo none >$q/scheduler
	same "requests" "$(requests cease $disk read count)" 114
	same "reads" "$(operations cease read syscall count)" 114
	same "with a device's time, and unstamped" $(($(requests cease $disk read stages.device.count) + $(covered cease lost.unstamped))) 114
	same "device's times of more than a second" "$(sum cease "[.devices[].ops[] | select(.stages.device.max_ns > 1000000000)] | length")" 0
}

room="room_for_operations room_for_bios room_for_requests room_for_records room_for_processes room_for_stacks room_for_dirty_files
	a_long_request_is_told stamps_that_cease"
