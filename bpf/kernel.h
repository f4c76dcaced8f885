/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel types that the programs read, pinned to the fields that they
 * read. Offsets are relocated against the running kernel's BTF (CO-RE), so the
 * same source builds on any machine, with or without BTF, and the object loads
 * on kernels that lay these structs out differently. A name with ___suffix is
 * the same struct as some kernels had it; test the field before use.
 */
#ifndef IOPATH_KERNEL_H
#define IOPATH_KERNEL_H

/* bpf_tracing.h: registers by their kernel names */
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
typedef u64 sector_t;
typedef s64 loff_t;
typedef u32 dev_t;
typedef int pid_t;

#define true 1
#define false 0
#define NULL ((void *)0)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
	BPF_F_USER_STACK = 1u << 8,
};
enum {
	BPF_F_MMAPABLE = 1u << 10,
};
enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};
enum {
	BPF_RB_AVAIL_DATA = 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* x86-64; other machines go through the PT_REGS macros */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	u64 regs[31];
	u64 sp, pc, pstate;
};
struct pt_regs {
	struct user_pt_regs user_regs;
	u64 orig_x0;
	s32 syscallno;
};
#endif

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct super_block {
	dev_t s_dev;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct inode {
	u16 i_mode;
	dev_t i_rdev;
	struct super_block *i_sb;
	unsigned long i_ino;
	struct hlist_head i_dentry;
	void *i_private;
	u32 i_generation;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union {
		struct hlist_node d_alias;
	} d_u;
};

/* from 7.0: the union has no name */
struct dentry___plain {
	struct hlist_node d_alias;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct address_space *f_mapping;
	struct path f_path;
	loff_t f_pos;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct address_space {
	struct inode *host;
	unsigned long nrpages;
};

struct folio {
	struct address_space *mapping;
	unsigned long index;
};

struct folio_batch {
	unsigned char nr;
};

/* until 5.15 */
struct page {
	struct address_space *mapping;
	unsigned long index;
	unsigned long compound_head;
};

/* from 7.1 */
struct page___info {
	unsigned long compound_info;
};

struct bio_list;

struct task_struct {
	struct task_struct *group_leader;
	u64 start_boottime;
	struct bio_list *bio_list;
	struct blk_plug *plug;
	pid_t pid;
	pid_t tgid;
	unsigned int flags;
	char comm[16];
	struct files_struct *files;
	void *worker_private;
	struct css_set *cgroups;
};

/* until 5.16 */
struct task_struct___old {
	void *pf_io_worker;
};

/* until 5.13 */
struct task_struct___state {
	long state;
};

struct blk_mq_ops {
	void *queue_rq;
};

struct gendisk;
struct blk_mq_hw_ctx;

struct xarray {
	void *xa_head;
};

struct xa_node {
	void *slots[64];
};

struct request_queue {
	const struct blk_mq_ops *mq_ops;
	struct gendisk *disk;
	unsigned int nr_hw_queues;
	struct xarray hctx_table;
	int id;
};

/* until 5.17, and from 6.19 */
struct request_queue___array {
	struct blk_mq_hw_ctx **queue_hw_ctx;
};

struct kobject {
	const char *name;
};

struct device {
	struct kobject kobj;
};

struct block_device {
	struct gendisk *bd_disk;
	dev_t bd_dev;
	struct device bd_device;
};

struct gendisk {
	int major;
	int first_minor;
	struct block_device *part0;
	struct request_queue *queue;
};

/* until 5.11 */
struct hd_struct {
	struct device __dev;
};

struct gendisk___old {
	struct hd_struct part0;
};

struct bvec_iter {
	sector_t bi_sector;
	unsigned int bi_size;
	unsigned int bi_idx;
};

struct bio_vec {
	struct page *bv_page;
};

struct bio_issue {
	u64 value;
};

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	u32 bi_opf;
	u8 bi_status;
	struct bvec_iter bi_iter;
	void *bi_end_io;
	void *bi_private;
	struct blkcg_gq *bi_blkg;
	struct bio_vec *bi_io_vec;
	struct bio_issue bi_issue;	/* until 6.17 */
};

/* until 5.11 */
struct bio___old {
	struct gendisk *bi_disk;
};

struct blk_flush_queue {
	struct request *flush_rq;
};

struct blk_mq_tags {
	unsigned int nr_tags;
	struct request **static_rqs;
};

struct blk_mq_hw_ctx {
	struct blk_flush_queue *fq;
	struct blk_mq_tags *tags;
	struct blk_mq_tags *sched_tags;
	unsigned int queue_num;
};

/* the width of an atomic counter, whatever the kernel calls its type */
typedef struct {
	int counter;
} atomic_t;

enum mq_rq_state {
	MQ_RQ_IDLE,
	MQ_RQ_IN_FLIGHT,
	MQ_RQ_COMPLETE,
};

struct request {
	struct request_queue *q;
	struct blk_mq_hw_ctx *mq_hctx;
	u32 cmd_flags;
	int tag;
	unsigned int __data_len;
	sector_t __sector;
	struct bio *bio;
	struct bio *biotail;
	u64 start_time_ns;
	u64 io_start_time_ns;
	enum mq_rq_state state;
	atomic_t ref;
};

/* since 5.11: before, a partition was no block_device */
struct request___part {
	struct block_device *part;
};

/* until 5.14 */
struct request___old {
	struct gendisk *rq_disk;
};

struct list_head {
	struct list_head *next;
};

struct swait_queue_head {
	struct list_head task_list;
};

struct swait_queue {
	struct task_struct *task;
	struct list_head task_list;
};

struct completion {
	struct swait_queue_head wait;
};

struct kiocb {
	struct file *ki_filp;
	loff_t ki_pos;
	void *ki_complete;
};

struct io_event {
	u64 data;
	u64 obj;
};

struct aio_kiocb {
	struct kiocb rw;
	struct io_event ki_res;
};

struct iomap_dio {
	struct kiocb *iocb;
	bool wait_for_completion;
	union {
		struct {
			struct task_struct *waiter;
		} submit;
	};
};

struct blkdev_dio {
	struct kiocb *iocb;	/* or, of a call that waits, its task */
	unsigned int flags;	/* since 5.16 */
	struct bio bio;
};

/* until 5.15 */
struct blkdev_dio___old {
	bool is_sync : 1;
};

/* drivers/md/dm-core.h, dm-crypt.c: where these are modules, they are not there before they are loaded */
struct dm_io {
	struct bio *orig_bio;
};

struct dm_target_io {
	struct dm_io *io;
	struct bio clone;
};

struct dm_rq_clone_bio_info {
	struct bio *orig;
	struct bio clone;
};

struct dm_crypt_io {
	struct bio *base_bio;
};

struct md_io_clone {
	struct bio *orig_bio;
	struct bio bio_clone;
};

struct md_io_acct {	/* ... before 6.6 */
	struct bio *orig_bio;
	struct bio bio_clone;
};

struct r1bio {
	struct bio *master_bio;
};

struct r10bio {
	struct bio *master_bio;
};

struct io_uring_cqe {
	u64 user_data;
	s32 res;
};

struct io_wq_work {
	int flags;
};

struct io_uring_task {
	struct task_struct *task;
};

struct io_kiocb {
	struct file *file;
	u8 opcode;
	struct io_wq_work work;
	struct io_uring_task *tctx;	/* since 6.13 */
};

/* until 6.12 */
struct io_kiocb___task {
	struct task_struct *task;
};

struct io_rw {
	struct kiocb kiocb;
	u32 len;
};

struct io_sync {
	int flags;
};

struct io_worker {
	struct io_wq_work *cur_work;
};

struct kernfs_node {
	u64 id;
	void *priv;
	const char *name;
};

/* until 6.14 */
struct kernfs_node___old {
	struct kernfs_node *parent;
};

struct kernfs_node___new {
	struct kernfs_node *__parent;
};

enum req_flag_bits {
	__REQ_FUA = 1,
	__REQ_PREFLUSH = 2,
};

enum cgroup_subsys_id {
	io_cgrp_id = 1,
};

struct cgroup;

struct cgroup_root {
	unsigned int subsys_mask;
	int hierarchy_id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
	struct cgroup *ancestors[];
};

/* until 6.0 */
struct cgroup___old {
	u64 ancestor_ids[1];
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

struct blkcg {
	struct cgroup_subsys_state css;
};

struct blkcg_gq {
	struct blkcg *blkcg;
};

struct vm_area_struct {
	struct file *vm_file;
};

enum fault_flag {
	FAULT_FLAG_TRIED = 1 << 5,
};

struct vm_fault {
	struct vm_area_struct *vma;
	enum fault_flag flags;
	unsigned long pgoff;
};

/* until 5.13 */
struct vm_fault___plain {
	unsigned int flags;
};

struct iov_iter {
	unsigned long count;
};

struct virtio_device_id {
	u32 device;
};

struct virtio_device {
	struct virtio_device_id id;
};

struct virtqueue {
	struct virtio_device *vdev;
};

struct bdi_writeback;
struct dirty_throttle_control;
struct io_ring_ctx;
struct irqaction;
struct scsi_cmnd;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 seq_num;
};

struct bpf_prog_aux {
	u32 id;
};

struct bpf_prog {
	void *active;
	struct bpf_prog_aux *aux;
};

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};

#pragma clang attribute pop

#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFREG 0100000
#define EIO 5
#define EAGAIN 11
#define ENOMEM 12
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENOSPC 28
#define EBADE 52
#define ENODATA 61
#define ETIMEDOUT 110
#define EOPNOTSUPP 95
#define ENOLINK 67
#define EREMCHG 78
#define EILSEQ 84
#define EREMOTEIO 121
#define BPF_ANY 0
#define BPF_NOEXIST 1
#define IORING_FSYNC_DATASYNC 1
#define VIRTIO_ID_BLOCK 2
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000


/* uapi/linux/aio_abi.h: a user-space struct, so never relocated */
struct iocb {
	u64 aio_data;
	u32 aio_key;
	u32 aio_rw_flags;
	u16 aio_lio_opcode;
	s16 aio_reqprio;
	u32 aio_fildes;
	u64 aio_buf;
	u64 aio_nbytes;
	s64 aio_offset;
	u64 aio_reserved2;
	u32 aio_flags;
	u32 aio_resfd;
};

#endif
