/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/validate/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

enum { LOOP_BYTES = 256 << 20 };

static void read_attribute(const struct target *t, const char *name, char *buf, size_t len)
{
	_cleanup_close_ int fd = -1;
	char path[96];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/%s", t->name, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, buf, len - 1);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

static int make_loop(struct target *t)
{
	static struct loop loop = { .fd = -1 };
	const char *no = loop_need(&loop, LOOP_BYTES);

	if (no) {
		fprintf(stderr, "iopath-validate: %s\n", no);
		return -ENODEV;
	}
	t->loop = &loop;
	snprintf(t->path, sizeof(t->path), "%s", loop.path);
	return 0;
}

int target_open(struct target *t, const char *spec)
{
	const char *colon = strchr(spec, ':');
	char text[64];
	int err = 0;

	*t = (struct target){ .fd = -1 };
	snprintf(t->class, sizeof(t->class), "%.*s", (int)strcspn(spec, ":"), spec);
	if (colon)
		snprintf(t->path, sizeof(t->path), "%s", colon + 1);
	else
		err = make_loop(t);
	if (err || strncmp(t->path, "/dev/", 5) != 0)
		return err ? err : -EINVAL;
	snprintf(t->name, sizeof(t->name), "%s", t->path + 5);
	t->fd = open(t->path, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		return -errno;
	read_attribute(t, "write_cache", text, sizeof(text));
	t->flushes = !strcmp(text, "write back");
	read_attribute(t, "discard_max_bytes", text, sizeof(text));
	t->discards = strtoull(text, NULL, 10) > 0;
	return 0;
}

void target_close(struct target *t)
{
	if (t->fd >= 0)
		close(take_fd(&t->fd));
	if (t->loop)
		loop_remove(t->loop);
}

static int write_scheduler(const struct target *t, const char *name)
{
	_cleanup_close_ int fd = -1;
	char path[96];

	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", t->name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, name, strlen(name)) < 0)
		return errno == EINVAL ? -ENOENT : -errno;
	return 0;
}

/* A device that has none at all takes every name and stays as it is. */
int target_set_scheduler(struct target *t, const char *name)
{
	int err = t->loop ? loop_set_scheduler(t->loop, name) : write_scheduler(t, name);
	char now[32];

	if (err)
		return err;
	target_scheduler(t, now, sizeof(now));
	return strcmp(now, name) ? -ENOENT : 0;
}

/* "none", or the name in brackets among others. */
void target_scheduler(const struct target *t, char *buf, size_t len)
{
	char all[128], *from, *to;

	read_attribute(t, "scheduler", all, sizeof(all));
	from = strchr(all, '[');
	to = from ? strchr(from, ']') : NULL;
	if (to)
		snprintf(buf, len, "%.*s", (int)(to - from - 1), from + 1);
	else
		snprintf(buf, len, "%s", strchr(all, ' ') ? "" : all);
}

void target_schedulers(const struct target *t, char *buf, size_t len)
{
	read_attribute(t, "scheduler", buf, len);
	while (*buf && buf[strlen(buf) - 1] == ' ')
		buf[strlen(buf) - 1] = '\0';
}
