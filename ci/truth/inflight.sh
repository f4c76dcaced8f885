# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2086,SC2154
# What has not finished, in each stage that it can stay in: whose it is, of which file, since when. `iopath inflight` looks while it
# is so, `iopath trace --hung` tells it by itself. In real time.

# ns of the clock that ages are of, to 10 ms
mono()
{
	local up rest
	read -r up rest </proc/uptime
	echo $((10#${up/./} * 10000000))
}

# Two tracers watch $disk and the level for all cases, for to start them takes longer than these do: one looks each second, one tells
# what hangs. Both know devices by their numbers, which those that are made anew have again.
looker='' hung_tracer=''
watching()
{
	began=$(mono)
	[ -z "$looker" ] || return 0
	null t0 && mapped truth-held "0 8 linear $dev 0" || return
	level_dev=/dev/$dm
	trace_opts="--tier full --dev $dev --dev $level_dev --hung 1s"
	start hung || { dmsetup remove truth-held; return 1; }
	hung_tracer=$tracer
	$iopath inflight --json --watch --dev $dev --dev $level_dev >$tmp/looks 2>$tmp/looks.err &
	looker=$!
	until grep -qs looking $tmp/looks.err; do
		kill -0 $looker 2>/dev/null || { fail "$(tail -n 1 $tmp/looks.err)"; looker=''; break; }
		sleep 0.1
	done
	dmsetup remove truth-held
	began=$(mono)
	[ -n "$looker" ]
}

# looked NAME: what the first look had that began after this call
looked()
{
	local ends
	ends=$(grep -c inflight_end $tmp/looks)
	until (($(grep -c inflight_end $tmp/looks) > ends + 1)); do
		kill -0 $looker 2>/dev/null || { fail "$(tail -n 1 $tmp/looks.err)"; return 1; }
		sleep 0.1
	done
	awk -v nr=$((ends + 2)) '/"inflight_end"/ { n++; if (n == nr) print; next } n == nr - 1' $tmp/looks >$tmp/$1.json
}

# asks CMD…: in the background, in the cgroup of owners.sh: $pid, which is stuck
asks()
{
	local i=0 name state stat
	mkdir -p $group || return
	(echo $BASHPID >$group/cgroup.procs && exec "$@") >/dev/null 2>&1 &
	pid=$!
	while ((i < 10)); do
		read -r _ name state stat </proc/$pid/stat || { fail "$* was not held"; return 1; }
		if [ "$name $state" = "($1) D" ]; then i=$((i + 1)); else i=0; fi
		sleep 0.05
	done
}

# waits NAME PID LINE…: all that the look has of that process, and its age
waits()
{
	local name=$1 of=$2
	shift 2
	same "$name: in flight" "$(jq -r "select(.type == \"inflight\" and .pid == $of) |
		\"\(.level) \(.source) \(.kind) \(.comm) \(.cgroup) \(.stage) \(.path) \(.bytes)\"" $tmp/$name.json | sort -u | paste -sd';')" \
		"$(printf '%s\n' "$@" | sort -u | paste -sd';')"
	same "$name: that began before it was asked for, or whose age is another" "$(jq -s --argjson began $began "(last | .now_ns) as \$now |
		map(select(.pid == $of and .source == \"begun\" and (.start_ns < \$began - 10000000 or .start_ns + .age_ns != \$now)))
		| length" $tmp/$name.json)" 0
}

# told_hung PID…: waits until it is told of each; hangs PID LINE [FILTER]: what was told of it, once
told_hung()
{
	local i=0 of
	for of; do
		until grep "\"pid\":$of," $tmp/hung.json | grep -q '"type":"hung"'; do
			((++i < 600)) || { fail "$of is not told to hang"; return; }
			sleep 0.1
		done
	done
}
hangs()
{
	same "hung" "$(jq -r "select(.type == \"hung\" and .pid == $1 and (${3:-true})) |
		\"\(.level) \(.kind) \(.via) \(.comm) \(.cgroup) \(.stage) \(.path)\"" $tmp/hung.json | sort | paste -sd';')" "$2"
	same "told too early" "$(jq -s "map(select(.type == \"hung\" and .age_ns < 1000000000)) | length" $tmp/hung.json)" 0
}

# held_on TARGET ARGUMENTS: a level of device-mapper on a disk of memory, that can be held and let go: $dev
held_on()
{
	watching && null t0 memory_backed=1 && mapped truth-held "0 $(blockdev --getsz $dev) $1 ${2//DEV/$dev}" || return
	same "the level's number" /dev/$dm $level_dev
	dev=/dev/$dm disk=$dm
}
hold() { dmsetup suspend --noflush --nolockfs truth-held; }
let_go() { dmsetup resume truth-held; }
no_level()
{
	! mountpoint -q $tmp/mnt || umount $tmp/mnt
	dmsetup remove truth-held
}

# A queue of its own that takes so many requests at a time: multipath's is of requests
held_queue()
{
	local depth=/sys/module/dm_mod/parameters/dm_mq_queue_depth was status
	modprobe -a dm_multipath dm_round_robin 2>/dev/null
	was=$(cat $depth)
	echo $1 >$depth && held_on multipath "0 0 1 1 round-robin 0 1 0 DEV"
	status=$?
	echo $was >$depth
	return $status
}

# A file system on the level, with a file: where that lies is known, so that nothing else is asked for
filled_level()
{
	filled $dev && dd if=$mnt/f of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null
}

# reads_at BLOCK: of $dev
reads_at() { asks dd if=$dev of=/dev/null bs=4k count=1 skip=$1 iflag=direct; }

# Of a queue of one without a scheduler that is held, the first has the request, inserted (__blk_mq_try_issue_directly() does that
# where a queue is quiesced), and the second waits for it.
a_tag_wait_in_flight()
{
	local first second
	held_queue 1 || { skip "no dm-multipath"; return; }
	echo none >/sys/block/$disk/queue/scheduler || { no_level; return 1; }
	hold
	reads_at 7000
	first=$pid
	reads_at 5000
	second=$pid
	told_hung $first $second
	looked tag
	let_go
	wait $first $second
	no_level
	waits tag $first "operation begun read dd /truth-owner i2d $dev 4096" "request begun read dd /truth-owner i2d $dev 4096"
	waits tag $second "operation begun read dd /truth-owner q2g $dev 4096" "request begun read dd /truth-owner q2g $dev 4096"
	hangs $first "operation read syscall dd /truth-owner i2d $dev"
	hangs $second "operation read syscall dd /truth-owner q2g $dev"
}

# held_by SCHEDULER: which has the requests of two
held_by()
{
	local first second
	held_queue 64 || { skip "no dm-multipath"; return; }
	echo $1 >/sys/block/$disk/queue/scheduler || { no_level; return 1; }
	hold
	reads_at 7000
	first=$pid
	reads_at 5000
	second=$pid
	told_hung $first $second
	looked $1
	let_go
	wait $first $second
	no_level
	for pid in $first $second; do
		waits $1 $pid "operation begun read dd /truth-owner i2d $dev 4096" "request begun read dd /truth-owner i2d $dev 4096"
		hangs $pid "operation read syscall dd /truth-owner i2d $dev"
	done
}
held_by_mq_deadline_in_flight() { held_by mq-deadline; }
held_by_bfq_in_flight() { held_by bfq; }

# What the throttle of a cgroup holds back has no request yet.
throttled_in_flight()
{
	local number
	grep -qw __blk_throtl_bio /proc/kallsyms || { skip "the throttle has no function to hook"; return; }
	watching && null t0 && echo +io >/sys/fs/cgroup/cgroup.subtree_control && mkdir -p $group || return
	number=$(cat /sys/block/$disk/dev)
	echo "$number rbps=4096" >$group/io.max || return
	asks dd if=$dev of=/dev/null bs=64k count=1 iflag=direct
	told_hung $pid
	looked held
	echo "$number rbps=max" >$group/io.max
	wait $pid
	waits held $pid "operation begun read dd /truth-owner q2g $dev 65536" "request begun read dd /truth-owner q2g $dev 65536"
	hangs $pid "operation read syscall dd /truth-owner q2g $dev"
}

# What a level keeps is in it, whatever is below.
held_by_a_level_in_flight()
{
	held_on linear 'DEV 0' && filled_level || return
	hold
	asks dd if=$mnt/f of=/dev/null bs=4k count=1 iflag=direct
	told_hung $pid
	looked level
	let_go
	wait $pid
	no_level
	waits level $pid "operation begun read dd /truth-owner device $mnt/f 4096" "request begun read dd /truth-owner device $mnt/f 4096"
	hangs $pid "operation read syscall dd /truth-owner device $mnt/f"
}

# Nobody writes what a task makes dirty: it is held back.
a_throttled_writer_in_flight()
{
	held_on linear 'DEV 0' && filled_level || return
	# what the journal is writing cannot be changed: the writer would wait for that
	mount -o remount,commit=300 $mnt || { no_level; return 1; }
	hold
	dirty_limits
	asks dd if=/dev/zero of=$mnt/f bs=1M count=16 conv=notrunc
	told_hung $pid
	looked writer
	no_dirty_limits
	let_go
	wait $pid
	no_level
	same "the call" "$(jq -r "select(.type == \"inflight\" and .pid == $pid and .level == \"operation\") |
		\"\(.kind) \(.comm) \(.cgroup) \(.stage) \(.path)\"" $tmp/writer.json)" "write dd /truth-owner throttle $mnt/f"
	# what it has made dirty hangs, too: bios that the level keeps
	same "its file" "$(jq -r "select(.type == \"hung\" and .pid == $pid and .level == \"request\") | \"\(.kind) \(.stage) \(.path)\"" $tmp/hung.json | sort -u)" \
		"write device $mnt/f"
	hangs $pid "operation write syscall dd /truth-owner throttle $mnt/f" '.level == "operation"'
}

# A file system that is frozen lets no writer in: no bio, no stage but that the task is off the CPU. One that looks later knows it by its call.
a_hung_submitter_in_flight()
{
	held_on linear 'DEV 0' && filled_level || return
	exec 9<>$mnt/f # open(2) would wait, not write(2)
	fsfreeze -f $mnt
	asks bash -c 'printf %4096d 0 >&9'
	told_hung $pid
	looked frozen
	$iopath inflight --json --dev $disk >$tmp/later.json 2>$tmp/later.err || fail "$(tail -n 1 $tmp/later.err)"
	fsfreeze -u $mnt
	wait $pid
	exec 9<&-
	no_level
	waits frozen $pid "operation begun write bash /truth-owner offcpu $mnt/f 4096"
	hangs $pid "operation write syscall bash /truth-owner offcpu $mnt/f"
	waits later $pid "operation task write bash /truth-owner null $mnt/f 4096"
	at_least "of before" "$(jq 'select(.type == "inflight_end") | .begun_before' $tmp/later.json)" 1
	same "function that it waits in" "$(jq -r "select(.pid == $pid) | .waits_in" $tmp/later.json)" percpu_rwsem_wait
}

# Pages on their way are written for who made them dirty, by a thread of the kernel; who asks for them to be written waits for it.
writeback_in_flight()
{
	local dirtier requests
	held_queue 64 || { skip "no dm-multipath"; return; }
	filled_level || return
	hold
	mkdir -p $group
	(echo $BASHPID >$group/cgroup.procs && exec dd if=/dev/zero of=$mnt/f bs=64k count=1 conv=notrunc 2>/dev/null) &
	dirtier=$!
	wait $dirtier
	echo 1 >/proc/sys/vm/dirty_writeback_centisecs
	echo 1 >/proc/sys/vm/dirty_expire_centisecs
	told_hung $dirtier
	asks sync -d $mnt/f
	told_hung $pid
	looked back
	let_go
	wait $pid
	echo 500 >/proc/sys/vm/dirty_writeback_centisecs
	echo 3000 >/proc/sys/vm/dirty_expire_centisecs
	no_level
	requests="select(.pid == $dirtier and .path == \"$mnt/f\") | \"\(.type) \(.level) \(.kind) \(.comm) \(.cgroup) \(.submitter.comm | sub(\"/.*\"; \"\")) \(.stage)\""
	same "what is written" "$(jq -r "$requests" $tmp/back.json | sort -u)" "inflight request write dd /truth-owner kworker i2d"
	same "how much of it" "$(jq -s "map(select(.pid == $dirtier and .path == \"$mnt/f\") | .bytes) | add" $tmp/back.json)" 65536
	same "what is told to hang" "$(jq -r "select(.type == \"hung\" and .level == \"request\") | $requests" $tmp/hung.json | sort -u)" "hung request write dd /truth-owner kworker i2d"
	waits back $pid "operation begun fdatasync sync /truth-owner wbwait $mnt/f null"
	hangs $pid "operation fdatasync syscall sync /truth-owner wbwait $mnt/f"
}

# What hung ended, and was counted as anything else.
what_hung_is_counted()
{
	watching || return
	kill $looker
	wait $looker 2>/dev/null
	looker='' tracer=$hung_tracer trace_opts=own
	stop hung
	whole hung
	at_least "operations" "$(covered hung operations.finished)" 1
	same "in flight" "$(covered hung operations.in_flight) $(covered hung requests.in_flight)" "0 0"
}

inflight="a_tag_wait_in_flight held_by_mq_deadline_in_flight held_by_bfq_in_flight throttled_in_flight held_by_a_level_in_flight
	a_throttled_writer_in_flight a_hung_submitter_in_flight writeback_in_flight what_hung_is_counted"
