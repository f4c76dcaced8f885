/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others write and we read: fio, /proc, sysfs, a tracer's summary, the command line. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "bench/arm.h"
#include "bench/cmd.h"
#include "bench/cpu.h"
#include "bench/device-make.h"
#include "bench/fio.h"
#include "bench/file.h"
#include "bench/guard.h"
#include "bench/setting.h"
#include "bench/sysbench.h"
#include "bench/tracer.h"
#include "bench/workload.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define NEAR(a, b, tol) ASSERT_TRUE(fabs((a) - (b)) <= (tol))

/* ---- fio ---- */

#define FIO_JOB(name, error, reads, writes, syncs)                                              \
	"{\"jobname\":\"" name "\",\"error\":" #error ",\"job_runtime\":2000,"                   \
	"\"read\":{\"total_ios\":" #reads ",\"io_bytes\":" #reads "e3,\"clat_ns\":{\"N\":" #reads \
	",\"mean\":12000.5,\"max\":99000,\"percentile\":{\"50.000000\":11000,\"90.000000\":12000,"   \
	"\"99.000000\":20000,\"99.900000\":40000}}},"                                               \
	"\"write\":{\"total_ios\":" #writes ",\"io_bytes\":" #writes "e3,\"clat_ns\":{\"N\":0}},"   \
	"\"sync\":{\"total_ios\":" #syncs ",\"lat_ns\":{\"N\":" #syncs ",\"mean\":5.0,\"max\":9}}}"
#define FIO_JSON(jobs) "{\"fio version\":\"fio-3.33\",\n\"jobs\":[" jobs "]}\n"

TEST(fio_json_behind_rubbish)
{
	static const char text[] = "fio: this platform does not support foo\n"
				   "note: {not json} in a line\n" FIO_JSON(FIO_JOB("a", 0, 100, 20, 3))
				   "trailing talk\n";
	struct fio_result r;
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(text, &r, &why), 0);
	ASSERT_EQ(r.ios, 120);
	ASSERT_EQ(r.bytes, 120000);
	ASSERT_EQ(r.error, 0);
	ASSERT_STR(r.version, "fio-3.33");
	ASSERT_TRUE(strstr(r.prefix, "does not support foo") != NULL);
	ASSERT_EQ(r.latency[FIO_READ].p99_ns, 20000);
	ASSERT_EQ(r.latency[FIO_READ].p999_ns, 40000);
	ASSERT_EQ(r.latency[FIO_WRITE].count, 0);
	ASSERT_EQ(r.latency[FIO_SYNC].count, 3);
	ASSERT_EQ(r.job[0].syncs, 3);
}

TEST(fio_sums_jobs_and_leaves_the_pacer_out)
{
	static const char text[] = FIO_JSON(FIO_JOB(PACER_JOB, 0, 9999, 0, 0) ","
					    FIO_JOB("a", 0, 100, 0, 0) "," FIO_JOB("b", 0, 50, 7, 0));
	struct fio_result r;
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(text, &r, &why), 0);
	ASSERT_EQ(r.nr_jobs, 2);
	ASSERT_EQ(r.ios, 157);
	NEAR(r.latency[FIO_READ].mean_ns, 12000.5, .01);
	ASSERT_EQ(r.latency[FIO_READ].count, 150);
}

TEST(fio_error_of_any_job_is_seen)
{
	static const char text[] = FIO_JSON(FIO_JOB("a", 0, 1, 0, 0) "," FIO_JOB("b", 5, 0, 0, 0));
	struct fio_result r;
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(text, &r, &why), 0);
	ASSERT_EQ(r.error, 5);
}

TEST(fio_without_json_is_an_error_that_quotes_it)
{
	static const char *const bad[] = { "", "fio: engine io_uring not loadable\n",
					   "{ \"jobs\": [ {\"jobname\": ", "{\"jobs\":[]}", "{}",
					   "{\"jobs\":[{\"jobname\":\"a\"}]}", "{\"jobs\":[3]}" };
	struct fio_result r;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct why why = { 0 };

		ASSERT_EQ(fio_parse(bad[i], &r, &why), -EPROTO);
		ASSERT_TRUE(why.text[0] != '\0');
		if (i == 1)
			ASSERT_TRUE(strstr(why.text, "io_uring not loadable") != NULL);
	}
}

TEST(fio_log_gives_the_ios_of_a_window)
{
	/* 100 ms buckets: 1000 IOPS, then 2000; reads and writes apart */
	static const char text[] = "1100, 1000, 0, 0, 0\n1200, 2000, 0, 0, 0\n1300, 2000, 0, 0, 0\n"
				   "1100, 500, 1, 0, 0\n1200, 500, 1, 0, 0\nrubbish\n1300, 500, 1, 0, 0\n";
	struct fio_series s = { 0 };

	ASSERT_EQ(fio_series_add(&s, text), 0);
	ASSERT_EQ(s.nr, 6);
	ASSERT_EQ(s.first_ms, 1000);
	ASSERT_EQ(s.last_ms, 1300);
	NEAR(s.ios, 100 + 200 + 200 + 150, 1e-6);
	NEAR(fio_series_ios(&s, 1100, 1300), 400 + 100, 1e-6);
	NEAR(fio_series_ios(&s, 1150, 1250), 200 + 50, 1e-6);
	NEAR(fio_series_ios(&s, 2000, 3000), 0, 1e-6);
	ASSERT_TRUE(fio_series_unsteady(&s, 1000, 1300));
	ASSERT_TRUE(!fio_series_unsteady(&s, 1100, 1300));
	fio_series_free(&s);
}

/* ---- workloads ---- */

TEST(a_log_whose_clock_was_set_says_so)
{
	struct fio_series s = { 0 }, back = { 0 };

	ASSERT_EQ(fio_series_add(&s, "1100, 1000, 0, 0, 0\n1200, 2000, 0, 0, 0\n1100, 2000, 1, 0, 0\n"), 0);
	ASSERT_TRUE(!s.stepped);
	ASSERT_EQ(fio_series_add(&back, "5100, 1000, 0, 0, 0\n1200, 2000, 0, 0, 0\n"), 0);
	ASSERT_TRUE(back.stepped);
	fio_series_free(&s);
	fio_series_free(&back);
}

TEST(numbers_that_nothing_can_have_are_no_figures)
{
	static const char text[] = FIO_JSON(FIO_JOB("a", 0, 100000000000000000000000000.0, 20, 3));
	struct fio_result r;
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(text, &r, &why), -EPROTO);
	ASSERT_TRUE(strstr(why.text, "a number of job a that nothing can have") != NULL);
}

static const char job_text[] = "# what it is for\n# iopath: target=ext4 cpus=2\n\n[global]\nbs=4k\n"
			       "runtime=60\nrate_iops=5\n[one]\nrw=randread\nfilename=/dev/sda\n"
			       "write_iops_log=x\nnumjobs=2\n[two]\nrw=write\n";

TEST(workload_first_line_and_directive)
{
	struct workload w = { 0 };
	struct why why = { 0 };

	ASSERT_EQ(workload_parse("w", WORKLOAD_FIO, job_text, &w, &why), 0);
	ASSERT_STR(w.purpose, "what it is for");
	ASSERT_TRUE(w.on_ext4);
	ASSERT_EQ(w.cpus, 2);
	workload_free(&w);
	ASSERT_EQ(workload_parse("w", WORKLOAD_FIO, "[a]\nrw=read\n", &w, &why), 0);
	ASSERT_TRUE(!w.on_ext4 && !w.cpus);
	workload_free(&w);
}

TEST(workload_render_owns_where_how_long_and_how_fast)
{
	struct pace pace = { .pacer_iops = 50, .nr = 2, .weight = { 700, 30 } };
	struct job_params p = { .filename = "/mnt/f", .runtime_ms = 1500, .cpus = "1",
				.log_prefix = "cell", .pace = &pace };
	_cleanup_free_ char *text = NULL;
	struct workload w = { 0 };
	struct why why = { 0 };

	ASSERT_EQ(workload_parse("w", WORKLOAD_FIO, job_text, &w, &why), 0);
	ASSERT_EQ(workload_render(&w, &p, &text), 0);
	ASSERT_TRUE(!strstr(text, "/dev/sda") && !strstr(text, "rate_iops=5\n") &&
		    !strstr(text, "runtime=60") && !strstr(text, "write_iops_log=x"));
	ASSERT_TRUE(strstr(text, "filename=/mnt/f\n") && strstr(text, "runtime=1500ms\n"));
	ASSERT_TRUE(strstr(text, "[one]\nflow_id=1\nflow=700\n") && strstr(text, "[two]\nflow_id=2\nflow=30\n"));
	ASSERT_TRUE(strstr(text, "[" PACER_JOB "]") && strstr(text, "rate_iops=50\n"));
	ASSERT_TRUE(!strstr(text, "numjobs") && strstr(text, "bs=4k\n"));
	/* the pacer must not write a log: what applies to all comes after it */
	ASSERT_TRUE(strstr(text, PACER_JOB) < strstr(text, "write_iops_log=cell"));
	workload_free(&w);
}

static int count_of(const char *text, const char *word)
{
	int n = 0;

	for (const char *p = text; (p = strstr(p, word)); p++)
		n++;
	return n;
}

TEST(clones_are_jobs_with_pacers_of_their_own_at_a_fixed_rate)
{
	struct pace pace = { .pacer_iops = 50, .nr = 2, .weight = { 7, 3 }, .clones = { 2, 1 } };
	struct job_params p = { .filename = "/mnt/f", .runtime_ms = 1500 };
	_cleanup_free_ char *free_run = NULL, *paced = NULL;
	struct workload w = { 0 };
	struct why why = { 0 };

	ASSERT_EQ(workload_parse("w", WORKLOAD_FIO, job_text, &w, &why), 0);
	ASSERT_EQ(workload_render(&w, &p, &free_run), 0);
	p.pace = &pace;
	ASSERT_EQ(workload_render(&w, &p, &paced), 0);
	ASSERT_EQ(count_of(free_run, "[one]"), 1);
	ASSERT_EQ(count_of(free_run, "numjobs=2"), 1);
	ASSERT_EQ(count_of(free_run, "flow"), 0);
	ASSERT_EQ(count_of(paced, "[one]"), 2);
	ASSERT_EQ(count_of(paced, "[" PACER_JOB "]"), 3);
	ASSERT_EQ(count_of(paced, "flow_id=1\n"), 2); /* a pacer and its job */
	ASSERT_EQ(count_of(paced, "flow_id=3\n"), 2);
	ASSERT_EQ(count_of(paced, "flow=7\n"), 2);
	workload_free(&w);
}

TEST(workloads_of_sysbench_and_commands)
{
	static const char *const bad[] = { "", "file-num=3\n", "file-test-mode=rndrd\ntime=5\n", "rubbish\n",
					   "file-test-mode=rndrd\nrate=5\n", "# iopath: cpus=x\nfile-test-mode=a\n" };
	static const char *const bad_commands[] = { "", "x", "x=", "=y", "a b=c" };
	struct workload w = { 0 };
	struct why why = { 0 };

	ASSERT_EQ(workload_parse("s", WORKLOAD_SYSBENCH, "# why\n# iopath: cpus=1\n\nfile-test-mode=rndrd\n", &w, &why), 0);
	ASSERT_TRUE(w.on_ext4 && w.many_files && w.cpus == 1);
	ASSERT_STR(w.purpose, "why");
	workload_free(&w);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_TRUE(workload_parse("s", WORKLOAD_SYSBENCH, bad[i], &w, &why) < 0);
	ASSERT_EQ(workload_from_command("dd=dd if={dev} of=/dev/null a=b", &w, &why), 0);
	ASSERT_STR(w.name, "dd");
	ASSERT_STR(w.text, "dd if={dev} of=/dev/null a=b");
	ASSERT_TRUE(!w.on_ext4);
	workload_free(&w);
	ASSERT_EQ(workload_from_command("db=run {dir}", &w, &why), 0);
	ASSERT_TRUE(w.on_ext4 && w.many_files);
	workload_free(&w);
	for (size_t i = 0; i < ARRAY_SIZE(bad_commands); i++)
		ASSERT_TRUE(workload_from_command(bad_commands[i], &w, &why) < 0);
}

TEST(shipped_workloads_are_usable_and_say_what_for)
{
	char **names = NULL;
	unsigned int nr = 0, defaults = 0;

	ASSERT_EQ(workload_names("workloads", &names, &nr), 0);
	ASSERT_TRUE(nr >= 60);
	for (unsigned int i = 0; i < nr; i++) {
		struct workload w = { 0 };
		struct why why = { 0 };

		if (workload_load(names[i], "workloads", &w, &why))
			printf("    %s\n", why.text);
		ASSERT_STR(w.name, names[i]);
		ASSERT_TRUE(w.purpose && strlen(w.purpose) > 20);
		/* fio does not say how many there were, and the fixed rate needs to know */
		ASSERT_TRUE(w.text && (w.kind != WORKLOAD_FIO || !strstr(w.text, "fdatasync")));
		defaults += w.is_default;
		workload_free(&w);
		free(names[i]);
	}
	ASSERT_EQ(defaults, 3);
	free(names);
}

/* ---- sysbench ---- */

/* Of sysbench 1.0.20 and of 1.1.0, shortened. */
static const char sysbench_10[] =
	"sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)\n\nRunning the test with following options:\n"
	"File operations:\n    reads/s:                      2395.12\n    writes/s:                     1596.75\n"
	"    fsyncs/s:                     5108.38\n\nThroughput:\n    read, MiB/s:                  37.42\n"
	"General statistics:\n    total time:                          10.0103s\n"
	"    total number of events:              91023\n\nLatency (ms):\n         min:    0.00\n";
static const char sysbench_11[] =
	"sysbench 1.1.0 (using bundled LuaJIT 2.1.0-beta3)\n\nThroughput:\n         read:  IOPS=2395.12 37.42 MiB/s (39.24 MB/s)\n"
	"         write: IOPS=1596.75 24.95 MiB/s (26.16 MB/s)\n         fsync: IOPS=5108.38\n\nLatency (ms):\n"
	"General statistics:\n    time elapsed:                        10.0103s\n    total number of events:              91023\n";

TEST(sysbench_of_both_dialects)
{
	static const char *const texts[] = { sysbench_10, sysbench_11 };
	static const char *const versions[] = { "sysbench-1.0.20", "sysbench-1.1.0" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct sysbench_result r = { 0 };
		struct why why = { 0 };

		ASSERT_EQ(sysbench_parse(texts[i], &r, &why), 0);
		ASSERT_STR(r.version, versions[i]);
		ASSERT_EQ(r.events, 91023);
		NEAR(r.time_s, 10.0103, 1e-9);
		NEAR(r.reads_s, 2395.12, 1e-9);
		NEAR(r.writes_s, 1596.75, 1e-9);
		NEAR(r.fsyncs_s, 5108.38, 1e-9);
	}
}

TEST(sysbench_that_failed_is_quoted)
{
	static const struct {
		const char *text, *says;
	} t[] = {
		{ "", "how many events" },
		{ "sysbench 1.0.20\nFATAL: Cannot open file 'test_file.0' errno = 2 (No such file)\n", "Cannot open file" },
		{ "General statistics:\n total time: 10s\n", "how many events" },
		{ "total number of events: 5\n", "how long" },
		{ "total number of events: 0\ntotal time: 10.0s\n", "no I/O" },
		{ "total number of events: 5\ntotal time: 0.0s\n", "no I/O" },
		{ "total number of events: nan\ntotal time: 1.0s\n", "how many events" },
		{ "total number of events: -5\ntotal time: 1.0s\n", "how many events" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct sysbench_result r;
		struct why why = { 0 };

		ASSERT_EQ(sysbench_parse(t[i].text, &r, &why), -EPROTO);
		if (!strstr(why.text, t[i].says))
			printf("    %s\n", why.text);
		ASSERT_TRUE(strstr(why.text, t[i].says) != NULL);
	}
}

TEST(workload_that_is_not_one_steady_state_is_refused)
{
	static const char *const bad[] = { "[a]\nstonewall\n", "[a]\nexec_prerun=rm -rf /\n",
					   "[global]\nbs=4k\n", "", "# iopath: target=xfs\n[a]\n",
					   "# iopath: cpus=0\n[a]\n" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct workload w = { 0 };
		struct why why = { 0 };

		ASSERT_TRUE(workload_parse("w", WORKLOAD_FIO, bad[i], &w, &why) < 0);
		ASSERT_EQ(why.code, EXIT_USAGE);
		ASSERT_TRUE(strstr(why.text, "workload w") != NULL);
	}
}

TEST(pace_is_a_sleeping_pacer_times_weights)
{
	static const double rates[] = { 35, 100, 5000, 35000, 224123, 900000 };

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		struct pace p;
		double total;

		ASSERT_EQ(pace_plan(&rates[i], 1, &p, &total), 0);
		ASSERT_TRUE(p.weight[0] >= 1 && p.weight[0] <= 1000);
		ASSERT_TRUE(p.pacer_iops >= 1 && p.pacer_iops <= 1000);
		NEAR(total / rates[i], 1, .05);
	}
	ASSERT_EQ(pace_plan(rates, 0, &(struct pace){ 0 }, &(double){ 0 }), -EINVAL);
	ASSERT_EQ(pace_plan(&(double){ 0 }, 1, &(struct pace){ 0 }, &(double){ 0 }), -EINVAL);
}

/* ---- /proc ---- */

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

/* ---- sysfs ---- */

TEST(scheduler_lists)
{
	char now[16];

	ASSERT_EQ(scheduler_current("none [mq-deadline] kyber", now, sizeof(now)), 0);
	ASSERT_STR(now, "mq-deadline");
	ASSERT_EQ(scheduler_current("[none]", now, sizeof(now)), 0);
	ASSERT_STR(now, "none");
	ASSERT_EQ(scheduler_current("none", now, sizeof(now)), -EPROTO);
	ASSERT_EQ(scheduler_current("[a-name-that-is-too-long]", now, sizeof(now)), -EPROTO);
	ASSERT_TRUE(scheduler_offered("[none] mq-deadline kyber bfq\n", "bfq"));
	ASSERT_TRUE(scheduler_offered("[none] mq-deadline", "none"));
	ASSERT_TRUE(!scheduler_offered("[none] mq-deadline", "deadline"));
	ASSERT_TRUE(!scheduler_offered("[none] mq-deadline", "mq"));
	ASSERT_TRUE(!scheduler_offered("", "none"));
}

/* A world of fixtures below a new directory. */
struct world {
	char dir[64], sysfs[80], mountinfo[80], swaps[80];
	struct guard_world w;
};

static void put(const struct world *w, const char *path, const char *text)
{
	char full[256], *slash;

	snprintf(full, sizeof(full), "%s/%s", w->dir, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	ASSERT_EQ(file_make_dirs(full), 0);
	*slash = '/';
	if (slash[1])
		ASSERT_EQ(file_replace(full, text), 0);
}

static void make_world(struct world *w, const char *mountinfo, const char *swaps)
{
	strcpy(w->dir, "/tmp/test-bench-guard.XXXXXX");
	ASSERT_TRUE(mkdtemp(w->dir) != NULL);
	snprintf(w->sysfs, sizeof(w->sysfs), "%s/sys", w->dir);
	snprintf(w->mountinfo, sizeof(w->mountinfo), "%s/mountinfo", w->dir);
	snprintf(w->swaps, sizeof(w->swaps), "%s/swaps", w->dir);
	w->w = (struct guard_world){ w->sysfs, w->mountinfo, w->swaps };
	put(w, "mountinfo", mountinfo);
	put(w, "swaps", swaps);
	put(w, "sys/dev/block/8:0/holders/", "");
	put(w, "sys/dev/block/8:0/sda1/partition", "1\n");
	put(w, "sys/dev/block/8:0/sda1/dev", "8:1\n");
	put(w, "sys/dev/block/8:0/sda1/holders/", "");
	put(w, "sys/dev/block/8:0/queue/scheduler", "[none]\n");
}

static void end_world(const struct world *w)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	ASSERT_EQ(system(command), 0);
}

#define SWAPS_HEAD "Filename Type Size Used Priority\n"
#define ROOT_MOUNT "21 1 254:0 / / rw - ext4 /dev/vda rw\n"

static int check(const struct world *w, struct why *why)
{
	*why = (struct why){ 0 };
	return guard_in_use(&w->w, "/dev/sda", 8, 0, why);
}

TEST(guard_lets_a_free_disk_pass)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT, SWAPS_HEAD "/dev/zram0 partition 1 0 -1\n");
	ASSERT_EQ(check(&w, &why), 0);
	end_world(&w);
}

TEST(guard_refuses_what_is_mounted)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT "22 1 8:0 / /data rw - ext4 /dev/sda rw\n", SWAPS_HEAD);
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_EQ(why.code, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(why.text, "/dev/sda") && strstr(why.text, "mounted at /data"));
	end_world(&w);
	make_world(&w, ROOT_MOUNT "22 1 8:1 / /data rw - ext4 /dev/sda1 rw\n", SWAPS_HEAD);
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "sda1 is mounted") != NULL);
	end_world(&w);
}

TEST(guard_refuses_swap_and_members)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT, SWAPS_HEAD "/dev/sda1 partition 1 0 -1\n");
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "swap") != NULL);
	end_world(&w);
	make_world(&w, ROOT_MOUNT, SWAPS_HEAD);
	put(&w, "sys/dev/block/8:0/sda1/holders/dm-3", "");
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "dm-3") != NULL);
	end_world(&w);
	make_world(&w, ROOT_MOUNT, SWAPS_HEAD);
	put(&w, "sys/dev/block/8:0/holders/md0", "");
	ASSERT_EQ(check(&w, &why), -EBUSY);
	ASSERT_TRUE(strstr(why.text, "md0") != NULL);
	end_world(&w);
}

TEST(guard_does_not_trust_what_it_cannot_read)
{
	struct world w;
	struct why why;

	make_world(&w, ROOT_MOUNT, SWAPS_HEAD);
	unlink(w.mountinfo);
	ASSERT_TRUE(check(&w, &why) < 0);
	ASSERT_TRUE(strstr(why.text, "cannot tell") != NULL);
	end_world(&w);
}

/* ---- a tracer's summary ---- */

#define SUMMARY(devices, lost)                                                                \
	"{\"type\":\"summary\",\"schema\":1,\"tier\":\"block\",\"devices\":" devices             \
	",\"coverage\":{\"seen\":9,\"finished\":9,\"in_flight\":0,\"lost\":" lost "},\"cost\":{}}"
#define LOOP0(n) "[{\"name\":\"sda\",\"ops\":[{\"op\":\"read\",\"count\":5}]},"                    \
		 "{\"name\":\"loop0\",\"ops\":[{\"op\":\"read\",\"count\":" #n "},{\"op\":\"write\",\"count\":2}]}]"

static void summary_fault(const char *text, bool floor, const char *want, uint64_t ios, uint64_t lost)
{
	struct tracer_report r = { 0 };

	tracer_read_summary(text, "loop0", floor, &r);
	if (want)
		ASSERT_TRUE(strstr(r.fault, want) != NULL);
	else
		ASSERT_STR(r.fault, "");
	ASSERT_EQ(r.traced_ios, ios);
	ASSERT_EQ(r.lost, lost);
	tracer_report_free(&r);
}

TEST(summary_is_the_last_line_and_counts_our_device)
{
	summary_fault("{\"type\":\"interval\"}\n" SUMMARY(LOOP0(40), "{\"ring_full\":3,\"map_full\":4}") "\n",
		      false, NULL, 42, 7);
}

TEST(missing_summary_or_nothing_traced_is_a_fault)
{
	summary_fault("", false, "no summary", 0, 0);
	summary_fault("{\"type\":\"interval\"}\n", false, "no summary", 0, 0);
	summary_fault("{\"type\":\"summary\",", false, "no summary", 0, 0);
	summary_fault("{\"type\":\"summary\"}", false, "no devices", 0, 0);
	summary_fault(SUMMARY("[]", "{}"), false, "no I/O on loop0", 0, 0);
	summary_fault(SUMMARY("[]", "{}"), true, NULL, 0, 0);
}

/* ---- the command line ---- */

static struct opt_list list(char **v)
{
	struct opt_list l = { .v = v };

	while (v && v[l.nr])
		l.nr++;
	return l;
}

static int arms(char **names, char **commands, char **ready, struct arm_list *ret, struct why *why)
{
	struct opt_list n = list(names), c = list(commands), r = list(ready), none = { 0 };

	*why = (struct why){ 0 };
	return arm_list_parse(&(struct arm_words){ &n, &c, &r, &none, 7 }, ret, why);
}

TEST(arms_always_have_off_and_its_twin)
{
	char *names[] = { "full", "block:empty", NULL };
	struct arm_list l;
	struct why why;

	ASSERT_EQ(arms(names, NULL, NULL, &l, &why), 0);
	ASSERT_EQ(l.nr, 4);
	ASSERT_STR(l.v[l.off].name, "off");
	ASSERT_STR(l.v[l.twin].name, "off2");
	ASSERT_STR(l.v[2].tier, "full");
	ASSERT_TRUE(!l.v[2].floor && l.v[3].floor);
	ASSERT_STR(l.v[3].tier, "block");
}

TEST(arms_of_others)
{
	char *names[] = { "off", "off2", "snoop", NULL };
	char *commands[] = { "snoop=biosnoop -d {disk} a=b", "bt=bpftrace x.bt {dev}", NULL };
	char *ready[] = { "bt=^Attach", "^Tracing", NULL };
	struct device d = { .path = "/dev/loop7", .name = "loop7" };
	_cleanup_free_ char *text = NULL;
	struct arm_list l;
	struct why why;

	ASSERT_EQ(arms(names, commands, ready, &l, &why), 0);
	ASSERT_EQ(l.nr, 4);
	ASSERT_STR(l.v[2].command, "biosnoop -d {disk} a=b");
	ASSERT_STR(l.v[2].ready, "^Tracing");
	ASSERT_EQ(l.v[2].delay_ns, 7);
	ASSERT_EQ(arm_expand("a {disk} {dev} {x} {disk}", &d, "/d", &text), 0);
	ASSERT_STR(text, "a loop7 /dev/loop7 {x} loop7");
}

TEST(arms_that_are_none)
{
	char *bad_names[][2] = { { "fulll", NULL }, { "off:empty", NULL }, { "full:x", NULL }, { "", NULL } };
	char *bad_commands[][2] = { { "x", NULL }, { "=x", NULL }, { "x=", NULL }, { "full=x", NULL },
				    { "a/b=x", NULL } };
	char *none[] = { NULL }, *twice[] = { "full", "full", NULL }, *re[] = { "(", NULL };
	struct arm_list l;
	struct why why;

	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		ASSERT_TRUE(arms(bad_names[i], none, none, &l, &why) < 0);
		ASSERT_EQ(why.code, EXIT_USAGE);
		ASSERT_TRUE(strstr(why.text, bad_names[i][0]) != NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_commands); i++) {
		ASSERT_TRUE(arms(none, bad_commands[i], none, &l, &why) < 0);
		ASSERT_EQ(why.code, EXIT_USAGE);
	}
	ASSERT_EQ(arms(twice, none, none, &l, &why), -EEXIST);
	ASSERT_TRUE(arms(none, none, re, &l, &why) < 0);
}

TEST(device_specs)
{
	static const char *const bad[] = { "", "sda", "loop:", "loop:size=", "loop:size=x", "loop:size=1k", "loop:depth=3",
					   "null_blk:irqmode=tinker", "null_blk:completion=20", "null_blk:queues=0",
					   "null_blk:no equals", "null_blk:UP=1", "scsi_debug:size=1500k", "zram" };
	struct device_spec s;
	struct order o;
	struct why why;

	ASSERT_EQ(device_spec_parse("loop", &s, &why), 0);
	ASSERT_TRUE(s.maker == &device_maker_loop);
	ASSERT_EQ(order_parse(s.maker, "", &o, &why), 0);
	ASSERT_STR(order_value(&o, "size"), "512");
	ASSERT_EQ(order_parse(s.maker, "size=1G", &o, &why), 0);
	ASSERT_STR(order_value(&o, "size"), "1024");
	ASSERT_EQ(o.nr, 1);
	ASSERT_EQ(device_spec_parse("/dev/sda", &s, &why), 0);
	ASSERT_TRUE(!s.maker);
	ASSERT_STR(s.text, "/dev/sda");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_TRUE(device_spec_parse(bad[i], &s, &why) < 0);
		ASSERT_EQ(why.code, EXIT_USAGE);
	}
}

TEST(orders_become_the_kernels_words)
{
	static const struct { const char *name, *value; } want[] = {
		{ "size", "1024" }, { "memory_backed", "0" }, { "irqmode", "2" }, { "completion_nsec", "20000" },
		{ "submit_queues", "4" }, { "hw_queue_depth", "64" }, { "queue_mode", "2" }, { "blocksize", "4096" },
		{ "mbps", "100" },
	};
	struct order o;
	struct why why;

	ASSERT_EQ(order_parse(&device_maker_null_blk,
			      "size=1G,irqmode=timer,completion=20us,queues=4,depth=64,queue_mode=mq,block=4k,mbps=100,memory_backed=0",
			      &o, &why), 0);
	ASSERT_EQ(o.nr, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ASSERT_STR(order_value(&o, want[i].name), want[i].value);
	ASSERT_EQ(order_parse(&device_maker_scsi_debug, "completion=0us,opts=1", &o, &why), 0);
	ASSERT_STR(order_value(&o, "ndelay"), "0");
	ASSERT_STR(order_value(&o, "dev_size_mb"), "256");
	ASSERT_STR(order_value(&o, "opts"), "1");
}

TEST(option_tables_are_sound)
{
	ASSERT_TRUE(opt_table_fault(cmd_run.options) == NULL);
	ASSERT_TRUE(opt_table_fault(cmd_list.options) == NULL);
	ASSERT_TRUE(opt_table_fault(cmd_preflight.options) == NULL);
}

TEST_MAIN("test-bench-parse", T(a_log_whose_clock_was_set_says_so), T(numbers_that_nothing_can_have_are_no_figures),
	  T(fio_json_behind_rubbish), T(fio_sums_jobs_and_leaves_the_pacer_out),
	  T(fio_error_of_any_job_is_seen), T(fio_without_json_is_an_error_that_quotes_it),
	  T(fio_log_gives_the_ios_of_a_window), T(workload_first_line_and_directive),
	  T(workload_render_owns_where_how_long_and_how_fast),
	  T(clones_are_jobs_with_pacers_of_their_own_at_a_fixed_rate),
	  T(workloads_of_sysbench_and_commands), T(shipped_workloads_are_usable_and_say_what_for),
	  T(sysbench_of_both_dialects), T(sysbench_that_failed_is_quoted),
	  T(workload_that_is_not_one_steady_state_is_refused),
	  T(pace_is_a_sleeping_pacer_times_weights), T(cpu_time_from_ticks),
	  T(cpu_time_from_idle_stamps), T(idle_stamps_that_disagree_are_not_trusted),
	  T(cpu_rubbish_and_hotplug), T(scheduler_lists), T(guard_lets_a_free_disk_pass),
	  T(guard_refuses_what_is_mounted), T(guard_refuses_swap_and_members),
	  T(guard_does_not_trust_what_it_cannot_read),
	  T(summary_is_the_last_line_and_counts_our_device),
	  T(missing_summary_or_nothing_traced_is_a_fault), T(arms_always_have_off_and_its_twin),
	  T(arms_of_others), T(arms_that_are_none), T(device_specs),
	  T(orders_become_the_kernels_words), T(option_tables_are_sound))
