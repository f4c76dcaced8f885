/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tier block: bio queued (Q), request allocated (G), inserted into the
 * scheduler (I), issued to the driver (D), completed (C).
 *
 * A bio has a slot from Q until its request is first seen (I or D), or, when
 * it was merged into a request, until that request completes. A request has a
 * slot from there to C.
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

static __always_inline struct rq_slot *rq_slot_find(struct request *rq, int *ret_index)
{
	*ret_index = rqs_find(address(rq));
	return *ret_index < 0 ? NULL : rqs_at(*ret_index);
}

/*
 * First sight of a request. Without a bio it is the flush command of the
 * queue (blk_flush_queue.flush_rq) or a passthrough one; with a bio that has
 * no slot it was queued before tracing began.
 */
static __always_inline struct rq_slot *rq_slot_new(struct request *rq, int *ret_index)
{
	struct gendisk *disk = rq_disk(rq);
	struct bio *bio = rq->bio;
	int bi = bio ? bios_find(address(bio)) : -1, index;
	struct bio_slot *b = bi < 0 ? NULL : bios_at(bi);
	struct rq_slot *r;
	u32 bop;

	if (!disk)
		return NULL;
	*ret_index = index = rqs_claim(address(rq));
	r = index < 0 ? NULL : rqs_at(index);
	if (!r) {
		lost(LOSS_BIO_MAP_FULL);
		return NULL;
	}
	bop = bop_of(rq->cmd_flags);
	if (bop == BOP_FLUSH)
		bop = BOP_FLUSH_COMMAND;
	r->s.i = r->s.p = r->s.d = r->s.h = r->s.e = 0;
	r->bio = address(bio);
	r->sector = rq->__sector;
	r->bytes = rq->__data_len;
	r->requeues = r->merged = 0;
	r->requeued = 0;
	r->dev = disk_dev(disk);
	r->bop = bop;
	r->tag = -1;
	r->hctx = 0;
	if (b) {
		/* an empty write is a flush: the bio's operation, not the request's */
		r->bop = bop = b->bop;
		r->s.q = b->q;
		r->s.g = b->g;
		r->s.p = b->p;
		r->op = b->op;
		r->owner = b->owner;
		r->wanted = b->dev != 0;
		r->known = 1;
		bios_release(bi);
	} else {
		r->s.q = r->s.g = r->op = 0;
		r->owner.tgid = r->owner.tid = 0;
		r->owner.comm[0] = '\0';
		r->known = !bio;
		r->wanted = bop == BOP_FLUSH_COMMAND && !owner_filtered() && bop_wanted(bop) &&
			    dev_wanted(r->dev, r->dev);
	}
	r->row = r->wanted ? row_of(r->dev, bop) : -1;
	if (r->wanted)
		count(COUNT_RQ_SEEN);
	return r;
}

/*
 * The slot of a request that is inserted or issued. If it was issued before
 * and not requeued since, that life has ended unseen.
 */
static __always_inline struct rq_slot *rq_slot_get(struct request *rq)
{
	int index;
	struct rq_slot *r = rq_slot_find(rq, &index);

	if (r && r->s.d && !r->requeued) {
		if (r->wanted)
			lost(LOSS_NO_END);
		rqs_release(index);
		r = NULL;
	}
	return r ? r : rq_slot_new(rq, &index);
}

static __always_inline int on_insert(struct request *rq)
{
	struct rq_slot *r = rq_slot_get(rq);

	/* a requeued request is inserted again: the first time counts */
	if (r && !r->s.i && !r->s.d)
		r->s.i = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int on_issue(struct request *rq)
{
	struct rq_slot *r = rq_slot_get(rq);

	if (!r)
		return 0;
	r->requeued = 0;
	if (r->s.d)
		return 0;
	r->s.d = bpf_ktime_get_ns();
	r->bytes = rq->__data_len;	/* merges may have come since the insert */
	r->sector = rq->__sector;
	r->tag = rq->tag;
	r->hctx = rq->mq_hctx ? rq->mq_hctx->queue_num : 0;
	return 0;
}

/*
 * The driver begins to prepare the command. nvme does before it reports the
 * issue (blk_mq_start_request), and anew after it was short of something.
 */
static __always_inline int on_setup(u64 key)
{
	struct request *rq = (struct request *)key;
	int index = rqs_find(key), bi;
	struct rq_slot *r = index < 0 ? NULL : rqs_at(index);
	struct bio_slot *b;

	/* left over from a life whose end was not seen */
	if (r && r->s.d && !r->requeued)
		r = NULL;
	if (r) {
		if (!r->s.d)
			r->s.p = bpf_ktime_get_ns();
		return 0;
	}
	bi = bios_find((u64)BPF_CORE_READ(rq, bio));
	b = bi < 0 ? NULL : bios_at(bi);
	if (b)
		b->p = bpf_ktime_get_ns();
	return 0;
}

/*
 * Handed to the device. @pdu is the driver's own part of a request, which lies
 * behind it: struct scsi_cmnd, struct virtblk_req.
 */
static __always_inline int on_handed(u64 pdu)
{
	int index = rqs_find(pdu - bpf_core_type_size(struct request));
	struct rq_slot *r = index < 0 ? NULL : rqs_at(index);

	if (r && r->s.d && !r->s.h)
		r->s.h = bpf_ktime_get_ns();
	return 0;
}

/* The driver says that it is done, most often in the interrupt; the last time counts. */
static __always_inline int on_done(u64 rq)
{
	int index = rqs_find(rq);
	struct rq_slot *r = index < 0 ? NULL : rqs_at(index);

	if (r && r->s.d)
		r->s.e = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int on_requeue(struct request *rq)
{
	int index;
	struct rq_slot *r = rq_slot_find(rq, &index);

	if (r) {
		r->requeues++;
		r->requeued = 1;
		r->s.e = 0;
	}
	return 0;
}

/* @rq is absorbed by another and will never complete; its bios live on there. */
static __always_inline int on_absorbed(struct request *rq)
{
	int index;
	struct rq_slot *r = rq_slot_find(rq, &index);
	struct bio_slot *b;

	if (!r)
		return 0;
	b = bio_slot_new(r->bio);
	if (b) {
		b->q = r->s.q;
		b->g = r->s.g;
		b->p = 0;
		b->op = r->op;
		b->owner = r->owner;
		b->dev = r->wanted ? r->dev : 0;
		b->bop = r->bop;
		b->bio_based = 0;
	}
	if (r->wanted)
		count_add(COUNT_RQ_SEEN, -1ull);
	rqs_release(index);
	return 0;
}

/* ---- completion ---- */

static __always_inline void row_account(const struct rq_slot *s)
{
	struct iop_block_stats *r = block_stats_at((u32)s->row);
	u64 begin = rq_begin(s);

	if (!r)
		return;
#pragma unroll
	for (int i = BLOCK_STAGE_FIRST; i <= BLOCK_STAGE_LAST; i++) {
		u64 ns = stage_of(s, i);

		if (ns != -1ull)
			hist_add(&r->h[i - BLOCK_STAGE_FIRST], ns, ROW_ATOMIC(false));
	}
	if (begin)
		hist_add(&r->h[BLOCK_HIST_TOTAL], s->s.c - begin, ROW_ATOMIC(false));
	row_add(&r->c.count, 1, ROW_ATOMIC(false));
	row_add(&r->c.bytes, s->bytes, ROW_ATOMIC(false));
	if (s->status)
		row_add(&r->c.errors, 1, ROW_ATOMIC(false));
	if (s->requeues)
		row_add(&r->c.requeues, s->requeues, ROW_ATOMIC(false));
	if (s->merged)
		row_add(&r->c.bios, s->merged, ROW_ATOMIC(false));
}

__global_fn int rq_emit(int index, int tell)
{
	const struct rq_slot *r = rqs_at(index);
	struct iop_slow *e;
	u32 stages = 0;

	if (!r)
		return 0;
	e = slow_reserve();
	if (!e)
		return 0;
	e->start_ns = rq_begin(r);
	e->total_ns = r->s.c - e->start_ns;
	for (int i = 0; i < NR_STAGES; i++)
		e->stage_ns[i] = 0;
#pragma unroll
	for (int i = BLOCK_STAGE_FIRST; i <= BLOCK_STAGE_LAST; i++) {
		u64 ns = stage_of(r, i);

		if (ns == -1ull)
			continue;
		e->stage_ns[i] = ns;
		stages |= 1u << i;
	}
	e->stages = stages;
	e->bytes = r->bytes;
	e->offset = e->ino = 0;
	e->sector = r->sector;
	e->result = r->status;
	e->resched_ns = 0;
	e->dev = r->dev;
	e->file_dev = 0;
	e->flags = SLOW_REQUEST | (tell == TELL_SAMPLE ? SLOW_SAMPLE : 0);
	e->tgid = r->owner.tgid;
	e->tid = r->owner.tid;
	e->nr_requests = 1;
	e->tag = r->tag;
	e->hctx = r->hctx;
	e->kind = r->bop;
	e->via = 0;
	e->path_len = 0;
	__builtin_memcpy(e->comm, r->owner.comm, IOP_COMM_LEN);
	slow_submit(e);
	return 0;
}

/* The operation of one bio learns that its request completed. */
static __always_inline void op_bio_done(u64 handle, const struct rq_stamps *s,
					const struct rq_slot *r)
{
	int index;
	struct op *o = handle ? op_of(handle, &index) : NULL;

	if (!o)
		return;
	op_request_done(o, s);
	o->nr_requests++;
	o->sector = r->sector;
	o->dev = r->dev;
	o->tag = r->tag;
	o->hctx = r->hctx;
	/* libaio has no end of its own to hook: the last bio is it */
	if (fetch_add_u32(&o->refs, -1) == 1 && o->via == VIA_AIO && !o->end_seen)
		op_end(index, s->c, (s64)o->len);
}

/* A bio that was merged into the request, perhaps of another operation. */
__global_fn int merged_done(u64 bio, int rq_index)
{
	struct rq_slot *r = rqs_at(rq_index);
	struct bio_slot *b;
	struct rq_stamps s;
	int index;

	if (!r || bio == r->bio)
		return 0;
	r->merged++;
	index = bios_find(bio);
	b = index < 0 ? NULL : bios_at(index);
	if (!b)
		return 0;
	s = r->s;
	s.q = b->q;
	s.g = b->g;
	if (TIER(TIER_VFS))
		op_bio_done(b->op, &s, r);
	bios_release(index);
	return 0;
}

static __always_inline void chain_done(struct request *rq, int rq_index)
{
	struct bio *bio = rq->bio;

	for (int i = 0; i < MAX_CHAIN && bio; i++) {
		merged_done(address(bio), rq_index);
		bio = bio->bi_next;
	}
	if (bio)
		lost(LOSS_CHAIN_LONG);
}

/*
 * Without a slot and without a bio that has one, the request began before
 * tracing, or it is the second completion of a flush sequence whose data
 * completed before (block/blk-flush.c), which is of no interest.
 */
static __always_inline void rq_unknown(struct request *rq)
{
	struct gendisk *disk = rq_disk(rq);

	if (!disk || !rq->__data_len || owner_filtered() || cfg.bop_mask ||
	    !dev_wanted(disk_dev(disk), disk_dev(disk)))
		return;
	if (rq->start_time_ns && rq->start_time_ns < enabled_ns)
		count(COUNT_RQ_AT_START);
	else
		lost(LOSS_NO_START);
}

static __always_inline int on_complete(struct request *rq, s16 status, u32 nr_bytes)
{
	int index;
	struct rq_slot *r;

	if (cfg.who)
		who_request_end(address(rq), nr_bytes, status);
	/* done when its last byte is: this hook fires for each part */
	if (nr_bytes < rq->__data_len)
		return 0;
	r = rq_slot_find(rq, &index);
	if (!r) {
		/*
		 * Never issued: a flush-only bio, which waits for the queue's
		 * own flush command, or one that failed early.
		 */
		if (!rq->bio || bios_find(address(rq->bio)) < 0) {
			rq_unknown(rq);
			return 0;
		}
		r = rq_slot_new(rq, &index);
		if (!r)
			return 0;
	}
	r->s.c = bpf_ktime_get_ns();
	r->status = status;
	if (!r->known)
		rq_unknown(rq);
	if (rq->bio != rq->biotail)
		chain_done(rq, index);
	stamps_order(&r->s);
	if (TIER(TIER_VFS))
		op_bio_done(r->op, &r->s, r);
	if (r->wanted && rq_begin(r) && too_short(r->s.c - rq_begin(r))) {
		count(COUNT_SHORT_RQS);
	} else if (r->wanted) {
		if (r->row >= 0)
			row_account(r);
		/* one that belongs to an operation is told with it */
		if ((cfg.threshold_ns || cfg.sample) && rq_begin(r) && (!TIER(TIER_VFS) || !r->op)) {
			int tell = to_tell(r->s.c - rq_begin(r));

			if (tell)
				rq_emit(index, tell);
		}
	}
	rqs_release(index);
	return 0;
}

static __always_inline void bio_account(const struct bio_slot *b, u64 now, bool error)
{
	int row = row_of(b->dev, b->bop);
	struct iop_block_stats *r = row < 0 ? NULL : block_stats_at((u32)row);

	count(COUNT_RQ_SEEN);
	if (too_short(now - b->q)) {
		count(COUNT_SHORT_RQS);
		return;
	}
	if (!r)
		return;
	hist_add(&r->h[BLOCK_HIST_TOTAL], now > b->q ? now - b->q : 0, ROW_ATOMIC(false));
	row_add(&r->c.count, 1, ROW_ATOMIC(false));
	row_add(&r->c.bytes, b->bytes, ROW_ATOMIC(false));
	if (error)
		row_add(&r->c.errors, 1, ROW_ATOMIC(false));
}

/*
 * A bio ended without a request's completion: that of a device without
 * requests (dm, md, zram), or one that never got any (REQ_NOWAIT and no tag,
 * an error before).
 */
static __always_inline int on_bio_complete(struct bio *bio)
{
	int index = bios_find(address(bio));
	struct bio_slot *b = index < 0 ? NULL : bios_at(index);
	u64 now = bpf_ktime_get_ns(), handle;
	bool error = bio->bi_status;
	struct op *o;

	if (cfg.who)
		who_bio_end(address(bio), error);
	if (!b)
		return 0;
	handle = b->op;
	if (b->bio_based && b->dev)
		bio_account(b, now, error);
	bios_release(index);
	o = TIER(TIER_VFS) && handle ? op_of(handle, &index) : NULL;
	if (o && fetch_add_u32(&o->refs, -1) == 1 && o->via == VIA_AIO && !o->end_seen)
		op_end(index, now, error ? -1 : (s64)o->len);
	return 0;
}

/* ---- the hooks ---- */

HOOK("?tp_btf/block_bio_queue", bio_queue, (struct bio *bio), on_bio_queue(bio))
HOOK("?fentry/__blk_throtl_bio", bio_throttle, (struct bio *bio), on_bio_throttle(bio))
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
HOOK("?tp_btf/block_bio_queue", bio_queue_q, (void *q, struct bio *bio), on_bio_queue(bio))
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
/* virtio_blk gives its part of the request as the token of the buffers */
HOOK("?fentry/virtqueue_add_sgs", virtio_add, (void *vq, void *sgs, unsigned int out, unsigned int in, void *data),
     on_handed(address(data)))
SEC("?kprobe/virtqueue_add_sgs") int BPF_KPROBE(virtio_add_kprobe, void *vq, void *sgs, unsigned int out,
						unsigned int in, void *data)
{
	return ACTIVE() ? on_handed((u64)data) : 0;
}
HOOK("?fentry/blk_mq_complete_request", rq_done, (void *rq), on_done(address(rq)))
HOOK("?fentry/blk_mq_complete_request_remote", rq_done_remote, (void *rq), on_done(address(rq)))
