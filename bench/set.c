/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "set.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/calibrate.h"
#include "bench/load.h"
#include "bench/machine.h"
#include "bench/phase.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

static void invalidate(struct set_state *s, const char *reason)
{
	for (unsigned int a = 0; a < s->c->arms->nr; a++) {
		bool out = s->out.reason[a][0] || s->out.fault[0];

		for (int m = 0; m < METRIC_NR; m++) {
			struct decision *d = &s->out.decision[a][m];

			if (!phase_judges(s, m) || (!out && d->rounds))
				continue;
			*d = (struct decision){
				.verdict = VERDICT_INVALID,
				.loss = { NAN, -INFINITY, INFINITY },
				.core = -1,
				.reason = s->out.reason[a][0] ? s->out.reason[a] : reason,
			};
		}
	}
}

/* CPU time at a lower rate than the other arms had: their verdicts stand, and say so. */
static void tell_missed(struct set_state *s, const struct table *t)
{
	for (unsigned int a = 0; a < s->c->arms->nr; a++) {
		unsigned int missed = table_count(t, COLUMN_RATE_MISSED, a);

		if (!missed)
			continue;
		snprintf(s->out.missed[a], sizeof(s->out.missed[a]), "missed the fixed rate in %u of %u rounds", missed,
			 table_rounds(t, a));
		for (int m = METRIC_CPU_PER_IO; m < METRIC_P99; m++)
			if (s->out.decision[a][m].rounds && !s->out.decision[a][m].reason)
				s->out.decision[a][m].reason = s->out.missed[a];
	}
}

static void fill_figures(struct set_state *s, const struct table *t)
{
	double alpha = s->c->single_look ? SINGLE_LOOK_ALPHA : rounds_alpha(&s->c->rounds);

	s->out.off_iops = t->nr_rounds ? table_median(t, COLUMN_IOPS, s->c->arms->off) : 0;
	for (unsigned int a = 0; a < t->nr_arms && t->nr_rounds; a++) {
		struct arm_figures *f = &s->out.figures[a];

		if (s->out.reason[a][0])
			continue;
		f->p99_ns = table_median(t, COLUMN_P99_NS, a);
		f->has_p99_more = a != s->c->arms->off && !table_more_pct(t, COLUMN_P99_NS, a, s->c->arms->off, alpha, &f->p99_more);
		f->cpu_ns_per_io = table_difference(t, COLUMN_NS_PER_IO, a, s->c->arms->off);
	}
}

static int keep_attribution(struct set_state *s, unsigned int arm, const struct attribution *a)
{
	struct attribution *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *a;
	free(s->out.attribution[arm]);
	s->out.attribution[arm] = copy;
	return 0;
}

static int write_attribution(struct set_state *s, unsigned int arm, const struct attribution *a, struct why *why)
{
	json_t *line = json_pack("{s:s, s:i, s:s}", "type", "attribution", "set", (int)s->key->index, "arm",
				 s->c->arms->v[arm].name);
	int err;

	attribution_put(a, line);
	err = result_set_line(s->c->result, s->key->index, line, why);
	return err ? err : keep_attribution(s, arm, a);
}

static int attribute_arm(struct set_state *s, const struct phase *p, unsigned int arm, struct why *why)
{
	struct cell_rates rates = { .pace = &s->cal.pace, .iops = calibration_target(&s->cal) };
	struct attribution a;
	int err;

	phase_tell(s, p, s->c->arms->v[arm].name, 0);
	err = attribution_run(&s->env, &s->c->arms->v[arm], s->c->iopath, &rates, &a, why);
	return err ? err : write_attribution(s, arm, &a, why);
}

/* Where it has another turn it waits for that; else the report says why there is none. */
static int attribute_later(struct set_state *s, unsigned int arm, struct why *why)
{
	static const struct attribution none = { .fault = "no time was left for its attribution pass" };

	if (!s->c->staged || s->c->closing)
		return write_attribution(s, arm, &none, why);
	s->out.attribution_left |= !s->out.yielded;
	s->out.yielded = true;
	return 0;
}

/*
 * What was attributed before, then what is missing: a tracer that does not work
 * has nothing to attribute. Where its share of the time is over, in another turn.
 */
static int attribute(struct set_state *s, const struct phase *p, struct why *why)
{
	const struct past_set *past = s->key->past;
	struct phase mine = { .name = "attribution", .rounds = { 1, 1 } };
	int err = 0;

	for (unsigned int i = 0; past && i < past->nr_attributions && !err; i++)
		err = keep_attribution(s, past->attribution[i].arm, &past->attribution[i].a);
	if (!s->c->attribute || (past && past->over))
		return err;
	for (unsigned int a = 0; a < s->c->arms->nr && !err; a++) {
		if (s->c->arms->v[a].kind == ARM_OFF || s->out.attribution[a] || !p->in[a])
			continue;
		if (!s->c->live && !s->c->closing)
			return -EINTR;
		if (phase_out_of_time(s, p)) {
			err = attribute_later(s, a, why);
			continue;
		}
		mine.in[a] = true;
		err = attribute_arm(s, &mine, a, why);
		mine.in[a] = false;
	}
	return err;
}

static void init_state(struct set_state *s, const struct target *target, char *cpus, size_t len)
{
	const struct set_config *c = s->c;

	s->env = (struct pass_env){
		.fio = c->fio,
		.sysbench = c->sysbench,
		.uring = c->uring,
		.work_dir = c->work_dir,
		.device = s->key->device,
		.target = target,
		.workload = s->key->workload,
		.scheduler = s->key->scheduler,
		.timing = c->timing,
		.kmsg_fd = c->kmsg_fd,
		.max_steal_pct = c->max_steal_pct,
		.undo = c->undo,
		.meter = c->meter,
	};
	if (c->pins && c->pins->core[0])
		s->env.tracer_cpus = &c->pins->tracer;
	machine_last_cpus(c->pins ? c->pins->load_cores : s->key->workload->cpus, cpus, len);
	s->env.cpus = cpus[0] ? cpus : NULL;
}

/* A user's file may hold any bytes; JSON may not. */
static json_t *text_json(const char *text)
{
	json_t *s = json_string(text);
	char *copy;

	if (s)
		return s;
	copy = strdup(text);
	for (char *p = copy; p && *p; p++)
		if (*p != '\n' && (*p < ' ' || *p > '~'))
			*p = ' ';
	s = json_string(copy ? copy : "");
	free(copy);
	return s;
}

static json_t *set_json(const struct set_state *s)
{
	const struct set_key *k = s->key;

	json_t *o = json_pack("{s:s, s:i, s:s, s:o, s:s, s:s?, s:o}", "type", "set", "set",
			      (int)k->index, "workload", k->workload->name, "device",
			      device_fingerprint(k->device), "scheduler", k->scheduler, "cpus",
			      s->env.cpus, "job", text_json(k->workload->text));

	if (s->c->pins)
		json_object_set_new(o, "pinned", pins_json(s->c->pins, s->env.cpus));
	json_object_set_new(o, "open_loop", json_boolean(k->workload->open_loop));
	calibration_put(&s->cal, o);
	return o;
}

/* Files of before "nr_cores": the first cell knows. */
static unsigned int past_nr_cores(const struct past_set *past)
{
	for (unsigned int i = 0; i < past->nr; i++) {
		json_t *cpu = json_object_get(json_object_get(past->cell[i].json, "fixed_rate"), "cpu");
		size_t n = json_array_size(json_object_get(cpu, "cores"));

		if (n)
			return (unsigned int)n;
	}
	return 0;
}

/* Files, capacity and fixed rate; of a set that has a past, its own. */
static int begin(struct set_state *s, const struct phase *p, struct why *why)
{
	const struct past_set *past = s->key->past;
	int err = 0;

	if (past && past->head) {
		struct reader r = set_past_reader(s, past->line, why);

		err = calibration_get(&r, past->head, s->c->live && s->key->workload->kind == WORKLOAD_FIO, &s->cal);
		if (!err && !s->cal.nr_cores)
			s->cal.nr_cores = past_nr_cores(past);
		s->out.disk = json_incref(json_object_get(past->head, "device"));
		s->out.open_loop = json_is_true(json_object_get(past->head, "open_loop"));
	} else {
		s->out.open_loop = s->key->workload->open_loop;
	}
	if (!err && s->c->live) {
		phase_tell(s, p, "calibration", 0);
		err = load_of(s->key->workload)->prepare(&s->env, why);
	}
	if (!err && !(past && past->head)) {
		err = s->c->live ? calibrate(&s->env, &s->cal, why) : -EINTR;
		if (!err) {
			json_t *line = set_json(s);

			s->out.disk = json_incref(json_object_get(line, "device"));
			s->c->result->set = s->key->index;
			err = result_line(s->c->result, line, why);
		}
	}
	if (!err && s->c->live)
		calibration_low(&s->cal, s->key->workload, &s->low);
	return err;
}

static int end(struct set_state *s, struct why *why)
{
	const struct past_set *past = s->key->past;

	if (past && s->past_next < past->nr) {
		struct reader r = set_past_reader(s, past->cell[s->past_next].line, why);

		return rd_fail(&r, "a cell when all of its set was decided");
	}
	if ((!s->c->live && !s->c->closing) || (past && past->over))
		return 0;
	return result_set_line(s->c->result, s->key->index,
			   json_pack("{s:s, s:i, s:i, s:i, s:i}", "type", "set_end", "set",
				     (int)s->key->index, "rounds", (int)s->out.rounds, "confirm_rounds",
				     (int)s->out.confirm_rounds, "redone", (int)s->out.redone),
			   why);
}

void set_outcome_free(struct set_outcome *o)
{
	table_free(&o->table);
	json_decref(o->disk);
	o->disk = NULL;
	for (int a = 0; a < ARM_MAX; a++) {
		latency_bins_free(&o->figures[a].read);
		latency_bins_free(&o->figures[a].write);
		free(o->attribution[a]);
		o->attribution[a] = NULL;
	}
}

int set_run(const struct set_config *c, const struct set_key *key, const struct target *target,
	    set_progress_fn *progress, void *progress_arg, struct set_outcome *ret, struct why *why)
{
	struct set_state s = { .c = c, .key = key, .progress = progress, .progress_arg = progress_arg };
	struct phase p = { .name = "main", .rounds = c->rounds };
	char cpus[256];
	int err;

	init_state(&s, target, cpus, sizeof(cpus));
	p.rng.state = c->seed ^ (uint64_t)key->index * 0x9e3779b97f4a7c15u;
	for (unsigned int a = 0; a < c->arms->nr; a++) {
		p.in[a] = true;
		/* the twin keeps a run going only when nothing else is in it */
		for (int m = 0; m < METRIC_NR; m++)
			p.open[a][m] = a != c->arms->twin || c->arms->nr == 2;
	}
	err = begin(&s, &p, why);
	s.out.capacity_iops = s.cal.capacity_iops;
	s.out.rate_iops = s.cal.rate_iops;
	memcpy(s.out.no_rate, s.cal.no_rate, sizeof(s.out.no_rate));
	p.table = (struct table){ .nr_arms = c->arms->nr, .nr_cores = s.cal.nr_cores };
	if (!err)
		err = phase_run(&s, &p, s.out.decision, why);
	s.out.rounds = p.table.nr_rounds;
	memcpy(s.out.fault, p.fault, sizeof(s.out.fault));
	if (!err && !p.fault[0] && !p.table.nr_rounds)
		snprintf(s.out.fault, sizeof(s.out.fault), "no round counted; the last one: %.200s",
			 s.last_fault);
	fill_figures(&s, &p.table);
	if (!err && c->confirm && !p.fault[0] && !s.out.yielded)
		err = confirm_run(&s, true, why);
	if (!err && !s.out.confirm_left)
		err = attribute(&s, &p, why);
	if (!err && !s.out.yielded)
		err = end(&s, why);
	invalidate(&s, err == -EINTR ? "stopped before its first look" :
		       s.out.fault[0] ? s.out.fault : "no round that counts");
	tell_missed(&s, &p.table);
	s.out.complete = !err && !s.out.yielded;
	s.out.round_ns = s.cells ? s.cell_ns_sum / s.cells * (s.turn_arms ? s.turn_arms : phase_arms(&s, &p)) : 0;
	s.out.table = p.table;
	*ret = s.out;
	/* reasons point into the outcome itself */
	for (unsigned int a = 0; a < c->arms->nr; a++)
		for (int m = 0; m < METRIC_NR; m++) {
			struct decision *d = &ret->decision[a][m];

			if (d->reason == s.out.reason[a])
				d->reason = ret->reason[a];
			else if (d->reason == s.out.fault)
				d->reason = ret->fault;
			else if (d->reason == s.out.missed[a])
				d->reason = ret->missed[a];
		}
	return err;
}
