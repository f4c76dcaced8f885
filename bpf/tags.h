/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of one disk that the kernel has under way now, whether tracing saw
 * them begin or not (tags.bpf.c). Included after the integer types are known.
 */
#ifndef IOPATH_TAGS_H
#define IOPATH_TAGS_H

#include "wire.h"

/* Looked at in one run of the program. */
#define TAGS_AT_ONCE 32

/* tag_rq.state: as enum mq_rq_state */
enum { TAG_QUEUED, TAG_ISSUED, TAG_DONE };

struct tag_rq {
	u64 rq;		/* its address, as the programs of the tracer know it */
	u64 start_ns;	/* 0: the kernel does not stamp this queue's requests */
	u64 sector;
	u64 ino;	/* of the file whose pages it carries; 0: none, or not of the cache */
	u64 offset;
	u32 file_dev;
	u32 bytes;
	u32 cmd_flags;
	s32 tag;
	u16 hctx;
	u8 state;
	u8 has_bio;
	u32 path_len;
	char path[IOP_PATH_LEN + IOP_NAME_LEN];	/* within its file system, as in struct iop_slow */
};

struct tags {
	u32 nr_hctx;	/* 0: it has no requests */
	u32 nr_tags;	/* of the hctx that was looked at */
	u32 nr;
	struct tag_rq v[TAGS_AT_ONCE];
};

#endif
