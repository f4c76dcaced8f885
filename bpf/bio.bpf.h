/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bios of tier block, from Q until they end: which operation each is part of,
 * whose it is, and the stamps that the kernel does not keep. Where it keeps
 * them (tracer/stamp.h) only a bio of an operation, or one that must be told
 * apart, has a slot.
 */
#ifndef IOPATH_BIO_H
#define IOPATH_BIO_H

#include "above.bpf.h"
#include "kiocb.bpf.h"
#include "wanted.bpf.h"
#include "who.h"

SLOT_TABLE(bios, struct bio_slot);

/* who.bpf.h */
int who_bio_queued(u64 address, u64 op, u64 q, u32 dev, u32 bop);
int who_bio_end(u64 address, int error);
static __always_inline void who_request_end(u64 request, u32 bytes, int error);

/* Bios that were split or held back, and requests that complete in parts: their stamps are not the kernel's. */
u32 bios_in_parts = 0;

/* Bios have had slots from when they got a request on (on_bio_got()). */
u32 bios_late = 0;

static __always_inline void bio_slot_part(struct bio_slot *b)
{
	if (b->part)
		return;
	b->part = 1;
	__sync_fetch_and_add(&bios_in_parts, 1);
}

/* From when they are queued, or later. */
static __always_inline bool bios_have_slots(void)
{
	return cfg.bio_slots || (cfg.late_g && bios_late);
}

static __always_inline void bio_slot_release(struct bio_slot *b)
{
	if (b->part)
		__sync_fetch_and_add(&bios_in_parts, -1);
	b->live = 0;
	bios_release(b);
}

static __always_inline u32 bop_of(u32 opf)
{
	return cfg.bop_of[opf & (NR_REQ_OPS - 1)];
}

static __always_inline u8 bio_write_flags(struct bio *bio)
{
	u32 opf = bio->bi_opf;

	return (opf & 1u << bpf_core_enum_value(enum req_flag_bits, __REQ_FUA) ? WRITE_FUA : 0) |
	       (opf & 1u << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH) ? WRITE_PREFLUSH : 0);
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

/*
 * When a bio was queued, as the kernel keeps it (include/linux/blk_types.h,
 * struct bio_issue): the lower 51 bits of the time. 0: not stamped.
 */
#define BIO_ISSUE_BITS 51

#define BIO_ISSUE_MASK ((1ull << BIO_ISSUE_BITS) - 1)

static __always_inline u64 bio_issue_time(u64 value, u64 now)
{
	u64 low = value & BIO_ISSUE_MASK, t = (now & ~BIO_ISSUE_MASK) | low;

	if (!low)
		return 0;
	return t > now ? t - (1ull << BIO_ISSUE_BITS) : t;
}

static __always_inline u64 bio_queue_time(struct bio *bio, u64 now)
{
	return bpf_core_field_exists(bio->bi_issue) ? bio_issue_time(bio->bi_issue.value, now) : 0;
}

static __always_inline struct bio_slot *bio_slot_new(u64 key)
{
	u32 index;
	struct bio_slot *b = bios_claim(key, &index);

	if (!b) {
		lost(LOSS_BIO_MAP_FULL);
		return NULL;
	}
	/* left over from a life whose end was not seen */
	if (b->live && !b->own)
		lost(LOSS_NO_END);
	if (b->live && b->part)
		__sync_fetch_and_add(&bios_in_parts, -1);
	b->live = 1;
	b->part = 0;
	return b;
}

/* The same of one that the kernel does not vouch for. */
static __always_inline u64 bio_queue_time_at(u64 bio_at, u64 now)
{
	struct bio *bio = (struct bio *)bio_at;

	return bpf_core_field_exists(bio->bi_issue) ? bio_issue_time(BPF_CORE_READ(bio, bi_issue.value), now) : 0;
}

static __always_inline u64 bio_kiocb(struct bio *bio)
{
	u64 end_io = address(bio->bi_end_io);

	return end_io ? KIOCB_OF(cfg.direct, bio, end_io, bio->bi_private) : 0;
}

/* The request that an asynchronous bio leads to. */
static __always_inline struct op *bio_request_op(struct bio *bio, const struct op *batch)
{
	u64 iocb = bio_kiocb(bio);
	/* struct io_kiocb begins with the struct kiocb */
	struct op *o = iocb ? ops_find(iocb) : NULL;

	if (o || !iocb || !batch || batch->kind != KIND_AIO_BATCH)
		return o;
	o = ops_find(aio_key_of(iocb));
	if (o)
		aio_end_alias(o, iocb);
	return o;
}

/* A worker of io_uring or of the device mapper, or a polling thread, may queue its bios. It may be gone when that is told. */
static __always_inline void op_submitter(struct op *o)
{
	u64 id = bpf_get_current_pid_tgid();

	if ((u32)id == o->owner.tid || (u32)id == o->submitter.tid)
		return;
	o->submitter.tid = (u32)id;
	o->submitter.tgid = (u32)(id >> 32);
	comm_get(current_task(), o->submitter.comm);
}

/* One bio more is under way for it; its handle. */
static __always_inline u64 op_takes_bio(struct op *o)
{
	if (cfg.tell)
		op_submitter(o);
	o->nr_bios++;
	fetch_add_u32(&o->refs, 1);
	o->dev_wanted = 1;
	return op_handle(o);
}

/*
 * The operation that a bio being queued is part of: the system call that the
 * task is in; else the request that it is submitting, or works on, where a
 * hook in the file system has said which; else the one that the bio leads to.
 */
static __always_inline u64 bio_op(struct bio *bio, const struct task_struct *task)
{
	struct op *o = ops_find(TID_KEY(LOAD(task, pid))), *batch = o;

	if (!o || op_is_batch(o)) {
		o = batch && batch->in_fs ? ops_find(batch->current_key) : NULL;
		if (!o)
			o = bio_request_op(bio, batch);
		if (!o)
			o = op_of_task(task);
	}
	return o && o->t0 ? op_takes_bio(o) : 0;
}

/*
 * What a worker of the device mapper queues belongs to the operation of the bio
 * above. What has passed since that one was queued is the level's own time.
 */
static __always_inline u64 bio_op_below(u64 above, const struct bio_slot *a)
{
	struct op *o = a->op ? op_of(a->op) : NULL;
	u64 now, from, q;

	if (!o)
		return 0;
	OP_HOLDER(o) = 1;
	now = bpf_ktime_get_ns();
	from = op_claim(o, now);
	if (from) {
		q = clamp_ns(a->q ? a->q : bio_queue_time_at(above, now), from, now);
		op_give_cpu(o, STAGE_SUBMIT, q - from);
		op_give(o, STAGE_DEVICE, now - q);
	}
	OP_HOLDER(o) = 0;
	return op_takes_bio(o);
}

#define LEVELS_BETWEEN 4	/* that queue nothing of their own */

/* The nearest bio that was queued of those that @bio is made of; 0: of none. */
__global_fn u64 bio_above(u64 bio)
{
	for (int i = 0; i < LEVELS_BETWEEN; i++) {
		bio = bio_made_of(bio);
		if (!bio || bios_find(bio))
			return bio;
	}
	return 0;
}

/* The slot of the bio above and *@ret_above where it is; NULL: the task itself queues what it was asked for. */
static __always_inline struct bio_slot *bio_asked_above(struct bio *bio, const struct task_struct *task,
							u64 *ret_above)
{
	u64 end_io = address(bio->bi_end_io);

	/* what was split off belongs to the same level */
	if (!end_io || end_io == cfg.fn_end[END_CHAIN] || !(LOAD(task, flags) & PF_KTHREAD))
		return NULL;
	*ret_above = bio_above(address(bio));
	return *ret_above ? bios_find(*ret_above) : NULL;
}

static __always_inline u32 bio_bop(struct bio *bio)
{
	u32 bop = bop_of(bio->bi_opf);

	/* an empty write is the flush that a flush bio asks for */
	return bop == BOP_WRITE && !bio->bi_iter.bi_size ? BOP_FLUSH : bop;
}

/*
 * Where it is queued. The device's address is one load, its number four: they
 * are made when it ends, of what is not a request's alone (bio_slot_dev()).
 */
static __always_inline void bio_slot_disk(struct bio_slot *b, struct bio *bio, bool tell)
{
	if (!tell && cfg.kernel_q && bpf_core_field_exists(bio->bi_bdev)) {
		b->bdev = address(bio->bi_bdev);
		b->dev = 0;
		return;
	}
	b->dev = disk_dev(bio_disk(bio));
	b->bop = bio_bop(bio);
}

static __always_inline u32 bio_slot_dev(const struct bio_slot *b)
{
	struct block_device *bdev = (struct block_device *)b->bdev;
	struct gendisk *disk;

	if (b->dev || !bpf_core_field_exists(bdev->bd_disk))
		return b->dev;
	disk = BPF_CORE_READ(bdev, bd_disk);
	return (u32)BPF_CORE_READ(disk, major) << 20 | (u32)BPF_CORE_READ(disk, first_minor);
}

static __always_inline bool bio_filtered(void)
{
	return owner_filtered() || cfg.bop_mask || cfg.nr_devs;
}

/* @above: whose it is was asked there. */
static __always_inline bool bio_wanted(struct bio *bio, const struct task_struct *task, bool above)
{
	u32 dev = disk_dev(bio_disk(bio));

	return (above || bio_owner_wanted(bio, task)) && bop_wanted(bio_bop(bio)) &&
	       dev_wanted(dev, bio_part(bio, dev)) &&
	       (above || !files_filtered() || bio_of_wanted_file(address(bio), bio_kiocb(bio)));
}

/* Its own; else the dirtier's, or who asked the level above for it. */
static __always_inline void bio_set_owner(struct bio_slot *b, struct bio *bio, struct task_struct *task,
					  const struct bio_slot *above)
{
	owner_get(&b->owner, task);
	b->submitter = 0;
	if (!above) {
		b->submitter = !b->op ? bio_initiator(bio, task, &b->owner) : 0;
	} else if (above->owner.tid) {
		b->submitter = b->owner.tid;
		b->owner = above->owner;
	}
}

/*
 * A bio of the operation found no slot: it ends unseen, and is not waited for.
 * Where the last bio is the operation's end, so does that; other bios may be at
 * it, so that it stays until its key comes again.
 */
static __noinline int bio_without_slot(u64 op)
{
	struct op *o = op ? op_of(op) : NULL;

	if (!o)
		return 0;
	fetch_add_u32(&o->refs, -1);
	if (o->via != VIA_AIO || o->end_seen)
		return 0;
	lost(LOSS_NO_OP_END);
	o->end_seen = 1;
	o->dev_wanted = 0;
	if (o->nr_bios == 1)
		op_drop(o);
	return 0;
}

/* Set once the block throttle was asked about a bio. */
u32 throttle_in_use = 0;

/* @held: it comes to the throttle, and may be queued by somebody else, later. */
static __always_inline int bio_queued(struct bio *bio, bool held)
{
	u64 now = cfg.kernel_q && !held && !cfg.who ? 0 : bpf_ktime_get_ns();
	struct task_struct *task = current_task();
	struct bio_slot *b, *above;
	u64 op, above_at = 0;
	bool own;

	above = bio_asked_above(bio, task, &above_at);
	if (bio_filtered() && !bio_wanted(bio, task, above)) {
		if (!held)
			count(COUNT_FILTERED);
		return 0;
	}
	/* the tracer is in no operation */
	op = !TIER(TIER_VFS) ? 0 : above ? bio_op_below(above_at, above) : bio_op(bio, task);
	own = above ? above->own : !op && bio_is_own(bio, task);
	if (TIER(TIER_VFS) && !op && !own)
		count(COUNT_UNTIED_BIOS);
	if (cfg.who && !own)
		who_bio_queued(address(bio), op, now, disk_dev(bio_disk(bio)),
			       bio_bop(bio) | (above ? WHO_NESTED : 0));
	/* nothing that the kernel does not tell when the request completes */
	if (cfg.kernel_q && !held && !op && !own && !cfg.tell && !owner_filtered() && bio_disk(bio)->queue->mq_ops)
		return 0;
	b = bio_slot_new(address(bio));
	if (!b)
		return bio_without_slot(op);
	b->q = cfg.kernel_q && !held ? 0 : now;
	b->g = 0;
	b->op = op;
	b->bytes = bio->bi_iter.bi_size;
	b->held = held;
	b->own = own;
	b->rest = 0;
	if (cfg.kernel_q && held)
		bio_slot_part(b);
	/* its own slot keeps the tracer's I/O from being taken for another's, or for one unseen */
	if (own)
		count(COUNT_EXCLUDED);
	if (!op || cfg.tell)
		bio_set_owner(b, bio, task, above);
	bio_slot_disk(b, bio, cfg.tell);
	return 0;
}

/* Queued already, as far as its owner is concerned: on_bio_throttle(). */
static __always_inline bool bio_was_held(struct bio *bio)
{
	struct bio_slot *b = bios_find(address(bio));
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
	/* written once: it is read by all processors */
	if (!throttle_in_use)
		throttle_in_use = 1;
	/* the rest of one that was split is asked about again */
	return bios_find(address(bio)) ? 0 : bio_queued(bio, true);
}

#endif
