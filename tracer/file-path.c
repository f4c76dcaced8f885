/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file-path.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "view.h"

void file_path_of(const struct tag_file *f, char *buf, size_t len)
{
	struct iop_slow s = { .path_len = f->path_len, .flags = f->flags };
	char names[sizeof(s.path) + 64], mount[DISK_MOUNT_LEN] = "";

	memcpy(s.path, f->path, sizeof(s.path));
	slow_path(&s, names, sizeof(names));
	if (f->flags & SLOW_PATH_IN_FS)
		disk_mount(f->dev, mount);
	if (!names[0] || snprintf(buf, len, "%s%s", strcmp(mount, "/") ? mount : "", names) >= (int)len)
		buf[0] = '\0';
}

void file_path(const struct unfinished *u, struct tags_reader *tags, char *buf, size_t len)
{
	struct tag_file f;
	char link[64];
	ssize_t n = -1;

	if (u->fd >= 0) {
		snprintf(link, sizeof(link), "/proc/%u/fd/%d", u->owner.tid, u->fd);
		n = readlink(link, buf, len);
	}
	buf[n > 0 && (size_t)n < len ? n : 0] = '\0';
	if (!buf[0] && tags && (u->file || (!u->request && u->via == VIA_URING)) &&
	    tags_file(tags, u->file, u->key, &f))
		file_path_of(&f, buf, len);
}
