/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The level above. dm and md may queue what they make of a bio later, in a
 * worker of their own (dm-crypt, dm-delay, dm-thin, raid1): then not the task
 * but the bio leads to the one that was asked for.
 */
#ifndef IOPATH_ABOVE_H
#define IOPATH_ABOVE_H

#include "core.bpf.h"

#define PRIVATE(bio, type, member)                                        \
	({                                                                \
		struct type *private = BPF_CORE_READ(bio, bi_private);    \
		u64 up = 0;                                               \
		if (bpf_core_field_exists(private->member)) {             \
			barrier_var(private);                             \
			up = (u64)BPF_CORE_READ(private, member);         \
		}                                                         \
		up;                                                       \
	})

/*
 * The bio that @bio_at was made of, by the function that ends it; 0: of none,
 * or that is not known. Sources: drivers/md/dm.c clone_endio(), dm-crypt.c
 * crypt_endio(), md.c md_end_clone_io() and before 6.6 md_end_io_acct(),
 * raid1.c and raid10.c *_end_read_request(); block/bio.c bio_chain().
 */
__global_fn u64 bio_made_of(u64 bio_at)
{
	struct bio *bio = (struct bio *)bio_at;
	u64 end_io = (u64)BPF_CORE_READ(bio, bi_end_io);
	struct dm_target_io *tio = NULL;

	if (!end_io)
		return 0;
	if (end_io == cfg.fn_end[END_DM] && bpf_core_field_exists(tio->clone)) {
		barrier_var(bio);
		tio = (struct dm_target_io *)((u64)bio - bpf_core_field_offset(tio->clone));
		return (u64)BPF_CORE_READ(tio, io, orig_bio);
	}
	if (end_io == cfg.fn_end[END_CHAIN])
		return (u64)BPF_CORE_READ(bio, bi_private);
	if (end_io == cfg.fn_end[END_CRYPT])
		return PRIVATE(bio, dm_crypt_io, base_bio);
	if (end_io == cfg.fn_end[END_MD])
		return PRIVATE(bio, md_io_clone, orig_bio);
	if (end_io == cfg.fn_end[END_MD_OLD])
		return PRIVATE(bio, md_io_acct, orig_bio);
	if (end_io == cfg.fn_end[END_RAID1_READ] || end_io == cfg.fn_end[END_RAID1_WRITE])
		return PRIVATE(bio, r1bio, master_bio);
	if (end_io == cfg.fn_end[END_RAID10_READ] || end_io == cfg.fn_end[END_RAID10_WRITE])
		return PRIVATE(bio, r10bio, master_bio);
	return 0;
}

#endif
