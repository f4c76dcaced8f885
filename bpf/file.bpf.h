/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter by file and directory. User space holds the files open, so that
 * an inode's address names it for as long as the session lasts.
 *
 * Whether a file is below one of the directories is found out by walking up
 * from its name once; the answer is kept under (name, parent, inode) for
 * those who open it, and under the inode for writeback, which knows no name.
 * A file that is moved has another parent, and is asked about again; one below
 * a directory that is moved keeps its answer until it is forgotten.
 */
#ifndef IOPATH_FILE_H
#define IOPATH_FILE_H

#include "core.bpf.h"
#include "page.bpf.h"

#define DIR_DEPTH 40

/* A hash, whose lowest bit is the answer instead: one word, so never torn. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NR_VERDICTS);
	__type(key, u32);
	__type(value, u64);
} verdicts SEC(".maps");

static __always_inline bool files_filtered(void)
{
	return cfg.nr_files || cfg.nr_dirs;
}

static __always_inline u64 mix(u64 a, u64 b)
{
	return (a ^ b >> 4 ^ b << 29) * 0x9e3779b97f4a7c15ull;
}

/* 1, 0, or -1: not known. */
static __always_inline int verdict_of(u64 hash)
{
	u32 i = hash >> 40 & (NR_VERDICTS - 1);
	u64 *v = bpf_map_lookup_elem(&verdicts, &i);
	u64 is = v ? *(volatile u64 *)v : 0;

	return is && (is | 1) == (hash | 1) ? (int)(is & 1) : -1;
}

static __always_inline void verdict_keep(u64 hash, bool wanted)
{
	u32 i = hash >> 40 & (NR_VERDICTS - 1);
	u64 *v = bpf_map_lookup_elem(&verdicts, &i);

	if (v)
		*(volatile u64 *)v = (hash & ~1ull) | wanted;
}

static __always_inline bool file_listed(u64 inode)
{
	for (u32 i = 0; i < MAX_FILE_FILTERS; i++) {
		if (i >= cfg.nr_files)
			break;
		if (cfg.files[i] == inode)
			return true;
	}
	return false;
}

static __always_inline bool dir_listed(u64 inode)
{
	for (u32 i = 0; i < MAX_FILE_FILTERS; i++) {
		if (i >= cfg.nr_dirs)
			break;
		if (cfg.dirs[i] == inode)
			return true;
	}
	return false;
}

/* From a name up to the root; through mounts when @mount is known. */
__global_fn int below_dirs(u64 name, u64 mount)
{
	struct dentry *d = (struct dentry *)name, *parent;
	struct mount *mnt = (struct mount *)mount, *up;

	for (int i = 0; i < DIR_DEPTH && d; i++) {
		if (dir_listed((u64)BPF_CORE_READ(d, d_inode)))
			return 1;
		parent = BPF_CORE_READ(d, d_parent);
		if (mnt && (d == BPF_CORE_READ(mnt, mnt.mnt_root) || d == parent)) {
			up = BPF_CORE_READ(mnt, mnt_parent);
			if (up == mnt)
				return 0;
			d = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = up;
			continue;
		}
		if (d == parent)
			return 0;
		d = parent;
	}
	return 0;
}

static __always_inline u64 inode_hash(struct inode *inode)
{
	return mix((u64)inode, BPF_CORE_READ(inode, i_ino));
}

/* Is an open file one of those that are asked for? */
__global_fn int file_is_wanted(u64 f)
{
	struct file *file = (struct file *)f;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct dentry *d;
	struct vfsmount *vfs;
	u64 hash;
	int is;

	if (!inode)
		return 0;
	if (file_listed((u64)inode))
		return 1;
	if (!cfg.nr_dirs)
		return 0;
	d = BPF_CORE_READ(file, f_path.dentry);
	vfs = BPF_CORE_READ(file, f_path.mnt);
	hash = mix(mix((u64)d, (u64)BPF_CORE_READ(d, d_parent)), inode_hash(inode));
	is = verdict_of(hash);
	if (is < 0) {
		is = below_dirs((u64)d, (u64)container_of(vfs, struct mount, mnt));
		verdict_keep(hash, is);
		verdict_keep(inode_hash(inode), is);
	}
	return is;
}

/* The same of an inode that nobody needs to have open: by one of its names. */
__global_fn int inode_is_wanted(u64 inode_at)
{
	struct inode *inode = (struct inode *)inode_at;
	struct dentry *name;
	u64 hash;
	int is;

	if (file_listed((u64)inode))
		return 1;
	if (!cfg.nr_dirs)
		return 0;
	hash = inode_hash(inode);
	is = verdict_of(hash);
	if (is < 0) {
		name = inode_name(inode);
		is = name ? below_dirs((u64)name, 0) : 0;
		verdict_keep(hash, is);
	}
	return is;
}

#endif
