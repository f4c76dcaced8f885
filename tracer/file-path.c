/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file-path.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "view-record.h"

void file_path_of(const struct tag_file *f, char buf[static FILE_PATH_LEN])
{
	struct iop_slow s = { .path_len = f->path_len, .file_dev = f->dev, .flags = f->flags };

	memcpy(s.path, f->path, sizeof(s.path));
	record_path(&s, buf, FILE_PATH_LEN);
}

/* The kernel's names of the file itself, unless these are more than it tells. */
static void by_file(const struct unfinished *u, struct tags_reader *tags, char buf[static FILE_PATH_LEN])
{
	struct tag_file f;

	if ((u->file || (!u->request && u->via == VIA_URING)) && tags_file(tags, u->file, u->key, &f) &&
	    !(f.flags & SLOW_PATH_CUT))
		file_path_of(&f, buf);
}

/* By the pages that it carries, where it does. */
static void by_request(const struct unfinished *u, struct tags_reader *tags, char buf[static FILE_PATH_LEN])
{
	struct tag_file f;

	if (tags_carried(tags, u->bio ? 0 : u->key, u->bio ? u->key : 0, &f))
		file_path_of(&f, buf);
}

void file_path(const struct unfinished *u, struct tags_reader *tags, char buf[static FILE_PATH_LEN])
{
	char link[64];
	ssize_t n;

	buf[0] = '\0';
	if (tags && u->request)
		by_request(u, tags, buf);
	if (tags && !buf[0])
		by_file(u, tags, buf);
	if (buf[0] || u->fd < 0)
		return;
	snprintf(link, sizeof(link), "/proc/%u/fd/%d", u->owner.tid, u->fd);
	n = readlink(link, buf, FILE_PATH_LEN - 1);
	buf[n > 0 ? n : 0] = '\0';
}
