/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "cgroup.h"
#include "cmd.h"
#include "disk.h"
#include "disk-tree.h"
#include "look.h"
#include "tracer/base/cleanup.h"
#include "trace-opts.h"

/* ---- devices ---- */

static int dev_fail(const struct opt_table *t, const char *option, const char *name, int err)
{
	if (err == -E2BIG)
		return cmd_fail(t, EXIT_USAGE, "%s %s: more than %d devices", option, name,
				MAX_DEV_FILTERS);
	return cmd_fail(t, EXIT_USAGE, "%s %s: %s", option, name,
			err == -ENOTBLK ? "not a block device" : strerror(-err));
}

static int add_dev(struct session_opts *o, u32 dev)
{
	for (u32 i = 0; i < o->nr_devs; i++)
		if (o->devs[i] == dev)
			return 0;
	if (o->nr_devs == MAX_DEV_FILTERS)
		return -E2BIG;
	o->devs[o->nr_devs++] = dev;
	return 0;
}

int trace_set_devs(const struct opt_table *t, const struct opt_list *devs, const struct opt_list *stacks,
		   struct session_opts *o)
{
	for (size_t i = 0; i < devs->nr; i++) {
		u32 dev;
		int err = disk_resolve(devs->v[i], &dev);

		if (!err)
			err = add_dev(o, dev);
		if (!err)
			err = disk_partitions("/sys", dev, o->devs, MAX_DEV_FILTERS, &o->nr_devs);
		if (err)
			return dev_fail(t, "--dev", devs->v[i], err);
	}
	for (size_t i = 0; i < stacks->nr; i++) {
		u32 dev;
		int err = disk_resolve(stacks->v[i], &dev);

		if (!err)
			err = disk_stack("/sys", dev, o->devs, MAX_DEV_FILTERS, &o->nr_devs);
		if (err)
			return dev_fail(t, "--dev-stack", stacks->v[i], err);
	}
	o->nr_file_devs = disk_file_systems(o->devs, o->nr_devs, o->file_devs, MAX_DEV_FILTERS - o->nr_devs);
	return -1;
}

/* ---- cgroups ---- */

static int open_cgroup(const char *name)
{
	char path[2 * PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct statfs fs;

	snprintf(path, sizeof(path), "%s%s%s", *name == '/' ? "" : cgroup_mount(), *name == '/' ? "" : "/", name);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs))
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC && fs.f_type != CGROUP_SUPER_MAGIC)
		return -ENOTSUP;
	return take_fd(&fd);
}

static int set_cgroup(const char *name, struct iop_cgroup *ret)
{
	_cleanup_close_ int fd = open_cgroup(name);
	struct look l;
	int err;

	if (fd < 0)
		return cmd_fail(&trace_table, EXIT_USAGE, "--cgroup %s: %s", name,
				fd == -ENOTSUP ? "not a directory of a cgroup file system" : strerror(-fd));
	err = look_at_files(&fd, 1, &l);
	if (err)
		return cmd_fail(&trace_table, EXIT_ENVIRONMENT, "--cgroup %s: asking the kernel about it: %s", name,
				strerror(-err));
	if (l.cgroup.hierarchy && !l.subsystems)
		return cmd_fail(&trace_table, EXIT_USAGE,
				"--cgroup %s: its hierarchy has no controller, by which tasks would be found; name the cgroup in that of one, or of v2",
				name);
	*ret = l.cgroup;
	ret->subsys = l.subsystems ? __builtin_ctz(l.subsystems) : 0;
	return -1;
}

static int set_cgroups(const struct trace_cfg *cfg, struct session_opts *o)
{
	if (cfg->cgroups.nr > MAX_CGROUP_FILTERS)
		return cmd_fail(&trace_table, EXIT_USAGE, "--cgroup: more than %d cgroups", MAX_CGROUP_FILTERS);
	for (size_t i = 0; i < cfg->cgroups.nr; i++) {
		int r = set_cgroup(cfg->cgroups.v[i], &o->cgroups[o->nr_cgroups]);

		if (r >= 0)
			return r;
		o->nr_cgroups++;
	}
	return -1;
}

/* ---- files and directories ---- */

static const char *watch_error(int err, char buf[static 64])
{
	switch (err) {
	case -EISDIR:
		return "a directory; see --dir";
	case -ENOTDIR:
		return "not a directory; see --file";
	case -ENOTSUP:
		return "not a regular file; for a block device, see --dev";
	case -E2BIG:
		snprintf(buf, 64, "more than %d of them", MAX_FILE_FILTERS);
		return buf;
	}
	return strerror(-err);
}

static int watch_each(const struct trace_cfg *cfg, bool dir, struct watch_list *watched)
{
	const struct opt_list *l = dir ? &cfg->dirs : &cfg->files;
	const char *option = dir ? "--dir" : "--file";
	char buf[64];

	if (l->nr && cfg->tier < TIER_VFS)
		return cmd_fail(&trace_table, EXIT_USAGE,
				"%s: needs --tier vfs or above, tier block sees requests, which name no file", option);
	for (size_t i = 0; i < l->nr; i++) {
		int err = watch_add(watched, l->v[i], dir);

		if (err)
			return cmd_fail(&trace_table, EXIT_USAGE, "%s %s: %s", option, l->v[i],
					watch_error(err, buf));
	}
	return -1;
}

static int set_files(const struct trace_cfg *cfg, struct session_opts *o, struct watch_list *watched)
{
	struct look look[ARRAY_SIZE(watched->v)];
	int fds[ARRAY_SIZE(watched->v)], err;
	int r = watch_each(cfg, false, watched);

	if (r < 0)
		r = watch_each(cfg, true, watched);
	if (r >= 0 || !watched->nr)
		return r;
	for (u32 i = 0; i < watched->nr; i++)
		fds[i] = watched->v[i].fd;
	err = look_at_files(fds, watched->nr, look);
	if (err)
		return cmd_fail(&trace_table, EXIT_ENVIRONMENT, "%s: asking the kernel about it: %s",
				watched->v[0].path, strerror(-err));
	for (u32 i = 0; i < watched->nr; i++) {
		if (watched->v[i].is_dir)
			o->dirs[o->nr_dirs++] = look[i].inode;
		else
			o->files[o->nr_files++] = look[i].inode;
	}
	return -1;
}

int trace_set_places(const struct trace_cfg *cfg, struct session_opts *o, struct watch_list *watched)
{
	int r = trace_set_devs(&trace_table, &cfg->devs, &cfg->stacks, o);

	if (r < 0)
		r = set_cgroups(cfg, o);
	return r >= 0 ? r : set_files(cfg, o, watched);
}
