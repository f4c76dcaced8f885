/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tee.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

static void end_line(struct tee *t)
{
	t->line[t->len] = '\0';
	text_clean(t->line);
	if (t->line[strspn(t->line, " ")])
		memcpy(t->last, t->line, sizeof(t->last));
	t->len = 0;
}

static void take(struct tee *t, const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '\n')
			end_line(t);
		else if (t->len < sizeof(t->line) - 1)
			t->line[t->len++] = buf[i];
	}
}

bool tee_read(struct tee *t, int fd)
{
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0)
		return errno == EINTR;
	take(t, buf, (size_t)n);
	for (ssize_t done = 0, m; done < n; done += m) {
		m = write(STDERR_FILENO, buf + done, (size_t)(n - done));
		if (m < 0 && errno == EINTR)
			m = 0;
		if (m < 0)
			break; /* nobody reads it: no reason to end */
	}
	return n > 0;
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Others may hold its stderr open for longer than it lives. */
int tee_wait(struct tee *t, int fd, pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p[] = { { pidfd, POLLIN, 0 }, { fd, POLLIN, 0 }, { stop_fd(), POLLIN, 0 } };

	while (!p[0].revents && (pidfd >= 0 || p[1].fd >= 0)) {
		if (poll(p, sizeof(p) / sizeof(p[0]), -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents && !tee_read(t, fd))
			p[1].fd = -1;
		if (p[2].revents) {
			kill(pid, SIGTERM);
			p[2].fd = -1;
		}
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (tee_read(t, fd))
		;
	if (t->len)
		end_line(t);
	return status_of(pid);
}
