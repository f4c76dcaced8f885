/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view-json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cgroup.h"
#include "disk.h"
#include "disk-info.h"
#include "task-info.h"
#include "view.h"
#include "view-anomaly.h"
#include "view-stacks.h"

/* jansson's integers are signed; a counter does not get there. */
json_t *num(u64 v)
{
	return json_integer((json_int_t)v);
}

void set_num(json_t *o, const char *key, u64 v)
{
	json_object_set_new(o, key, num(v));
}

json_t *name_json(const char *s)
{
	/* a comm or file name need not be UTF-8 */
	json_t *j = json_string(s);
	char clean[4096];
	size_t i;

	if (j)
		return j;
	for (i = 0; s[i] && i < sizeof(clean) - 1; i++)
		clean[i] = (unsigned char)s[i] < 0x80 ? s[i] : '?';
	clean[i] = '\0';
	return json_string(clean);
}

json_t *name_or_null(const char *s)
{
	return s && *s ? name_json(s) : json_null();
}

int put_line(FILE *out, json_t *o)
{
	_cleanup_free_ char *text = json_dumps(o, JSON_COMPACT);

	if (!text)
		return -ENOMEM;
	errno = 0;
	if (fputs(text, out) == EOF || fputc('\n', out) == EOF || fflush(out))
		return errno ? -errno : -EIO;
	return 0;
}

static json_t *hist_json(const struct hist *h)
{
	json_t *o = json_object();
	bool any = h->count;

	set_num(o, "count", h->count);
	set_num(o, "sum_ns", h->sum_ns);
	json_object_set_new(o, "mean_ns", any ? num(hist_mean(h)) : json_null());
	json_object_set_new(o, "p50_ns", any ? num(hist_percentile(h, 50)) : json_null());
	json_object_set_new(o, "p99_ns", any ? num(hist_percentile(h, 99)) : json_null());
	json_object_set_new(o, "p999_ns", any ? num(hist_percentile(h, 99.9)) : json_null());
	json_object_set_new(o, "max_ns", any ? num(h->max_ns) : json_null());
	return o;
}

static json_t *stages_json(const struct report *rep, const struct stats_row *r, bool block)
{
	json_t *o = json_object();

	for (int s = 0; s <= STAGE_TOTAL; s++) {
		const struct hist *h = stats_stage(r, block, s);

		if (!h || (s < NR_STAGES && stage_tiers[s] > rep->tier))
			continue;
		json_object_set_new(o, stage_names[s],
				    s == STAGE_TOTAL || rep->measured & 1u << s ? hist_json(h) :
										  json_null());
	}
	return o;
}

/* Those that there were; what is none of the numbers told apart has neither number nor name. */
static json_t *by_status_json(const struct iop_row *c)
{
	json_t *list = json_array();

	for (int i = 0; i < NR_STATUSES; i++) {
		json_t *o;

		if (!c->by_status[i])
			continue;
		o = json_object();
		json_object_set_new(o, "status", i ? num((u64)i) : json_null());
		json_object_set_new(o, "error", name_or_null(i ? disk_status_text(i) : NULL));
		set_num(o, "count", c->by_status[i]);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *block_op_json(const struct report *rep, const struct stats_row *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "op", json_string(bop_names[r->id.op]));
	set_num(o, "count", r->c.count);
	set_num(o, "bytes", r->c.bytes);
	set_num(o, "errors", r->c.errors);
	json_object_set_new(o, "errors_by_status", by_status_json(&r->c));
	set_num(o, "merged_bios", r->c.bios);
	set_num(o, "requeues", r->c.requeues);
	json_object_set_new(o, "stages", stages_json(rep, r, true));
	return o;
}

static json_t *devices_json(const struct report *rep)
{
	json_t *list = json_array();
	bool done[NR_BLOCK_ROWS] = { false };

	for (u32 i = 0; i < NR_BLOCK_ROWS; i++) {
		const struct stats_row *first = rep->stats->rows[i];
		char name[DISK_NAME_LEN];
		json_t *dev, *ops;

		if (!first || done[i] || !first->id.dev)
			continue;
		dev = json_object();
		ops = json_array();
		json_object_set_new(dev, "name", json_string(disk_name(first->id.dev, name)));
		json_object_set_new(dev, "dev",
				    json_sprintf("%u:%u", first->id.dev >> 20,
						 first->id.dev & 0xfffff));
		json_object_set_new(dev, "ops", ops);
		for (u32 j = i; j < NR_BLOCK_ROWS; j++) {
			const struct stats_row *r = rep->stats->rows[j];

			if (!r || r->id.dev != first->id.dev)
				continue;
			done[j] = true;
			json_array_append_new(ops, block_op_json(rep, r));
		}
		json_array_append_new(list, dev);
	}
	return list;
}

static json_t *cache_json(const struct iop_row *c)
{
	json_t *o = json_object();

	set_num(o, "hits", c->cache_hits);
	set_num(o, "misses", c->cache_misses);
	set_num(o, "readahead_folios", c->ra_folios);
	set_num(o, "direct", c->direct);
	set_num(o, "folios_used", c->accessed);
	return o;
}

static json_t *operations_json(const struct report *rep)
{
	json_t *list = json_array();

	for (u32 i = NR_BLOCK_ROWS; i < NR_ROWS; i++) {
		const struct stats_row *r = rep->stats->rows[i];
		const struct op_row *op = &op_rows[i - NR_BLOCK_ROWS];
		json_t *o;

		if (!r || !r->c.count)
			continue;
		o = json_object();
		json_object_set_new(o, "kind", json_string(kind_names[op->kind]));
		json_object_set_new(o, "via", json_string(via_names[op->via]));
		set_num(o, "count", r->c.count);
		set_num(o, "bytes", r->c.bytes);
		set_num(o, "errors", r->c.errors);
		json_object_set_new(o, "cache",
				    rep->tier >= TIER_FILEMAP ? cache_json(&r->c) : json_null());
		if (rep->tier >= TIER_FULL) {
			json_t *p = hist_json(&r->h[STAGE_RESCHED]);

			set_num(p, "switches", r->c.resched);
			set_num(p, "calls", r->c.resched_calls);
			json_object_set_new(o, "preempted", p);
		}
		json_object_set_new(o, "stages", stages_json(rep, r, false));
		json_array_append_new(list, o);
	}
	return list;
}

static void set_tally(json_t *o, const struct view_requests *v)
{
	set_num(o, "seen", v->seen);
	set_num(o, "finished", v->finished);
	set_num(o, "in_flight", v->in_flight);
	set_num(o, "too_short", v->too_short);
	json_object_set_new(o, "reconstructed_percent",
			    v->reconstructed_percent < 0 ? json_null() : json_real(v->reconstructed_percent));
}

static json_t *coverage_json(const struct coverage *c)
{
	json_t *o = json_object(), *lost = json_object(), *part;
	const struct view_requests sum = { c->requests.seen + c->operations.seen,
					   c->requests.finished + c->operations.finished,
					   c->requests.in_flight + c->operations.in_flight,
					   c->requests.too_short + c->operations.too_short,
					   c->operations.reconstructed_percent >= 0 ?
						   c->operations.reconstructed_percent :
						   c->requests.reconstructed_percent };

	set_tally(o, &sum);
	part = json_object();
	set_tally(part, &c->requests);
	json_object_set_new(o, "requests", part);
	part = json_object();
	set_tally(part, &c->operations);
	json_object_set_new(o, "operations", part);
	json_object_set_new(o, "percentiles_doubtful", json_boolean(c->doubtful));
	set_num(o, "in_flight_at_start", c->in_flight_at_start);
	set_num(o, "begun_before", c->begun_before);
	set_num(o, "allocated_ahead", c->ahead);
	set_num(o, "task_died", c->gone);
	set_num(o, "untied_bios", c->untied_bios);
	set_num(o, "merged_bios", c->merged_bios);
	set_num(o, "excluded", c->excluded);
	set_num(o, "filtered_bios", c->filtered_bios);
	for (int i = 0; i < NR_LOSSES; i++)
		set_num(lost, loss_names[i], c->lost[i]);
	set_num(lost, "recursion", c->recursion_misses);
	json_object_set_new(o, "lost", lost);
	return o;
}

static json_t *cost_json(const struct report *r)
{
	json_t *o = json_object(), *list;
	struct session_program p;

	set_num(o, "user_cpu_ns", r->cost.user_cpu_ns);
	set_num(o, "window_ns", r->cost.window_ns);
	set_num(o, "maps_bytes", r->cost.maps_bytes);
	set_num(o, "rss_bytes", r->cost.rss_bytes);
	if (!r->program_stats) {
		json_object_set_new(o, "programs", json_null());
		return o;
	}
	list = json_array();
	for (u32 i = 0; !session_program(r->session, i, &p); i++)
		json_array_append_new(list, json_pack("{s:s,s:I,s:I}", "name", p.name, "runs",
						      (json_int_t)p.runs, "run_ns",
						      (json_int_t)p.run_ns));
	json_object_set_new(o, "programs", list);
	return o;
}

static json_t *head(const char *type, enum iop_tier tier)
{
	return json_pack("{s:s,s:i,s:s}", "type", type, "schema", VIEW_SCHEMA, "tier",
			 tier_names[tier]);
}

int view_json_start(FILE *out, const struct report *r, u32 nr_programs)
{
	_cleanup_json_ json_t *o = head("start", r->tier);
	json_t *stages = json_array();

	set_num(o, "start_ns", r->start_ns);
	set_num(o, "programs", nr_programs);
	for (int s = 0; s < NR_STAGES; s++)
		if (stage_tiers[s] <= r->tier && r->measured & 1u << s)
			json_array_append_new(stages, json_string(stage_names[s]));
	json_object_set_new(o, "measured_stages", stages);
	json_object_set_new(o, "floor", json_boolean(r->floor));
	return put_line(out, o);
}

static json_t *watched_json(const struct watch_list *l)
{
	json_t *list = json_array();

	for (u32 i = 0; l && i < l->nr; i++) {
		json_t *o = json_object();
		struct watch_now now;

		watch_look(&l->v[i], &now);
		json_object_set_new(o, "path", name_json(l->v[i].path));
		json_object_set_new(o, "path_now", now.path[0] ? name_json(now.path) : json_null());
		json_object_set_new(o, "replaced", json_boolean(now.replaced));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *top_json(const struct view_top *top)
{
	json_t *o = json_object();

	set_num(o, "asked", top->asked);
	set_num(o, "told", top->told);
	set_num(o, "nothing_else_from_ns", top->nothing_else_from_ns);
	return o;
}

int view_json_report(FILE *out, const struct report *r)
{
	_cleanup_json_ json_t *o = head(r->type, r->tier);

	set_num(o, "start_ns", r->start_ns);
	set_num(o, "window_ns", r->window_ns);
	json_object_set_new(o, "devices", devices_json(r));
	json_object_set_new(o, "operations",
			    r->tier >= TIER_VFS ? operations_json(r) : json_null());
	json_object_set_new(o, "preempted_switches_are",
			    r->tier >= TIER_FULL ? json_string(resched_names[r->resched]) :
						   json_null());
	if (r->who.dims)
		json_object_set_new(o, "by", view_json_who(&r->who));
	if (r->top.asked)
		json_object_set_new(o, "top", top_json(&r->top));
	if (r->stacks)
		json_object_set_new(o, "stacks", view_json_stacks(r->stacks));
	if (r->anomalies)
		json_object_set_new(o, "anomalies", view_json_anomalies(r->anomalies));
	json_object_set_new(o, "coverage", coverage_json(&r->coverage));
	json_object_set_new(o, "followed", watched_json(r->watched));
	json_object_set_new(o, "cost", cost_json(r));
	json_object_set_new(o, "budget", view_json_budget(r->governor, r->start_ns + r->window_ns));
	return put_line(out, o);
}

json_t *view_json_submitter(u32 tid)
{
	const struct task_info *t;
	json_t *o;

	if (!tid)
		return json_null();
	t = task_info(tid);
	o = json_object();
	set_num(o, "pid", t->tgid);
	set_num(o, "tid", tid);
	json_object_set_new(o, "comm", t->comm[0] ? name_json(t->comm) : json_null());
	json_object_set_new(o, "cgroup", name_or_null(t->cgroup[0] ? t->cgroup : NULL));
	return o;
}

int view_json_hung(FILE *out, const struct unfinished *u, const char *path)
{
	_cleanup_json_ json_t *o = json_pack("{s:s,s:i}", "type", "hung", "schema", VIEW_SCHEMA);
	char name[DISK_NAME_LEN];

	json_object_set_new(o, "level", json_string(u->request ? "request" : "operation"));
	json_object_set_new(o, "kind", json_string(u->request ? bop_names[u->kind % NR_BOPS] :
								kind_names[u->kind % NR_KINDS]));
	json_object_set_new(o, "via", u->request ? json_null() : json_string(via_names[u->via % NR_VIAS]));
	set_num(o, "pid", u->owner.tgid);
	set_num(o, "tid", u->owner.tid);
	json_object_set_new(o, "comm", name_json(u->owner.comm));
	json_object_set_new(o, "cgroup", name_or_null(cgroup_name(u->owner.cgroup)));
	json_object_set_new(o, "submitter", view_json_submitter(u->submitter));
	set_num(o, "start_ns", u->start_ns);
	set_num(o, "age_ns", u->age_ns);
	json_object_set_new(o, "stage", json_string(unfinished_stage(u)));
	set_num(o, "bytes", u->bytes);
	json_object_set_new(o, "offset", u->offset == UINT64_MAX ? json_null() : num(u->offset));
	json_object_set_new(o, "path", path[0] ? name_json(path) : json_null());
	json_object_set_new(o, "device", u->dev ? json_string(disk_name(u->dev, name)) : json_null());
	json_object_set_new(o, "sector", u->dev && view_has_sector(u->sector) ? num(u->sector) : json_null());
	json_object_set_new(o, "tag", u->dev && u->tag >= 0 ? json_integer(u->tag) : json_null());
	json_object_set_new(o, "hctx", u->dev ? num(u->hctx) : json_null());
	return put_line(out, o);
}
