/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ground-run.h"
#include "tracer/base/cleanup.h"

enum { MAX_WORDS = 96 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int patience_ms(int ms)
{
	const char *set = getenv("TEST_PATIENCE");
	long times = set ? strtol(set, NULL, 10) : 1;

	return times > 1 && times <= 100 ? ms * (int)times : ms;
}

const char *proc_path(const char *name)
{
	static char path[512];
	const char *set = strcmp(name, "iopath") ? NULL : getenv("IOPATH");
	ssize_t n;

	if (set && *set)
		return set;
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0)
		return name;
	path[n] = 0;
	snprintf(strrchr(path, '/') + 1, sizeof(path) - (size_t)n, "%s", name);
	return path;
}

/* A command begins the line, or comes after "--"; those of our own build go by path. */
static char *word_of(const char *word, const char *before)
{
	static const char *const ours[] = { "iopath", "known-count", "iopath-uring" };
	bool command = !before || !strcmp(before, "--");

	for (size_t i = 0; command && i < ARRAY_SIZE(ours); i++)
		if (!strcmp(word, ours[i]))
			return strdup(proc_path(word));
	return strdup(word);
}

static void split(char *line, char *words[MAX_WORDS])
{
	char *save, *w = strtok_r(line, " ", &save);
	int n = 0;

	for (; w && n < MAX_WORDS - 1; w = strtok_r(NULL, " ", &save)) {
		words[n] = word_of(w, n ? words[n - 1] : NULL);
		n++;
	}
	words[n] = NULL;
}

static void free_words(char **words)
{
	for (; *words; words++)
		free(*words);
}

/* Another user may not be able to reach the path, so it is opened before becoming one. */
static void run_as(char **words, uid_t uid)
{
	int fd = open(words[0], O_RDONLY | O_CLOEXEC);

	if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
		return;
	fexecve(fd, words, environ);
}

static void child(char **words, uid_t uid, int out, int err)
{
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	close(null);
	if (uid)
		run_as(words, uid);
	else
		execvp(words[0], words);
	fprintf(stderr, "%s: %s\n", words[0], strerror(errno));
	_exit(127);
}

static int start(struct proc *p, uid_t uid, const char *fmt, va_list ap)
{
	char *words[MAX_WORDS], line[sizeof(p->line)];
	int out[2], err[2];

	*p = (struct proc){ .pid = -1, .out_fd = -1, .err_fd = -1 };
	vsnprintf(p->line, sizeof(p->line), fmt, ap);
	memcpy(line, p->line, sizeof(line));
	p->out.text = calloc(1, 1);
	p->err.text = calloc(1, 1);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return -errno;
	split(line, words);
	fflush(NULL);
	p->pid = fork();
	if (!p->pid)
		child(words, uid, out[1], err[1]);
	free_words(words);
	close(out[1]);
	close(err[1]);
	p->out_fd = out[0];
	p->err_fd = err[0];
	return p->pid < 0 ? -errno : 0;
}

int proc_start(struct proc *p, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = start(p, 0, fmt, ap);
	va_end(ap);
	return r;
}

int proc_start_as(struct proc *p, uid_t uid, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = start(p, uid, fmt, ap);
	va_end(ap);
	return r;
}

static void text_add(struct text *t, const char *more, size_t len)
{
	char *grown = realloc(t->text, t->len + len + 1);

	if (!grown)
		abort();
	memcpy(grown + t->len, more, len);
	t->text = grown;
	t->len += len;
	t->text[t->len] = 0;
}

static void take(int *fd, struct text *t)
{
	char buf[65536];
	ssize_t n = read(*fd, buf, sizeof(buf));

	if (n > 0)
		text_add(t, buf, (size_t)n);
	else if (n == 0 || errno != EINTR)
		close(take_fd(fd));
}

/* Read what comes until @until; false once both ends are closed or the time is up. */
static bool pump(struct proc *p, int64_t until)
{
	struct pollfd fds[2] = { { p->out_fd, POLLIN, 0 }, { p->err_fd, POLLIN, 0 } };
	int64_t left = until - now_ms();

	if ((p->out_fd < 0 && p->err_fd < 0) || left <= 0)
		return false;
	if (poll(fds, 2, (int)left) <= 0)
		return false;
	if (fds[0].revents)
		take(&p->out_fd, &p->out);
	if (fds[1].revents)
		take(&p->err_fd, &p->err);
	return true;
}

bool proc_until(struct proc *p, const char *word, int timeout_ms)
{
	int64_t until = now_ms() + patience_ms(timeout_ms);

	while (!strstr(p->err.text, word) && pump(p, until))
		;
	return strstr(p->err.text, word);
}

void proc_close_out(struct proc *p)
{
	closep(&p->out_fd);
	p->out_fd = -1;
}

void proc_signal(struct proc *p, int sig)
{
	if (p->pid > 0)
		kill(p->pid, sig);
}

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static bool reap(struct proc *p)
{
	int status;

	if (wait4(p->pid, &status, WNOHANG, &p->usage) != p->pid)
		return false;
	p->status = status_of(status);
	p->pid = -1;
	return true;
}

/* SIGTERM first, so that it can take its own children along. */
static void put_down(struct proc *p)
{
	static const int sigs[] = { SIGTERM, SIGKILL };

	for (int i = 0; i < 2; i++) {
		kill(p->pid, sigs[i]);
		for (int ms = 0; ms < patience_ms(2000); ms++) {
			if (reap(p))
				return;
			poll(NULL, 0, 1);
		}
	}
}

/* The pipes may stay open in a process that it left behind, so its end is what counts. */
int proc_wait(struct proc *p, int timeout_ms)
{
	int64_t until = now_ms() + patience_ms(timeout_ms);

	if (p->pid < 0)
		return p->status;
	while (!reap(p)) {
		if (now_ms() >= until) {
			put_down(p);
			return p->status = -ETIMEDOUT;
		}
		if (!pump(p, now_ms() + 20))
			poll(NULL, 0, 1);
	}
	while (pump(p, now_ms() + 20))
		;
	return p->status;
}

int proc_line(struct proc *p, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = start(p, 0, fmt, ap);
	va_end(ap);
	return r ? r : proc_wait(p, 60000);
}

void proc_free(struct proc *p)
{
	if (p->pid > 0)
		proc_wait(p, 0);
	closep(&p->out_fd);
	closep(&p->err_fd);
	free(p->out.text);
	free(p->err.text);
	*p = (struct proc){ .pid = -1, .out_fd = -1, .err_fd = -1 };
}

int text_lines(const struct text *t)
{
	int n = 0;

	for (const char *c = t->text; *c; c++)
		n += *c == '\n';
	return n + (t->len && t->text[t->len - 1] != '\n');
}
