/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over the requests of a disk: run by user space (BPF_PROG_TEST_RUN) in
 * pieces, never attached. Nothing is locked: a request may end while it is
 * looked at, and what is told of it is then of its successor, or of none.
 *
 * args: a descriptor of the disk's directory in sysfs, the hctx, the first tag.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "tags.h"
#include "page.bpf.h"

char LICENSE[] SEC("license") = "GPL";

struct tags found = {};

#define MAX_HCTX 64

/* A directory of sysfs leads to the kobject of the device, which lies in the disk's structure. */
static __always_inline struct gendisk *disk_of(u64 fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct file **slot = BPF_CORE_READ(task, files, fdt, fd), *file = NULL;
	struct kernfs_node *node;
	struct block_device *bdev;
	struct gendisk___old *old;
	u64 device;

	bpf_probe_read_kernel(&file, sizeof(file), slot + fd);
	node = BPF_CORE_READ(file, f_inode, i_private);
	device = (u64)BPF_CORE_READ(node, priv) - bpf_core_field_offset(struct device, kobj);
	bdev = (struct block_device *)device;
	if (bpf_core_field_exists(bdev->bd_device)) {
		barrier_var(bdev);
		bdev = (void *)bdev - bpf_core_field_offset(struct block_device, bd_device);
		return BPF_CORE_READ(bdev, bd_disk);
	}
	old = (struct gendisk___old *)device;
	barrier_var(old);
	return (void *)old - bpf_core_field_offset(struct gendisk___old, part0) -
	       bpf_core_field_offset(struct hd_struct, __dev);
}

static __always_inline struct blk_mq_hw_ctx *hctx_of(struct request_queue *q, u32 i)
{
	struct request_queue___array *array = (struct request_queue___array *)q;
	struct blk_mq_hw_ctx *hctx = NULL, **slot;
	struct xa_node *node;
	u64 head;

	if (bpf_core_field_exists(array->queue_hw_ctx)) {
		barrier_var(array);
		slot = BPF_CORE_READ(array, queue_hw_ctx) + i;
		bpf_probe_read_kernel(&hctx, sizeof(hctx), slot);
		return hctx;
	}
	barrier_var(q);
	head = (u64)BPF_CORE_READ(q, hctx_table.xa_head);
	/* include/linux/xarray.h: a node is marked, a single entry is itself */
	if ((head & 3) != 2)
		return i ? NULL : (struct blk_mq_hw_ctx *)head;
	node = (struct xa_node *)(head - 2);
	slot = (void *)node + bpf_core_field_offset(struct xa_node, slots) + i * sizeof(*slot);
	bpf_probe_read_kernel(&hctx, sizeof(hctx), slot);
	return hctx;
}

__attribute__((noinline)) int take(u64 rq_at, u32 hctx)
{
	struct request *rq = (struct request *)rq_at;
	struct bio *bio = BPF_CORE_READ(rq, bio);
	struct inode *inode;
	struct tag_rq *to;
	u32 nr = found.nr;

	if (nr >= TAGS_AT_ONCE)
		return 0;
	to = &found.v[nr & (TAGS_AT_ONCE - 1)];
	to->rq = (u64)rq;
	to->start_ns = BPF_CORE_READ(rq, start_time_ns);
	to->sector = BPF_CORE_READ(rq, __sector);
	to->bytes = BPF_CORE_READ(rq, __data_len);
	to->cmd_flags = BPF_CORE_READ(rq, cmd_flags);
	to->tag = BPF_CORE_READ(rq, tag);
	to->hctx = hctx;
	to->state = BPF_CORE_READ(rq, state);
	to->has_bio = bio != NULL;
	to->ino = to->file_dev = to->path_len = 0;
	to->offset = -1ull;
	inode = bio ? bio_inode(bio, &to->offset) : NULL;
	if (inode) {
		to->ino = BPF_CORE_READ(inode, i_ino);
		to->file_dev = BPF_CORE_READ(inode, i_sb, s_dev);
		to->path_len = names_of(inode, to->path);
	}
	found.nr = nr + 1;
	return 0;
}

static __always_inline bool under_way(struct request *rq)
{
	u32 ref = 0;

	bpf_probe_read_kernel(&ref, sizeof(ref), (void *)rq + bpf_core_field_offset(struct request, ref));
	return ref;
}

SEC("raw_tp/sched_switch") int walk_tags(u64 *args)
{
	u64 fd = args[0], hctx = args[1], from = args[2];
	struct gendisk *disk = disk_of(fd);
	struct request_queue *q = BPF_CORE_READ(disk, queue);
	struct blk_mq_hw_ctx *h;
	struct blk_mq_tags *tags;
	struct request **pool, *rq;

	found.nr = found.nr_tags = found.nr_hctx = 0;
	if (!q || !BPF_CORE_READ(q, mq_ops) || hctx >= MAX_HCTX)
		return 0;
	found.nr_hctx = BPF_CORE_READ(q, nr_hw_queues);
	h = hctx_of(q, hctx);
	if (!h)
		return 0;
	/* with a scheduler, requests come from its pool, and get a tag of the driver's later */
	tags = BPF_CORE_READ(h, sched_tags);
	if (!tags)
		tags = BPF_CORE_READ(h, tags);
	found.nr_tags = BPF_CORE_READ(tags, nr_tags);
	pool = BPF_CORE_READ(tags, static_rqs);
	for (u32 i = 0; i < TAGS_AT_ONCE; i++) {
		rq = NULL;
		if (from + i >= found.nr_tags)
			break;
		bpf_probe_read_kernel(&rq, sizeof(rq), pool + from + i);
		/* hosts with several disks have one pool for all */
		if (rq && under_way(rq) && BPF_CORE_READ(rq, q) == q)
			take((u64)rq, hctx);
	}
	rq = from ? NULL : BPF_CORE_READ(h, fq, flush_rq);
	if (rq && under_way(rq) && BPF_CORE_READ(rq, q) == q)
		take((u64)rq, hctx);
	return 0;
}
