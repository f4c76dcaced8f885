/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bios of devices without requests (dm, md, zram): a level of the operation each. */
#ifndef IOPATH_LEVEL_H
#define IOPATH_LEVEL_H

#include "op-end.bpf.h"
#include "request-tell.bpf.h"

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
	row = row_of(bio_slot_dev(b), bop == BOP_WRITE && !b->bytes ? BOP_FLUSH : bop);
	r = row < 0 ? NULL : block_stats_at((u32)row);
	if (!r)
		return;
	/* of what happens inside it only the levels below tell more */
	hist_add(&r->h[STAGE_DEVICE - BLOCK_STAGE_FIRST], total, ROW_ATOMIC(false));
	hist_add(&r->h[BLOCK_HIST_TOTAL], total, ROW_ATOMIC(false));
	row_add(&r->c.count, 1, ROW_ATOMIC(false));
	row_add(&r->c.bytes, b->bytes, ROW_ATOMIC(false));
	if (bio->bi_status)
		row_error(r, (s16)bio->bi_status);
}

/* A level may have handed the bio itself on to a device below (bcache). */
static __always_inline bool bio_handed_on(struct bio *bio, const struct bio_slot *b)
{
	return bio_slot_dev(b) != disk_dev(bio_disk(bio));
}

/* What is left of it once it has ended may begin elsewhere. */
static __always_inline u64 bio_sector(struct bio *bio, const struct bio_slot *b)
{
	return bio->bi_iter.bi_size == b->bytes && !bio_handed_on(bio, b) ? bio->bi_iter.bi_sector : -1ull;
}

static __always_inline void level_part_add(const struct op *o, struct bio *bio, const struct bio_slot *b,
					   const struct rq_stamps *s)
{
	struct iop_part *p = part_claim((int)o->index, o->generation);

	if (!p)
		return;
	__builtin_memset(p, 0, sizeof(*p));
	p->rq = p->bio = address(bio);
	p->above = bio_above(address(bio));
	p->no_request = 1;
	p->q_ns = s->q;
	p->c_ns = s->c;
	p->sector = bio_sector(bio, b);
	p->dev = bio_slot_dev(b);
	p->bytes = b->bytes;
	p->tag = -1;
	p->status = (s16)bio->bi_status;
	p->bop = (u8)bop_of(bio->bi_opf);
	p->write = bio_write_flags(bio);
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
	o->dev = bio_slot_dev(b);
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
	level = !bio_disk(bio)->queue->mq_ops || bio_handed_on(bio, b);
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

#endif
