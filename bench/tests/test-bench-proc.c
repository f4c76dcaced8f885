/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU time of the machine from /proc/stat and /proc/timer_list. */
#include <errno.h>
#include <math.h>

#include "bench/cpu.h"
#include "tracer/base/test.h"

#define NEAR(a, b, tol) ASSERT_TRUE(fabs((a) - (b)) <= (tol))

static const char stat_a[] = "cpu  30 0 30 0 0 0 0 0 0 0\ncpu0 10 5 20 1000 10 1 2 3 0 0\n"
			     "cpu2 10 0 10 1000 0 0 0 0 0 0\nintr 5\n";
static const char stat_b[] = "cpu  30 0 30 0 0 0 0 0 0 0\ncpu0 60 5 70 1080 15 1 12 3 0 0\n"
			     "cpu2 10 0 10 1200 0 0 0 0 0 0\nintr 5\n";
#define TIMERS(now, s0, i0, e0, w0, s2, i2)                                                       \
	"Timer List Version: v0.10\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at " #now " nsecs\n\ncpu: 0\n"  \
	" clock 0:\n  .base:       000\n  .nohz           : 1\n  .tick_stopped   : " #s0 "\n"        \
	"  .idle_entrytime : " #e0 " nsecs\n  .idle_sleeptime : " #i0 " nsecs\n"                       \
	"  .iowait_sleeptime: " #w0 " nsecs\njiffies: 1\n\ncpu: 2\n  .tick_stopped   : " #s2 "\n"      \
	"  .idle_entrytime : 0 nsecs\n  .idle_sleeptime : " #i2 " nsecs\n"                             \
	"  .iowait_sleeptime: 0 nsecs\n\nTick Device: mode:     1\n"

static int snapshot(const char *stat, const char *timers, uint64_t when, struct cpu_snapshot *s)
{
	int err;

	*s = (struct cpu_snapshot){ .when_ns = when };
	err = cpu_parse_stat(stat, 10000000, s);
	if (!err && timers)
		err = cpu_parse_timer_list(timers, s);
	return err;
}

TEST(cpu_time_from_ticks)
{
	struct cpu_snapshot a, b;
	struct cpu_usage u;

	ASSERT_EQ(snapshot(stat_a, NULL, 0, &a), 0);
	ASSERT_EQ(snapshot(stat_b, NULL, 2000000000, &b), 0);
	ASSERT_EQ(a.nr, 2);
	ASSERT_EQ(a.core[1].id, 2);
	ASSERT_EQ(cpu_usage_between(&a, &b, &u), 0);
	ASSERT_TRUE(!u.exact);
	/* cpu0: 80 + 5 ticks idle of 200 */
	ASSERT_EQ(u.core[0].busy_ns, 1150000000);
	ASSERT_EQ(u.core[0].user_ns, 500000000);
	ASSERT_EQ(u.core[0].softirq_ns, 100000000);
	ASSERT_EQ(u.core[1].busy_ns, 0);
	/* 60 of 110 ticks were the kernel's */
	NEAR(u.system_pct, 100 * 1.15 * 60 / 110 / 2 / 2, 1e-6);
	cpu_usage_free(&u);
	cpu_snapshot_free(&a);
	cpu_snapshot_free(&b);
}

TEST(cpu_time_from_idle_stamps)
{
	struct cpu_snapshot a, b;
	struct cpu_usage u;

	/* at the end cpu0 is idle since 1900 ms: 100 ms that are not booked yet */
	ASSERT_EQ(snapshot(stat_a, TIMERS(0, 0, 5000000, 0, 1000000, 1, 0), 0, &a), 0);
	ASSERT_EQ(snapshot(stat_b, TIMERS(2000000000, 1, 705000000, 1900000000, 51000000, 0, 1999000000),
			   2000000000, &b), 0);
	ASSERT_TRUE(a.exact && b.exact);
	ASSERT_EQ(cpu_usage_between(&a, &b, &u), 0);
	ASSERT_TRUE(u.exact);
	ASSERT_EQ(u.core[0].busy_ns, 2000000000 - 700000000 - 50000000 - 100000000);
	ASSERT_EQ(u.core[1].busy_ns, 1000000);
	cpu_usage_free(&u);
	cpu_snapshot_free(&a);
	cpu_snapshot_free(&b);
}

TEST(idle_stamps_that_disagree_are_not_trusted)
{
	struct cpu_snapshot a, b;
	struct cpu_usage u;

	ASSERT_EQ(snapshot(stat_a, TIMERS(0, 0, 0, 0, 0, 0, 0), 0, &a), 0);
	ASSERT_EQ(snapshot(stat_b, TIMERS(2000000000, 0, 100, 0, 0, 0, 100), 2000000000, &b), 0);
	ASSERT_EQ(cpu_usage_between(&a, &b, &u), 0);
	ASSERT_TRUE(!u.exact);
	ASSERT_EQ(u.core[0].busy_ns, 1150000000);
	cpu_usage_free(&u);
	cpu_snapshot_free(&a);
	cpu_snapshot_free(&b);
}

TEST(cpu_rubbish_and_hotplug)
{
	struct cpu_snapshot a, b = { 0 };
	struct cpu_usage u;

	ASSERT_EQ(cpu_parse_stat("intr 5\n", 1, &b), -EPROTO);
	ASSERT_EQ(snapshot(stat_a, NULL, 0, &a), 0);
	ASSERT_EQ(cpu_parse_timer_list("now at 5 nsecs\n", &a), -EPROTO);
	ASSERT_TRUE(!a.exact);
	ASSERT_EQ(snapshot("cpu\ncpu0 1 1 1 1 1 1 1 1 0 0\n", NULL, 1, &b), 0);
	ASSERT_EQ(cpu_usage_between(&a, &b, &u), -ESTALE);
	cpu_snapshot_free(&a);
	cpu_snapshot_free(&b);
}

TEST_MAIN("test-bench-proc", T(cpu_time_from_ticks), T(cpu_time_from_idle_stamps),
	  T(idle_stamps_that_disagree_are_not_trusted), T(cpu_rubbish_and_hotplug))
