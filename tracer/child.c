/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

__attribute__((noreturn)) static void child_main(int gate, int report, pid_t parent,
						 char *const argv[])
{
	sigset_t none;
	char go;
	int err;

	/* a tracer that is killed before it opens the gate takes this process along */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || read(gate, &go, 1) != 1)
		_exit(0);
	prctl(PR_SET_PDEATHSIG, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	err = errno;
	if (write(report, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

int child_fork(struct child *c, char *const argv[])
{
	int gate[2] = { -1, -1 }, report[2] = { -1, -1 }, err;
	pid_t parent = getpid(), pid;

	if (pipe2(gate, O_CLOEXEC) || pipe2(report, O_CLOEXEC)) {
		err = -errno;
		goto out;
	}
	pid = fork();
	if (pid < 0) {
		err = -errno;
		goto out;
	}
	if (!pid) {
		close(gate[1]);
		child_main(gate[0], report[1], parent, argv);
	}
	c->pid = pid;
	c->gate = take_fd(&gate[1]);
	c->exec_error = take_fd(&report[0]);
	err = 0;
out:
	closep(&gate[0]);
	closep(&gate[1]);
	closep(&report[0]);
	closep(&report[1]);
	return err;
}

int child_release(struct child *c)
{
	int err = 0;

	if (write(c->gate, "g", 1) != 1)
		return -errno;
	close(take_fd(&c->gate));
	/* end of file: exec closed the other end */
	if (read(c->exec_error, &err, sizeof(err)) == sizeof(err))
		return -err;
	return 0;
}

void child_destroy(struct child *c)
{
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
		c->pid = 0;
	}
	closep(&c->gate);
	closep(&c->exec_error);
	c->gate = c->exec_error = -1;
}

int child_exit_code(int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : 1;
}
