/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a workload's fio job opens: the device itself, or a file on an ext4
 * that is made and mounted on the device for this workload.
 */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "bench/device.h"
#include "bench/undo.h"
#include "bench/why.h"
#include "bench/workload.h"

struct target {
	char filename[320];
	uint64_t size_bytes;	/* I/O range on a device; 0: the job's own size */
	size_t undo_mark;
	int claim_fd;		/* keeps others off the device; -1: a mount of ours does, or a place needs none */
};

/* @span_bytes: how much of a device to use at most. */
int target_open(const struct device *d, const struct workload *w, uint64_t span_bytes,
		struct undo *u, struct target *ret, struct why *why);
void target_close(struct target *t, struct undo *u);

#endif
