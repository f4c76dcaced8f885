/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices x schedulers x workloads, each in turn; then the rest of the time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/device-make.h"
#include "bench/file.h"
#include "bench/machine.h"
#include "bench/resume.h"
#include "bench/run-state.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tune.h"
#include "bench/turns.h"
#include "tracer/base/cleanup.h"

static int remember_settings(struct run *r, const struct device *d)
{
	char path[160], value[SETTING_MAX];

	/* the scheduler on top: its switch back resets the others, which come after it */
	for (int i = 0; setting_side_effects[i]; i++) {
		int err;

		snprintf(path, sizeof(path), "/sys/block/%s/queue/%s", d->disk, setting_side_effects[i]);
		if (setting_read(path, value, sizeof(value)))
			continue;
		err = undo_push_setting(&r->undo, path, value);
		if (err)
			return err;
	}
	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", d->disk);
	return setting_read(path, value, sizeof(value)) ?
		       0 : undo_push_setting(&r->undo, path, value);
}

/* 1: not to be had here, *ret_reason says why. */
static int switch_scheduler(const struct device *d, const char *name, const char **ret_reason,
			    struct why *why)
{
	char path[160], list[256];
	int err;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", d->disk);
	err = file_read_line(path, list, sizeof(list));
	if (err || !scheduler_offered(list, name)) {
		*ret_reason = "the kernel does not offer this scheduler for the device";
		return 1;
	}
	err = setting_write(path, name);
	device_settle(); /* its rules may switch it back: the cells would tell */
	if (err == -EINVAL) { /* listed, but its module does not load */
		*ret_reason = "the kernel refuses this scheduler for the device";
		return 1;
	}
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "cannot switch %s to %s: %s", d->disk,
				name, strerror(-err));
	return 0;
}

/* Of all sets in order, is this one of ours? Then *ret_index is its place among them. */
static bool in_shard(const struct run *r, unsigned int ordinal, unsigned int *ret_index)
{
	unsigned int of = r->c->shard.of ? r->c->shard.of : 1, first = r->c->shard.of ? r->c->shard.index - 1 : 0;

	*ret_index = ordinal / of;
	return ordinal % of == first;
}

unsigned int run_nr_sets(const struct run *r)
{
	unsigned int nr = 0, index;

	for (unsigned int i = 0; i < inputs_nr_sets(&r->in); i++)
		nr += in_shard(r, i, &index);
	return nr;
}

/* Has the set with this ordinal its turn now? */
static bool is_due(const struct run *r, unsigned int ordinal, unsigned int *ret_index)
{
	return in_shard(r, ordinal, ret_index) && (r->only < 0 || (unsigned int)r->only == *ret_index);
}

static bool any_due(const struct run *r, unsigned int first, unsigned int nr)
{
	unsigned int index;

	for (unsigned int i = first; i < first + nr; i++)
		if (is_due(r, i, &index))
			return true;
	return false;
}

static int skip_set(struct run *r, const struct report_set *s, struct why *why)
{
	const struct past_set *past;
	int err = resume_set(r->past, (unsigned int)(s - r->sets), s, NULL, NULL, &past, why);

	if (err || past)
		return err;
	progress_say(&r->progress, "%s on %s under %s: %s: %s", s->workload, s->device, s->scheduler,
		     s->failed ? "failed" : "skipped", s->skipped);
	r->result.set = (unsigned int)(s - r->sets);
	return result_line(&r->result,
			   json_pack("{s:s, s:i, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:b}", "type", "skipped", "set",
				     (int)(s - r->sets), "workload", s->workload, "device", s->device,
				     "driver", s->driver, "scratch", (int)s->scratch, "order", s->order, "scheduler",
				     s->scheduler, "reason", s->skipped, "failed", (int)s->failed),
			   why);
}

/*
 * A workload that does not run here is no reason to lose the others; one whose
 * program says that this kernel or device lacks a feature is skipped.
 */
static int fail_set(struct run *r, struct report_set *s, struct why *why)
{
	unsigned int index = (unsigned int)(s - r->sets);
	bool lacks = why->code == EXIT_SKIPPED;

	r->reasons[index] = strdup(why->text);
	if (!r->reasons[index])
		return -ENOMEM;
	s->failed = !lacks;
	s->skipped = r->reasons[index];
	*why = (struct why){ 0 };
	set_outcome_free(&s->outcome);
	return skip_set(r, s, why);
}

/* Its turn comes behind the deadline, and it was never begun. The first one and those of a smoke run have a round all the same. */
static bool is_late(const struct run *r, unsigned int index)
{
	bool begun = r->only >= 0 || (r->past && index < r->past->nr);

	return r->deadline_ns && !r->c->quick && index && !begun && now_ns() >= r->deadline_ns;
}

/* Until when this set may go on: an equal share, or in its later turns all that is left. */
static uint64_t share(const struct run *r, unsigned int index)
{
	uint64_t now = now_ns(), left = r->deadline_ns > now ? r->deadline_ns - now : 0;

	if (!r->deadline_ns)
		return 0;
	return r->only >= 0 ? r->deadline_ns : now + left / (run_nr_sets(r) - index);
}

static void choose_pins(struct run *r, const struct workload *w)
{
	char text[256];

	pins_choose(w, &r->pins);
	r->pins.interrupts = r->interrupts;
	r->set.pins = &r->pins;
	pins_tell(&r->pins, w, text, sizeof(text));
	if (r->only < 0)
		run_say_tuned(text);
}

static int run_workload(struct run *r, const struct device *d, const char *scheduler,
			const struct workload *w, struct report_set *out, struct why *why)
{
	struct set_key key = { (unsigned int)(out - r->sets), w, d, scheduler, NULL };
	bool done = false;
	struct target target;
	int err = resume_set(r->past, key.index, out, d, w, &key.past, why);

	set_outcome_free(&out->outcome);
	if (!err && key.past)
		err = resume_replay(&r->set, &key, &out->outcome, &done, why);
	if (err || done)
		return err;
	if (r->c->tune)
		choose_pins(r, w);
	r->set.deadline_ns = share(r, key.index);
	r->set.late_turn = r->only >= 0;
	err = target_open(d, w, r->c->span_bytes, &r->undo, &target, why);
	if (err)
		return err;
	err = set_run(&r->set, &key, &target, progress_cell, &r->progress, &out->outcome, why);
	progress_clear(&r->progress);
	target_close(&target, &r->undo);
	return err;
}

/* A set that failed or was skipped before the run was cut short has had its turn. */
static void recall_failure(const struct run *r, struct report_set *s)
{
	unsigned int index = (unsigned int)(s - r->sets);
	const struct past *past = r->past;

	if (!past || index >= past->nr || !past->set[index].skipped)
		return;
	s->failed = past->set[index].failed;
	s->skipped = past->set[index].skipped;
}

static int run_set(struct run *r, const struct device *d, const char *scheduler, const struct workload *w,
		   const char *skip, unsigned int index, struct why *why)
{
	struct report_set *s = &r->sets[index];
	int err;

	if (is_late(r, index))
		return why_fail(why, EXIT_INCONCLUSIVE, -ETIME, "--time was over before %s on %s under %s had its turn",
				w->name, d->name, scheduler);
	report_set_name(s, &(struct set_key){ .workload = w, .device = d, .scheduler = scheduler });
	if (r->report.nr_sets <= index)
		r->report.nr_sets = index + 1;
	s->skipped = skip;
	recall_failure(r, s);
	err = s->skipped ? skip_set(r, s, why) : run_workload(r, d, scheduler, w, s, why);
	if (err == -EIO && r->only >= 0) { /* it has run before: what is there is what there is */
		progress_say(&r->progress, "%s", why->text);
		*why = (struct why){ 0 };
		r->stuck[index] = true;
		return 0;
	}
	if ((err == -EIO && run_nr_sets(r) > 1) || (err == -EOPNOTSUPP && why->code == EXIT_SKIPPED))
		err = fail_set(r, s, why);
	return err;
}

/* @first: the ordinal of its first set. */
static int run_scheduler(struct run *r, const struct device *d, const char *scheduler, unsigned int first,
			 struct why *why)
{
	const char *skip = NULL;
	unsigned int index;
	int err = switch_scheduler(d, scheduler, &skip, why);

	if (err < 0)
		return err;
	err = 0;
	for (unsigned int i = 0; i < r->in.nr_workloads && !err; i++)
		if (is_due(r, first + i, &index))
			err = run_set(r, d, scheduler, &r->in.workload[i], skip, index, why);
	return err;
}

/* All sets from ordinal @first on, of a device that cannot be made here. */
static int skip_device(struct run *r, const struct device_spec *spec, unsigned int first, struct why *why)
{
	unsigned int nr = r->in.nr_workloads, index;
	struct device d = { .fd = -1, .scratch = true };
	struct why reason = *why;
	int err = 0;

	snprintf(d.name, sizeof(d.name), "%s", spec->maker->name);
	snprintf(d.driver, sizeof(d.driver), "%s", spec->maker->name);
	snprintf(d.order, sizeof(d.order), "%s", spec->text);
	for (unsigned int i = 0; i < r->in.nr_schedulers * nr && !err; i++) {
		if (!is_due(r, first + i, &index))
			continue;
		*why = reason;
		report_set_name(&r->sets[index], &(struct set_key){ .workload = &r->in.workload[i % nr], .device = &d,
								   .scheduler = r->in.scheduler[i / nr] });
		if (r->report.nr_sets <= index)
			r->report.nr_sets = index + 1;
		err = fail_set(r, &r->sets[index], why);
	}
	*why = err ? *why : (struct why){ 0 };
	return err;
}

/* To the core that pinned workloads run on: a completion and its waiter share it in every cell. */
static int tune_device(struct run *r, const struct device *d)
{
	char core[16];

	machine_last_cpus(1, core, sizeof(core));
	json_decref(r->interrupts);
	r->interrupts = json_array();
	return core[0] ? tune_interrupts("", d->disk, core, &r->undo, run_say_tuned, r->interrupts) : 0;
}

static int run_device(struct run *r, unsigned int device, struct why *why)
{
	unsigned int per_scheduler = r->in.nr_workloads, first = device * r->in.nr_schedulers * per_scheduler;
	size_t mark = undo_mark(&r->undo);
	struct device d = { .fd = -1 };
	int err;

	if (!any_due(r, first, r->in.nr_schedulers * per_scheduler))
		return 0;
	err = device_open(&r->in.device[device], &r->c->overwrite, &r->undo, &d, why);
	if (err == -EOPNOTSUPP && why->code == EXIT_SKIPPED) {
		undo_back_to(&r->undo, mark, run_say_cleanup);
		return skip_device(r, &r->in.device[device], first, why);
	}
	if (err)
		return err;
	err = remember_settings(r, &d);
	if (!err && r->c->tune)
		err = tune_device(r, &d);
	for (unsigned int i = 0; i < r->in.nr_schedulers && !err; i++, first += per_scheduler)
		if (any_due(r, first, per_scheduler))
			err = run_scheduler(r, &d, r->in.scheduler[i], first, why);
	device_close(&d); /* a scratch device goes with its last user */
	undo_back_to(&r->undo, mark, run_say_cleanup);
	return err;
}

static int run_all(struct run *r, struct why *why)
{
	int err = 0;

	for (unsigned int i = 0; i < r->in.nr_devices && !err; i++)
		err = run_device(r, i, why);
	return err;
}

/* ---- the rest of the time ---- */

/* What the file has by now is the past of what comes. */
static int reload(struct run *r, struct past *past, struct why *why)
{
	int err = past_load(r->in.out, 0, past, why);

	r->past = err ? r->c->past : past;
	return err;
}

static int visit(struct run *r, unsigned int index, struct why *why)
{
	struct past past;
	int err = reload(r, &past, why);

	if (err)
		return err;
	r->only = (int)index;
	err = run_all(r, why);
	r->only = -1;
	r->past = r->c->past;
	past_free(&past);
	return err;
}

static int choose(const struct run *r)
{
	unsigned int nr = r->report.nr_sets;
	_cleanup_free_ struct turn *t = calloc(nr ? nr : 1, sizeof(*t));
	uint64_t now = now_ns();

	if (!t || now >= r->deadline_ns)
		return -1;
	for (unsigned int i = 0; i < nr; i++) {
		t[i] = turn_of(&r->sets[i].outcome, &r->in.arms, &r->set.rounds);
		t[i].over |= r->stuck[i] || r->sets[i].skipped;
	}
	return turns_next(t, nr, r->deadline_ns - now);
}

/* No more rounds for what is undecided: its last look is now. */
static int close_sets(struct run *r, struct why *why)
{
	struct set_config c = r->set;
	struct past past;
	int err = reload(r, &past, why);

	if (err)
		return err;
	c.live = false;
	c.closing = true;
	for (unsigned int i = 0; i < r->report.nr_sets && !err; i++) {
		struct report_set *s = &r->sets[i];
		struct workload w = { .name = s->workload };
		struct device d = { .fd = -1 };
		struct set_key key = { i, &w, &d, s->scheduler, &past.set[i] };

		if (s->skipped || !s->outcome.yielded)
			continue;
		strcpy(d.name, s->device);
		set_outcome_free(&s->outcome);
		err = set_run(&c, &key, NULL, NULL, NULL, &s->outcome, why);
	}
	r->past = r->c->past;
	past_free(&past);
	return err;
}

int run_sets(struct run *r, struct why *why)
{
	int err = run_all(r, why), next;
	bool late = err == -ETIME;

	err = late ? 0 : err;
	while (!err && r->staged && (next = choose(r)) >= 0)
		err = visit(r, (unsigned int)next, why);
	if (!err && r->staged)
		err = close_sets(r, why);
	return !err && late ? -ETIME : err;
}
