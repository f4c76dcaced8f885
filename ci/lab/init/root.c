/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root that CMD sees: the host's below and memory on top, with the kernel's file systems. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "init.h"

#define P9_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,access=any"

static bool try_mount(const char *what, const char *where, const char *type, const char *data)
{
	mkdir_p(where);
	return !mount(what, where, type, 0, data);
}

void must_mount(const char *what, const char *where, const char *type, const char *data)
{
	if (!try_mount(what, where, type, data))
		fail("cannot mount %s on %s: %s", type, where, strerror(errno));
}

/* The host's root below and memory on top, so that nothing reaches the host. */
void enter_root(void)
{
	must_mount("labroot", "/lower", "9p", P9_OPTIONS ",ro,cache=loose");
	must_mount("upper", "/upper", "tmpfs", "mode=755");
	mkdir_p("/upper/u");
	mkdir_p("/upper/w");
	must_mount("root", "/root", "overlay", "lowerdir=/lower,upperdir=/upper/u,workdir=/upper/w");
	/* Kernel threads share this root: request_module() finds the host's modprobe. */
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("cannot enter the root: %s", strerror(errno));
}

void mount_kernel_fs(void)
{
	static const struct {
		const char *type, *where, *data;
		bool optional;
	} fs[] = {
		{ "proc", "/proc", NULL, false },
		{ "sysfs", "/sys", NULL, false },
		{ "devtmpfs", "/dev", NULL, false },
		{ "devpts", "/dev/pts", "ptmxmode=666", false },
		{ "tmpfs", "/dev/shm", NULL, false },
		{ "tmpfs", "/tmp", "mode=1777", false },
		{ "tmpfs", "/run", "mode=755", false },
		{ "tmpfs", MOUNT_ROOT, "mode=755", false },
		{ "tracefs", "/sys/kernel/tracing", NULL, false },
		{ "debugfs", "/sys/kernel/debug", NULL, true },
		{ "configfs", "/sys/kernel/config", NULL, false },
		{ "bpf", "/sys/fs/bpf", NULL, false },
		{ "cgroup2", "/sys/fs/cgroup", NULL, true },
		{ "securityfs", "/sys/kernel/security", NULL, true },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < sizeof(fs) / sizeof(fs[0]); i++)
		if (!try_mount(fs[i].type, fs[i].where, fs[i].type, fs[i].data) && !fs[i].optional)
			fail("cannot mount %s on %s: %s", fs[i].type, fs[i].where, strerror(errno));
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			fail("cannot make %s: %s", links[i][1], strerror(errno));
	sethostname("lab", 3);
}

void mount_share(const char *tag, const char *path)
{
	must_mount(tag, path, "9p", P9_OPTIONS ",cache=mmap");
}

/* Nodes whose first use loads the module, as on a booted system: loop-control, mapper/control. */
static void make_static_nodes(void)
{
	char path[256], name[64], node[128], type;
	unsigned int major, minor;
	struct utsname uts;
	char *line = NULL;
	size_t size = 0;
	FILE *f;

	uname(&uts);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.devname", uts.release);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &size, f) > 0) {
		char *slash;

		if (sscanf(line, "%63s %127s %c%u:%u", name, node, &type, &major, &minor) != 5)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", node);
		slash = strrchr(path, '/');
		*slash = 0;
		mkdir_p(path);
		*slash = '/';
		mknod(path, (type == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(major, minor));
	}
	free(line);
	fclose(f);
}

void bind_modules(const char *path)
{
	mkdir_p("/lib/modules");
	if (mount(path, "/lib/modules", NULL, MS_BIND, NULL))
		fail("cannot bind %s: %s", path, strerror(errno));
	make_static_nodes();
}
