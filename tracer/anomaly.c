/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "anomaly.h"

#include <stdlib.h>
#include <string.h>

/* ---- history ---- */

void anomaly_history_add(struct anomaly_history *h, u64 p99_ns)
{
	h->p99_ns[h->next] = p99_ns;
	h->next = (h->next + 1) % ANOMALY_HISTORY;
	if (h->nr < ANOMALY_HISTORY)
		h->nr++;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

u64 anomaly_history_median(const struct anomaly_history *h)
{
	u64 sorted[ANOMALY_HISTORY];

	if (!h->nr)
		return 0;
	memcpy(sorted, h->p99_ns, h->nr * sizeof(*sorted));
	qsort(sorted, h->nr, sizeof(*sorted), by_value);
	return sorted[h->nr / 2];
}

/* ---- making one ---- */

#define LIMIT(l, which) ((l)->v[LIMIT_##which])

static void begin(struct anomaly *a, enum anomaly_tag tag, enum anomaly_subject subject, const char *name)
{
	*a = (struct anomaly){ .tag = tag, .subject = subject };
	snprintf(a->name, sizeof(a->name), "%s", name ? name : "?");
}

static void say(struct anomaly *a, const char *name, double v)
{
	a->values[a->nr_values++] = (struct anomaly_value){ name, v };
}

static void about_process(struct anomaly *a, enum anomaly_tag tag, const struct anomaly_process *p)
{
	begin(a, tag, SUBJECT_PROCESS, p->comm);
	a->pid = p->pid;
}

static void about_device(struct anomaly *a, enum anomaly_tag tag, const struct anomaly_device *d)
{
	begin(a, tag, SUBJECT_DEVICE, d->name);
	a->dev = d->dev;
}

static double mean(u64 sum, u64 n)
{
	return n ? (double)sum / (double)n : 0;
}

/* All classes as one. */
static struct who_stats all_of(const struct anomaly_process *p)
{
	struct who_stats s = { 0 };

	for (int c = 0; c < NR_WHO_CLASSES; c++) {
		s.count += p->s[c].count;
		s.sum_ns += p->s[c].sum_ns;
		for (int i = 0; i < NR_WHO_LATS; i++)
			s.lat[i] += p->s[c].lat[i];
		if (p->s[c].max_ns > s.max_ns)
			s.max_ns = p->s[c].max_ns;
	}
	return s;
}

/* ---- processes ---- */

bool anomaly_high_latency(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret)
{
	struct who_stats s = all_of(p);

	if (!s.count || (double)p->max_at_least_ns < LIMIT(l, HIGH_LATENCY_latency))
		return false;
	about_process(ret, ANOMALY_HIGH_LATENCY, p);
	say(ret, "max_ns", (double)p->max_at_least_ns);
	say(ret, "mean_ns", mean(s.sum_ns, s.count));
	say(ret, "ios", (double)s.count);
	return true;
}

bool anomaly_outsized_io(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret)
{
	u64 n = 0, bytes = 0;

	if ((double)p->max_at_least_bytes <= LIMIT(l, OUTSIZED_IO_size))
		return false;
	for (int c = WHO_READ; c <= WHO_WRITE; c++) {
		n += p->s[c].count;
		bytes += p->s[c].bytes;
	}
	about_process(ret, ANOMALY_OUTSIZED_IO, p);
	say(ret, "max_bytes", (double)p->max_at_least_bytes);
	say(ret, "mean_bytes", mean(bytes, n));
	say(ret, "ios", (double)n);
	return true;
}

bool anomaly_latency_spike(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret)
{
	struct who_stats s = all_of(p);
	u64 now = who_percentile(&s, 99), used_to = anomaly_history_median(p->history);

	if ((double)s.count < LIMIT(l, LATENCY_SPIKE_min_ios) ||
	    p->history->nr < (u32)LIMIT(l, LATENCY_SPIKE_windows))
		return false;
	if ((double)now < LIMIT(l, LATENCY_SPIKE_floor) ||
	    (double)now < LIMIT(l, LATENCY_SPIKE_factor) * (double)used_to)
		return false;
	about_process(ret, ANOMALY_LATENCY_SPIKE, p);
	say(ret, "p99_below_ns", (double)now);
	say(ret, "used_to_ns", (double)used_to);
	say(ret, "windows", p->history->nr);
	say(ret, "ios", (double)s.count);
	return true;
}

bool anomaly_device_switching(const struct anomaly_limits *l, const struct anomaly_process *p, struct anomaly *ret)
{
	double share = mean(p->switches, p->bios);

	if ((double)p->bios < LIMIT(l, DEVICE_SWITCHING_min_ios) || share < LIMIT(l, DEVICE_SWITCHING_share))
		return false;
	about_process(ret, ANOMALY_DEVICE_SWITCHING, p);
	say(ret, "switch_share", share);
	say(ret, "switches", (double)p->switches);
	say(ret, "bios", (double)p->bios);
	return true;
}

/* ---- devices ---- */

/* Requests that were allocated, on average over the window (Little). */
static double mean_depth(const struct anomaly_device *d)
{
	return d->window_ns && d->total_ns > d->q2g_ns ? (double)(d->total_ns - d->q2g_ns) / (double)d->window_ns : 0;
}

bool anomaly_tag_starved(const struct anomaly_limits *l, const struct anomaly_device *d, struct anomaly *ret)
{
	double wait = mean(d->q2g_ns, d->count), share = mean(d->q2g_ns, d->total_ns), depth = mean_depth(d);

	if ((double)d->count < LIMIT(l, TAG_STARVED_min_ios) || wait < LIMIT(l, TAG_STARVED_wait) ||
	    share < LIMIT(l, TAG_STARVED_share))
		return false;
	/* else they wait for something else: a throttle */
	if (!d->tags || depth < LIMIT(l, TAG_STARVED_depth) * (double)d->tags)
		return false;
	about_device(ret, ANOMALY_TAG_STARVED, d);
	say(ret, "mean_wait_ns", wait);
	say(ret, "wait_share", share);
	say(ret, "mean_in_flight", depth);
	say(ret, "tags", (double)d->tags);
	say(ret, "requests", (double)d->count);
	return true;
}

bool anomaly_queue_bound(const struct anomaly_limits *l, const struct anomaly_device *d, struct anomaly *ret)
{
	u64 waited = d->q2g_ns + d->g2i_ns + d->i2d_ns;
	double wait = mean(waited, d->count), share = mean(waited, d->total_ns);
	struct anomaly more;

	if ((double)d->count < LIMIT(l, QUEUE_BOUND_min_ios) || wait < LIMIT(l, QUEUE_BOUND_wait) ||
	    share < LIMIT(l, QUEUE_BOUND_share))
		return false;
	/* which says more */
	if (anomaly_tag_starved(l, d, &more))
		return false;
	about_device(ret, ANOMALY_QUEUE_BOUND, d);
	say(ret, "mean_wait_ns", wait);
	say(ret, "wait_share", share);
	say(ret, "mean_q2g_ns", mean(d->q2g_ns, d->count));
	say(ret, "mean_g2i_ns", mean(d->g2i_ns, d->count));
	say(ret, "mean_i2d_ns", mean(d->i2d_ns, d->count));
	say(ret, "requests", (double)d->count);
	return true;
}

bool anomaly_flush_serialised(const struct anomaly_limits *l, const struct anomaly_device *d, struct anomaly *ret)
{
	double wait = mean(d->flush_ns, d->flushes), command = mean(d->flush_command_ns, d->flush_commands);

	if ((double)d->flushes < LIMIT(l, FLUSH_SERIALISED_min_ios) || command <= 0 ||
	    wait < LIMIT(l, FLUSH_SERIALISED_factor) * command)
		return false;
	about_device(ret, ANOMALY_FLUSH_SERIALISED, d);
	say(ret, "mean_flush_ns", wait);
	say(ret, "mean_command_ns", command);
	say(ret, "wait_factor", wait / command);
	say(ret, "flushes", (double)d->flushes);
	say(ret, "commands", (double)d->flush_commands);
	return true;
}

bool anomaly_device_imbalance(const struct anomaly_limits *l, const struct anomaly_device *d, size_t nr,
			      struct anomaly *ret)
{
	size_t busiest = 0;
	double all = 0, others;

	for (size_t i = 0; i < nr; i++) {
		all += (double)d[i].count;
		if (d[i].count > d[busiest].count)
			busiest = i;
	}
	if (nr < 2 || all < LIMIT(l, DEVICE_IMBALANCE_min_ios))
		return false;
	others = (all - (double)d[busiest].count) / (double)(nr - 1);
	if ((double)d[busiest].count < LIMIT(l, DEVICE_IMBALANCE_factor) * others)
		return false;
	about_device(ret, ANOMALY_DEVICE_IMBALANCE, &d[busiest]);
	say(ret, "requests", (double)d[busiest].count);
	say(ret, "mean_of_others", others);
	say(ret, "request_share", (double)d[busiest].count / all);
	say(ret, "devices", (double)nr);
	return true;
}

bool anomaly_writeback_throttled(const struct anomaly_limits *l, const struct anomaly_system *s, struct anomaly *ret)
{
	double share = mean(s->throttle_ns, s->write_ns);

	if ((double)s->throttle_ns < LIMIT(l, WRITEBACK_THROTTLED_time) || share < LIMIT(l, WRITEBACK_THROTTLED_share))
		return false;
	begin(ret, ANOMALY_WRITEBACK_THROTTLED, SUBJECT_SYSTEM, "system");
	say(ret, "throttled_ns", (double)s->throttle_ns);
	say(ret, "throttled_share", share);
	say(ret, "writes", (double)s->writes);
	return true;
}
