/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block device under test: a path that the user named, or a scratch one
 * that the run makes to order and removes. A path is a device; or a directory
 * or file, and then the device is the one below, which is not looked at for
 * what it holds: only that directory or file is written to.
 */
#ifndef BENCH_DEVICE_H
#define BENCH_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/undo.h"
#include "bench/why.h"
#include "tracer/base/opt.h"

#define DEVICE_NAME_MAX 64

struct device {
	char path[256];
	char name[DEVICE_NAME_MAX];	/* of the path: "loop0", "sda1" */
	char disk[DEVICE_NAME_MAX];	/* that has the queue: "loop0", "sda" */
	char driver[DEVICE_NAME_MAX];	/* "loop", "nvme", "virtio_blk", or "" */
	unsigned int major, minor;
	uint64_t size_bytes;
	bool scratch;
	char order[256];	/* what it was made to, or "" */
	char place[256];	/* directory or file on it that is used in its stead, or "" */
	bool is_file;		/* @place is a file */
	int fd;		/* keeps a scratch device alive: it clears itself at the last close */
};

struct device_maker;

struct device_spec {
	const struct device_maker *maker;	/* NULL: @text is a path */
	char text[256];		/* as it was given */
};

/* "loop", "null_blk:irqmode=timer,completion=20us", "/dev/nvme0n1", "/mnt/data". -EINVAL with *why. */
int device_spec_parse(const char *s, struct device_spec *ret, struct why *why);

/*
 * Make or check it. A device that is mounted, swap or held is refused; one with
 * a signature is refused unless @overwrite names it too (told twice), and so is
 * a file. -EOPNOTSUPP with EXIT_SKIPPED: this kernel cannot make such a device.
 */
int device_open(const struct device_spec *spec, const struct opt_list *overwrite, struct undo *u,
		struct device *ret, struct why *why);
void device_close(struct device *d);

/* What there is to choose from, a line each. */
void device_print(FILE *f);

/* Until udev has done with what just changed; 5 s at most, and nothing where there is no udev. */
void device_settle(void);

/* Write the first @bytes once, so that reads do not hit what was never written. */
int device_fill(const struct device *d, uint64_t bytes, struct why *why);

/* The same of what is open as @fd; @path is for the error. */
int device_fill_fd(int fd, const char *path, uint64_t bytes, struct why *why);

/* I/Os completed since boot (reads + writes), from sysfs. */
int device_ios(const struct device *d, uint64_t *ret);

#endif
