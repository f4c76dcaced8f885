# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Anomalies by the limits as they are: told when there is one, of whom, with its evidence, and not before.

# of NAME TAG FILTER: of each anomaly of that tag
of() { jq -r "select(.type == \"anomaly\" and .tag == \"$2\") | $3" $tmp/$1.json; }

reads_of() { local reads rest; read -r reads rest </sys/block/$1/stat; echo "$reads"; }

# A process that is used to quick reads meets slow ones.
latency_spike_is_told()
{
	local ndelay=/sys/bus/pseudo/drivers/scsi_debug/ndelay name=${LAB_DISK_SCSI_DEBUG##*/} quiet spiked before
	trace_opts="--dev $LAB_DISK_SCSI_DEBUG --anomalies --anomaly-window 500ms"
	start spike || return
	before=$(reads_of $name)
	fio_on $LAB_DISK_SCSI_DEBUG --size=100m --rate_iops=80 --time_based --runtime=8 >$tmp/spike.out &
	spiked=$!
	# five seconds of its own: how long it takes to begin is the machine's affair
	while (($(reads_of $name) - before < 400)) && kill -0 $spiked; do sleep 0.1; done
	quiet=$(sum_now spike LATENCY_SPIKE)
	echo 10000000 >$ndelay
	wait $spiked
	echo 20000 >$ndelay
	stop spike
	same "spikes before there was one" "$quiet" 0
	at_least "spikes" "$(sum spike .anomalies.LATENCY_SPIKE)" 1
	same "whose" "$(of spike LATENCY_SPIKE .subject.comm | sort -u)" fio
	at_least "ns now" "$(of spike LATENCY_SPIKE .values.p99_below_ns | head -n 1)" 10000000
	at_least "ns more than it is used to" \
		"$(of spike LATENCY_SPIKE '.values | .p99_below_ns - .used_to_ns' | head -n 1)" 8000000
	same "others" "$(sum spike '.anomalies | del(.LATENCY_SPIKE) | add')" 0
}

# sum_now NAME TAG: told so far, by a tracer that runs
sum_now() { grep -c "\"tag\":\"$2\"" $tmp/$1.json; }

throttled_writers_are_told()
{
	local quiet
	null t0 memory_backed=1 hw_queue_depth=1 completion_nsec=10000000 || return
	slow_ext4 || return
	trace_opts="--dev $dev --anomalies --anomaly-window 500ms"
	start thr || return
	fio_on $tmp/mnt/f --rw=write --bs=64k --direct=0 --size=8m --fallocate=none >$tmp/thr.out
	sync
	sleep 1
	quiet=$(sum_now thr WRITEBACK_THROTTLED)
	dirty_limits
	fio_on $tmp/mnt/f --rw=write --bs=64k --direct=0 --size=16m --fallocate=none >$tmp/thr.out
	no_dirty_limits
	umount $tmp/mnt
	stop thr
	same "before there was a limit" "$quiet" 0
	at_least "throttled" "$(sum thr .anomalies.WRITEBACK_THROTTLED)" 1
	at_least "ns" "$(of thr WRITEBACK_THROTTLED .values.throttled_ns | head -n 1)" 10000000
	at_least "of the writers' time, %" "$(of thr WRITEBACK_THROTTLED '.values.throttled_share * 100 | floor' | head -n 1)" 20
	same "of what" "$(of thr WRITEBACK_THROTTLED .subject.kind | sort -u)" system
}

# told_of NAME TAG [DISK [TAG]]: since $quiet was counted, of that disk or of whom it may be, and nothing else but a second one
told_of()
{
	same "before there was one" "$quiet" 0
	at_least "$2" "$(sum $1 .anomalies.$2)" 1
	[ -z "${3:-}" ] || same "whose" "$(of $1 $2 .subject.name | sort -u)" $3
	same "others" "$(sum $1 ".anomalies | del(.$2, .${4:-$2}) | to_entries | map(select(.value > 0) | \"\\(.value) \\(.key)\") | join(\" \")")" ""
	whole $1
}

# Of four tags, which four tasks can share and eight cannot.
tag_starvation_is_told()
{
	local quiet
	null t0 hw_queue_depth=4 completion_nsec=3000000 || return
	trace_opts="--tier block --dev $dev --anomalies --anomaly-window 500ms"
	start tag || return
	fio_on $dev --number_ios=250 --numjobs=4 >/dev/null
	sleep 1
	quiet=$(sum_now tag TAG_STARVED)
	fio_on $dev --number_ios=400 --numjobs=8 >$tmp/tag.out
	stop tag
	told_of tag TAG_STARVED $disk HIGH_LATENCY
	# tags are not given to who has waited longest (6.1)
	[ "$(sum tag .anomalies.HIGH_LATENCY)" = 0 ] || at_least "fio's own longest, ns" "$(jq '[.jobs[].read.clat_ns.max] | max' $tmp/tag.out)" 100000000
	same "tags" "$(of tag TAG_STARVED .values.tags | sort -u)" 4
}

# The same wait, in the scheduler's queue.
a_bound_queue_is_told()
{
	local quiet
	null t0 hw_queue_depth=4 completion_nsec=2000000 || return
	echo mq-deadline >/sys/block/$disk/queue/scheduler && echo 64 >/sys/block/$disk/queue/nr_requests || return
	[ ! -e /sys/block/$disk/queue/iosched/async_depth ] || echo 64 >/sys/block/$disk/queue/iosched/async_depth
	trace_opts="--tier block --dev $dev --anomalies --anomaly-window 500ms"
	start bound || return
	fio_on $dev --number_ios=300 --numjobs=4 >/dev/null
	sleep 1
	quiet=$(sum_now bound QUEUE_BOUND)
	fio_on $dev --number_ios=200 --numjobs=16 >/dev/null
	stop bound
	told_of bound QUEUE_BOUND $disk
}

# Two that are asked for together, one of which does all.
imbalance_is_told()
{
	local quiet busy
	null t0 || return
	busy=$disk
	trace_opts="--tier block --dev $dev --dev $slow --anomalies --anomaly-window 10s"
	start one || return
	# by turns, so that no window ends between them; that is switching, too
	fio_on $dev:$slow --file_service_type=roundrobin --number_ios=400 >/dev/null
	sleep 12
	quiet=$(sum_now one DEVICE_IMBALANCE)
	fio_on $dev --number_ios=2000 >/dev/null
	stop one
	told_of one DEVICE_IMBALANCE $busy DEVICE_SWITCHING
	at_least "DEVICE_SWITCHING" "$(sum one .anomalies.DEVICE_SWITCHING)" 1
}

high_latency_is_told()
{
	local quiet
	null t0 completion_nsec=90000000 || return
	trace_opts="--dev $dev --anomalies"
	start high || return
	fio_on $dev --number_ios=5 >/dev/null
	sleep 1
	quiet=$(sum_now high HIGH_LATENCY)
	null t0 completion_nsec=110000000 || return
	fio_on $dev --number_ios=5 >/dev/null
	stop high
	told_of high HIGH_LATENCY
	# who makes the disk anew looks for its partitions
	same "whose" "$(of high HIGH_LATENCY .subject.comm | grep -vx bash | sort -u)" fio
}

# evidence NAME TAG VALUE FILTER WANT: of all that was told of fio or dd, a number of the evidence
evidence() { same "$2: $3" "$(jq -sc "map(select(.type == \"anomaly\" and .tag == \"$2\") | .values.$3) | $4" $tmp/$1.json)" "$5"; }

# As large as the limit is not larger.
outsized_io_is_told()
{
	local quiet
	null t0 || return
	trace_opts="--dev $dev --anomalies --anomaly-window 2s"
	start size || return
	dd if=$dev of=/dev/null bs=8M count=5 iflag=direct 2>/dev/null
	sleep 3
	quiet=$(sum_now size OUTSIZED_IO)
	dd if=$dev of=/dev/null bs=16M count=3 iflag=direct 2>/dev/null
	stop size
	told_of size OUTSIZED_IO
	same "whose" "$(of size OUTSIZED_IO .subject.comm | sort -u)" dd
	evidence size OUTSIZED_IO max_bytes unique '[16777216]'
	evidence size OUTSIZED_IO mean_bytes unique '[16777216]'
	evidence size OUTSIZED_IO ios add 3
}

# Each of its bios is for the other disk than the one before was; then each fourth of them.
device_switching_is_told()
{
	local quiet
	null t0 || return
	trace_opts="--tier block --dev $dev --dev $slow --anomalies --anomaly-window 10s"
	start turns || return
	fio_on $dev:$slow --file_service_type=roundrobin:4 --number_ios=400 >/dev/null
	sleep 12
	# as often as can be, but too few to be judged
	fio_on $dev:$slow --file_service_type=roundrobin --number_ios=90 >/dev/null
	sleep 12
	quiet=$(sum_now turns DEVICE_SWITCHING)
	fio_on $dev:$slow --file_service_type=roundrobin --number_ios=400 >/dev/null
	stop turns
	told_of turns DEVICE_SWITCHING
	same "whose" "$(of turns DEVICE_SWITCHING .subject.comm | sort -u)" fio
	evidence turns DEVICE_SWITCHING bios add 400
	evidence turns DEVICE_SWITCHING switches add 399
}

anomalies="tag_starvation_is_told a_bound_queue_is_told imbalance_is_told high_latency_is_told
	latency_spike_is_told throttled_writers_are_told outsized_io_is_told device_switching_is_told"
