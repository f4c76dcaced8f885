/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "calibrate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/file.h"
#include "bench/load.h"

#define RATE_SHARE .70 /* of the capacity */
#define TRIES 6
#define FAULTS_MAX 6 /* of passes that say nothing about a rate */
#define CORES_MAX 8192

/* Clones of one section share its name and its weight: job i of fio belongs to a section. */
static unsigned int section_targets(const struct fio_result *f, double scale, double *target,
				    unsigned int *ret_clones)
{
	unsigned int nr = 0, clones = 0;

	for (unsigned int i = 0; i < f->nr_jobs; i++) {
		const struct fio_job *j = &f->job[i];
		/* fsyncs pass through fio's flow gate like I/Os */
		double rate = j->runtime_s > 0 ? (double)(j->ios + j->syncs) / j->runtime_s : 0;

		if (!i || strcmp(j->name, f->job[i - 1].name)) {
			target[nr++] = 0;
			clones = 0;
		}
		ret_clones[nr - 1] = ++clones;
		target[nr - 1] += (rate * scale - target[nr - 1]) / clones;
	}
	return nr;
}

/* I/Os without fsyncs per second that the plan of @f's jobs comes to. */
static double planned_ios(const struct fio_result *f, const struct pace *p)
{
	double ios = 0;
	unsigned int section = 0;

	for (unsigned int i = 0; i < f->nr_jobs; i++) {
		const struct fio_job *j = &f->job[i];

		if (i && strcmp(j->name, f->job[i - 1].name))
			section++;
		ios += (double)p->weight[section] * p->pacer_iops * (double)j->ios /
		       (double)(j->ios + j->syncs);
	}
	return ios;
}

static int tell_fault(const struct pass_env *e, const struct pass_result *r, struct why *why)
{
	return why_fail(why, EXIT_ENVIRONMENT, -EIO, "workload %s on %s: %s", e->workload->name,
			e->device->name, r->fault);
}

/* The lower of two passes: a rate that holds matters more than the last IOPS. */
static int measure_capacity(struct pass_env *e, struct calibration *c, struct fio_result *ret,
			    struct why *why)
{
	unsigned int good = 0;
	struct why last = { 0 };

	for (int i = 0; i < TRIES && good < 2; i++) {
		struct pass_result r = { 0 };
		int err = pass_run(e, NULL, 0, NULL, &r, why);

		if (err)
			return err;
		if (r.fault[0])
			tell_fault(e, &r, &last);
		else if (!good++ || pass_iops(&r) < c->capacity_iops) {
			c->capacity_iops = pass_iops(&r);
			c->nr_cores = r.cpu.nr;
			*ret = r.fio;
			memset(ret->latency, 0, sizeof(ret->latency)); /* goes with the pass */
		}
		if (r.fio.error) /* it will not get better */
			i = TRIES;
		pass_result_free(&r);
	}
	if (good)
		return 0;
	*why = last;
	return -EIO;
}

/* The window's rate to that of the whole run, which is all that is told of each job; a burst is at its head, or its end. */
static double window_share(const struct fio_result *f, double window_iops)
{
	double whole = 0;

	for (unsigned int i = 0; i < f->nr_jobs; i++)
		whole += f->job[i].runtime_s > 0 ? (double)f->job[i].ios / f->job[i].runtime_s : 0;
	return whole > 0 ? window_iops / whole : 1;
}

static int plan(const struct pass_env *e, const struct fio_result *capacity, double share,
		struct calibration *c, struct why *why)
{
	double target[WORKLOAD_MAX_JOBS], total, scale = share * window_share(capacity, c->capacity_iops);
	unsigned int clones[WORKLOAD_MAX_JOBS];
	unsigned int nr = section_targets(capacity, scale, target, clones);
	int err = pace_plan(target, nr, &c->pace, &total);

	if (err)
		return why_fail(why, EXIT_HARNESS, err, "workload %s: cannot plan a fixed rate",
				e->workload->name);
	memcpy(c->pace.clones, clones, nr * sizeof(*clones));
	c->rate_iops = planned_ios(capacity, &c->pace);
	return 0;
}

/* One try of the fixed rate @share of @capacity; *ret_reached: what of it came through, 0: it did not count. */
static int try_rate(struct pass_env *e, const struct fio_result *capacity, double share,
		    struct calibration *c, double *ret_reached, char fault[256], struct why *why)
{
	struct pass_result r = { 0 };
	int err = 0;

	if (e->workload->kind == WORKLOAD_FIO)
		err = plan(e, capacity, share, c, why);
	else /* sysbench and iopath-uring keep a rate themselves */
		c->rate_iops = floor(c->capacity_iops * share);
	if (err)
		return err;
	err = pass_run(e, &c->pace, c->rate_iops, NULL, &r, why);
	if (!err && r.fio.error)
		err = tell_fault(e, &r, why);
	snprintf(fault, sizeof(r.fault), "%s", r.fault);
	if (!err)
		*ret_reached = r.flags & PASS_TOO_FAST ? CALIBRATION_GAVE_UP : r.fault[0] ? 0 : r.flags & PASS_RATE_MISSED ?
						pass_iops(&r) / c->rate_iops : 1;
	pass_result_free(&r);
	return err;
}

double calibration_next_share(double reached)
{
	return reached >= .95 ? .9 : reached > .5 ? reached * .95 : .5;
}

/* The highest rate that holds, from RATE_SHARE down; *ret_held: there is one. */
static int find_rate(struct pass_env *e, const struct fio_result *capacity, struct calibration *c, bool *ret_held,
		     struct why *why)
{
	double share = RATE_SHARE, tried = share, reached = 0;
	unsigned int tries = 0, faults = 0;
	char fault[256] = "";
	int err = 0;

	while (!err && tries < TRIES && faults < FAULTS_MAX) {
		reached = 0;
		tried = share;
		err = try_rate(e, capacity, share, c, &reached, fault, why);
		if (err || reached >= 1)
			break;
		if (reached > 0) {
			share *= calibration_next_share(reached);
			tries++;
		} else { /* a lower rate would not mend that */
			faults++;
		}
	}
	*ret_held = !err && reached >= 1;
	snprintf(c->no_rate, sizeof(c->no_rate), "%.0f%% of the capacity was too much%s%.180s", 100 * tried,
		 fault[0] ? "; " : "", fault);
	return err;
}

int calibrate(struct pass_env *e, struct calibration *ret, struct why *why)
{
	struct calibration c = { 0 };
	struct fio_result capacity;
	bool held = false;
	int err = measure_capacity(e, &c, &capacity, why);

	if (!err && load_of(e->workload)->has_rate)
		err = find_rate(e, &capacity, &c, &held, why);
	else
		snprintf(c.no_rate, sizeof(c.no_rate), "a command knows none");
	if (err)
		return err;
	if (held) {
		c.no_rate[0] = '\0';
	} else {
		c.rate_iops = c.capacity_iops;
		c.pace = (struct pace){ 0 };
	}
	*ret = c;
	return 0;
}

double calibration_target(const struct calibration *c)
{
	return c->no_rate[0] ? 0 : c->rate_iops;
}

void calibration_scale(const struct calibration *c, const struct workload *w, double share, struct calibration *ret)
{
	double target[WORKLOAD_MAX_JOBS], total, full = 0;
	struct calibration low = { .nr_cores = c->nr_cores, .capacity_iops = c->capacity_iops };

	if (c->no_rate[0]) {
		memcpy(low.no_rate, c->no_rate, sizeof(low.no_rate));
	} else if (w->kind != WORKLOAD_FIO) {
		low.rate_iops = load_of(w)->has_rate ? floor(c->rate_iops * share) : 0;
	} else {
		for (unsigned int i = 0; i < c->pace.nr; i++) {
			target[i] = share * c->pace.weight[i] * c->pace.pacer_iops;
			full += (double)c->pace.weight[i] * c->pace.pacer_iops;
		}
		if (!pace_plan(target, c->pace.nr, &low.pace, &total)) {
			memcpy(low.pace.clones, c->pace.clones, sizeof(low.pace.clones));
			low.rate_iops = c->rate_iops * total / full;
		}
	}
	*ret = low;
}

void calibration_low(const struct calibration *c, const struct workload *w, struct calibration *ret)
{
	double low_iops = LOW_SHARE * c->capacity_iops;

	if (c->rate_iops > low_iops)
		calibration_scale(c, w, low_iops / c->rate_iops, ret);
	else
		*ret = (struct calibration){ .nr_cores = c->nr_cores, .capacity_iops = c->capacity_iops };
}

void calibration_put(const struct calibration *c, json_t *o)
{
	json_t *weights = json_array(), *clones = json_array();

	for (unsigned int i = 0; i < c->pace.nr; i++) {
		json_array_append_new(weights, json_integer(c->pace.weight[i]));
		json_array_append_new(clones, json_integer(c->pace.clones[i]));
	}
	json_object_set_new(o, "capacity_iops", json_real(c->capacity_iops));
	json_object_set_new(o, "fixed_rate_iops", json_real(c->rate_iops));
	if (c->no_rate[0])
		json_object_set_new(o, "no_fixed_rate", json_string(c->no_rate));
	json_object_set_new(o, "nr_cores", json_integer(c->nr_cores));
	json_object_set_new(o, "pace", !c->pace.nr ? json_null() : json_pack("{s:i, s:O, s:O}", "pacer_iops", (int)c->pace.pacer_iops,
						 "weights", weights, "clones", clones));
	json_decref(weights);
	json_decref(clones);
}

static int get_pace(struct reader *r, const json_t *o, struct pace *ret)
{
	json_t *pace = rd_object(r, o, "pace"), *weights = rd_array(r, pace, "weights"), *w;
	struct pace p = { .pacer_iops = (unsigned int)rd_count(r, pace, "pacer_iops") };
	size_t i;

	if (!r->err && (!p.pacer_iops || !json_array_size(weights) ||
			json_array_size(weights) > WORKLOAD_MAX_JOBS))
		rd_fail(r, "\"pace\" is none");
	json_array_foreach(weights, i, w) {
		json_int_t v = json_integer_value(w);

		if (!r->err && (v < 1 || v > 1000))
			rd_fail(r, "\"pace\" is none");
		if (r->err)
			break;
		p.weight[p.nr] = (unsigned int)v;
		v = json_integer_value(json_array_get(json_object_get(pace, "clones"), p.nr));
		p.clones[p.nr++] = v > 0 && v <= WORKLOAD_MAX_JOBS ? (unsigned int)v : 1;
	}
	*ret = p;
	return r->err;
}

int calibration_get(struct reader *r, const json_t *o, bool pace, struct calibration *ret)
{
	struct calibration c = {
		.capacity_iops = rd_number(r, o, "capacity_iops"),
		.rate_iops = rd_number(r, o, "fixed_rate_iops"),
	};

	if (rd_has(o, "nr_cores")) {
		uint64_t n = rd_count(r, o, "nr_cores");

		if (!r->err && (!n || n > CORES_MAX))
			rd_fail(r, "%llu cores", (unsigned long long)n);
		c.nr_cores = (unsigned int)n;
	}
	if (!r->err && !(c.capacity_iops > 0 && c.rate_iops > 0))
		rd_fail(r, "a set without a capacity and a fixed rate");
	if (rd_has(o, "no_fixed_rate"))
		snprintf(c.no_rate, sizeof(c.no_rate), "%s", rd_text(r, o, "no_fixed_rate"));
	else if (pace)
		get_pace(r, o, &c.pace);
	text_clean(c.no_rate);
	if (!r->err)
		*ret = c;
	return r->err;
}
