/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --device lab:DISK[:NAME=VALUE,…]: the whole run in a virtual machine of the
 * VM lab (ci/lab), whose disks are nvme, virtio, scsi and so on; its files are
 * brought back. The environment's KERNEL names the kernel, as with make lab.
 */
#ifndef BENCH_LAB_H
#define BENCH_LAB_H

#include <stdbool.h>

#include "bench/run.h"

/* Some --device is of the lab. -EINVAL with *why: and others are not. */
int lab_wanted(const struct run_config *c, bool *ret, struct why *why);
/* The exit code of the run in there, or one of our own with *why. */
int lab_run(const struct run_config *c, struct why *why);

/* For tests: what DISK is for these devices, and the words that name them in there; malloc'd. */
int lab_plan(const struct opt_list *devices, char **ret_disk, char **ret_words, struct why *why);
/* The run's arguments without those that are about this side, quoted for a shell; malloc'd. */
int lab_arguments(const struct run_config *c, char **ret);

#endif
