/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "cgroup.h"
#include "disk.h"
#include "inflight.h"
#include "tracer/base/parse.h"
#include "view.h"
#include "view-json.h"

static const char *const source_names[NR_INFLIGHT_SOURCES] = {
	[INFLIGHT_BEGUN] = "begun",
	[INFLIGHT_TABLE] = "table",
	[INFLIGHT_TASK] = "task",
};

/* NULL: it is no operation that we know. */
static const char *kind_name(const struct unfinished *u)
{
	if (u->request)
		return bop_names[u->kind % NR_BOPS];
	if (u->kind < NR_KINDS)
		return kind_names[u->kind];
	return u->kind == KIND_URING_BATCH ? "io_uring_enter" : u->kind == KIND_AIO_BATCH ? "io_submit" : NULL;
}

static const char *level_name(const struct inflight *f)
{
	return f->u.request ? "request" : kind_name(&f->u) ? "operation" : "task";
}

static const char *stage_name(const struct inflight *f)
{
	if (f->u.stage >= 0)
		return stage_names[f->u.stage];
	return f->source == INFLIGHT_BEGUN ? "running" : NULL;
}

static bool age_known(const struct inflight *f)
{
	return f->u.start_ns;
}

struct tally {
	u64 operations, requests, tasks, before;
};

static struct tally count(const struct inflight_list *l)
{
	struct tally t = { 0 };

	for (size_t i = 0; i < l->nr; i++) {
		const struct inflight *f = &l->v[i];

		t.before += f->source != INFLIGHT_BEGUN;
		if (f->u.request)
			t.requests++;
		else if (kind_name(&f->u))
			t.operations++;
		else
			t.tasks++;
	}
	return t;
}

/* ---- JSON ---- */

static json_t *entry_json(const struct inflight *f)
{
	json_t *o = json_pack("{s:s,s:i,s:s,s:s}", "type", "inflight", "schema", VIEW_SCHEMA, "level", level_name(f),
			      "source", source_names[f->source]);
	const struct unfinished *u = &f->u;
	char name[DISK_NAME_LEN];
	bool sized = u->bytes, on_disk = u->dev;

	json_object_set_new(o, "kind", name_or_null(kind_name(u)));
	json_object_set_new(o, "via", u->request ? json_null() : json_string(via_names[u->via % NR_VIAS]));
	json_object_set_new(o, "pid", u->owner.tid ? num(u->owner.tgid) : json_null());
	json_object_set_new(o, "tid", u->owner.tid ? num(u->owner.tid) : json_null());
	json_object_set_new(o, "comm", name_or_null(u->owner.comm));
	json_object_set_new(o, "cgroup", name_or_null(cgroup_name(u->owner.cgroup)));
	json_object_set_new(o, "submitter", view_json_submitter(u->submitter));
	json_object_set_new(o, "start_ns", age_known(f) ? num(u->start_ns) : json_null());
	json_object_set_new(o, "age_ns", age_known(f) ? num(u->age_ns) : json_null());
	json_object_set_new(o, "stage", name_or_null(stage_name(f)));
	json_object_set_new(o, "waits_in", name_or_null(f->waits_in));
	json_object_set_new(o, "bytes", sized ? num(u->bytes) : json_null());
	json_object_set_new(o, "offset", u->offset == UINT64_MAX ? json_null() : num(u->offset));
	json_object_set_new(o, "path", name_or_null(f->path));
	json_object_set_new(o, "device", on_disk ? json_string(disk_name(u->dev, name)) : json_null());
	json_object_set_new(o, "sector", on_disk && view_has_sector(u->sector) ? num(u->sector) : json_null());
	json_object_set_new(o, "tag", on_disk && u->tag >= 0 ? json_integer(u->tag) : json_null());
	json_object_set_new(o, "hctx", on_disk ? num(u->hctx) : json_null());
	return o;
}

int view_json_inflight(FILE *out, const struct inflight_list *l, u64 now_ns, u64 watched_ns)
{
	struct tally t = count(l);
	_cleanup_json_ json_t *end = NULL;
	json_t *unseen = json_array();
	char name[DISK_NAME_LEN];

	for (size_t i = 0; i < l->nr; i++) {
		_cleanup_json_ json_t *o = entry_json(&l->v[i]);
		int err = put_line(out, o);

		if (err) {
			json_decref(unseen);
			return err;
		}
	}
	end = json_pack("{s:s,s:i}", "type", "inflight_end", "schema", VIEW_SCHEMA);
	set_num(end, "now_ns", now_ns);
	set_num(end, "watched_ns", watched_ns);
	set_num(end, "operations", t.operations);
	set_num(end, "requests", t.requests);
	set_num(end, "tasks", t.tasks);
	set_num(end, "begun_before", t.before);
	json_object_set_new(end, "tables_read", json_boolean(!l->no_tables));
	for (u32 i = 0; i < l->nr_unseen; i++)
		json_array_append_new(unseen, json_pack("{s:s,s:I}", "device", disk_name(l->unseen[i].dev, name),
							"count", (json_int_t)l->unseen[i].count));
	json_object_set_new(end, "unseen", unseen);
	return put_line(out, end);
}

/* ---- text ---- */

static void put_head(FILE *out, const struct inflight *f)
{
	const struct unfinished *u = &f->u;
	const char *kind = kind_name(u), *stage = stage_name(f);
	char age[32];

	fprintf(out, "\n%s%s%s%s", u->request ? "request " : "", kind ? kind : "task",
		!u->request && kind ? " by " : "", !u->request && kind ? via_names[u->via % NR_VIAS] : "");
	if (age_known(f))
		fprintf(out, "  %s so far", fmt_duration(u->age_ns, age, sizeof(age)));
	else
		fprintf(out, "  since before");
	if (stage)
		fprintf(out, ", in %s", stage);
	if (f->waits_in[0])
		fprintf(out, ", waits in %s", f->waits_in);
	if (u->owner.tid)
		fprintf(out, "  %s pid %u tid %u", u->owner.comm[0] ? u->owner.comm : "?", u->owner.tgid,
			u->owner.tid);
	else
		fprintf(out, "  owner not known: begun before");
	fprintf(out, "\n");
}

static void put_entry(FILE *out, const struct inflight *f)
{
	const struct unfinished *u = &f->u;
	char name[DISK_NAME_LEN], sector[VIEW_SECTOR_LEN];

	put_head(out, f);
	view_text_submitter(out, u->submitter);
	view_text_cgroup(out, u->owner.cgroup);
	if (f->path[0]) {
		fprintf(out, "  file    %s", f->path);
		if (u->offset != UINT64_MAX)
			fprintf(out, "  offset %llu", (unsigned long long)u->offset);
		fprintf(out, "\n");
	}
	if (u->bytes)
		fprintf(out, "  bytes   %llu\n", (unsigned long long)u->bytes);
	if (u->dev)
		fprintf(out, "  device  %s  sector %s  tag %d  hctx %u\n", disk_name(u->dev, name),
			view_sector(u->sector, sector), u->tag, u->hctx);
}

int view_text_inflight(FILE *out, const struct inflight_list *l, u64 watched_ns)
{
	struct tally t = count(l);
	char d[32], name[DISK_NAME_LEN];

	for (size_t i = 0; i < l->nr; i++)
		put_entry(out, &l->v[i]);
	fprintf(out, "\nin flight  operations %llu, requests %llu, other tasks asleep in the kernel %llu; begun before the last %s: %llu\n",
		(unsigned long long)t.operations, (unsigned long long)t.requests, (unsigned long long)t.tasks,
		fmt_duration(watched_ns, d, sizeof(d)), (unsigned long long)t.before);
	if (l->no_tables)
		fprintf(out, "not seen   requests begun before: the kernel's tables of them cannot be read here\n");
	for (u32 i = 0; i < l->nr_unseen; i++)
		fprintf(out, "not seen   %s: %llu more, by the kernel's count\n", disk_name(l->unseen[i].dev, name),
			(unsigned long long)l->unseen[i].count);
	errno = 0;
	return fflush(out) || ferror(out) ? (errno ? -errno : -EIO) : 0;
}
