/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iopath-uring as a load: its settings, its report, whole runs with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tests/bench-run.h"
#include "bench/uring.h"
#include "bench/why.h"
#include "bench/words.h"
#include "bench/workload.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/* ---- settings ---- */

TEST(settings_are_checked_before_anything_runs)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "target=/dev/sda\n", "the harness's to say" },
		{ "count=5\n", "the harness's to say" },
		{ "runtime=5s\n", "the harness's to say" },
		{ "layout\n", "the harness's to say" },
		{ "depth = 4\n", "not NAME=VALUE" },
		{ "size=1G\n", "on a device the harness says" },
		{ "# iopath: target=ext4\ndepth=4\n", "needs a size=" },
		{ "# iopath: target=files\n", "one file, not many" },
	};
	static const char good[] = "# why\n# iopath: target=ext4 cpus=2\n\nop=write\nsqpoll\nsize=64M\nrate=100\n";
	struct workload w = { 0 };
	struct why why = { 0 };

	ASSERT_EQ(workload_parse("u", WORKLOAD_URING, good, &w, &why), 0);
	ASSERT_STR(w.purpose, "why");
	ASSERT_TRUE(w.on_ext4 && !w.many_files && w.cpus == 2 && w.open_loop);
	workload_free(&w);
	ASSERT_EQ(workload_parse("u", WORKLOAD_URING, "# rate=5\ndepth=4\n", &w, &why), 0);
	ASSERT_TRUE(!w.open_loop);
	workload_free(&w);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		why = (struct why){ 0 };
		ASSERT_EQ(workload_parse("u", WORKLOAD_URING, bad[i].text, &w, &why), -EINVAL);
		if (!strstr(why.text, bad[i].says))
			printf("    %s\n", why.text);
		ASSERT_TRUE(strstr(why.text, bad[i].says) != NULL);
		ASSERT_EQ(why.code, EXIT_USAGE);
	}
}

TEST(words_become_an_argv)
{
	struct words w = { .nr = 0 };

	words_pin(&w, NULL);
	words_pin(&w, "2-3");
	words_add(&w, "prog%d", 7);
	words_add_settings(&w, "# no\r\n; neither\n\n  a=1\r\nflag\n");
	ASSERT_EQ(w.err, 0);
	ASSERT_EQ(w.nr, 6);
	ASSERT_STR(w.v[2], "2-3");
	ASSERT_STR(w.v[3], "prog7");
	ASSERT_STR(w.v[4], "--a=1");
	ASSERT_STR(w.v[5], "--flag");
	ASSERT_TRUE(!w.v[6]);
	for (int i = 0; i < WORDS_MAX; i++)
		words_add(&w, "x");
	ASSERT_EQ(w.err, -E2BIG);
	words_free(&w);
}

/* ---- its report ---- */

#define LATENCY "{\"count\":40,\"mean_ns\":100.5,\"min_ns\":1,\"p50_ns\":90,\"p90_ns\":110,\"p99_ns\":200,\"p99_9_ns\":300,\"p99_99_ns\":350,\"max_ns\":400,\"bins\":[1,1,90,20,110,18,400,1]}"
#define REPORT(schema, ios, short_ios, errors, intervals)                                                                  \
	"{\"type\":\"uring\",\"schema\":\"" schema "\",\"version\":\"1.2.3\",\"start_unix_ns\":5000000000,"                 \
	"\"runtime_ns\":250000000,\"ios\":" ios ",\"bytes\":163840,\"operations\":{\"read\":{\"count\":40,\"bytes\":163840," \
	"\"latency\":" LATENCY ",\"service\":null},\"write\":{\"count\":0,\"bytes\":0,\"latency\":null,\"service\":null},"  \
	"\"fsync\":{\"count\":3,\"bytes\":0,\"latency\":null,\"service\":null}},\"short_ios\":" short_ios ",\"errors\":"    \
	errors ",\"interval_ns\":100000000,\"intervals_ios\":" intervals "}\n"

TEST(a_report_is_taken_over)
{
	struct fio_series s = { 0 };
	struct fio_result r = { 0 };
	struct why why = { 0 };

	ASSERT_EQ(uring_parse(REPORT("iopath.uring/1", "40", "0", "{}", "[10,20,10]"), &r, &s, &why), 0);
	ASSERT_STR(r.version, "iopath-uring-1.2.3");
	ASSERT_EQ(r.ios, 40);
	ASSERT_EQ(r.bytes, 163840);
	ASSERT_EQ(r.job[0].syncs, 3);
	ASSERT_TRUE(r.job[0].runtime_s == .25);
	ASSERT_EQ(r.latency[FIO_READ].p999_ns, 300);
	ASSERT_EQ(r.latency[FIO_READ].bins.nr, 4);
	ASSERT_EQ(latency_bins_count(&r.latency[FIO_READ].bins), 40);
	ASSERT_EQ(r.latency[FIO_WRITE].count, 0);
	fio_result_free(&r);
	ASSERT_EQ(s.nr, 3);
	ASSERT_EQ(s.first_ms, 5000);
	ASSERT_EQ(s.last_ms, 5250); /* the last interval ends with the run */
	ASSERT_TRUE(fio_series_ios(&s, 5050, 5225) == 5 + 20 + 5);
	fio_series_free(&s);
}

TEST(a_report_that_is_none_gives_no_figure)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "", "no report" },
		{ "{\"type\":\"uring\"", "no report" },
		{ REPORT("iopath.uring/2", "40", "0", "{}", "[40]"), "not of schema" },
		{ REPORT("iopath.uring/1", "0", "0", "{}", "[0]"), "did no I/O" },
		{ REPORT("iopath.uring/1", "-1", "0", "{}", "[0]"), "ios" },
		{ REPORT("iopath.uring/1", "40", "0", "{}", "[-1]"), "intervals_ios" },
		{ REPORT("iopath.uring/1", "40", "0", "{}", "\"40\""), "intervals_ios" },
		{ REPORT("iopath.uring/1", "40", "2", "{}", "[40]"), "2 I/Os were short" },
		{ REPORT("iopath.uring/1", "40", "0", "{\"EIO\":7}", "[40]"), "7 I/Os failed with EIO" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fio_series s = { 0 };
		struct fio_result r;
		struct why why = { 0 };

		ASSERT_EQ(uring_parse(bad[i].text, &r, &s, &why), -EPROTO);
		if (!strstr(why.text, bad[i].says))
			printf("    %s\n", why.text);
		ASSERT_TRUE(strstr(why.text, bad[i].says) != NULL);
		fio_series_free(&s);
	}
}

/* ---- whole runs ---- */

static void run_of(const char *workload)
{
	_cleanup_free_ char *path = NULL;
	struct bench_run r;

	r = run_new("--arms off,off2 --quick --rounds 1:1 --window 200ms --max-steal 100 --workload");
	add(&r, workload);
	run_start(&r);
	run_end(&r);
	path = strdup(fmt("%s/out/results.jsonl", base));
	if (r.text && strstr(r.text, "no fixed rate holds")) {
		test_skip_reason = "the machine is too busy for any rate";
	} else {
		if (count_in(path, "\"version\":\"iopath-uring-") < 2)
			show(&r);
		ASSERT_TRUE(r.status == EXIT_INCONCLUSIVE || r.status == EXIT_ENVIRONMENT);
		ASSERT_TRUE(count_in(path, "\"version\":\"iopath-uring-") >= 2);
		/* what two runs must have in common to be compared */
		ASSERT_EQ(count_in(path, "\"uring\":\"iopath-uring "), 1);
		check_files("summary");
	}
	expect_clean();
	run_free(&r);
}

TEST(a_run_has_its_counts_and_its_rate)
{
	NEEDS_ROOT_AND_LOOP();
	run_of("uring-randrw-buffered");
}

/* Its rate is the file's in both passes: that it keeps it says nothing of a tracer's cost. */
TEST(an_open_loop_has_no_throughput)
{
	NEEDS_ROOT_AND_LOOP();
	run_of("uring-randread-open");
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"open_loop\":true"), 1);
	ASSERT_EQ(count_in(fmt("%s/out/verdict.json", base), "throughput_loss_pct"), 0);
	ASSERT_EQ(count_in(fmt("%s/out/verdict.json", base), "cpu_per_io_pct"), 1);
}

/* The run holds it exclusively, and so would the generator. */
TEST(it_writes_to_the_device_that_the_run_holds)
{
	NEEDS_ROOT_AND_LOOP();
	run_of("uring-seqwrite-qd8");
}

/* A loop device has no queues to poll: the set is skipped with what the generator said, the rest goes on. */
TEST(what_the_device_lacks_is_skipped)
{
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--arms off,off2 --quick --workload uring-randread-iopoll");
	run_start(&r);
	run_end(&r);
	v = verdict();
	if (r.status != EXIT_SKIPPED)
		show(&r);
	ASSERT_EQ(r.status, EXIT_SKIPPED);
	ASSERT_STR(verdict_text(v), "SKIPPED");
	ASSERT_TRUE(r.text && strstr(r.text, "has no queues to poll") != NULL);
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"failed\":true"), 0);
	check_files("summary");
	expect_clean();
	json_decref(v);
	run_free(&r);
}

TEST_MAIN("bench-uring", T(settings_are_checked_before_anything_runs), T(words_become_an_argv), T(a_report_is_taken_over),
	  T(a_report_that_is_none_gives_no_figure), T(a_run_has_its_counts_and_its_rate), T(an_open_loop_has_no_throughput),
	  T(it_writes_to_the_device_that_the_run_holds), T(what_the_device_lacks_is_skipped))
