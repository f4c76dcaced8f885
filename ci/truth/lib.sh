# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2086
# What the cases share: how a case is told, disks made to order, traces, and how reports are read.

export LC_ALL=C
tmp=/tmp/truth
iopath=$tmp/iopath
mkdir -p $tmp

# ---- telling ----

current='' failed_here=''

fail() { failed_here=1; printf 'truth:   %s: %s\n' "$current" "$*"; }

# run CASE…: a function each
run()
{
	local status
	for current; do
		failed_here='' trace_opts='' fio_opts=''
		rm -f $tmp/base.* $tmp/with.*
		"$current"
		status=$?
		if [ $status = 77 ]; then
			printf 'truth: %s %s: skip\n' "$LAB_KERNEL" "$current"
		elif [ $status != 0 ] || [ -n "$failed_here" ]; then
			printf 'truth: %s %s: FAIL\n' "$LAB_KERNEL" "$current"
		else
			printf 'truth: %s %s: ok\n' "$LAB_KERNEL" "$current"
		fi
	done
}

skip() { printf 'truth:   %s: %s\n' "$current" "$*"; return 77; }

# same WHAT GOT WANT
same() { [ "$2" = "$3" ] || fail "$1: $2, wanted $3"; }

# at_least WHAT GOT LEAST
at_least() { [ "${2:-0}" -ge "$3" ] 2>/dev/null || fail "$1: ${2:-nothing}, wanted $3 or more"; }

# ---- disks ----

# null NAME ATTRIBUTE=VALUE…: $dev, a null_blk made to order in place of the one of that name: it has that
# one's number, so that who watches t0 watches all that are made under this name.
null()
{
	local dir=/sys/kernel/config/nullb/$1 a
	[ ! -d $dir ] || rmdir $dir || return
	mkdir $dir || return
	for a in size=1024 irqmode=2 completion_nsec=20000 "${@:2}"; do
		echo ${a#*=} >$dir/${a%%=*} || return
	done
	echo 1 >$dir/power || return
	dev=/dev/$1
	[ -b $dev ] || dev=/dev/nullb$(cat $dir/index)
	disk=${dev#/dev/}
	echo none >/sys/block/$disk/queue/scheduler
	echo 0 2>/dev/null >/sys/block/$disk/queue/wbt_lat_usec
}

# mapped NAME TABLE…: sets dm, its kernel name
mapped()
{
	dmsetup create "$1" --table "${*:2}" 2>/dev/null || return
	dm=dm-$(dmsetup info -c --noheadings -o minor "$1")
}

# A slow disk, and a level of device-mapper on it, that stay: their paths and names. Without dm-delay no level.
slow='' level=''

stay()
{
	# functions of modules are hooked where those are there
	modprobe -a ext4 xfs btrfs 2>/dev/null
	null t0 || return
	watch $dev
	null t1 completion_nsec=2000000 || return
	slow=$dev
	watch $slow
	# whose bios a worker of dm-crypt submits can be told where that is there when tracing begins
	modprobe dm_crypt 2>/dev/null
	modprobe dm_delay 2>/dev/null && mapped truth-level "0 $(blockdev --getsz $slow) delay $slow 0 0" || return 0
	level=$dm
	watch /dev/$level
}

# level_table TARGET ARGUMENT…: what the level does from now on; level_like: by a whole table
level_table() { level_like 0 "$(blockdev --getsz $slow)" "$@"; }
level_like()
{
	dmsetup suspend truth-level && dmsetup reload truth-level --table "$*" 2>/dev/null
	local status=$?
	dmsetup resume truth-level
	return $status
}

# ---- traces ----

# Options of a tracer of its own, set by the case. Without, it shares one that runs already: to start
# one takes longer than most cases. That watches what `watch` names, which must stay the same devices;
# in real time it tells each operation.
trace_opts='' fio_opts='' watched='' shared='' shared_opts='--tier full' shared_before='' shared_from=0

# watch DEV…
watch() { local d; for d; do watched+=" --dev $d"; done; }

# The first case that needs it starts it.
share()
{
	[ -z "$shared" ] || ! kill -0 $shared 2>/dev/null || return 0
	$iopath trace --json $shared_opts $watched -o $tmp/shared.json >/dev/null 2>$tmp/shared.err &
	shared=$!
	until_ready shared $shared
}

# For a case that must not have another tracer beside its own. Who shares one next starts it.
unshare()
{
	[ -z "$shared" ] || ! kill -INT $shared 2>/dev/null || wait $shared
	shared=''
}

# Its report up to now, in $shared_now, and where in the file that ends, in $shared_told. What was told before is long, and not
# read again. The end of the line is asked for, which may be under way.
report_now()
{
	local size line
	size=$(stat -c %s $tmp/shared.json)
	kill -USR1 $shared || { fail "the shared tracer: $(tail -n 1 $tmp/shared.err)"; return 1; }
	until line=$(tail -c +$((size + 1)) $tmp/shared.json | grep -b -m 1 '^{"type":"interval".*"budget":null}$'); do
		kill -0 $shared || return
		sleep 0.02
	done
	shared_now=${line#*:}
	shared_told=$((size + ${line%%:*} + ${#shared_now} + 1))
}

# What comes behind this report is what is told from now on.
begun() { share && report_now && shared_before=$shared_now shared_from=$shared_told; }

# Coverage is told since its start: what it was at the begin is taken off.
ended()
{
	sleep 0.05
	report_now
	tail -c +$((shared_from + 1)) $tmp/shared.json >$tmp/$1.json
	summed $1 "$shared_before" "$shared_now"
}

# A jq takes long to start, so there is one for all: of a report, given what came before it or null, that report
# and its numbers, a line each.
numbers_of='
	def since($was): with_entries(.key as $k |
		if (.value | type) == "object" then .value |= since($was[$k])
		elif (.value | type) == "number" and ($was[$k] | type) == "number" and $k != "in_flight" then .value -= $was[$k]
		else . end);
	def leaves: paths(type == "number") as $p | "\($p | join(".")) \(getpath($p))";
	.[0].coverage as $was | .[1] | .coverage |= since($was) |
	tojson,
	(.devices[]? | "requests \(.name) " + (.ops[] | "\(.op) \(leaves)")),
	(.operations[]? | "operations \(.kind) \(.via) \(leaves)"),
	(.coverage | "coverage \(leaves)"),
	"end"'
to_jq='' from_jq=''

# summed NAME WAS IS: the summary in NAME.sum and its numbers in NAME.flat
summed()
{
	if [ -z "$to_jq" ]; then
		coproc exec jq -r --unbuffered "$numbers_of"
		exec {from_jq}<&"${COPROC[0]}" {to_jq}>&"${COPROC[1]}"
	fi
	printf '[%s,%s]\n' "$2" "$3" >&"$to_jq"
	sed '/^end$/q' <&"$from_jq" >$tmp/$1.flat
	head -n 1 $tmp/$1.flat >$tmp/$1.sum
}

until_ready()
{
	until grep -qs '^iopath: ready' $tmp/$1.err; do
		kill -0 $2 2>/dev/null || { fail "$1: $(tail -n 1 $tmp/$1.err)"; return 1; }
		sleep 0.1
	done
}

# traced NAME COMMAND…: under iopath; its report is NAME.json, its last line NAME.sum
traced()
{
	local name=$1
	shift
	if [ -z "$trace_opts" ]; then
		begun || return
		"$@" >$tmp/$name.out 2>$tmp/$name.err || fail "$name: $(tail -n 1 $tmp/$name.err)"
		ended $name
		return
	fi
	$iopath trace --json $trace_opts -o $tmp/$name.json -- "$@" >$tmp/$name.out 2>$tmp/$name.err ||
		{ fail "$name: $(tail -n 1 $tmp/$name.err)"; return 1; }
	summed $name null "$(tail -n 1 $tmp/$name.json)"
}

# start NAME: iopath in the background; stop NAME
start()
{
	[ -n "$trace_opts" ] || { begun; return; }
	# one of that name may have been ready before
	rm -f $tmp/$1.err
	$iopath trace --json $trace_opts -o $tmp/$1.json >/dev/null 2>$tmp/$1.err &
	tracer=$!
	until_ready $1 $tracer
}

stop()
{
	[ -n "$trace_opts" ] || { ended $1; return; }
	kill -INT $tracer
	wait $tracer || fail "$1: $(tail -n 1 $tmp/$1.err)"
	summed $1 null "$(tail -n 1 $tmp/$1.json)"
}

# fio_on DEV ARGUMENT…: direct random reads, unless told otherwise; with as=exec in place of a subshell
as=''
fio_on()
{
	$as fio --name=t --filename=$1 --ioengine=psync --rw=randread --bs=4k --direct=1 --size=256m \
		--randseed=7 --norandommap --thread --group_reporting --output-format=json $fio_opts "${@:2}"
}

# fio_traced NAME DEV ARGUMENT…
fio_traced()
{
	local name=$1
	shift
	[ -n "$trace_opts" ] || { traced $name fio_on "$@"; return; }
	export -f fio_on
	export fio_opts
	traced $name bash -c 'fio_on "$@"' fio "$@"
}

# ---- reading ----

# sum NAME FILTER: of the summary
sum() { jq -r "$2" $tmp/$1.sum; }

# number NAME PATTERN: 0 where there is none
number()
{
	local line
	line=$(grep -m 1 "^$2 " $tmp/$1.flat)
	line=${line##* }
	echo "${line:-0}"
}

# requests NAME DISK OP FIELD; operations NAME KIND VIA FIELD
requests() { number $1 "requests $2 $3 $4"; }
operations() { number $1 "operations $2 $3 $4"; }

# covered NAME FIELD; lost NAME: all causes together
covered() { number $1 "coverage $2"; }
lost() { awk '$1 == "coverage" && $2 ~ /^lost\./ { n += $3 } END { print n + 0 }' $tmp/$1.flat; }

# Mean latency and number of fio's I/Os, ns.
fio_clat_of='def clat($d): [.jobs[] | .[$d].clat_ns | select(.N > 0)] | (map(.mean * .N) | add) / (map(.N) | add);'
fio_clat() { jq -r "$fio_clat_of clat(\"$2\")" $tmp/$1.out; }
fio_count() { jq -r "[.jobs[].$2.total_ios] | add" $tmp/$1.out; }

# none_lost NAME [BUT]: the causes that begin so do not count. What a case loads begins after the tracer: a request
# whose begin that had missed could pass for one of before.
none_lost()
{
	local causes
	same "$1: begun before" "$(covered $1 begun_before)" 0
	causes=$(awk -v but="lost.${2:-/}" '$1 == "coverage" && $2 ~ /^lost\./ && index($2, but) != 1 && $3 {
		printf "%s %s  ", $3, substr($2, 6) }' $tmp/$1.flat)
	[ -z "$causes" ] || fail "$1: lost: $causes"
}

# Coverage: everything seen has ended, nothing was lost.
whole()
{
	same "$1: not finished" $(($(covered $1 seen) - $(covered $1 finished) - $(covered $1 in_flight))) 0
	none_lost $1
}

# row_stages NAME ROW: mean ns per I/O of each stage of a row, a jq path
rows='def device($d; $o): .devices[] | select(.name == $d) | .ops[] | select(.op == $o);
def operation($k; $v): .operations[] | select(.kind == $k and .via == $v);
def means: .count as $n | .stages | map_values(if . == null then 0 else .sum_ns / $n end);'

# appears STAGE[+STAGE] NS BASE WITH ROW…
#	In each row (a jq filter) the mean of the stage, or of these together, is NS longer in WITH
#	than in BASE, within 2 % + 20 us; no other stage is, but the total.
appears()
{
	local rows_named said
	printf -v rows_named '[%s],' "${@:5}"
	said=$(jq -rn --slurpfile b $tmp/$3.sum --slurpfile w $tmp/$4.sum --arg s $1 --argjson ns $2 "$rows"'
		def us: . / 1000 | floor;
		def told($row; $base; $with):
			($s | split("+")) as $in | ($ns * 0.02 + 20000) as $slack |
			([$in[] | $with[.] - $base[.]] | add) as $grew |
			(if ($grew - $ns | fabs) > $slack then
				"\($row): \($s): \($grew | us) us more, wanted \($ns | us)" else empty end),
			($with | keys[] | select(. as $k | $k != "total" and ($in | index($k) | not)) |
				select(($with[.] - $base[.] | fabs) > $slack) |
				"\($row): \(.): \($with[.] - $base[.] | us) us more in it, wanted none");
		($b[0] | ['"${rows_named%,}"' | map(means)]) as $base | ($w[0] | ['"${rows_named%,}"' | map(means)]) as $with |
		range($with | length) | . as $i |
		if ($with[$i] == [] or $base[$i] == []) then "row \($i + 1): there is none"
		else told("row \($i + 1)"; $base[$i][0]; $with[$i][0]) end') ||
		{ fail "no such row: ${*:5}"; return; }
	[ -z "$said" ] || while IFS= read -r line; do fail "$line of ${*:5}"; done <<<"$said"
}

# injected BASE WITH DIR LEAST: how much longer fio's I/Os took, ns; at least LEAST
injected()
{
	local ns
	ns=$(jq -n --slurpfile b $tmp/$1.out --slurpfile w $tmp/$2.out "$fio_clat_of"'
		($w[0] | clat("'$3'")) - ($b[0] | clat("'$3'")) | floor' 2>/dev/null)
	at_least "fio's own latency, ns more" "$ns" $4
	injected_ns=${ns:-0}
}
