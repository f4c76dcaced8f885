/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path of an open file. */
#ifndef IOPATH_PATH_H
#define IOPATH_PATH_H

#define PATH_DEPTH 24

/*
 * Components from the file up to the root of its mount namespace, crossing
 * mounts; *len, of which 0 was known, and @cut in *flags if there are more. The
 * length is kept in memory that the verifier does not follow, or each length
 * would be a path of its own; the buffer has room for one more name behind the
 * bound.
 */
static __always_inline void path_collect(char *path, u32 *len, u32 *flags, u32 cut, u64 f)
{
	struct file *file = (struct file *)f;
	struct dentry *d = BPF_CORE_READ(file, f_path.dentry), *parent;
	struct vfsmount *vfs = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mnt = container_of(vfs, struct mount, mnt), *up;

	for (int i = 0; i < PATH_DEPTH; i++) {
		u32 at = *(volatile u32 *)len;
		const unsigned char *name;
		long got;

		parent = BPF_CORE_READ(d, d_parent);
		if (d == BPF_CORE_READ(mnt, mnt.mnt_root) || d == parent) {
			up = BPF_CORE_READ(mnt, mnt_parent);
			if (up == mnt)
				return;
			d = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = up;
			continue;
		}
		if (at >= IOP_PATH_LEN)
			break;
		/* the compiler knows the bound, older verifiers must be told */
		barrier_var(at);
		at &= IOP_PATH_LEN - 1;
		name = BPF_CORE_READ(d, d_name.name);
		got = bpf_probe_read_kernel_str(&path[at], IOP_NAME_LEN, name);
		if (got <= 0 || got > IOP_NAME_LEN)
			break;
		*(volatile u32 *)len = at + (u32)got;
		d = parent;
	}
	*flags |= cut;
}

#endif
