# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2086,SC2154
# What a record says of an I/O besides whose it is (owners.sh). In real time.

# said NAME FILTER FIELDS: what its records that fulfil that say there, each once, on a line
said() { jq -r "select(.type == \"slow\" and ($2)) | \"$3\"" $tmp/$1.json | sort -u | paste -sd';'; }

# The disk's scheduler at that time.
the_scheduler_is_named()
{
	local s opts
	null t0 || return
	for s in mq-deadline bfq kyber none; do
		echo $s >/sys/block/$disk/queue/scheduler || { fail "$disk: no scheduler $s"; continue; }
		for opts in "--tier full" "--tier block"; do
			trace_opts="$opts --dev $dev --threshold 1ns"
			start sched || return
			dd if=$dev of=/dev/null bs=4k count=7 iflag=direct 2>/dev/null
			stop sched
			same "$opts: its scheduler" "$(said sched '.kind == "read"' '\(.scheduler)')" $s
			same "$opts: records" "$(jq -s 'map(select(.type == "slow")) | length' $tmp/sched.json)" 7
		done
	done
}

# A device of device-mapper on a partition: each level, and sectors as each counts them.
a_level_on_a_partition()
{
	local part above nvme=${LAB_DISK_NVME#/dev/}
	addpart $LAB_DISK_NVME 1 2048 65536 || return
	part=${nvme}p1
	mapped truth-part "0 32768 linear /dev/$part 64" || { delpart $LAB_DISK_NVME 1; return 1; }
	above=$dm
	trace_opts="--tier full --dev-stack /dev/$above --threshold 1ns"
	start part
	dd if=/dev/$above of=/dev/null bs=4k count=1 skip=5 iflag=direct 2>/dev/null
	stop part
	dmsetup remove truth-part
	delpart $LAB_DISK_NVME 1
	same "the operation" "$(said part '.level == "operation"' '\(.device) \(.device_stack) \(.path) \(.offset)')" \
		"$nvme $above -> $part -> $nvme /dev/$above $((5 * 4096))"
	same "its bios, and what they were made of" "$(said part '.level == "operation"' '\([.tree[] | "\(.device) \(.sector) \(.parent)"] | join(", "))')" \
		"$nvme $((2048 + 64 + 5 * 8)) 1, $above $((5 * 8)) null"
	whole part
}

# A call's own error, which need not be the disk's.
a_call_says_how_it_failed()
{
	null t0 memory_backed=1 badblocks=+800-900 || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start calls || return
	$tmp/truth-load once read $dev 800 >/dev/null
	$tmp/truth-load once write $dev 808 >/dev/null
	$tmp/truth-load once read $dev 0 >/dev/null
	stop calls
	same "the calls" "$(said calls '.level == "operation"' '\(.kind) \(.result) \(.error)')" \
		"read -5 Input/output error;read 4096 null;write -5 Input/output error"
}

# Pages written to a disk without a file system: the call says of which disk, the pages are of no file.
raw_writeback_is_told()
{
	null t0 memory_backed=1 || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start raw || return
	dd if=/dev/zero of=$dev bs=4k count=64 2>/dev/null
	# whoever closes the disk last writes what is left
	stop raw
	same "writes" "$(operations raw write syscall count)" 64
	same "bytes of the requests" "$(requests raw $disk write bytes)" $((64 * 4096))
	same "the requests: whose, and of which file" "$(said raw '.level == "request"' '\(.kind) \(.comm) \(.path)')" "write dd null"
	same "the calls" "$(said raw '.level == "operation" and .kind == "write"' '\(.comm) \(.path)')" "dd $dev"
	whole raw
}

# What a process of a group of 6 MB has of its 16 is paged out by itself, and read again by its faults.
swapped_pages_are_whose()
{
	local pid
	null t0 memory_backed=1 || return
	mkdir -p $group && echo +memory >/sys/fs/cgroup/cgroup.subtree_control && echo 6M >$group/memory.max || return
	mkswap $dev >/dev/null && swapon $dev || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start swap || { swapoff $dev; return 1; }
	by $tmp/truth-load swap - 4001
	stop swap
	swapoff $dev
	echo max >$group/memory.max
	owned swap $pid '.level == "operation"' "fault swap us truth-load - -"
	owned swap $pid '.level == "request" and .kind == "read"'
	owned swap $pid '.level == "request" and .kind == "write"' "write request us truth-load - -"
}

# A thread of the kernel that reads a file for a loop device: an operation when that is asked for, else none.
threads_of_the_kernel_are_followed()
{
	local loop
	null t0 memory_backed=1 && filled $dev || return
	loop=$(losetup -f --show $mnt/f) || return
	for trace_opts in "--tier full --dev $dev --threshold 1ns --kernel-io" "--tier full --dev $dev --threshold 1ns"; do
		echo 3 >/proc/sys/vm/drop_caches
		start kthread || break
		dd if=$loop of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null
		stop kthread
		case $trace_opts in
		*kernel-io) same "what the thread read" "$(said kthread '.level == "operation"' '\(.kind) \(.comm | sub("[/:-].*"; "")) \(.path)')" "read kworker $mnt/f" ;;
		*) same "operations of threads" "$(said kthread '.level == "operation"' '\(.comm)')" "" ;;
		esac
		whole kthread
	done
	losetup -d $loop
	umount $mnt
}

# Each commit of the journal asks for a flush before it and is written through: so says its request.
the_journals_flush_is_told()
{
	local commits
	null t0 memory_backed=1 cache_size=16 && filled $dev || return
	sync -f $mnt/f
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start commit || { umount $mnt; return 1; }
	# each makes the file longer
	$tmp/known-count --target $mnt/longer --contiguous --op write --count 7 --fsync-every 1 >/dev/null
	stop commit
	umount $mnt
	commits='.level == "request" and .kind == "write" and (.submitter.comm // .comm | startswith("jbd2/"))'
	same "commits" "$(jq -s "map(select(.type == \"slow\" and $commits and .fua and .preflush)) | length" $tmp/commit.json)" 7
	same "what is written without a flush" "$(said commit "$commits and (.fua | not)" '\(.fua) \(.preflush)')" "false false"
	whole commit
}

# Two tasks read what is one behind the other; the disk is asked once.
two_operations_in_one_request()
{
	local at first readers=()
	null t0 hw_queue_depth=1 completion_nsec=5000000000 && echo mq-deadline >/sys/block/$disk/queue/scheduler &&
		echo 64 >/sys/block/$disk/queue/nr_requests || return
	trace_opts="--tier full --dev $dev --threshold 1ns"
	start both || return
	# one in the device, one that waits for its tag, and the two
	for at in 9000 7000 5000 5001; do
		dd if=$dev of=/dev/null bs=4k count=1 skip=$at iflag=direct 2>/dev/null &
		readers+=($!)
		sleep 0.3
	done
	wait "${readers[@]}"
	stop both
	first='.level == "operation" and (.offset == 20480000 or .offset == 20484096)'
	same "requests" "$(requests both $disk read count)" 3
	# each has the one bio of its own, in the request of both
	same "the two" "$(said both "$first" '\(.bytes) \(.requests) \(.bios) \(.tree | map("\(.bytes) \(.sector) \(.merged_bios)") | join(","))')" "4096 1 1 8192 40000 1"
	same "whose they are" "$(jq -s "map(select(.type == \"slow\" and $first) | .pid) | unique | length" $tmp/both.json)" 2
	whole both
}

# A file that is made while its directory is followed, and one beside it.
files_made_meanwhile_are_of_their_directory()
{
	null t0 memory_backed=1 && filled $dev && mkdir $mnt/in $mnt/out || return
	trace_opts="--tier full --dev $dev --dir $mnt/in --threshold 1ns"
	start made || { umount $mnt; return 1; }
	mkdir $mnt/in/deep
	for d in in in/deep out; do
		dd if=/dev/zero of=$mnt/$d/new bs=4k count=5 oflag=direct 2>/dev/null
	done
	stop made
	umount $mnt
	same "their writes" "$(operations made write syscall count)" 10
	same "their paths" "$(said made '.level == "operation"' '\(.kind) \(.path)')" "write $mnt/in/deep/new;write $mnt/in/new"
	none_lost made
}

# More than any user wants at once: the verifier of each kernel takes it.
everything_at_once_loads()
{
	local n
	null t0 memory_backed=1 && filled $dev || return
	trace_opts="--tier full --dev $dev --threshold 1ns --sample 1/3 --top 3 --hung 5s --kernel-stack --stacks=user --anomalies
		--by process,file,cgroup,device --kernel-io --cond-resched probe"
	traced all dd if=$mnt/f of=/dev/null bs=4k count=53 iflag=direct
	umount $mnt
	same "reads" "$(operations all read syscall count)" 53
	same "by file" "$(sum all '[.. | objects | select(.path? == "'$mnt/f'") | .operations.read.count] | add')" 53
}

# From the outermost function to the innermost: each of the program's by its name. That which calls the C library, which keeps no
# frame, may be left out.
folded_stacks_name_the_functions()
{
	local file=$tmp/folded.txt weight
	null t0 || return
	for weight in count time; do
		rm -f $file
		trace_opts="--tier full --dev $dev --stacks=user --folded $file --folded-by $weight"
		traced folded $tmp/truth-load named $dev 211
		awk '/;load_outer;load_middle;(load_inner;)?[^;]*pread[^;]*;/ && /;do_syscall_64;.*submit_bio/ { n += $NF } END { print n + 0 }' $file >$tmp/named
		same "$weight: of other ways" "$(grep -c . $file)" "$(grep -c ';load_outer;load_middle;.*submit_bio' $file)"
		case $weight in
		count) same "bios by way of its functions" "$(cat $tmp/named)" 211 ;;
		time) same "their time, ns" "$(cat $tmp/named)" "$(sum folded '[.stacks.rows[].sum_ns] | add')" ;;
		esac
		same "$weight: bios of the rows" "$(sum folded '[.stacks.rows[].count] | add')" 211
		whole folded
	done
}

records="everything_at_once_loads folded_stacks_name_the_functions the_scheduler_is_named a_level_on_a_partition a_call_says_how_it_failed raw_writeback_is_told swapped_pages_are_whose
	the_journals_flush_is_told two_operations_in_one_request files_made_meanwhile_are_of_their_directory
	threads_of_the_kernel_are_followed"
