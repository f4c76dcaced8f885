/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "phase.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "bench/stop.h"

#define REDO_SHARE .10		/* of the rounds; at least two */
#define SMOKE_TRIES 3		/* for its first round, of a smoke run's set whose time is up */

static bool is_judged(const struct set_state *s, const struct phase *p, unsigned int arm)
{
	return p->in[arm] && arm != s->c->arms->off;
}

/* Arms beyond the twins that are still in. */
static unsigned int tracers_in(const struct set_state *s, const struct phase *p)
{
	unsigned int n = 0;

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		n += is_judged(s, p, a) && a != s->c->arms->twin;
	return n;
}

/* All that were to be judged are out; what the twins show is of no use. */
static bool no_arm_left(const struct set_state *s, const struct phase *p)
{
	return !tracers_in(s, p) && s->c->arms->nr > 2;
}

/* Decide every metric of every arm; *ret_open: something still needs rounds. */
static int look(struct set_state *s, struct phase *p, bool last, double alpha,
		struct decision d[ARM_MAX][METRIC_NR], bool *ret_open)
{
	struct series series = table_series(&p->table, s->c->arms->off, s->c->arms->twin);
	struct rule rule = rule_default;

	rule.budget = s->c->budget;
	rule.p99_budget = s->c->p99_budget;
	rule.alpha = alpha;
	rule.seed = s->c->seed;
	*ret_open = false;
	for (unsigned int a = 0; a < s->c->arms->nr; a++) {
		if (!is_judged(s, p, a))
			continue;
		for (int m = 0; m < METRIC_NR; m++) {
			int err;

			if (!phase_judges(s, m) || (s->settled[a][m] && !p->is_confirm))
				continue;
			err = verdict_decide(&series, a, (enum metric)m, &rule, last, &d[a][m]);
			if (err)
				return err;
			*ret_open |= p->open[a][m] && d[a][m].verdict == VERDICT_UNDECIDED;
		}
	}
	return 0;
}

/*
 * Would one more round end after the deadline, or those to the next look of a
 * confirmation, which before it tells nothing? In the past: did the run go on
 * without one?
 */
bool phase_out_of_time(const struct set_state *s, const struct phase *p)
{
	uint64_t round = s->cells ? s->cell_ns_sum / s->cells * phase_arms(s, p) : 0;
	enum phase_past past = phase_past(s, p);

	if (p->is_confirm)
		round *= rounds_next_look(&p->rounds, p->table.nr_rounds) - p->table.nr_rounds;
	if (past == PAST_NONE && s->c->closing)
		return true;
	if (past != PAST_NONE || !s->c->live)
		return past == PAST_LEFT;
	return s->c->deadline_ns && now_ns() + round >= s->c->deadline_ns;
}

/* Where many sets share a smoke run's time, one cell that did not count must not cost a set its only round. */
static bool may_try_again(const struct set_state *s, const struct phase *p)
{
	return s->c->single_look && s->c->live && phase_past(s, p) == PAST_NONE && !p->table.nr_rounds &&
	       p->redone < SMOKE_TRIES;
}

static unsigned int redo_limit(const struct set_state *s, const struct phase *p)
{
	unsigned int n = (unsigned int)ceil(REDO_SHARE * p->rounds.max);

	if (s->c->single_look) /* the clock ends it */
		return UINT_MAX;
	return n < 2 ? 2 : n;
}

static void give_up(struct set_state *s, struct phase *p)
{
	snprintf(p->fault, sizeof(p->fault), "%u rounds had to be redone; %.200s",
		 p->redone, s->last_fault);
}

/*
 * Where others wait: this one goes on later, at a look that decided nothing (of
 * its first turn, or behind rounds of this one), or when its share of the time
 * is used up.
 */
static bool yields(const struct set_state *s, const struct phase *p, bool first_turn, bool out_of_share)
{
	if (!s->c->staged || !s->c->live || p->fault[0] || phase_past(s, p) != PAST_NONE ||
	    no_arm_left(s, p))
		return false;
	return out_of_share || first_turn || s->live_cells;
}

/*
 * Where time is short a FAIL has its confirmation before further looks at what
 * is undecided, which could use it all up. Of the past: where the run had it.
 */
static bool confirms_now(const struct set_state *s, const struct phase *p)
{
	if (p->is_confirm || !s->c->confirm || !confirm_is_due(s))
		return false;
	if (phase_past(s, p) != PAST_NONE)
		return phase_past_confirms(s);
	return s->c->live && s->c->deadline_ns;
}

/* It is late, but this look is not the last: more comes in another turn, or behind a confirmation. */
static bool goes_on_later(const struct set_state *s, const struct phase *p, unsigned int next)
{
	bool confirms = !p->is_confirm && p->table.nr_rounds == next && phase_past_confirms(s);

	return confirms || yields(s, p, false, true);
}

static void take_round(struct set_state *s, struct phase *p)
{
	if (!p->table.nr_rounds++ && !p->is_confirm)
		s->op = table_busier(&p->table, s->c->arms->off);
	p->table.op = s->op;
}

int phase_run(struct set_state *s, struct phase *p, struct decision d[ARM_MAX][METRIC_NR],
		     struct why *why)
{
	unsigned int redone_limit = redo_limit(s, p), next;
	bool single = s->c->single_look, open = true;
	double alpha = single ? SINGLE_LOOK_ALPHA : rounds_alpha(&p->rounds);
	int err = 0;

	while (open && (next = single ? p->rounds.max : rounds_next_look(&p->rounds, p->table.nr_rounds))) {
		enum phase_past past = phase_past(s, p);
		bool stop_here = past == PAST_LEFT || (past == PAST_NONE && s->c->closing);
		/* behind a confirmation, or before one, there may be no time for a round at all */
		bool late = (p->is_confirm || p->table.nr_rounds) && phase_out_of_time(s, p);

		stop_here |= late;

		while (p->table.nr_rounds < next && !stop_here && !err) {
			bool valid = false;

			err = phase_round(s, p, &valid, why);
			if (!err && valid)
				take_round(s, p);
			else if (!err && ++p->redone > redone_limit)
				give_up(s, p);
			late = phase_out_of_time(s, p) && !may_try_again(s, p);
			stop_here = p->fault[0] || late || no_arm_left(s, p);
		}
		if (err || p->fault[0])
			break;
		if (late && p->table.nr_rounds < next && yields(s, p, false, true)) {
			s->out.yielded = true;
			break;
		}
		if (!p->table.nr_rounds)
			break;
		stop_here = (stop_here && !(late && goes_on_later(s, p, next))) || next >= p->rounds.max || no_arm_left(s, p);
		err = look(s, p, stop_here, alpha, d, &open);
		if (!err && !stop_here && open && confirms_now(s, p)) {
			err = confirm_run(s, false, why);
			late = phase_out_of_time(s, p);
		} else if (!err && !stop_here && (!open || phase_past(s, p) == PAST_LEFT)) {
			/* what nobody waited for has its last look too */
			err = look(s, p, stop_here = true, alpha, d, &open);
		}
		if (err || stop_here || s->out.yielded)
			break;
		if (open && yields(s, p, !s->c->late_turn, late)) {
			s->out.yielded = true;
			break;
		}
	}
	s->out.redone += p->redone;
	return err;
}
