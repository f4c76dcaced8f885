/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bios of tier block, from Q until their request takes over: queued, given a
 * request, merged, split; and which operation each is part of.
 */
#ifndef IOPATH_BIO_H
#define IOPATH_BIO_H

#include "wanted.bpf.h"

SLOT_TABLE(bios, struct bio_slot);

/* who.bpf.h */
int who_bio_queued(u64 address, u64 op, u64 q, u32 dev, u32 bop);
int who_bio_end(u64 address, int error);
static __always_inline void who_request_end(u64 request, u32 bytes, int error);

static __always_inline u32 bop_of(u32 opf)
{
	return cfg.bop_of[opf & (NR_REQ_OPS - 1)];
}

static __always_inline bool bop_wanted(u32 bop)
{
	return !cfg.bop_mask || cfg.bop_mask & 1u << (bop & 31);
}

/* Until 5.11 a bio named its disk; the partition is no longer known when it is queued. */
static __always_inline struct gendisk *bio_disk(struct bio *bio)
{
	struct bio___old *old = (struct bio___old *)bio;

	if (bpf_core_field_exists(bio->bi_bdev))
		return bio->bi_bdev->bd_disk;
	return old->bi_disk;
}

static __always_inline u32 bio_part(struct bio *bio, u32 dev)
{
	return bpf_core_field_exists(bio->bi_bdev) ? bio->bi_bdev->bd_dev : dev;
}

static __always_inline struct bio_slot *bio_slot_new(u64 key)
{
	int index = bios_claim(key);

	if (index < 0) {
		lost(LOSS_BIO_MAP_FULL);
		return NULL;
	}
	return bios_at(index);
}

/*
 * Direct I/O that completes asynchronously belongs to the request that the bio
 * leads to, not to the call that the task is in: io_submit carries many.
 * Sources: iomap_dio_bio_end_io, blkdev_bio_end_io_async, blkdev_bio_end_io.
 */
static __always_inline u64 bio_kiocb(struct bio *bio)
{
	u64 end_io = address(bio->bi_end_io);
	struct kiocb *iocb = NULL;

	if (!end_io)
		return 0;
	if (end_io == cfg.fn_iomap_end_io) {
		struct iomap_dio *dio = bio->bi_private;

		iocb = BPF_CORE_READ(dio, iocb);
	} else if (end_io == cfg.fn_blkdev_end_io_async) {
		struct blkdev_dio *dio = container_of(bio, struct blkdev_dio, bio);

		bpf_core_read(&iocb, sizeof(iocb), &dio->iocb);
	} else if (end_io == cfg.fn_blkdev_end_io) {
		struct blkdev_dio *dio = bio->bi_private;

		iocb = BPF_CORE_READ(dio, iocb);
	}
	return (u64)iocb;
}

/*
 * The operation that a bio being queued is part of: the system call that the
 * task is in; else the request that the bio leads to; else the one that the
 * task is submitting, or works on.
 */
static __always_inline u64 bio_op(struct bio *bio, const struct owner *who)
{
	int index = ops_find(TID_KEY(who->tid));
	struct op *o = index < 0 ? NULL : ops_at(index), *batch = o;
	u64 iocb = 0;

	if (!o || op_is_batch(o)) {
		iocb = bio_kiocb(bio);
		/* struct io_kiocb begins with the struct kiocb */
		index = iocb ? ops_find(iocb) : -1;
		if (index < 0 && iocb && batch && batch->kind == KIND_AIO_BATCH) {
			struct aio_kiocb *aio = (struct aio_kiocb *)iocb;

			index = ops_find(aio_key(who->tgid, BPF_CORE_READ(aio, ki_res.obj)));
		}
		o = index < 0 ? op_of_task(current_task(), &index) : ops_at(index);
	}
	if (!o || !o->t0) {
		count(COUNT_UNTIED_BIOS);
		return 0;
	}
	o->nr_bios++;
	fetch_add_u32(&o->refs, 1);
	op_want(o);
	/* aio_complete_rw() knows the kiocb alone, and runs on top of any task */
	if (aio_end_hooked && o->via == VIA_AIO && iocb && !o->end_seen) {
		o->end_seen = 1;
		op_alias(ALIAS_KEY(iocb), op_handle(o, index));
	}
	return op_handle(o, index);
}

/* Set once the block throttle was asked about a bio. */
u32 throttle_in_use = 0;

static __always_inline int bio_queued(struct bio *bio, bool held)
{
	u64 now = bpf_ktime_get_ns();
	struct gendisk *disk = bio_disk(bio);
	u32 dev = disk_dev(disk), bop = bop_of(bio->bi_opf);
	struct bio_slot *b;
	struct owner who;

	/* an empty write is the flush that a flush bio asks for */
	if (bop == BOP_WRITE && !bio->bi_iter.bi_size)
		bop = BOP_FLUSH;
	owner_get(&who);
	if (!bio_owner_wanted(bio, &who) || !bop_wanted(bop) || !dev_wanted(dev, bio_part(bio, dev)) ||
	    (files_filtered() && !bio_of_wanted_file(address(bio), bio_kiocb(bio)))) {
		if (!held)
			count(COUNT_FILTERED);
		return 0;
	}
	/* keeps its slot, so that its completion is not taken for one unseen */
	if (bio_is_own(bio, &who, bop)) {
		count(COUNT_EXCLUDED);
		dev = 0;
	}
	b = bio_slot_new(address(bio));
	if (!b)
		return 0;
	b->q = now;
	b->g = b->p = 0;
	b->owner = who;
	b->dev = dev;
	b->bop = bop;
	b->bytes = bio->bi_iter.bi_size;
	b->held = held;
	b->bio_based = !disk->queue->mq_ops;
	b->op = TIER(TIER_VFS) && dev ? bio_op(bio, &who) : 0;
	if (cfg.who && dev)
		who_bio_queued(address(bio), b->op, now, dev, bop);
	return 0;
}

/* Queued already, as far as its owner is concerned: on_bio_throttle(). */
static __always_inline bool bio_was_held(struct bio *bio)
{
	int index = bios_find(address(bio));
	struct bio_slot *b = index < 0 ? NULL : bios_at(index);
	bool held = b && b->held;

	if (held)
		b->held = 0;
	return held;
}

static __always_inline int on_bio_queue(struct bio *bio)
{
	return throttle_in_use && bio_was_held(bio) ? 0 : bio_queued(bio, false);
}

/*
 * The throttle (io.max) is asked whether the bio may pass. If not, a kernel
 * worker will queue it, and by then its wait is over: it is queued now.
 */
static __always_inline int on_bio_throttle(struct bio *bio)
{
	throttle_in_use = 1;
	/* the rest of one that was split is asked about again */
	return bios_find(address(bio)) >= 0 ? 0 : bio_queued(bio, true);
}

/* G: the bio got a request. */
static __always_inline int on_bio_got(struct bio *bio)
{
	int index = bios_find(address(bio));
	struct bio_slot *b = index < 0 ? NULL : bios_at(index);

	if (b)
		b->g = bpf_ktime_get_ns();
	return 0;
}

/*
 * Merged into a request that had been allocated. At the back of it, a bio of
 * no operation needs no slot any more; at the front, it becomes the one by
 * which the request is known.
 */
static __always_inline int on_bio_merged(struct bio *bio, bool front)
{
	int index = bios_find(address(bio));
	struct bio_slot *b = index < 0 ? NULL : bios_at(index);

	if (!b)
		return 0;
	if (b->dev)
		count(COUNT_MERGED_BIOS);
	if (!front && !b->op)
		bios_release(index);
	else
		b->g = bpf_ktime_get_ns();
	return 0;
}

/* @bio is the front part of a larger one, which stays for the rest. */
static __always_inline int on_split(struct bio *bio)
{
	int index = bios_find(address(bio->bi_private));
	struct bio_slot *whole = index < 0 ? NULL : bios_at(index), *b;
	struct op *o;

	if (!whole)
		return 0;
	b = bio_slot_new(address(bio));
	if (!b)
		return 0;
	*b = *whole;
	o = b->op ? op_of(b->op, &index) : NULL;
	if (o) {
		o->nr_bios++;
		fetch_add_u32(&o->refs, 1);
	}
	return 0;
}

#endif
