/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `iopath inflight` on a device whose writes are held up: what began while it
 * looks, what was there before, and which of them is which.
 */
#include <signal.h>
#include <time.h>

#include "ground-check.h"
#include "ground-place.h"
#include "ground-slow.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { THREADS = 3, SIZE = 4096, HOLD_MS = 30000, PIECE_KB = 64 };

/* The lines of a look; end is the last, or NULL. */
struct looked {
	struct proc proc;
	json_t *lines, *end;
};

static bool look_begin(struct looked *l, const char *words)
{
	*l = (struct looked){ 0 };
	return check_same("started", proc_start(&l->proc, "iopath inflight --json --dev %s %s", slow.name, words), 0);
}

static bool look_end(struct looked *l)
{
	char *text, *line, *save = NULL;
	size_t nr;

	if (!check_same("status", proc_wait(&l->proc, 30000), 0)) {
		printf("      stderr: %s\n", l->proc.err.text);
		return false;
	}
	l->lines = json_array();
	text = l->proc.out.text;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		json_t *j = json_loads(line, 0, NULL);

		check_true("a line of JSON", j);
		json_array_append_new(l->lines, j);
	}
	nr = json_array_size(l->lines);
	l->end = nr ? json_array_get(l->lines, nr - 1) : NULL;
	return check_text("last line", l->end ? text_at(l->end, "type") : NULL, "inflight_end");
}

static void look_free(struct looked *l)
{
	json_decref(l->lines);
	proc_free(&l->proc);
}

static bool is(json_t *line, const char *key, const char *text)
{
	const char *got = text_at(line, key);

	return got && !strcmp(got, text);
}

static int64_t count(const struct looked *l, const char *level, const char *source)
{
	json_t *line;
	int64_t n = 0;
	size_t i;

	json_array_foreach(l->lines, i, line)
		n += is(line, "level", level) && is(line, "source", source);
	return n;
}

/* What the look says of one request, by whoever knows of it. */
static void check_requests(const struct looked *l, const char *source)
{
	json_t *line;
	size_t i;

	json_array_foreach(l->lines, i, line) {
		if (!is(line, "level", "request"))
			continue;
		check_text("source", text_at(line, "source"), source);
		check_text("kind", text_at(line, "kind"), "write");
		check_text("stage", text_at(line, "stage"), "device");
		check_text("device", text_at(line, "device"), slow.name);
		check_same("bytes", number_at(line, "bytes"), SIZE);
		check_between("sector", number_at(line, "sector"), 0, 1 << 20);
		check_between("tag", number_at(line, "tag"), 0, 4096);
		check_text("path", text_at(line, "path"), slow.path);
	}
}

/* Whether the kernel says what a task waits in: until 5.15 not on all machines. */
static bool says_where(int64_t pid, int64_t tid)
{
	char path[64], word[64] = "";
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%lld/task/%lld/wchan", (long long)pid, (long long)tid);
	f = fopen(path, "re");
	return f && fgets(word, sizeof(word), f) && strcmp(word, "0");
}

/* Of v2, as the kernel's own file of the process has it. */
static void check_cgroup(json_t *line, pid_t pid)
{
	char path[32], text[512];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\n")] = '\0';
		if (!strncmp(text, "0::", 3))
			check_text("cgroup", text_at(line, "cgroup"), text + 3);
	}
}

/* Begun before anyone looked: the kernel's table has the requests, /proc the tasks in their system calls. */
TEST(begun_before)
{
	const char *why = slow_need();
	struct proc p = {};
	struct looked l;
	pid_t holder;
	json_t *line;
	size_t i;

	if (why)
		TEST_SKIP(why);
	check_case("%d writes, then a look", THREADS);
	holder = slow_hold(patience_ms(HOLD_MS));
	proc_start(&p, "known-count --target %s --op write --direct --threads %d --count %d", slow.path, THREADS,
		   THREADS);
	if (check_true("writes are held", slow_holds(THREADS)) && look_begin(&l, "") && look_end(&l)) {
		check_true("the kernel's tables are read", json_is_true(json_at(l.end, "tables_read")));
		check_same("requests", number_at(l.end, "requests"), THREADS);
		check_same("of them in the table", count(&l, "request", "table"), THREADS);
		check_requests(&l, "table");
		check_same("operations", count(&l, "operation", "task"), THREADS);
		check_same("begun before", number_at(l.end, "begun_before"), 2 * THREADS);
		json_array_foreach(l.lines, i, line) {
			if (is(line, "level", "request"))
				check_between("age", number_at(line, "age_ns"), 1, patience_ms(60000) * 1000000ll);
			if (!is(line, "type", "inflight_end")) {
				check_same("pid", number_at(line, "pid"), p.pid);
				check_cgroup(line, p.pid);
			}
			if (!is(line, "level", "operation"))
				continue;
			check_text("kind", text_at(line, "kind"), "write");
			check_text("path", text_at(line, "path"), slow.path);
			check_true("its age is not known", json_is_null(json_at(line, "age_ns")));
			check_true("it waits in a function, if the kernel tells",
				   !text_at(line, "waits_in") == !says_where(p.pid, number_at(line, "tid")));
		}
		look_free(&l);
		/* the age of the requests is known, of the tasks it is not */
		check_case("--min-age that none of the requests has");
		if (look_begin(&l, "--min-age 1h") && look_end(&l)) {
			check_same("requests", number_at(l.end, "requests"), 0);
			check_same("operations", number_at(l.end, "operations"), THREADS);
		}
		look_free(&l);
	}
	slow_let_go(holder);
	check_same("status of the generator", proc_wait(&p, 20000), 0);
	proc_free(&p);
}

/* A generator that writes with @words, to @path, what is held up until the look is over. */
struct held {
	struct proc p;
	struct looked l;
	pid_t holder;
};

/* Whether there is a look at @requests or more that began before it. */
static bool held_begin(struct held *h, const char *path, const char *words, int requests)
{
	*h = (struct held){ 0 };
	check_case("%s on %s, then a look", words, path);
	proc_start(&h->p, "known-count --target %s --op write --direct --wait %s", path, words);
	check_true("the generator waits", proc_until(&h->p, "ready", 5000));
	h->holder = slow_hold(patience_ms(HOLD_MS));
	proc_signal(&h->p, SIGUSR1);
	return check_true("writes are held", slow_holds(requests)) && look_begin(&h->l, "") && look_end(&h->l);
}

static void held_end(struct held *h)
{
	look_free(&h->l);
	slow_let_go(h->holder);
	check_same("status of the generator", proc_wait(&h->p, 20000), 0);
	proc_free(&h->p);
}

/* The kernel knows the file of what io_uring and libaio asked for, and of io_uring who asked. */
static void before_by(const char *engine, bool owner)
{
	struct held h;
	char words[64];
	json_t *line;
	size_t i;

	snprintf(words, sizeof(words), "--engine %s --depth %d --batch %d --count %d", engine, THREADS, THREADS, THREADS);
	if (held_begin(&h, slow.path, words, THREADS)) {
		check_same("requests in the table", count(&h.l, "request", "table"), THREADS);
		check_requests(&h.l, "table");
		json_array_foreach(h.l.lines, i, line) {
			if (!is(line, "level", "request"))
				continue;
			if (owner) {
				check_same("pid", number_at(line, "pid"), h.p.pid);
				check_text("comm", text_at(line, "comm"), "known-count");
			} else {
				check_true("no owner", json_is_null(json_at(line, "pid")) && json_is_null(json_at(line, "comm")));
			}
		}
	}
	held_end(&h);
}

TEST(begun_before_asynchronously)
{
	const char *why = slow_need();

	if (why)
		TEST_SKIP(why);
	before_by("io_uring", true);
	before_by("io_uring_fixed", true);
	before_by("libaio", false);
}

/* Each piece of what the disk takes in pieces, and of a file: past the levels and the parts to who asked. */
static void before_from(const char *path, const char *words, int requests)
{
	int64_t pieces = 0;
	struct held h;
	json_t *line;
	size_t i;

	if (held_begin(&h, path, words, requests)) {
		json_array_foreach(h.l.lines, i, line) {
			/* the file system has others of its own */
			if (!is(line, "source", "table") || number_at(line, "bytes") != PIECE_KB << 10)
				continue;
			pieces++;
			check_text("path", text_at(line, "path"), path);
			check_same("pid", number_at(line, "pid"), h.p.pid);
		}
		check_same("pieces in the table", pieces, requests);
	}
	held_end(&h);
}

TEST(begun_before_in_pieces)
{
	const char *why = slow_need(), *file;
	struct proc first = {};
	int64_t kb = PIECE_KB;

	if (why)
		TEST_SKIP(why);
	if (!check_same("64 KiB a request", loop_queue_swap(&slow, "max_sectors_kb", &kb), 0))
		return;
	before_from(slow.path, "--count 1 --size 512k", 8);
	if (!place_mount_ext4("upon", slow.path, "")) {
		file = place_path("upon/file");
		/* its blocks are there, so that no journal is asked when it is written again */
		proc_line(&first, "known-count --target %s --op write --count 1 --size 512k --fsync-every 1", file);
		proc_free(&first);
		before_from(file, "--count 1 --size 512k", 8);
		before_from(file, "--count 1 --size 512k --engine io_uring", 8);
		place_umount("upon");
	}
	check_same("as it was", loop_queue_swap(&slow, "max_sectors_kb", &kb), 0);
}

/* Begun while it looks: all is known. */
static void begun_case(const char *words, const char *via)
{
	struct proc p = {};
	struct looked l;
	pid_t holder;
	json_t *line;
	size_t i;

	check_case("writes %s, begun while it looks", words);
	proc_start(&p, "known-count --target %s --op write --direct --count %d --wait %s", slow.path, THREADS, words);
	check_true("the generator waits", proc_until(&p, "ready", 5000));
	holder = slow_hold(patience_ms(HOLD_MS));
	if (look_begin(&l, "--look 1s") && check_true("looks", proc_until(&l.proc, "looking", 30000)))
		proc_signal(&p, SIGUSR1);
	if (look_end(&l)) {
		check_same("requests", count(&l, "request", "begun"), THREADS);
		check_requests(&l, "begun");
		check_same("operations", count(&l, "operation", "begun"), THREADS);
		json_array_foreach(l.lines, i, line) {
			if (is(line, "type", "inflight_end"))
				continue;
			check_same("pid", number_at(line, "pid"), p.pid);
			check_text("comm", text_at(line, "comm"), "known-count");
			check_cgroup(line, p.pid);
			check_true("its owner submitted it", json_is_null(json_at(line, "submitter")));
			check_between("age", number_at(line, "age_ns"), 1, patience_ms(10000) * 1000000ll);
			check_text("stage", text_at(line, "stage"), "device");
			if (!is(line, "level", "operation"))
				continue;
			check_text("via", text_at(line, "via"), via);
			check_text("path", text_at(line, "path"), slow.path);
		}
		check_same("begun before", number_at(l.end, "begun_before"), 0);
		check_same("not seen", (int64_t)json_array_size(json_at(l.end, "unseen")), 0);
	}
	look_free(&l);
	slow_let_go(holder);
	check_same("status of the generator", proc_wait(&p, 20000), 0);
	proc_free(&p);
}

TEST(begun_while_it_looks)
{
	const char *why = slow_need();

	if (why)
		TEST_SKIP(why);
	begun_case("--threads 3", "syscall");
	begun_case("--engine io_uring --depth 3 --batch 3", "io_uring");
	/* its file has no descriptor by now */
	begun_case("--engine io_uring_fixed --depth 3 --batch 3", "io_uring");
	begun_case("--engine libaio --depth 3 --batch 3", "libaio");
}

TEST(nothing_in_flight)
{
	const char *why = slow_need();
	struct looked l;

	if (why)
		TEST_SKIP(why);
	check_case("an idle device");
	if (look_begin(&l, "") && look_end(&l)) {
		check_same("lines", (int64_t)json_array_size(l.lines), 1);
		check_same("requests", number_at(l.end, "requests"), 0);
		check_same("operations", number_at(l.end, "operations"), 0);
	}
	look_free(&l);
}

TEST(what_inflight_refuses)
{
	static const char *const words[] = { "--min-age 5", "--look 1h", "--dev nosuchdisk", "stray" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct proc p = {};

		check_case("inflight %s", words[i]);
		check_same("status", proc_line(&p, "iopath inflight %s", words[i]), 2);
		check_same("lines on stderr", text_lines(&p.err), 1);
		check_same("bytes on stdout", (int64_t)p.out.len, 0);
		proc_free(&p);
	}
}

TEST_MAIN("inflight", T(begun_before), T(begun_before_asynchronously), T(begun_before_in_pieces), T(begun_while_it_looks), T(nothing_in_flight),
	  T(what_inflight_refuses))
