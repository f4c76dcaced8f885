/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

const char *cgroup_mount(void)
{
	static char path[PATH_MAX];
	struct mntent *m;
	FILE *f;

	if (path[0])
		return path;
	snprintf(path, sizeof(path), "/sys/fs/cgroup");
	f = setmntent("/proc/self/mounts", "re");
	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2")) {
			snprintf(path, sizeof(path), "%s", m->mnt_dir);
			break;
		}
	if (f)
		endmntent(f);
	return path;
}

/* include/linux/exportfs.h FILEID_KERNFS: the handle is the number alone. */
#define HANDLE_KERNFS 0xfe

union kernfs_handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + sizeof(u64)];
};

static int open_by_id(u64 id)
{
	static int mount = -2;
	union kernfs_handle handle = { .h = { .handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS } };

	memcpy(handle.h.f_handle, &id, sizeof(id));
	if (mount == -2)
		mount = open(cgroup_mount(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mount < 0 ? -1 : open_by_handle_at(mount, &handle.h, O_PATH | O_CLOEXEC);
}

/* Below the mount. */
static bool name_of(int fd, char buf[static CGROUP_NAME_LEN])
{
	char link[48], path[PATH_MAX];
	size_t len = strlen(cgroup_mount());
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	if (strncmp(path, cgroup_mount(), len) || (path[len] && path[len] != '/') || (size_t)n - len >= CGROUP_NAME_LEN)
		return false;
	strcpy(buf, path[len] ? path + len : "/");
	return true;
}

#define NR_KNOWN 64

/* One of v2 cannot be renamed, and its number is not given to another. */
const char *cgroup_name(u64 id)
{
	static struct known {
		u64 id;
		char name[CGROUP_NAME_LEN];
	} known[NR_KNOWN];
	struct known *k = &known[id % NR_KNOWN];
	_cleanup_close_ int fd = -1;

	if (!id)
		return NULL;
	if (k->id == id)
		return k->name;
	fd = open_by_id(id);
	k->id = fd >= 0 && name_of(fd, k->name) ? id : 0;
	return k->id ? k->name : NULL;
}

const char *cgroup_of_thread(u32 tid)
{
	static char line[CGROUP_NAME_LEN];
	_cleanup_fclose_ FILE *f = NULL;
	char path[48], *end;

	snprintf(path, sizeof(path), "/proc/%u/cgroup", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		end = strchr(line, '\n');
		if (strncmp(line, "0::", 3) || !end)
			continue;
		*end = '\0';
		return line + 3;
	}
	return NULL;
}

u64 cgroup_id_of_thread(u32 tid)
{
	const char *name = cgroup_of_thread(tid);
	char path[PATH_MAX + CGROUP_NAME_LEN];
	struct stat st;

	if (!name)
		return 0;
	snprintf(path, sizeof(path), "%s%s", cgroup_mount(), name);
	return stat(path, &st) ? 0 : st.st_ino;
}
