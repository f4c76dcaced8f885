/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "stacks-map.h"
#include "trace.h"
#include "tracer/base/cleanup.h"
#include "view-anomaly.h"
#include "who-map.h"

u64 trace_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static u64 tv_ns(struct timeval tv)
{
	return (u64)tv.tv_sec * 1000000000ull + (u64)tv.tv_usec * 1000;
}

u64 trace_cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return tv_ns(u.ru_utime) + tv_ns(u.ru_stime);
}

static u64 own_rss_bytes(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long size, rss;

	if (!f || fscanf(f, "%llu %llu", &size, &rss) != 2)
		return 0;
	return rss * (u64)sysconf(_SC_PAGESIZE);
}

void trace_note_write(struct trace *t, int err)
{
	if (err && !t->write_error)
		t->write_error = err;
}

static void on_anomaly(const struct anomaly *a, void *ctx)
{
	struct trace *t = ctx;

	if (t->write_error)
		return;
	trace_note_write(t, t->cfg.json ? view_json_anomaly(t->out, a, &t->anomalies.limits) :
				    view_text_anomaly(t->out, a, &t->anomalies.limits));
}

static struct report make_report(struct trace *t, const char *type, u64 start_ns, u64 end_ns)
{
	u64 requests = 0, operations = 0;
	struct session_cost c;
	struct report r = {
		.type = type,
		.tier = t->cfg.tier,
		.measured = t->plan.stages,
		.start_ns = start_ns,
		.window_ns = end_ns - start_ns,
		.stats = &t->view,
		.session = t->session,
		.watched = &t->watched,
		.min_lat_ns = t->cfg.min_lat_ns,
		.program_stats = t->cfg.stats,
		.floor = t->cfg.floor,
		.governor = t->cfg.budget ? &t->budget.g : NULL,
		.who = { .who = &t->who,
			 .dims = t->who_opts.shown,
			 .interval = !strcmp(type, "interval"),
			 .operations = t->cfg.tier >= TIER_VFS,
			 .window_ns = end_ns - start_ns },
	};

	session_cost(t->session, &c);
	trace_note_write(t, session_in_flight(t->session, &requests, &operations));
	coverage_from(&t->now, requests, operations, t->in_flight_at_start, c.recursion_misses, &r.coverage);
	r.who.doubtful = r.coverage.doubtful;
	r.resched = resched_from(&t->now);
	r.cost = (struct cost){ .user_cpu_ns = trace_cpu_ns() - t->cpu_at_start_ns,
				.window_ns = end_ns - t->start_ns,
				.maps_bytes = c.maps_bytes,
				.rss_bytes = own_rss_bytes() };
	return r;
}

static int put_report(struct trace *t, const struct report *r)
{
	return t->cfg.json ? view_json_report(t->out, r) : view_text_report(t->out, r);
}

int trace_read_all(struct trace *t, u64 now, bool last)
{
	int err = session_read(t->session, &t->now);

	t->who_ns = now;
	if (!err && trace_keeps_who(t))
		err = who_map_read(t->session, &t->who, now);
	if (err || !t->anomalies.window_ns || (!last && now < t->anomalies.begin_ns + t->anomalies.window_ns))
		return err;
	return anomalies_judge(&t->anomalies, &t->now, &t->who, now, on_anomaly, t);
}

int trace_report_interval(struct trace *t, u64 end_ns)
{
	struct report r;
	struct view_top top;
	int err = trace_read_all(t, end_ns, false);

	if (!err)
		err = stats_since(&t->view, &t->now, &t->before);
	if (err)
		return err;
	top = trace_records_tell_top(&t->records, t->session);
	trace_note_write(t, t->records.err);
	r = make_report(t, "interval", t->interval_start_ns, end_ns);
	r.top = top;
	trace_note_write(t, put_report(t, &r));
	t->interval_start_ns = end_ns;
	who_begin_interval(&t->who);
	return stats_since(&t->before, &t->now, NULL);
}

int trace_report_summary(struct trace *t, u64 end_ns)
{
	struct report r;
	struct view_top top;
	int err = trace_read_all(t, end_ns, true);

	if (!err)
		err = stats_since(&t->view, &t->now, NULL);
	if (err)
		return err;
	top = trace_records_tell_top(&t->records, t->session);
	trace_note_write(t, t->records.err);
	r = make_report(t, "summary", t->start_ns, end_ns);
	r.top = top;
	r.anomalies = t->anomalies.window_ns ? t->anomalies.seen : NULL;
	if (t->cfg.trace_stacks) {
		err = stacks_map_read(t->session, &t->stacks);
		if (err)
			return err;
		r.stacks = &t->stacks;
	}
	trace_note_write(t, put_report(t, &r));
	if (t->folded)
		t->folded_error = stacks_folded(&t->stacks, t->folded, t->cfg.folded_by);
	return 0;
}
