/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs of a session are told between open and load. Part of a
 * session.
 */
#ifndef IOPATH_SESSION_CONFIG_H
#define IOPATH_SESSION_CONFIG_H

#include "object.h"
#include "session.h"
#include "stamp.h"

/* Entries of the maps. */
struct session_sizes {
	u32 cpus, shards, bios, rqs, ops, op_rows, tree, ring_bytes, parts, stacks, dirtiers, verdicts;
	u32 who, who_ops, who_streams, who_bios, who_stacks, who_dirtiers;
	struct rooms asked;
};

/* For @cpus possible CPUs and disks that take @queue_depth requests together. */
struct session_sizes session_sizes_for(const struct session_opts *o, u32 cpus, u64 queue_depth);

/* -errno of libbpf; -E2BIG: this kernel has no table as large as was asked for. */
int session_size_maps(struct object *o, const struct session_sizes *z);

/* Whose stamps serve. */
void session_plan_stamps(const struct session_opts *o, const struct kernel *k, const struct hook_plan *plan,
			 struct stamp_plan *ret);

/* Fill @c, which is zeroed. */
void session_configure(struct iop_config *c, const struct session_opts *o, const struct kernel *k,
		       const struct session_sizes *z, const struct hook_plan *plan, const struct stamp_plan *stamps);

#endif
