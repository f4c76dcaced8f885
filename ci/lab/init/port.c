/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control port, and those of CMD's output. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "init.h"

static const char *const port_names[NR_PORTS] = { "lab.out", "lab.err", "lab.ctl" };
int ports[NR_PORTS] = { -1, -1, -1 };

void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

void tell(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (ports[PORT_CTL] >= 0)
		send_all(ports[PORT_CTL], line, len);
	else
		dprintf(2, "lab: %.*s", len, line);
}

void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void open_ports(void)
{
	for (int tries = 0; tries < 500; tries++) {
		int nr_open = 0;
		glob_t g;

		if (!glob("/sys/class/virtio-ports/*/name", 0, NULL, &g)) {
			for (size_t i = 0; i < g.gl_pathc; i++) {
				char name[64], dev[128], *port = g.gl_pathv[i];

				if (!read_line(port, name, sizeof(name)))
					continue;
				*strrchr(port, '/') = 0;
				snprintf(dev, sizeof(dev), "/dev/%s", strrchr(port, '/') + 1);
				for (int p = 0; p < NR_PORTS; p++)
					if (ports[p] < 0 && !strcmp(name, port_names[p]))
						ports[p] = open(dev, O_WRONLY | O_CLOEXEC);
			}
			globfree(&g);
		}
		for (int p = 0; p < NR_PORTS; p++)
			nr_open += ports[p] >= 0;
		if (nr_open == NR_PORTS)
			return;
		usleep(10000);
	}
	fail("the control port did not appear");
}
