/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statistics by process, file, cgroup and device on known I/O. Tests that are
 * named after a peer's defect (numbers of its issue tracker) would fail with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 211, M = 307, SIZE = 4096 };

static json_t *process_row(const struct trace *t, pid_t pid)
{
	json_t *row;
	size_t i;

	json_array_foreach(trace_by_rows(t, "process"), i, row)
		if (number_at(row, "pid") == pid)
			return row;
	return NULL;
}

/* @level.class of the row has @count of SIZE bytes each, and no errors. */
static void check_row(json_t *row, const char *what, int64_t count)
{
	char path[64];

	check_true("there is a row", row);
	snprintf(path, sizeof(path), "%s.count", what);
	check_same(path, number_at(row, path), count);
	snprintf(path, sizeof(path), "%s.bytes", what);
	check_same(path, number_at(row, path), count * SIZE);
	snprintf(path, sizeof(path), "%s.errors", what);
	check_same(path, number_at(row, path), 0);
	snprintf(path, sizeof(path), "%s.max_bytes", what);
	check_same(path, number_at(row, path), SIZE);
	snprintf(path, sizeof(path), "%s.mean_ns", what);
	check_between(path, number_at(row, path), 1, INT64_MAX);
}

struct pair {
	struct proc a, b;
};

/* Two generators, held: @a reads from the loop device, @b writes to @b_target. */
static bool pair_ready(struct pair *p, const char *a_words, const char *b_target, const char *b_words)
{
	*p = (struct pair){};
	proc_start(&p->a, "known-count --target %s --count %d --direct --wait %s", loop.path, N, a_words);
	proc_start(&p->b, "known-count --target %s --count %d --op write --direct --wait %s", b_target, M, b_words);
	return proc_until(&p->a, "ready", 5000) && proc_until(&p->b, "ready", 5000);
}

static void pair_run(struct pair *p)
{
	proc_signal(&p->a, SIGUSR1);
	proc_signal(&p->b, SIGUSR1);
	check_same("status of the generators", proc_wait(&p->a, 20000) | proc_wait(&p->b, 20000), 0);
}

static void pair_free(struct pair *p)
{
	proc_free(&p->a);
	proc_free(&p->b);
}

static void check_pair(const struct trace *t, pid_t a, pid_t b)
{
	check_row(process_row(t, a), "operations.read", N);
	check_row(process_row(t, a), "bios.read", N);
	check_same("writes of the reader", number_at(process_row(t, a), "bios.write.count"), 0);
	check_row(process_row(t, b), "operations.write", M);
	check_row(process_row(t, b), "bios.write", M);
	check_text("comm", text_at(process_row(t, a), "comm"), "known-count");
	check_text("bias", text_at(process_row(t, a), "operations.bias"), "read-heavy");
	check_text("bias", text_at(process_row(t, b), "bios.bias"), "write-heavy");
}

/* bcc's biotop -p and IG's block gadgets ask who runs when the request completes: bcc#4810, #2941. */
TRACE_TEST(the_owner_is_who_issued_not_who_was_interrupted)
{
	static const char *const engines[] = { "", "--engine io_uring --depth 8", "--engine libaio --depth 8",
					       "--engine io_uring_punt --depth 4" };
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		struct trace t = {};
		struct pair p;

		check_case("two processes on one device: %s", engines[i]);
		if (pair_ready(&p, engines[i], loop.path, engines[i]) &&
		    trace_begin(&t, "--tier vfs --dev %s --by process,device", loop.name)) {
			pid_t a = p.a.pid, b = p.b.pid;

			pair_run(&p);
			if (trace_end(&t, SIGINT)) {
				check_pair(&t, a, b);
				check_row(trace_by_row(&t, "device", "name", loop.name), "bios.read", N);
				check_row(trace_by_row(&t, "device", "name", loop.name), "bios.write", M);
			}
		}
		pair_free(&p);
		trace_free(&t);
	}
}

TRACE_TEST(processes_in_tier_block)
{
	const char *why = need_loops();
	struct trace t = {};
	struct pair p;

	if (why)
		TEST_SKIP(why);
	check_case("tier block");
	if (pair_ready(&p, "", other.path, "") && trace_begin(&t, "--tier block --by process,device")) {
		pid_t a = p.a.pid, b = p.b.pid;

		pair_run(&p);
		if (trace_end(&t, SIGINT)) {
			check_row(process_row(&t, a), "bios.read", N);
			check_row(process_row(&t, b), "bios.write", M);
			check_true("no operations", json_is_null(json_at(process_row(&t, a), "operations")));
			check_row(trace_by_row(&t, "device", "name", loop.name), "bios.read", N);
			check_row(trace_by_row(&t, "device", "name", other.name), "bios.write", M);
		}
	}
	pair_free(&p);
	trace_free(&t);
}

/* File names, whole: bcc#5184, bpftrace#3697, bcc#4458. Through a mount, of a file that is gone since. */
TRACE_TEST(a_file_has_its_whole_path)
{
	const char *why = place_ready();
	struct trace t = {};
	char path[300], sub[256];

	if (why)
		TEST_SKIP(why);
	check_case("two files, one of them deleted");
	snprintf(sub, sizeof(sub), "%s", place_path("a directory"));
	snprintf(path, sizeof(path), "%s/data", sub);
	mkdir(sub, 0755);
	if (trace_begin(&t, "--tier vfs --by file --comm known-count")) {
		struct proc p = {};
		char link[256];

		snprintf(link, sizeof(link), "%s", place_path("data"));
		check_same("link", symlink(path, link), 0);
		check_same("status", proc_line(&p, "known-count --target %s --op write --count %d", link, N), 0);
		proc_free(&p);
		unlink(path);
		unlink(link);
		check_same("status", proc_line(&p, "known-count --target %s --op write --count %d",
					       place_path("else"), M), 0);
		proc_free(&p);
		if (trace_end(&t, SIGINT)) {
			check_row(trace_by_row(&t, "file", "path", path), "operations.write", N);
			check_row(trace_by_row(&t, "file", "path", place_path("else")), "operations.write", M);
		}
	}
	trace_free(&t);
	rmdir(sub);
}

static const char *need_fs(void)
{
	const char *why = need_loops();

	if (!why)
		why = place_ready();
	return why || !place_mount_ext4("fs", loop.path, NULL) ? why : "no ext4";
}

static bool write_file(void)
{
	struct proc p = {};
	int status = proc_line(&p, "known-count --target %s --op write --count %d --contiguous", place_path("fs/data"), N);

	proc_free(&p);
	return check_same("status", status, 0);
}

/* False: the kernel has written it before it was asked to, and before anyone looked. */
static bool synced_while_traced(bool last)
{
	struct disk_stat before;
	struct trace t = {};
	struct proc p = {};
	bool dirty = true;
	char in_fs[64];

	snprintf(in_fs, sizeof(in_fs), "[%s]/data", loop.name);
	if (!check_same("statistics", disk_stat_read(loop.name, &before), 0) || !write_file())
		return true;
	if (trace_begin(&t, "--tier vfs --dev %s --by file", loop.name)) {
		dirty = last || disk_stat_since(loop.name, &before).write_sectors < N * SIZE / 512;
		proc_line(&p, "sync -f %s", place_path("fs"));
		proc_free(&p);
		if (trace_end(&t, SIGINT) && dirty)
			check_same("bytes of the file", number_at(trace_by_row(&t, "file", "path", in_fs), "bios.write.bytes"), N * SIZE);
	}
	trace_free(&t);
	return dirty;
}

/* Writes that a kernel thread does later, of a file that no operation named: bcc#1476 never showed them. */
TRACE_TEST(writeback_belongs_to_its_file)
{
	const char *why = need_fs();

	if (why)
		TEST_SKIP(why);
	check_case("written before, synced while traced");
	for (int left = 4; !synced_while_traced(!left); left--)
		;
	place_umount("fs");
}

/* ... and of who wrote it, though a thread of the kernel's submits it: dnf's writes never appeared. */
TRACE_TEST(writeback_belongs_to_who_wrote)
{
	const char *why = need_fs();
	struct trace t = {};
	struct proc p = {};

	if (why)
		TEST_SKIP(why);
	check_case("written and synced while traced");
	proc_line(&p, "sync");
	proc_free(&p);
	if (trace_begin(&t, "--tier block --dev %s --by process,cgroup", loop.name)) {
		pid_t pid;

		proc_start(&p, "known-count --target %s --op write --count %d --contiguous", place_path("fs/data"), N);
		pid = p.pid;
		check_same("status", proc_wait(&p, 20000), 0);
		proc_free(&p);
		proc_line(&p, "sync -f %s", place_path("fs"));
		proc_free(&p);
		if (trace_end(&t, SIGINT)) {
			json_t *row = process_row(&t, pid);

			check_same("bytes that it wrote", number_at(row, "bios.write.bytes"), N * SIZE);
			check_between("bios", number_at(row, "bios.write.count"), 1, N);
			check_same("of them submitted by the kernel", number_at(row, "bios.write.deferred"),
				   number_at(row, "bios.write.count"));
			check_text("name", text_at(row, "comm"), "known-count");
		}
	}
	trace_free(&t);
	place_umount("fs");
}

/* Sequential or random: bcc#4279. */
TRACE_TEST(a_pattern_is_seen_at_both_levels)
{
	static const struct {
		const char *words, *pattern;
		int64_t sequential;
	} cases[] = {
		{ "--contiguous", "sequential", N - 1 },
		{ "", "random", 0 },
		{ "--contiguous --engine io_uring --depth 8", "sequential", N - 1 },
		{ "--contiguous --engine libaio --depth 8 --batch 8", "sequential", N - 1 },
	};
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct trace t;
		json_t *row;

		check_case("%s", cases[i].words);
		/* what the page cache has, io_uring leaves to a worker, which comes later: on 5.10 */
		check_same("drop the page cache", ioctl(loop.fd, BLKFLSBUF, 0), 0);
		if (trace_command(&t, "--tier vfs --dev %s --by process,device -- known-count --target %s --count %d --direct %s",
				  loop.name, loop.path, N, cases[i].words)) {
			row = trace_by_row(&t, "process", "comm", "known-count");
			check_same("operations", number_at(row, "operations.read.sequential"), cases[i].sequential);
			check_text("operations", text_at(row, "operations.pattern"), cases[i].pattern);
			check_same("bios", number_at(row, "bios.read.sequential"), cases[i].sequential);
			row = trace_by_row(&t, "device", "name", loop.name);
			check_same("device", number_at(row, "bios.read.sequential"), cases[i].sequential);
		}
		trace_free(&t);
	}
}

/* The hierarchies that cgroups can be made in, by their mount. */
static const char *cgroup_base(void)
{
	static const char *const bases[] = { "/sys/fs/cgroup/blkio", "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		char procs[128];

		snprintf(procs, sizeof(procs), "%s/cgroup.procs", bases[i]);
		if (!access(procs, W_OK))
			return bases[i];
	}
	return NULL;
}

static bool cgroup_enter(const char *dir, pid_t pid)
{
	char path[256];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	f = fopen(path, "we");
	return f && fprintf(f, "%d", (int)pid) > 0;
}

/* Cgroups that are gone when the report is made: ebpf_exporter#457 had thousands of unknown ones. */
TRACE_TEST(a_short_lived_cgroup_keeps_its_name)
{
	const char *why = need_loops(), *base = cgroup_base();
	char dir[128], name[64];
	struct trace t = {};
	struct pair p = {};

	if (why)
		TEST_SKIP(why);
	if (!base)
		TEST_SKIP("no cgroups to be made here");
	snprintf(name, sizeof(name), "/iopath-test-%d", (int)getpid());
	snprintf(dir, sizeof(dir), "%s%s", base, name);
	if (mkdir(dir, 0755))
		TEST_SKIP("no cgroups to be made here");
	check_case("%s", dir);
	if (trace_begin(&t, "--tier vfs --dev %s --by cgroup", loop.name)) {
		if (pair_ready(&p, "", loop.path, "")) {
			check_true("into the cgroup", cgroup_enter(dir, p.b.pid));
			pair_run(&p);
		}
		check_same("rmdir", rmdir(dir), 0);
		if (trace_end(&t, SIGINT)) {
			json_t *row = trace_by_row(&t, "cgroup", "path", name);

			check_row(row, "operations.write", M);
			check_row(row, "bios.write", M);
			check_same("reads of it", number_at(row, "bios.read.count"), 0);
		}
	}
	rmdir(dir);
	pair_free(&p);
	trace_free(&t);
}

static int64_t sum_of(const struct trace *t, const char *what)
{
	int64_t n = 0, more;
	char path[96];
	json_t *row;
	size_t i;

	json_array_foreach(trace_by_rows(t, "process"), i, row)
		n += number_at(row, what);
	snprintf(path, sizeof(path), "by.process.others.%s", what);
	more = number_at(t->summary, path);
	n += more > 0 ? more : 0;
	snprintf(path, sizeof(path), "by.process.aged.%s", what);
	more = number_at(t->summary, path);
	return n + (more > 0 ? more : 0);
}

/* A table of 4, dozens of processes: bounded, and no count is lost. */
TRACE_TEST(a_full_table_loses_names_but_no_counts)
{
	enum { PROCESSES = 29, EACH = 7 };
	const char *why = need_loops();
	struct trace t = {};

	if (why)
		TEST_SKIP(why);
	check_case("%d processes in a table of 4", PROCESSES);
	if (trace_begin(&t, "--tier vfs --dev %s --by process --by-max 4 --interval 10ms", loop.name)) {
		for (int i = 0; i < PROCESSES; i++) {
			struct proc p = {};

			proc_line(&p, "known-count --target %s --count %d --direct", loop.path, EACH);
			proc_free(&p);
		}
		if (trace_end(&t, SIGINT)) {
			check_same("operations", sum_of(&t, "operations.read.count"), PROCESSES * EACH);
			check_same("bios", sum_of(&t, "bios.read.count"), PROCESSES * EACH);
			check_between("rows", (int64_t)json_array_size(trace_by_rows(&t, "process")), 1, 4);
			check_same("max_entries", number_at(t.summary, "by.process.max_entries"), 4);
		}
	}
	trace_free(&t);
}

TRACE_TEST(a_process_that_goes_from_device_to_device)
{
	const char *why = need_loops();
	struct trace t = {};

	if (why)
		TEST_SKIP(why);
	check_case("dd from one device to the other");
	if (trace_command(&t, "--tier block --dev %s --dev %s --by process -- dd if=%s of=%s bs=4k count=%d iflag=direct oflag=direct status=none",
			  loop.name, other.name, loop.path, other.path, N)) {
		json_t *row = trace_by_row(&t, "process", "comm", "dd");

		check_same("reads", number_at(row, "bios.read.count"), N);
		check_same("writes", number_at(row, "bios.write.count"), N);
		check_same("switches", number_at(row, "device_switches"), 2 * N - 1);
	}
	trace_free(&t);
}

/* An interval's figures add up to the summary's. */
TRACE_TEST(intervals_add_up)
{
	const char *why = need_loops();
	struct trace t = {};
	int64_t sum = 0;

	if (why)
		TEST_SKIP(why);
	check_case("--interval 20ms");
	if (trace_command(&t, "--tier vfs --dev %s --by process --interval 20ms -- known-count --target %s --count %d --direct --sleep-between 500us",
			  loop.name, loop.path, N)) {
		json_t *line, *row;
		size_t i, j;

		json_array_foreach(t.lines, i, line)
			if (!strcmp(text_at(line, "type"), "interval"))
				json_array_foreach(json_at(line, "by.process.rows"), j, row)
					sum += number_at(row, "operations.read.count");
		check_between("in intervals", sum, N / 2, N);
		check_row(trace_by_row(&t, "process", "comm", "known-count"), "operations.read", N);
	}
	trace_free(&t);
}

TEST(what_cannot_be_asked_for)
{
	static const char *const words[][2] = {
		{ "--by user", "neither process, file, cgroup nor device" },
		{ "--tier block --by file", "needs --tier vfs or above" },
		{ "--by process --by-max 1", "by-max" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct proc p = {};

		check_case("%s", words[i][0]);
		check_same("status", proc_line(&p, "iopath trace %s", words[i][0]), 2);
		check_has("stderr", p.err.text, words[i][1]);
		check_same("lines", text_lines(&p.err), 1);
		proc_free(&p);
	}
}

TEST_MAIN("trace-who", T(the_owner_is_who_issued_not_who_was_interrupted), T(processes_in_tier_block),
	  T(a_file_has_its_whole_path), T(writeback_belongs_to_its_file),
	  T(writeback_belongs_to_who_wrote),
	  T(a_pattern_is_seen_at_both_levels),
	  T(a_short_lived_cgroup_keeps_its_name), T(a_full_table_loses_names_but_no_counts),
	  T(a_process_that_goes_from_device_to_device), T(intervals_add_up), T(what_cannot_be_asked_for))
