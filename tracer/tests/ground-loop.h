/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A loop device on memory. The kernel takes it apart at the last close
 * (autoclear) and the memory has no name, so nothing is left even after
 * SIGKILL; a scheduler that was changed is put back.
 */
#ifndef GROUND_LOOP_H
#define GROUND_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop {
	int fd;		/* of the device: keeps it alive */
	int backing;	/* the memory or file behind it */
	char name[16];	/* "loop3" */
	char path[24];	/* "/dev/loop3" */
	char scheduler[24];	/* what it had before */
};

/* 0 or -errno, with *l written on success alone. */
int loop_make(struct loop *l, uint64_t bytes);
/* The same on a file that is there; takes @backing over. */
int loop_make_on(struct loop *l, int backing);
/*
 * For the device that all tests of a program share: made by the first call,
 * which is the one that finds l->fd < 0. NULL, or the reason to skip.
 */
const char *loop_need(struct loop *l, uint64_t bytes);
void loop_remove(struct loop *l);
/* -ENOENT: the kernel does not offer that scheduler. *l must stay where it is until loop_remove(). */
int loop_set_scheduler(struct loop *l, const char *name);
/* The same; one that the kernel does not offer is named and left out, all else is a failed check. */
bool loop_takes_scheduler(struct loop *l, const char *name);
/* Let the device take the size that its memory is given here. */
int loop_resize(struct loop *l, uint64_t bytes);
dev_t loop_dev(const struct loop *l);

/*
 * /sys/block/NAME/stat. A sync is counted as a write of no sectors; flushes are
 * the commands sent, and syncs at the same time can share one.
 */
struct disk_stat {
	uint64_t reads, read_merges, read_sectors;
	uint64_t writes, write_merges, write_sectors;
	uint64_t discards, discard_merges, discard_sectors;
	uint64_t flushes;
};

int disk_stat_read(const char *name, struct disk_stat *ret);
/* What was added since @before. */
struct disk_stat disk_stat_since(const char *name, const struct disk_stat *before);
/* queue/NAME as a number, or -errno. */
int64_t loop_queue_number(const struct loop *l, const char *attribute);
/* Sets it to *@number, which becomes what it was before: the device keeps it beyond the test. 0 or -errno. */
int loop_queue_swap(const struct loop *l, const char *attribute, int64_t *number);

#endif
