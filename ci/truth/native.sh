# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# The tracer's own tests (tracer/tests) on this kernel, whose hooks are others than those of the machine that
# `make test` runs on. A case per program; what it skips is told. Counts alone (test-trace) are
# `make validate`'s.

# What they look for: loop devices, and hierarchies of cgroups of both versions.
natively_ready()
{
	modprobe -aq loop dm_mod zram ext4
	mkdir -p /sys/fs/cgroup/blkio && mount -t cgroup -o blkio none /sys/fs/cgroup/blkio || return
	# what a test has written must not be written back before it asks, and an emulated one is slow to do so
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
}

# Emulated, and three times slower again on a busy machine.
own_tests()
{
	local program=${FUNCNAME[1]//_/-} status
	TEST_PATIENCE=20 timeout --kill-after=10 1500 "$tmp/$program" >"$tmp/tests.out" 2>&1
	status=$?
	sed -n "s/^skip /truth:   $current: skipped: /p" "$tmp/tests.out"
	tail -n 1 "$tmp/tests.out" | sed "s/^/truth:   $current: /"
	if [ $status != 0 ]; then
		fail "status $status"
		grep -v -e '^ok' -e '^skip' "$tmp/tests.out" | sed "s/^/truth:   $current: /" | head -n 80
	fi
	grep -q -e '^ok' -e '^FAIL' "$tmp/tests.out" || return 77
}

test_trace_by() { own_tests; }
test_trace_cache() { own_tests; }
test_trace_cgroup() { own_tests; }
test_trace_filter() { own_tests; }
test_trace_place() { own_tests; }
test_trace_who() { own_tests; }
test_trace_anomaly() { own_tests; }
test_trace_stacks() { own_tests; }
test_trace_records() { own_tests; }
test_trace_tree() { own_tests; }
test_trace_kinds() { own_tests; }
test_trace_levels() { own_tests; }
test_trace_stages() { own_tests; }
test_inflight() { own_tests; }
test_top() { own_tests; }

native='test_inflight test_top test_trace_stacks test_trace_cgroup test_trace_levels test_trace_place test_trace_stages
	test_trace_by test_trace_kinds test_trace_cache test_trace_records test_trace_tree test_trace_who test_trace_anomaly test_trace_filter'
