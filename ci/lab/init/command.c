/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CMD: its output goes to the host as it comes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"

static void copy_output(struct pollfd *from, int to)
{
	char buf[65536];
	ssize_t n;

	if (!from->revents)
		return;
	n = read(from->fd, buf, sizeof(buf));
	if (n > 0) {
		send_all(to, buf, n);
	} else if (!n || (errno != EINTR && errno != EAGAIN)) {
		close(from->fd);
		from->fd = -1;
	}
}

static pid_t start_command(const char *cmd, const int out[2], const int err[2], const sigset_t *mask)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out[1], 1);
	dup2(err[1], 2);
	closefrom(3);
	setsid();
	sigprocmask(SIG_SETMASK, mask, NULL);
	execlp("bash", "bash", "-c", cmd, (char *)NULL);
	dprintf(2, "bash: %s\n", strerror(errno));
	_exit(127);
}

/*
 * So that the host can tell a guest that is busy from one that hangs. In virtual
 * time it would be one more thing that runs while something is measured.
 */
enum { ALIVE_S = 5 };

static int alive_timer(void)
{
	const struct itimerspec every = { { ALIVE_S, 0 }, { ALIVE_S, 0 } };
	const char *mode = getenv("LAB_MODE");
	int fd = -1;

	if (mode && !strcmp(mode, "realtime"))
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

int run_command(const char *cmd)
{
	int out[2], err[2], status = 0;
	struct signalfd_siginfo si;
	uint64_t ticks;
	sigset_t chld, old;
	pid_t pid, ended;
	bool running = true;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("pipe: %s", strerror(errno));
	pid = start_command(cmd, out, err, &old);
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);

	struct pollfd fds[] = {
		{ .fd = out[0], .events = POLLIN },
		{ .fd = err[0], .events = POLLIN },
		{ .fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN },
		{ .fd = alive_timer(), .events = POLLIN },
	};
	/* Once the command has ended: until its pipes have nothing more to say. */
	while (poll(fds, running ? 4 : 3, running ? -1 : 0) > 0 || running) {
		copy_output(&fds[0], ports[PORT_OUT]);
		copy_output(&fds[1], ports[PORT_ERR]);
		if (read(fds[3].fd, &ticks, sizeof(ticks)) > 0)
			tell("alive");
		if (read(fds[2].fd, &si, sizeof(si)) < 0)
			continue;
		int st;
		while ((ended = waitpid(-1, &st, WNOHANG)) > 0) {
			if (ended != pid)
				continue;
			status = st;
			running = false;
			kill(-1, SIGKILL);
		}
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
