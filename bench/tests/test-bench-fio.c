/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fio prints and logs. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "bench/fio.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define NEAR(a, b, tol) ASSERT_TRUE(fabs((a) - (b)) <= (tol))

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

/* fio --client has its jobs, and a sum of them, under another name: no figure may come of a part of that. */
TEST(a_report_of_fios_client_is_an_error)
{
	static const char text[] = "{\"fio version\":\"fio-3.33\",\"global options\":{},\"client_stats\":["
				   FIO_JOB("a", 0, 100, 0, 0) "," FIO_JOB("All clients", 0, 100, 0, 0) "],\"disk_util\":[]}\n";
	struct fio_result r = { .ios = 4711 };
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(text, &r, &why), -EPROTO);
	ASSERT_EQ(why.code, EXIT_HARNESS);
	ASSERT_TRUE(strstr(why.text, "fio ran no job") != NULL);
	ASSERT_EQ(r.ios, 4711);
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

/* Of --status-interval: the first is not the whole run. */
TEST(a_second_report_is_an_error)
{
	static const char text[] = FIO_JSON(FIO_JOB("a", 0, 10, 0, 0)) FIO_JSON(FIO_JOB("a", 0, 100, 20, 3));
	struct fio_result r;
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(text, &r, &why), -EPROTO);
	ASSERT_STR(why.text, "fio wrote more than one report");
}

/* "clat" in us and "io_bytes" in KiB: no figure is taken from such a report. */
TEST(fio_2_is_refused)
{
	static const char text[] = "{\"fio version\":\"fio-2.16\",\"jobs\":[{\"jobname\":\"a\",\"error\":0,"
				   "\"read\":{\"total_ios\":100,\"io_bytes\":400,\"clat\":{\"mean\":12.5,\"max\":99}},"
				   "\"write\":{\"total_ios\":0,\"io_bytes\":0}}]}";
	struct fio_result r;
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(text, &r, &why), -EPROTO);
	ASSERT_STR(why.text, "fio-2.16 is too old: 3.0 is needed");
	ASSERT_EQ(why.code, EXIT_ENVIRONMENT);
}

TEST_MAIN("test-bench-fio", T(fio_json_behind_rubbish), T(fio_sums_jobs_and_leaves_the_pacer_out),
	  T(fio_error_of_any_job_is_seen), T(fio_without_json_is_an_error_that_quotes_it), T(a_report_of_fios_client_is_an_error),
	  T(fio_log_gives_the_ios_of_a_window), T(a_log_whose_clock_was_set_says_so),
	  T(numbers_that_nothing_can_have_are_no_figures), T(a_second_report_is_an_error), T(fio_2_is_refused))
