/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view-record.h"

#include <string.h>

#include "cgroup.h"
#include "disk-info.h"
#include "ksyms.h"
#include "task-info.h"
#include "tracer/base/cleanup.h"

const char *record_type(const struct record *r, const struct record_view *v)
{
	return v->rank ? "top" : r->slow.flags & SLOW_SAMPLE ? "sample" : "slow";
}

const char *record_kind(const struct iop_slow *s)
{
	return s->flags & SLOW_REQUEST ? bop_names[s->kind % NR_BOPS] : kind_names[s->kind % NR_KINDS];
}

/* Of a failed operation or request, why; NULL: it did not fail, or no name is sure. */
const char *record_error(const struct iop_slow *s)
{
	if (s->flags & SLOW_REQUEST)
		return s->result ? disk_status_text((int)s->result) : NULL;
	return s->result < 0 ? strerror((int)-s->result) : NULL;
}

/* What was not told with it /proc says; a worker that has gone since was in its owner's cgroup. */
struct submitter record_submitter(const struct iop_slow *s)
{
	const struct iop_submitter *by = &s->submitter;
	const struct task_info *t = task_info(by->tid);

	if (!by->tgid)
		return (struct submitter){ t->tgid, t->comm, t->cgroup };
	return (struct submitter){ by->tgid, by->comm,
				   *t->cgroup || by->tgid != s->tgid ? t->cgroup : cgroup_name(s->cgroup) };
}

/* The devices below the file, or below what the request went to: @d, or NULL. */
const char *record_device_stack(const struct iop_slow *s, const struct disk_info *d)
{
	if (s->file_dev >> 20 && s->file_dev != s->dev)
		d = disk_info(s->file_dev);
	return d ? d->stack : NULL;
}

/* In full, into room for a mount and a path. A path within a file system is told where that is mounted. */
void record_path(const struct iop_slow *s, char *buf, size_t len)
{
	const char *mount = s->flags & SLOW_PATH_IN_FS ? disk_info(s->file_dev)->mount : "";
	size_t n = strlen(mount);

	*buf = '\0';
	if (!s->path_len)
		return;
	memcpy(buf, mount, n);
	slow_path(s, buf + n, len - n);
	if (!buf[n])
		*buf = '\0';
}

const enum iop_stage record_part_stages[NR_PART_STAGES] = { STAGE_Q2G, STAGE_G2I, STAGE_I2D, STAGE_DRIVER, STAGE_DEVICE,
							     STAGE_COMPLETE };

/* Number of the request that a part is of: its first part's, from 1. */
u32 record_request_nr(const struct record *r, u32 part)
{
	u32 nr = 0;

	for (u32 i = 0; i <= part; i++) {
		u32 first = 0;

		while (r->parts[first].rq != r->parts[i].rq || r->parts[first].c_ns != r->parts[i].c_ns)
			first++;
		nr += first == i;
		if (i == part && first != i)
			return record_request_nr(r, first);
	}
	return nr;
}

/* The first frame that is not of the tracer's own program, which the stack was taken in. */
u32 record_first_frame(const struct record *r, const struct ksyms *k)
{
	static const char *const own[] = { "bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_",
					   "bpf_trampoline_", "bpf_get_stack" };
	char name[256];
	u32 i = 0;

	for (size_t o = 0; i < r->nr_frames && o < ARRAY_SIZE(own);) {
		ksyms_name(k, r->ip[i], name, sizeof(name));
		if (strncmp(name, own[o], strlen(own[o])))
			o++;
		else
			i++, o = 0;
	}
	return i;
}
