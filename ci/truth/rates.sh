# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2086,SC2154
# Records as fast as one processor can do the load, the programs and the reader, in virtual time: an instruction a
# nanosecond. The rate is told; 50 000 a second take a processor of their own.

rate_reads=150000

# told_at_full_rate OPTION…: each read of a disk that answers at once is told, io_uring, 16 at a time
told_at_full_rate()
{
	null t0 irqmode=1 || return
	# what is read from the host while time passes would slow the rate
	fio_on $dev --number_ios=2000 --ioengine=io_uring --iodepth=16 >$tmp/rate.out
	trace_opts="--dev $dev --sample 1/1 $*"
	start rate || return
	fio_on $dev --number_ios=$rate_reads --io_size=$((rate_reads * 4096)) --ioengine=io_uring --iodepth=16 >$tmp/rate.out
	stop rate
	same "fio's reads" "$(fio_count rate read)" $rate_reads
	same "reads" "$(operations rate read io_uring count)" $rate_reads
	same "requests, and bios merged into them" $(($(requests rate $disk read count) + $(requests rate $disk read merged_bios))) $rate_reads
	same "records whose stages do not sum to the total" "$(covered rate lost.uneven)" 0
	records=$(grep -c '^{"type":"sample"' $tmp/rate.json)
}

# In thousandths of a second of the guest's clock, from the begin of the first to that of the last.
records_take_ms()
{
	{ grep -m 1 '^{"type":"sample"' $tmp/rate.json; tail -n 2 $tmp/rate.json; } |
		sed -n 's/^{"type":"sample".*"start_ns":\([0-9]*\),"wall.*/\1/p' | awk 'NR == 1 { from = $1 } END { printf "%d", ($1 - from) / 1000000 }'
}

records_at_full_rate_are_told()
{
	local ms
	told_at_full_rate || return
	same "records" "$records" $rate_reads
	same "lost" "$(lost rate)" 0
	ms=$(records_take_ms)
	printf 'truth:   %s: %d records in %d ms of the guest: %d a second\n' $current $records $ms $((records * 1000 / ms))
	rm $tmp/rate.json
}

# The same with room for a few, and more that end in one call: the reader, which is woken when half of it is used, runs between two calls.
# What is lost is counted, and nothing else of it changes.
what_the_ring_has_no_room_for_is_counted()
{
	fio_opts="--iodepth_batch=16 --iodepth_batch_complete_min=16"
	told_at_full_rate --room ring=4096 || return
	at_least "records lost" "$(covered rate lost.ring_full)" 1
	at_least "records told" "$records" 1
	same "records, and those lost" $((records + $(covered rate lost.ring_full))) $rate_reads
	same "other losses" $(($(lost rate) - $(covered rate lost.ring_full) - $(covered rate lost.part_ring_full))) 0
	rm $tmp/rate.json
}

rates="records_at_full_rate_are_told what_the_ring_has_no_room_for_is_counted"
