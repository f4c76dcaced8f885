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

/* A file by its names: within its file system, or with SLOW_PATH_* as in struct iop_slow. */
struct tag_file {
	u64 ino;	/* 0: there is none */
	u32 dev;	/* of the file system */
	u32 flags;
	u32 path_len;
	u32 pad;
	char path[IOP_PATH_LEN + IOP_NAME_LEN];
};

struct tag_rq {
	u64 rq;		/* its address, as the programs of the tracer know it */
	u64 start_ns;	/* 0: the kernel does not stamp this queue's requests */
	u64 sector;
	u64 offset;	/* in the file whose cached pages it carries; -1: not known */
	u32 bytes;
	u32 cmd_flags;
	s32 tag;
	u16 hctx;
	u8 state;
	u8 has_bio;
	u32 tgid, tid;	/* who waits for it, or asked io_uring for it; 0: not known */
	char comm[IOP_COMM_LEN];
	struct tag_file file;	/* whose pages it carries, or that direct I/O asks */
};

/* Functions of the kernel's by which a bio leads to its file, and that to who asked; 0: not known. */
struct tags_config {
	struct direct_ends direct;
	struct wait_ends wait;
	u64 fn_end[NR_ENDS];
};

struct tags {
	u32 nr_hctx;	/* 0: it has no requests */
	u32 nr_tags;	/* of the hctx that was looked at */
	u32 nr;
	struct tag_rq v[TAGS_AT_ONCE];
};

#endif
