/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A FAIL counts when fresh rounds say so again: once for each metric, of the arms that have one and the twins. */
#include "phase.h"

static const struct rounds confirm_rounds = { 8, 16 };

static bool awaits(const struct set_state *s, unsigned int arm, int m)
{
	return s->out.decision[arm][m].verdict == VERDICT_FAIL && !s->settled[arm][m];
}

bool confirm_is_due(const struct set_state *s)
{
	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		for (int m = 0; m < METRIC_NR; m++)
			if ((a != s->c->arms->twin || s->c->arms->nr == 2) && awaits(s, a, m))
				return true;
	return false;
}

/* The metrics that have a FAIL, and their arms; false: there are none. */
static bool choose_open(const struct set_state *s, struct phase *p)
{
	bool any = false;

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		for (int m = 0; m < METRIC_NR; m++)
			if (awaits(s, a, m))
				p->open[a][m] = p->in[a] = any = true;
	p->in[s->c->arms->off] = p->in[s->c->arms->twin] = true;
	return any;
}

/* Without a tracer in it the twins are not asked for long; else only the clock ends undecided rounds before the last. */
static const char *doubt(const struct set_state *s, const struct phase *p, const struct decision *again)
{
	bool is_short = p->table.nr_rounds < p->rounds.max && again->verdict != VERDICT_PASS;

	if (p->fault[0])
		return "over the budget, but too few rounds counted to confirm it";
	return is_short && confirm_is_due(s) ? "over the budget, but there was no time to confirm it" :
					       "over the budget once, but not in the rounds that were to confirm it";
}

static void settle(struct set_state *s, const struct phase *p, struct decision again[ARM_MAX][METRIC_NR])
{
	const char *reason[ARM_MAX][METRIC_NR];

	for (unsigned int a = 0; a < s->c->arms->nr; a++)
		for (int m = 0; m < METRIC_NR; m++)
			reason[a][m] = doubt(s, p, &again[a][m]);
	for (unsigned int a = 0; a < s->c->arms->nr; a++) {
		for (int m = 0; m < METRIC_NR; m++) {
			struct decision *d = &s->out.decision[a][m];

			if (!awaits(s, a, m))
				continue;
			s->settled[a][m] = true;
			s->out.confirmed[a][m] = again[a][m].verdict == VERDICT_FAIL;
			if (s->out.confirmed[a][m])
				continue;
			d->verdict = VERDICT_INCONCLUSIVE;
			d->reason = reason[a][m];
		}
	}
}

int confirm_run(struct set_state *s, bool last, struct why *why)
{
	struct decision again[ARM_MAX][METRIC_NR] = { 0 };
	struct phase p = { .name = "confirm", .is_confirm = true, .rounds = confirm_rounds };
	int err;

	if (!choose_open(s, &p))
		return 0;
	p.table = (struct table){ .nr_arms = s->c->arms->nr, .nr_cores = s->cal.nr_cores };
	p.rng.state = s->c->seed ^ 0xc0f1c0f1c0f1c0f1u ^ s->key->index ^ (uint64_t)s->out.confirm_rounds << 32;
	err = phase_run(s, &p, again, why);
	s->out.confirm_rounds += p.table.nr_rounds;
	if (!err && s->out.yielded) {
		s->out.confirm_left = rounds_next_look(&p.rounds, p.table.nr_rounds) - p.table.nr_rounds;
		s->turn_arms = phase_arms(s, &p);
	} else if (!err && (last || p.table.nr_rounds)) {
		settle(s, &p, again);
	}
	table_free(&p.table);
	return err;
}
