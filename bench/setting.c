/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "setting.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

/* Leaving bfq switches wbt on again; `none` has the driver's nr_requests. */
const char *const setting_side_effects[] = { "nr_requests", "wbt_lat_usec", NULL };

int scheduler_current(const char *list, char *buf, size_t len)
{
	const char *open = strchr(list, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close || (size_t)(close - open) > len)
		return -EPROTO;
	memcpy(buf, open + 1, (size_t)(close - open - 1));
	buf[close - open - 1] = '\0';
	return 0;
}

bool scheduler_offered(const char *list, const char *name)
{
	for (const char *p = list; *p;) {
		size_t len = strcspn(p, " []\n");

		if (len && len == strlen(name) && !strncmp(p, name, len))
			return true;
		p += len + (p[len] != '\0');
	}
	return false;
}

int setting_read(const char *path, char *buf, size_t len)
{
	char line[512];
	int err = file_read_line(path, line, sizeof(line));

	if (err)
		return err;
	if (!scheduler_current(line, buf, len))
		return 0;
	if (strlen(line) >= len)
		return -EOVERFLOW;
	strcpy(buf, line);
	return 0;
}

static int write_once(const char *path, const char *value)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int read_back(const char *path, const char *value)
{
	char now[SETTING_MAX];
	int err = setting_read(path, now, sizeof(now));

	return err ? err : strcmp(now, value) ? -EIO : 0;
}

int setting_write_once(const char *path, const char *value)
{
	int err = write_once(path, value);

	return err ? err : read_back(path, value);
}

int setting_write(const char *path, const char *value)
{
	int err = 0;

	for (int i = 0; i < 20; i++) {
		struct timespec ts = { 0, 50 * (long)NS_PER_MS };

		err = write_once(path, value);
		if (err == -EINVAL || err == -ENOENT || err == -EACCES || err == -EROFS)
			return err;
		if (!err)
			err = read_back(path, value);
		if (!err)
			return 0;
		nanosleep(&ts, NULL);
	}
	return err;
}

json_t *settings_snapshot(const char *sysfs, const char *disk)
{
	static const char *const names[] = {
		"scheduler",	  "nr_requests",	 "wbt_lat_usec", "rq_affinity", "nomerges",
		"max_sectors_kb", "read_ahead_kb",	 "rotational",	 "write_cache", "io_poll",
		"iostats",	  "logical_block_size",
	};
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[256], value[SETTING_MAX];

		snprintf(path, sizeof(path), "%s/block/%s/queue/%s", sysfs, disk, names[i]);
		json_object_set_new(o, names[i],
				    setting_read(path, value, sizeof(value)) ? json_null() :
									       json_string(value));
	}
	return o;
}

/* Of a disk that configfs made, or -ENOENT: the directory's name is the disk's, or its index is in it. */
static int find_in_configfs(const char *root, const char *disk, char *buf, size_t len)
{
	char dir[PATH_MAX], path[PATH_MAX + 320], index[SETTING_MAX];
	int err = -ENOENT;
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/sys/kernel/config/nullb", root);
	d = opendir(dir);
	while (d && err && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s/index", dir, e->d_name);
		if (e->d_name[0] == '.' || setting_read(path, index, sizeof(index)))
			continue;
		if (strcmp(e->d_name, disk) && (strncmp(disk, "nullb", 5) || strcmp(disk + 5, index)))
			continue;
		err = (size_t)snprintf(buf, len, "%s/%s", dir, e->d_name) < len ? 0 : -ENAMETOOLONG;
	}
	if (d)
		closedir(d);
	return err;
}

json_t *null_blk_snapshot(const char *root, const char *disk)
{
	static const char *const names[] = { "queue_mode", "irqmode", "submit_queues", "hw_queue_depth", "completion_nsec",
					     "memory_backed" };
	char dir[PATH_MAX], path[PATH_MAX + 64], value[SETTING_MAX];
	json_t *o;

	if (find_in_configfs(root, disk, dir, sizeof(dir))) {
		if (strncmp(disk, "nullb", 5))
			return NULL;
		snprintf(dir, sizeof(dir), "%s/sys/module/null_blk/parameters", root);
	}
	o = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		json_object_set_new(o, names[i], setting_read(path, value, sizeof(value)) ? json_null() : json_string(value));
	}
	return o;
}
