/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cgroup.h"
#include "critical.h"
#include "disk-info.h"
#include "disk-tree.h"
#include "json-line.h"
#include "ksyms.h"
#include "record.h"
#include "task-info.h"
#include "tracer/base/parse.h"
#include "view.h"
#include "tracer/base/cleanup.h"

#define W 32

static const char *dur(u64 ns, char *buf)
{
	return fmt_duration(ns, buf, W);
}

static const char *type_of(const struct record *r, const struct record_view *v)
{
	return v->rank ? "top" : r->slow.flags & SLOW_SAMPLE ? "sample" : "slow";
}

static const char *kind_of(const struct iop_slow *s)
{
	return s->flags & SLOW_REQUEST ? bop_names[s->kind % NR_BOPS] : kind_names[s->kind % NR_KINDS];
}

/* Of a failed operation or request, why; NULL: it did not fail, or no name is sure. */
static const char *error_of(const struct iop_slow *s)
{
	if (s->flags & SLOW_REQUEST)
		return s->result ? disk_status_text((int)s->result) : NULL;
	return s->result < 0 ? strerror((int)-s->result) : NULL;
}

struct submitter {
	u32 tgid;
	const char *comm, *cgroup;
};

/* What was not told with it /proc says; a worker that has gone since was in its owner's cgroup. */
static struct submitter submitter_of(const struct iop_slow *s)
{
	const struct iop_submitter *by = &s->submitter;
	const struct task_info *t = task_info(by->tid);

	if (!by->tgid)
		return (struct submitter){ t->tgid, t->comm, t->cgroup };
	return (struct submitter){ by->tgid, by->comm,
				   *t->cgroup || by->tgid != s->tgid ? t->cgroup : cgroup_name(s->cgroup) };
}

/* The devices below the file, or below what the request went to: @d, or NULL. */
static const char *stack_of(const struct iop_slow *s, const struct disk_info *d)
{
	if (s->file_dev >> 20 && s->file_dev != s->dev)
		d = disk_info(s->file_dev);
	return d ? d->stack : NULL;
}

/* In full, into room for a mount and a path. A path within a file system is told where that is mounted. */
static void path_of(const struct iop_slow *s, char *buf, size_t len)
{
	const char *mount = s->flags & SLOW_PATH_IN_FS ? disk_info(s->file_dev)->mount : "";
	size_t n = strlen(mount);

	*buf = '\0';
	if (!s->path_len)
		return;
	memcpy(buf, mount, n);
	slow_path(s, buf + n, len - n);
	if (!buf[n])
		*buf = '\0';
}

static const enum iop_stage part_stages[] = { STAGE_Q2G, STAGE_G2I, STAGE_I2D, STAGE_DRIVER, STAGE_DEVICE,
					      STAGE_COMPLETE };

/* Number of the request that a part is of: its first part's, from 1. */
static u32 request_nr(const struct record *r, u32 part)
{
	u32 nr = 0;

	for (u32 i = 0; i <= part; i++) {
		u32 first = 0;

		while (r->parts[first].rq != r->parts[i].rq || r->parts[first].c_ns != r->parts[i].c_ns)
			first++;
		nr += first == i;
		if (i == part && first != i)
			return request_nr(r, first);
	}
	return nr;
}

/* The first frame that is not of the tracer's own program, which the stack was taken in. */
static u32 first_frame(const struct record *r, const struct ksyms *k)
{
	static const char *const own[] = { "bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_",
					   "bpf_trampoline_", "bpf_get_stack" };
	char name[256];
	u32 i = 0;

	for (size_t o = 0; i < r->nr_frames && o < ARRAY_SIZE(own);) {
		ksyms_name(k, r->ip[i], name, sizeof(name));
		if (strncmp(name, own[o], strlen(own[o])))
			o++;
		else
			i++, o = 0;
	}
	return i;
}

/* ---- JSON ---- */

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

static void put_part_json(struct json_line *l, const struct record *r, u32 i)
{
	const struct iop_part *p = &r->parts[i];

	json_open(l, '{');
	json_put_num(l, "request", request_nr(r, i));
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
	for (size_t s = 0; s < ARRAY_SIZE(part_stages); s++) {
		s64 ns = part_stage(p, part_stages[s]);

		json_key_text(l, stage_names[part_stages[s]]);
		num_or_nil(l, ns >= 0, (u64)ns);
	}
	json_close(l, '}');
	json_close(l, '}');
}

static void put_tree(struct json_line *l, const struct record *r)
{
	json_put_num(l, "bios", r->slow.nr_parts);
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
			json_num(l, request_nr(r, i));
	json_close(l, ']');
	json_key(l, "stages");
	json_open(l, '{');
	for (size_t s = 0; s < ARRAY_SIZE(part_stages); s++) {
		json_key_text(l, stage_names[part_stages[s]]);
		json_num(l, c.stage_ns[part_stages[s]]);
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
	for (u32 i = first_frame(r, k); i < r->nr_frames; i++) {
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
	by = submitter_of(s);
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
	json_put_text(l, "device_stack", if_any(stack_of(s, d)));
	json_put_text(l, "scheduler", d ? if_any(d->scheduler) : NULL);
	put_num_or_nil(l, "sector", d && view_has_sector(s->sector), s->sector);
	json_put_num(l, "bytes", s->bytes);
	put_num_or_nil(l, "offset", s->flags & SLOW_OFFSET, s->offset);
	path_of(s, path, sizeof(path));
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
	json_put_text(l, "type", type_of(r, v));
	json_put_num(l, "schema", VIEW_SCHEMA);
	json_put_text(l, "level", rq ? "request" : "operation");
	json_put_text(l, "kind", kind_of(s));
	put_num_or_nil(l, "rank", v->rank, v->rank);
	json_put_text(l, "via", rq ? NULL : via_names[s->via % NR_VIAS]);
	json_put_num(l, "pid", s->tgid);
	json_put_num(l, "tid", s->tid);
	json_put_text(l, "comm", s->comm);
	json_put_text(l, "cgroup", cgroup_name(s->cgroup));
	put_submitter(l, s);
	put_place(l, s);
	json_put_signed(l, "result", s->result);
	json_put_text(l, "error", error_of(s));
	json_put_num(l, "requests", s->nr_requests);
	put_write(l, s->flags >> SLOW_WRITE_SHIFT);
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

/* ---- text ---- */

static const char *write_text(u32 write)
{
	static const char *const texts[] = { "", " fua", " preflush", " preflush fua" };

	return texts[write & (WRITE_FUA | WRITE_PREFLUSH)];
}

static void put_head(FILE *out, const struct record *r, const struct record_view *v)
{
	const struct iop_slow *s = &r->slow;
	bool rq = s->flags & SLOW_REQUEST;
	u64 wall = s->start_ns + v->wall_offset_ns;
	time_t at = (time_t)(wall / 1000000000);
	char total[W], when[64], rank[16] = "";
	struct tm tm;

	if (v->rank)
		snprintf(rank, sizeof(rank), " %u", v->rank);
	localtime_r(&at, &tm);
	strftime(when, sizeof(when), "%F %T", &tm);
	fprintf(out, "\n%s%s %s%s%s%s%s  %s  %s pid %u tid %u\n", type_of(r, v), rank, rq ? "request " : "",
		kind_of(s), write_text(s->flags >> SLOW_WRITE_SHIFT), rq ? "" : " by ", rq ? "" : via_names[s->via % NR_VIAS], dur(s->total_ns, total),
		s->comm[0] ? s->comm : "?", s->tgid, s->tid);
	if (s->submitter.tid) {
		struct submitter by = submitter_of(s);

		fprintf(out, "  by      %s pid %u tid %u, who submitted it\n", by.comm[0] ? by.comm : "?", by.tgid,
			s->submitter.tid);
	}
	view_text_cgroup(out, s->cgroup);
	fprintf(out, "  begun   %s.%06u\n", when, (unsigned int)(wall % 1000000000 / 1000));
}

static void put_file(FILE *out, const struct iop_slow *s)
{
	char path[sizeof(s->path) + 320];

	path_of(s, path, sizeof(path));
	if (!path[0])
		return;
	fprintf(out, "  file    %s", path);
	if (s->flags & SLOW_OFFSET)
		fprintf(out, "  offset %llu", (unsigned long long)s->offset);
	fprintf(out, "%s\n", s->flags & SLOW_MISS ? "  cache miss" : s->flags & SLOW_HIT ? "  cache hit" : "");
}

static void put_device(FILE *out, const struct iop_slow *s)
{
	char sector[VIEW_SECTOR_LEN];
	const struct disk_info *d = s->dev ? disk_info(s->dev) : NULL;
	const char *stack = stack_of(s, d), *error = error_of(s);

	fprintf(out, "  bytes   %llu  result %lld", (unsigned long long)s->bytes, (long long)s->result);
	fprintf(out, "%s%s%s\n", error ? " (" : "", error ? error : "", error ? ")" : "");
	if (!d)
		return;
	fprintf(out, "  device  %s  sector %s  requests %u  tag %d  hctx %u", d->name,
		view_sector(s->sector, sector), s->nr_requests, s->tag, s->hctx);
	if (d->scheduler[0])
		fprintf(out, "  scheduler %s", d->scheduler);
	if (stack && strcmp(stack, d->name))
		fprintf(out, "  of %s", stack);
	fprintf(out, "\n");
}

static void put_part(FILE *out, const struct record *r, u32 i)
{
	const struct iop_part *p = &r->parts[i];
	const char *error = p->status ? disk_status_text(p->status) : NULL;
	char d[W];

	fprintf(out, "  bio     request %u  %s%s %s  sector %s  bytes %u  tag %d  hctx %u", request_nr(r, i),
		bop_names[p->bop % NR_BOPS], write_text(p->write), disk_info(p->dev)->name, view_sector(p->sector, d), p->bytes,
		p->tag, p->hctx);
	if (p->requeues)
		fprintf(out, "  requeued %u", p->requeues);
	if (p->partials)
		fprintf(out, "  in %u parts", p->partials + 1);
	if (p->status)
		fprintf(out, "  status %d%s%s", p->status, error ? " " : "", error ? error : "");
	fprintf(out, "\n         ");
	for (size_t s = 0; s < ARRAY_SIZE(part_stages); s++) {
		s64 ns = part_stage(p, part_stages[s]);

		if (ns >= 0)
			fprintf(out, " %s %s", stage_names[part_stages[s]], dur((u64)ns, d));
	}
	fprintf(out, "\n");
}

static void put_critical_text(FILE *out, const struct record *r)
{
	struct critical c;
	char d[W];

	if (!record_critical(r, &c))
		return;
	fprintf(out, "  critical path: request");
	for (u32 i = 0; i < r->nr_parts; i++)
		if (c.parts & 1u << i)
			fprintf(out, " %u", request_nr(r, i));
	for (size_t s = 0; s < ARRAY_SIZE(part_stages); s++)
		if (c.stage_ns[part_stages[s]])
			fprintf(out, "  %s %s", stage_names[part_stages[s]], dur(c.stage_ns[part_stages[s]], d));
	fprintf(out, "  outside %s\n", dur(c.outside_ns, d));
}

int view_text_record(FILE *out, const struct record *r, const struct record_view *v)
{
	const struct iop_slow *s = &r->slow;
	char d[W], name[256];

	put_head(out, r, v);
	put_file(out, s);
	put_device(out, s);
	for (int i = 0; i < NR_STAGES; i++)
		if (s->stage_ns[i])
			fprintf(out, "  %-9s %9s %6.1f%%\n", stage_names[i], dur(s->stage_ns[i], d),
				100.0 * (double)s->stage_ns[i] / (double)s->total_ns);
	/* one bio, one request: all of it stands above */
	if (s->nr_parts > r->nr_parts)
		fprintf(out, "  the last %u of %u bios:\n", r->nr_parts, s->nr_parts);
	for (u32 i = 0; s->nr_parts > 1 && i < r->nr_parts; i++)
		put_part(out, r, i);
	if (s->nr_parts == 1 && r->nr_parts && (r->parts[0].status || r->parts[0].requeues || r->parts[0].partials))
		put_part(out, r, 0);
	put_critical_text(out, r);
	for (u32 first = first_frame(r, v->symbols), i = first; i < r->nr_frames; i++)
		fprintf(out, "  %s   %s\n", i == first ? "stack" : "     ", ksyms_name(v->symbols, r->ip[i], name, sizeof(name)));
	return ferror(out) ? -EIO : 0;
}
