/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A private mount namespace with a directory on memory, for the files and
 * mounts of a test: all of it is gone with the test's last process, whatever
 * ended it.
 */
#ifndef GROUND_PLACE_H
#define GROUND_PLACE_H

/* Make it once; NULL, or why there can be none here (the reason to skip). */
const char *place_ready(void);
/* Call @fn at the end, be it by a signal: it may make system calls alone. */
void place_at_end(void (*fn)(void));
/* A path in it; the text lives until the 8th call after this one. */
const char *place_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Write @text into the file @name there, for a shell; its path, as of place_path(). */
const char *place_script(const char *name, const char *text);
/* Mount a tmpfs of @bytes on a new directory @name; returns 0 or -errno. */
int place_mount_tmpfs(const char *name, unsigned long bytes);
/* mkfs.ext4 on @device without anything that writes later, mounted on the new directory @name. */
int place_mount_ext4(const char *name, const char *device, const char *options);
int place_remount(const char *name, unsigned long flags);
/* Unmount and remove it. */
void place_umount(const char *name);

#endif
