/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inflight-task.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cgroup.h"
#include "file-path.h"
#include "tracer/base/cleanup.h"

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Functions in which a task waits for one thing alone. */
s32 inflight_stage_of(const char *function)
{
	static const struct {
		const char *function;
		enum iop_stage stage;
	} waits[] = {
		{ "blk_mq_get_tag", STAGE_Q2G },     { "rq_qos_wait", STAGE_Q2G },
		{ "__blk_mq_alloc_requests", STAGE_Q2G }, { "balance_dirty_pages", STAGE_THROTTLE },
		{ "folio_wait_writeback", STAGE_WBWAIT }, { "wait_on_page_writeback", STAGE_WBWAIT },
		{ "blk_io_schedule", STAGE_DEVICE }, { "submit_bio_wait", STAGE_DEVICE },
		{ "__iomap_dio_rw", STAGE_DEVICE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
		if (!strcmp(waits[i].function, function))
			return (s32)waits[i].stage;
	return -1;
}

long inflight_parse_syscall(const char *line, u64 args[static 6])
{
	char *end;
	long nr = strtol(line, &end, 10);

	if (end == line || nr < 0)
		return -1;
	for (int i = 0; i < 6; i++)
		args[i] = strtoull(end, &end, 16);
	return nr;
}

/* First line of a file of a task; "" when there is none. */
static void read_line(const char *pid, const char *tid, const char *file, char *buf, size_t len)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[128];

	snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/%s", pid, tid, file);
	f = fopen(path, "re");
	if (!f || !fgets(buf, (int)len, f))
		*buf = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* Of /proc/PID/stat, whose second field may hold anything. */
static char state_of(const char *stat)
{
	const char *end = strrchr(stat, ')');

	return end && end[1] == ' ' ? end[2] : '?';
}

static bool known_already(const struct inflight_list *l, size_t begun, u32 tid)
{
	for (size_t i = 0; i < begun; i++)
		if (!l->v[i].u.request && l->v[i].u.owner.tid == tid && l->v[i].u.via == VIA_SYSCALL)
			return true;
	return false;
}

static bool file_wanted(const struct inflight_opts *o, u32 tid, s32 fd)
{
	char link[64];
	struct stat st;
	u32 dev;

	if (!o->nr_devs)
		return true;
	snprintf(link, sizeof(link), "/proc/%u/fd/%d", tid, fd);
	if (fd < 0 || stat(link, &st))
		return false;
	dev = S_ISBLK(st.st_mode) ? (u32)major(st.st_rdev) << 20 | minor(st.st_rdev) :
				    (u32)major(st.st_dev) << 20 | minor(st.st_dev);
	for (u32 i = 0; i < o->nr_devs; i++)
		if (o->devs[i] == dev)
			return true;
	return false;
}

static u64 arg_of(const u64 *args, u8 nr)
{
	return nr ? args[nr - 1] : 0;
}

/* What the system call says of the operation; false: it is none of ours. */
static bool describe(const char *syscall, struct unfinished *u)
{
	u64 args[6];
	long nr = inflight_parse_syscall(syscall, args);
	const struct iop_syscall *sc = nr < 0 ? NULL : session_syscall(nr);

	u->kind = KIND_NONE;
	u->fd = -1;
	u->offset = UINT64_MAX;
	if (!sc)
		return false;
	u->kind = sc->kind;
	if (sc->fd_arg)
		u->fd = (s32)args[sc->fd_arg - 1];
	u->bytes = arg_of(args, sc->len_arg);
	if (sc->offset_arg)
		u->offset = args[sc->offset_arg - 1];
	return true;
}

static int take_task(const struct inflight_opts *o, struct inflight_list *l, size_t begun, const char *pid,
		     const char *tid)
{
	char stat[512], syscall[256], wchan[64];
	struct unfinished u = { .tag = -1, .via = VIA_SYSCALL };
	struct inflight *f;
	int err;

	u.owner.tgid = (u32)atoi(pid);
	u.owner.tid = (u32)atoi(tid);
	read_line(pid, tid, "stat", stat, sizeof(stat));
	if (state_of(stat) != 'D' || known_already(l, begun, u.owner.tid))
		return 0;
	read_line(pid, tid, "syscall", syscall, sizeof(syscall));
	read_line(pid, tid, "wchan", wchan, sizeof(wchan));
	if (!describe(syscall, &u))
		u.via = VIA_KERNEL;
	if (!file_wanted(o, u.owner.tid, u.fd))
		return 0;
	err = inflight_add(l, &f);
	if (err)
		return err;
	f->source = INFLIGHT_TASK;
	read_line(pid, tid, "comm", u.owner.comm, sizeof(u.owner.comm));
	u.owner.cgroup = cgroup_id_of_thread(u.owner.tid);
	if (strcmp(wchan, "0"))
		snprintf(f->waits_in, sizeof(f->waits_in), "%s", wchan);
	u.stage = inflight_stage_of(f->waits_in);
	f->u = u;
	if (u.fd >= 0)
		file_path(&u, NULL, f->path);
	return 0;
}

int inflight_tasks(const struct inflight_opts *o, struct inflight_list *l, size_t begun)
{
	_cleanup_(closedirp) DIR *proc = opendir("/proc");
	int err = 0;

	for (struct dirent *p = proc ? readdir(proc) : NULL; p && !err; p = readdir(proc)) {
		_cleanup_(closedirp) DIR *tasks = NULL;
		char path[64];

		if (p->d_name[0] < '1' || p->d_name[0] > '9' || atoi(p->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/task", p->d_name);
		tasks = opendir(path);
		for (struct dirent *t = tasks ? readdir(tasks) : NULL; t && !err; t = readdir(tasks))
			if (t->d_name[0] != '.')
				err = take_task(o, l, begun, p->d_name, t->d_name);
	}
	return proc ? err : -errno;
}
