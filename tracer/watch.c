/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

/* The kernel's name of an open file. -errno. */
static int name_of(int fd, char *buf, size_t len)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, len - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

static int sort_of(mode_t mode, bool dir)
{
	if (dir)
		return S_ISDIR(mode) ? 0 : -ENOTDIR;
	return S_ISREG(mode) ? 0 : S_ISDIR(mode) ? -EISDIR : -ENOTSUP;
}

int watch_add(struct watch_list *l, const char *path, bool dir)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	char name[sizeof(((struct watch_now *)0)->path)];
	struct stat st;
	u32 like = 0;
	int err;

	for (u32 i = 0; i < l->nr; i++)
		like += l->v[i].is_dir == dir;
	if (like >= MAX_FILE_FILTERS)
		return -E2BIG;
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	err = sort_of(st.st_mode, dir);
	if (!err)
		err = name_of(fd, name, sizeof(name));
	if (err)
		return err;
	l->v[l->nr] = (struct watch){ .path = strdup(name), .is_dir = dir, .dev = st.st_dev, .ino = st.st_ino };
	if (!l->v[l->nr].path)
		return -ENOMEM;
	l->v[l->nr++].fd = take_fd(&fd);
	return 0;
}

void watch_free(struct watch_list *l)
{
	while (l->nr) {
		struct watch *w = &l->v[--l->nr];

		close(w->fd);
		free(w->path);
	}
}

void watch_look(const struct watch *w, struct watch_now *ret)
{
	struct stat st;

	*ret = (struct watch_now){ 0 };
	ret->deleted = fstat(w->fd, &st) || !st.st_nlink;
	if (!ret->deleted && !name_of(w->fd, ret->path, sizeof(ret->path)))
		ret->renamed = strcmp(ret->path, w->path);
	/* one of several hard links was removed: the kernel names it so */
	if (ret->renamed && !strncmp(ret->path, w->path, strlen(w->path)) &&
	    !strcmp(ret->path + strlen(w->path), " (deleted)"))
		ret->path[strlen(w->path)] = '\0';
	ret->replaced = !stat(w->path, &st) && (st.st_dev != w->dev || st.st_ino != w->ino);
}

bool watch_is_same(const struct watch_now *now)
{
	return !now->renamed && !now->deleted && !now->replaced;
}
