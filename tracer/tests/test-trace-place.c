/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filters by file and directory, and all filters together. Who and where is decided when the I/O is submitted: on a
 * loop device every completion runs in a kernel worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "ground-attempt.h"
#include "ground-cgroup.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 211, M = 307, SIZE = 4096 };

/* bcc's biotop -p compares the task that a completion interrupts, and forgets what is not its own. */
TRACE_TEST(peer_defect_2_pid_is_decided_at_submission)
{
	static const char *const tiers[] = { "block", "full" };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++) {
		struct proc a = {}, b = {};
		struct trace t = {};

		check_case("tier %s: --pid, another in flight all the time", tiers[i]);
		proc_start(&a, "known-count --target %s --count %d --direct --wait --engine libaio --depth 16", loop.path, N);
		proc_start(&b, "known-count --target %s --count 4001 --direct --wait --engine libaio --depth 16", loop.path);
		if (proc_until(&a, "ready", 5000) && proc_until(&b, "ready", 5000) &&
		    trace_begin(&t, "--tier %s --dev %s --pid %d", tiers[i], loop.name, (int)a.pid)) {
			proc_signal(&b, SIGUSR1);
			proc_signal(&a, SIGUSR1);
			check_same("status of the generators", proc_wait(&a, 20000) | proc_wait(&b, 20000), 0);
			if (trace_end(&t, SIGINT)) {
				check_device(&t, loop.name, "read", N, N * SIZE);
				check_coverage(&t);
			}
		}
		proc_free(&a);
		proc_free(&b);
		trace_free(&t);
	}
}

/* ---- files ---- */

static bool run_on(const char *file, int count, const char *words)
{
	struct proc p = {};
	int status = proc_line(&p, "known-count --target %s --count %d %s", place_path("ext4/%s", file), count, words);

	proc_free(&p);
	return check_same(file, status, 0);
}

/* Three files: in one directory, deep below it, and elsewhere. */
static const char *need_files(void)
{
	static const char *const dirs[] = { "in", "in/deep", "in/deep/er", "out" };
	static const char *const files[] = { "in/a", "in/deep/er/b", "out/c" };
	const char *why = need_loop();
	int err;

	if (why)
		return why;
	err = place_mount_ext4("ext4", loop.path, "");
	if (!check_same("mount", err, 0))
		return "no file system";
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		mkdir(place_path("ext4/%s", dirs[i]), 0755);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		run_on(files[i], 500, "--op write --fsync-every 500 --contiguous");
	return NULL;
}

static void file_case(const char *tier, const char *filter, const char *words, int64_t want)
{
	struct trace t;

	check_case("tier %s: %s, %s", tier, filter, words);
	if (trace_begin(&t, "--tier %s --dev %s %s", tier, loop.name, filter)) {
		run_on("in/a", 101, words);
		run_on("in/deep/er/b", 103, words);
		run_on("out/c", 107, words);
		if (trace_end(&t, SIGINT)) {
			check_device(&t, loop.name, "read", want, want * SIZE);
			check_coverage(&t);
			check_same("operations seen", number_at(t.summary, "coverage.operations.seen"), want);
		}
	}
	trace_free(&t);
}

TRACE_TEST(by_file)
{
	static const char *const words[] = { "--direct", "--direct --engine io_uring --depth 8",
					     "--direct --engine libaio --depth 8", "--cold --no-readahead",
					     "--direct --engine io_uring_punt --depth 4" };
	const char *why = need_files();
	char filter[600];

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		snprintf(filter, sizeof(filter), "--file %s", place_path("ext4/in/a"));
		file_case(i % 2 ? "full" : "vfs", filter, words[i], 101);
	}
	snprintf(filter, sizeof(filter), "--file %s --file %s", place_path("ext4/in/a"), place_path("ext4/out/c"));
	file_case("full", filter, words[0], 208);
	place_umount("ext4");
}

TRACE_TEST(by_directory)
{
	static const char *const words[] = { "--direct", "--cold --no-readahead",
					     "--direct --engine io_uring --depth 8" };
	const char *why = need_files();
	char filter[600];

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		snprintf(filter, sizeof(filter), "--dir %s", place_path("ext4/in"));
		file_case(i % 2 ? "full" : "vfs", filter, words[i], 204);
	}
	snprintf(filter, sizeof(filter), "--dir %s", place_path("ext4/in/deep"));
	file_case("vfs", filter, words[0], 103);
	snprintf(filter, sizeof(filter), "--dir %s --file %s", place_path("ext4/in/deep"), place_path("ext4/out/c"));
	file_case("vfs", filter, words[0], 210);
	/* the directory that the file system is mounted on */
	snprintf(filter, sizeof(filter), "--dir %s", place_path("."));
	file_case("vfs", filter, words[0], 311);
	place_umount("ext4");
}

/* Writeback is done by a kernel thread, which has no file open: its pages tell. */
static void writeback_case(const char *filter, int64_t want)
{
	struct trace t;

	check_case("%s: writeback", filter);
	if (trace_begin(&t, "--tier vfs --dev %s %s", loop.name, filter)) {
		run_on("in/a", 101, "--op write");
		run_on("in/deep/er/b", 103, "--op write");
		run_on("out/c", 107, "--op write");
		sync();
		if (trace_end(&t, SIGINT)) {
			json_t *row = trace_device_op(&t, loop.name, "write");

			check_same("bytes written", number_at(row, "bytes"), want * SIZE);
			check_same("operations seen", number_at(t.summary, "coverage.operations.seen"),
				   want + (trace_operation_count(&t, "sync", "syscall") > 0));
			check_coverage(&t);
		}
	}
	trace_free(&t);
}

TRACE_TEST(writeback_belongs_to_its_file)
{
	const char *why = need_files();
	char filter[600];

	if (why)
		TEST_SKIP(why);
	snprintf(filter, sizeof(filter), "--file %s", place_path("ext4/in/a"));
	writeback_case(filter, 101);
	snprintf(filter, sizeof(filter), "--dir %s", place_path("ext4/in"));
	writeback_case(filter, 204);
	place_umount("ext4");
}

/* A file is followed, not its name; the report says what became of that. */
TRACE_TEST(renamed_files_are_followed_and_told)
{
	const char *why = need_files();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("--file, renamed and replaced");
	if (trace_begin(&t, "--tier vfs --dev %s --file %s", loop.name, place_path("ext4/in/a"))) {
		run_on("in/a", 101, "--direct");
		check_same("rename", rename(place_path("ext4/in/a"), place_path("ext4/out/moved")), 0);
		check_same("replace", rename(place_path("ext4/out/c"), place_path("ext4/in/a")), 0);
		run_on("out/moved", 103, "--direct");
		run_on("in/a", 107, "--direct");
		if (trace_end(&t, SIGINT)) {
			json_t *followed = json_array_get(json_at(t.summary, "followed"), 0);

			check_device(&t, loop.name, "read", 204, 204 * SIZE);
			check_text("path", text_at(followed, "path"), place_path("ext4/in/a"));
			check_text("path_now", text_at(followed, "path_now"), place_path("ext4/out/moved"));
			check_true("replaced", json_is_true(json_at(followed, "replaced")));
		}
	}
	trace_free(&t);
	check_case("--dir, a file moved out of it");
	if (trace_begin(&t, "--tier vfs --dev %s --dir %s", loop.name, place_path("ext4/in"))) {
		run_on("in/a", 101, "--direct");
		check_same("rename", rename(place_path("ext4/in/a"), place_path("ext4/out/c")), 0);
		run_on("out/c", 103, "--direct");
		check_same("rename", rename(place_path("ext4/out/moved"), place_path("ext4/in/a")), 0);
		run_on("in/a", 107, "--direct");
		if (trace_end(&t, SIGINT)) {
			check_device(&t, loop.name, "read", 208, 208 * SIZE);
			check_true("the directory itself is as it was",
				   json_is_false(json_at(json_array_get(json_at(t.summary, "followed"), 0), "replaced")));
		}
	}
	trace_free(&t);
	place_umount("ext4");
}

/* ---- the tracer itself ---- */

/* What it prints is written back later, by a kernel thread. */
TRACE_TEST(own_output_is_left_out)
{
	enum { RUNS = 4, READS = RUNS * 249 };	/* of half a kilobyte and more in the report */
	const char *why = need_files();
	char file[256];
	struct proc p = {}, sync_first = {};

	if (why)
		TEST_SKIP(why);
	check_case("a report on the device that is traced");
	proc_line(&sync_first, "sync");
	snprintf(file, sizeof(file), "%s", place_path("ext4/report"));
	proc_start(&p, "iopath trace --tier full --dev %s --sample 1/1 --json -o %s", loop.name, file);
	if (check_true("ready", proc_until(&p, "iopath: ready", 20000))) {
		struct trace t = {};
		json_t *row;

		for (int i = 0; i < RUNS; i++)
			run_on("in/a", READS / RUNS, "--direct");
		proc_line(&sync_first, "sync");
		proc_signal(&p, SIGINT);
		check_same("status", proc_wait(&p, 20000), 0);
		snprintf(t.file, sizeof(t.file), "%s", file);
		trace_read(&t);
		check_true("whole", t.summary);
		check_device(&t, loop.name, "read", READS, READS * SIZE);
		/* the journal's writes are not ours alone, but that is less than the report */
		row = trace_device_op(&t, loop.name, "write");
		check_between("bytes written", row ? number_at(row, "bytes") : 0, 0, 32 * SIZE);
		check_between("left out as our own", number_at(t.summary, "coverage.excluded"), 1, 100000);
		trace_free(&t);
	}
	proc_free(&p);
	proc_free(&sync_first);
	place_umount("ext4");
}

/* ---- whose writeback it is ---- */

/*
 * A kernel thread submits it; the record tells who made the pages dirty, and which file's they are. One bio is larger than
 * the disk takes, and is split.
 */
TRACE_TEST(writeback_belongs_to_who_wrote)
{
	const char *why = need_files();
	struct proc p = {}, sync_first = {};
	struct trace t;
	json_t *line;
	int64_t bytes = 0;
	pid_t pid;
	size_t i;

	if (why)
		TEST_SKIP(why);
	check_case("--threshold 1ns, buffered writes, then sync");
	proc_line(&sync_first, "sync");
	if (trace_begin(&t, "--tier vfs --dev %s --threshold 1ns", loop.name)) {
		proc_start(&p, "known-count --target %s --count %d --op write --contiguous",
			   place_path("ext4/in/new"), M);
		pid = p.pid;
		check_same("status of the generator", proc_wait(&p, 20000), 0);
		proc_line(&sync_first, "sync");
		if (trace_end(&t, SIGINT)) {
			json_array_foreach(t.lines, i, line) {
				const char *path = text_at(line, "path"), *level = text_at(line, "level");

				if (!path || !level || strcmp(level, "request") ||
				    strcmp(path, place_path("ext4/in/new")))
					continue;
				bytes += number_at(line, "bytes");
				check_same("pid of the initiator", number_at(line, "pid"), pid);
				check_text("its name", text_at(line, "comm"), "known-count");
				check_has("submitter", text_at(line, "submitter.comm"), "kworker");
			}
			check_same("bytes of its requests", bytes, M * SIZE);
		}
	}
	trace_free(&t);
	proc_free(&p);
	proc_free(&sync_first);
	place_umount("ext4");
}

/*
 * A request is whose first bio it has: what was allocated behind a stranger's
 * pages must not be merged into their request.
 *
 * The writer has gone by then; what strangers wrote is left out, the journal's
 * and metadata may be either's.
 */
TRACE_TEST(writeback_of_the_command)
{
	const char *why = need_files();
	struct proc p = {};
	char text[512];
	int64_t nomerges = 2;
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("-- sh: buffered writes of a child, then syncfs");
	check_same("no merges", loop_queue_swap(&loop, "nomerges", &nomerges), 0);
	proc_line(&p, "sync");
	proc_free(&p);
	proc_line(&p, "known-count --target %s --count %d --op write --contiguous", place_path("ext4/in/stranger"), M);
	snprintf(text, sizeof(text), "%s --target %s --count %d --op write --contiguous; sync -f %s",
		 proc_path("known-count"), place_path("ext4/in/ours"), N, place_path("ext4/in/ours"));
	if (trace_begin(&t, "--tier block --dev %s -- sh %s", loop.name, place_script("writeback.sh", text))) {
		check_same("status", proc_wait(&t.proc, 30000), 0);
		trace_read(&t);
		check_between("bytes written", number_at(trace_device_op(&t, loop.name, "write"), "bytes"), N * SIZE,
			      (N + M / 2) * SIZE);
	}
	check_same("merges as before", loop_queue_swap(&loop, "nomerges", &nomerges), 0);
	trace_free(&t);
	proc_free(&p);
	place_umount("ext4");
}

/* ---- together ---- */

/* The filters that are given together: all of them let the generator's reads pass. */
enum filter { DEV, CGROUP, PLACE, PID, TID, COMM, OP, MIN_LAT, NR_FILTERS };

struct together {
	char words[NR_FILTERS][160];
};

/* One of them in another way, so that it lets none pass. */
struct stranger {
	const char *what;
	enum filter filter;
	const char *value;
};

static struct together all_pass(pid_t pid, const char *place)
{
	struct together f;

	snprintf(f.words[DEV], sizeof(f.words[0]), "--dev %s", loop.name);
	snprintf(f.words[CGROUP], sizeof(f.words[0]), "--cgroup %.140s", cgroup_parent());
	snprintf(f.words[PLACE], sizeof(f.words[0]), "%s", place);
	snprintf(f.words[PID], sizeof(f.words[0]), "--pid %d", (int)pid);
	snprintf(f.words[TID], sizeof(f.words[0]), "--tid %d", (int)pid);
	snprintf(f.words[COMM], sizeof(f.words[0]), "--comm known-count");
	snprintf(f.words[OP], sizeof(f.words[0]), "--op read");
	snprintf(f.words[MIN_LAT], sizeof(f.words[0]), "--min-lat 1ns");
	return f;
}

/* Reads and writes of in/a by a process in the parent cgroup: its reads are counted, or none where @s is given. */
static void together_case(const char *place, const struct stranger *s)
{
	struct together f;
	struct proc a = {};
	struct trace t = {};

	check_case("%s, %s", place, s ? s->what : "all pass");
	proc_start(&a, "known-count --target %s --count %d --op randrw --direct --wait", place_path("ext4/in/a"), N);
	f = all_pass(a.pid, place);
	if (s)
		snprintf(f.words[s->filter], sizeof(f.words[0]), "%s", s->value);
	if (proc_until(&a, "ready", 5000) && check_true("in the cgroup", cgroup_enter(cgroup_parent(), a.pid)) &&
	    trace_begin(&t, "--tier full %s %s %s %s %s %s %s %s", f.words[DEV], f.words[CGROUP], f.words[PLACE],
			f.words[PID], f.words[TID], f.words[COMM], f.words[OP], f.words[MIN_LAT])) {
		proc_signal(&a, SIGUSR1);
		check_same("status of the generator", proc_wait(&a, 20000), 0);
		if (trace_end(&t, SIGINT)) {
			json_t *manifest = json_loads(a.out.text, 0, NULL);
			int64_t reads = s ? 0 : manifest_number(manifest, "read", "count");

			check_between("reads", reads, s ? 0 : 1, N - 1);
			check_device(&t, loop.name, "read", reads, reads * SIZE);
			check_operation(&t, "read", "syscall", reads, reads * SIZE);
			check_same("writes", trace_device_count(&t, loop.name, "write"), 0);
			check_coverage(&t);
			json_decref(manifest);
		}
	}
	proc_free(&a);
	trace_free(&t);
}

/* Each filter alone keeps out what all others let pass. */
TRACE_TEST(all_filters_at_once)
{
	const char *why = need_files();
	char file[160], dir[160], no_file[160], no_dir[160], no_pid[32], no_tid[32], no_dev[32], no_cgroup[160];
	const struct stranger strangers[] = {
		{ "another device", DEV, no_dev },
		{ "another cgroup", CGROUP, no_cgroup },
		{ "another file", PLACE, no_file },
		{ "another directory", PLACE, no_dir },
		{ "another process", PID, no_pid },
		{ "another thread", TID, no_tid },
		{ "another name", COMM, "--comm known-coun" },
		{ "none of these operations", OP, "--op discard" },
		{ "slower ones", MIN_LAT, "--min-lat 1h" },
	};

	if (!why)
		why = loop_need(&other, LOOPS_BYTES);
	if (!why)
		why = cgroup_make("cgroup2", NULL);
	if (why)
		TEST_SKIP(why);
	snprintf(file, sizeof(file), "--file %.150s", place_path("ext4/in/a"));
	snprintf(dir, sizeof(dir), "--dir %.150s", place_path("ext4/in"));
	snprintf(no_file, sizeof(no_file), "--file %.150s", place_path("ext4/in/deep/er/b"));
	snprintf(no_dir, sizeof(no_dir), "--dir %.150s", place_path("ext4/in/deep"));
	snprintf(no_dev, sizeof(no_dev), "--dev %s", other.name);
	snprintf(no_cgroup, sizeof(no_cgroup), "--cgroup %.140s", cgroup_child());
	/* the test itself, whose reads nobody traces */
	snprintf(no_pid, sizeof(no_pid), "--pid %d", (int)getpid());
	snprintf(no_tid, sizeof(no_tid), "--tid %d", (int)getpid());
	together_case(dir, NULL);
	together_case(file, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		together_case(i % 2 ? dir : file, &strangers[i]);
	cgroup_remove();
	place_umount("ext4");
}

/* Of three threads that read one file, one; of two files that one thread reads, one. */
TRACE_TEST(a_thread_in_a_file)
{
	const char *why = need_files();
	struct proc a = {};
	struct trace t = {};

	if (why)
		TEST_SKIP(why);
	check_case("--file, --tid of the first of three threads");
	proc_start(&a, "known-count --target %s --count %d --threads 3 --direct --wait", place_path("ext4/in/a"), N);
	if (proc_until(&a, "ready", 5000) &&
	    trace_begin(&t, "--tier vfs --dev %s --file %s --tid %d", loop.name, place_path("ext4/in/a"), (int)a.pid)) {
		run_on("in/a", 107, "--direct");
		proc_signal(&a, SIGUSR1);
		check_same("status of the generator", proc_wait(&a, 20000), 0);
		if (trace_end(&t, SIGINT)) {
			/* 211 = 71 + 70 + 70 */
			check_device(&t, loop.name, "read", 71, 71 * SIZE);
			check_operation(&t, "read", "syscall", 71, 71 * SIZE);
			check_coverage(&t);
		}
	}
	proc_free(&a);
	trace_free(&t);
	place_umount("ext4");
}

TEST_MAIN("trace-place", T(peer_defect_2_pid_is_decided_at_submission), T(by_file), T(by_directory),
	  T(writeback_belongs_to_its_file), T(renamed_files_are_followed_and_told), T(own_output_is_left_out), T(writeback_belongs_to_who_wrote),
	  T(writeback_of_the_command), T(all_filters_at_once), T(a_thread_in_a_file))
