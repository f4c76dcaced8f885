/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/why.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

/*
 * .018 per look keeps the error over the five looks 8, 12, 16, 24, 32 at .05
 * (simulated: .0496 for normal noise, .0476 with one-sided stalls).
 */
static const unsigned int look_table[] = { 8, 12, 16, 24, 32 };
#define LOOK_ALPHA .018

const struct rule rule_default = {
	.budget = 5,
	.alpha = LOOK_ALPHA,
	.twin_alpha = .01,
	.twin_half_width = 2.5,
	.max_lag1 = .5,
	.flips = 2000,
};

static const char *const metric_names[] = {
	[METRIC_THROUGHPUT] = "throughput_loss_pct",
	[METRIC_CPU_PER_IO] = "cpu_per_io_pct",
	[METRIC_SYSTEM_CPU] = "system_cpu_pp",
	[METRIC_WORST_CORE] = "worst_core_pp",
	[METRIC_P99] = "p99_pct",
};

static const char *const verdict_names[] = {
	[VERDICT_UNDECIDED] = "UNDECIDED",
	[VERDICT_PASS] = "PASS",
	[VERDICT_FAIL] = "FAIL",
	[VERDICT_INCONCLUSIVE] = "INCONCLUSIVE",
	[VERDICT_INVALID] = "INVALID",
};

const char *metric_name(enum metric m)
{
	return metric_names[m];
}

const char *verdict_name(enum verdict v)
{
	return verdict_names[v];
}

static int by_name(const char *const *names, int nr, const char *name)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

int metric_by_name(const char *name)
{
	return by_name(metric_names, ARRAY_SIZE(metric_names), name);
}

int verdict_by_name(const char *name)
{
	return by_name(verdict_names, ARRAY_SIZE(verdict_names), name);
}

/* The response of metric @m in the unit in which it is subtracted. */
static double response_value(const struct response *r, enum metric m, unsigned int core)
{
	switch (m) {
	case METRIC_THROUGHPUT:
		return r->ln_throughput;
	case METRIC_CPU_PER_IO:
		return r->ln_cpu_per_io;
	case METRIC_SYSTEM_CPU:
		return r->system_pct;
	case METRIC_P99:
		return r->ln_p99;
	default:
		return r->core_pct[core];
	}
}

static void differences(const struct series *s, unsigned int arm, enum metric m, unsigned int core,
			double *d)
{
	for (unsigned int i = 0; i < s->nr_rounds; i++) {
		const struct response *row = &s->at[i * s->nr_arms];

		d[i] = response_value(&row[arm], m, core) - response_value(&row[s->off], m, core);
	}
}

/* Logarithmic metrics become percent of cost; the others are pp already. */
static bool is_logarithmic(enum metric m)
{
	return m == METRIC_THROUGHPUT || m == METRIC_CPU_PER_IO || m == METRIC_P99;
}

static double to_loss(enum metric m, double v)
{
	if (!is_logarithmic(m))
		return v;
	return m == METRIC_THROUGHPUT ? 100 * -expm1(v) : 100 * expm1(v);
}

static struct interval interval_to_loss(enum metric m, struct interval v)
{
	struct interval r = { to_loss(m, v.estimate), to_loss(m, v.lower), to_loss(m, v.upper) };

	if (m == METRIC_THROUGHPUT) { /* more throughput is less loss */
		r.lower = to_loss(m, v.upper);
		r.upper = to_loss(m, v.lower);
	}
	if (isinf(v.lower)) {
		r.lower = -INFINITY;
		r.upper = INFINITY;
	}
	return r;
}

struct measured {
	struct interval loss;
	double lag1;
	double sd; /* of the differences, in the unit of the loss */
	int core;
};

static int measure_one(const struct series *s, unsigned int arm, enum metric m, unsigned int core,
		       double alpha, struct measured *ret)
{
	double d[STAT_MAX_N];
	struct interval v;
	int err;

	if (s->nr_rounds > STAT_MAX_N)
		return -EINVAL;
	differences(s, arm, m, core, d);
	err = stat_hodges_lehmann(d, s->nr_rounds, alpha, &v);
	if (err)
		return err;
	*ret = (struct measured){
		.loss = interval_to_loss(m, v),
		.lag1 = stat_lag1(d, s->nr_rounds),
		.sd = stat_sd(d, s->nr_rounds) * (is_logarithmic(m) ? 100 : 1),
		.core = -1,
	};
	return 0;
}

/* A simultaneous bound over all cores, of the differences times @sign. */
static int cores_lower(const struct series *s, unsigned int arm, double sign, double alpha,
		       const struct rule *rule, double *ret)
{
	_cleanup_free_ double *all = calloc((size_t)s->nr_rounds * s->nr_cores, sizeof(*all));
	unsigned int core;

	if (!all)
		return -ENOMEM;
	for (unsigned int c = 0; c < s->nr_cores; c++) {
		double d[STAT_MAX_N];

		differences(s, arm, METRIC_WORST_CORE, c, d);
		for (unsigned int i = 0; i < s->nr_rounds; i++)
			all[i * s->nr_cores + c] = sign * d[i];
	}
	return stat_max_t_lower(all, s->nr_rounds, s->nr_cores, alpha, rule->flips, rule->seed, ret,
				&core);
}

/*
 * PASS needs every core's upper bound under the margin (intersection-union: no
 * correction). FAIL needs a core whose simultaneous lower bound is over it: the
 * largest of many cores is high by noise alone.
 */
static int measure_worst_core(const struct series *s, unsigned int arm, double alpha,
			      const struct rule *rule, struct measured *ret)
{
	struct measured worst = { .loss.estimate = -INFINITY };
	double upper = -INFINITY, lower = -INFINITY;
	int err = 0;

	for (unsigned int c = 0; c < s->nr_cores; c++) {
		struct measured one;

		err = measure_one(s, arm, METRIC_WORST_CORE, c, alpha, &one);
		if (err)
			return err;
		upper = fmax(upper, one.loss.upper);
		if (one.loss.estimate > worst.loss.estimate) {
			worst = one;
			worst.core = (int)s->core_id[c];
		}
	}
	if (stat_rank_q(s->nr_rounds, alpha) >= 0)
		err = cores_lower(s, arm, 1, alpha, rule, &lower);
	worst.loss.upper = upper;
	worst.loss.lower = fmin(lower, worst.loss.estimate);
	*ret = worst;
	return err;
}

static int measure(const struct series *s, unsigned int arm, enum metric m, double alpha,
		   const struct rule *rule, struct measured *ret)
{
	if (!s->nr_rounds || (m == METRIC_WORST_CORE && !s->nr_cores))
		return -EINVAL;
	if (m == METRIC_WORST_CORE)
		return measure_worst_core(s, arm, alpha, rule, ret);
	return measure_one(s, arm, m, 0, alpha, ret);
}

/* Does off2 differ from off, where nothing differs? For cores: does any of them? */
static int twin_excludes_zero(const struct series *s, enum metric m, const struct rule *rule,
			      bool *ret)
{
	double alpha = rule->twin_alpha / 2, up, down;
	struct measured v;
	int err;

	if (m != METRIC_WORST_CORE) {
		err = measure_one(s, s->twin, m, 0, alpha, &v);
		if (!err)
			*ret = v.loss.lower > 0 || v.loss.upper < 0;
		return err;
	}
	*ret = false;
	if (stat_rank_q(s->nr_rounds, alpha) < 0) /* too few rounds to say so of one core */
		return 0;
	err = cores_lower(s, s->twin, 1, alpha, rule, &up);
	if (!err)
		err = cores_lower(s, s->twin, -1, alpha, rule, &down);
	if (!err)
		*ret = up > 0 || down > 0;
	return err;
}

static double half_width(const struct interval *v)
{
	return (v->upper - v->lower) / 2;
}

static unsigned int needed(const struct measured *v, double budget, unsigned int rounds)
{
	unsigned int n = stat_rounds_needed(v->sd, budget - v->loss.estimate);

	return n > rounds ? n : rounds + 1;
}

/* With few rounds white noise has a large lag-1 too: what it exceeds in 1 % of cases. */
static double lag1_limit(const struct rule *rule, unsigned int n)
{
	return fmax(rule->max_lag1, -1. / n + 2.33 * .88 / sqrt(n));
}

/*
 * What a lower bound must exceed for a FAIL. On a machine where the twin's own
 * interval is wide, a cost must also stand out from what no tracer "costs" there.
 */
static double fail_bound(const struct interval *twin, const struct rule *rule, double budget)
{
	return half_width(twin) > rule->twin_half_width ? fmax(budget, twin->upper) : budget;
}

/* Does each of these arms tell it in each round? */
static bool is_told(const struct series *s, enum metric m, const unsigned int *arms, unsigned int nr)
{
	if (m != METRIC_P99)
		return true;
	for (unsigned int i = 0; i < s->nr_rounds; i++)
		for (unsigned int a = 0; a < nr; a++)
			if (!isfinite(s->at[i * s->nr_arms + arms[a]].ln_p99))
				return false;
	return true;
}

int verdict_decide(const struct series *s, unsigned int arm, enum metric m, const struct rule *rule,
		   bool last_look, struct decision *ret)
{
	double budget = m == METRIC_P99 ? rule->p99_budget : rule->budget;
	struct measured v, twin;
	bool twin_differs;
	struct decision r;
	int err;

	if (!is_told(s, m, (unsigned int[]){ arm, s->off, s->twin }, 3)) { /* nor in any round to come */
		*ret = (struct decision){ .verdict = VERDICT_INCONCLUSIVE, .loss = { NAN, -INFINITY, INFINITY }, .core = -1,
					  .rounds = s->nr_rounds, .reason = "the load tells no latencies" };
		return 0;
	}
	err = measure(s, arm, m, rule->alpha, rule, &v);
	if (!err)
		err = measure(s, s->twin, m, rule->alpha, rule, &twin);
	if (!err)
		err = twin_excludes_zero(s, m, rule, &twin_differs);
	if (err)
		return err;
	r = (struct decision){ .loss = v.loss, .lag1 = v.lag1, .core = v.core, .rounds = s->nr_rounds };
	if (twin_differs) {
		r.verdict = VERDICT_INVALID;
		r.reason = "off2 differs from off where nothing differs";
	} else if (v.lag1 > lag1_limit(rule, s->nr_rounds)) {
		r.verdict = VERDICT_INVALID;
		r.reason = "rounds depend on each other";
	} else if (v.loss.upper < budget) { /* however wide the twin's: test-bench-stat simulates that */
		r.verdict = VERDICT_PASS;
	} else if (v.loss.lower > fail_bound(&twin.loss, rule, budget) && arm != s->twin) {
		r.verdict = VERDICT_FAIL;
	} else if (isinf(v.loss.upper)) {
		r.verdict = VERDICT_INCONCLUSIVE;
		r.reason = "too few rounds for a bound";
	} else if (half_width(&twin.loss) > rule->twin_half_width) {
		r.verdict = VERDICT_INVALID;
		r.reason = "the machine is too noisy: wide A/A interval";
	} else {
		r.verdict = VERDICT_INCONCLUSIVE;
	}
	if (r.verdict == VERDICT_INCONCLUSIVE || r.verdict == VERDICT_INVALID)
		r.rounds_needed = needed(&v, budget, s->nr_rounds);
	if (!last_look && r.verdict != VERDICT_PASS && r.verdict != VERDICT_FAIL)
		r.verdict = VERDICT_UNDECIDED;
	*ret = r;
	return 0;
}

int rounds_parse(const char *s, struct rounds *ret)
{
	_cleanup_free_ char *min = strdup(s);
	uint64_t lo, hi;
	char *colon;
	int err;

	if (!min)
		return -ENOMEM;
	colon = strchr(min, ':');
	if (colon)
		*colon = '\0';
	err = parse_u64(min, &lo);
	if (err)
		return err;
	err = parse_u64(colon ? colon + 1 : min, &hi);
	if (err)
		return err;
	if (lo < 1 || hi < lo || hi > look_table[ARRAY_SIZE(look_table) - 1])
		return -ERANGE;
	*ret = (struct rounds){ (unsigned int)lo, (unsigned int)hi };
	return 0;
}

unsigned int rounds_next_look(const struct rounds *r, unsigned int done)
{
	for (size_t i = 0; i < ARRAY_SIZE(look_table); i++)
		if (look_table[i] > done && look_table[i] >= r->min && look_table[i] < r->max)
			return look_table[i];
	return done < r->max ? r->max : 0;
}

unsigned int rounds_nr_looks(const struct rounds *r)
{
	unsigned int nr = 0;

	for (unsigned int at = 0; (at = rounds_next_look(r, at)); nr++)
		;
	return nr;
}

double rounds_alpha(const struct rounds *r)
{
	return rounds_nr_looks(r) == 1 ? SINGLE_LOOK_ALPHA : LOOK_ALPHA;
}

enum verdict verdict_worse(enum verdict a, enum verdict b)
{
	static const int rank[] = {
		[VERDICT_UNDECIDED] = -1, [VERDICT_PASS] = 0,	 [VERDICT_INCONCLUSIVE] = 1,
		[VERDICT_INVALID] = 2,	  [VERDICT_FAIL] = 3,
	};

	return rank[a] >= rank[b] ? a : b;
}

int verdict_exit(enum verdict v)
{
	switch (v) {
	case VERDICT_PASS:
		return EXIT_PASS;
	case VERDICT_FAIL:
		return EXIT_OVER_BUDGET;
	case VERDICT_INCONCLUSIVE:
		return EXIT_INCONCLUSIVE;
	case VERDICT_INVALID:
		return EXIT_ENVIRONMENT;
	default:
		return EXIT_HARNESS;
	}
}
