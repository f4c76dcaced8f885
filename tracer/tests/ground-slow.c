/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ground-slow.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ground-place.h"
#include "ground-run.h"
#include "tracer/base/cleanup.h"

enum { GROUND_BYTES = 256 << 20, SLOW_BYTES = 16 << 20 };

struct loop slow = { .fd = -1 }, slow_ground = { .fd = -1 };

static const char *make_slow(void)
{
	int backing;

	if (slow.fd >= 0)
		return NULL;
	if (place_mount_ext4("ground", slow_ground.path, ""))
		return "no ext4";
	backing = open(place_path("ground/disk"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (backing < 0 || ftruncate(backing, SLOW_BYTES))
		return "no file for the slow device";
	return loop_make_on(&slow, backing) ? "no loop device on a file" : NULL;
}

const char *slow_need(void)
{
	const char *why = loop_need(&slow_ground, GROUND_BYTES);

	return why ? why : make_slow();
}

pid_t slow_hold(int ms)
{
	int up[2];
	pid_t pid;
	char c;

	if (pipe2(up, O_CLOEXEC))
		return -1;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		int fd = open(place_path("ground"), O_RDONLY | O_CLOEXEC), err;

		err = ioctl(fd, FIFREEZE, 0);
		if (write(up[1], "x", 1) != 1)
			err = -1;
		poll(NULL, 0, ms);
		_exit(err || ioctl(fd, FITHAW, 0));
	}
	close(up[1]);
	if (read(up[0], &c, 1) != 1)
		pid = -1;
	close(up[0]);
	return pid;
}

void slow_let_go(pid_t holder)
{
	int fd = open(place_path("ground"), O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		ioctl(fd, FITHAW, 0);
		close(fd);
	}
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}

static int held_now(void)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;
	int reads = 0, writes = 0;

	snprintf(path, sizeof(path), "/sys/block/%s/inflight", slow.name);
	f = fopen(path, "re");
	return f && fscanf(f, "%d %d", &reads, &writes) == 2 ? writes : -1;
}

bool slow_holds(int requests)
{
	const struct timespec ms10 = { 0, 10000000 };

	for (int i = 0; i < patience_ms(500); i++) {
		if (held_now() == requests)
			return true;
		nanosleep(&ms10, NULL);
	}
	return false;
}
