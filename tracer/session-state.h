/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session is made of: for session*.c alone. */
#ifndef IOPATH_SESSION_STATE_H
#define IOPATH_SESSION_STATE_H

#include "object.h"
#include "session.h"
#include "standin.h"

struct mapped {
	void *p;
	size_t len;
};

struct session {
	struct object object;
	struct ring_buffer *ring;
	struct bpf_link *links[NR_POINTS];
	struct bpf_program *programs[NR_POINTS];
	struct bpf_program *late_g;	/* of POINT_GETRQ, to be attached when a note asks for it */
	u32 nr_programs;
	u64 maps_bytes;	/* 0: not asked for yet */
	struct stand_ins stand_ins;
	u32 nr_shards;
	bool has_ops;	/* rows of operations: from tier vfs */
	struct hook_extras extras;
	u32 devs[MAX_DEV_FILTERS], nr_devs;
	int stats_fd;
	bool timed_always;
	struct records *records;
	/* mapped arrays */
	const struct iop_counts *counts;
	const struct iop_block_stats *blocks;
	const struct iop_op_stats *ops;
	const struct iop_row_id *row_ids;
	struct mapped mapped[4 + 3];
	u32 nr_mapped;
	/* mapped when they are first looked at */
	struct slot_tables tables;
};

/* Of all shards. */
static inline u64 session_count(const struct session *s, enum iop_count what)
{
	u64 n = 0;

	for (u32 shard = 0; shard < s->nr_shards; shard++)
		n += __atomic_load_n(&s->counts[shard].n[what], __ATOMIC_RELAXED);
	return n;
}

#endif
