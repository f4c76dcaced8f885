/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and directories that a filter follows. They are held open, so their
 * inodes stay what they are; their names may not, which a report must tell.
 */
#ifndef IOPATH_WATCH_H
#define IOPATH_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "bpf/wire.h"
#include "bpf/config.h"

struct watch {
	char *path;	/* in full, when it was begun with */
	int fd;
	bool is_dir;
	dev_t dev;
	ino_t ino;
};

struct watch_list {
	struct watch v[2 * MAX_FILE_FILTERS];
	u32 nr;
};

/*
 * A regular file or (@dir) a directory. -EISDIR, -ENOTDIR, -ENOTSUP: it is
 * something else; -E2BIG: more than MAX_FILE_FILTERS of its sort; or another
 * -errno of opening it.
 */
int watch_add(struct watch_list *l, const char *path, bool dir);
void watch_free(struct watch_list *l);

/* How the names are now. */
struct watch_now {
	bool renamed, deleted;
	bool replaced;	/* something else has its name now, which is not followed */
	char path[4096];	/* where it is; "" when deleted */
};
void watch_look(const struct watch *w, struct watch_now *ret);
/* Nothing has happened to its name. */
bool watch_is_same(const struct watch_now *now);

#endif
