/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

/* The two clocks of a core disagree by more than this: do not trust the fine one. */
#define DISAGREE_NS (50 * NS_PER_MS)

int cpu_parse_stat(const char *text, uint64_t tick_ns, struct cpu_snapshot *s)
{
	unsigned int nr = 0;

	for (const char *p = text; (p = strstr(p, "\ncpu")); p++) {
		unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
		struct cpu_core *bigger;
		unsigned int id;

		if (sscanf(p, "\ncpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &id, &user, &nice,
			   &system, &idle, &iowait, &irq, &softirq, &steal) != 9)
			return -EPROTO;
		bigger = realloc(s->core, (nr + 1) * sizeof(*s->core));
		if (!bigger)
			return -ENOMEM;
		s->core = bigger;
		s->core[nr++] = (struct cpu_core){
			.id = id,
			.user_ns = (user + nice) * tick_ns,
			.system_ns = system * tick_ns,
			.irq_ns = irq * tick_ns,
			.softirq_ns = softirq * tick_ns,
			.idle_ns = idle * tick_ns,
			.iowait_ns = iowait * tick_ns,
			.steal_ns = steal * tick_ns,
		};
	}
	s->nr = nr;
	return nr ? 0 : -EPROTO;
}

struct tick_sched {
	unsigned long long entry, idle, iowait, stopped;
	unsigned int have;
};

static struct cpu_core *core_by_id(struct cpu_snapshot *s, unsigned int id)
{
	for (unsigned int i = 0; i < s->nr; i++)
		if (s->core[i].id == id)
			return &s->core[i];
	return NULL;
}

/*
 * A core whose tick is stopped is idle now, and has been since idle_entrytime:
 * that stretch is not in idle_sleeptime yet.
 */
static bool finish_core(struct cpu_snapshot *s, unsigned int id, const struct tick_sched *t)
{
	struct cpu_core *c = core_by_id(s, id);

	if (t->have != 0xf)
		return false;
	if (!c)
		return true;
	c->idle_exact_ns = t->idle + t->iowait;
	if (t->stopped && t->entry < s->exact_when_ns)
		c->idle_exact_ns += s->exact_when_ns - t->entry;
	return true;
}

int cpu_parse_timer_list(const char *text, struct cpu_snapshot *s)
{
	const char *p = strstr(text, "now at ");
	unsigned long long now;
	unsigned int nr = 0;

	if (!p || sscanf(p, "now at %llu nsecs", &now) != 1)
		return -EPROTO;
	s->exact_when_ns = now;
	for (p = strstr(p, "\ncpu: "); p; nr++) {
		const char *next = strstr(p + 1, "\ncpu: ");
		struct tick_sched t = { 0 };
		unsigned int id;

		if (sscanf(p, "\ncpu: %u", &id) != 1)
			return -EPROTO;
		for (const char *l = p; (l = strstr(l, "\n  .")) && (!next || l < next); l++) {
			t.have |= sscanf(l, "\n  .tick_stopped : %llu", &t.stopped) == 1 ? 1 : 0;
			t.have |= sscanf(l, "\n  .idle_entrytime : %llu", &t.entry) == 1 ? 2 : 0;
			t.have |= sscanf(l, "\n  .idle_sleeptime : %llu", &t.idle) == 1 ? 4 : 0;
			t.have |= sscanf(l, "\n  .iowait_sleeptime: %llu", &t.iowait) == 1 ? 8 : 0;
		}
		if (!finish_core(s, id, &t))
			return -EPROTO;
		p = next;
	}
	s->exact = nr >= s->nr;
	return s->exact ? 0 : -EPROTO;
}

int cpu_snapshot_take(struct cpu_snapshot *ret)
{
	_cleanup_free_ char *stat = NULL, *timers = NULL;
	struct cpu_snapshot s = { 0 };
	struct timespec wall;
	int err;

	clock_gettime(CLOCK_REALTIME, &wall);
	s.when_ns = now_ns();
	s.wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / NS_PER_MS;
	err = file_read("/proc/stat", &stat);
	if (!err)
		err = cpu_parse_stat(stat, NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK), &s);
	if (err) {
		cpu_snapshot_free(&s);
		return err;
	}
	if (file_read("/proc/timer_list", &timers) || cpu_parse_timer_list(timers, &s))
		s.exact = false;
	*ret = s;
	return 0;
}

void cpu_snapshot_free(struct cpu_snapshot *s)
{
	free(s->core);
	*s = (struct cpu_snapshot){ 0 };
}

/* A counter of /proc/stat may step back when a core sleeps. */
static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static bool fine_clock_agrees(const struct cpu_snapshot *from, const struct cpu_snapshot *to)
{
	if (!from->exact || !to->exact)
		return false;
	for (unsigned int i = 0; i < from->nr; i++) {
		uint64_t coarse = grown(from->core[i].idle_ns, to->core[i].idle_ns) +
				  grown(from->core[i].iowait_ns, to->core[i].iowait_ns);
		uint64_t fine = grown(from->core[i].idle_exact_ns, to->core[i].idle_exact_ns);

		if (grown(coarse, fine) > DISAGREE_NS || grown(fine, coarse) > DISAGREE_NS)
			return false;
	}
	return true;
}

static void core_usage(const struct cpu_core *a, const struct cpu_core *b, uint64_t window,
		       bool exact, struct cpu_usage_core *u)
{
	uint64_t idle;

	*u = (struct cpu_usage_core){
		.id = a->id,
		.user_ns = grown(a->user_ns, b->user_ns),
		.system_ns = grown(a->system_ns, b->system_ns),
		.irq_ns = grown(a->irq_ns, b->irq_ns),
		.softirq_ns = grown(a->softirq_ns, b->softirq_ns),
		.idle_ns = grown(a->idle_ns, b->idle_ns),
		.iowait_ns = grown(a->iowait_ns, b->iowait_ns),
		.steal_ns = grown(a->steal_ns, b->steal_ns),
	};
	idle = exact ? grown(a->idle_exact_ns, b->idle_exact_ns) : u->idle_ns + u->iowait_ns;
	u->busy_ns = grown(idle, window);
}

/* The share of the busy time that ticks found in the kernel. */
static double system_ns(const struct cpu_usage_core *u)
{
	double kernel = (double)(u->system_ns + u->irq_ns + u->softirq_ns);
	double all = kernel + (double)(u->user_ns + u->steal_ns);

	return all > 0 ? (double)u->busy_ns * kernel / all : 0;
}

int cpu_usage_between(const struct cpu_snapshot *from, const struct cpu_snapshot *to,
		      struct cpu_usage *ret)
{
	struct cpu_usage u = { .exact = fine_clock_agrees(from, to), .nr = from->nr };
	double kernel = 0;

	if (from->nr != to->nr)
		return -ESTALE;
	u.window_ns = u.exact ? grown(from->exact_when_ns, to->exact_when_ns) :
				grown(from->when_ns, to->when_ns);
	u.core = calloc(u.nr, sizeof(*u.core));
	if (!u.core)
		return -ENOMEM;
	for (unsigned int i = 0; i < u.nr; i++) {
		if (from->core[i].id != to->core[i].id) {
			cpu_usage_free(&u);
			return -ESTALE;
		}
		core_usage(&from->core[i], &to->core[i], u.window_ns, u.exact, &u.core[i]);
		u.busy_ns += u.core[i].busy_ns;
		u.steal_ns += u.core[i].steal_ns;
		kernel += system_ns(&u.core[i]);
	}
	u.system_pct = u.window_ns ? 100 * kernel / (double)u.window_ns / u.nr : 0;
	*ret = u;
	return 0;
}

void cpu_usage_free(struct cpu_usage *u)
{
	free(u->core);
	*u = (struct cpu_usage){ 0 };
}

json_t *cpu_usage_json(const struct cpu_usage *u)
{
	json_t *cores = json_array();

	for (unsigned int i = 0; i < u->nr; i++) {
		const struct cpu_usage_core *c = &u->core[i];

		json_array_append_new(
			cores,
			json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cpu", (int)c->id,
				  "busy_ns", (json_int_t)c->busy_ns, "user_ns",
				  (json_int_t)c->user_ns, "system_ns", (json_int_t)c->system_ns,
				  "irq_ns", (json_int_t)c->irq_ns, "softirq_ns",
				  (json_int_t)c->softirq_ns, "idle_ns", (json_int_t)c->idle_ns,
				  "iowait_ns", (json_int_t)c->iowait_ns, "steal_ns",
				  (json_int_t)c->steal_ns));
	}
	return json_pack("{s:s, s:I, s:I, s:I, s:f, s:o}", "busy_source",
			 u->exact ? "timer_list" : "stat", "window_ns", (json_int_t)u->window_ns,
			 "busy_ns", (json_int_t)u->busy_ns, "steal_ns", (json_int_t)u->steal_ns,
			 "system_pct", u->system_pct, "cores", cores);
}

int cpu_busy_now(uint64_t ns, double *ret_pct, double *ret_steal_pct)
{
	struct cpu_snapshot a = { 0 }, b = { 0 };
	struct cpu_usage u = { 0 };
	int err = cpu_snapshot_take(&a);

	if (!err)
		err = sleep_until(now_ns() + ns);
	if (!err)
		err = cpu_snapshot_take(&b);
	if (!err)
		err = cpu_usage_between(&a, &b, &u);
	if (!err) {
		*ret_pct = 100. * (double)u.busy_ns / (double)u.window_ns / u.nr;
		*ret_steal_pct = 100. * (double)u.steal_ns / (double)u.window_ns / u.nr;
	}
	cpu_snapshot_free(&a);
	cpu_snapshot_free(&b);
	cpu_usage_free(&u);
	return err;
}
