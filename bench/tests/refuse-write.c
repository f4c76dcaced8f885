/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into a run: a kernel that lists a scheduler and does not take it.
 * REFUSE_WRITE=TEXT: whoever writes that to a file of sysfs gets EINVAL.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t write(int fd, const void *buf, size_t len)
{
	const char *text = getenv("REFUSE_WRITE");
	char link[64], path[128] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (text && len >= strlen(text) && !memcmp(buf, text, strlen(text)) && readlink(link, path, sizeof(path) - 1) > 0 &&
	    !strncmp(path, "/sys/", 5)) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_write, fd, buf, len);
}
