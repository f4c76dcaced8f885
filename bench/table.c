/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stat.h"

#define OPS (FIO_WRITE + 1)
/* Writes must be this much more than reads to stand for a mix: its counts differ by chance. */
#define BUSIER 1.1

struct table_latency {
	double count, ns[COLUMN_P999_NS - COLUMN_P50_NS + 1];
};

static bool is_latency(enum column c)
{
	return c >= COLUMN_P50_NS && c <= COLUMN_P999_NS;
}

/* realloc() that leaves *p alone when it fails. */
static int resize(void **p, size_t bytes)
{
	void *bigger = realloc(*p, bytes ? bytes : 1);

	if (!bigger)
		return -ENOMEM;
	*p = bigger;
	return 0;
}

int table_grow(struct table *t)
{
	size_t at = (size_t)t->nr_rounds * t->nr_arms, n = at + t->nr_arms;

	if (resize((void **)&t->response, n * sizeof(*t->response)) ||
	    resize((void **)&t->core_id, t->nr_cores * sizeof(*t->core_id)) ||
	    resize((void **)&t->core_pct, n * t->nr_cores * sizeof(*t->core_pct)) ||
	    resize((void **)&t->kind_pct, n * t->nr_cores * KIND_NR * sizeof(*t->kind_pct)) ||
	    resize((void **)&t->latency, n * OPS * sizeof(*t->latency)))
		return -ENOMEM;
	for (unsigned int i = 0; !t->nr_rounds && i < t->nr_cores; i++)
		t->core_id[i] = i;
	for (size_t i = at * OPS; i < n * OPS; i++)
		t->latency[i] = (struct table_latency){ 0, { NAN, NAN, NAN, NAN } };
	for (int c = 0; c < COLUMN_NR; c++) {
		if (resize((void **)&t->column[c], n * sizeof(double)))
			return -ENOMEM;
		for (size_t i = at; i < n; i++)
			t->column[c][i] = NAN;
	}
	memset(&t->response[at], 0, t->nr_arms * sizeof(*t->response));
	memset(&t->core_pct[at * t->nr_cores], 0, t->nr_arms * t->nr_cores * sizeof(*t->core_pct));
	for (size_t i = at * t->nr_cores * KIND_NR; i < n * t->nr_cores * KIND_NR; i++)
		t->kind_pct[i] = NAN;
	return 0;
}

static void put_kinds(struct table *t, size_t at, const struct cpu_usage *u)
{
	for (unsigned int i = 0; i < t->nr_cores && i < u->nr && u->window_ns; i++) {
		const struct cpu_usage_core *c = &u->core[i];
		const uint64_t ns[KIND_NR] = {
			[KIND_USER] = c->user_ns,	[KIND_SYSTEM] = c->system_ns, [KIND_IRQ] = c->irq_ns,
			[KIND_SOFTIRQ] = c->softirq_ns, [KIND_STEAL] = c->steal_ns,
		};

		for (int k = 0; k < KIND_NR; k++)
			t->kind_pct[(at * t->nr_cores + i) * KIND_NR + k] =
				(float)(100. * (double)ns[k] / (double)u->window_ns);
	}
}

static double per_io(const struct pass_result *p, bool has, double v)
{
	return has && p->ios > 0 ? pass_per_io(p, v) : NAN;
}

/* Whose the CPU time was. */
static void put_usage(struct table *t, size_t at, const struct pass_result *p)
{
	const struct meter_usage *u = &p->usage;
	const struct group_time *w = &u->group[GROUP_WORKLOAD], *tr = &u->group[GROUP_TRACER];
	bool groups = p->has_usage && u->has_groups, pmu = p->has_usage && u->has_pmu;

	t->column[COLUMN_WORKLOAD_USER_NS][at] = per_io(p, groups, (double)w->user_ns);
	t->column[COLUMN_WORKLOAD_SYSTEM_NS][at] = per_io(p, groups, (double)w->system_ns);
	t->column[COLUMN_TRACER_NS][at] = per_io(p, groups && u->has_tracer, (double)(tr->user_ns + tr->system_ns));
	t->column[COLUMN_KTHREADS_NS][at] = per_io(p, groups, (double)u->kthreads_ns);
	t->column[COLUMN_CYCLES][at] = per_io(p, pmu, (double)u->pmu[PMU_CYCLES]);
	t->column[COLUMN_INSTRUCTIONS][at] = per_io(p, pmu, (double)u->pmu[PMU_INSTRUCTIONS]);
	t->column[COLUMN_ENERGY_NJ][at] = per_io(p, p->has_usage && u->has_energy, 1000. * (double)u->energy_uj);
}

static void put_latency(struct table_latency *ret, const struct fio_latency *l)
{
	*ret = (struct table_latency){ (double)l->count, { (double)l->p50_ns, (double)l->p90_ns, (double)l->p99_ns,
							   (double)l->p999_ns } };
}

void table_put(struct table *t, unsigned int arm, const struct cell *c)
{
	unsigned int flags = c->saturation.flags | c->fixed.flags;
	size_t at = (size_t)t->nr_rounds * t->nr_arms + arm;
	const double value[COLUMN_NR] = {
		[COLUMN_IOPS] = pass_iops(&c->saturation),
		[COLUMN_NS_PER_IO] = pass_cpu_ns_per_io(&c->fixed),
		[COLUMN_NS_PER_IO_LOW] = per_io(&c->low, !c->low.fault[0], (double)c->low.cpu.busy_ns),
		[COLUMN_NS_PER_IO_FULL] = per_io(&c->saturation, true, (double)c->saturation.cpu.busy_ns),
		[COLUMN_UNSTEADY] = (flags & PASS_UNSTEADY) != 0,
		[COLUMN_UEVENTS] = (flags & PASS_UEVENTS) != 0,
		[COLUMN_RATE_MISSED] = (flags & PASS_RATE_MISSED) != 0,
		[COLUMN_STAMPED] = c->fixed.cpu.exact,
	};

	t->response[at] = cell_response(c);
	for (unsigned int i = 0; i < t->nr_cores; i++)
		t->core_pct[at * t->nr_cores + i] = i < c->nr_cores ? c->core_pct[i] : 0;
	for (unsigned int i = 0; i < t->nr_cores && i < c->fixed.cpu.nr; i++)
		t->core_id[i] = c->fixed.cpu.core[i].id;
	for (int i = 0; i < COLUMN_NR; i++)
		t->column[i][at] = value[i];
	for (int op = 0; op < OPS; op++)
		put_latency(&t->latency[at * OPS + (size_t)op], &c->saturation.fio.latency[op]);
	put_usage(t, at, &c->fixed);
	put_kinds(t, at, &c->fixed.cpu);
}

enum fio_op table_busier(const struct table *t, unsigned int off)
{
	double count[OPS] = { 0 };

	for (size_t i = 0; i < t->nr_rounds; i++)
		for (size_t op = 0; op < OPS; op++)
			count[op] += t->latency[(i * t->nr_arms + off) * OPS + op].count;
	return count[FIO_WRITE] > BUSIER * count[FIO_READ] ? FIO_WRITE : FIO_READ;
}

struct series table_series(struct table *t, unsigned int off, unsigned int twin)
{
	for (unsigned int i = 0; i < t->nr_rounds * t->nr_arms; i++) {
		t->response[i].core_pct = &t->core_pct[(size_t)i * t->nr_cores];
		t->response[i].ln_p99 = log(table_value(t, COLUMN_P99_NS, i / t->nr_arms, i % t->nr_arms));
	}
	return (struct series){
		.nr_rounds = t->nr_rounds,
		.nr_arms = t->nr_arms,
		.nr_cores = t->nr_cores,
		.core_id = t->core_id,
		.off = off,
		.twin = twin,
		.at = t->response,
	};
}

double table_value(const struct table *t, enum column c, unsigned int round, unsigned int arm)
{
	size_t at = (size_t)round * t->nr_arms + arm;

	return is_latency(c) ? t->latency[at * OPS + t->op].ns[c - COLUMN_P50_NS] : t->column[c][at];
}

unsigned int table_rounds(const struct table *t, unsigned int arm)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < t->nr_rounds; i++)
		nr += !isnan(table_value(t, COLUMN_IOPS, i, arm));
	return nr;
}

unsigned int table_count(const struct table *t, enum column c, unsigned int arm)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < t->nr_rounds; i++)
		nr += table_value(t, c, i, arm) == 1;
	return nr;
}

static unsigned int values(const struct table *t, enum column c, unsigned int arm, double v[STAT_MAX_N])
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < t->nr_rounds && i < STAT_MAX_N; i++)
		if (!isnan(table_value(t, c, i, arm)))
			v[nr++] = table_value(t, c, i, arm);
	return nr;
}

int table_level(const struct table *t, enum column c, unsigned int arm, double alpha, struct interval *ret)
{
	double v[STAT_MAX_N];
	unsigned int nr = values(t, c, arm, v);

	return stat_hodges_lehmann(v, nr, alpha, ret) ? -ENODATA : 0;
}

double table_median(const struct table *t, enum column c, unsigned int arm)
{
	double v[STAT_MAX_N];
	unsigned int nr = values(t, c, arm, v);

	return nr ? stat_median(v, nr) : NAN;
}

double table_difference(const struct table *t, enum column c, unsigned int arm, unsigned int off)
{
	struct interval r = { 0 };
	double d[STAT_MAX_N];

	for (unsigned int i = 0; i < t->nr_rounds && i < STAT_MAX_N; i++)
		d[i] = table_value(t, c, i, arm) - table_value(t, c, i, off);
	stat_hodges_lehmann(d, t->nr_rounds, SINGLE_LOOK_ALPHA, &r);
	return r.estimate;
}

static double pct_of_ln(double y)
{
	return isinf(y) ? y : 100 * expm1(y);
}

int table_more_pct(const struct table *t, enum column c, unsigned int arm, unsigned int off, double alpha,
		   struct interval *ret)
{
	double d[STAT_MAX_N];
	struct interval r;
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->nr_rounds && n < STAT_MAX_N; i++) {
		double y = table_value(t, c, i, arm), base = table_value(t, c, i, off);

		if (y > 0 && base > 0)
			d[n++] = log(y / base);
	}
	if (stat_hodges_lehmann(d, n, alpha, &r))
		return -ENODATA;
	*ret = (struct interval){ pct_of_ln(r.estimate), pct_of_ln(r.lower), pct_of_ln(r.upper) };
	return 0;
}

double table_kind(const struct table *t, enum core_kind k, unsigned int arm, int core)
{
	double sum = 0;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < t->nr_rounds; i++) {
		size_t at = (size_t)i * t->nr_arms + arm;

		for (unsigned int c = 0; c < t->nr_cores; c++) {
			double v = t->kind_pct[(at * t->nr_cores + c) * KIND_NR + k];

			if (isnan(v) || (core >= 0 && (unsigned int)core != c))
				continue;
			sum += v;
			nr++;
		}
	}
	return nr ? sum / nr : NAN;
}

double table_busy(const struct table *t, unsigned int arm, int core)
{
	double sum = 0;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < t->nr_rounds; i++)
		for (unsigned int c = 0; c < t->nr_cores; c++) {
			if (isnan(table_value(t, COLUMN_NS_PER_IO, i, arm)) || (core >= 0 && (unsigned int)core != c))
				continue;
			sum += t->core_pct[((size_t)i * t->nr_arms + arm) * t->nr_cores + c];
			nr++;
		}
	return nr ? sum / nr : NAN;
}

void table_free(struct table *t)
{
	free(t->response);
	free(t->core_id);
	free(t->core_pct);
	free(t->kind_pct);
	free(t->latency);
	for (int c = 0; c < COLUMN_NR; c++)
		free(t->column[c]);
	*t = (struct table){ 0 };
}
