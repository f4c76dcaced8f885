/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/stop.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define MARK_NAME "IOPATH_BENCH_CHILD"

struct proc_stat {
	pid_t session;
	uint64_t utime, stime, rss_pages;
};

static int proc_stat_read(pid_t pid, struct proc_stat *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], line[1024], *p;
	long session;
	unsigned long long utime, stime;
	long long rss;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		return -ESRCH;
	p = strrchr(line, ')'); /* a name may hold spaces and parentheses */
	if (!p || sscanf(p + 1,
			 " %*c %*d %*d %ld %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
			 "%*d %*d %*u %*u %lld",
			 &session, &utime, &stime, &rss) != 4)
		return -EPROTO;
	*ret = (struct proc_stat){ (pid_t)session, utime, stime, (uint64_t)rss };
	return 0;
}

static int redirect(int fd, int to)
{
	if (fd < 0)
		fd = open("/dev/null", to == 0 ? O_RDONLY : O_WRONLY);
	return fd < 0 || dup2(fd, to) < 0 ? -errno : 0;
}

/* Into cgroup @dir. One that cannot be entered is no reason not to run. */
static void enter_cgroup(const char *dir)
{
	char path[560];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = fd >= 0 ? write(fd, "0", 1) : -1;
	(void)n;
}

/* In the child, up to exec; only returns on failure. */
static int become(char *const argv[], const struct child_io *io, pid_t parent, const char *mark)
{
	static const int defaults[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		signal(defaults[i], SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (io->cgroup)
		enter_cgroup(io->cgroup);
	/* behind the cgroup: entering one may widen it again */
	err = io->cpus && sched_setaffinity(0, sizeof(*io->cpus), io->cpus) ? -errno : 0;
	if (!err)
		err = redirect(-1, 0);
	if (!err)
		err = redirect(io->out_fd, 1);
	if (!err)
		err = redirect(io->err_fd, 2);
	if (!err && io->cwd && chdir(io->cwd))
		err = -errno;
	if (!err && setenv(MARK_NAME, mark, 1))
		err = -errno;
	if (err)
		return err;
	execvp(argv[0], argv);
	return -errno;
}

int child_spawn(char *const argv[], const struct child_io *io, struct child *ret)
{
	_cleanup_close_ int err_read = -1, err_write = -1;
	static unsigned int nr_spawned;
	struct child c = { .pidfd = -1 };
	int fds[2], err = 0;
	pid_t parent = getpid();

	snprintf(c.mark, sizeof(c.mark), "%d.%llu.%u", parent, (unsigned long long)now_ns(),
		 nr_spawned++);
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	err_read = fds[0];
	err_write = fds[1];
	c.pid = fork();
	if (c.pid < 0)
		return -errno;
	if (!c.pid) {
		err = become(argv, io, parent, c.mark);
		if (write(err_write, &err, sizeof(err)) < 0)
			_exit(126);
		_exit(127);
	}
	close(take_fd(&err_write));
	while (read(err_read, &err, sizeof(err)) < 0 && errno == EINTR)
		;
	if (err) {
		waitpid(c.pid, NULL, 0);
		return err;
	}
	c.pidfd = (int)syscall(SYS_pidfd_open, c.pid, 0);
	if (c.pidfd < 0) {
		err = -errno;
		kill(c.pid, SIGKILL);
		waitpid(c.pid, NULL, 0);
		return err;
	}
	fcntl(c.pidfd, F_SETFD, FD_CLOEXEC);
	*ret = c;
	return 0;
}

static void reap(struct child *c, struct child_end *ret)
{
	struct child_end end = { 0 };
	int status = 0;

	while (wait4(c->pid, &status, 0, &end.usage) < 0 && errno == EINTR)
		;
	end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	close(c->pidfd);
	*c = (struct child){ .pidfd = -1 };
	if (ret)
		*ret = end;
}

int child_wait(struct child *c, uint64_t timeout_ns, bool through, struct child_end *ret)
{
	uint64_t deadline = now_ns() + timeout_ns;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = c->pidfd, .events = POLLIN },
			{ .fd = through ? -1 : stop_fd(), .events = POLLIN },
		};
		uint64_t now = now_ns();
		int ms = now >= deadline ? 0 : (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS);
		int n = poll(p, 2, ms);

		if (p[0].revents) {
			reap(c, ret);
			return 0;
		}
		if (!through && stop_signal())
			return -EINTR;
		if (!n && now_ns() >= deadline)
			return -ETIME;
	}
}

int child_stop(struct child *c, const int *signals, int nr, bool group, uint64_t grace_ns,
	       struct child_end *ret)
{
	char mark[CHILD_MARK_MAX];

	if (!c->pid)
		return 0;
	memcpy(mark, c->mark, sizeof(mark));
	for (int i = 0; i < nr; i++) {
		kill(group ? -c->pid : c->pid, signals[i]);
		if (!child_wait(c, grace_ns, true, ret)) {
			mark_kill(mark); /* what it left in the background */
			return 0;
		}
	}
	kill(c->pid, SIGKILL);
	if (child_wait(c, 5 * NS_PER_S, true, ret))
		return -ETIME;
	mark_kill(mark);
	return 0;
}

static int read_all(int fd, char **ret)
{
	_cleanup_free_ char *buf = NULL;
	size_t len = 0;

	for (;;) {
		char *bigger = realloc(buf, len + 4096 + 1);
		ssize_t n;

		if (!bigger)
			return -ENOMEM;
		buf = bigger;
		n = read(fd, buf + len, 4096);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	buf[len] = '\0';
	*ret = take_ptr(buf);
	return 0;
}

int child_run(char *const argv[], uint64_t timeout_ns, char **ret_out, struct child_end *ret)
{
	_cleanup_close_ int out = memfd_create("output", MFD_CLOEXEC);
	struct child_io io = { .out_fd = out, .err_fd = out };
	struct child c;
	int err;

	if (out < 0)
		return -errno;
	err = child_spawn(argv, &io, &c);
	if (err)
		return err;
	err = child_wait(&c, timeout_ns, false, ret);
	if (err) {
		child_stop(&c, NULL, 0, false, 0, NULL);
		return err;
	}
	if (!ret_out)
		return 0;
	lseek(out, 0, SEEK_SET);
	return read_all(out, ret_out);
}

/* Call @fn for every process of session @sid. */
static int each_of_session(pid_t sid, void (*fn)(pid_t, const struct proc_stat *, void *), void *arg)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int nr = 0;

	if (!proc)
		return -errno;
	while ((e = readdir(proc))) {
		struct proc_stat st;
		uint64_t pid;

		if (parse_u64(e->d_name, &pid) || proc_stat_read((pid_t)pid, &st) ||
		    st.session != sid)
			continue;
		fn((pid_t)pid, &st, arg);
		nr++;
	}
	closedir(proc);
	return nr;
}

/* Does @pid's environment (NUL-separated) hold @entry? */
static bool bears(pid_t pid, const char *entry)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *var = NULL;
	char path[64];
	size_t cap = 0;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	f = fopen(path, "re");
	while (f && getdelim(&var, &cap, '\0', f) > 0)
		if (!strcmp(var, entry))
			return true;
	return false;
}

static int kill_once(const char *entry)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int nr = 0;

	while (proc && (e = readdir(proc))) {
		uint64_t pid;

		if (parse_u64(e->d_name, &pid) || (pid_t)pid == getpid() || !bears((pid_t)pid, entry))
			continue;
		kill((pid_t)pid, SIGKILL);
		nr++;
	}
	if (proc)
		closedir(proc);
	return nr;
}

int mark_kill(const char *mark)
{
	struct timespec pause = { 0, 10 * (long)NS_PER_MS };
	char entry[sizeof(MARK_NAME) + CHILD_MARK_MAX];
	int first, left;

	snprintf(entry, sizeof(entry), MARK_NAME "=%s", mark);
	first = left = kill_once(entry);
	/* gone, not only killed: what they hold open keeps mounts and devices busy */
	for (int i = 0; left && i < 200; i++) {
		nanosleep(&pause, NULL);
		left = kill_once(entry);
	}
	return first;
}

struct usage {
	uint64_t ticks, pages;
};

static void add_usage(pid_t pid, const struct proc_stat *st, void *arg)
{
	struct usage *u = arg;

	(void)pid;
	u->ticks += st->utime + st->stime;
	u->pages += st->rss_pages;
}

int session_usage(pid_t sid, uint64_t *ret_cpu_ns, uint64_t *ret_rss_bytes)
{
	struct usage u = { 0 };
	int nr = each_of_session(sid, add_usage, &u);

	if (nr <= 0)
		return nr ? nr : -ESRCH;
	*ret_cpu_ns = u.ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
	*ret_rss_bytes = u.pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
