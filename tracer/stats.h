/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a session counted, all shards added up, since it was enabled.
 *
 * Rows come into being when something was counted in them. A block row is a
 * (device, operation); an operation row an (interface, kind).
 */
#ifndef IOPATH_STATS_H
#define IOPATH_STATS_H

#include <stdbool.h>

#include "hist.h"

#define MAX_SHARDS 16

struct stats_row {
	struct iop_row_id id;		/* block rows */
	struct iop_row c;
	struct hist h[NR_OP_HISTS];	/* block rows: NR_BLOCK_HISTS of them */
	struct iop_hist *prev;		/* [shard][hist], as last read */
};

struct stats {
	u64 counts[NR_COUNTS];
	struct stats_row *rows[NR_ROWS];
	u32 nr_shards;
	u64 begun_unseen;	/* requests whose begin is unseen, and was told to be before tracing: coverage_from() */
};

/* The row, made when it is not there; NULL: no memory. */
struct stats_row *stats_row(struct stats *st, u32 row);
void stats_free(struct stats *st);

static inline bool stats_row_is_block(u32 row)
{
	return row < NR_BLOCK_ROWS;
}

/* What the operation rows are of, from row NR_BLOCK_ROWS on. */
extern const struct op_row {
	u8 via, kind;
} op_rows[NR_OP_ROWS];

/* Block requests that were counted. */
u64 stats_requests(const struct stats *st);

/* Histogram of a stage in a row; NULL where that kind of row has none. */
const struct hist *stats_stage(const struct stats_row *r, bool block, int stage);

/*
 * Copy of @now less @before (NULL: nothing) into @ret, whose rows are reused
 * from call to call. Same-device rows are merged into the first. -ENOMEM.
 */
int stats_since(struct stats *ret, const struct stats *now, const struct stats *before);

#endif
