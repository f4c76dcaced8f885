/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "anomalies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "disk-tree.h"
#include "tracer/base/cleanup.h"

/* Of a process, from window to window: who_row.data. */
struct past {
	struct who_stats base[NR_WHO_LEVELS][NR_WHO_CLASSES];
	u64 switches;
	struct anomaly_history history;
};

struct teller {
	struct anomalies *a;
	u64 now_ns;
	anomaly_fn fn;
	void *ctx;
};

static void tell(struct teller *t, struct anomaly *found)
{
	if (t->a->limits.off[found->tag])
		return;
	found->start_ns = t->a->begin_ns;
	found->window_ns = t->now_ns - t->a->begin_ns;
	t->a->seen[found->tag]++;
	t->fn(found, t->ctx);
}

/* ---- processes ---- */

static const anomaly_process_fn process_rules[] = {
	anomaly_high_latency,
	anomaly_outsized_io,
	anomaly_latency_spike,
	anomaly_device_switching,
};

static u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static void gather_process(const struct who_row *r, const struct past *past, bool operations,
			   struct anomaly_process *ret)
{
	int level = operations ? WHO_OPS : WHO_BIOS;

	*ret = (struct anomaly_process){ .pid = r->key.sub,
					 .comm = r->name,
					 .switches = r->switches - past->switches,
					 .history = &past->history };
	for (int c = 0; c < NR_WHO_CLASSES; c++) {
		const struct who_stats *now = &r->s[level][c], *base = &past->base[level][c];

		who_since(&ret->s[c], now, base);
		ret->max_at_least_ns = max_u64(ret->max_at_least_ns, who_max_at_least(now, base));
		ret->max_at_least_bytes = max_u64(ret->max_at_least_bytes, who_size_at_least(now, base));
		ret->bios += r->s[WHO_BIOS][c].count - past->base[WHO_BIOS][c].count;
	}
}

/* What the process is used to includes this window from now on. */
static void remember(struct past *past, const struct who_row *r, const struct anomaly_process *p)
{
	struct who_stats all = { 0 };

	for (int c = 0; c < NR_WHO_CLASSES; c++) {
		all.count += p->s[c].count;
		all.max_ns = max_u64(all.max_ns, p->s[c].max_ns);
		for (int i = 0; i < NR_WHO_LATS; i++)
			all.lat[i] += p->s[c].lat[i];
	}
	if (all.count)
		anomaly_history_add(&past->history, who_percentile(&all, 99));
	memcpy(past->base, r->s, sizeof(past->base));
	past->switches = r->switches;
}

static int judge_processes(struct teller *t, struct who *who)
{
	for (size_t i = 0; i < who->nr; i++) {
		struct who_row *r = who->rows[i];
		struct anomaly_process p;
		struct anomaly found;

		if (r->key.dim != WHO_PROCESS || !r->key.id)
			continue;
		if (!r->data)
			r->data = calloc(1, sizeof(struct past));
		if (!r->data)
			return -ENOMEM;
		gather_process(r, r->data, t->a->operations, &p);
		for (size_t k = 0; k < ARRAY_SIZE(process_rules); k++)
			if (process_rules[k](&t->a->limits, &p, &found))
				tell(t, &found);
		remember(r->data, r, &p);
	}
	return 0;
}

/* ---- devices ---- */

static const anomaly_device_fn device_rules[] = {
	anomaly_tag_starved,
	anomaly_queue_bound,
	anomaly_flush_serialised,
};

struct device {
	struct anomaly_device d;
	char name[DISK_NAME_LEN];
};

static void add_row(struct anomaly_device *d, const struct stats_row *r)
{
	const struct hist *total = stats_stage(r, true, STAGE_TOTAL);

	switch (r->id.op) {
	case BOP_FLUSH_COMMAND:
		d->flush_commands += r->c.count;
		d->flush_command_ns += total->sum_ns;
		return;
	case BOP_FLUSH:
		d->flushes += r->c.count;
		d->flush_ns += total->sum_ns;
	}
	d->count += r->c.count;
	d->total_ns += total->sum_ns;
	d->q2g_ns += stats_stage(r, true, STAGE_Q2G)->sum_ns;
	d->g2i_ns += stats_stage(r, true, STAGE_G2I)->sum_ns;
	d->i2d_ns += stats_stage(r, true, STAGE_I2D)->sum_ns;
}

static struct device *device_of(struct device *list, size_t *nr, u32 dev, u64 window_ns)
{
	struct device *d;

	for (size_t i = 0; i < *nr; i++)
		if (list[i].d.dev == dev)
			return &list[i];
	d = &list[(*nr)++];
	*d = (struct device){ .d = { .dev = dev, .window_ns = window_ns } };
	disk_name(dev, d->name);
	d->d.name = d->name;
	return d;
}

static size_t gather_devices(const struct stats *st, u64 window_ns, struct device *list)
{
	size_t nr = 0;

	for (u32 i = 0; i < NR_BLOCK_ROWS; i++)
		if (st->rows[i] && st->rows[i]->id.dev)
			add_row(&device_of(list, &nr, st->rows[i]->id.dev, window_ns)->d, st->rows[i]);
	for (size_t i = 0; i < nr; i++)
		list[i].d.tags = list[i].d.count ? disk_requests(list[i].d.dev) : 0;
	return nr;
}

/* Those of @devs that have counted something, or nothing at all. */
static size_t pick(struct device *list, size_t *nr, const u32 *devs, u32 nr_devs, u64 window_ns,
		   struct anomaly_device *ret)
{
	for (u32 i = 0; i < nr_devs; i++)
		ret[i] = device_of(list, nr, devs[i], window_ns)->d;
	return nr_devs;
}

#define MAX_TOGETHER 16

/* Devices below one that is made of several (dm, md), or those that --dev names. */
static void judge_balance(struct teller *t, struct device *list, size_t nr, u64 window_ns)
{
	struct anomaly_device together[MAX_TOGETHER];
	struct anomaly found;
	size_t known = nr;
	u32 below[MAX_TOGETHER];

	if (t->a->nr_devs > 1) {
		size_t n = pick(list, &known, t->a->devs, t->a->nr_devs, window_ns, together);

		if (anomaly_device_imbalance(&t->a->limits, together, n, &found))
			tell(t, &found);
	}
	for (size_t i = 0; i < nr; i++) {
		u32 n = 0;

		if (!list[i].d.count || disk_below("/sys", list[i].d.dev, below, MAX_TOGETHER, &n) || n < 2)
			continue;
		known = nr;
		n = (u32)pick(list, &known, below, n, window_ns, together);
		if (anomaly_device_imbalance(&t->a->limits, together, n, &found))
			tell(t, &found);
	}
}

static int judge_devices(struct teller *t, const struct stats *since)
{
	u64 window_ns = t->now_ns - t->a->begin_ns;
	_cleanup_free_ struct device *list = calloc(NR_BLOCK_ROWS + MAX_TOGETHER, sizeof(*list));
	struct anomaly found;
	size_t nr;

	if (!list)
		return -ENOMEM;
	nr = gather_devices(since, window_ns, list);
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < ARRAY_SIZE(device_rules); k++)
			if (device_rules[k](&t->a->limits, &list[i].d, &found))
				tell(t, &found);
	judge_balance(t, list, nr, window_ns);
	return 0;
}

/* ---- the machine ---- */

static void judge_system(struct teller *t, const struct stats *since)
{
	struct anomaly_system s = { 0 };
	struct anomaly found;

	for (u32 i = 0; i < NR_OP_ROWS; i++) {
		const struct stats_row *r = since->rows[NR_BLOCK_ROWS + i];

		if (!r || op_rows[i].kind != KIND_WRITE)
			continue;
		s.writes += r->c.count;
		s.write_ns += r->h[STAGE_TOTAL].sum_ns;
		s.throttle_ns += r->h[STAGE_THROTTLE].sum_ns;
	}
	if (anomaly_writeback_throttled(&t->a->limits, &s, &found))
		tell(t, &found);
}

int anomalies_judge(struct anomalies *a, const struct stats *now, struct who *who, u64 now_ns, anomaly_fn fn,
		    void *ctx)
{
	struct teller t = { a, now_ns, fn, ctx };
	int err = stats_since(&a->since, now, &a->base);

	if (!err)
		err = judge_processes(&t, who);
	if (!err)
		err = judge_devices(&t, &a->since);
	if (err)
		return err;
	judge_system(&t, &a->since);
	a->begin_ns = now_ns;
	return stats_since(&a->base, now, NULL);
}

void anomalies_free(struct anomalies *a)
{
	stats_free(&a->base);
	stats_free(&a->since);
}
