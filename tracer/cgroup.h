/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of cgroups of the unified hierarchy (v2), below where it is mounted; "/" is its root. Not thread safe. */
#ifndef IOPATH_CGROUP_NAME_H
#define IOPATH_CGROUP_NAME_H

#include <stddef.h>

#include "bpf/wire.h"

#define CGROUP_NAME_LEN 512

/* Where that hierarchy is mounted. */
const char *cgroup_mount(void);

/*
 * By the number that the programs know it by. NULL: it is gone, its name is
 * longer, or this process may not ask (CAP_DAC_READ_SEARCH). Valid until the
 * next call.
 */
const char *cgroup_name(u64 id);

/* The one that a thread is in now; NULL: that thread is gone, or it cannot be told. Valid until the next call. */
const char *cgroup_of_thread(u32 tid);
/* Its number; 0: as above. */
u64 cgroup_id_of_thread(u32 tid);

#endif
