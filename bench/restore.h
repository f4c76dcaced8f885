/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cell line of results.jsonl back into the cell that it was written from. */
#ifndef BENCH_RESTORE_H
#define BENCH_RESTORE_H

#include "bench/cell.h"
#include "bench/reader.h"

/*
 * 0 or r->err. A cell that is called valid must have all that a verdict needs:
 * I/Os, CPU time and a window in both passes.
 */
int cell_restore(struct reader *r, const json_t *o, struct cell *ret);

#endif
