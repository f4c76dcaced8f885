/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waits that the test makes must show up in the stage they belong to and in
 * no other, and while they last as what hangs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-slow.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { SIZE = 4096 };
/* Of a wait that the test makes: longer where a generator takes longer to begin. */
#define MS (patience_ms(1) * REAL_MS)
#define REAL_MS 1000000ll

/* Trace @words on the slow device, whose writes are held up for @ms from before the first. */
static bool held_run(struct trace *t, const char *options, int ms, const char *words)
{
	struct proc p = {};
	pid_t holder;
	int status;

	if (!trace_begin(t, "%s --dev %s", options, slow.name))
		return false;
	holder = slow_hold(patience_ms(ms));
	check_same("status of the generator",
		   proc_line(&p, "known-count --target %s --op write --direct %s", slow.path, words), 0);
	check_true("writes were held", waitpid(holder, &status, 0) == holder && !status);
	proc_free(&p);
	return trace_end(t, SIGINT);
}

static int64_t stage(const struct trace *t, const char *stage_name, const char *member)
{
	char path[64];

	snprintf(path, sizeof(path), "stages.%s.%s", stage_name, member);
	return number_at(trace_device_op(t, slow.name, "write"), path);
}

TRACE_TEST(a_slow_device_is_seen_as_one)
{
	static const char *const quick[] = { "q2g", "g2i", "i2d" };
	static const char *const tiers[] = { "--tier block", "--tier full" };
	const char *why = slow_need();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		struct trace t;

		check_case("%s: one write, held for 300 ms in the device", tiers[i]);
		if (held_run(&t, tiers[i], 300, "--count 1")) {
			check_between("longest in the device", stage(&t, "device", "max_ns"), 200 * MS,
				      800 * MS);
			for (size_t s = 0; s < ARRAY_SIZE(quick); s++)
				check_between(quick[s], stage(&t, quick[s], "max_ns"), -1, 100 * MS);
			check_device(&t, slow.name, "write", 1, SIZE);
			check_coverage(&t);
		}
		if (i && t.summary) {
			check_operation(&t, "write", "syscall", 1, SIZE);
			check_between(
				"its operation's time in the device",
				number_at(trace_operation(&t, "write", "syscall"), "stages.device.sum_ns"),
				200 * MS, 800 * MS);
		}
		trace_free(&t);
	}
}

/*
 * More writes than the device has tags: without a scheduler the rest waits to
 * be allocated, with one it is inserted and waits to be issued.
 */
static void queue_case(const char *scheduler, const char *waits_in, const char *not_in, int64_t tags)
{
	int64_t rest = 72, count = tags + rest;
	char words[64];
	struct trace t;

	check_case("scheduler %s: %lld writes at once on %lld tags", scheduler, (long long)count,
		   (long long)tags);
	if (!loop_takes_scheduler(&slow, scheduler))
		return;
	snprintf(words, sizeof(words), "--count %lld --threads %lld", (long long)count, (long long)count);
	if (held_run(&t, "--tier vfs", 500, words)) {
		check_between(waits_in, stage(&t, waits_in, "sum_ns"), rest * 300 * MS, rest * 1000 * MS);
		check_between(not_in, stage(&t, not_in, "sum_ns"), -1, rest * 30 * MS);
		check_between("median of the wait", stage(&t, waits_in, "p50_ns"), -1, 100 * MS);
		check_between("longest wait", stage(&t, waits_in, "max_ns"), 300 * MS, 1000 * MS);
		check_device(&t, slow.name, "write", count, count * SIZE);
		check_operation(&t, "write", "syscall", count, count * SIZE);
		check_coverage(&t);
	}
	trace_free(&t);
	loop_set_scheduler(&slow, "none");
}

TRACE_TEST(queueing_is_told_from_the_device)
{
	const char *why = slow_need();
	int64_t tags;

	if (why)
		TEST_SKIP(why);
	loop_set_scheduler(&slow, "none");
	tags = loop_queue_number(&slow, "nr_requests");
	queue_case("none", "q2g", "i2d", tags);
	queue_case("mq-deadline", "i2d", "q2g", tags);
}

/* What waits for a tag when tracing begins is allocated later, and was queued before all the same. */
TRACE_TEST(what_waited_before_is_no_loss)
{
	static struct loop few = { .fd = -1 };
	const char *why = loop_need(&few, 16 << 20);
	int64_t tags = 4, before = 0;
	struct proc p = {};

	if (why)
		TEST_SKIP(why);
	check_case("48 tasks on %lld tags, traced four times", (long long)tags);
	if (!check_same("few tags", loop_queue_swap(&few, "nr_requests", &tags), 0))
		return;
	proc_start(&p, "fio --name=x --filename=%s --rw=randread --bs=4k --direct=1 --thread --numjobs=48 --time_based --runtime=300",
		   few.path);
	for (int i = 0; i < 4; i++) {
		struct timespec while_ms = { patience_ms(200) / 1000, patience_ms(200) % 1000 * 1000000 };
		struct trace t = {};

		if (trace_begin(&t, "--tier block --dev %s", few.name)) {
			nanosleep(&while_ms, NULL);
			if (trace_end(&t, SIGINT)) {
				check_same("begun unseen", number_at(t.summary, "coverage.lost.no_start"), 0);
				check_between("requests", number_at(t.summary, "coverage.requests.seen"), 1, INT64_MAX);
				before += number_at(t.summary, "coverage.begun_before");
			}
		}
		trace_free(&t);
	}
	check_between("begun before", before, 1, INT64_MAX);
	proc_signal(&p, SIGKILL);
	proc_wait(&p, 20000);
	proc_free(&p);
	check_same("as it was", loop_queue_swap(&few, "nr_requests", &tags), 0);
}

/* io_uring tries without waiting first: those bios fail and come again from a worker. */
TRACE_TEST(bios_that_were_turned_away)
{
	const char *why = slow_need();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("200 writes by io_uring at once");
	if (held_run(&t, "--tier vfs", 300, "--engine io_uring --count 200 --depth 200 --batch 200")) {
		check_device(&t, slow.name, "write", 200, 200 * SIZE);
		check_operation(&t, "write", "io_uring", 200, 200 * SIZE);
		check_coverage(&t);
	}
	trace_free(&t);
}

/* ---- throttling by the block cgroup ---- */

static char cgroup[128];

static int put(const char *dir, const char *file, const char *text)
{
	char path[256];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static void remove_cgroup(void)
{
	rmdir(cgroup);
}

/* A group whose reads of the device are limited; NULL or why there is none. */
static const char *make_cgroup(dev_t dev, int iops)
{
	char limit[64];

	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/blkio/iopath-test-%d", (int)getpid());
	if (mkdir(cgroup, 0755))
		return "no blkio cgroup";
	place_at_end(remove_cgroup);
	snprintf(limit, sizeof(limit), "%u:%u %d", major(dev), minor(dev), iops);
	if (put(cgroup, "blkio.throttle.read_iops_device", limit)) {
		remove_cgroup();
		return "no throttling in the blkio cgroup";
	}
	return NULL;
}

/*
 * The kernel queues a throttled bio late, from a worker of its own: whose it
 * is only a filter by device can do without.
 */
static void throttle_case(const char *tier)
{
	static const char *const elsewhere[] = { "g2i", "i2d", "device" };
	struct trace t = {};
	struct proc p = {};
	char pid[16];

	check_case("tier %s: 23 reads at 20 per second", tier);
	proc_start(&p, "known-count --target %s --count 23 --direct --wait", loop.path);
	snprintf(pid, sizeof(pid), "%d", (int)p.pid);
	if (proc_until(&p, "ready", 5000) && !put(cgroup, "cgroup.procs", pid) &&
	    trace_begin(&t, "--tier %s --dev %s", tier, loop.name)) {
		proc_signal(&p, SIGUSR1);
		check_same("status of the generator", proc_wait(&p, 20000), 0);
		if (trace_end(&t, SIGINT)) {
			json_t *row = trace_device_op(&t, loop.name, "read"),
			       *stages = json_at(row, "stages");

			check_device(&t, loop.name, "read", 23, 23 * SIZE);
			for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
				check_between(elsewhere[i],
					      number_at(json_at(stages, elsewhere[i]), "sum_ns"), -1,
					      400 * MS);
			if (strcmp(tier, "block")) {
				check_operation(&t, "read", "syscall", 23, 23 * SIZE);
				check_between("total of the operations",
					      number_at(trace_operation(&t, "read", "syscall"),
							"stages.total.sum_ns"),
					      700 * REAL_MS, 5000 * MS);
			}
			check_coverage(&t);
		}
	}
	proc_free(&p);
	trace_free(&t);
}

TRACE_TEST(throttled_reads)
{
	const char *why = need_loop();

	if (!why)
		why = make_cgroup(loop_dev(&loop), 20);
	if (why)
		TEST_SKIP(why);
	throttle_case("block");
	throttle_case("vfs");
	throttle_case("full");
	remove_cgroup();
}

static void hung_case(const char *options, const char *level, const char *words, int64_t count, int64_t hung)
{
	struct trace t;
	int64_t nr = 0;
	json_t *line;
	size_t i;

	check_case("%s: %s, held for 600 ms", options, words);
	if (held_run(&t, options, 600, words)) {
		json_array_foreach(t.lines, i, line) {
			if (!text_at(line, "type") || strcmp(text_at(line, "type"), "hung"))
				continue;
			nr++;
			check_text("level", text_at(line, "level"), level);
			check_text("stage", text_at(line, "stage"), "device");
			check_text("device", text_at(line, "device"), slow.name);
			check_text("comm", text_at(line, "comm"), "known-count");
			check_between("age", number_at(line, "age_ns"), 100 * REAL_MS, 700 * MS);
			if (!strcmp(level, "operation"))
				check_text("path", text_at(line, "path"), slow.path);
		}
		check_same("hung lines, each told once", nr, hung);
		check_device(&t, slow.name, "write", count, count * SIZE);
		check_coverage(&t);
	}
	trace_free(&t);
}

TRACE_TEST(what_hangs_is_told_while_it_does)
{
	const char *why = slow_need();

	if (why)
		TEST_SKIP(why);
	hung_case("--tier block --hung 100ms", "request", "--count 1", 1, 1);
	hung_case("--tier vfs --hung 100ms", "operation", "--count 3 --threads 3", 3, 3);
	hung_case("--tier full --hung 100ms", "operation", "--engine io_uring --count 8 --depth 8 --batch 8", 8, 8);
	hung_case("--tier full --hung 1h", "operation", "--count 1 --engine psync", 1, 0);
}

/* It is in fsync(), and has been long enough for the queue to issue its command. */
static bool syncs(pid_t pid)
{
	const struct timespec ms10 = { 0, 10000000 };
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	for (int i = 0, seen = 0; i < patience_ms(200); i++) {
		_cleanup_fclose_ FILE *f = fopen(path, "re");
		long nr;

		if (f && fscanf(f, "%ld", &nr) == 1 && nr == SYS_fsync && ++seen > patience_ms(10))
			return true;
		nanosleep(&ms10, NULL);
	}
	return false;
}

/*
 * A queue's own flush command has no bio, and so no slot of one that a filter
 * has passed. The device has one worker: behind a write that is held it waits.
 */
TRACE_TEST(a_flush_hangs_on_its_own_device)
{
	const char *why = slow_need();
	struct trace here = {}, elsewhere = {};
	struct proc w = {}, f = {};
	pid_t holder;

	if (why)
		TEST_SKIP(why);
	check_case("a write and a flush held, looked at by two traces");
	if (trace_begin(&here, "--tier block --hung 1h --dev %s", slow.name) &&
	    trace_begin(&elsewhere, "--tier block --hung 1h --dev %s", slow_ground.name)) {
		holder = slow_hold(patience_ms(5000));
		proc_start(&w, "known-count --target %s --op write --direct --count 1", slow.path);
		check_true("the write is held", slow_holds(1));
		proc_start(&f, "dd if=/dev/null of=%s conv=notrunc,fsync", slow.path);
		check_true("the flush is held", syncs(f.pid));
		trace_end(&here, SIGINT);
		trace_end(&elsewhere, SIGINT);
		slow_let_go(holder);
		check_same("status of the generator", proc_wait(&w, 20000), 0);
		check_same("status of the flush", proc_wait(&f, 20000), 0);
		check_same("requests in flight", number_at(here.summary, "coverage.requests.in_flight"), 2);
		check_same("on the other device", number_at(elsewhere.summary, "coverage.requests.in_flight"), 0);
	}
	proc_free(&w);
	proc_free(&f);
	trace_free(&here);
	trace_free(&elsewhere);
}

TEST_MAIN("trace-stages", T(a_slow_device_is_seen_as_one), T(queueing_is_told_from_the_device), T(bios_that_were_turned_away),
	  T(throttled_reads), T(what_waited_before_is_no_loss), T(what_hangs_is_told_while_it_does),
	  T(a_flush_hangs_on_its_own_device))
