/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of many operations of all sorts at once: the stages of each sum to its total,
 * each is told or counted as lost, and they are known from begin to end.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loop.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { DEVICE_BYTES = 400 << 20, MANY = 100000 };

static struct loop loop = { .fd = -1 };

/* One generator each, on a file of its own. */
static const struct mix {
	const char *words;
	int count, size;
} mix[] = {
	{ "--engine psync --fsync-every 100", 45000, 512 },
	{ "--engine psync --direct --fdatasync --fsync-every 500", 17000, 4096 },
	{ "--engine io_uring --direct --depth 16 --batch 4", 20000, 4096 },
	{ "--engine libaio --direct --depth 16 --batch 4", 20000, 4096 },
	{ "--engine mmap --fsync-every 1000", 8000, 4096 },
};

static const char *file_of(size_t i)
{
	return place_path("ext4/%zu", i);
}

/* All files are there, whole, and none is in the page cache. */
static const char *need_files(void)
{
	const char *why = loop_need(&loop, DEVICE_BYTES);

	if (why)
		return why;
	if (place_mount_ext4("ext4", loop.path, NULL))
		return "no ext4";
	for (size_t i = 0; i < ARRAY_SIZE(mix); i++) {
		struct proc p = {};
		int blocks = (mix[i].count * mix[i].size + 65535) / 65536;

		check_same("status", proc_line(&p, "known-count --target %s --op write --direct --contiguous --size 65536 --count %d",
					       file_of(i), blocks), 0);
		proc_free(&p);
	}
	return NULL;
}

static struct tally {
	int64_t operations, requests, uneven, worst_ns, outside;
	int64_t from_ns;
} tally;

static void take(json_t *line)
{
	int64_t sum = 0, total = number_at(line, "total_ns"), off;
	const char *level = text_at(line, "level"), *name;
	json_t *stage;

	json_object_foreach(json_at(line, "stages"), name, stage)
		sum += json_is_null(stage) ? 0 : json_integer_value(stage);
	off = llabs(sum - total);
	tally.worst_ns = off > tally.worst_ns ? off : tally.worst_ns;
	tally.uneven += off > 1000 || off * 100 > total;
	tally.outside += total <= 0 || number_at(line, "start_ns") <= 0;
	if (level && !strcmp(level, "operation"))
		tally.operations++;
	else
		tally.requests++;
}

static bool mix_ready(struct proc *p)
{
	bool ready = true;

	for (size_t i = 0; i < ARRAY_SIZE(mix); i++) {
		p[i] = (struct proc){};
		proc_start(&p[i], "known-count --target %s --op randrw --contiguous --count %d --size %d --wait %s", file_of(i),
			   mix[i].count, mix[i].size, mix[i].words);
		ready &= proc_until(&p[i], "ready", 20000);
	}
	return check_true("generators are ready", ready);
}

static void mix_run(struct proc *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(mix); i++)
		proc_signal(&p[i], SIGUSR1);
	for (size_t i = 0; i < ARRAY_SIZE(mix); i++)
		check_same(p[i].line, proc_wait(&p[i], 300000), 0);
}

/*
 * What the generators say that they did by an interface, against the report. A program that the kernel
 * skipped, because it would have interrupted itself, may have been an operation's end: it is counted.
 */
static void check_counts(const struct trace *t, struct proc *p)
{
	int64_t skipped = number_at(t->summary, "coverage.lost.recursion");
	static const char *const vias[] = { "syscall", "io_uring", "libaio" };
	static const char *const kinds[] = { "read", "write", "fsync", "fdatasync", "msync" };
	json_t *m[ARRAY_SIZE(mix)];

	for (size_t i = 0; i < ARRAY_SIZE(mix); i++)
		m[i] = json_loads(p[i].out.text, 0, NULL);
	for (size_t v = 0; v < ARRAY_SIZE(vias); v++)
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			int64_t want = 0;
			char what[64];

			for (size_t i = 0; i < ARRAY_SIZE(mix); i++) {
				json_t *ops = json_at(m[i], "ops"), *row;
				size_t j;

				json_array_foreach(ops, j, row)
					if (!strcmp(text_at(row, "via"), vias[v]) && !strcmp(text_at(row, "op"), kinds[k]))
						want += number_at(row, "count");
			}
			snprintf(what, sizeof(what), "%s by %s", kinds[k], vias[v]);
			check_between(what, trace_operation_count(t, kinds[k], vias[v]), want - skipped, want);
		}
	for (size_t i = 0; i < ARRAY_SIZE(mix); i++)
		json_decref(m[i]);
}

static void check_reconstructed(const struct trace *t)
{
	double percent = json_number_value(json_at(t->summary, "coverage.operations.reconstructed_percent"));

	check_between("reconstructed, 1/100 %", (int64_t)(100 * percent), 9990, 10000);
	printf("    %lld operations, %.4f %% reconstructed\n",
	       (long long)number_at(t->summary, "coverage.operations.finished"), percent);
}

/* Each operation is told, unless its record found no room. */
static void check_told(const struct trace *t)
{
	int64_t full = number_at(t->summary, "coverage.lost.ring_full"),
		finished = number_at(t->summary, "coverage.operations.finished");

	check_between("operations told, and at most those lost", finished, tally.operations, tally.operations + full);
	check_same("records whose stages do not sum to their total", tally.uneven, 0);
	check_same("records without a time", tally.outside, 0);
	check_same("the tracer's own count of those", number_at(t->summary, "coverage.lost.uneven"), 0);
	check_reconstructed(t);
	printf("    %lld operations and %lld requests told, %lld lost; sums at most %lld ns off\n", (long long)tally.operations,
	       (long long)tally.requests, (long long)full, (long long)tally.worst_ns);
}

static void one_round(void)
{
	struct proc p[ARRAY_SIZE(mix)];
	struct trace t = {};

	tally = (struct tally){};
	if (mix_ready(p) && trace_begin(&t, "--tier full --dev %s --sample 1/1", loop.name)) {
		mix_run(p);
		if (trace_end(&t, SIGINT)) {
			check_counts(&t, p);
			check_told(&t);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(mix); i++)
		proc_free(&p[i]);
	trace_free(&t);
}

/* On a machine that is busy otherwise records are lost, and it takes more than one round. */
TRACE_TEST(stages_of_100000_operations_sum_to_their_totals)
{
	const char *why = need_files();
	int64_t told = 0;

	if (why)
		TEST_SKIP(why);
	trace_each(take);
	for (int round = 1; told < MANY && round <= 5; round++) {
		check_case("round %d: buffered, direct, io_uring, libaio, fsync, mmap, all at once", round);
		one_round();
		told += tally.operations;
	}
	trace_each(NULL);
	check_between("operations told", told, MANY, INT64_MAX);
	place_umount("ext4");
}

enum { READS = 100000, RATE = 50000, PACE_ROUNDS = 5 };

struct pace {
	int64_t per_s, lost;
};

/* What is not told is counted, to the last, at any rate. */
static bool pace_round(struct pace *pace)
{
	struct trace t;
	char out[256];
	bool fine;

	tally = (struct tally){};
	*pace = (struct pace){};
	snprintf(out, sizeof(out), "%s", place_path("pace.json"));
	fine = trace_command(&t,
			     "--tier full --dev %s --sample 1/1 -- fio --name=t --filename=%s --rw=randread --bs=512 --norandommap --thread "
			     "--size=4m --io_size=50000k --number_ios=%d --rate_iops=%d --output-format=json --output=%s",
			     loop.name, file_of(0), READS, RATE, out);
	if (fine) {
		json_t *fio = json_load_file(out, 0, NULL);
		int64_t lost = number_at(t.summary, "coverage.lost.ring_full");

		*pace = (struct pace){ number_at(json_array_get(json_at(fio, "jobs"), 0), "read.iops"), lost };
		json_decref(fio);
		check_same("reads", trace_operation_count(&t, "read", "syscall"), READS);
		check_same("told and lost", tally.operations + tally.requests + lost,
			   number_at(t.summary, "coverage.operations.finished") + tally.requests);
		check_same("records whose stages do not sum to their total", tally.uneven, 0);
		printf("    %lld of %d records told at %lld a second\n", (long long)tally.operations, READS, (long long)pace->per_s);
	}
	trace_free(&t);
	return fine;
}

/* At that rate none is lost. A machine that is busy otherwise may need more than one round, one that is slow cannot. */
TRACE_TEST(fifty_thousand_records_a_second)
{
	static char slow[96];
	const char *why = need_files();
	struct pace pace, fastest = {};
	int64_t least_lost = INT64_MAX;

	if (why)
		TEST_SKIP(why);
	trace_each(take);
	for (int round = 1; least_lost && round <= PACE_ROUNDS; round++) {
		check_case("round %d: fio: reads of cached pages, %d a second, --sample 1/1", round, RATE);
		if (!pace_round(&pace))
			break;
		if (pace.per_s >= fastest.per_s)
			fastest = pace;
		if (pace.per_s >= RATE / 10 * 9 && pace.lost < least_lost)
			least_lost = pace.lost;
	}
	trace_each(NULL);
	place_umount("ext4");
	if (least_lost == INT64_MAX) {
		snprintf(slow, sizeof(slow), "this machine did %lld a second, %lld of %d records lost",
			 (long long)fastest.per_s, (long long)fastest.lost, READS);
		TEST_SKIP(slow);
	}
	check_same("lost at that rate", least_lost, 0);
}

static int64_t fio_total(json_t *fio, const char *job, const char *direction)
{
	json_t *j;
	size_t i;
	char path[64];

	snprintf(path, sizeof(path), "%s.total_ios", direction);
	json_array_foreach(json_at(fio, "jobs"), i, j)
		if (!strcmp(text_at(j, "jobname"), job))
			return number_at(j, path);
	return -1;
}

static void check_fio(const struct trace *t, json_t *fio)
{
	static const char *const directions[] = { "read", "write" };

	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		const char *d = directions[i];

		check_same(d, trace_operation_count(t, d, "io_uring"), fio_total(fio, "uring", d));
		check_same(d, trace_operation_count(t, d, "syscall"), fio_total(fio, "buffered", d) + fio_total(fio, "direct", d));
	}
	check_same("fsync", trace_operation_count(t, "fsync", "syscall"), fio_total(fio, "buffered", "sync"));
}

TRACE_TEST(a_mixed_fio_run_is_reconstructed)
{
	const char *why = need_files();
	json_t *fio;
	struct trace t;
	char out[256];

	if (why)
		TEST_SKIP(why);
	check_case("fio: buffered and fsync, direct, io_uring");
	snprintf(out, sizeof(out), "%s", place_path("fio.json"));
	if (trace_command(&t,
			  "--tier full --dev %s -- fio --output-format=json --output=%s --rw=randrw --bs=4k --randseed=7 --norandommap --thread --size=20m "
			  "--name=buffered --filename=%s --ioengine=psync --fsync=50 --io_size=40m "
			  "--name=direct --filename=%s --ioengine=psync --direct=1 --io_size=24m "
			  "--name=uring --filename=%s --ioengine=io_uring --iodepth=16 --direct=1 --io_size=40m",
			  loop.name, out, file_of(0), file_of(1), file_of(2))) {
		fio = json_load_file(out, 0, NULL);
		check_fio(&t, fio);
		check_reconstructed(&t);
		json_decref(fio);
	}
	trace_free(&t);
	place_umount("ext4");
}

/* SIGUSR1 ends an interval: each has what was done in it, and they add up to the summary. */
TRACE_TEST(intervals_that_are_asked_for)
{
	enum { FIRST = 211, SECOND = 307 };
	static const int counts[] = { FIRST, SECOND };
	const char *why = loop_need(&loop, DEVICE_BYTES);
	struct trace t = {};
	json_t *line;
	int64_t nr = 0;
	size_t i;

	if (why)
		TEST_SKIP(why);
	check_case("SIGUSR1 after %d and after %d reads more", FIRST, SECOND);
	if (trace_begin(&t, "--tier vfs --dev %s", loop.name)) {
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			struct proc p = {};

			check_same("status", proc_line(&p, "known-count --target %s --direct --count %d", loop.path, counts[i]), 0);
			proc_free(&p);
			proc_signal(&t.proc, SIGUSR1);
			check_true("an interval is told", trace_wait_lines(&t, 2 + i, 5000));
		}
		if (trace_end(&t, SIGINT)) {
			json_array_foreach(t.lines, i, line) {
				if (strcmp(text_at(line, "type"), "interval"))
					continue;
				check_same("reads", number_at(json_array_get(json_at(line, "operations"), 0), "count"), counts[nr++ % 2]);
			}
			check_same("intervals", nr, ARRAY_SIZE(counts));
			check_operation(&t, "read", "syscall", FIRST + SECOND, (FIRST + SECOND) * 4096);
		}
	}
	trace_free(&t);
}

TEST_MAIN("trace-sums", T(intervals_that_are_asked_for), T(stages_of_100000_operations_sum_to_their_totals), T(fifty_thousand_records_a_second),
	  T(a_mixed_fio_run_is_reconstructed))
