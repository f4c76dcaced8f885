/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Anomalies of real I/O: brought about, with limits that they are beyond, and
 * again with limits that they are not. What each is by its figures is
 * test-anomaly's business.
 */
#include <signal.h>
#include <stdlib.h>

#include "ground-attempt.h"
#include "ground-check.h"
#include "ground-loops.h"
#include "ground-place.h"
#include "ground-trace.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/test.h"

enum { N = 307 };

/* The first of that tag; NULL: there is none. */
static json_t *anomaly_of(const struct trace *t, const char *tag)
{
	json_t *line;
	size_t i;

	json_array_foreach(t->lines, i, line)
		if (!strcmp(text_at(line, "type"), "anomaly") && !strcmp(text_at(line, "tag"), tag))
			return line;
	return NULL;
}

static int64_t told(const struct trace *t, const char *tag)
{
	char path[64];

	snprintf(path, sizeof(path), "anomalies.%s", tag);
	return number_at(t->summary, path);
}

static void check_told(const struct trace *t, const char *tag, const char *kind)
{
	json_t *a = anomaly_of(t, tag);

	check_true(tag, a);
	check_between("in the summary", told(t, tag), 1, 1000);
	check_text("subject", text_at(a, "subject.kind"), kind);
	if (!strcmp(kind, "process"))
		check_text("comm", text_at(a, "subject.comm"), "known-count");
	if (!strcmp(kind, "device"))
		check_text("name", text_at(a, "subject.name"), loop.name);
	check_true("a window", number_at(a, "window_ns") > 0 && number_at(a, "start_ns") > 0);
}

static void check_not_told(const struct trace *t, const char *tag)
{
	check_true(tag, !anomaly_of(t, tag));
	check_same("in the summary", told(t, tag), 0);
}

struct anomaly_case {
	const char *tag, *kind;
	const char *beyond, *within;	/* words of --anomaly */
	const char *tier, *words;	/* of known-count */
};

static const struct anomaly_case anomaly_cases[] = {
	{ "HIGH_LATENCY", "process", "HIGH_LATENCY.latency=1ns", "HIGH_LATENCY.latency=1h", "vfs", "" },
	{ "HIGH_LATENCY", "process", "HIGH_LATENCY.latency=1ns", "HIGH_LATENCY.latency=1h", "block", "" },
	{ "OUTSIZED_IO", "process", "OUTSIZED_IO.size=65535", "OUTSIZED_IO.size=64k", "vfs", "--size 64k" },
	{ "LATENCY_SPIKE", "process",
	  "LATENCY_SPIKE.factor=1 --anomaly LATENCY_SPIKE.floor=0 --anomaly LATENCY_SPIKE.windows=2 --anomaly LATENCY_SPIKE.min_ios=1",
	  "LATENCY_SPIKE.floor=1h", "vfs", "--sleep-between 500us" },
};

static void run_case(const struct anomaly_case *c, bool beyond)
{
	struct trace t;

	check_case("%s %s, tier %s", c->tag, beyond ? c->beyond : c->within, c->tier);
	if (trace_command(&t, "--tier %s --dev %s --anomalies --anomaly-window 20ms --anomaly %s -- known-count --target %s --count %d --direct %s",
			  c->tier, loop.name, beyond ? c->beyond : c->within, loop.path, N, c->words)) {
		if (beyond)
			check_told(&t, c->tag, c->kind);
		else
			check_not_told(&t, c->tag);
	}
	trace_free(&t);
}

TRACE_TEST(told_beyond_the_limit_and_not_within)
{
	const char *why = need_loops();

	if (why)
		TEST_SKIP(why);
	for (size_t i = 0; i < ARRAY_SIZE(anomaly_cases); i++) {
		run_case(&anomaly_cases[i], true);
		run_case(&anomaly_cases[i], false);
	}
}

/* No COMMAND: the flush command of a queue has no owner, and would be filtered out. */
static bool flush_case(const char *limit, struct trace *t)
{
	struct proc p = {};

	check_case("FLUSH_SERIALISED.%s", limit);
	if (!trace_begin(t, "--tier block --dev %s --anomalies --anomaly FLUSH_SERIALISED.%s", loop.name, limit))
		return false;
	proc_line(&p, "known-count --target %s --count %d --direct --op write --threads 8 --fsync-every 1", loop.path, N);
	proc_free(&p);
	return trace_end(t, SIGINT);
}

TRACE_TEST(flushes_that_wait_for_each_other)
{
	const char *why = need_loops();
	struct trace t = {};

	if (why)
		TEST_SKIP(why);
	/* a command that the host held up can have taken longer than the mean flush waited */
	for (int left = 5; left && flush_case("factor=1", &t) && !told(&t, "FLUSH_SERIALISED"); left--)
		trace_free(&t);
	check_told(&t, "FLUSH_SERIALISED", "device");
	trace_free(&t);
	if (flush_case("min_ios=100000", &t))
		check_not_told(&t, "FLUSH_SERIALISED");
	trace_free(&t);
}

/* A queue of 4, of which 64 are asked for at once. */
TRACE_TEST(a_queue_that_is_not_deep_enough)
{
	static const char *const limits[] = {
		"--anomaly TAG_STARVED.wait=1us --anomaly TAG_STARVED.share=10% --anomaly TAG_STARVED.depth=10%",
		"--anomaly QUEUE_BOUND.wait=1us --anomaly QUEUE_BOUND.share=10% --anomaly TAG_STARVED.wait=1h",
	};
	static const char *const tags[] = { "TAG_STARVED", "QUEUE_BOUND" };
	const char *why = need_loops();
	char path[64];

	if (why)
		TEST_SKIP(why);
	if (loop_set_scheduler(&loop, "mq-deadline"))
		TEST_SKIP("no scheduler mq-deadline");
	snprintf(path, sizeof(path), "/sys/block/%s/queue/nr_requests", loop.name);
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		_cleanup_fclose_ FILE *f = fopen(path, "we");
		struct trace t;

		if (!f || fprintf(f, "4") < 0 || fflush(f))
			TEST_SKIP("the queue's depth cannot be set");
		check_case("%s", tags[i]);
		if (trace_command(&t, "--tier block --dev %s --anomalies %s -- known-count --target %s --count 4001 --direct --engine io_uring --depth 64 --batch 64",
				  loop.name, limits[i], loop.path)) {
			check_told(&t, tags[i], "device");
			check_not_told(&t, tags[!i]);
			if (!i)
				check_between("tags", number_at(anomaly_of(&t, tags[i]), "values.tags"), 4, 64);
		}
		trace_free(&t);
	}
	loop_set_scheduler(&loop, loop.scheduler);
}

TRACE_TEST(two_devices_used_as_one)
{
	const char *why = need_loops();
	struct trace t;
	json_t *a;

	if (why)
		TEST_SKIP(why);
	check_case("dd from one device to the other");
	if (trace_command(&t, "--tier block --dev %s --dev %s --anomalies --anomaly-window 60s -- dd if=%s of=%s bs=4k count=%d iflag=direct oflag=direct status=none",
			  loop.name, other.name, loop.path, other.path, N)) {
		a = anomaly_of(&t, "DEVICE_SWITCHING");
		check_text("comm", text_at(a, "subject.comm"), "dd");
		check_same("bios", number_at(a, "values.bios"), 2 * N);
		check_same("switches", number_at(a, "values.switches"), 2 * N - 1);
		check_not_told(&t, "DEVICE_IMBALANCE");
	}
	trace_free(&t);
	check_case("one of two devices");
	if (trace_command(&t, "--tier block --dev %s --dev %s --anomalies --anomaly-window 60s -- known-count --target %s --count %d --direct",
			  loop.name, other.name, loop.path, N)) {
		check_told(&t, "DEVICE_IMBALANCE", "device");
		check_not_told(&t, "DEVICE_SWITCHING");
	}
	trace_free(&t);
}

static void status_case(const char *options, const char *command, int status, const char *said)
{
	struct proc p = {};

	check_case("%s -- %s", options, command);
	check_same("status", proc_line(&p, "iopath trace --json --tier block --dev %s %s -- %s", loop.name, options, command),
		   status);
	if (said)
		check_has("stderr", p.err.text, said);
	proc_free(&p);
}

TEST(an_anomaly_can_be_a_failure)
{
	const char *why = need_loops();
	char command[128];

	if (why)
		TEST_SKIP(why);
	snprintf(command, sizeof(command), "known-count --target %s --count %d --direct", loop.path, N);
	/* one window, however slow the machine is */
	status_case("--fail-on HIGH_LATENCY,OUTSIZED_IO --anomaly HIGH_LATENCY.latency=1ns --anomaly-window 10m", command, 3,
		    "--fail-on HIGH_LATENCY: told 1 times");
	status_case("--fail-on OUTSIZED_IO --anomaly HIGH_LATENCY.latency=1ns", command, 0, NULL);
	/* the command's own failure says more */
	status_case("--fail-on OUTSIZED_IO", "false", 1, NULL);
}

TEST(limits_from_a_file)
{
	const char *why = place_ready();
	char path[128], options[256], command[128];
	FILE *f;

	if (!why)
		why = need_loops();
	if (why)
		TEST_SKIP(why);
	snprintf(path, sizeof(path), "%s", place_path("limits.ini"));
	snprintf(command, sizeof(command), "known-count --target %s --count %d --direct", loop.path, N);
	f = fopen(path, "we");
	fputs("[HIGH_LATENCY]\nlatency = 1ns\n", f);
	fclose(f);
	snprintf(options, sizeof(options), "--fail-on HIGH_LATENCY --anomaly-config %s", path);
	status_case(options, command, 3, NULL);
	/* the command line counts more */
	snprintf(options, sizeof(options), "--fail-on HIGH_LATENCY --anomaly-config %s --anomaly HIGH_LATENCY.latency=1h", path);
	status_case(options, command, 0, NULL);
	f = fopen(path, "we");
	fputs("[HIGH_LATENCY]\nlatency = soon\n", f);
	fclose(f);
	snprintf(options, sizeof(options), "--anomalies --anomaly-config %s", path);
	status_case(options, command, 2, "line 2: HIGH_LATENCY.latency: soon is not a duration");
}

TEST(what_cannot_be_asked_for)
{
	static const char *const words[][2] = {
		{ "--fail-on SLOW", "no such anomaly" },
		{ "--fail-on HIGH_LATENCY --anomaly HIGH_LATENCY.enabled=no", "it is not enabled" },
		{ "--tier vfs --fail-on WRITEBACK_THROTTLED", "needs --tier filemap or above" },
		{ "--anomaly HIGH_LATENCY.latency=1s", "needs --anomalies or --fail-on" },
		{ "--anomalies --anomaly HIGH_LATENCY", "not TAG.key=value" },
		{ "--anomalies --anomaly-config /nonexistent", "No such file" },
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

TEST_MAIN("trace-anomaly", T(told_beyond_the_limit_and_not_within), T(flushes_that_wait_for_each_other), T(a_queue_that_is_not_deep_enough),
	  T(two_devices_used_as_one), T(an_anomaly_can_be_a_failure), T(limits_from_a_file),
	  T(what_cannot_be_asked_for))
