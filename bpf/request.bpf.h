/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of tier block, from the first stamp of our own until they complete. */
#ifndef IOPATH_REQUEST_H
#define IOPATH_REQUEST_H

#include "bio-fate.bpf.h"
#include "stamps.bpf.h"

SLOT_TABLE(rqs, struct rq_slot);

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
	r->joined = 0;
	r->cloned = 0;
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
	b = r->bio && !r->cloned && !cfg.kernel_q ? bios_find(r->bio) : NULL;
	/* its bio's slot, unless that is another's already: bio_slot_new() has told then */
	if (b && b->q < r->d) {
		if (!b->own)
			lost(LOSS_NO_END);
		bio_slot_release(b);
	} else if (r->bop != BOP_OTHER && (r->cloned || !r->bio)) {
		lost(LOSS_NO_END);
	}
	rq_slot_clear(r);
	return r;
}

/* Stamps are taken first of all: what a program does is not in the stage that it ends. */
static __always_inline int on_insert(struct request *rq)
{
	u64 now = bpf_ktime_get_ns();
	struct rq_slot *r = rq_slot_begin(rq);

	if (!r)
		return 0;
	/* the kernel's stamps begin the life, and no issue is seen that would end an older one */
	if (cfg.kernel_g && r->i < rq->start_time_ns)
		r->i = 0;
	/* a requeued request is inserted again: the first time counts */
	if (!r->i && !r->d)
		r->i = now;
	if (!cfg.kernel_d)
		r->bio = address(rq->bio);
	return 0;
}

/* It has no bio that a filter has been asked for. */
static __always_inline bool flush_command_wanted(struct request *rq, u32 dev)
{
	return bop_of(rq->cmd_flags) == BOP_FLUSH && !owner_filtered() && bop_wanted(BOP_FLUSH_COMMAND) &&
	       dev_wanted(dev, dev);
}

/* Made by the device mapper of a request of its own (multipath): its bios were queued above alone. */
static __always_inline bool rq_cloned(struct request *rq)
{
	return cfg.fn_end[END_DM_REQUEST] && rq->bio && address(rq->bio->bi_end_io) == cfg.fn_end[END_DM_REQUEST];
}

/* Whose it is was asked when the bio above was queued: @a is the slot of that. */
static __always_inline bool clone_wanted(struct request *rq, const struct bio_slot *a, u32 dev)
{
	return !(a && a->own) && (a || !owner_filtered()) && bop_wanted(bio_bop(rq->bio)) &&
	       dev_wanted(dev, rq_part(rq, dev));
}

/* A clone that was not taken is given up, and another may come in its place: that begins anew. */
static __always_inline void clone_issued(struct rq_slot *r, u64 above)
{
	if (r->d && (!r->cloned || r->bio != above)) {
		r->i = r->d = r->h = r->e = 0;
		r->requeues = 0;
	}
	r->cloned = 1;
	r->joined = 0;
	r->bio = above;
}

/* What says whose a request is; true: it is the first time that this life of it is issued. */
static __always_inline bool rq_issued(struct request *rq, struct rq_slot *r)
{
	u64 bio = address(rq->bio);
	u32 dev = rq_disk(rq) ? disk_dev(rq_disk(rq)) : 0;

	r->requeued = 0;
	if (rq_cloned(rq)) {
		bio = bio_made_of(bio);
		clone_issued(r, bio);
		r->bop = clone_wanted(rq, bio ? bios_find(bio) : NULL, dev) ? bio_bop(rq->bio) : BOP_OTHER;
	} else {
		/* a clone that was given up had this tag */
		if (r->cloned)
			rq_slot_clear(r);
		if (r->d)
			return false;
		if (r->bio && r->bio != bio)
			r->joined = 1;
		r->bio = bio;
		r->bop = flush_command_wanted(rq, dev) ? BOP_FLUSH_COMMAND : BOP_OTHER;
	}
	r->dev = dev;
	return !r->d;
}

static __always_inline int on_issue(struct request *rq)
{
	u64 now = bpf_ktime_get_ns();
	struct rq_slot *r = rq_slot_begin(rq);

	if (!r || !rq_issued(rq, r))
		return 0;
	r->d = now;
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
	u64 now = bpf_ktime_get_ns();
	struct rq_slot *r = rq_slot_get(rq);

	if (!r)
		return 0;
	/* left over from a life whose end was not seen: the issue will say so */
	if (r->d && !r->requeued)
		return 0;
	r->p = now;
	return 0;
}

/*
 * Handed to the device. @pdu is the driver's own part of a request, which lies
 * behind it: struct scsi_cmnd, struct virtblk_req.
 */
static __always_inline int on_handed(u64 pdu)
{
	u64 now = bpf_ktime_get_ns(), rq = pdu - bpf_core_type_size(struct request);
	struct rq_slot *r = cfg.kernel_d ? rq_slot_get(rq) : rqs_find(rq);

	if (r && (cfg.kernel_d || (r->d && !r->h)))
		r->h = now;
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
	u64 now = bpf_ktime_get_ns();
	struct rq_slot *r = cfg.kernel_d ? rq_slot_get(rq) : rqs_find(rq);

	if (r && (cfg.kernel_d || r->d))
		r->e = now;
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

#endif
