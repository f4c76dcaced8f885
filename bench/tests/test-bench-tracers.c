/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole runs whose tracers fail, show nothing or meddle: none of that is a low cost. */
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bench/attribution.h"
#include "bench/file.h"
#include "bench/stop.h"
#include "bench/tests/bench-run.h"
#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

/*
 * A tracer that does not come up, dies, or traces nothing costs nothing: never a
 * PASS. One script plays them all, by the tier it is asked for.
 */
static const char bad_tracers[] =
	"#!/bin/sh\n"
	"[ \"$1\" != --version ] || { echo 'iopath 0.1.0 (2e9ee45)'; exit; }\n"
	"for file; do :; done\n"
	"case $3 in\n"
	"block) echo no such tier >&2; exit 3 ;;\n"
	"vfs) echo iopath: ready >&2; exit 0 ;;\n"
	"filemap) echo iopath: ready >&2; trap exit INT ;;\n"
	"full) echo iopath: ready >&2\n"
	"	trap 'echo \"{\\\"type\\\":\\\"summary\\\",\\\"devices\\\":[],\\\"coverage\\\":{}}\" >\"$file\"; exit 0' INT ;;\n"
	"esac\n"
	"while :; do sleep .05; done\n";

/* An arm, and what is said of it. */
struct invalid {
	const char *arm, *says;
};

/* The run came to its end, without a figure for these. */
static void expect_invalid(const struct bench_run *r, const struct invalid *t, size_t nr)
{
	json_t *v = verdict();

	ASSERT_EQ(r->status, EXIT_ENVIRONMENT);
	for (size_t i = 0; i < nr; i++) {
		ASSERT_STR(cell_verdict(v, t[i].arm, "throughput_loss_pct"), "INVALID");
		if (!strstr(r->text, t[i].says)) {
			printf("    wanted %s\n", t[i].says);
			show(r);
		}
		ASSERT_TRUE(strstr(r->text, t[i].says) != NULL);
	}
	check_files("summary");
	expect_clean();
	json_decref(v);
}

/* Of each cell: what its disk was set to by then, and whether devices came, went or changed in a window. */
TEST(what_goes_on_beside_is_in_the_cell)
{
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	struct bench_run r;
	int cells = 0;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms --arm-ready ^on --arm");
	add(&r, "churn=trap 'echo 5 events; exit' INT; echo 77 >/sys/block/{disk}/queue/read_ahead_kb; echo on; "
		"while :; do echo change >/sys/block/{disk}/uevent; sleep .02; done");
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &text), 0);
	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save)) {
		if (!strstr(l, "\"type\":\"cell\"") || !strstr(l, "\"arm\":\"churn\""))
			continue;
		cells++;
		if (strstr(l, "\"fixed_rate\":{"))
			ASSERT_TRUE(strstr(l, "\"uevents\"") != NULL);
		ASSERT_TRUE(strstr(l, "\"read_ahead_kb\":\"77\"") || strstr(l, "\"read_ahead_kb\":\"76\""));
	}
	ASSERT_TRUE(cells >= 1);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

TEST(a_tracer_that_does_not_trace_is_invalid)
{
	static const struct invalid t[] = {
		{ "block", "no such tier" },
		{ "vfs", "ended by itself" },
		{ "filemap", "no summary" },
		{ "full", "the tracer saw 0 of" },
	};
	struct bench_run r;
	const char *path;

	NEEDS_ROOT_AND_LOOP();
	setup();
	path = fmt("%s/iopath", base);
	ASSERT_EQ(file_replace(path, bad_tracers), 0);
	ASSERT_EQ(chmod(path, 0755), 0);
	r = run_new("--arms block,vfs,filemap,full --workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms");
	run_fake(&r);
	add_words(&r, fmt("--iopath %s", path));
	run_start(&r);
	run_end(&r);
	expect_invalid(&r, t, ARRAY_SIZE(t));
	/* which one it was, by its own word */
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"iopath\":\"iopath 0.1.0 (2e9ee45)\""), 1);
	run_free(&r);
}

/* Whoever shows nothing has shown no cost. */
TEST(an_arm_that_shows_no_event_is_invalid)
{
	static const struct invalid t[] = {
		{ "mute", "no line of output once it was ready" },
		{ "blind", "no line of its output matches ^[0-9]+ events" },
		{ "early", "ended by itself" },
		{ "never", "before it was ready: cannot attach" },
	};
	struct bench_run r;
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms --arm-ready ^on --arm-proof good=^5 --arm-proof");
	add(&r, "blind=^[0-9]+ events");
	run_fake(&r);
	add(&r, "--arm");
	add(&r, "mute=echo on; exec sleep 100");
	add(&r, "--arm");
	add(&r, "blind=trap 'echo no events; exit' INT; echo on; while :; do sleep .05; done");
	add(&r, "--arm");
	add(&r, "early=echo on; sleep .3");
	add(&r, "--arm");
	add(&r, "never=echo cannot attach; exit 1");
	add(&r, "--arm");
	add(&r, "good=trap 'echo 5 events on {disk}; exit' INT; echo on; while :; do sleep .05; done");
	add_words(&r, "--arm-stop user=USR1 --arm");
	add(&r, "user=trap '' INT; trap 'echo 5 events; exit' USR1; echo on; while :; do sleep .05; done");
	run_start(&r);
	run_end(&r);
	expect_invalid(&r, t, ARRAY_SIZE(t));
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"arm\":\"good\",\"phase\":\"main\",\"round\":0") >= 1);
	/* asked by its own signal, it ended as well as the other */
	v = verdict();
	ASSERT_STR(cell_verdict(v, "user", "throughput_loss_pct"), cell_verdict(v, "good", "throughput_loss_pct"));
	json_decref(v);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"arm\":\"user\",\"phase\":\"main\",\"round\":0") >= 1);
	run_free(&r);
}

/* More than a pipe or the kept head holds, and on both streams; a wait is that of the arm, and of no other. */
TEST(what_a_tracer_prints_is_counted_and_the_time_it_takes_waited)
{
	_cleanup_free_ char *begun = NULL, *ended = NULL;
	struct bench_run r;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms --arm-ready loud=^on --arm-delay 1ms --arm-delay slow=5s --arm");
	add(&r, "loud=trap 'yes 1234567 | head -c 1000000; exit' INT; echo on; echo off >&2; while :; do sleep .05; done");
	add(&r, "--arm");
	add(&r, fmt("slow=trap 'echo end; cat /proc/uptime >%s/ended; exit' INT; cat /proc/uptime >%s/begun; while :; do sleep .05; done",
		    base, base));
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	/* 3 and 4 bytes for "on" and "off" */
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"output_bytes\":1000007,") >= 1);
	ASSERT_EQ(file_read(fmt("%s/begun", base), &begun), 0);
	ASSERT_EQ(file_read(fmt("%s/ended", base), &ended), 0);
	ASSERT_TRUE(begun && ended && atof(ended) - atof(begun) >= 4.9);
	if (r.status == EXIT_ENVIRONMENT || r.status == EXIT_USAGE)
		show(&r);
	check_files("summary");
	run_free(&r);
}

/* An arm that changes what it is measured under: no round counts, whatever its figures are. */
TEST(an_arm_that_switches_the_scheduler_is_invalid)
{
	struct bench_run r;
	char list[256];
	json_t *v;

	NEEDS_ROOT_AND_LOOP();
	if (file_read_line("/sys/block/loop0/queue/scheduler", list, sizeof(list)) || !strstr(list, "mq-deadline"))
		TEST_SKIP("loop devices have no mq-deadline here");
	r = run_new("--scheduler none --workload randread-4k-qd1 --quick --rounds 1:1 --window 200ms --time-limit 5s --arm-ready ^on --arm");
	add(&r, "meddler=trap 'echo 5 events; exit' INT; echo on; echo mq-deadline >/sys/block/{disk}/queue/scheduler; "
		"while :; do sleep .05; done");
	run_fake(&r);
	run_start(&r);
	run_end(&r);
	v = verdict();
	if (!strstr(r.text, "something else switched it"))
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_STR(verdict_text(v), "INVALID");
	ASSERT_TRUE(strstr(r.text, "scheduler is mq-deadline, not none: something else switched it") != NULL);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"scheduler_after\":\"mq-deadline\"") >= 1);
	check_files(json_is_true(json_object_get(v, "complete")) ? "summary" : "stopped");
	expect_clean();
	json_decref(v);
	run_free(&r);
}

/* The design that the project began with is an arm: whoever runs, it sees system calls. */
TEST(events_of_every_hook_are_counted)
{
	char program[PATH_MAX + 16];
	char *argv[] = { program, "full", NULL };
	struct child_io io = { .out_fd = memfd_create("out", MFD_CLOEXEC), .err_fd = -1 };
	struct child_end end = { .status = -1 };
	static const int interrupt[] = { SIGINT };
	_cleanup_free_ char *text = NULL;
	unsigned long long events = 0;
	struct child c;

	if (geteuid())
		TEST_SKIP("needs root");
	setup();
	snprintf(program, sizeof(program), "%s/iopath-events", build_dir);
	ASSERT_EQ(child_spawn(argv, &io, &c), 0);
	for (int i = 0; i < 200; i++) {
		free(take_ptr(text));
		if (file_read(fmt("/proc/self/fd/%d", io.out_fd), &text) || strstr(text, "events: ready") ||
		    child_wait(&c, 50 * NS_PER_MS, true, &end) != -ETIME)
			break;
	}
	if (!text || !strstr(text, "events: ready")) {
		close(io.out_fd);
		TEST_SKIP("its BPF programs cannot be loaded here");
	}
	for (int i = 0; i < 1000; i++)
		getppid();
	ASSERT_EQ(child_stop(&c, interrupt, 1, false, 20 * NS_PER_S, &end), 0);
	ASSERT_EQ(end.status, 0);
	free(take_ptr(text));
	ASSERT_EQ(file_read(fmt("/proc/self/fd/%d", io.out_fd), &text), 0);
	ASSERT_TRUE(strstr(text, " events, ") && sscanf(strchr(text, '\n') + 1, "%llu", &events) == 1);
	ASSERT_TRUE(events >= 1000);
	close(io.out_fd);
}

/* ---- what BPF programs take ---- */

static const struct bpf_program *of_id(const struct bpf_programs *p, uint32_t id)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (p->v[i].id == id)
			return &p->v[i];
	return NULL;
}

/* Programs loaded since @before, and how many of them have a time: somebody keeps the statistics on. */
static unsigned int count_new(const struct bpf_programs *before, unsigned int *ret_timed, bool *ret_others)
{
	struct bpf_programs now;
	unsigned int nr = 0;

	if (bpf_programs_take(&now))
		return 0;
	for (unsigned int i = 0; i < now.nr; i++) {
		const struct bpf_program *was = of_id(before, now.v[i].id);

		*ret_others |= was && was->run_ns != now.v[i].run_ns;
		nr += !was;
		*ret_timed += !was && now.v[i].run_ns;
	}
	bpf_programs_free(&now);
	return nr;
}

static bool has_attribution(void)
{
	return count_in(fmt("%s/out/results.jsonl", base), "\"type\":\"attribution\"") > 0;
}

/* The kernel's statistics cost 50 ns a call: off while cells are measured, on in the pass behind them. */
TEST(statistics_of_bpf_are_on_in_the_attribution_alone)
{
	unsigned int seen = 0, timed = 0, timed_in_cells = 0;
	struct bpf_programs before;
	bool others = false;
	struct bench_run r;
	struct child_end end;

	NEEDS_ROOT_AND_LOOP();
	setup();
	if (bpf_programs_take(&before))
		TEST_SKIP("may not list BPF programs");
	unlink(fmt("%s/out/results.jsonl", base));
	r = run_new("--arms off,off2,block --rounds 1:1 --window 300ms --max-steal 100 --workload uring-randread-qd1");
	run_start(&r);
	while (child_wait(&r.child, 20 * NS_PER_MS, true, &end) == -ETIME) {
		unsigned int n = count_new(&before, &timed, &others);

		/* the last cell is on disk before the attribution begins */
		if (nr_cells() < 3)
			timed_in_cells = timed;
		seen = n > seen ? n : seen;
	}
	r.status = end.status;
	file_read(fmt("/proc/self/fd/%d", r.out_fd), &r.text);
	bpf_programs_free(&before);
	if (!seen || others) {
		run_free(&r);
		TEST_SKIP(others ? "somebody else has the statistics on" : "no BPF program can be loaded here");
	}
	if (timed_in_cells || !timed || !has_attribution())
		show(&r);
	ASSERT_EQ(timed_in_cells, 0);
	ASSERT_TRUE(timed > 0);
	ASSERT_TRUE(has_attribution());
	ASSERT_EQ(count_in(fmt("%s/out/results.jsonl", base), "\"programs\":[]"), 0);
	ASSERT_TRUE(count_in(fmt("%s/out/results.jsonl", base), "\"run_time_ns\":") >= 1);
	check_files("summary");
	run_free(&r);
	expect_clean();
}

/* A raw tracepoint's program that does nothing, attached by this process: the file descriptor, or -1. */
static int attach_another_tracer(void)
{
	struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr;
	int program, link;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = ARRAY_SIZE(code);
	attr.license = (uintptr_t)"GPL";
	program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.name = (uintptr_t)"sched_process_exit";
	attr.raw_tracepoint.prog_fd = (uint32_t)program;
	link = (int)syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
	if (program >= 0)
		close(program);
	return link;
}

static void expect_noted(const json_t *v)
{
	const char *first = json_string_value(json_array_get(json_object_get(v, "notes"), 0)) ?: "";
	_cleanup_free_ char *junit = NULL;
	struct child_end end;
	bool found = false;
	json_t *note;
	size_t i;

	check_verdict(v);
	json_array_foreach(json_object_get(v, "notes"), i, note)
		found |= !strncmp(json_string_value(note), "tracers: BPF of others, ", 24);
	ASSERT_TRUE(found);
	if (json_is_false(json_object_get(v, "complete")))
		return;
	ASSERT_EQ(child_run((char *[]){ (char *)fmt("%s/iopath-bench", build_dir), "report", (char *)fmt("%s/out", base), "--format", "junit",
					NULL }, 60 * NS_PER_S, &junit, &end), 0);
	ASSERT_TRUE(junit && strstr(junit, fmt("<property name=\"note\" value=\"%.12s", first)) != NULL);
}

/* What was measured before is where it was: it did not begin. */
static void expect_untouched(void)
{
	_cleanup_free_ char *text = NULL;

	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &text), 0);
	ASSERT_STR(text, "hours\n");
	ASSERT_TRUE(access(fmt("%s/out/results.jsonl.old", base), F_OK) != 0);
}

/* In off as in every arm: a PASS beside another tracer would say nothing. */
TEST(beside_another_tracer_nothing_is_measured_unless_told)
{
	static const struct {
		const char *word, *says;
		bool goes_on;
	} t[] = {
		{ "--no-attribution", "off and off2 have that alike, so that no figure would show it: end it, or say --force", false },
		/* tried again */
		{ "--no-attribution", "off and off2 have that alike, so that no figure would show it: end it, or say --force", false },
		{ "--force", "it goes on all the same, as it is told --force", true },
		{ "--quick", "it goes on all the same, as it is told --quick", true },
	};
	int other;

	NEEDS_ROOT_AND_LOOP();
	other = attach_another_tracer();
	if (other < 0)
		TEST_SKIP("cannot attach a BPF program");
	setup();
	ASSERT_EQ(system(fmt("mkdir -p %s/out && echo hours >%s/out/results.jsonl && rm -f %s/out/results.jsonl.old", base, base, base)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct bench_run r = run_new("--workload randread-4k-qd1 --arms off,off2 --rounds 1:1 --window 200ms");
		json_t *v;

		ASSERT_STR(r.argv[2], "--force");
		free(r.argv[2]);
		r.argv[2] = strdup(t[i].word);
		run_fake(&r);
		run_start(&r);
		run_end(&r);
		v = verdict();
		if (!strstr(r.text, t[i].says) || json_is_true(json_object_get(v, "complete")) != t[i].goes_on)
			show(&r);
		ASSERT_TRUE(strstr(r.text, t[i].says) != NULL);
		ASSERT_EQ(json_is_true(json_object_get(v, "complete")), t[i].goes_on);
		ASSERT_TRUE(t[i].goes_on || r.status == EXIT_ENVIRONMENT);
		expect_noted(v);
		if (t[i].goes_on) {
			ASSERT_TRUE(nr_cells() > 0);
			check_files("summary");
		} else {
			ASSERT_TRUE(strstr(json_string_value(json_object_get(v, "reason")) ?: "", t[i].says) != NULL);
			expect_untouched();
		}
		json_decref(v);
		run_free(&r);
	}
	close(other);
	expect_clean();
}

static bool has_cell(void)
{
	return nr_cells() > 0;
}

/* It stands alone: there is no --force that could be said with it. */
TEST(beside_another_tracer_nothing_is_gone_on_with)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	struct bench_run r;
	const char *file;
	int other;

	NEEDS_ROOT_AND_LOOP();
	r = run_new("--workload randread-4k-qd1 --arms off,off2 --rounds 30:30 --window 200ms --no-attribution");
	unlink(fmt("%s/out/results.jsonl", base));
	run_fake(&r);
	run_start(&r);
	ASSERT_TRUE(wait_for(&r, has_cell));
	signal_run(&r, SIGINT);
	run_end(&r);
	ASSERT_EQ(r.status, EXIT_INCONCLUSIVE);
	run_free(&r);
	file = fmt("%s/out/results.jsonl", base);
	ASSERT_EQ(system(fmt("sed -i '1s/\"--force\",//' %s", file)), 0); /* as if it had not been said */
	ASSERT_EQ(file_read(file, &before), 0);
	other = attach_another_tracer();
	if (other < 0)
		TEST_SKIP("cannot attach a BPF program");
	r = resume();
	run_end(&r);
	close(other);
	if (!strstr(r.text, "no figure would show it: end it\n"))
		show(&r);
	ASSERT_EQ(r.status, EXIT_ENVIRONMENT);
	ASSERT_TRUE(strstr(r.text, "no figure would show it: end it\n") != NULL);
	ASSERT_EQ(file_read(fmt("%s/out/results.jsonl", base), &after), 0);
	ASSERT_STR(after, before);
	run_free(&r);
	expect_clean();
}

TEST_MAIN("test-bench-tracers", T(beside_another_tracer_nothing_is_measured_unless_told), T(beside_another_tracer_nothing_is_gone_on_with), T(events_of_every_hook_are_counted), T(an_arm_that_shows_no_event_is_invalid),
	  T(what_a_tracer_prints_is_counted_and_the_time_it_takes_waited),
	  T(what_goes_on_beside_is_in_the_cell), T(an_arm_that_switches_the_scheduler_is_invalid), T(a_tracer_that_does_not_trace_is_invalid),
	  T(statistics_of_bpf_are_on_in_the_attribution_alone))
