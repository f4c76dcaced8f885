/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kmsg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

static const char *const complaints[] = {
	"BUG:", "WARNING:", "Oops", "I/O error", "hung task", "blocked for more than", "soft lockup",
	"rcu: INFO", "EXT4-fs error",
};

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

static int complains(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++)
		if (strstr(text, complaints[i]))
			return 1;
	return 0;
}

int kmsg_complaint(int fd, char *buf, size_t len)
{
	char record[8192];
	int found = 0;
	ssize_t n;

	while (fd >= 0) {
		const char *text;

		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE) /* overwritten before it was read: go on */
			continue;
		if (n <= 0)
			break;
		record[n] = '\0';
		text = strchr(record, ';'); /* behind priority,sequence,time,flags */
		if (!text || found || !complains(text))
			continue;
		snprintf(buf, len, "%.*s", (int)strcspn(text + 1, "\n"), text + 1);
		found = 1;
	}
	return found;
}
