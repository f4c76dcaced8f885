/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "phase.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/cell.h"
#include "bench/restore.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define ARM_FAULTS_MAX 2	/* then the arm is out, and the others go on */

unsigned int phase_arms(const struct set_state *s, const struct phase *p)
{
	unsigned int n = 0;

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		n += p->in[a];
	return n;
}

void phase_tell(struct set_state *s, const struct phase *p, const char *arm, unsigned int cells_done)
{
	unsigned int look = rounds_next_look(&p->rounds, p->table.nr_rounds);
	struct set_progress pr = {
		.key = s->key,
		.arm = arm,
		.phase = p->name,
		.round = p->table.nr_rounds + 1,
		.until = look,
		.cells_left = (look - p->table.nr_rounds) * phase_arms(s, p) - cells_done,
		.cell_ns = s->cells ? s->cell_ns_sum / s->cells : 0,
	};

	if (s->progress)
		s->progress(&pr, s->progress_arg);
}

static json_t *cell_json(const struct set_state *s, const struct phase *p, const struct cell *c,
			 unsigned int arm, unsigned int position)
{
	const struct set_key *k = s->key;

	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:s, s:b, s:I, s:o, s:o, s:o, s:o, s:o}",
			 "type", "cell", "set", (int)k->index, "workload", k->workload->name,
			 "device", k->device->name, "scheduler", k->scheduler, "arm",
			 s->c->arms->v[arm].name, "phase", p->name, "round", (int)p->table.nr_rounds,
			 "attempt", (int)p->redone, "position", (int)position, "valid",
			 (int)!c->fault[0], "fault", c->fault, "arm_fault", (int)c->tracer_fault,
			 "took_ns", (json_int_t)c->took_ns, "queue", settings_snapshot("/sys", k->device->disk),
			 "saturation", c->saturation.window_s > 0 || c->saturation.fault[0] ?
					       pass_json(&c->saturation) : json_null(),
			 "fixed_rate", c->fixed.window_s > 0 || c->fixed.fault[0] ?
					       pass_json(&c->fixed) : json_null(),
			 "low_rate", c->low.window_s > 0 || c->low.fault[0] ?
					       pass_json(&c->low) : json_null(),
			 "tracer", c->has_tracer ? tracer_report_json(&c->tracer) : json_null());
}

/* By its group where there is one: the process's own time comes in ticks of 10 ms. */
static double tracer_cpu_pct(const struct pass_result *p)
{
	const struct meter_usage *u = &p->usage;
	const struct group_time *t = &u->group[GROUP_TRACER];
	double ns = (double)(p->has_usage && u->has_groups && u->has_tracer ? t->user_ns + t->system_ns : p->tracer_cpu_ns);

	return p->window_s > 0 ? 100 * ns / (p->window_s * NS_PER_S) : 0;
}

static int add_figures(struct set_state *s, unsigned int arm, const struct cell *c)
{
	struct arm_figures *f = &s->out.figures[arm];
	int err = latency_bins_merge(&f->read, &c->saturation.fio.latency[FIO_READ].bins);

	if (!err)
		err = latency_bins_merge(&f->write, &c->saturation.fio.latency[FIO_WRITE].bins);
	f->took_ns += c->took_ns;
	if (err || !c->has_tracer)
		return err;
	f->nr_traced++;
	f->is_traced = c->tracer.has_summary;
	f->lost += c->tracer.lost;
	f->traced_ios += c->tracer.traced_ios;
	for (unsigned int i = 0; i < c->tracer.nr_stages; i++)
		stage_add(f->stage, &f->nr_stages, c->tracer.stage[i].name, c->tracer.stage[i].sum_ns);
	f->output_bytes += c->tracer.output_bytes;
	f->tracer_cpu_pct = fmax(f->tracer_cpu_pct, tracer_cpu_pct(&c->fixed));
	if (c->tracer.peak_rss_bytes > f->tracer_rss_bytes)
		f->tracer_rss_bytes = c->tracer.peak_rss_bytes;
	return 0;
}

static void add_steal(struct set_state *s, const struct pass_result *r)
{
	s->out.steal_ns += (double)r->cpu.steal_ns;
	s->out.cpu_ns += (double)r->cpu.window_ns * r->cpu.nr;
}

static void note_arm_fault(struct set_state *s, struct phase *p, unsigned int arm,
			   const struct cell *c)
{
	if (++s->faults[arm] < ARM_FAULTS_MAX)
		return;
	p->in[arm] = false;
	snprintf(s->out.reason[arm], sizeof(s->out.reason[arm]), "%s", c->fault);
}

/* What was measured of this phase before and has not had its turn yet, or NULL. */
static const struct past_cell *past_cell(const struct set_state *s, const struct phase *p)
{
	const struct past_set *past = s->key->past;
	const struct past_cell *c;

	if (!past || s->past_next == past->nr)
		return NULL;
	c = &past->cell[s->past_next];
	return c->confirm == p->is_confirm ? c : NULL;
}

enum phase_past phase_past(const struct set_state *s, const struct phase *p)
{
	const struct past_set *past = s->key->past;

	if (past_cell(s, p))
		return PAST_HAS;
	return past && (s->past_next < past->nr || past->over) ? PAST_LEFT : PAST_NONE;
}

bool phase_past_confirms(const struct set_state *s)
{
	const struct past_set *past = s->key->past;

	return past && s->past_next < past->nr && past->cell[s->past_next].confirm;
}

struct reader set_past_reader(const struct set_state *s, unsigned int line, struct why *why)
{
	return (struct reader){ .path = s->key->past->path, .line = line, .why = why };
}

/*
 * The arm of the next cell: recorded ones keep their order, which is that of
 * @order anyway where this program wrote them.
 */
static int choose_arm(const struct set_state *s, const struct phase *p, const struct past_cell *c,
		      unsigned int *order, unsigned int nr, unsigned int position, struct why *why)
{
	struct reader r = set_past_reader(s, c->line, why);
	unsigned int i = position;

	if (c->round != p->table.nr_rounds || c->attempt != p->redone || c->position != position)
		return rd_fail(&r, "round %u, attempt %u, position %u where %u, %u, %u was due",
			       c->round, c->attempt, c->position, p->table.nr_rounds, p->redone,
			       position);
	while (i < nr && order[i] != c->arm)
		i++;
	if (i == nr)
		return rd_fail(&r, "arm %s, which was not due in this round",
			       s->c->arms->v[c->arm].name);
	order[i] = order[position];
	order[position] = c->arm;
	return 0;
}

/* The file goes on where this round had cells to come. */
static int past_is_short(const struct set_state *s, const struct phase *p, struct why *why)
{
	const struct past_set *past = s->key->past;
	struct reader r = set_past_reader(s, s->past_next ? past->cell[s->past_next - 1].line : past->line,
				      why);

	return rd_fail(&r, "the last cell of round %u, %s phase, which is not whole",
		       p->table.nr_rounds, p->name);
}

static void set_rate(struct set_state *s, double iops)
{
	struct calibration c;

	calibration_scale(&s->cal, s->key->workload, iops / s->cal.rate_iops, &c);
	c.rate_iops = iops;
	s->cal = c;
	s->out.rate_iops = iops;
	calibration_low(&s->cal, s->key->workload, &s->low);
}

/* The rate that cells of the past had: it was lowered. */
static void take_past_rate(struct set_state *s, const struct cell *c)
{
	double target = c->fixed.target_iops;

	if (target > 0 && s->cal.rate_iops > 0 && target != s->cal.rate_iops)
		set_rate(s, target);
}

/* The machine has other work than when it was calibrated: as long as nothing counts yet, there may be a lower rate. */
static void lower_rate(struct set_state *s, const struct phase *p)
{
	struct calibration c;

	if (!(s->missed > 0) || p->table.nr_rounds || p->is_confirm || !calibration_target(&s->cal))
		return;
	calibration_scale(&s->cal, s->key->workload, calibration_next_share(s->missed), &c);
	if (c.rate_iops > 0)
		set_rate(s, c.rate_iops);
}

/* Measured, or from the past. */
static int get_cell(struct set_state *s, struct phase *p, const struct past_cell *past,
		    unsigned int arm, unsigned int position, struct cell *ret, struct why *why)
{
	struct cell_rates rates = { .pace = &s->cal.pace, .low_pace = &s->low.pace, .iops = calibration_target(&s->cal) };
	int err;

	if (past) {
		struct reader r = set_past_reader(s, past->line, why);

		s->past_next++;
		err = cell_restore(&r, past->json, ret);
		if (!err)
			take_past_rate(s, ret);
		return err;
	}
	if (s->c->low_rounds > p->table.nr_rounds && !p->is_confirm)
		rates.low_iops = s->low.rate_iops;
	phase_tell(s, p, s->c->arms->v[arm].name, position);
	err = cell_run(&s->env, &s->c->arms->v[arm], s->c->iopath, &rates, ret, why);
	if (!err)
		err = result_set_line(s->c->result, s->key->index, cell_json(s, p, ret, arm, position), why);
	s->live_cells++;
	return err;
}

/* What came through of a rate that was not held, else @before. */
static double missed(const struct pass_result *fixed, double before)
{
	if (fixed->flags & PASS_TOO_FAST)
		return CALIBRATION_GAVE_UP;
	return fixed->flags & PASS_RATE_MISSED ? pass_iops(fixed) / fixed->target_iops : before;
}

static int one_cell(struct set_state *s, struct phase *p, const struct past_cell *past,
		    unsigned int arm, unsigned int position, bool *ret_valid, struct why *why)
{
	struct cell cell = { 0 };
	int err = get_cell(s, p, past, arm, position, &cell, why);

	if (err) {
		cell_free(&cell);
		return err;
	}
	*ret_valid = !cell.fault[0];
	if (s->c->arms->v[arm].kind == ARM_OFF)
		s->missed = missed(&cell.fixed, s->missed);
	s->cell_ns_sum += cell.took_ns;
	s->cells++;
	if (*ret_valid) {
		table_put(&p->table, arm, &cell);
		err = add_figures(s, arm, &cell);
		add_steal(s, &cell.saturation);
		add_steal(s, &cell.fixed);
		if (cell.low.target_iops > 0)
			s->out.low_iops = cell.low.target_iops;
	} else {
		snprintf(s->last_fault, sizeof(s->last_fault), "%.60s: %.180s",
			 s->c->arms->v[arm].name, cell.fault);
		if (cell.tracer_fault)
			note_arm_fault(s, p, arm, &cell);
	}
	cell_free(&cell);
	return err;
}

int phase_round(struct set_state *s, struct phase *p, bool *ret_valid, struct why *why)
{
	unsigned int order[ARM_MAX], nr = 0;
	int err = table_grow(&p->table);

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		if (p->in[a])
			order[nr++] = a;
	rng_shuffle(&p->rng, order, nr);
	s->missed = 0;
	*ret_valid = true;
	for (unsigned int i = 0; i < nr && !err && *ret_valid; i++) {
		const struct past_cell *past = past_cell(s, p);

		if (past)
			err = choose_arm(s, p, past, order, nr, i, why);
		else if (phase_past(s, p) == PAST_LEFT)
			err = past_is_short(s, p, why);
		else if (!s->c->live)
			err = -EINTR;
		if (!err)
			err = one_cell(s, p, past, order[i], i, ret_valid, why);
	}
	if (!err && !*ret_valid)
		lower_rate(s, p);
	return err;
}
