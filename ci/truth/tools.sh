# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2086,SC2154,SC2207
# What other tools say of the very same run: blktrace with btt, fio, the disk's own counters, strace.

# near WHAT GOT WANT [SLACK_NS]: within 2 % + 20 us, or another slack
near()
{
	awk -v g=$2 -v w=$3 -v slack=${4:-20000} 'BEGIN { d = g - w; if (d < 0) d = -d; exit !(d <= w * 0.02 + slack) }' ||
		fail "$1: $2 ns, wanted $3"
}

# agrees_with_btt NAME OP SLACK_NS STAGES FIO_ARGUMENT…: of the very same run on $dev. Sets $btt_NAME_Q2G and so on: btt's means, ns.
# With one tracer, behind blktrace: at a hook the second is late by what the first does there, which is not the same at each hook.
agrees_with_btt()
{
	local of=$1 op=$2 slack=$3 stages=$4 prime=${prime:-0} name stage n avg trace_opts="--tier full --dev $dev"
	shift 4
	unshare
	rm -f $tmp/btt.*
	(cd $tmp && exec blktrace -d $dev -o btt >btt.log 2>&1) &
	local blktrace=$!
	until [ "$(cat /sys/block/$disk/trace/enable)" = 1 ]; do sleep 0.1; done
	start btt || return
	# as much of the same as makes the tracer attach what it needs for it
	[ $prime = 0 ] || { fio_on $dev "$@" --number_ios=$prime >$tmp/btt.out && sleep 0.5; } || fail "$of: fio"
	fio_on $dev "$@" >$tmp/btt.out || fail "$of: fio"
	stop btt
	kill -INT $blktrace
	wait $blktrace
	(cd $tmp && blkparse -q -i btt -d btt.bin -O && btt -i btt.bin -o btt) >/dev/null 2>&1 || fail "$of: blkparse or btt"
	for name in $stages; do
		case $name in D2C) stage=device ;; *) stage=${name,,} ;; esac
		read -r n avg < <(awk -v s=$name '$1 == s && NF == 5 { printf "%d %.0f\n", $5, $3 * 1e9; exit }' $tmp/btt.avg)
		same "$of, $name: number" "$(requests btt $disk $op stages.$stage.count)" "${n:-none}"
		near "$of, $name: mean" "$(requests btt $disk $op stages.$stage.mean_ns)" "${avg:-0}" $slack
		printf -v "btt_$of"_$name '%s' "${avg:-0}"
	done
	whole btt
}

btt_agrees()
{
	null t0 hw_queue_depth=1 completion_nsec=1000000 || return
	echo mq-deadline >/sys/block/$disk/queue/scheduler || return
	echo 16 >/sys/block/$disk/queue/nr_requests
	agrees_with_btt scheduler write 20000 "Q2G G2I I2D D2C" --number_ios=50 --rw=randwrite --numjobs=4
}

# The stages that are short there: four tasks that wait for one tag, and what a plug holds back.
btt_agrees_on_tags_and_plugs()
{
	null t0 hw_queue_depth=1 completion_nsec=1000000 || return
	# nothing is inserted where there is no scheduler
	agrees_with_btt tags read 1000 "Q2G D2C" --number_ios=50 --numjobs=4
	at_least "Q2G by btt, ns" "$btt_tags_Q2G" 1000000
	# long enough that none ends while others are being issued: an interrupt would come where blktrace lets it, behind its own stamp
	null t0 completion_nsec=200000 || return
	echo mq-deadline >/sys/block/$disk/queue/scheduler || return
	prime=16 agrees_with_btt plug read 1000 "Q2G G2I I2D D2C" --number_ios=320 --bs=64k --ioengine=io_uring --iodepth=16 --iodepth_batch=16 \
		--iodepth_batch_complete_min=16
	at_least "G2I by btt, ns" "$btt_plug_G2I" 50000
}

# A plug has requests ahead, which are older than their bios. Once it was seen to, Q2G is told of all: of those
# that have no operation, of those with one, and of those with an owner. Another disk's stay left out.
what_a_plug_has_ahead_is_known()
{
	local n ios other of told rw uring="--ioengine=io_uring --iodepth=16 --iodepth_batch=16 --iodepth_batch_complete_min=16"
	for n in all dev vfs owner merged; do
		null t2 completion_nsec=200000 || return
		other=$dev of=$disk
		null t0 completion_nsec=200000 || return
		rw=''
		case $n in
		all) trace_opts="--tier block" ;;
		dev) trace_opts="--tier block --dev $dev" ;;
		vfs | merged) trace_opts="--tier vfs --dev $dev" ;;
		owner) trace_opts="--tier block --comm fio --dev $dev" ;;
		esac
		# two neighbours become one request
		[ $n != merged ] || { rw=--rw=read && echo 8 >/sys/block/$disk/queue/max_sectors_kb; } || return
		start $n || return
		for ios in 16 320; do
			{ fio_on $other --number_ios=$ios $uring && fio_on $dev --number_ios=$ios $uring $rw; } >$tmp/$n.out ||
				fail "$n: fio: $(tail -n 1 $tmp/$n.out)"
			sleep 0.5
		done
		stop $n
		told=$(requests $n $disk read count)
		same "$n: reads" $((told + $(requests $n $disk read merged_bios))) 336
		same "$n: reads with Q2G" "$(requests $n $disk read stages.q2g.count)" $told
		[ $n = all ] || same "$n: reads of the other disk" "$(requests $n $of read count)" 0
		at_least "$n: mean of Q2G, ns" "$(requests $n $disk read stages.q2g.mean_ns)" 100
		case $(uname -r) in
		6.1.*)
			at_least "$n: seen to be ahead" "$(covered $n allocated_ahead)" 1
			at_least "$n: of the first 32, Q2G told" "$((32 - $(covered $n allocated_ahead)))" 0
			;;
		*) same "$n: ahead" "$(covered $n allocated_ahead)" 0 ;;
		esac
		whole $n
	done
}

# Rows of disks run out: what finds none is counted, and nothing else is.
more_disks_than_rows()
{
	local n told disks=110
	trace_opts="--tier block"
	start many || return
	for ((n = 0; n < disks; n++)); do
		null many$n || return
		dd if=$dev of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || fail "many$n"
	done
	stop many
	rmdir /sys/kernel/config/nullb/many*
	told=$(sum many '[.devices[].ops[] | select(.op == "read") | .count] | add')
	same "rows" "$(sum many '[.devices[].ops[]] | length')" 96
	at_least "reads that found no row" "$(covered many lost.device_full)" $((disks - 96))
	at_least "reads, with those" $((told + $(covered many lost.device_full))) $disks
	none_lost many device_full
}

# Of 14 disks in 110 that find no row all is lost: more than one in a hundred, unless one of the others does much more.
percentiles_are_doubted()
{
	local reads n disks=110 lost whole head
	for reads in 1 12000; do
		rm -f $tmp/doubt.err
		$iopath trace --tier block --interval 0 -o $tmp/doubt.txt >/dev/null 2>$tmp/doubt.err &
		tracer=$!
		until_ready doubt $tracer || return
		for ((n = 0; n < disks; n++)); do
			null many$n || break
			dd if=$dev of=/dev/null bs=4k count=$((n ? 1 : reads)) iflag=direct 2>/dev/null || fail "many$n"
		done
		kill -INT $tracer
		wait $tracer || fail "$(tail -n 1 $tmp/doubt.err)"
		rmdir /sys/kernel/config/nullb/many*
		head=$(grep -o 'p99[?]*' $tmp/doubt.txt | sort -u)
		whole=$(sed -nE 's/.*at least:  requests ([0-9]+).*/\1/p' $tmp/doubt.txt)
		case $reads in
		1)
			same "the column, with $whole %" "$head" 'p99?'
			[ ${whole:-100} -lt 99 ] || fail "$whole % are whole, wanted less"
			grep -q 'below 99%, so percentiles are doubtful' $tmp/doubt.txt || fail "the report does not say why"
			;;
		*)
			same "the column, with $whole %" "$head" p99
			at_least "whole, %" "$whole" 99
			! grep -q doubtful $tmp/doubt.txt || fail "the report doubts them"
			grep -q 'requests of devices beyond the table' $tmp/doubt.txt || fail "what was lost is not told"
			;;
		esac
	done
}

# The parts of a bio that a filter left out are left out.
a_split_elsewhere_is_left_out()
{
	local n other of
	for n in block full; do
		null t2 || return
		other=$dev of=$disk
		echo 4 >/sys/block/$of/queue/max_sectors_kb || return
		null t0 || return
		trace_opts="--tier $n --dev $dev"
		start $n || return
		{ fio_on $other --number_ios=50 --bs=64k && fio_on $dev --number_ios=50; } >$tmp/$n.out || fail "$n: fio"
		stop $n
		same "$n: reads of the disk" "$(requests $n $disk read count)" 50
		same "$n: reads of the other" "$(requests $n $of read count)" 0
		whole $n
	done
}

fio_and_the_disk_agree()
{
	local before after total
	null t0 || return
	before=($(cat /sys/block/$disk/stat))
	fio_traced fio $dev --number_ios=499 --rw=randrw
	after=($(cat /sys/block/$disk/stat))
	same "reads by fio" "$(operations fio read syscall count)" "$(fio_count fio read)"
	same "writes by fio" "$(operations fio write syscall count)" "$(fio_count fio write)"
	same "reads by the disk" "$(requests fio $disk read count)" $((after[0] - before[0]))
	same "writes by the disk" "$(requests fio $disk write count)" $((after[4] - before[4]))
	same "bytes read by the disk" "$(requests fio $disk read bytes)" $(((after[2] - before[2]) * 512))
	same "bytes written by the disk" "$(requests fio $disk write bytes)" $(((after[6] - before[6]) * 512))
	total=$(operations fio read syscall stages.total.mean_ns)
	# fio's clock is read before the call and after it
	near "fio's latency of a read, against the operation's total" $total "$(fio_clat fio read)"
	near "what no stage explains of a read" "$(operations fio read syscall stages.other.mean_ns)" 0
	whole fio
}

# uneven NAME: rows of the summary whose stages do not sum to their total
uneven()
{
	sum $1 '[(.operations[], .devices[].ops[]) | .stages | select(.total.count > 0) |
		select(([to_entries[] | select(.key != "total" and .key != "resched") | .value.sum_ns // 0] | add) !=
			.total.sum_ns)] | length'
}

# Where nothing is asked for but statistics, programs go shorter ways (bpf/plain-block.bpf.h): with a filter that
# all pass they do not.
shorter_ways_lead_to_the_same()
{
	local n before after
	null t0 memory_backed=1 || return
	for n in short dev long; do
		trace_opts='--tier full'
		[ $n != dev ] || trace_opts+=" --dev $dev"
		[ $n != long ] || trace_opts+=' --min-lat 1ns'
		start $n || return
		before=($(cat /sys/block/$disk/stat))
		fio_on $dev --number_ios=499 --rw=randrw >$tmp/$n.out
		fio_on $dev --number_ios=701 --rw=randrw --ioengine=io_uring --iodepth=16 >$tmp/$n.uring
		fio_on $dev --number_ios=300 --rw=randrw --direct=0 --fsync=10 --size=8m >$tmp/$n.cached
		after=($(cat /sys/block/$disk/stat))
		stop $n
		same "$n: reads by the disk" "$(requests $n $disk read count)" $((after[0] - before[0]))
		same "$n: writes by the disk" "$(requests $n $disk write count)" $((after[4] - before[4]))
		same "$n: bytes read by the disk" "$(requests $n $disk read bytes)" $(((after[2] - before[2]) * 512))
		same "$n: bytes written by the disk" "$(requests $n $disk write bytes)" $(((after[6] - before[6]) * 512))
		same "$n: rows whose stages do not sum up" "$(uneven $n)" 0
		same "$n: requests of io_uring" "$(($(operations $n read io_uring count) + $(operations $n write io_uring count)))" 701
		at_least "$n: reads and writes" "$(($(operations $n read syscall count) + $(operations $n write syscall count)))" 799
		none_lost $n
	done
}

strace_agrees()
{
	null t0 || return
	traced str strace -f -qq -P $dev -e trace=read,write,fsync -o $tmp/strace \
		dd if=/dev/zero of=$dev bs=4k count=97 oflag=direct conv=fsync
	traced str2 strace -f -qq -P $dev -e trace=read -o $tmp/strace2 dd if=$dev of=/dev/null bs=4k count=101 iflag=direct
	same "write()" "$(operations str write syscall count)" "$(grep -c 'write(' $tmp/strace)"
	same "fsync()" "$(operations str fsync syscall count)" "$(grep -c 'fsync(' $tmp/strace)"
	same "read()" "$(operations str2 read syscall count)" "$(grep -c 'read(' $tmp/strace2)"
	same "bytes" "$(operations str write syscall bytes)" $((97 * 4096))
}

# Each read of cached pages is told, by the one processor that does them as well. 50 000 a second take a real one:
# tracer/tests/test-trace-sums.c.
records_of_fast_reads_are_told()
{
	local reads
	null t0 memory_backed=1 || return
	fio_on $dev --rw=read --direct=0 --size=4m >/dev/null
	trace_opts="--dev $dev --sample 1/1"
	start fast || return
	fio_on $dev --direct=0 --size=4m --io_size=80m --number_ios=20000 --rate_iops=15000 \
		--ioengine=io_uring --iodepth=32 --iodepth_batch=32 --iodepth_batch_complete_min=32 >$tmp/fast.out
	stop fast
	reads=$(fio_count fast read)
	same "told" "$(grep -c '"type":"sample"' $tmp/fast.json)" "$reads"
	same "lost" "$(lost fast)" 0
	same "whose stages do not sum to the total" "$(covered fast lost.uneven)" 0
}

tools="btt_agrees btt_agrees_on_tags_and_plugs what_a_plug_has_ahead_is_known a_split_elsewhere_is_left_out more_disks_than_rows percentiles_are_doubted fio_and_the_disk_agree shorter_ways_lead_to_the_same strace_agrees records_of_fast_reads_are_told"
