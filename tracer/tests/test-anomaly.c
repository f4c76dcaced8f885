/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each anomaly on made-up figures: told when it is one, not told just below the limit, nor on normal figures. */
#include <errno.h>
#include <string.h>

#include "tracer/anomaly.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { US = 1000, MS = 1000000 };

static struct anomaly_limits limits;

static void setup(void)
{
	anomaly_limits_init(&limits);
}

static double value(const struct anomaly *a, const char *name)
{
	for (u32 i = 0; i < a->nr_values; i++)
		if (!strcmp(a->values[i].name, name))
			return a->values[i].v;
	printf("    no value %s\n", name);
	CU_ASSERT(0);
	return -1;
}

static struct anomaly_history quiet;

/* 1000 reads of 4 KiB in 100 us each, on one device. */
static struct anomaly_process normal_process(void)
{
	struct anomaly_process p = { .pid = 7, .comm = "db", .bios = 1000, .history = &quiet };
	struct who_stats *r = &p.s[WHO_READ];

	quiet = (struct anomaly_history){ 0 };
	for (int i = 0; i < 20; i++)
		anomaly_history_add(&quiet, 131071);
	r->count = 1000;
	r->bytes = 4096000;
	r->sum_ns = 1000 * 100 * US;
	r->max_ns = p.max_at_least_ns = 120 * US;
	r->lat[who_bucket(100 * US, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 1000;
	p.max_at_least_bytes = 4096;
	return p;
}

/* A second of 10000 requests: 100 us each, 5 us of that before the device; fsyncs that do not wait. */
static struct anomaly_device normal_device(void)
{
	return (struct anomaly_device){ .dev = 1, .name = "nvme0n1", .window_ns = 1000 * MS,
					.count = 10000, .q2g_ns = 10000 * 2 * US, .g2i_ns = 10000 * US,
					.i2d_ns = 10000 * 2 * US, .total_ns = 10000ull * 100 * US,
					.tags = 64, .flushes = 100, .flush_ns = 100 * 110 * US,
					.flush_commands = 90, .flush_command_ns = 90 * 100 * US };
}

static struct anomaly_system normal_system(void)
{
	return (struct anomaly_system){ .writes = 1000, .write_ns = 1000 * MS, .throttle_ns = 9 * MS };
}

TEST(normal_figures_are_no_anomaly)
{
	struct anomaly_process p = normal_process(), idle = { .history = &quiet };
	struct anomaly_device d[3] = { normal_device(), normal_device(), normal_device() }, none = { 0 };
	struct anomaly_system s = normal_system(), quiet_system = { 0 };
	struct anomaly a;

	setup();
	for (int i = 0; i < 2; i++, p = idle) {
		CU_ASSERT(!anomaly_high_latency(&limits, &p, &a));
		CU_ASSERT(!anomaly_outsized_io(&limits, &p, &a));
		CU_ASSERT(!anomaly_latency_spike(&limits, &p, &a));
		CU_ASSERT(!anomaly_device_switching(&limits, &p, &a));
	}
	for (int i = 0; i < 2; i++, d[0] = d[1] = d[2] = none) {
		CU_ASSERT(!anomaly_tag_starved(&limits, &d[0], &a));
		CU_ASSERT(!anomaly_queue_bound(&limits, &d[0], &a));
		CU_ASSERT(!anomaly_flush_serialised(&limits, &d[0], &a));
		CU_ASSERT(!anomaly_device_imbalance(&limits, d, 3, &a));
	}
	CU_ASSERT(!anomaly_writeback_throttled(&limits, &s, &a));
	CU_ASSERT(!anomaly_writeback_throttled(&limits, &quiet_system, &a));
}

TEST(high_latency)
{
	struct anomaly_process p = normal_process();
	struct anomaly a;

	setup();
	p.max_at_least_ns = 100 * MS - 1;
	CU_ASSERT(!anomaly_high_latency(&limits, &p, &a));
	p.max_at_least_ns = 100 * MS;
	CU_ASSERT(anomaly_high_latency(&limits, &p, &a));
	ASSERT_EQ(a.tag, ANOMALY_HIGH_LATENCY);
	ASSERT_EQ(a.pid, 7);
	ASSERT_STR(a.name, "db");
	ASSERT_EQ(value(&a, "max_ns"), 100 * MS);
	ASSERT_EQ(value(&a, "mean_ns"), 100 * US);
	ASSERT_EQ(value(&a, "ios"), 1000);
}

TEST(outsized_io)
{
	struct anomaly_process p = normal_process();
	struct anomaly a;

	setup();
	p.max_at_least_bytes = 8 << 20;
	CU_ASSERT(!anomaly_outsized_io(&limits, &p, &a));
	p.max_at_least_bytes = (8 << 20) + 1;
	CU_ASSERT(anomaly_outsized_io(&limits, &p, &a));
	ASSERT_EQ(value(&a, "max_bytes"), (8 << 20) + 1);
	ASSERT_EQ(value(&a, "mean_bytes"), 4096);
}

/* The slowest percent at 2 ms, with a past of 131 us. */
TEST(latency_spike)
{
	struct anomaly_process p = normal_process();
	struct who_stats *r = &p.s[WHO_READ];
	struct anomaly_history young = { 0 };
	struct anomaly a;

	setup();
	r->lat[who_bucket(2 * MS, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 20;
	r->lat[who_bucket(100 * US, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 980;
	r->max_ns = 2 * MS;
	CU_ASSERT(anomaly_latency_spike(&limits, &p, &a));
	ASSERT_EQ(value(&a, "p99_below_ns"), 2 * MS);
	ASSERT_EQ(value(&a, "used_to_ns"), 131071);
	/* one in a thousand is none */
	r->lat[who_bucket(2 * MS, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 1;
	r->lat[who_bucket(100 * US, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 999;
	CU_ASSERT(!anomaly_latency_spike(&limits, &p, &a));
	r->lat[who_bucket(2 * MS, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 20;
	r->lat[who_bucket(100 * US, WHO_LAT_MIN_EXP, NR_WHO_LATS)] = 980;
	/* nor what a process has always had, nor of one that is hardly known */
	for (int i = 0; i < ANOMALY_HISTORY; i++)
		anomaly_history_add(&quiet, 2 * MS);
	CU_ASSERT(!anomaly_latency_spike(&limits, &p, &a));
	for (int i = 0; i < 7; i++)
		anomaly_history_add(&young, 131071);
	p.history = &young;
	CU_ASSERT(!anomaly_latency_spike(&limits, &p, &a));
	anomaly_history_add(&young, 131071);
	CU_ASSERT(anomaly_latency_spike(&limits, &p, &a));
	limits.v[LIMIT_LATENCY_SPIKE_floor] = 3 * MS;
	CU_ASSERT(!anomaly_latency_spike(&limits, &p, &a));
}

/* A few spikes in the past do not move what a process is used to. */
TEST(the_median_of_the_past_is_robust)
{
	struct anomaly_history h = { 0 };

	ASSERT_EQ(anomaly_history_median(&h), 0);
	for (int i = 0; i < 100; i++)
		anomaly_history_add(&h, i % 4 ? 100 : 1000000);
	ASSERT_EQ(h.nr, ANOMALY_HISTORY);
	ASSERT_EQ(anomaly_history_median(&h), 100);
}

TEST(device_switching)
{
	struct anomaly_process p = normal_process();
	struct anomaly a;

	setup();
	p.switches = 499;
	CU_ASSERT(!anomaly_device_switching(&limits, &p, &a));
	p.switches = 500;
	CU_ASSERT(anomaly_device_switching(&limits, &p, &a));
	CU_ASSERT(value(&a, "switch_share") == 0.5);
	p.bios = p.switches = 99;
	CU_ASSERT(!anomaly_device_switching(&limits, &p, &a));
}

/* All 64 tags in use, and 2 ms of 8 ms waiting for one: starved. The same wait with few in use: a throttle. */
TEST(tag_starved_or_queue_bound)
{
	struct anomaly_device d = normal_device();
	struct anomaly a;

	setup();
	d.q2g_ns = 10000ull * 4 * MS;
	d.total_ns = d.q2g_ns + 60ull * 1000 * MS;
	CU_ASSERT(anomaly_tag_starved(&limits, &d, &a));
	ASSERT_EQ(value(&a, "mean_wait_ns"), 4 * MS);
	CU_ASSERT(value(&a, "wait_share") == 0.4);
	ASSERT_EQ(value(&a, "mean_in_flight"), 60);
	ASSERT_EQ(value(&a, "tags"), 64);
	CU_ASSERT(!anomaly_queue_bound(&limits, &d, &a));
	d.total_ns = d.q2g_ns + 2ull * 1000 * MS;
	CU_ASSERT(!anomaly_tag_starved(&limits, &d, &a));
	CU_ASSERT(anomaly_queue_bound(&limits, &d, &a));
	ASSERT_EQ(value(&a, "mean_q2g_ns"), 4 * MS);
	d.tags = 0;
	CU_ASSERT(!anomaly_tag_starved(&limits, &d, &a));
}

TEST(queue_bound_by_the_scheduler)
{
	struct anomaly_device d = normal_device();
	struct anomaly a;

	setup();
	d.i2d_ns = 10000ull * 3 * MS;
	d.total_ns = 10000ull * 5 * MS;
	CU_ASSERT(anomaly_queue_bound(&limits, &d, &a));
	ASSERT_EQ(value(&a, "mean_i2d_ns"), 3 * MS);
	/* the device takes longer */
	d.total_ns = 10000ull * 7 * MS;
	CU_ASSERT(!anomaly_queue_bound(&limits, &d, &a));
	d = normal_device();
	d.i2d_ns = d.total_ns / 2;
	CU_ASSERT(!anomaly_queue_bound(&limits, &d, &a));
}

TEST(flush_serialised)
{
	struct anomaly_device d = normal_device();
	struct anomaly a;

	setup();
	d.flush_ns = 100 * 200 * US;
	CU_ASSERT(anomaly_flush_serialised(&limits, &d, &a));
	CU_ASSERT(value(&a, "wait_factor") == 2);
	d.flushes = 19;
	d.flush_ns = 19 * 200 * US;
	CU_ASSERT(!anomaly_flush_serialised(&limits, &d, &a));
	/* no command was seen to end: nothing to compare with */
	d.flushes = 100;
	d.flush_commands = 0;
	d.flush_command_ns = 0;
	CU_ASSERT(!anomaly_flush_serialised(&limits, &d, &a));
}

TEST(device_imbalance)
{
	struct anomaly_device d[3] = { normal_device(), normal_device(), normal_device() };
	struct anomaly a;

	setup();
	d[1].name = "sdb";
	d[1].count = 39999;
	CU_ASSERT(!anomaly_device_imbalance(&limits, d, 3, &a));
	d[1].count = 40000;
	CU_ASSERT(anomaly_device_imbalance(&limits, d, 3, &a));
	ASSERT_STR(a.name, "sdb");
	ASSERT_EQ(value(&a, "mean_of_others"), 10000);
	/* one that does nothing at all */
	d[0].count = 0;
	CU_ASSERT(anomaly_device_imbalance(&limits, d, 2, &a));
	CU_ASSERT(!anomaly_device_imbalance(&limits, d, 1, &a));
	d[1].count = 99;
	CU_ASSERT(!anomaly_device_imbalance(&limits, d, 2, &a));
}

TEST(writeback_throttled)
{
	struct anomaly_system s = normal_system();
	struct anomaly a;

	setup();
	s.throttle_ns = 200 * MS;
	CU_ASSERT(anomaly_writeback_throttled(&limits, &s, &a));
	CU_ASSERT(value(&a, "throttled_share") == 0.2);
	s = (struct anomaly_system){ .writes = 1, .write_ns = 9 * MS, .throttle_ns = 9 * MS };
	CU_ASSERT(!anomaly_writeback_throttled(&limits, &s, &a));
}

TEST(limits_by_word)
{
	char why[ANOMALY_WHY_LEN];

	setup();
	ASSERT_EQ(anomaly_limits_word(&limits, "HIGH_LATENCY.latency=5ms", why), 0);
	ASSERT_EQ(limits.v[LIMIT_HIGH_LATENCY_latency], 5 * MS);
	ASSERT_EQ(anomaly_limits_word(&limits, "OUTSIZED_IO.size=64k", why), 0);
	ASSERT_EQ(limits.v[LIMIT_OUTSIZED_IO_size], 65536);
	ASSERT_EQ(anomaly_limits_word(&limits, "QUEUE_BOUND.share=25%", why), 0);
	CU_ASSERT(limits.v[LIMIT_QUEUE_BOUND_share] == 0.25);
	ASSERT_EQ(anomaly_limits_word(&limits, "LATENCY_SPIKE.factor=2.5", why), 0);
	ASSERT_EQ(anomaly_limits_word(&limits, "LATENCY_SPIKE.min_ios=7", why), 0);
	ASSERT_EQ(limits.v[LIMIT_LATENCY_SPIKE_min_ios], 7);
	ASSERT_EQ(anomaly_limits_word(&limits, "QUEUE_BOUND.enabled=no", why), 0);
	CU_ASSERT(limits.off[ANOMALY_QUEUE_BOUND] && !limits.off[ANOMALY_TAG_STARVED]);
}

TEST(limits_that_make_no_sense)
{
	static const char *const words[][2] = {
		{ "HIGH_LATENCY", "not TAG.key=value" },
		{ "HIGH_LATENCY.latency", "not TAG.key=value" },
		{ "SLOW.latency=5ms", "no such anomaly" },
		{ "HIGH_LATENCY.size=5", "has no limit size" },
		{ "HIGH_LATENCY.latency=5", "is not a duration" },
		{ "OUTSIZED_IO.size=big", "is not a size" },
		{ "QUEUE_BOUND.share=130%", "is not a share" },
		{ "QUEUE_BOUND.share=-1", "is not a share" },
		{ "LATENCY_SPIKE.factor=0.5", "is not a number of 1 or more" },
		{ "LATENCY_SPIKE.windows=-3", "is not a number" },
		{ "QUEUE_BOUND.enabled=maybe", "neither yes nor no" },
	};
	struct anomaly_limits before;

	setup();
	before = limits;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		char why[ANOMALY_WHY_LEN] = "";

		ASSERT_EQ(anomaly_limits_word(&limits, words[i][0], why), -EINVAL);
		if (!strstr(why, words[i][1]))
			printf("    %s: \"%s\"\n", words[i][0], why);
		CU_ASSERT(strstr(why, words[i][1]) != NULL);
	}
	CU_ASSERT(!memcmp(before.v, limits.v, sizeof(before.v)));
}

static int read_ini(const char *text, char why[static ANOMALY_WHY_LEN])
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	int r = anomaly_limits_read(&limits, f, why);

	fclose(f);
	return r;
}

TEST(limits_by_file)
{
	char why[ANOMALY_WHY_LEN] = "";

	setup();
	ASSERT_EQ(read_ini("; ours\n[HIGH_LATENCY]\nlatency = 20ms\n[OUTSIZED_IO]\nenabled = no\n", why), 0);
	ASSERT_EQ(limits.v[LIMIT_HIGH_LATENCY_latency], 20 * MS);
	CU_ASSERT(limits.off[ANOMALY_OUTSIZED_IO]);
	/* all of it or nothing, and the first line that is wrong */
	ASSERT_EQ(read_ini("[HIGH_LATENCY]\nlatency = 30ms\nlatncy = 1ms\nx = y\n", why), -EINVAL);
	ASSERT_STR(why, "line 3: HIGH_LATENCY has no limit latncy");
	ASSERT_EQ(limits.v[LIMIT_HIGH_LATENCY_latency], 20 * MS);
	ASSERT_EQ(read_ini("[HIGH_LATENCY]\nrubbish\n", why), -EINVAL);
	CU_ASSERT(!strncmp(why, "line 2:", 7));
}

TEST_MAIN("anomaly", T(normal_figures_are_no_anomaly), T(high_latency), T(outsized_io), T(latency_spike),
	  T(the_median_of_the_past_is_robust), T(device_switching), T(tag_starved_or_queue_bound),
	  T(queue_bound_by_the_scheduler), T(flush_serialised), T(device_imbalance), T(writeback_throttled),
	  T(limits_by_word), T(limits_that_make_no_sense), T(limits_by_file))
