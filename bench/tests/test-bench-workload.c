/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Job files, sysbench's settings and output, commands; the fixed rate's pace. */
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/stop.h"
#include "bench/sysbench.h"
#include "bench/tests/canned.h"
#include "bench/workload.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

#define NEAR(a, b, tol) ASSERT_TRUE(fabs((a) - (b)) <= (tol))

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
	/* over the whole time, and with a log of buckets, not of each I/O */
	ASSERT_TRUE(strstr(strstr(text, "[global]\n"), "\ntime_based\n") != NULL);
	ASSERT_TRUE(strstr(text, "\nlog_avg_msec=100\n") && strstr(text, "\nlog_unix_epoch=1\n"));
	/* the pacer must not write a log: what applies to all comes after it */
	ASSERT_TRUE(strstr(text, PACER_JOB) < strstr(text, "write_iops_log=cell"));
	workload_free(&w);
}

#define MAN_WORDS 64

/* Of the man page's part @section, the list behind the line @begin. Its words may be patterns. */
static size_t man_list(char *page, const char *section, const char *begin, const char *words[static MAN_WORDS])
{
	char *at = strstr(page, section), *save = NULL;
	size_t nr = 0;

	at = at ? strstr(at, begin) : NULL;
	if (!at)
		return 0;
	for (char *w = strtok_r(at + strlen(begin), " ,\n", &save); w && strcmp(w, ".") && strcmp(w, "and"); w = strtok_r(NULL, " ,\n", &save))
		if (strcmp(w, ".Cm") && nr < MAN_WORDS)
			words[nr++] = w;
	return nr;
}

/* Each of @keys stands there, and nothing else does. */
static void expect_in_man_page(const char *const *keys, const char *section, const char *begin)
{
	_cleanup_free_ char *page = NULL;
	const char *words[MAN_WORDS];
	bool used[MAN_WORDS] = { false };
	size_t nr;

	ASSERT_EQ(file_read("bench/iopath-bench.8.in", &page), 0);
	nr = man_list(page, section, begin, words);
	for (size_t k = 0; keys[k]; k++) {
		bool found = false;

		for (size_t i = 0; i < nr; i++)
			if (!fnmatch(words[i], keys[k], 0))
				used[i] = found = true;
		if (!found)
			printf("    not in the man page behind %s: %s\n", section + 1, keys[k]);
		ASSERT_TRUE(found);
	}
	for (size_t i = 0; i < nr; i++) {
		if (!used[i])
			printf("    in the man page behind %s alone: %s\n", section + 1, words[i]);
		ASSERT_TRUE(used[i]);
	}
}

/* What a user's job file says of where, how long, how fast, which seed and which logs is the harness's to say. */
TEST(what_a_job_file_says_for_nothing_is_told)
{
	struct workload w = { 0 };
	struct why why = { 0 };
	char text[100];

	ASSERT_EQ(workload_parse("mine", WORKLOAD_FIO,
				 "# purpose\n[global]\nruntime=60\nbs=4k\n[a]\nrw=read\n  rate_iops=500\n# loops=3\n", &w, &why), 0);
	workload_unused(&w, text, sizeof(text));
	ASSERT_STR(text, "runtime=60 (line 3), rate_iops=500 (line 7)");
	workload_unused(&w, text, 40);
	ASSERT_STR(text, "runtime=60 (line 3) and 1 more");
	workload_free(&w);
	ASSERT_EQ(workload_parse("mine", WORKLOAD_FIO, "[a]\nrw=read\nbs=4k", &w, &why), 0);
	workload_unused(&w, text, sizeof(text));
	ASSERT_STR(text, "");
	workload_free(&w);
}

TEST(what_the_harness_says_a_job_file_does_not)
{
	static const char *const keys[] = {
		"filename", "directory", "filename_format", "runtime", "timeout", "time_based", "ramp_time", "loops",
		"number_ios", "io_size", "io_limit", "rate", "rate_iops", "rate_min", "rate_process", "thinktime",
		"thinktime_blocks", "thinkcycles", "flow", "flow_id", "flow_sleep", "write_bw_log", "write_lat_log",
		"write_iops_log", "write_hist_log", "write_iolog", "log_avg_msec", "log_unix_epoch", "per_job_logs",
		"group_reporting", "randrepeat", "allrandrepeat", "randseed", "rand_seed", "disk_util", "steadystate",
		"steadystate_duration", "ss", "ss_ramp", "ss_dur", "exitall", "exitall_on_error", "create_only", "unlink",
		"status-interval", "lat_percentiles", "percentile_list", "slat_percentiles", "clat_percentiles",
	};
	struct job_params p = { .filename = "/mnt/f", .runtime_ms = 1500, .log_prefix = "cell" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *job = NULL, *text = NULL;
		struct workload w = { 0 };
		struct why why = { 0 };

		ASSERT_TRUE(asprintf(&job, "[a]\nrw=read\n%s=4711\nbs=4k\n", keys[i]) > 0);
		ASSERT_EQ(workload_parse("w", WORKLOAD_FIO, job, &w, &why), 0);
		ASSERT_EQ(workload_render(&w, &p, &text), 0);
		if (strstr(text, "4711"))
			printf("    %s\n", keys[i]);
		ASSERT_TRUE(!strstr(text, "4711"));
		ASSERT_TRUE(strstr(text, "bs=4k\n") && strstr(text, "rw=read\n"));
		/* the same offsets in every cell, so in every arm */
		ASSERT_TRUE(strstr(text, "\nrandrepeat=1\n") != NULL);
		workload_free(&w);
	}
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
					   "file-test-mode=rndrd\nrate=5\n", "# iopath: cpus=x\nfile-test-mode=rndrd\n",
					   "file-test-mode=rndrd\nfile-fsync-end=on\n", "file-test-mode=rndrd\nrand_seed=5\n" };
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

TEST(values_of_sysbench_are_checked)
{
	static const char *const good[] = { "file-num=1", "file_num=16", "file-block-size=4096", "file-block-size=16K", "file-total-size=2G",
					    "file-test-mode=seqrewr", "file-io-mode=mmap", "file-async-backlog=128", "file-extra-flags=",
					    "file-extra-flags=direct", "file-extra-flags=sync,direct", "file-fsync-freq=0",
					    "file-fsync-mode=fdatasync", "file-merged-requests=0", "file-rw-ratio=1.5", "file-rw-ratio=0",
					    "file-fsync-all=on", "threads=4" };
	static const char *const bad[] = { "file-num=0", "file-num=banana", "file-num=-3", "file-num=", "file_num=x", "file-num=99999999999",
					   "file-block-size=0", "file-block-size=16Q", "file-block-size=16KiB", "file-block-size=1.5K",
					   "file-total-size=-1", "file-test-mode=foo", "file-test-mode=", "file-test-mode=rnd",
					   "file-io-mode=sync,async", "file-async-backlog=0", "file-extra-flags=odd", "file-extra-flags=sync,odd",
					   "file-fsync-freq=-1", "file-fsync-mode=none", "file-merged-requests=x", "file-rw-ratio=-1",
					   "file-rw-ratio=abc" };

	for (size_t i = 0; i < ARRAY_SIZE(good) + ARRAY_SIZE(bad); i++) {
		bool is_good = i < ARRAY_SIZE(good);
		const char *line = is_good ? good[i] : bad[i - ARRAY_SIZE(good)];
		_cleanup_free_ char *text = NULL, *begins = NULL;
		struct workload w = { 0 };
		struct why why = { 0 };
		int err;

		ASSERT_TRUE(asprintf(&text, "# why\nfile-test-mode=rndrd\n%s\r\n", line) > 0);
		ASSERT_TRUE(asprintf(&begins, "workload s:3: %s", line) > 0);
		err = workload_parse("s", WORKLOAD_SYSBENCH, text, &w, &why);
		if (err != (is_good ? 0 : -EINVAL))
			printf("    %s\n", line);
		ASSERT_EQ(err, is_good ? 0 : -EINVAL);
		ASSERT_TRUE(is_good || (why.code == EXIT_USAGE && !strncmp(why.text, begins, strlen(begins))));
		workload_free(&w);
	}
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

TEST(list_shows_each_workload_with_its_purpose)
{
	char **names = NULL, program[512], *argv[] = { program, "list", NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end = { .status = -1 };
	unsigned int nr = 0;

	canned_program(program);
	stop_install();
	ASSERT_EQ(child_run(argv, 30 * NS_PER_S, &out, &end), 0);
	ASSERT_EQ(end.status, 0);
	ASSERT_EQ(workload_names("workloads", &names, &nr), 0);
	for (unsigned int i = 0; i < nr; i++) {
		struct workload w = { 0 };
		struct why why = { 0 };
		char line[512];

		ASSERT_EQ(workload_load(names[i], "workloads", &w, &why), 0);
		snprintf(line, sizeof(line), "\n%c %-28s %s\n", w.is_default ? '*' : ' ', w.name, w.purpose);
		ASSERT_TRUE(out && strstr(out, line) != NULL);
		workload_free(&w);
		free(names[i]);
	}
	free(names);
	ASSERT_TRUE(out && strstr(out, "\nArms (--arms)\n") && strstr(out, "\nDevices (--device)\n") &&
		    strstr(out, "none mq-deadline bfq kyber"));
}

/* As 1.0.20 and 1.1.0 print it. 1.1 has its rates and its latency, and neither a time nor a count of events. */
static const char sysbench_10[] =
	"sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)\n\nRunning the test with following options:\n"
	"Number of threads: 1\nInitializing random number generator from seed (1).\n\n\nExtra file open flags: (none)\n"
	"128 files, 256KiB each\n32MiB total file size\nBlock size 16KiB\nNumber of IO requests: 0\n"
	"Read/Write ratio for combined random IO test: 1.50\nPeriodic FSYNC enabled, calling fsync() each 100 requests.\n"
	"Using synchronous I/O mode\nDoing random r/w test\nInitializing worker threads...\n\nThreads started!\n\n\n"
	"File operations:\n    reads/s:                      478.28\n    writes/s:                     318.86\n"
	"    fsyncs/s:                     989.95\n\nThroughput:\n    read, MiB/s:                  7.47\n"
	"    written, MiB/s:               4.98\n\nGeneral statistics:\n    total time:                          2.0007s\n"
	"    total number of events:              3587\n\nLatency (ms):\n"
	"         min:                                    0.00\n         avg:                                    0.55\n"
	"         max:                                   22.61\n         95th percentile:                        1.86\n"
	"         sum:                                 1981.04\n\nThreads fairness:\n"
	"    events (avg/stddev):           3587.0000/0.00\n    execution time (avg/stddev):   1.9810/0.00\n\n";
static const char sysbench_11[] =
	"sysbench 1.1.0 (using bundled LuaJIT 2.1.0-beta3)\n\nRunning the test with following options:\n"
	"Number of threads: 1\nInitializing random number generator from seed (1).\n\n\nExtra file open flags: (none)\n"
	"128 files, 256KiB each\n32MiB total file size\nBlock size 16KiB\nNumber of IO requests: 0\n"
	"Read/Write ratio for combined random IO test: 1.50\nPeriodic FSYNC enabled, calling fsync() each 100 requests.\n"
	"Using synchronous I/O mode\nDoing random r/w test\nInitializing worker threads...\n\nThreads started!\n\n\n"
	"Throughput:\n         read:  IOPS=478.28 7.47 MiB/s (7.84 MB/s)\n"
	"         write: IOPS=318.86 4.98 MiB/s (5.22 MB/s)\n         fsync: IOPS=989.95\n\nLatency (ms):\n"
	"         min:                                  0.00\n         avg:                                  0.55\n"
	"         max:                                 22.61\n         95th percentile:                      1.86\n"
	"         sum:                               1981.04\n\n";

TEST(sysbench_of_both_dialects)
{
	static const char *const texts[] = { sysbench_10, sysbench_11 };
	static const char *const versions[] = { "sysbench-1.0.20", "sysbench-1.1.0" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct sysbench_result r = { 0 };
		struct why why = { 0 };

		ASSERT_EQ(sysbench_parse(texts[i], &r, &why), 0);
		ASSERT_STR(r.version, versions[i]);
		NEAR(r.reads_s, 478.28, 1e-9);
		NEAR(r.writes_s, 318.86, 1e-9);
	}
}

TEST(sysbench_that_failed_is_quoted)
{
	static const struct {
		const char *text, *says;
	} t[] = {
		{ "", "how many reads" },
		{ "sysbench 1.0.20\nFATAL: Cannot open file 'test_file.0' errno = 2 (No such file)\n", "Cannot open file" },
		{ "General statistics:\n total time: 10s\n total number of events: 5\n", "how many reads" },
		{ "reads/s: 5.00\nwrites/s:", "how many reads" },
		{ "read: IOPS=5.00\nfsync: IOPS=5.00\n", "how many reads" },
		{ "read: 5.00\nwrite: 5.00\nfsync: 5.00\n", "how many reads" },
		{ "reads/s: 0.00\nwrites/s: 0.00\nfsyncs/s: 9.00\n", "no I/O" },
		{ "read: IOPS=0.00\nwrite: IOPS=0.00\nfsync: IOPS=9.00\n", "no I/O" },
		{ "reads/s: nan\nwrites/s: 1.00\nfsyncs/s: 0.00\n", "how many reads" },
		{ "reads/s: inf\nwrites/s: 1.00\nfsyncs/s: 0.00\n", "how many reads" },
		{ "reads/s: -5.00\nwrites/s: 1.00\nfsyncs/s: 0.00\n", "how many reads" },
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

/* Its --rate counts events: a rate of reads and writes needs as many more as there are fsyncs among them. */
TEST(sysbench_counts_fsyncs_as_events)
{
	static const struct {
		const char *settings;
		double events_per_io;
	} t[] = {
		{ "file-test-mode=rndrd\n", 1 },
		{ "file-test-mode=seqrd\nfile-num=16\n", 1 },
		{ "file-test-mode=rndrw\n", 2.28 },
		{ "file_test_mode=rndwr\nfile_num=16\n", 1.16 },
		{ "# file-num=5\nfile-test-mode=seqwr\nfile-num=16\nfile-fsync-freq=10\n", 2.6 },
		{ "file-test-mode=rndwr\r\nfile-num=8\r\nfile-num=50\n", 1.5 },
		{ "file-test-mode=rndwr\nfile-fsync-freq=0\n", 1 },
		{ "file-test-mode=rndwr\nfile-fsync-all=on\n", 1 },
		{ "file-test-mode=rndwr\nfile-fsync-all=1\n", 1 },
		{ "file-test-mode=rndwr\nfile-fsync-all=off\n", 2.28 },
		/* every second request is a write: no fsync behind a read */
		{ "file-test-mode=rndrw\nfile-rw-ratio=1\nfile-num=4\nfile-fsync-freq=1\n", 3 },
		{ "file-test-mode=rndwr\nfile-num=4\nfile-fsync-freq=1\n", 5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		NEAR(sysbench_events_per_io(t[i].settings), t[i].events_per_io, 1e-9);
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

TEST(what_is_refused_is_in_the_man_page)
{
	static const struct {
		enum workload_kind kind;
		const char *text, *section, *begin;	/* with the setting on its third line */
	} t[] = {
		{ WORKLOAD_FIO, "[a]\nrw=read\n%s=1\n", "\n.It Pa .fio\n", "\nRefused, as a cell is one steady state:\n" },
		{ WORKLOAD_SYSBENCH, "# a\nfile-test-mode=rndrd\n%s=1\n", "\n.It Pa .sysbench\n", "\nRefused:\n" },
		{ WORKLOAD_URING, "# a\nop=read\n%s=1\n", "\n.It Pa .uring\n", "\nRefused:\n" },
	};

	expect_in_man_page(workload_dropped(), "\n.It Pa .fio\n", "Dropped:\n");
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		const char *const *keys = workload_refused(t[i].kind);

		expect_in_man_page(keys, t[i].section, t[i].begin);
		for (size_t k = 0; keys[k]; k++) {
			char job[256];
			struct workload w = { 0 };
			struct why why = { 0 };

			snprintf(job, sizeof(job), t[i].text, keys[k]);
			ASSERT_EQ(workload_parse("w", t[i].kind, job, &w, &why), -EINVAL);
			ASSERT_TRUE(strstr(why.text, "workload w:3: ") != NULL);
		}
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

TEST_MAIN("test-bench-workload", T(workload_first_line_and_directive),
	  T(workload_render_owns_where_how_long_and_how_fast), T(what_a_job_file_says_for_nothing_is_told), T(what_the_harness_says_a_job_file_does_not),
	  T(clones_are_jobs_with_pacers_of_their_own_at_a_fixed_rate),
	  T(workloads_of_sysbench_and_commands), T(values_of_sysbench_are_checked),
	  T(shipped_workloads_are_usable_and_say_what_for),
	  T(list_shows_each_workload_with_its_purpose),
	  T(sysbench_of_both_dialects), T(sysbench_that_failed_is_quoted),
	  T(sysbench_counts_fsyncs_as_events),
	  T(workload_that_is_not_one_steady_state_is_refused), T(what_is_refused_is_in_the_man_page),
	  T(pace_is_a_sleeping_pacer_times_weights))
