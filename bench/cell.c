/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cell.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stop.h"

/*
 * A tracer that saw fewer than this share of the device's I/Os did not do its work: a lost one costs nothing. Ours counts
 * what the kernel counts (0.9998 of it and more, in every kind of load); the lines of others are not one to an I/O.
 */
#define TRACED_MIN .99
#define SHOWN_MIN .5
/* So few are the file system's own, just before or behind: a workload may live in the page cache. */
#define TRACED_FEW 20

static void set_fault(struct cell *c, bool by_tracer, const char *text)
{
	if (c->fault[0] || !text[0])
		return;
	c->tracer_fault = by_tracer;
	snprintf(c->fault, sizeof(c->fault), "%.250s", text);
}

void cell_judge_tracer(struct cell *c, const struct arm *arm)
{
	uint64_t disk_ios = c->saturation.disk_ios + c->fixed.disk_ios + c->low.disk_ios;
	uint64_t seen = arm->kind == ARM_TIER ? c->tracer.traced_ios : c->tracer.shown;
	double least = arm->kind == ARM_TIER ? TRACED_MIN : SHOWN_MIN;
	bool has_ops = strcmp(arm->tier, "block");
	char text[160];

	if (!c->has_tracer)
		return;
	set_fault(c, true, c->tracer.fault);
	if (arm->floor || (arm->kind == ARM_COMMAND && arm->shows == SHOWS_NOTHING))
		return;
	if (disk_ios > TRACED_FEW && (double)seen < least * (double)disk_ios) {
		snprintf(text, sizeof(text), "the tracer saw %llu of %llu I/Os of the device",
			 (unsigned long long)seen, (unsigned long long)disk_ios);
		set_fault(c, true, text);
	}
	if (arm->kind == ARM_TIER && has_ops && !c->tracer.traced_ops)
		set_fault(c, true, "the tracer traced no operation");
}

int cell_take_core_pct(struct cell *c)
{
	const struct cpu_usage *u = &c->fixed.cpu;

	c->nr_cores = u->nr;
	c->core_pct = calloc(u->nr ? u->nr : 1, sizeof(*c->core_pct));
	if (!c->core_pct)
		return -ENOMEM;
	for (unsigned int i = 0; i < u->nr; i++)
		c->core_pct[i] = u->window_ns ?
					 100. * (double)u->core[i].busy_ns / (double)u->window_ns : 0;
	return 0;
}

static int all_passes(struct pass_env *e, const struct arm *arm, const struct cell_rates *rates,
		      const struct tracer *t, struct cell *c, struct why *why)
{
	int err = sleep_until(now_ns() + e->timing.settle_ns);

	if (!err)
		err = pass_run(e, NULL, 0, t, &c->saturation, why);
	if (err)
		return err;
	set_fault(c, false, c->saturation.fault);
	if (c->fault[0]) /* the round is lost already: do not spend more on it */
		return 0;
	err = pass_run(e, rates->pace, rates->iops, t, &c->fixed, why);
	if (err)
		return err;
	set_fault(c, arm->kind != ARM_OFF && c->fixed.flags & PASS_TOO_FAST, c->fixed.fault);
	/* an arm that cannot keep the rate has overhead; an empty machine that cannot is broken */
	if (arm->kind == ARM_OFF && c->fixed.flags & PASS_RATE_MISSED)
		set_fault(c, false, "without a tracer the fixed rate was not reached");
	if (!c->fault[0] && rates->low_iops > 0)
		err = pass_run(e, rates->low_pace, rates->low_iops, t, &c->low, why);
	return err ? err : cell_take_core_pct(c);
}

int cell_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
	     struct cell *ret, struct why *why)
{
	struct tracer t = { .child.pidfd = -1 };
	struct cell c = { 0 };
	uint64_t begin = now_ns();
	int err = 0, stop_err;

	if (arm->kind != ARM_OFF) {
		struct tracer_place where = pass_tracer_place(e);

		err = tracer_start(arm, iopath, e->device, e->work_dir, &where, e->undo, &t, why);
		if (err == -EPROTO) { /* the tracer's doing: a cell that does not count */
			set_fault(&c, true, why->text);
			*why = (struct why){ 0 };
			c.took_ns = now_ns() - begin;
			*ret = c;
			return 0;
		}
		if (err)
			return err;
		c.has_tracer = true;
	}
	err = all_passes(e, arm, rates, c.has_tracer ? &t : NULL, &c, why);
	if (c.has_tracer) {
		stop_err = tracer_stop(&t, e->device, e->undo, &c.tracer);
		if (!err)
			err = stop_err;
	}
	if (err) {
		cell_free(&c);
		return err;
	}
	cell_judge_tracer(&c, arm);
	c.took_ns = now_ns() - begin;
	*ret = c;
	return 0;
}

struct response cell_response(const struct cell *c)
{
	return (struct response){
		.ln_throughput = log(pass_iops(&c->saturation)),
		.ln_cpu_per_io = log(pass_cpu_ns_per_io(&c->fixed)),
		.system_pct = c->fixed.cpu.system_pct,
		.core_pct = c->core_pct,
		.ln_p99 = NAN,
	};
}

void cell_free(struct cell *c)
{
	pass_result_free(&c->saturation);
	pass_result_free(&c->fixed);
	pass_result_free(&c->low);
	tracer_report_free(&c->tracer);
	free(c->core_pct);
	*c = (struct cell){ 0 };
}
