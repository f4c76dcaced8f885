/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histograms of latencies: merged, read back, asked for percentiles. */
#include <errno.h>
#include <string.h>

#include "bench/fio.h"
#include "bench/latency.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

TEST(bins_ascend_in_whatever_order_they_come)
{
	struct latency_bins b = { 0 }, more = { 0 };

	for (uint64_t i = 0; i < 300; i++)
		ASSERT_EQ(latency_bins_add(&b, i * 7 % 300, 1), 0);
	for (uint64_t i = 0; i < 400; i += 2)
		ASSERT_EQ(latency_bins_add(&more, i, 2), 0);
	ASSERT_EQ(latency_bins_merge(&b, &more), 0);
	ASSERT_EQ(b.nr, 350);
	ASSERT_EQ(latency_bins_count(&b), 700);
	for (unsigned int i = 0; i < b.nr; i++) {
		ASSERT_TRUE(!i || b.bin[i].ns > b.bin[i - 1].ns);
		ASSERT_EQ(b.bin[i].n, b.bin[i].ns >= 300 ? 2 : b.bin[i].ns % 2 ? 1 : 3);
	}
	latency_bins_free(&b);
	latency_bins_free(&more);
}

TEST(a_quantile_is_the_lowest_value_that_so_many_do_not_exceed)
{
	struct latency_bins b = { 0 };

	ASSERT_EQ(latency_bins_quantile(&b, .5), 0);
	for (uint64_t i = 1; i <= 100; i++)
		ASSERT_EQ(latency_bins_add(&b, i * 10, 1), 0);
	for (uint64_t i = 1; i <= 100; i++)
		ASSERT_EQ(latency_bins_quantile(&b, (double)i / 100), i * 10);
	ASSERT_EQ(latency_bins_quantile(&b, .505), 510);
	latency_bins_free(&b);
}

TEST(bins_that_are_none_are_refused)
{
	static const struct {
		const char *text, *says;
	} t[] = {
		{ "{\"bins\":[1,2,3,4]}", "" },
		{ "{\"bins\":null}", "" },
		{ "{\"bins\":[1,2,3,3]}", "not all of 6" },
		{ "{\"bins\":[1,2,3,4,5]}", "not all of 6" },
		{ "{\"bins\":[1,2,3,5]}", "not ascending" },
		{ "{\"bins\":[3,2,1,4]}", "not ascending" },
		{ "{\"bins\":[1,2,1,4]}", "not ascending" },
		{ "{\"bins\":[1,6,3,0]}", "not ascending" },
		{ "{\"bins\":[-1,6]}", "not ascending" },
		{ "{\"bins\":[1,-6]}", "not ascending" },
		{ "{\"bins\":[\"1\",6]}", "not ascending" },
		{ "{\"bins\":{\"1\":6}}", "bins" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct why why = { 0 };
		struct reader r = { .path = "x", .line = 1, .why = &why };
		struct latency_bins b = { 0 };
		json_t *o = json_loads(t[i].text, 0, NULL);

		latency_bins_get(&r, o, 6, &b);
		ASSERT_EQ(r.err ? 1 : 0, t[i].says[0] ? 1 : 0);
		if (!strstr(why.text, t[i].says))
			printf("    %s: %s\n", t[i].text, why.text);
		ASSERT_TRUE(strstr(why.text, t[i].says) != NULL);
		ASSERT_EQ(b.nr, i ? 0 : 2);
		latency_bins_free(&b);
		json_decref(o);
	}
}

#define JOB(name, n, p, bins)                                                                              \
	"{\"jobname\":\"" name "\",\"error\":0,\"job_runtime\":1000,\"read\":{\"total_ios\":" #n ",\"io_bytes\":1," \
	"\"clat_ns\":{\"N\":" #n ",\"mean\":5,\"max\":900,\"percentile\":{\"50.000000\":" #p ",\"99.000000\":" #p "}" bins \
	"}},\"write\":{},\"sync\":{}}"
#define FIO(jobs) "{\"fio version\":\"fio-3.33\",\"jobs\":[" jobs "]}"

/* Nine in ten I/Os are of a fast job: half of all are fast, which the slow job's percentile is not. */
TEST(percentiles_of_several_jobs_are_of_all_their_ios)
{
	static const char text[] = FIO(JOB("fast", 90, 20, ",\"bins\":{\"10\":40,\"20\":50}") ","
				       JOB("slow", 10, 800, ",\"bins\":{\"20\":1,\"800\":9}"));
	struct fio_result r;
	struct why why = { 0 };
	struct reader rd = { .path = "x", .line = 1, .why = &why };
	struct fio_latency again = { 0 };
	json_t *o;

	ASSERT_EQ(fio_parse(text, &r, &why), 0);
	ASSERT_EQ(r.latency[FIO_READ].p50_ns, 20);
	ASSERT_EQ(r.latency[FIO_READ].p90_ns, 20);
	ASSERT_EQ(r.latency[FIO_READ].p99_ns, 800);
	ASSERT_EQ(r.latency[FIO_READ].bins.nr, 3);
	o = fio_latency_json(&r);
	fio_latency_get(&rd, o, "read", "p999_ns", &again);
	ASSERT_EQ(rd.err, 0);
	ASSERT_EQ(again.bins.nr, 3);
	ASSERT_TRUE(again.bins.nr == 3 && again.bins.bin[1].ns == 20 && again.bins.bin[1].n == 51);
	ASSERT_TRUE(!json_object_get(json_object_get(o, "write"), "bins"));
	latency_bins_free(&again.bins);
	fio_result_free(&r);
	json_decref(o);
}

TEST(without_the_bins_of_a_job_they_are_the_worst_jobs)
{
	static const char *const text[] = {
		FIO(JOB("fast", 90, 20, ",\"bins\":{\"10\":40,\"20\":50}") "," JOB("slow", 10, 800, "")),
		FIO(JOB("fast", 90, 20, ",\"bins\":{\"10\":40,\"20\":50}") "," JOB("slow", 10, 800, ",\"bins\":{\"20\":1}")),
	};

	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		struct fio_result r;
		struct why why = { 0 };

		ASSERT_EQ(fio_parse(text[i], &r, &why), 0);
		ASSERT_EQ(r.latency[FIO_READ].p50_ns, 800);
		ASSERT_EQ(r.latency[FIO_READ].bins.nr, 0);
		fio_result_free(&r);
	}
}

TEST(bins_of_fio_that_nothing_can_have_are_an_error)
{
	struct fio_result r;
	struct why why = { 0 };

	ASSERT_EQ(fio_parse(FIO(JOB("a", 9, 20, ",\"bins\":{\"10\":8,\"x\":1}")), &r, &why), -EPROTO);
	ASSERT_EQ(fio_parse(FIO(JOB("a", 9, 20, ",\"bins\":{\"10\":10,\"20\":-1}")), &r, &why), -EPROTO);
}

TEST_MAIN("test-bench-latency", T(bins_ascend_in_whatever_order_they_come),
	  T(a_quantile_is_the_lowest_value_that_so_many_do_not_exceed), T(bins_that_are_none_are_refused),
	  T(percentiles_of_several_jobs_are_of_all_their_ios), T(without_the_bins_of_a_job_they_are_the_worst_jobs),
	  T(bins_of_fio_that_nothing_can_have_are_an_error))
