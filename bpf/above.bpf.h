/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The level above. dm and md may queue what they make of a bio later, in a
 * worker of their own (dm-crypt, dm-delay, dm-thin, raid1): then not the task
 * but the bio leads to the one that was asked for. Who includes this has
 * cfg.fn_end.
 */
#ifndef IOPATH_ABOVE_H
#define IOPATH_ABOVE_H

#include "atomic.bpf.h"

/* @member of the struct that bio->bi_private is; 0: no such type here. */
#define OF_PRIVATE(bio, type, member)                             \
	({                                                        \
		struct type *t_ = BPF_CORE_READ(bio, bi_private); \
		u64 up_ = 0;                                      \
		if (bpf_core_field_exists(t_->member)) {          \
			barrier_var(t_);                          \
			up_ = (u64)BPF_CORE_READ(t_, member);     \
		}                                                 \
		up_;                                              \
	})

/* @member of the struct that @bio is the @clone in. */
#define OF_CONTAINER(bio_at, type, clone, member)                                    \
	({                                                                           \
		struct type *t_ = NULL;                                              \
		u64 at_ = (bio_at), up_ = 0;                                         \
		if (bpf_core_field_exists(t_->clone)) {                              \
			barrier_var(at_);                                            \
			t_ = (struct type *)(at_ - bpf_core_field_offset(t_->clone));\
			up_ = (u64)BPF_CORE_READ(t_, member);                        \
		}                                                                    \
		up_;                                                                 \
	})

/*
 * The bio that @bio_at was made of, by the function that ends it; 0: of none,
 * or that is not known. Sources: drivers/md/dm.c clone_endio(), dm-rq.c
 * end_clone_bio(), dm-crypt.c crypt_endio(), md.c md_end_clone_io() and before 6.6 md_end_io_acct(),
 * raid1.c and raid10.c *_end_read_request(); block/bio.c bio_chain().
 */
__global_fn u64 bio_made_of(u64 bio_at)
{
	struct bio *bio = (struct bio *)bio_at;
	u64 end_io = (u64)BPF_CORE_READ(bio, bi_end_io);
	struct dm_io *io = NULL;

	if (!end_io)
		return 0;
	/* types of modules that are not there must stay in a branch that is dead then */
	if (end_io == cfg.fn_end[END_DM] && bpf_core_field_exists(io->orig_bio)) {
		io = (struct dm_io *)OF_CONTAINER(bio_at, dm_target_io, clone, io);
		barrier_var(io);
		return (u64)BPF_CORE_READ(io, orig_bio);
	}
	if (end_io == cfg.fn_end[END_DM_REQUEST])
		return OF_CONTAINER(bio_at, dm_rq_clone_bio_info, clone, orig);
	if (end_io == cfg.fn_end[END_CHAIN])
		return (u64)BPF_CORE_READ(bio, bi_private);
	if (end_io == cfg.fn_end[END_CRYPT])
		return OF_PRIVATE(bio, dm_crypt_io, base_bio);
	if (end_io == cfg.fn_end[END_MD])
		return OF_CONTAINER(bio_at, md_io_clone, bio_clone, orig_bio);
	if (end_io == cfg.fn_end[END_MD_OLD])
		return OF_CONTAINER(bio_at, md_io_acct, bio_clone, orig_bio);
	if (end_io == cfg.fn_end[END_RAID1_READ] || end_io == cfg.fn_end[END_RAID1_WRITE])
		return OF_PRIVATE(bio, r1bio, master_bio);
	if (end_io == cfg.fn_end[END_RAID10_READ] || end_io == cfg.fn_end[END_RAID10_WRITE])
		return OF_PRIVATE(bio, r10bio, master_bio);
	return 0;
}

#endif
