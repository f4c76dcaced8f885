/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over the requests of a disk, and tells the file of something in flight:
 * run by user space (BPF_PROG_TEST_RUN), never attached. Nothing is locked: a
 * request may end while it is looked at, and what is told of it is then of its
 * successor, or of none.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "tags.h"
#include "page.bpf.h"
#include "path.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* set by user space before the load */
const volatile struct tags_config cfg = {};

#include "above.bpf.h"
#include "kiocb.bpf.h"

struct tags found = {};
struct tag_file told = {};

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

static __always_inline void file_by_inode(struct tag_file *to, struct inode *inode)
{
	to->ino = BPF_CORE_READ(inode, i_ino);
	to->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	to->flags = SLOW_PATH_IN_FS;
	to->path_len = names_of(inode, to->path);
}

static __always_inline void file_by_open(struct tag_file *to, u64 file_at)
{
	struct file *file = (struct file *)file_at;
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if (!inode)
		return;
	to->ino = BPF_CORE_READ(inode, i_ino);
	to->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	path_collect(to->path, &to->path_len, &to->flags, SLOW_PATH_CUT, file_at);
}

static __always_inline void file_none(struct tag_file *to)
{
	to->ino = 0;
	to->dev = to->flags = to->path_len = 0;
}

static __always_inline void asked_by(struct tag_rq *to, struct task_struct *task)
{
	to->tgid = BPF_CORE_READ(task, tgid);
	to->tid = BPF_CORE_READ(task, pid);
	bpf_probe_read_kernel_str(to->comm, sizeof(to->comm), task->comm);
}

/* Of a request that io_uring made: its struct begins with the struct kiocb. */
static __always_inline struct task_struct *uring_task(u64 iocb)
{
	struct io_kiocb *req = (struct io_kiocb *)iocb;
	struct io_kiocb___task *old = (struct io_kiocb___task *)iocb;

	if (bpf_core_field_exists(old->task)) {
		barrier_var(old);
		return BPF_CORE_READ(old, task);
	}
	if (!bpf_core_field_exists(req->tctx))
		return NULL;
	barrier_var(req);
	return BPF_CORE_READ(req, tctx, task);
}

/* The first that sleeps on a completion. */
static __always_inline struct task_struct *completion_task(struct completion *c)
{
	u64 first = (u64)BPF_CORE_READ(c, wait.task_list.next);
	struct swait_queue *w = NULL;

	/* nobody sleeps yet, or any more */
	if (!c || first == (u64)c + bpf_core_field_offset(c->wait.task_list))
		return NULL;
	w = (struct swait_queue *)(first - bpf_core_field_offset(w->task_list));
	return BPF_CORE_READ(w, task);
}

/* block/fops.c DIO_IS_SYNC */
#define DIO_IS_SYNC 2

/* In place of a kiocb a call of several bios to a block device has its task. */
static __always_inline bool blkdev_waits(struct blkdev_dio *dio)
{
	struct blkdev_dio___old *old = (struct blkdev_dio___old *)dio;

	if (bpf_core_field_exists(dio->flags)) {
		barrier_var(dio);
		return BPF_CORE_READ(dio, flags) & DIO_IS_SYNC;
	}
	barrier_var(old);
	return bpf_core_field_exists(old->is_sync) && BPF_CORE_READ_BITFIELD_PROBED(old, is_sync);
}

/* The task that waits for the bio, or NULL. */
static __always_inline struct task_struct *bio_waiter(u64 end_io, void *private)
{
	if (end_io == cfg.wait.blkdev)
		return private;
	if (end_io == cfg.wait.bio || end_io == cfg.wait.chain)
		return completion_task(private);
	if (end_io == cfg.direct.iomap && BPF_CORE_READ((struct iomap_dio *)private, wait_for_completion))
		return BPF_CORE_READ((struct iomap_dio *)private, submit.waiter);
	if (end_io == cfg.direct.blkdev && blkdev_waits(private))
		return (struct task_struct *)BPF_CORE_READ((struct blkdev_dio *)private, iocb);
	return NULL;
}

/* Does the function that ends a bio say of what its pages are? Those of direct I/O are the caller's memory, whatever that is. */
static __always_inline bool ends_direct(u64 end_io)
{
	return end_io && (end_io == cfg.direct.iomap || end_io == cfg.direct.blkdev_async || end_io == cfg.direct.blkdev ||
			  end_io == cfg.wait.blkdev);
}

/* Through levels, and what was split off, to a bio that somebody asked for. */
#define LEVELS_UP 6

__global_fn u64 bio_asked_for(u64 bio)
{
	for (int i = 0; i < LEVELS_UP; i++) {
		u64 above = bio_made_of(bio);

		if (!above)
			return bio;
		bio = above;
	}
	return bio;
}

/* The file of a bio, and who asked. */
static __always_inline void tell_bio(struct tag_rq *to, struct bio *first)
{
	struct bio *bio = (struct bio *)bio_asked_for((u64)first);
	u64 end_io = (u64)BPF_CORE_READ(bio, bi_end_io), iocb = 0, done;
	void *private = BPF_CORE_READ(bio, bi_private);
	struct task_struct *task = end_io ? bio_waiter(end_io, private) : NULL;
	struct inode *inode;

	if (task)
		asked_by(to, task);
	if (!ends_direct(end_io)) {
		/* pages go down with the bio, and where in the file is told by the lowest */
		inode = bio_inode(first, &to->offset);
		if (inode)
			file_by_inode(&to->file, inode);
		return;
	}
	if (!task || end_io != cfg.direct.blkdev)
		iocb = KIOCB_OF(cfg.direct, bio, end_io, private);
	if (!iocb)
		return;
	file_by_open(&to->file, (u64)BPF_CORE_READ((struct kiocb *)iocb, ki_filp));
	done = (u64)BPF_CORE_READ((struct kiocb *)iocb, ki_complete);
	if (done && (done == cfg.wait.uring || done == cfg.wait.uring_polled))
		asked_by(to, uring_task(iocb));
}

__attribute__((noinline)) int take(u64 rq_at, u32 hctx)
{
	struct request *rq = (struct request *)rq_at;
	struct bio *bio = BPF_CORE_READ(rq, bio);
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
	to->tgid = to->tid = 0;
	to->comm[0] = '\0';
	to->offset = -1ull;
	file_none(&to->file);
	if (bio)
		tell_bio(to, bio);
	found.nr = nr + 1;
	return 0;
}

static __always_inline bool under_way(struct request *rq)
{
	u32 ref = 0;

	bpf_probe_read_kernel(&ref, sizeof(ref), (void *)rq + bpf_core_field_offset(struct request, ref));
	return ref;
}

/* args: a struct file, or 0 and a request of io_uring. */
SEC("raw_tp/sched_switch") int tell_file(u64 *args)
{
	u64 file = args[0], req = args[1];
	struct io_kiocb *r = NULL;

	file_none(&told);
	if (!file && req && bpf_core_field_exists(r->file)) {
		barrier_var(req);
		r = (struct io_kiocb *)req;
		file = (u64)BPF_CORE_READ(r, file);
	}
	if (file)
		file_by_open(&told, file);
	return 0;
}

/* args: a request, or 0 and a bio; what it carries is told in the first of those found. */
SEC("raw_tp/sched_switch") int tell_carried(u64 *args)
{
	struct request *rq = (struct request *)args[0];
	struct bio *bio = (struct bio *)args[1];

	found.nr = 0;
	file_none(&found.v[0].file);
	if (rq)
		bio = under_way(rq) ? BPF_CORE_READ(rq, bio) : NULL;
	if (bio)
		tell_bio(&found.v[0], bio);
	return 0;
}

/* args: a descriptor of the disk's directory in sysfs, the hctx, the first tag. */
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
