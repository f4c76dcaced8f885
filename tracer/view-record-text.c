/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view-record.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "critical.h"
#include "disk-info.h"
#include "ksyms.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define W 32

static const char *dur(u64 ns, char *buf)
{
	return fmt_duration(ns, buf, W);
}

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
	fprintf(out, "\n%s%s %s%s%s%s%s  %s  %s pid %u tid %u\n", record_type(r, v), rank, rq ? "request " : "",
		record_kind(s), write_text(s->flags >> SLOW_WRITE_SHIFT), rq ? "" : " by ", rq ? "" : via_names[s->via % NR_VIAS], dur(s->total_ns, total),
		s->comm[0] ? s->comm : "?", s->tgid, s->tid);
	if (s->submitter.tid) {
		struct submitter by = record_submitter(s);

		fprintf(out, "  by      %s pid %u tid %u, who submitted it\n", by.comm[0] ? by.comm : "?", by.tgid,
			s->submitter.tid);
	}
	view_text_cgroup(out, s->cgroup);
	fprintf(out, "  begun   %s.%06u\n", when, (unsigned int)(wall % 1000000000 / 1000));
}

static void put_file(FILE *out, const struct iop_slow *s)
{
	char path[sizeof(s->path) + 320];

	record_path(s, path, sizeof(path));
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
	const char *stack = record_device_stack(s, d), *error = record_error(s);

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

static void put_part(FILE *out, const struct record *r, u32 i, u32 depth)
{
	const struct iop_part *p = &r->parts[i];
	const char *error = p->status ? disk_status_text(p->status) : NULL;
	char d[W];

	fprintf(out, "  bio     %*srequest %u  %s%s %s  sector %s  bytes %u  tag %d  hctx %u", (int)depth * 2, "", record_request_nr(r, i),
		bop_names[p->bop % NR_BOPS], write_text(p->write), disk_info(p->dev)->name, view_sector(p->sector, d), p->bytes,
		p->tag, p->hctx);
	if (p->requeues)
		fprintf(out, "  requeued %u", p->requeues);
	if (p->partials)
		fprintf(out, "  in %u parts", p->partials + 1);
	if (p->status)
		fprintf(out, "  status %d%s%s", p->status, error ? " " : "", error ? error : "");
	fprintf(out, "\n         %*s", (int)depth * 2, "");
	for (size_t s = 0; s < NR_PART_STAGES; s++) {
		s64 ns = part_stage(p, record_part_stages[s]);

		if (ns >= 0)
			fprintf(out, " %s %s", stage_names[record_part_stages[s]], dur((u64)ns, d));
	}
	fprintf(out, "\n");
}

/* Those of @parent, each with what it was made into. */
static void put_tree(FILE *out, const struct record *r, int parent, u32 depth)
{
	for (u32 i = 0; i < r->nr_parts; i++) {
		if (record_parent(r, i) != parent)
			continue;
		put_part(out, r, i, depth);
		put_tree(out, r, (int)i, depth + 1);
	}
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
			fprintf(out, " %u", record_request_nr(r, i));
	for (size_t s = 0; s < NR_PART_STAGES; s++)
		if (c.stage_ns[record_part_stages[s]])
			fprintf(out, "  %s %s", stage_names[record_part_stages[s]], dur(c.stage_ns[record_part_stages[s]], d));
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
	if (r->nr_parts == MAX_PARTS && s->nr_parts > MAX_PARTS)
		fprintf(out, "  the last %u of %u bios:\n", r->nr_parts, s->nr_parts);
	else if (s->nr_parts > r->nr_parts)
		fprintf(out, "  %u of %u bios, there was no room for the others:\n", r->nr_parts, s->nr_parts);
	if (s->nr_parts > 1 || (r->nr_parts && (r->parts[0].status || r->parts[0].requeues || r->parts[0].partials)))
		put_tree(out, r, -1, 0);
	put_critical_text(out, r);
	for (u32 first = record_first_frame(r, v->symbols), i = first; i < r->nr_frames; i++)
		fprintf(out, "  %s   %s\n", i == first ? "stack" : "     ", ksyms_name(v->symbols, r->ip[i], name, sizeof(name)));
	return ferror(out) ? -EIO : 0;
}
