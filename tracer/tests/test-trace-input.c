/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bad input and bad places: one line that names the thing, the right status,
 * nothing left behind, no partial report that reads as whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "ground-bpf.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { USAGE = 2, ENVIRONMENT = 4, NOBODY = 65534 };

struct refusal {
	const char *words;	/* behind `iopath` */
	int status;
	const char *names;	/* what stderr must name */
};

static void check_refusal(const struct proc *p, int got, const struct refusal *r)
{
	check_evidence(p->line);
	check_same("status", got, r->status);
	check_same("lines on stderr", text_lines(&p->err), 1);
	check_has("stderr", p->err.text, r->names);
	check_same("bytes on stdout", (int64_t)p->out.len, 0);
}

static void refuse(const struct refusal *r)
{
	struct proc p = {};
	/* what is not refused ends by itself */
	int status = proc_line(&p, "iopath %s%s", r->words, strncmp(r->words, "trace", 5) ? "" : " --duration 1s");

	check_case("%s", r->words);
	check_refusal(&p, status, r);
	proc_free(&p);
}

TEST(what_no_option_means)
{
	static const struct refusal refusals[] = {
		{ "nosuchcommand", USAGE, "nosuchcommand" },
		{ "trace --nosuch", USAGE, "--nosuch" },
		{ "trace --tier nosuch", USAGE, "nosuch" },
		{ "trace --tier", USAGE, "--tier" },
		{ "trace --pid x", USAGE, "--pid" },
		{ "trace --pid -3", USAGE, "--pid" },
		{ "trace --pid 99999999999", USAGE, "--pid" },
		{ "trace --op nosuch", USAGE, "nosuch" },
		{ "trace --threshold 5", USAGE, "--threshold" },
		{ "trace --sample 10", USAGE, "--sample" },
		{ "trace --hung 5", USAGE, "--hung" },
		{ "trace --sample 1/0", USAGE, "--sample" },
		{ "trace --room bios", USAGE, "--room" },
		{ "trace --room nosuch=9", USAGE, "nosuch" },
		{ "trace --room bios=7", USAGE, "bios" },
		{ "trace --room requests=-9", USAGE, "requests" },
		{ "trace --room ring=4095", USAGE, "ring" },
		{ "trace --room ring=2G", USAGE, "ring" },
		{ "trace --room operations=8x", USAGE, "operations" },
		{ "trace --tier block --room operations=8", USAGE, "--tier" },
		{ "trace --room ring=4k", USAGE, "--sample" },
		{ "trace --room processes=4", USAGE, "command" },
		{ "trace --room stacks=4", USAGE, "--stacks" },
		{ "trace --room dirty-files=4", USAGE, "dirty-files" },
		{ "doctor --room ring", USAGE, "--room" },
		{ "trace --sample 1/-3", USAGE, "--sample" },
		{ "trace --sample 1/9999999999", USAGE, "--sample" },
		{ "trace --cond-resched=maybe", USAGE, "--cond-resched" },
		{ "trace --tier vfs --cond-resched=probe", USAGE, "--cond-resched" },
		{ "trace --tier block --kernel-io", USAGE, "--kernel-io" },
		{ "trace --threshold -1ms", USAGE, "--threshold" },
		{ "trace --interval 5", USAGE, "--interval" },
		{ "trace --duration nan", USAGE, "--duration" },
		{ "trace --comm 0123456789abcdef", USAGE, "--comm" },
		{ "trace --min-lat 5", USAGE, "--min-lat" },
		{ "trace --cgroup /no/such/cgroup", USAGE, "/no/such/cgroup" },
		{ "trace --cgroup /proc", USAGE, "not a directory of a cgroup file system" },
		{ "trace --cgroup no-such-cgroup", USAGE, "no-such-cgroup" },
		{ "trace --file /no/such/file", USAGE, "/no/such/file" },
		{ "trace --file /proc", USAGE, "--dir" },
		{ "trace --file /dev/zero", USAGE, "not a regular file" },
		{ "trace --dir /proc/version", USAGE, "not a directory" },
		{ "trace --tier block --file /proc/version", USAGE, "--file: needs --tier vfs" },
		{ "trace --tier block --dir /proc", USAGE, "--dir: needs --tier vfs" },
		{ "trace --top 0", USAGE, "--top" },
		{ "trace --top 99999", USAGE, "--top" },
		{ "trace --tier block --threshold 1ms --kernel-stack", USAGE, "--kernel-stack: needs --tier vfs" },
		{ "trace --kernel-stack", USAGE, "--kernel-stack: needs --threshold" },
		{ "trace --dev-stack nosuchdisk", USAGE, "nosuchdisk" },
		{ "trace --tier block --op fsync", USAGE, "--op fsync: needs --tier vfs" },
		{ "trace --comm x --op flush_command", USAGE, "--op flush_command: is no task's" },
		{ "trace --op read,flush_command -- true", USAGE, "--op flush_command: is no task's" },
		{ "trace --comm x --fail-on FLUSH_SERIALISED", USAGE, "--fail-on FLUSH_SERIALISED: flush commands are no task's" },
		{ "trace stray", USAGE, "stray" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		refuse(&refusals[i]);
}

TEST(devices_that_are_none)
{
	static const struct refusal refusals[] = {
		{ "trace --dev nosuchdisk", USAGE, "nosuchdisk" },
		{ "trace --dev /dev/null", USAGE, "/dev/null" },
		{ "trace --dev /nonexistent", USAGE, "/nonexistent" },
	};

	if (geteuid())
		TEST_SKIP("needs root");
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		refuse(&refusals[i]);
}

/* Where no function can be hooked, what functions alone tell is refused. */
TEST(kinds_that_no_hook_tells)
{
	static const struct refusal refusals[] = {
		{ "trace --op fault", ENVIRONMENT, "--op fault: no hook" },
		{ "trace --op read,mkwrite", ENVIRONMENT, "--op mkwrite: no hook" },
	};
	struct proc p = {};
	bool hooked;

	if (geteuid())
		TEST_SKIP("needs root");
	check_same("doctor", proc_line(&p, "iopath doctor"), 0);
	hooked = p.out.text && strstr(p.out.text, "\nfentry      usable\n");
	proc_free(&p);
	if (hooked)
		TEST_SKIP("functions can be hooked here");
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		refuse(&refusals[i]);
}

TEST(processes_that_are_none)
{
	static const struct refusal r = { "trace --pid 4194303", USAGE, "4194303" };

	if (geteuid())
		TEST_SKIP("needs root");
	if (!kill(4194303, 0))
		TEST_SKIP("a process 4194303 exists");
	refuse(&r);
}

TEST(help_is_no_error)
{
	static const char *const words[] = { "--help", "trace --help", "doctor --help" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct proc p = {};

		check_case("iopath %s", words[i]);
		check_same("status", proc_line(&p, "iopath %s", words[i]), 0);
		check_true("says something on stdout", p.out.len > 100);
		check_same("bytes on stderr", (int64_t)p.err.len, 0);
		proc_free(&p);
	}
}

TEST(a_user_without_rights)
{
	struct refusal r = { "trace --tier block --duration 1s", ENVIRONMENT, "CAP_" };
	struct proc p = {};

	if (geteuid())
		TEST_SKIP("needs root to become somebody else");
	check_case("as nobody: iopath %s", r.words);
	check_same("start", proc_start_as(&p, NOBODY, "%s %s", proc_path("iopath"), r.words), 0);
	check_refusal(&p, proc_wait(&p, 20000), &r);
	proc_free(&p);
}

/* ---- where the report goes ---- */

/* May the text be taken for a whole report? */
static bool reads_as_whole(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	json_t *last = NULL;
	size_t cap = 0;
	bool whole;

	while (f && getline(&line, &cap, f) > 0) {
		json_decref(last);
		last = json_loads(line, 0, NULL);
	}
	whole = text_at(last, "type") && !strcmp(text_at(last, "type"), "summary");
	json_decref(last);
	return whole;
}

static bool fill(const char *path)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char block[4096] = "";

	while (fd >= 0 && write(fd, block, sizeof(block)) > 0)
		;
	return fd >= 0 && errno == ENOSPC;
}

static void full_case(const char *more)
{
	const char *file = place_path("full/report.json");
	struct proc p = {};
	int status;

	check_case("-o on a full file system%s", more);
	status = proc_line(
		&p,
		"iopath trace --tier block --json --dev %s -o %s %s -- known-count --target %s --count 97 --direct",
		loop.name, file, more, loop.path);
	check_evidence(p.line);
	check_true("the status is an error", status != 0 && status < 126);
	check_has("stderr", p.err.text, file);
	check_has("stderr", p.err.text, strerror(ENOSPC));
	check_true("no report that reads as whole", !reads_as_whole(file));
	proc_free(&p);
}

TEST(a_full_result_disk)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	ASSERT_EQ(place_mount_tmpfs("full", 64 << 10), 0);
	ASSERT_TRUE(fill(place_path("full/ballast")));
	full_case("");
	full_case("--threshold 1ns");
	place_umount("full");
}

TEST(places_for_a_report_that_are_none)
{
	const char *why = need_loop();
	struct refusal r = { "", USAGE, "/nonexistent/x.json" };
	struct proc p = {};
	int status;

	if (why)
		TEST_SKIP(why);
	check_case("-o /nonexistent/x.json");
	status = proc_line(&p,
			   "iopath trace --tier block --json --dev %s -o /nonexistent/x.json --duration 1s",
			   loop.name);
	check_true("the status is an error",
		   status == ENVIRONMENT || status == USAGE || status == 1 || status == 5);
	r.status = status;
	check_refusal(&p, status, &r);
	proc_free(&p);
}

/* A reader that goes away: `iopath trace | head -1`. */
TEST(a_reader_that_goes_away)
{
	const char *why = need_loop();
	struct proc p = {};
	int status;

	if (why)
		TEST_SKIP(why);
	check_case("stdout is a pipe nobody reads");
	check_same(
		"start",
		proc_start(
			&p,
			"iopath trace --tier block --json --dev %s --threshold 1ns -- known-count --target %s --count 2003 --size 512 --direct",
			loop.name, loop.path),
		0);
	proc_close_out(&p);
	status = proc_wait(&p, 20000);
	check_true("ends by itself", status != -ETIMEDOUT);
	check_between("status", status, 1, 125);
	proc_free(&p);
}

/* ---- nothing is left ---- */

TEST(nothing_is_left_behind)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGKILL };
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct bpf_mark mark = bpf_mark_now();
		struct trace t;

		check_case("ended by signal %d", ends[i]);
		if (trace_begin(&t, "--tier full --dev %s", loop.name)) {
			struct bpf_mark now = bpf_mark_now();

			check_true("the tracer made BPF programs", now.prog > mark.prog);
			proc_signal(&t.proc, ends[i]);
			proc_wait(&t.proc, 10000);
			check_same("BPF objects left", bpf_orphans_since(&mark), 0);
		}
		trace_free(&t);
	}
}

TEST(killed_reports_do_not_read_as_whole)
{
	const char *why = need_loop();
	struct trace t;

	if (why)
		TEST_SKIP(why);
	check_case("SIGKILL");
	if (trace_begin(&t, "--tier block --dev %s --interval 100ms --threshold 1ns", loop.name)) {
		struct proc p = {};

		proc_line(&p, "known-count --target %s --count 997 --size 512 --direct", loop.path);
		proc_free(&p);
		proc_signal(&t.proc, SIGKILL);
		proc_wait(&t.proc, 5000);
		check_true("no report that reads as whole", !reads_as_whole(t.file));
	}
	trace_free(&t);
}

/* Signals in every phase: while it loads, while it is attached, while it ends. */
TEST(signals_in_every_phase)
{
	const char *why = need_loop();

	if (why)
		TEST_SKIP(why);
	for (int ms = 0; ms < 400; ms += 50) {
		struct bpf_mark mark = bpf_mark_now();
		struct proc p = {};
		int status;

		check_case("SIGINT after %d ms, and again", ms);
		proc_start(&p, "iopath trace --tier full --json --dev %s", loop.name);
		proc_until(&p, "nothing says this", ms + 1);
		proc_signal(&p, SIGINT);
		proc_until(&p, "nothing says this", 3);
		proc_signal(&p, SIGINT);
		status = proc_wait(&p, 10000);
		check_true("ends with 0 or by the signal", status == 0 || status == 128 + SIGINT);
		check_same("BPF objects left", bpf_orphans_since(&mark), 0);
		proc_free(&p);
	}
}

TEST_MAIN("trace-input", T(what_no_option_means), T(devices_that_are_none), T(kinds_that_no_hook_tells), T(processes_that_are_none),
	  T(help_is_no_error), T(a_user_without_rights), T(a_full_result_disk),
	  T(places_for_a_report_that_are_none), T(a_reader_that_goes_away), T(nothing_is_left_behind),
	  T(killed_reports_do_not_read_as_whole), T(signals_in_every_phase))
