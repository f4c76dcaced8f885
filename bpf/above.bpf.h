/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The level above. The device mapper may queue what it makes of a bio later,
 * in a worker of its own (dm-crypt, dm-delay, dm-thin): then not the task but
 * the bio leads to the one that was asked for.
 */
#ifndef IOPATH_ABOVE_H
#define IOPATH_ABOVE_H

#include "core.bpf.h"

/*
 * The bio of the level above that @bio_at is made of; 0: of none. Sources:
 * drivers/md/dm.c clone_endio(), drivers/md/dm-crypt.c crypt_endio().
 */
__global_fn u64 bio_above(u64 bio_at)
{
	struct bio *bio = (struct bio *)bio_at;
	u64 end_io = (u64)BPF_CORE_READ(bio, bi_end_io);
	struct dm_target_io *tio = NULL;
	struct dm_crypt_io *crypt = NULL;

	if (!end_io)
		return 0;
	if (end_io == cfg.fn_crypt_end_io && bpf_core_field_exists(crypt->base_bio)) {
		crypt = BPF_CORE_READ(bio, bi_private);
		barrier_var(crypt);
		bio = BPF_CORE_READ(crypt, base_bio);
		end_io = (u64)BPF_CORE_READ(bio, bi_end_io);
	}
	if (end_io != cfg.fn_dm_end_io || !bpf_core_field_exists(tio->clone))
		return 0;
	barrier_var(bio);
	tio = (struct dm_target_io *)((u64)bio - bpf_core_field_offset(tio->clone));
	return (u64)BPF_CORE_READ(tio, io, orig_bio);
}

#endif
