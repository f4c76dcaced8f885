/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/validate/cell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "ci/validate/differ.h"
#include "tracer/base/cleanup.h"
#include "tracer/tests/ground-check.h"
#include "tracer/tests/ground-place.h"

/* Under emulation, on a machine that does other things too. */
enum { READY_MS = 300000, END_MS = 120000 };
/* TAINT_DIE, TAINT_WARN */
enum { COMPLAINED = 1 << 7 | 1 << 9 };
enum { MAX_TRIES = 3 };

int tier_rank(const char *tier)
{
	static const char *const tiers[] = { "block", "vfs", "filemap", "full" };

	for (size_t i = 0; i < ARRAY_SIZE(tiers); i++)
		if (tier && !strcmp(tier, tiers[i]))
			return (int)i;
	return -1;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int taint(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/tainted", "re");
	int bits = 0;

	return f && fscanf(f, "%d", &bits) == 1 ? bits & COMPLAINED : 0;
}

static bool begin(const struct cell *c, struct trace *t)
{
	*t = (struct trace){};
	snprintf(t->file, sizeof(t->file), "%s", place_path("%s.json", c->disk->name));
	if (proc_start(&t->proc, "iopath trace --json -o %s --tier %s --dev %s%s", t->file, c->tier, c->disk->path,
		       c->records ? " --threshold 1ns" : "") ||
	    !proc_until(&t->proc, "iopath: ready", READY_MS)) {
		differ("the tracer did not begin: %.300s", t->proc.err.text);
		return false;
	}
	return true;
}

/* Also where something went wrong before: nothing may stay. */
static bool end(struct trace *t)
{
	int status;

	proc_signal(&t->proc, SIGINT);
	status = proc_wait(&t->proc, END_MS);
	if (!check_same("exit status of the tracer", status, 0)) {
		differ("the tracer said: %.300s", t->proc.err.text);
		return false;
	}
	trace_read(t);
	return check_true("the report ends with a summary", t->summary);
}

static void check_scheduler(const struct cell *c, const char *want, const char *when)
{
	char name[32];

	target_scheduler(c->disk, name, sizeof(name));
	check_text(when, name, want);
}

/* Under each scheduler in turn. */
static bool work(const struct cell *c, struct truth *truth, json_t *not_offered)
{
	bool fine = true;

	for (size_t i = 0; i < c->nr_schedulers && fine; i++) {
		fine = check_same("setting the scheduler", target_set_scheduler(c->disk, c->schedulers[i]), 0);
		check_scheduler(c, c->schedulers[i], "scheduler before");
		if (fine)
			fine = work_do(c->disk, truth, not_offered);
		check_scheduler(c, c->schedulers[i], "scheduler after");
	}
	return fine;
}

/*
 * Some losses are not the tracer's doing, and a report that admits them is asked
 * again: the kernel skips a program that has interrupted itself; 5.10 has no
 * compare-and-swap, and what stands in for it can be interrupted, too; a host
 * may hide what runs on top of some process, with the completions there.
 */
static bool kernel_hid_some(const struct cell *c, const struct trace *t)
{
	return number_at(t->summary, "coverage.lost.recursion") > 0 ||
	       (!strcmp(c->kernel, "5.10") && number_at(t->summary, "coverage.lost.contended") > 0) ||
	       (!strcmp(c->kernel, "native") && number_at(t->summary, "coverage.lost.no_end") > 0);
}

/* True: once more. */
static bool run_once(const struct cell *c, json_t *result, bool may_repeat)
{
	json_t *lines = json_array(), *not_offered = json_array();
	double began = now_s(), ready;
	int complaints = taint();
	struct disk_stat before;
	struct truth truth;
	struct trace t;
	bool fine, again = false;

	json_object_set_new(result, "differs", lines);
	json_object_set_new(result, "not_offered", not_offered);
	differ_into(lines);
	truth_init(&truth);
	check_same("reading the disk's counts", disk_stat_read(c->disk->name, &before), 0);
	fine = begin(c, &t);
	ready = now_s();
	flock(c->turn_fd, LOCK_EX);
	if (fine)
		fine = work(c, &truth, not_offered);
	fine &= end(&t);
	flock(c->turn_fd, LOCK_UN);
	if (fine) {
		struct disk_stat done = disk_stat_since(c->disk->name, &before);

		again = may_repeat && kernel_hid_some(c, &t);
		judge(c, &t, &truth, &done);
	}
	check_same("warnings of the kernel", taint() & ~complaints, 0);
	json_object_set_new(result, "requests", json_integer(truth_requests(&truth)));
	json_object_set_new(result, "operations", json_integer(truth_operations(&truth)));
	json_object_set_new(result, "start_s", json_real(ready - began));
	json_object_set_new(result, "seconds", json_real(now_s() - began));
	if (json_array_size(lines) && t.summary)
		json_object_set(result, "coverage", json_at(t.summary, "coverage"));
	trace_free(&t);
	return again;
}

static bool failed(json_t *result)
{
	return json_array_size(json_object_get(result, "differs"));
}

/* One tracer for all schedulers of @c. */
static json_t *run(const struct cell *c)
{
	json_t *result = json_object();
	int tries = 1;

	while (run_once(c, result, tries < MAX_TRIES))
		tries++;
	json_object_set_new(result, "tries", json_integer(tries));
	json_object_set_new(result, "verdict", json_string(failed(result) ? "FAIL" : "ok"));
	return result;
}

static json_t *line(const struct cell *c, const char *scheduler)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "cell", "kernel", c->kernel, "disk",
			 c->disk->class, "scheduler", scheduler, "tier", c->tier, "device", c->disk->name);
}

/* What one tracer found holds for each scheduler; sums are given to the first. */
static void add_together(json_t *all, const struct cell *c, json_t *result)
{
	static const char *const sums[] = { "requests", "operations", "start_s", "seconds" };

	for (size_t i = 0; i < c->nr_schedulers; i++) {
		json_t *l = line(c, c->schedulers[i]);

		json_object_set_new(l, "together", json_integer((json_int_t)c->nr_schedulers));
		json_object_update(l, result);
		for (size_t s = 0; s < ARRAY_SIZE(sums) && i; s++)
			json_object_set_new(l, sums[s], json_integer(0));
		json_array_append_new(all, l);
	}
}

/* Each with a tracer of its own. If all are right then, together they were not. */
static void add_singly(json_t *all, const struct cell *c, json_t *together)
{
	size_t first = json_array_size(all);
	bool any = false;

	for (size_t i = 0; i < c->nr_schedulers; i++) {
		struct cell one = *c;
		json_t *l = line(c, c->schedulers[i]), *result;

		one.schedulers = &c->schedulers[i];
		one.nr_schedulers = 1;
		result = run(&one);
		any |= failed(result);
		json_object_update(l, result);
		json_decref(result);
		json_array_append_new(all, l);
	}
	if (!any) {
		json_object_update(json_array_get(all, first), together);
		json_object_set_new(json_array_get(all, first), "why",
				    json_string("all schedulers under one tracer, where each alone was right"));
	}
}

static void add_skip(json_t *all, const struct cell *c, const char *scheduler, int err)
{
	json_t *l = line(c, scheduler);
	char offered[128];

	target_schedulers(c->disk, offered, sizeof(offered));
	json_object_set_new(l, "verdict", json_string(err == -ENOENT ? "skip" : "FAIL"));
	json_object_set_new(l, "why", json_sprintf("the kernel offers this disk \"%s\" alone: %s", offered,
						   strerror(-err)));
	json_array_append_new(all, l);
}

json_t *cell_run(const struct cell *c)
{
	json_t *all = json_array(), *result;
	const char *offered[MAX_SCHEDULERS];
	struct cell can = *c;

	can.schedulers = offered;
	can.nr_schedulers = 0;
	for (size_t i = 0; i < c->nr_schedulers; i++) {
		int err = target_set_scheduler(c->disk, c->schedulers[i]);

		if (err)
			add_skip(all, c, c->schedulers[i], err);
		else
			offered[can.nr_schedulers++] = c->schedulers[i];
	}
	if (!can.nr_schedulers)
		return all;
	result = run(&can);
	if (failed(result) && can.nr_schedulers > 1)
		add_singly(all, &can, result);
	else
		add_together(all, &can, result);
	json_decref(result);
	return all;
}
