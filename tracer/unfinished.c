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

/* Each kind of slot begins with its key. */
#define KEY(slot) __atomic_load_n(&(slot)->key, __ATOMIC_ACQUIRE)

static u32 op_index(const struct slot_tables *t, u64 handle)
{
	const struct op *ops = t->ops.data;
	u32 i = (u32)handle - 1;

	return handle && i < t->ops.slots && ops[i].generation == (u32)(handle >> 32) ? i : UINT32_MAX;
}

/* The file that an operation asks for; 0: not known, or there is none. */
static u64 op_file(const struct slot_tables *t, u64 handle)
{
	u32 i = t->ops.slots ? op_index(t, handle) : UINT32_MAX;
	const struct op *o = i == UINT32_MAX ? NULL : &((const struct op *)t->ops.data)[i];

	return o && KEY(o) && o->t0 ? o->file : 0;
}

static const struct bio_slot *bio_in(const struct slot_table *t, u32 hash, u64 key)
{
	const struct bio_slot *first = (const struct bio_slot *)t->data + (hash & (t->slots - 1) & ~(SLOT_WAYS - 1u));

	for (u32 i = 0; i < SLOT_WAYS; i++)
		if (KEY(&first[i]) == key)
			return &first[i];
	return NULL;
}

/* The slot of a request's first bio, which says whose it is; NULL: none, or it is gone. */
static const struct bio_slot *bio_of(const struct slot_tables *t, const struct rq_slot *r)
{
	const struct bio_slot *b;

	if (!r->bio)
		return NULL;
	b = bio_in(&t->bios, slot_hash(r->bio), r->bio);
	return b ? b : bio_in(&t->bios, slot_rehash(slot_hash(r->bio)), r->bio);
}

/* A request that began and is of interest: a bio's, a clone, or the flush command of a queue. */
static bool rq_live(const struct rq_slot *r, const struct bio_slot *b)
{
	if (!KEY(r) || (!r->i && !r->d))
		return false;
	/* one that was not taken is given up, most often */
	if (r->cloned)
		return !r->requeued && r->bop != BOP_OTHER && r->dev;
	if (!b)
		return !r->bio && r->bop == BOP_FLUSH_COMMAND && r->dev;
	/* queued after the issue: the slot is another life's, whose end was not seen here */
	return !b->own && (!r->d || b->q <= r->d);
}

static enum iop_stage rq_stage(const struct rq_slot *r)
{
	if (r->e)
		return STAGE_COMPLETE;
	if (r->d)
		return STAGE_DEVICE;
	if (r->p)
		return STAGE_DRIVER;
	return r->i ? STAGE_I2D : STAGE_G2I;
}

static void note_progress(const struct slot_tables *t, struct progress *of, u64 handle, enum iop_stage stage, u32 rq)
{
	u32 i = op_index(t, handle);

	if (i == UINT32_MAX || (of[i].stage != NO_STAGE && of[i].stage >= stage))
		return;
	of[i] = (struct progress){ (u8)stage, rq };
}

/* Of a bio without a request, as far as its own slot tells. */
static enum iop_stage bio_stage(const struct slot_tables *t, const struct bio_slot *b)
{
	if (b->g)
		return STAGE_G2I;
	return b->dev && !b->held && t->has_requests && !t->has_requests(b->dev) ? STAGE_DEVICE : STAGE_Q2G;
}

/* A level has a bio until those that were made of it end: they say more. */
static void note_bios(const struct slot_tables *t, struct progress *of, bool levels)
{
	const struct bio_slot *bios = t->bios.data;

	for (u32 i = 0; i < t->bios.slots; i++) {
		u32 op = KEY(&bios[i]) ? op_index(t, bios[i].op) : UINT32_MAX;
		enum iop_stage stage;

		if (op == UINT32_MAX || (levels && of[op].stage != NO_STAGE))
			continue;
		stage = bio_stage(t, &bios[i]);
		if ((stage == STAGE_DEVICE) == levels)
			note_progress(t, of, bios[i].op, stage, NO_REQUEST);
	}
}

static void note_requests(const struct slot_tables *t, struct progress *of)
{
	const struct rq_slot *rqs = t->rqs.data;

	for (u32 i = 0; i < t->rqs.slots; i++) {
		const struct bio_slot *b = KEY(&rqs[i]) ? bio_of(t, &rqs[i]) : NULL;

		if (b && rq_live(&rqs[i], b))
			note_progress(t, of, b->op, rq_stage(&rqs[i]), i);
	}
}

/* Where an operation without a bio in flight is. */
static s32 op_stage(const struct op *o)
{
	if (!o->off_ns)
		return -1;
	if (o->cause == CAUSE_WBWAIT)
		return STAGE_WBWAIT;
	return o->cause == CAUSE_THROTTLE ? STAGE_THROTTLE : STAGE_OFFCPU;
}

static struct unfinished from_op(const struct op *o, u64 now_ns)
{
	return (struct unfinished){
		.kind = o->kind,
		.via = o->via,
		.stage = op_stage(o),
		.key = o->key,
		.start_ns = o->t0,
		.age_ns = now_ns - o->t0,
		.bytes = o->len,
		.offset = o->has_offset ? o->offset : UINT64_MAX,
		.owner = o->owner,
		.submitter = o->submitter.tid,
		.fd = o->fd,
		.file = o->file,
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

static bool op_live(const struct op *o)
{
	return KEY(o) && o->t0 && o->kind < NR_KINDS && o->dev_wanted;
}

static void each_op(const struct slot_tables *t, const struct progress *of, u64 now_ns, u64 min_age_ns,
		    unfinished_fn fn, void *ctx)
{
	const struct op *ops = t->ops.data;
	const struct rq_slot *rqs = t->rqs.data;

	for (u32 i = 0; i < t->ops.slots; i++) {
		struct op o = ops[i];
		struct unfinished u;

		if (!op_live(&o) || o.t0 + min_age_ns > now_ns)
			continue;
		u = from_op(&o, now_ns);
		if (of[i].stage != NO_STAGE)
			u.stage = of[i].stage;
		if (of[i].stage != NO_STAGE && of[i].rq != NO_REQUEST)
			add_request(&u, &rqs[of[i].rq]);
		if (KEY(&ops[i]) == o.key && ops[i].generation == o.generation)
			fn(&u, ctx);
	}
}

static void each_request(const struct slot_tables *t, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn, void *ctx)
{
	const struct rq_slot *rqs = t->rqs.data;

	for (u32 i = 0; i < t->rqs.slots; i++) {
		struct rq_slot r = rqs[i];
		const struct bio_slot *b = r.key ? bio_of(t, &r) : NULL;
		struct unfinished u;
		u64 start = b && b->q && !r.cloned ? b->q : r.d;

		if (!rq_live(&r, b) || !start || start + min_age_ns > now_ns ||
		    (!all && b && op_index(t, b->op) != UINT32_MAX))
			continue;
		u = (struct unfinished){ .request = true, .kind = b && !r.cloned ? b->bop : r.bop, .stage = (s32)rq_stage(&r),
					 .key = r.key, .start_ns = start, .age_ns = now_ns - start,
					 .bytes = b ? b->bytes : 0, .offset = UINT64_MAX, .fd = -1 };
		if (b) {
			u.owner = b->owner;
			u.submitter = b->submitter;
			u.file = op_file(t, b->op);
		}
		add_request(&u, &r);
		if (KEY(&rqs[i]) == r.key)
			fn(&u, ctx);
	}
}

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* Bios that have a request which is told; sorted. NULL: no memory. */
static u64 *bios_with_request(const struct slot_tables *t, size_t *ret_n)
{
	const struct rq_slot *rqs = t->rqs.data;
	u64 *keys = malloc(((size_t)t->rqs.slots + 1) * sizeof(*keys));
	size_t n = 0;

	for (u32 i = 0; keys && i < t->rqs.slots; i++)
		if (KEY(&rqs[i]) && (rqs[i].i || rqs[i].d) && rqs[i].bio)
			keys[n++] = rqs[i].bio;
	if (keys)
		qsort(keys, n, sizeof(*keys), compare_u64);
	*ret_n = n;
	return keys;
}

/* Bios that wait for a request: where there is none, nothing else tells of them. */
static int each_bio(const struct slot_tables *t, u64 now_ns, u64 min_age_ns, bool all, unfinished_fn fn, void *ctx)
{
	const struct bio_slot *bios = t->bios.data;
	size_t n;
	_cleanup_free_ u64 *told = bios_with_request(t, &n);

	if (!told)
		return -ENOMEM;
	for (u32 i = 0; i < t->bios.slots; i++) {
		struct bio_slot b = bios[i];
		struct unfinished u;

		if (!b.key || b.own || !b.q || b.q + min_age_ns > now_ns || (!all && op_index(t, b.op) != UINT32_MAX) ||
		    bsearch(&b.key, told, n, sizeof(*told), compare_u64))
			continue;
		u = (struct unfinished){ .request = true, .bio = true, .kind = b.bop, .stage = (s32)bio_stage(t, &b),
					 .key = b.key, .start_ns = b.q, .age_ns = now_ns - b.q, .bytes = b.bytes,
					 .offset = UINT64_MAX, .owner = b.owner, .submitter = b.submitter,
					 .fd = -1, .file = op_file(t, b.op), .dev = b.dev, .tag = -1 };
		if (KEY(&bios[i]) == b.key)
			fn(&u, ctx);
	}
	return 0;
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
		note_bios(t, of, false);
		note_requests(t, of);
		note_bios(t, of, true);
		each_op(t, of, now_ns, min_age_ns, fn, ctx);
	}
	each_request(t, now_ns, min_age_ns, all, fn, ctx);
	return each_bio(t, now_ns, min_age_ns, all, fn, ctx);
}

void unfinished_count(const struct slot_tables *t, u64 *ret_requests, u64 *ret_operations)
{
	const struct rq_slot *rqs = t->rqs.data;
	const struct op *ops = t->ops.data;
	u64 requests = 0, operations = 0;

	for (u32 i = 0; i < t->rqs.slots; i++)
		requests += KEY(&rqs[i]) && rq_live(&rqs[i], bio_of(t, &rqs[i]));
	for (u32 i = 0; i < t->ops.slots; i++)
		operations += op_live(&ops[i]);
	*ret_requests = requests;
	*ret_operations = operations;
}
