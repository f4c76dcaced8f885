/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view-record.h"

#include "cgroup.h"
#include "critical.h"
#include "disk-info.h"
#include "json-line.h"
#include "ksyms.h"
#include "tracer/base/cleanup.h"

static void num_or_nil(struct json_line *l, bool known, u64 v)
{
	if (known)
		json_num(l, v);
	else
		json_nil(l);
}

static void put_stages(struct json_line *l, const struct iop_slow *s, u32 measured)
{
	bool rq = s->flags & SLOW_REQUEST;

	json_key(l, "stages");
	json_open(l, '{');
	for (int i = 0; i < NR_STAGES; i++) {
		if (!(measured & 1u << i) || (rq && (i < BLOCK_STAGE_FIRST || i > BLOCK_STAGE_LAST)))
			continue;
		json_key_text(l, stage_names[i]);
		num_or_nil(l, !rq || s->stages & 1u << i, s->stage_ns[i]);
	}
	json_close(l, '}');
}

static const char *if_any(const char *s)
{
	return s && *s ? s : NULL;
}

#define put_num_or_nil(l, key, known, v) (json_key(l, key), num_or_nil(l, known, v))

static void put_tag(struct json_line *l, s32 tag)
{
	put_num_or_nil(l, "tag", tag >= 0, (u64)tag);
}

static void put_bool(struct json_line *l, bool v)
{
	if (v)
		json_raw(l, "true,", 5);
	else
		json_raw(l, "false,", 6);
}

static void put_write(struct json_line *l, u32 write)
{
	json_key(l, "fua");
	put_bool(l, write & WRITE_FUA);
	json_key(l, "preflush");
	put_bool(l, write & WRITE_PREFLUSH);
}

/* An operation's bios have their own. */
static void put_request_write(struct json_line *l, const struct iop_slow *s)
{
	if (s->flags & SLOW_REQUEST) {
		put_write(l, s->flags >> SLOW_WRITE_SHIFT);
		return;
	}
	json_put_nil(l, "fua");
	json_put_nil(l, "preflush");
}

static void put_part_json(struct json_line *l, const struct record *r, u32 i)
{
	const struct iop_part *p = &r->parts[i];
	int parent = record_parent(r, i);

	json_open(l, '{');
	put_num_or_nil(l, "parent", parent >= 0, (u64)parent);
	json_put_num(l, "request", record_request_nr(r, i));
	json_put_text(l, "op", bop_names[p->bop % NR_BOPS]);
	json_put_text(l, "device", disk_info(p->dev)->name);
	put_num_or_nil(l, "sector", view_has_sector(p->sector), p->sector);
	json_put_num(l, "bytes", p->bytes);
	put_write(l, p->write);
	put_tag(l, p->tag);
	json_put_num(l, "hctx", p->hctx);
	json_put_num(l, "queued_ns", p->q_ns);
	json_put_num(l, "requeues", p->requeues);
	json_put_num(l, "merged_bios", p->merged);
	json_put_num(l, "partial_completions", p->partials);
	json_put_signed(l, "status", p->status);
	json_put_text(l, "error", p->status ? disk_status_text(p->status) : NULL);
	json_key(l, "stages");
	json_open(l, '{');
	for (size_t s = 0; s < NR_PART_STAGES; s++) {
		s64 ns = part_stage(p, record_part_stages[s]);

		json_key_text(l, stage_names[record_part_stages[s]]);
		num_or_nil(l, ns >= 0, (u64)ns);
	}
	json_close(l, '}');
	json_close(l, '}');
}

static void put_tree(struct json_line *l, const struct record *r)
{
	json_put_num(l, "bios", r->slow.nr_parts);
	json_put_num(l, "bios_untold", r->slow.nr_parts - r->nr_parts);
	json_key(l, "tree");
	json_open(l, '[');
	for (u32 i = 0; i < r->nr_parts; i++)
		put_part_json(l, r, i);
	json_close(l, ']');
}

static void put_critical(struct json_line *l, const struct record *r)
{
	struct critical c;

	if (!record_critical(r, &c)) {
		json_put_nil(l, "critical_path");
		return;
	}
	json_key(l, "critical_path");
	json_open(l, '{');
	json_key(l, "requests");
	json_open(l, '[');
	for (u32 i = 0; i < r->nr_parts; i++)
		if (c.parts & 1u << i)
			json_num(l, record_request_nr(r, i));
	json_close(l, ']');
	json_key(l, "stages");
	json_open(l, '{');
	for (size_t s = 0; s < NR_PART_STAGES; s++) {
		json_key_text(l, stage_names[record_part_stages[s]]);
		json_num(l, c.stage_ns[record_part_stages[s]]);
	}
	json_close(l, '}');
	json_put_num(l, "outside_ns", c.outside_ns);
	json_close(l, '}');
}

static void put_frames(struct json_line *l, const struct record *r, const struct ksyms *k)
{
	char name[256];

	if (!r->nr_frames) {
		json_put_nil(l, "kernel_stack");
		return;
	}
	json_key(l, "kernel_stack");
	json_open(l, '[');
	for (u32 i = record_first_frame(r, k); i < r->nr_frames; i++) {
			json_text(l, ksyms_name(k, r->ip[i], name, sizeof(name)));
	}
	json_close(l, ']');
}

static void put_submitter(struct json_line *l, const struct iop_slow *s)
{
	struct submitter by;

	if (!s->submitter.tid) {
		json_put_nil(l, "submitter");
		return;
	}
	by = record_submitter(s);
	json_key(l, "submitter");
	json_open(l, '{');
	json_put_num(l, "pid", by.tgid);
	json_put_num(l, "tid", s->submitter.tid);
	json_put_text(l, "comm", if_any(by.comm));
	json_put_text(l, "cgroup", if_any(by.cgroup));
	json_close(l, '}');
}

static void put_place(struct json_line *l, const struct iop_slow *s)
{
	const struct disk_info *d = s->dev ? disk_info(s->dev) : NULL;
	char path[sizeof(s->path) + 320];

	json_put_text(l, "device", d ? d->name : NULL);
	json_put_text(l, "device_stack", if_any(record_device_stack(s, d)));
	json_put_text(l, "scheduler", d ? if_any(d->scheduler) : NULL);
	put_num_or_nil(l, "sector", d && view_has_sector(s->sector), s->sector);
	json_put_num(l, "bytes", s->bytes);
	put_num_or_nil(l, "offset", s->flags & SLOW_OFFSET, s->offset);
	record_path(s, path, sizeof(path));
	json_put_text(l, "path", if_any(path));
	put_num_or_nil(l, "inode", s->ino, s->ino);
}

int view_json_record(FILE *out, const struct record *r, const struct record_view *v)
{
	static struct json_line line;
	struct json_line *l = &line;
	const struct iop_slow *s = &r->slow;
	bool rq = s->flags & SLOW_REQUEST;

	json_line_begin(l);
	json_open(l, '{');
	json_put_text(l, "type", record_type(r, v));
	json_put_num(l, "schema", VIEW_SCHEMA);
	json_put_text(l, "level", rq ? "request" : "operation");
	json_put_text(l, "kind", record_kind(s));
	put_num_or_nil(l, "rank", v->rank, v->rank);
	json_put_text(l, "via", rq ? NULL : via_names[s->via % NR_VIAS]);
	json_put_num(l, "pid", s->tgid);
	json_put_num(l, "tid", s->tid);
	json_put_text(l, "comm", s->comm);
	json_put_text(l, "cgroup", cgroup_name(s->cgroup));
	put_submitter(l, s);
	put_place(l, s);
	json_put_signed(l, "result", s->result);
	json_put_text(l, "error", record_error(s));
	json_put_num(l, "requests", s->nr_requests);
	put_request_write(l, s);
	put_tag(l, s->tag);
	put_num_or_nil(l, "hctx", s->dev, s->hctx);
	json_put_text(l, "cache", s->flags & SLOW_MISS ? "miss" : s->flags & SLOW_HIT ? "hit" : NULL);
	json_put_num(l, "start_ns", s->start_ns);
	json_put_num(l, "wall_start_ns", s->start_ns + v->wall_offset_ns);
	json_put_num(l, "total_ns", s->total_ns);
	json_put_num(l, "preempted_ns", s->resched_ns);
	put_stages(l, s, v->measured);
	put_tree(l, r);
	put_critical(l, r);
	put_frames(l, r, v->symbols);
	json_close(l, '}');
	return json_line_end(l, out);
}
