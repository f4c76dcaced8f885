/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "task-info.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tracer/base/cleanup.h"
#include "view.h"

#define NR_KNOWN 64
#define FRESH_S 1

static u32 tgid_of(u32 tid)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[48], line[128];
	u32 tgid = tid;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %u", &tgid) == 1)
			break;
	return tgid;
}

const struct task_info *task_info(u32 tid)
{
	static struct known {
		u32 tid;
		time_t at_s;
		struct task_info info;
	} known[NR_KNOWN];
	struct known *k = &known[tid % NR_KNOWN];
	const char *cgroup;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (k->tid == tid && now.tv_sec - k->at_s <= FRESH_S)
		return &k->info;
	k->tid = tid;
	k->at_s = now.tv_sec;
	k->info.tgid = tgid_of(tid);
	view_comm_of(tid, k->info.comm);
	cgroup = cgroup_of_thread(tid);
	snprintf(k->info.cgroup, sizeof(k->info.cgroup), "%s", cgroup ? cgroup : "");
	return &k->info;
}
