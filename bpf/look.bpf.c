/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel knows a file of the calling process by: run once by user
 * space (BPF_PROG_TEST_RUN), in whose context it therefore is; never attached.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "look.h"

char LICENSE[] SEC("license") = "GPL";

struct look found = {};

SEC("raw_tp/sched_switch") int look_at(u64 *args)
{
	u64 fd = args[0];
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slot = BPF_CORE_READ(table, fd), *file = NULL;
	struct inode *inode;
	struct kernfs_node *node;
	struct cgroup *cgroup;

	bpf_probe_read_kernel(&file, sizeof(file), slot + fd);
	inode = BPF_CORE_READ(file, f_inode);
	found.inode = (u64)inode;
	found.ino = BPF_CORE_READ(inode, i_ino);
	found.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	/* these mean something for a directory of a cgroup file system alone */
	node = BPF_CORE_READ(inode, i_private);
	cgroup = BPF_CORE_READ(node, priv);
	found.cgroup.id = BPF_CORE_READ(cgroup, kn, id);
	found.cgroup.level = BPF_CORE_READ(cgroup, level);
	found.cgroup.hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id);
	found.subsystems = BPF_CORE_READ(cgroup, root, subsys_mask);
	return 0;
}
