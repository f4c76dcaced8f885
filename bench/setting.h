/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queue settings of a disk in sysfs: one-line files. A scheduler file lists
 * what there is with the current one in brackets; reading it gives that one.
 */
#ifndef BENCH_SETTING_H
#define BENCH_SETTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SETTING_MAX 128

/* First line without the newline; of a list with [brackets], the marked word. */
int setting_read(const char *path, char *buf, size_t len);
/*
 * Write and read back, again and again for a second: udev rules and its own
 * reads make a switch of the scheduler fail or be undone for a moment.
 * -EIO: it never read back.
 */
int setting_write(const char *path, const char *value);

/* The same, once: what the kernel refuses it refuses for good. */
int setting_write_once(const char *path, const char *value);

/* "none [mq-deadline] kyber": the word in brackets, -EPROTO when there is none. */
int scheduler_current(const char *list, char *buf, size_t len);
bool scheduler_offered(const char *list, const char *name);

/* All recorded settings of @disk below @sysfs, null where a file is missing. */
json_t *settings_snapshot(const char *sysfs, const char *disk);

/*
 * How the null_blk disk @disk of the machine below @root ("": this one) was made: by configfs, or by the
 * module's parameters; null where the kernel tells no such thing. NULL: it is no null_blk.
 */
json_t *null_blk_snapshot(const char *root, const char *disk);

/* The settings that switching the scheduler changes on the side. */
extern const char *const setting_side_effects[];

#endif
