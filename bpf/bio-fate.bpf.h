/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a bio that was queued: it gets a request, is merged into one, or is split. */
#ifndef IOPATH_BIO_FATE_H
#define IOPATH_BIO_FATE_H

#include "bio.bpf.h"

/*
 * A slot for what only its completion would have told of; NULL too where a
 * filter left it out, or would have to ask whose it is.
 */
static __always_inline struct bio_slot *bio_slot_late(u64 key, struct bio *bio)
{
	u32 dev = disk_dev(bio_disk(bio));
	struct bio_slot *b;

	if (owner_filtered() || !bop_wanted(bio_bop(bio)) || !dev_wanted(dev, bio_part(bio, dev)))
		return NULL;
	b = bio_slot_new(key);
	if (!b)
		return NULL;
	b->op = b->g = b->q = 0;
	b->owner.tgid = b->owner.tid = 0;
	b->owner.cgroup = 0;
	b->owner.comm[0] = '\0';
	b->submitter = 0;
	b->dev = dev;
	b->bytes = bio->bi_iter.bi_size;
	b->bop = bio_bop(bio);
	b->own = b->held = b->rest = 0;
	return b;
}

/* A plug that may have requests ahead: io_uring's. */
static __always_inline bool plugged_ahead(void)
{
	struct task_struct *task = current_task();

	return LOAD(task, plug) && !(LOAD(task, flags) & PF_KTHREAD);
}

/*
 * G: the bio got a request. With the kernel's stamps this is attached when
 * requests were seen that a plug had allocated ahead (tracer/stamp.h): then a
 * bio that may have got one of those has a slot.
 */
static __always_inline int on_bio_got(struct bio *bio)
{
	u64 now = bpf_ktime_get_ns();
	struct bio_slot *b = bios_find(address(bio));

	if (!b && cfg.late_g && plugged_ahead()) {
		b = bio_slot_late(address(bio), bio);
		/* written once: it is read by all processors */
		if (b && !bios_late)
			bios_late = 1;
	}
	if (b)
		b->g = now;
	return 0;
}

/*
 * Merged into a request that had been allocated. At the back of it, a bio of
 * no operation needs no slot any more; at the front, it becomes the one by
 * which the request is known.
 */
static __always_inline int on_bio_merged(struct bio *bio, bool front)
{
	u64 now = bpf_ktime_get_ns();
	struct bio_slot *b = bios_find(address(bio));

	if (!b)
		return 0;
	if (!front && !b->op)
		bio_slot_release(b);
	else
		b->g = now;
	return 0;
}

static __always_inline void op_more_bios(u64 handle)
{
	struct op *o = handle ? op_of(handle) : NULL;

	if (!o)
		return;
	o->nr_bios++;
	fetch_add_u32(&o->refs, 1);
}

/*
 * @bio is the front part of a larger one, which stays for the rest, from
 * @sector on. Neither keeps the kernel's stamp: the front has none, the rest
 * gets a later one. The device mapper tells the rest itself, which it sends on
 * its way again (dm_split_and_process_bio, since 6.0).
 */
static __always_inline int on_split(struct bio *bio, u32 sector)
{
	bool front = (u32)bio->bi_iter.bi_sector != sector;
	struct bio *whole = front ? bio->bi_private : bio;
	struct bio_slot *w = bios_find(address(whole)), *b;

	if (!w && !cfg.kernel_q)
		return 0;
	if (!w)
		w = bio_slot_late(address(whole), bio);
	if (!w)
		return 0;
	if (cfg.kernel_q && !w->q) {
		w->q = bpf_core_field_exists(bio->bi_issue) ?
			       bio_issue_time(BPF_CORE_READ(whole, bi_issue.value), bpf_ktime_get_ns()) :
			       0;
		bio_slot_part(w);
	}
	if (!front)
		return 0;
	b = bio_slot_new(address(bio));
	if (!b)
		return 0;
	b->q = w->q;
	b->g = w->g;
	b->op = w->op;
	b->dev = w->dev;
	b->bdev = w->bdev;
	b->bytes = bio->bi_iter.bi_size;
	b->bop = w->bop;
	b->own = w->own;
	b->held = b->rest = 0;
	if (cfg.kernel_q)
		bio_slot_part(b);
	b->owner = w->owner;
	b->submitter = w->submitter;
	op_more_bios(b->op);
	return 0;
}

#endif
