/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tier block: bio queued (Q), request allocated (G), inserted into the
 * scheduler (I), issued to the driver (D), completed (C).
 *
 * Q, G and D are the kernel's own stamps where these are exact
 * (tracer/stamp.h): then most requests are known by their completion alone.
 * Else a bio has a slot from Q, and a request one from its first own stamp.
 */
#include "bio.bpf.h"
#include "stamps.bpf.h"

SLOT_TABLE(rqs, struct rq_slot);

#define MAX_CHAIN 256

/* ---- requests ---- */

static __always_inline struct gendisk *rq_disk(struct request *rq)
{
	struct request___old *old = (struct request___old *)rq;
	struct request_queue *q = rq->q;

	if (bpf_core_field_exists(q->disk))
		return q->disk;
	return old->rq_disk;
}

/* Its partition's, where that can be told; else the disk's. */
static __always_inline u32 rq_part(struct request *rq, u32 dev)
{
	struct request___part *r = (struct request___part *)rq;

	if (!bpf_core_field_exists(r->part->bd_dev) || !r->part)
		return dev;
	return r->part->bd_dev;
}

static __always_inline struct rq_slot *rq_slot_get(u64 rq)
{
	u32 index;
	struct rq_slot *r = rqs_claim(rq, &index);

	if (!r)
		lost(LOSS_BIO_MAP_FULL);
	return r;
}

static __always_inline void rq_slot_clear(struct rq_slot *r)
{
	r->i = r->p = r->d = r->h = r->e = 0;
	r->requeues = 0;
	r->requeued = 0;
	r->bio = 0;
}

static __always_inline void rq_slot_release(struct rq_slot *r)
{
	rq_slot_clear(r);
	rqs_release(r);
}

/*
 * A request that is inserted or issued. If it was issued before and not
 * requeued since, that life has ended unseen.
 */
static __always_inline struct rq_slot *rq_slot_begin(struct request *rq)
{
	struct rq_slot *r = rq_slot_get(address(rq));
	struct bio_slot *b;

	if (!r || !r->d || r->requeued)
		return r;
	b = r->bio && !cfg.kernel_q ? bios_find(r->bio) : NULL;
	/* its bio's slot, unless that is another's already: bio_slot_new() has told then */
	if (b && b->q < r->d) {
		if (!b->own)
			lost(LOSS_NO_END);
		bio_slot_release(b);
	} else if (!r->bio && r->bop == BOP_FLUSH_COMMAND) {
		lost(LOSS_NO_END);
	}
	rq_slot_clear(r);
	return r;
}

static __always_inline int on_insert(struct request *rq)
{
	struct rq_slot *r = rq_slot_begin(rq);

	if (!r)
		return 0;
	/* the kernel's stamps begin the life, and no issue is seen that would end an older one */
	if (cfg.kernel_g && r->i < rq->start_time_ns)
		r->i = 0;
	/* a requeued request is inserted again: the first time counts */
	if (!r->i && !r->d)
		r->i = bpf_ktime_get_ns();
	if (!cfg.kernel_d)
		r->bio = address(rq->bio);
	return 0;
}

static __always_inline int on_issue(struct request *rq)
{
	struct rq_slot *r = rq_slot_begin(rq);
	u32 bop;

	if (!r)
		return 0;
	r->requeued = 0;
	if (r->d)
		return 0;
	r->d = bpf_ktime_get_ns();
	r->bio = address(rq->bio);
	r->bop = BOP_OTHER;
	bop = bop_of(rq->cmd_flags);
	if (bop == BOP_FLUSH)
		r->bop = BOP_FLUSH_COMMAND;
	r->dev = rq_disk(rq) ? disk_dev(rq_disk(rq)) : 0;
	if (cfg.tell) {
		r->sector = rq->__sector;
		r->tag = rq->tag;
		r->hctx = rq->mq_hctx ? rq->mq_hctx->queue_num : 0;
	}
	return 0;
}

/*
 * The driver begins to prepare the command. nvme does before it reports the
 * issue (blk_mq_start_request), and anew after it was short of something.
 */
static __always_inline int on_setup(u64 rq)
{
	struct rq_slot *r = rq_slot_get(rq);

	if (!r)
		return 0;
	/* left over from a life whose end was not seen: the issue will say so */
	if (r->d && !r->requeued)
		return 0;
	r->p = bpf_ktime_get_ns();
	return 0;
}

/*
 * Handed to the device. @pdu is the driver's own part of a request, which lies
 * behind it: struct scsi_cmnd, struct virtblk_req.
 */
static __always_inline int on_handed(u64 pdu)
{
	u64 rq = pdu - bpf_core_type_size(struct request);
	struct rq_slot *r = cfg.kernel_d ? rq_slot_get(rq) : rqs_find(rq);

	if (r && (cfg.kernel_d || (r->d && !r->h)))
		r->h = bpf_ktime_get_ns();
	return 0;
}

/*
 * virtio_blk gives its part of the request as the token of the buffers; the
 * tokens of other devices are something else.
 */
static __always_inline int on_virtio(struct virtqueue *vq, u64 token)
{
	return vq->vdev->id.device == VIRTIO_ID_BLOCK ? on_handed(token) : 0;
}

/* The driver says that it is done, most often in the interrupt; the last time counts. */
static __always_inline int on_done(u64 rq)
{
	struct rq_slot *r = cfg.kernel_d ? rq_slot_get(rq) : rqs_find(rq);

	if (r && (cfg.kernel_d || r->d))
		r->e = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int on_requeue(struct request *rq)
{
	struct rq_slot *r = cfg.kernel_d ? rq_slot_get(address(rq)) : rqs_find(address(rq));

	if (r) {
		r->requeues++;
		r->requeued = 1;
		r->e = 0;
	}
	return 0;
}

/* @rq is absorbed by another and will never complete; its bios live on there. */
static __always_inline int on_absorbed(struct request *rq)
{
	struct rq_slot *r = rqs_find(address(rq));

	if (r)
		rq_slot_release(r);
	return 0;
}

/* ---- completion ---- */

static __always_inline void row_account(const struct done *d, u32 row)
{
	struct iop_block_stats *r = block_stats_at(row);
	u64 begin = done_begin(d);

	if (!r)
		return;
#define ADD(stage, ns) hist_add(&r->h[(stage) - BLOCK_STAGE_FIRST], ns, ROW_ATOMIC(false))
	EACH_STAGE(d, ADD);
#undef ADD
	if (begin)
		hist_add(&r->h[BLOCK_HIST_TOTAL], d->s.c - begin, ROW_ATOMIC(false));
	row_add(&r->c.count, 1, ROW_ATOMIC(false));
	row_add(&r->c.bytes, d->bytes, ROW_ATOMIC(false));
	if (d->status)
		row_add(&r->c.errors, 1, ROW_ATOMIC(false));
	if (d->requeues)
		row_add(&r->c.requeues, d->requeues, ROW_ATOMIC(false));
	if (d->merged)
		row_add(&r->c.bios, d->merged, ROW_ATOMIC(false));
}

/* The file whose cached pages a request carries: of writeback and readahead. */
static __always_inline void rq_file(struct iop_slow *e, const struct request *rq)
{
	struct bio *bio = BPF_CORE_READ(rq, bio);
	struct inode *inode = bio ? bio_inode(bio, &e->offset) : NULL;

	if (!inode)
		return;
	e->ino = BPF_CORE_READ(inode, i_ino);
	e->file_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	e->path_len = names_of(inode, e->path);
	e->flags |= SLOW_OFFSET | SLOW_PATH_IN_FS;
}

static __noinline void rq_emit(const struct done *d, int tell)
{
	struct iop_slow *e = slow_reserve();
	u32 stages = 0;

	if (!e)
		return;
	e->id = 0;
	e->nr_parts = 0;
	e->submitter = d->submitter;
	e->start_ns = done_begin(d);
	e->total_ns = d->s.c - e->start_ns;
	for (int i = 0; i < NR_STAGES; i++)
		e->stage_ns[i] = 0;
#define ADD(stage, ns)                    \
	do {                              \
		e->stage_ns[stage] = ns;  \
		stages |= 1u << (stage);  \
	} while (0)
	EACH_STAGE(d, ADD);
#undef ADD
	e->stages = stages;
	e->bytes = d->bytes;
	e->offset = e->ino = 0;
	e->sector = d->sector;
	e->result = d->status;
	e->resched_ns = 0;
	e->dev = d->dev;
	e->file_dev = 0;
	e->flags = SLOW_REQUEST | (tell == TELL_SAMPLE ? SLOW_SAMPLE : 0);
	e->nr_requests = 1;
	e->tag = d->tag;
	e->hctx = d->hctx;
	e->kind = d->bop;
	e->via = 0;
	e->path_len = 0;
	e->tgid = d->owner.tgid;
	e->tid = d->owner.tid;
	__builtin_memcpy(e->comm, d->owner.comm, IOP_COMM_LEN);
	if (d->rq)
		rq_file(e, (const struct request *)d->rq);
	slow_submit(e);
}

static __always_inline void part_add(const struct op *o, const struct rq_stamps *s, const struct done *d)
{
	struct iop_part *p = part_claim((int)o->index, o->generation);

	if (!p)
		return;
	p->rq = d->rq;
	p->q_ns = s->q;
	p->g_ns = s->g;
	p->i_ns = s->i;
	p->p_ns = s->p;
	p->d_ns = s->d;
	p->h_ns = s->h;
	p->e_ns = s->e;
	p->c_ns = s->c;
	p->sector = d->sector;
	p->dev = d->dev;
	p->bytes = d->bytes;
	p->requeues = d->requeues;
	p->merged = d->merged;
	p->tag = d->tag;
	p->hctx = d->hctx;
	p->status = d->status;
	p->partials = d->partials;
	p->bop = d->bop;
	p->no_request = 0;
}

/* The operation of one bio learns that its request completed. */
static __always_inline void op_bio_done(u64 handle, const struct rq_stamps *s, u32 dev, const struct done *d)
{
	struct op *o = handle ? op_of(handle) : NULL;
	bool last;

	if (!o)
		return;
	OP_HOLDER(o) = 1;
	op_request_done(o, s);
	o->nr_requests++;
	o->dev = dev;
	if (cfg.parts && d)
		part_add(o, s, d);
	if (cfg.tell && d) {
		o->sector = d->sector;
		o->tag = d->tag;
		o->hctx = d->hctx;
	}
	last = fetch_add_u32(&o->refs, -1) == 1;
	OP_HOLDER(o) = 0;
	/* libaio has no end of its own to hook: the last bio is it */
	if (last && o->via == VIA_AIO && !o->end_seen)
		op_end((int)o->index, s->c, (s64)o->len);
}

/* A bio that was merged into what the scratch holds, perhaps of another operation. */
__global_fn int merged_done(u64 bio, u32 scratch)
{
	struct bio_slot *b = bios_find(bio);
	const struct done *d = done_at(scratch);
	struct rq_stamps s;

	if (!b || !d)
		return 0;
	if (TIER(TIER_VFS) && b->op) {
		s = d->s;
		if (b->q)
			s.q = b->q;
		s.g = b->g ? b->g : s.g > s.q ? s.g : s.q;
		op_bio_done(b->op, &s, d->dev, d);
	}
	bio_slot_release(b);
	return 0;
}

static __noinline u32 chain_done(struct bio *bio, u32 scratch)
{
	u32 n = 0;

	for (; n < MAX_CHAIN && bio; n++) {
		merged_done(address(bio), scratch);
		bio = bio->bi_next;
	}
	if (bio)
		lost(LOSS_CHAIN_LONG);
	return n;
}

/*
 * No slot, and no stamp of the kernel's: the request began before tracing, or
 * a filter left it out, or it is one that nobody queued (passthrough).
 */
static __noinline int rq_unknown(struct request *rq)
{
	struct gendisk *disk = rq_disk(rq);

	/* passthrough: nobody queued it */
	if (!rq->start_time_ns && bop_of(rq->cmd_flags) == BOP_OTHER)
		return 0;
	if (!disk || !rq->__data_len || owner_filtered() || cfg.bop_mask ||
	    !dev_wanted(disk_dev(disk), disk_dev(disk)))
		return 0;
	if (rq->start_time_ns && rq->start_time_ns < enabled_ns)
		count(COUNT_RQ_AT_START);
	else
		lost(LOSS_NO_START);
	return 0;
}

/* Whatever completes now. */
static __always_inline void done_reset(struct done *d, struct request *rq)
{
	struct gendisk *disk = rq_disk(rq);

	d->s.q = d->s.g = d->s.i = d->s.p = d->s.d = d->s.h = d->s.e = 0;
	d->s.c = bpf_ktime_get_ns();
	d->op = 0;
	d->requeues = d->merged = 0;
	d->status = 0;
	d->bytes = rq->__data_len;
	d->dev = disk ? disk_dev(disk) : 0;
	d->partials = 0;
	d->submitter = 0;
	d->rq = 0;
	if (!cfg.tell)
		return;
	d->rq = address(rq);
	d->sector = rq->__sector;
	d->tag = rq->tag;
	d->hctx = rq->mq_hctx ? rq->mq_hctx->queue_num : 0;
	__builtin_memset(&d->owner, 0, sizeof(d->owner));
}

/*
 * G as the kernel keeps it. Requests that a plug allocates in a batch are older
 * than the bios that get one of them at once (block/blk-mq.c, cached_rq).
 */
static __always_inline u64 rq_got(struct request *rq, u64 q)
{
	u64 g = rq->start_time_ns;

	return g && g < q ? q : g;
}

/* What is known by the first bio; false: not to be counted. */
static __always_inline bool done_bio(struct request *rq, struct bio *bio, struct bio_slot *b, struct done *d)
{
	if (!b && (!cfg.kernel_q || owner_filtered() || !rq->start_time_ns)) {
		/* the second end of a flush whose data ended before has no bio left */
		rq_unknown(rq);
		return false;
	}
	if (b) {
		/* a filter has been asked when it was queued */
		if (b->own)
			return false;
		d->s.q = b->q;
		d->s.g = b->g;
		d->op = b->op;
		if (cfg.tell) {
			d->owner = b->owner;
			d->submitter = b->submitter;
		}
		if (b->rest) {
			d->bytes = b->bytes;
			d->partials = b->partials;
		}
	}
	d->bop = bio_bop(bio);
	if (cfg.kernel_q && !d->s.q)
		d->s.q = bio_queue_time(bio, d->s.c);
	if (cfg.kernel_g)
		d->s.g = rq_got(rq, d->s.q);
	if ((!b || !cfg.bio_slots) && (!bop_wanted(d->bop) || !dev_wanted(d->dev, rq_part(rq, d->dev)))) {
		/* else counted when it was queued */
		if (!cfg.bio_slots)
			count(COUNT_FILTERED);
		return false;
	}
	if (cfg.kernel_q && (d->s.q ? d->s.q : d->s.g) < enabled_ns) {
		count(COUNT_RQ_AT_START);
		return false;
	}
	return true;
}

/* What our own stamps say; the kernel's issue, where that is exact. */
static __always_inline void done_stamps(struct request *rq, struct rq_slot *r, struct done *d)
{
	if (cfg.kernel_d)
		d->s.d = rq->io_start_time_ns;
	if (!r)
		return;
	d->s.i = r->i;
	d->s.p = r->p;
	d->s.h = r->h;
	d->s.e = r->e;
	d->requeues = r->requeues;
	if (!cfg.kernel_d)
		d->s.d = r->d;
	else if (d->s.g) {
		/* of an earlier life, whose end was not seen */
		if (r->i < d->s.g)
			d->s.i = 0;
		if (r->p < d->s.g)
			d->s.p = 0;
		if (r->h < d->s.g)
			d->s.h = 0;
		if (r->e < d->s.g)
			d->s.e = 0;
	}
}

/*
 * Some bytes of a request are done, the rest is under way still. The bios that
 * are done with end here, perhaps to be used anew; what is known of the
 * request by its first bio goes on under the request's own name.
 */
static __noinline int on_part_done(struct request *rq, u32 nr_bytes)
{
	struct bio *bio = rq->bio;
	struct bio_slot *head = bio ? bios_find(address(bio)) : NULL, *rest;
	u32 scratch = done_here(), left = nr_bytes;
	struct done *d = done_at(scratch);

	if (!d || !bio || (!head && (!cfg.kernel_q || owner_filtered())))
		return 0;
	rest = bios_in_parts ? bios_find(address(rq)) : NULL;
	done_reset(d, rq);
	if (!rest) {
		rest = bio_slot_new(address(rq));
		if (!rest)
			return 0;
		rest->q = head && head->q ? head->q : bio_queue_time(bio, d->s.c);
		rest->g = head ? head->g : 0;
		rest->op = 0;
		rest->dev = d->dev;
		rest->bytes = rq->__data_len;
		rest->bop = bio_bop(bio);
		rest->own = head ? head->own : 0;
		rest->held = 0;
		rest->rest = 1;
		rest->partials = 0;
		if (head)
			rest->owner = head->owner;
		else
			__builtin_memset(&rest->owner, 0, sizeof(rest->owner));
		bio_slot_part(rest);
	}
	rest->partials++;
	d->s.q = rest->q;
	d->s.g = cfg.kernel_g ? rq_got(rq, rest->q) : rest->g;
	done_stamps(rq, rqs_find(address(rq)), d);
	for (int i = 0; i < MAX_CHAIN && bio; i++) {
		if (bio->bi_iter.bi_size > left)
			break;
		left -= bio->bi_iter.bi_size;
		merged_done(address(bio), scratch);
		bio = bio->bi_next;
	}
	return 0;
}

/* What the scratch holds is over. */
__global_fn int done_account(u32 scratch)
{
	struct done *d = done_at(scratch);
	int row;

	if (!d)
		return 0;
	/* the kernel was told meanwhile to stamp no more: what is left is the total */
	if (cfg.kernel_d && !d->s.d && d->bop != BOP_FLUSH && !d->status) {
		lost(LOSS_UNSTAMPED);
		d->s.g = d->s.i = d->s.e = d->s.h = 0;
	}
	if (!stamps_ordered(&d->s))
		stamps_reorder(&d->s);
	if (TIER(TIER_VFS) && d->op)
		op_bio_done(d->op, &d->s, d->dev, d);
	if (done_begin(d) && too_short(d->s.c - done_begin(d))) {
		count(COUNT_SHORT_RQS);
		return 0;
	}
	row = row_of(d->dev, d->bop);
	if (row >= 0)
		row_account(d, (u32)row);
	/* one that belongs to an operation is told with it */
	if (records_wanted() && done_begin(d) && (!TIER(TIER_VFS) || !d->op)) {
		int tell = to_tell(d->s.c - done_begin(d));

		if (tell)
			rq_emit(d, tell);
	}
	return 0;
}

/* By the bio it has; one without is the flush command of the queue, or passthrough. */
static __always_inline bool done_begun(struct request *rq, struct bio *bio, struct bio_slot *b, struct done *d)
{
	if (bio)
		return done_bio(rq, bio, b, d);
	d->bop = BOP_FLUSH_COMMAND;
	return bop_of(rq->cmd_flags) == BOP_FLUSH && !owner_filtered() && bop_wanted(BOP_FLUSH_COMMAND) &&
	       dev_wanted(d->dev, d->dev);
}

/*
 * What nearly every request is where the kernel stamps: one bio, done at once,
 * in order, nothing to be told. False: not that, and nothing has been done.
 */
static __always_inline bool complete_plain(struct request *rq, struct bio *bio)
{
	struct bio_slot *b = cfg.bio_slots ? bios_find(address(bio)) : NULL;
	struct rq_slot *r = rqs_find(address(rq));
	struct rq_stamps s = { .d = rq->io_start_time_ns };
	struct gendisk *disk = rq_disk(rq);
	u64 taken, handed;
	struct iop_block_stats *stats;
	u32 bop = bio_bop(bio), dev;
	int row;

	if (!disk || (b ? b->own : owner_filtered()))
		return false;
	dev = disk_dev(disk);
	if (!b && (!bop_wanted(bop) || !dev_wanted(dev, rq_part(rq, dev))))
		return false;
	s.c = bpf_ktime_get_ns();
	s.q = bio_queue_time(bio, s.c);
	s.g = rq_got(rq, s.q);
	if (s.q < enabled_ns || s.g < s.q || s.d < s.g || s.c < s.d)
		return false;
	taken = handed = s.d;
	if (r) {
		s.i = r->i;
		s.p = r->p;
		s.h = r->h;
		s.e = r->e;
		if (r->requeues)
			return false;
		if (s.p)
			taken = s.p;
		if (s.h)
			handed = s.h;
		if ((s.i && (s.i < s.g || taken < s.i)) || taken < s.g || s.d < taken || handed < s.d ||
		    s.c < handed || (s.e && (s.e < handed || s.c < s.e)))
			return false;
	}
	row = row_of(dev, bop);
	stats = row < 0 ? NULL : block_stats_at((u32)row);
	if (!stats)
		return false;
#define ADD(stage, ns) hist_add(&stats->h[(stage) - BLOCK_STAGE_FIRST], ns, ROW_ATOMIC(false))
	ADD(STAGE_Q2G, s.g - s.q);
	ADD(STAGE_G2I, (s.i ? s.i : taken) - s.g);
	if (s.i)
		ADD(STAGE_I2D, taken - s.i);
	if (s.p || s.h)
		ADD(STAGE_DRIVER, handed - taken);
	ADD(STAGE_DEVICE, (s.e ? s.e : s.c) - handed);
	if (s.e)
		ADD(STAGE_COMPLETE, s.c - s.e);
#undef ADD
	hist_add(&stats->h[BLOCK_HIST_TOTAL], s.c - s.q, ROW_ATOMIC(false));
	row_add(&stats->c.count, 1, ROW_ATOMIC(false));
	row_add(&stats->c.bytes, rq->__data_len, ROW_ATOMIC(false));
	if (b) {
		if (TIER(TIER_VFS))
			op_bio_done(b->op, &s, dev, NULL);
		bio_slot_release(b);
	}
	if (r)
		rq_slot_release(r);
	return true;
}

static __always_inline int on_complete(struct request *rq, s16 status, u32 nr_bytes)
{
	u32 scratch = done_here();
	struct bio *bio = rq->bio, *more;
	struct bio_slot *b = NULL;
	struct rq_slot *r;
	struct done *d;

	if (cfg.who)
		who_request_end(address(rq), nr_bytes, status);
	/* done when its last byte is: this hook fires for each part */
	if (nr_bytes < rq->__data_len)
		return on_part_done(rq, nr_bytes);
	if (cfg.kernel_d && !cfg.tell && !cfg.min_lat_ns && bio && bio == rq->biotail && !status &&
	    !bios_in_parts && complete_plain(rq, bio))
		return 0;
	d = done_at(scratch);
	if (!d || !rq_disk(rq))
		return 0;
	done_reset(d, rq);
	d->status = status;
	r = rqs_find(address(rq));
	more = bio && bio != rq->biotail ? bio->bi_next : NULL;
	/* slots of bios are looked for where there can be any */
	if (bios_in_parts)
		b = bios_find(address(rq));
	if (b)
		more = bio;
	else if (bio && (!cfg.kernel_q || cfg.bio_slots || bios_in_parts))
		b = bios_find(address(bio));
	if (done_begun(rq, bio, b, d)) {
		done_stamps(rq, r, d);
		if (more)
			d->merged = chain_done(more, scratch);
		done_account(scratch);
	} else if (more && cfg.bio_slots) {
		chain_done(more, scratch);
	}
	if (b)
		bio_slot_release(b);
	if (r)
		rq_slot_release(r);
	return 0;
}

static __always_inline void bio_account(struct bio *bio, const struct bio_slot *b, u64 now)
{
	u64 begin = b->q ? b->q : bio_queue_time(bio, now), total = now > begin ? now - begin : 0;
	u32 bop = bop_of(bio->bi_opf);
	struct iop_block_stats *r;
	int row;

	if (too_short(total)) {
		count(COUNT_SHORT_RQS);
		return;
	}
	row = row_of(disk_dev(bio_disk(bio)), bop == BOP_WRITE && !b->bytes ? BOP_FLUSH : bop);
	r = row < 0 ? NULL : block_stats_at((u32)row);
	if (!r)
		return;
	/* of what happens inside it only the levels below tell more */
	hist_add(&r->h[STAGE_DEVICE - BLOCK_STAGE_FIRST], total, ROW_ATOMIC(false));
	hist_add(&r->h[BLOCK_HIST_TOTAL], total, ROW_ATOMIC(false));
	row_add(&r->c.count, 1, ROW_ATOMIC(false));
	row_add(&r->c.bytes, b->bytes, ROW_ATOMIC(false));
	if (bio->bi_status)
		row_add(&r->c.errors, 1, ROW_ATOMIC(false));
}

/* What is left of it once it has ended may begin elsewhere. */
static __always_inline u64 bio_sector(struct bio *bio, const struct bio_slot *b)
{
	return bio->bi_iter.bi_size == b->bytes ? bio->bi_iter.bi_sector : -1ull;
}

static __always_inline void level_part_add(const struct op *o, struct bio *bio, const struct bio_slot *b,
					   const struct rq_stamps *s)
{
	struct iop_part *p = part_claim((int)o->index, o->generation);

	if (!p)
		return;
	__builtin_memset(p, 0, sizeof(*p));
	p->rq = address(bio);
	p->no_request = 1;
	p->q_ns = s->q;
	p->c_ns = s->c;
	p->sector = bio_sector(bio, b);
	p->dev = disk_dev(bio_disk(bio));
	p->bytes = b->bytes;
	p->tag = -1;
	p->status = (s16)bio->bi_status;
	p->bop = (u8)bop_of(bio->bi_opf);
}

/*
 * A level without requests (dm, md, zram) is done with a bio of the operation:
 * what none below it has accounted for was this level's own time.
 */
static __always_inline void op_level_done(struct op *o, struct bio *bio, const struct bio_slot *b, u64 now)
{
	struct rq_stamps s = { .q = b->q ? b->q : bio_queue_time(bio, now), .c = now };

	op_request_done(o, &s);
	o->nr_requests++;
	if (cfg.parts)
		level_part_add(o, bio, b, &s);
	/* a request below tells more */
	if (o->dev)
		return;
	o->dev = disk_dev(bio_disk(bio));
	if (cfg.tell)
		o->sector = bio_sector(bio, b);
}

/*
 * A bio ended without a request's completion: that of a device without
 * requests (dm, md, zram), or one that never got any (REQ_NOWAIT and no tag,
 * an error before).
 */
static __always_inline int on_bio_complete(struct bio *bio)
{
	struct bio_slot *b = bios_find(address(bio));
	u64 now = bpf_ktime_get_ns();
	struct op *o;
	bool level, last;

	if (cfg.who)
		who_bio_end(address(bio), bio->bi_status);
	if (!b)
		return 0;
	level = !bio_disk(bio)->queue->mq_ops;
	if (!b->own && level)
		bio_account(bio, b, now);
	o = TIER(TIER_VFS) && b->op ? op_of(b->op) : NULL;
	if (!o) {
		bio_slot_release(b);
		return 0;
	}
	OP_HOLDER(o) = 1;
	if (level)
		op_level_done(o, bio, b, now);
	bio_slot_release(b);
	last = fetch_add_u32(&o->refs, -1) == 1;
	OP_HOLDER(o) = 0;
	if (last && o->via == VIA_AIO && !o->end_seen)
		op_end((int)o->index, now, bio->bi_status ? -1 : (s64)o->len);
	return 0;
}

/* A bio has been queued: where from? Not where the throttle's worker lets it go. */
static __always_inline int on_bio_stack(void *ctx, u64 bio)
{
	struct bio_slot *b = bios_find(bio);
	struct op *o = b && b->op ? op_of(b->op) : NULL;

	if (!o || b->owner.tid != (u32)bpf_get_current_pid_tgid())
		return 0;
	return stack_keep(ctx, (int)o->index, b->op);
}

#define ON_BIO_QUEUE(bio) \
	(cfg.kernel_stack ? on_bio_queue(bio) | on_bio_stack(ctx, address(bio)) : on_bio_queue(bio))

/* ---- the hooks ---- */

HOOK("?tp_btf/writeback_dirty_folio", folio_dirtied, (void *folio, struct address_space *mapping),
     on_dirtied(mapping))
HOOK("?tp_btf/writeback_dirty_page", page_dirtied, (void *page, struct address_space *mapping),
     on_dirtied(mapping))

static __noinline int stacks_queued(void *ctx, u64 address);

/* Only the program itself has the context that a stack is taken by. */
#define BIO_HOOK(call, bio) ((call), cfg.who & WHO_STACKS ? stacks_queued(ctx, address(bio)) : 0)

HOOK("?tp_btf/block_bio_queue", bio_queue, (struct bio *bio), BIO_HOOK(ON_BIO_QUEUE(bio), bio))
HOOK("?fentry/__blk_throtl_bio", bio_throttle, (struct bio *bio), BIO_HOOK(on_bio_throttle(bio), bio))
HOOK("?tp_btf/block_getrq", getrq, (struct bio *bio), on_bio_got(bio))
HOOK("?tp_btf/block_bio_backmerge", bio_backmerge, (struct bio *bio), on_bio_merged(bio, false))
HOOK("?tp_btf/block_bio_frontmerge", bio_frontmerge, (struct bio *bio), on_bio_merged(bio, true))
HOOK("?tp_btf/block_split", bio_split, (struct bio *bio), on_split(bio))
HOOK("?tp_btf/block_bio_complete", bio_complete, (struct request_queue *q, struct bio *bio),
     on_bio_complete(bio))
HOOK("?tp_btf/block_rq_insert", rq_insert, (struct request *rq), on_insert(rq))
HOOK("?tp_btf/block_rq_issue", rq_issue, (struct request *rq), on_issue(rq))
HOOK("?tp_btf/block_rq_requeue", rq_requeue, (struct request *rq), on_requeue(rq))
HOOK("?tp_btf/block_rq_merge", rq_merge, (struct request *rq), on_absorbed(rq))
HOOK("?tp_btf/block_rq_complete", rq_complete, (struct request *rq, int error, unsigned int nr_bytes),
     on_complete(rq, (s16)error, nr_bytes))

/* until 5.10 with the queue, and merges with the request */
HOOK("?tp_btf/block_bio_queue", bio_queue_q, (void *q, struct bio *bio), BIO_HOOK(ON_BIO_QUEUE(bio), bio))
HOOK("?tp_btf/block_getrq", getrq_q, (void *q, struct bio *bio), on_bio_got(bio))
HOOK("?tp_btf/block_bio_backmerge", bio_backmerge_q, (void *q, void *rq, struct bio *bio),
     on_bio_merged(bio, false))
HOOK("?tp_btf/block_bio_frontmerge", bio_frontmerge_q, (void *q, void *rq, struct bio *bio),
     on_bio_merged(bio, true))
HOOK("?tp_btf/block_split", bio_split_q, (void *q, struct bio *bio), on_split(bio))

/* drivers; as raw tracepoints where modules have no BTF (until 5.10) */
HOOK("?tp_btf/nvme_setup_cmd", nvme_setup, (void *rq), on_setup(address(rq)))
HOOK("?raw_tp/nvme_setup_cmd", nvme_setup_raw, (void *rq), on_setup((u64)rq))
HOOK("?tp_btf/scsi_dispatch_cmd_start", scsi_dispatch, (void *cmd), on_handed(address(cmd)))
HOOK("?raw_tp/scsi_dispatch_cmd_start", scsi_dispatch_raw, (void *cmd), on_handed((u64)cmd))
HOOK("?fentry/virtqueue_add_sgs", virtio_add,
     (struct virtqueue *vq, void *sgs, unsigned int out, unsigned int in, void *data),
     on_virtio(vq, address(data)))
/* where modules have no BTF the queue cannot be asked: then a request is known by its issue */
SEC("?kprobe/virtqueue_add_sgs") int BPF_KPROBE(virtio_add_kprobe, void *vq, void *sgs, unsigned int out,
						unsigned int in, void *data)
{
	return ACTIVE() ? on_handed((u64)data) : 0;
}
HOOK("?fentry/blk_mq_complete_request", rq_done, (void *rq), on_done(address(rq)))
HOOK("?fentry/blk_mq_complete_request_remote", rq_done_remote, (void *rq), on_done(address(rq)))
