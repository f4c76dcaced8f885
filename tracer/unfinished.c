/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unfinished.h"

#include <errno.h>
#include <stdlib.h>

#include "tracer/base/cleanup.h"

#define NO_STAGE 0xff
#define NO_REQUEST UINT32_MAX

/* By index of the operation: how far its bios and requests have come. */
struct progress {
	u8 stage;
	u32 rq;
};

static u64 key_at(const struct slot_table *t, u32 i)
{
	return __atomic_load_n(&t->keys[i / SLOT_WAYS].key[i % SLOT_WAYS], __ATOMIC_ACQUIRE);
}

static u32 op_index(const struct slot_tables *t, u64 handle)
{
	const struct op *ops = t->ops.data;
	u32 i = (u32)handle - 1;

	return handle && i < t->ops.slots && ops[i].generation == (u32)(handle >> 32) ? i : UINT32_MAX;
}

static enum iop_stage rq_stage(const struct rq_stamps *s)
{
	if (s->e)
		return STAGE_COMPLETE;
	if (s->d)
		return STAGE_DEVICE;
	if (s->p)
		return STAGE_DRIVER;
	return s->i ? STAGE_I2D : STAGE_G2I;
}

static void note_progress(const struct slot_tables *t, struct progress *of, u64 handle, enum iop_stage stage, u32 rq)
{
	u32 i = op_index(t, handle);

	if (i == UINT32_MAX || (of[i].stage != NO_STAGE && of[i].stage >= stage))
		return;
	of[i] = (struct progress){ (u8)stage, rq };
}

static void note_bios(const struct slot_tables *t, struct progress *of)
{
	const struct bio_slot *bios = t->bios.data;

	for (u32 i = 0; i < t->bios.slots; i++)
		if (key_at(&t->bios, i))
			note_progress(t, of, bios[i].op, bios[i].g ? STAGE_G2I : STAGE_Q2G, NO_REQUEST);
}

static void note_requests(const struct slot_tables *t, struct progress *of)
{
	const struct rq_slot *rqs = t->rqs.data;

	for (u32 i = 0; i < t->rqs.slots; i++)
		if (key_at(&t->rqs, i))
			note_progress(t, of, rqs[i].op, rq_stage(&rqs[i].s), i);
}

/* Where an operation without a bio in flight is. */
static s32 op_stage(const struct op *o)
{
	if (!o->off_ns)
		return -1;
	if (o->in_range || o->cause == CAUSE_WBWAIT)
		return STAGE_WBWAIT;
	return o->cause == CAUSE_THROTTLE ? STAGE_THROTTLE : STAGE_OFFCPU;
}

static struct unfinished from_op(const struct op *o, u64 key, u64 now_ns)
{
	return (struct unfinished){
		.kind = o->kind,
		.via = o->via,
		.stage = op_stage(o),
		.key = key,
		.start_ns = o->t0,
		.age_ns = now_ns - o->t0,
		.bytes = o->len,
		.offset = o->has_offset ? o->offset : UINT64_MAX,
		.owner = o->owner,
		.fd = o->fd,
		.tag = -1,
	};
}

static void add_request(struct unfinished *u, const struct rq_slot *r)
{
	u->dev = r->dev;
	u->sector = r->sector;
	u->tag = r->tag;
	u->hctx = r->hctx;
}

static void each_op(const struct slot_tables *t, const struct progress *of, u64 now_ns, u64 min_age_ns,
		    unfinished_fn fn, void *ctx)
{
	const struct op *ops = t->ops.data;
	const struct rq_slot *rqs = t->rqs.data;

	for (u32 i = 0; i < t->ops.slots; i++) {
		u64 key = key_at(&t->ops, i);
		struct op o = ops[i];
		struct unfinished u;

		if (!key || !o.t0 || o.kind >= NR_KINDS || !o.dev_wanted || o.t0 + min_age_ns > now_ns)
			continue;
		u = from_op(&o, key, now_ns);
		if (of[i].stage != NO_STAGE)
			u.stage = of[i].stage;
		if (of[i].stage != NO_STAGE && of[i].rq != NO_REQUEST)
			add_request(&u, &rqs[of[i].rq]);
		if (key_at(&t->ops, i) == key && ops[i].generation == o.generation)
			fn(&u, ctx);
	}
}

static void each_request(const struct slot_tables *t, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn, void *ctx)
{
	const struct rq_slot *rqs = t->rqs.data;

	for (u32 i = 0; i < t->rqs.slots; i++) {
		u64 key = key_at(&t->rqs, i), start;
		struct rq_slot r = rqs[i];
		struct unfinished u;

		start = r.s.q ? r.s.q : r.s.d;
		if (!key || !r.wanted || !start || start + min_age_ns > now_ns || (!all && op_index(t, r.op) != UINT32_MAX))
			continue;
		u = (struct unfinished){ .request = true, .kind = r.bop, .stage = (s32)rq_stage(&r.s), .key = key,
					 .start_ns = start, .age_ns = now_ns - start, .bytes = r.bytes,
					 .offset = UINT64_MAX, .owner = r.owner, .fd = -1 };
		add_request(&u, &r);
		if (key_at(&t->rqs, i) == key)
			fn(&u, ctx);
	}
}

/* Bios that wait for a request: where there is none, nothing else tells of them. */
static void each_bio(const struct slot_tables *t, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn, void *ctx)
{
	const struct bio_slot *bios = t->bios.data;

	for (u32 i = 0; i < t->bios.slots; i++) {
		u64 key = key_at(&t->bios, i);
		struct bio_slot b = bios[i];
		struct unfinished u;

		if (!key || !b.dev || !b.q || b.q + min_age_ns > now_ns || (!all && op_index(t, b.op) != UINT32_MAX))
			continue;
		u = (struct unfinished){ .request = true, .kind = b.bop, .stage = b.g ? STAGE_G2I : STAGE_Q2G,
					 .key = key, .start_ns = b.q, .age_ns = now_ns - b.q, .bytes = b.bytes,
					 .offset = UINT64_MAX, .owner = b.owner, .fd = -1, .dev = b.dev,
					 .tag = -1 };
		if (key_at(&t->bios, i) == key)
			fn(&u, ctx);
	}
}

int unfinished_each(const struct slot_tables *t, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn,
		    void *ctx)
{
	_cleanup_free_ struct progress *of = NULL;

	if (t->ops.slots) {
		of = malloc(t->ops.slots * sizeof(*of));
		if (!of)
			return -ENOMEM;
		for (u32 i = 0; i < t->ops.slots; i++)
			of[i] = (struct progress){ NO_STAGE, NO_REQUEST };
		note_bios(t, of);
		note_requests(t, of);
		each_op(t, of, now_ns, min_age_ns, fn, ctx);
	}
	each_request(t, now_ns, min_age_ns, all, fn, ctx);
	each_bio(t, now_ns, min_age_ns, all, fn, ctx);
	return 0;
}
