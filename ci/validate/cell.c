/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/validate/cell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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
	char devs[MAX_DISKS * 56] = "";

	*t = (struct trace){};
	for (size_t i = 0; i < c->nr_disks; i++) {
		size_t len = strlen(devs);

		snprintf(devs + len, sizeof(devs) - len, " --dev %s", c->disks[i].target->path);
	}
	snprintf(t->file, sizeof(t->file), "%s", place_path("%s.json", c->disks[0].target->name));
	if (proc_start(&t->proc, "iopath trace --json -o %s --tier %s%s%s", t->file, c->tier, devs,
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

static void check_scheduler(const struct target *disk, const char *want, const char *when)
{
	char name[32];

	target_scheduler(disk, name, sizeof(name));
	check_text(when, name, want);
}

/* Under each scheduler in turn. */
static bool work(const struct cell_disk *d, struct truth *truth, json_t *not_offered)
{
	bool fine = true;

	for (size_t i = 0; i < d->nr_schedulers && fine; i++) {
		fine = check_same("setting the scheduler", target_set_scheduler(d->target, d->schedulers[i]), 0);
		check_scheduler(d->target, d->schedulers[i], "scheduler before");
		if (fine)
			fine = work_do(d->target, truth, not_offered);
		check_scheduler(d->target, d->schedulers[i], "scheduler after");
	}
	return fine;
}

/* On one disk after the other. */
static bool work_all(const struct cell *c, struct seen *seen, json_t *not_offered)
{
	bool fine = true;

	for (size_t i = 0; i < c->nr_disks && fine; i++) {
		json_t *names = json_array();
		struct target *disk = c->disks[i].target;

		fine = work(&c->disks[i], &seen[i].truth, names);
		json_object_set_new(not_offered, disk->class, names);
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

/* What was counted before becomes what was counted since. */
static void stats_since(const struct cell *c, struct seen *seen)
{
	for (size_t i = 0; i < c->nr_disks; i++)
		seen[i].stat = disk_stat_since(c->disks[i].target->name, &seen[i].stat);
}

/* True: the report admits that the kernel hid some. */
static bool run_once(const struct cell *c, json_t *result)
{
	json_t *lines = json_array(), *not_offered = json_object();
	struct seen seen[MAX_DISKS];
	double began = now_s(), ready;
	int complaints = taint();
	int64_t requests = 0, operations = 0;
	struct trace t;
	bool fine, hidden = false;

	json_object_set_new(result, "differs", lines);
	json_object_set_new(result, "not_offered", not_offered);
	differ_into(lines);
	for (size_t i = 0; i < c->nr_disks; i++) {
		truth_init(&seen[i].truth);
		check_same("reading the disk's counts", disk_stat_read(c->disks[i].target->name, &seen[i].stat), 0);
	}
	fine = begin(c, &t);
	ready = now_s();
	if (fine)
		fine = work_all(c, seen, not_offered);
	fine &= end(&t);
	if (fine) {
		stats_since(c, seen);
		hidden = kernel_hid_some(c, &t);
		judge(c, &t, seen);
	}
	check_same("warnings of the kernel", taint() & ~complaints, 0);
	for (size_t i = 0; i < c->nr_disks; i++) {
		requests += truth_requests(&seen[i].truth);
		operations += truth_operations(&seen[i].truth);
	}
	json_object_set_new(result, "requests", json_integer(requests));
	json_object_set_new(result, "operations", json_integer(operations));
	json_object_set_new(result, "start_s", json_real(ready - began));
	json_object_set_new(result, "seconds", json_real(now_s() - began));
	if (json_array_size(lines) && t.summary)
		json_object_set(result, "coverage", json_at(t.summary, "coverage"));
	trace_free(&t);
	return hidden;
}

static bool failed(json_t *result)
{
	return json_array_size(json_object_get(result, "differs"));
}

/* One tracer for all of @c. Of several disks it is asked once: then each of them is, on its own. */
static json_t *run(const struct cell *c)
{
	json_t *result = json_object();
	int tries = 1, most = c->nr_disks > 1 ? 1 : MAX_TRIES;
	bool hidden;

	while ((hidden = run_once(c, result)) && tries < most)
		tries++;
	json_object_set_new(result, "tries", json_integer(tries));
	json_object_set_new(result, "hidden", json_boolean(hidden));
	json_object_set_new(result, "verdict", json_string(failed(result) ? "FAIL" : "ok"));
	return result;
}

static json_t *line(const struct cell *c, const struct target *disk, const char *scheduler)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "cell", "kernel", c->kernel, "disk", disk->class,
			 "scheduler", scheduler, "tier", c->tier, "device", disk->name);
}

static size_t nr_cells(const struct cell *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nr_disks; i++)
		n += c->disks[i].nr_schedulers;
	return n;
}

/* What one tracer found holds for each of its cells; sums are given to the first. */
static void add_together(json_t *all, const struct cell *c, json_t *result)
{
	static const char *const sums[] = { "requests", "operations", "start_s", "seconds" };
	json_t *left_out = json_incref(json_object_get(result, "not_offered"));
	bool first = true;

	for (size_t d = 0; d < c->nr_disks; d++)
		for (size_t i = 0; i < c->disks[d].nr_schedulers; i++, first = false) {
			const struct target *disk = c->disks[d].target;
			json_t *l = line(c, disk, c->disks[d].schedulers[i]), *names;

			json_object_set_new(l, "together", json_integer((json_int_t)nr_cells(c)));
			json_object_update(l, result);
			names = json_object_get(left_out, disk->class);
			json_object_set_new(l, "not_offered", names ? json_incref(names) : json_array());
			for (size_t s = 0; s < ARRAY_SIZE(sums) && !first; s++)
				json_object_set_new(l, sums[s], json_integer(0));
			json_array_append_new(all, l);
		}
	json_decref(left_out);
}

static void run_parts(json_t *all, const struct cell *c);

static bool any_failed(json_t *lines, size_t from)
{
	for (size_t i = from; i < json_array_size(lines); i++)
		if (failed(json_array_get(lines, i)))
			return true;
	return false;
}

/* Lines from @from on are of cells that have been asked before. */
static void count_asked(json_t *lines, size_t from, int tries)
{
	for (size_t i = from; i < json_array_size(lines); i++) {
		json_t *l = json_array_get(lines, i);

		json_object_set_new(l, "tries", json_integer(number_at(l, "tries") + tries));
	}
}

/*
 * Each disk, then each scheduler, with a tracer of its own. If all are right then,
 * together they were not, unless that was what the kernel hid.
 */
static void add_apart(json_t *all, const struct cell *c, json_t *together)
{
	size_t first = json_array_size(all), nr = c->nr_disks > 1 ? c->nr_disks : c->disks[0].nr_schedulers;

	for (size_t i = 0; i < nr; i++) {
		struct cell one = *c;

		one.nr_disks = 1;
		if (c->nr_disks > 1) {
			one.disks[0] = c->disks[i];
		} else {
			one.disks[0].schedulers[0] = c->disks[0].schedulers[i];
			one.disks[0].nr_schedulers = 1;
		}
		run_parts(all, &one);
	}
	if (json_is_true(json_object_get(together, "hidden"))) {
		count_asked(all, first, (int)number_at(together, "tries"));
	} else if (!any_failed(all, first)) {
		json_t *l = json_array_get(all, first);

		json_object_set(l, "verdict", json_object_get(together, "verdict"));
		json_object_set(l, "differs", json_object_get(together, "differs"));
		json_object_set_new(l, "why", json_string("all under one tracer, where each alone was right"));
	}
}

static void run_parts(json_t *all, const struct cell *c)
{
	json_t *result = run(c);

	if (failed(result) && nr_cells(c) > 1)
		add_apart(all, c, result);
	else
		add_together(all, c, result);
	json_decref(result);
}

static void add_skip(json_t *all, const struct cell *c, const struct target *disk, const char *scheduler, int err)
{
	json_t *l = line(c, disk, scheduler);
	char offered[128];

	target_schedulers(disk, offered, sizeof(offered));
	json_object_set_new(l, "verdict", json_string(err == -ENOENT ? "skip" : "FAIL"));
	if (err == -ENOENT)
		json_object_set_new(l, "why",
				    json_sprintf("the driver takes no such scheduler here: the kernel offers \"%s\" alone",
						 offered));
	else
		json_object_set_new(l, "why", json_sprintf("setting the scheduler: %s", strerror(-err)));
	json_array_append_new(all, l);
}

/* Those schedulers that the kernel offers it. */
static void offered(json_t *all, const struct cell *c, const struct cell_disk *d, struct cell_disk *ret)
{
	ret->target = d->target;
	ret->nr_schedulers = 0;
	for (size_t i = 0; i < d->nr_schedulers; i++) {
		int err = target_set_scheduler(d->target, d->schedulers[i]);

		if (err)
			add_skip(all, c, d->target, d->schedulers[i], err);
		else
			ret->schedulers[ret->nr_schedulers++] = d->schedulers[i];
	}
}

json_t *cell_run(const struct cell *c)
{
	json_t *all = json_array();
	struct cell can = *c;

	can.nr_disks = 0;
	for (size_t i = 0; i < c->nr_disks; i++) {
		struct cell_disk *d = &can.disks[can.nr_disks];

		offered(all, c, &c->disks[i], d);
		if (d->nr_schedulers)
			can.nr_disks++;
	}
	if (can.nr_disks)
		run_parts(all, &can);
	return all;
}
