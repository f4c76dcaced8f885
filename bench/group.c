/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "group.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define PF_KTHREAD 0x00200000u

int groups_find_mount(const char *mountinfo, char *buf, size_t len)
{
	for (const char *line = mountinfo; line && *line; line = strchr(line, '\n')) {
		char where[256], type[32];
		const char *dash;

		line += *line == '\n';
		dash = strstr(line, " - ");
		if (!dash || sscanf(line, "%*s %*s %*s %*s %255s", where) != 1 ||
		    sscanf(dash, " - %31s", type) != 1 || strcmp(type, "cgroup2"))
			continue;
		if ((size_t)snprintf(buf, len, "%s", where) >= len)
			return -EOVERFLOW;
		return 0;
	}
	return -ENOENT;
}

/* Ours within the mount: "0::/a/b" of /proc/self/cgroup. */
static int own_group(char *buf, size_t len)
{
	_cleanup_free_ char *text = NULL;
	int err = file_read("/proc/self/cgroup", &text);
	const char *p;

	if (err)
		return err;
	p = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!p)
		return -ENOENT;
	p += 3 + (*p == '\n');
	if ((size_t)snprintf(buf, len, "%.*s", (int)strcspn(p, "\n"), p) >= len)
		return -EOVERFLOW;
	if (!strcmp(buf, "/"))
		buf[0] = '\0';
	return 0;
}

int groups_open(struct undo *u, struct groups *ret)
{
	static const char *const names[] = { [GROUP_WORKLOAD] = "workload", [GROUP_TRACER] = "tracer" };
	_cleanup_free_ char *mounts = NULL;
	char mount[160], own[256];
	struct group_time t;

	*ret = (struct groups){ 0 };
	if (file_read("/proc/self/mountinfo", &mounts) || groups_find_mount(mounts, mount, sizeof(mount)) ||
	    own_group(own, sizeof(own)))
		return 0;
	for (int i = 0; i < GROUP_NR; i++) {
		int err;

		snprintf(ret->dir[i], sizeof(ret->dir[i]), "%s%s/iopath-bench.%d.%s", mount, own, getpid(), names[i]);
		err = undo_push_cgroup(u, ret->dir[i]);
		if (err)
			return err;
		if (mkdir(ret->dir[i], 0755)) {
			undo_drop(u);
			return 0;
		}
	}
	/* a kernel without a cpu.stat for groups without a controller is too old for this */
	ret->on = !groups_read(ret, GROUP_WORKLOAD, &t) && !groups_read(ret, GROUP_TRACER, &t);
	return 0;
}

const char *groups_dir(const struct groups *g, enum group which)
{
	return g && g->on ? g->dir[which] : NULL;
}

int groups_parse_stat(const char *text, struct group_time *ret)
{
	const char *user = strstr(text, "user_usec "), *system = strstr(text, "system_usec ");
	unsigned long long u, s;

	if (!user || !system || sscanf(user, "user_usec %llu", &u) != 1 ||
	    sscanf(system, "system_usec %llu", &s) != 1)
		return -EPROTO;
	*ret = (struct group_time){ u * 1000, s * 1000 };
	return 0;
}

int groups_read(const struct groups *g, enum group which, struct group_time *ret)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	int err;

	if (asprintf(&path, "%s/cpu.stat", g->dir[which]) < 0)
		return -ENOMEM;
	err = file_read(path, &text);
	return err ? err : groups_parse_stat(text, ret);
}

/* ---- /proc ---- */

static int read_task(const char *proc, const char *pid, uint64_t tick_ns, struct task *ret)
{
	char path[320], line[1024], *p;
	unsigned long long user, system, run;
	long long below_user, below_system;
	unsigned int flags;
	int parent, err;

	snprintf(path, sizeof(path), "%s/%s/stat", proc, pid);
	err = file_read_line(path, line, sizeof(line));
	if (err)
		return err;
	p = strrchr(line, ')'); /* a name may hold spaces and parentheses */
	if (!p || sscanf(p + 1, " %*c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %llu %llu %lld %lld", &parent, &flags,
			 &user, &system, &below_user, &below_system) != 6)
		return -EPROTO;
	*ret = (struct task){
		.pid = (pid_t)atoi(pid),
		.parent = (pid_t)parent,
		.is_kernel = flags & PF_KTHREAD,
		.time = { (user + (unsigned long long)below_user) * tick_ns,
			  (system + (unsigned long long)below_system) * tick_ns },
		.run_ns = (user + system) * tick_ns,
	};
	if (!ret->is_kernel)
		return 0;
	snprintf(path, sizeof(path), "%s/%s/schedstat", proc, pid);
	if (!file_read_line(path, line, sizeof(line)) && sscanf(line, "%llu", &run) == 1 && run)
		ret->run_ns = run;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct task *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int tasks_take(const char *proc, struct tasks *ret)
{
	uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK), number;
	struct tasks t = { 0 };
	unsigned int room = 0;
	DIR *dir = opendir(proc);
	struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		struct task one;

		if (parse_u64(e->d_name, &number) || read_task(proc, e->d_name, tick_ns, &one))
			continue; /* no process, or gone */
		if (t.nr == room) {
			struct task *bigger = realloc(t.v, (room = room ? 2 * room : 256) * sizeof(*t.v));

			if (!bigger) {
				closedir(dir);
				tasks_free(&t);
				return -ENOMEM;
			}
			t.v = bigger;
		}
		t.v[t.nr++] = one;
	}
	closedir(dir);
	if (t.nr)
		qsort(t.v, t.nr, sizeof(*t.v), by_pid);
	*ret = t;
	return 0;
}

void tasks_free(struct tasks *t)
{
	free(t->v);
	*t = (struct tasks){ 0 };
}

static const struct task *find_task(const struct tasks *t, pid_t pid)
{
	struct task key = { .pid = pid };

	return t->nr ? bsearch(&key, t->v, t->nr, sizeof(*t->v), by_pid) : NULL;
}

static bool descends_from(const struct tasks *t, const struct task *task, pid_t root)
{
	for (unsigned int depth = 0; task && depth < 64; depth++) {
		if (task->pid == root)
			return true;
		task = find_task(t, task->parent);
	}
	return false;
}

struct group_time tasks_tree(const struct tasks *t, pid_t root)
{
	struct group_time sum = { 0 };

	for (unsigned int i = 0; i < t->nr; i++) {
		if (!descends_from(t, &t->v[i], root))
			continue;
		sum.user_ns += t->v[i].time.user_ns;
		sum.system_ns += t->v[i].time.system_ns;
	}
	return sum;
}

uint64_t tasks_kernel_between(const struct tasks *from, const struct tasks *to)
{
	uint64_t ns = 0;

	for (unsigned int i = 0; i < to->nr; i++) {
		const struct task *now = &to->v[i], *before = find_task(from, now->pid);
		uint64_t was = before && before->is_kernel ? before->run_ns : 0;

		if (now->is_kernel && now->run_ns > was)
			ns += now->run_ns - was;
	}
	return ns;
}
