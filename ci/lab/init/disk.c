/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disks: found by what the host called them, or made; a file system on each where one is wanted. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

static const char *fs_type;
static char disks[4096], mounts[4096];

void set_file_system(const char *type)
{
	fs_type = strdup(type);
}

/*
 * Finding a disk. Each finder gets what the host called it and puts the node's
 * name into dev; false means not yet.
 */
typedef bool (*find_fn)(const char *id, const char *params, char *dev, size_t size);

/* Is there a /sys/block/PATTERN whose ATTR reads WANT? */
static bool find_by_attr(const char *pattern, const char *attr, const char *want, char *dev,
			 size_t size)
{
	char path[512], value[256];
	bool found = false;
	glob_t g;

	snprintf(path, sizeof(path), "/sys/block/%s", pattern);
	if (glob(path, 0, NULL, &g))
		return false;
	for (size_t i = 0; i < g.gl_pathc && !found; i++) {
		snprintf(path, sizeof(path), "%s/%s", g.gl_pathv[i], attr);
		found = read_line(path, value, sizeof(value)) && !strcmp(value, want);
		if (found)
			snprintf(dev, size, "/dev/%s", strrchr(g.gl_pathv[i], '/') + 1);
	}
	globfree(&g);
	return found;
}

static bool find_nvme(const char *id, const char *params, char *dev, size_t size)
{
	(void)params;
	return find_by_attr("nvme*n*", "device/serial", id, dev, size);
}

static bool find_virtio(const char *id, const char *params, char *dev, size_t size)
{
	(void)params;
	return find_by_attr("vd*", "serial", id, dev, size);
}

/* id is the product name that the host gave it. */
static bool find_scsi(const char *id, const char *params, char *dev, size_t size)
{
	(void)params;
	return find_by_attr("sd*", "device/model", id, dev, size);
}

static bool find_scsi_debug(const char *id, const char *params, char *dev, size_t size)
{
	(void)id, (void)params;
	return find_by_attr("sd*", "device/model", "scsi_debug", dev, size);
}

static bool has_param(const char *params, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = params; (p = strstr(p, name)); p += len)
		if ((p == params || p[-1] == ' ') && p[len] == '=')
			return true;
	return false;
}

static void null_blk_set(const char *dir, const char *name, const char *value)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (access(path, F_OK))
		fail("null_blk: this kernel has no parameter %s", name);
	if (!write_file(path, value))
		fail("null_blk: %s=%s: %s", name, value, strerror(errno));
}

/* Made through configfs, which knows every parameter on every kernel; id is nullbN. */
static bool make_null_blk(const char *id, const char *params, char *dev, size_t size)
{
	char dir[256], copy[1024], index[32], path[300], *save = NULL;

	snprintf(dir, sizeof(dir), "/sys/kernel/config/nullb/%s", id);
	if (!access(dir, F_OK))
		goto made;
	if (mkdir(dir, 0755))
		fail("null_blk: cannot make %s: %s", dir, strerror(errno));
	snprintf(copy, sizeof(copy), "%s", params);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *value = strchr(p, '='), mib[32];

		if (!value)
			fail("null_blk: %s: expected name=value", p);
		*value++ = 0;
		if (!strcmp(p, "gb")) {
			snprintf(mib, sizeof(mib), "%llu", strtoull(value, NULL, 10) << 10);
			null_blk_set(dir, "size", mib);
		} else {
			null_blk_set(dir, strcmp(p, "bs") ? p : "blocksize", value);
		}
	}
	if (fs_type && !has_param(params, "memory_backed"))
		null_blk_set(dir, "memory_backed", "1");
	null_blk_set(dir, "power", "1");
made:
	snprintf(path, sizeof(path), "%s/index", dir);
	if (!read_line(path, index, sizeof(index)))
		return false;
	snprintf(dev, size, "/dev/nullb%s", index);
	return !access(dev, F_OK);
}

/* On a file in memory; params: its size in MiB. */
static bool make_loop(const char *id, const char *params, char *dev, size_t size)
{
	struct loop_config config = { .info.lo_flags = 0 };
	char file[64];
	int ctl, nr, fd, loop;

	snprintf(file, sizeof(file), "/run/%s.img", id);
	ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	nr = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
	if (nr < 0)
		fail("loop: no free device: %s", strerror(errno));
	close(ctl);
	snprintf(dev, size, "/dev/loop%d", nr);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	loop = open(dev, O_RDWR | O_CLOEXEC);
	config.fd = fd;
	if (fd < 0 || loop < 0 || ftruncate(fd, strtoull(params, NULL, 10) << 20) ||
	    ioctl(loop, LOOP_CONFIGURE, &config))
		fail("loop: cannot set up %s: %s", dev, strerror(errno));
	close(fd);
	close(loop);
	return true;
}

static const struct {
	const char *class;
	find_fn find;
} classes[] = {
	{ "nvme", find_nvme },
	{ "virtio", find_virtio },
	{ "scsi", find_scsi },
	{ "scsi_debug", find_scsi_debug },
	{ "null_blk", make_null_blk },
	{ "loop", make_loop },
};

static void append(char *list, size_t size, const char *name, const char *value)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s%s:%s", len ? " " : "", name, value);
}

/* NAME in capitals, behind prefix: LAB_DISK_NULL_BLK2 */
static void export_name(const char *prefix, const char *name, const char *value)
{
	char var[128];

	snprintf(var, sizeof(var), "%s%s", prefix, name);
	for (char *p = var; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p -= 'a' - 'A';
	setenv(var, value, 1);
}

/* Run a program of the host's root to its end; its output goes to stderr. */
static void run_tool(char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(ports[PORT_ERR], 1);
		dup2(ports[PORT_ERR], 2);
		execvp(argv[0], argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		fail("%s failed on %s", argv[0], argv[1] ? argv[1] : "");
}

static void add_file_system(const char *name, const char *dev)
{
	char mkfs[64], where[128];
	bool ext = !strncmp(fs_type, "ext", 3);
	char *argv[] = { mkfs, (char *)dev, (char *)"-q", (char *)(ext ? "-F" : "-f"), NULL };

	snprintf(mkfs, sizeof(mkfs), "mkfs.%s", fs_type);
	run_tool(argv);
	snprintf(where, sizeof(where), MOUNT_ROOT "/%s", name);
	must_mount(dev, where, fs_type, NULL);
	append(mounts, sizeof(mounts), name, where);
	export_name("LAB_MOUNT_", name, where);
}

void add_disk(const char *name, const char *class, const char *id, const char *params)
{
	char dev[128];

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		int tries = 0;

		if (strcmp(classes[i].class, class))
			continue;
		while (!classes[i].find(id, params, dev, sizeof(dev)) || access(dev, F_OK)) {
			if (++tries == 1000)
				fail("disk %s did not appear", name);
			usleep(10000);
		}
		append(disks, sizeof(disks), name, dev);
		export_name("LAB_DISK_", name, dev);
		if (fs_type)
			add_file_system(name, dev);
		return;
	}
	fail("unknown disk class %s", class);
}

void export_lists(void)
{
	setenv("LAB_DISKS", disks, 1);
	setenv("LAB_MOUNTS", mounts, 1);
}
