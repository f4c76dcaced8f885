/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of the disks that the kernel has under way, by its own tables. */
#ifndef IOPATH_TRACER_TAGS_H
#define IOPATH_TRACER_TAGS_H

#include <stdbool.h>

#include "kernel.h"
#include "bpf/tags.h"

struct tags_reader;

/* -errno: of loading the programs. */
int tags_open(const struct kernel *k, struct tags_reader **ret);
void tags_close(struct tags_reader *r);
static inline void tags_closep(struct tags_reader **r)
{
	tags_close(*r);
}

typedef void (*tags_fn)(u32 dev, const struct tag_rq *rq, void *ctx);

/*
 * Each request of a disk (not of a partition); the record lives for the call
 * alone. -ENOTSUP: its bios become no requests (dm, md), or this kernel's
 * tables have another form; other -errno.
 */
int tags_each(struct tags_reader *r, u32 dev, tags_fn fn, void *ctx);

/* What a request carries, or with @rq 0 a bio: the file of its pages, or that direct I/O asks; false: it has no name. */
bool tags_carried(struct tags_reader *r, u64 rq, u64 bio, struct tag_file *ret);

/* A struct file by its address, or with @file 0 that of a request of io_uring; false: it has no name. */
bool tags_file(struct tags_reader *r, u64 file, u64 uring_req, struct tag_file *ret);

#endif
