/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inflight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "disk.h"
#include "file-path.h"
#include "inflight-task.h"
#include "tracer/base/cleanup.h"

#define MAX_DISKS 256

struct look {
	const struct inflight_opts *o;
	struct inflight_list *l;
	struct tags_reader *tags;
	int err;
	size_t from_tables;	/* entries, the first of the list */
	struct looked_at {
		u32 dev;
		bool table;	/* it has one, and that could be read */
		u64 by_kernel, listed;
	} disks[MAX_DISKS];
	u32 nr_disks;
};

int inflight_add(struct inflight_list *l, struct inflight **ret)
{
	if (l->nr == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct inflight *v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	*ret = &l->v[l->nr++];
	**ret = (struct inflight){ 0 };
	return 0;
}

void inflight_free(struct inflight_list *l)
{
	free(l->v);
	*l = (struct inflight_list){ 0 };
}

/* ---- seen from the begin ---- */

static void on_unfinished(const struct unfinished *u, void *ctx)
{
	struct look *k = ctx;
	struct inflight *f;

	if (!k->err)
		k->err = inflight_add(k->l, &f);
	if (k->err)
		return;
	f->source = INFLIGHT_BEGUN;
	f->u = *u;
	file_path(u, k->tags, f->path);
}

/* ---- the kernel's tables ---- */

static u8 block_op(const struct kernel *k, const struct tag_rq *rq)
{
	int op = (int)(rq->cmd_flags & 0xff);

	for (int i = 0; i < NR_BOPS; i++)
		if (k->req_op[i] == op)
			return (u8)(i == BOP_FLUSH ? BOP_FLUSH_COMMAND : i);
	return BOP_OTHER;
}

static void on_tag(u32 dev, const struct tag_rq *rq, void *ctx)
{
	static const enum iop_stage stages[] = { [TAG_QUEUED] = STAGE_I2D, [TAG_ISSUED] = STAGE_DEVICE,
						 [TAG_DONE] = STAGE_COMPLETE };
	struct look *k = ctx;
	struct inflight *f;

	k->disks[k->nr_disks].listed++;
	if (!k->err)
		k->err = inflight_add(k->l, &f);
	if (k->err)
		return;
	f->source = INFLIGHT_TABLE;
	f->u = (struct unfinished){ .request = true,
				    .kind = block_op(k->o->kernel, rq),
				    .stage = rq->state < ARRAY_SIZE(stages) ? (s32)stages[rq->state] : -1,
				    .key = rq->rq,
				    .start_ns = rq->start_ns,
				    .age_ns = rq->start_ns < k->o->now_ns ? k->o->now_ns - rq->start_ns : 0,
				    .bytes = rq->bytes,
				    .offset = rq->offset,
				    .fd = -1,
				    .dev = dev,
				    .sector = rq->sector,
				    .tag = rq->tag,
				    .hctx = rq->hctx,
				    .owner = { .tgid = rq->tgid, .tid = rq->tid,
					       .cgroup = rq->tid ? cgroup_id_of_thread(rq->tid) : 0 } };
	memcpy(f->u.owner.comm, rq->comm, sizeof(f->u.owner.comm));
	file_path_of(&rq->file, f->path);
}

static bool dev_wanted(const struct inflight_opts *o, u32 dev)
{
	for (u32 i = 0; i < o->nr_devs; i++)
		if (o->devs[i] == dev)
			return true;
	return !o->nr_devs;
}

static void on_disk(u32 dev, void *ctx)
{
	struct look *k = ctx;
	struct looked_at *d = &k->disks[k->nr_disks];

	if (k->err || k->nr_disks == MAX_DISKS || !dev_wanted(k->o, dev))
		return;
	*d = (struct looked_at){ .dev = dev, .by_kernel = disk_in_flight(&dev, 1) };
	d->table = k->tags && !tags_each(k->tags, dev, on_tag, k);
	k->nr_disks++;
}

/* ---- both together ---- */

static bool same_request(const struct unfinished *a, const struct unfinished *b)
{
	if (!a->request || !b->request)
		return false;
	return a->key == b->key || (a->dev == b->dev && a->tag >= 0 && a->tag == b->tag && a->hctx == b->hctx);
}

static struct inflight *begun_like(const struct look *k, const struct inflight *table)
{
	for (size_t i = k->from_tables; i < k->l->nr; i++)
		if (same_request(&k->l->v[i].u, &table->u))
			return &k->l->v[i];
	return NULL;
}

/*
 * A request of the tables is one that the session saw begin; or was there
 * before; or began since the session was enabled, and has ended since the
 * tables were read.
 */
static void settle(struct look *k)
{
	struct inflight_list *l = k->l;
	size_t kept = 0;

	for (size_t i = 0; i < l->nr; i++) {
		struct inflight *f = &l->v[i], *same = i < k->from_tables ? begun_like(k, f) : NULL;

		/* by the pages that it carries, where it does */
		if (same && f->path[0])
			memcpy(same->path, f->path, sizeof(same->path));
		if (same || (f->source == INFLIGHT_TABLE && f->u.start_ns &&
			     (f->u.start_ns >= k->o->enabled_ns || f->u.age_ns < k->o->min_age_ns)))
			continue;
		/* in order, so that what is still to be compared with is not yet moved */
		if (kept != i)
			l->v[kept] = *f;
		kept++;
	}
	l->nr = kept;
}

static u64 begun_on(const struct inflight_list *l, u32 dev)
{
	u64 n = 0;

	for (size_t i = 0; i < l->nr; i++)
		n += l->v[i].source == INFLIGHT_BEGUN && l->v[i].u.request && l->v[i].u.dev == dev;
	return n;
}

/* What the kernel counts beyond what could be listed, then and still. */
static void note_unseen(struct look *k)
{
	struct inflight_list *l = k->l;

	for (u32 i = 0; i < k->nr_disks; i++) {
		struct looked_at *d = &k->disks[i];
		u64 listed = d->table ? d->listed : begun_on(l, d->dev), now = disk_in_flight(&d->dev, 1);

		if (d->by_kernel > listed && now > listed && l->nr_unseen < ARRAY_SIZE(l->unseen))
			l->unseen[l->nr_unseen++] = (struct inflight_unseen){ d->dev, now - listed };
	}
}

static int by_age(const void *a, const void *b)
{
	const struct inflight *x = a, *y = b;
	u64 from_x = x->u.start_ns, from_y = y->u.start_ns;

	return from_x < from_y ? -1 : from_x > from_y;
}

/* A request of before that leads to no file: the one that the task waits for which waits for it. */
static void note_waiters(struct inflight_list *l)
{
	for (size_t i = 0; i < l->nr; i++) {
		struct inflight *f = &l->v[i];

		if (f->source != INFLIGHT_TABLE || !f->u.owner.tid || f->path[0])
			continue;
		for (size_t t = 0; t < l->nr; t++)
			if (l->v[t].source == INFLIGHT_TASK && l->v[t].u.owner.tid == f->u.owner.tid)
				memcpy(f->path, l->v[t].path, sizeof(f->path));
	}
}

static int look(struct look *k, struct session *s)
{
	int err;

	disk_each(on_disk, k);
	k->from_tables = k->l->nr;
	err = k->err;
	if (!err)
		err = session_unfinished(s, k->o->now_ns, k->o->min_age_ns, true, on_unfinished, k);
	if (!err)
		err = k->err;
	if (err)
		return err;
	settle(k);
	note_unseen(k);
	err = inflight_tasks(k->o, k->l, k->l->nr);
	note_waiters(k->l);
	qsort(k->l->v, k->l->nr, sizeof(*k->l->v), by_age);
	return err;
}

int inflight_look(struct session *s, struct tags_reader *tags, const struct inflight_opts *o,
		  struct inflight_list *ret)
{
	_cleanup_free_ struct look *k = calloc(1, sizeof(*k));
	struct inflight_list l = { .no_tables = !tags };
	int err;

	if (!k)
		return -ENOMEM;
	k->o = o;
	k->l = &l;
	k->tags = tags;
	err = look(k, s);
	if (err)
		inflight_free(&l);
	else
		*ret = l;
	return err;
}
