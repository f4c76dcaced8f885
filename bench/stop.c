/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"

static volatile sig_atomic_t caught;
static int event_fd = -1;

static void on_signal(int signo)
{
	static const uint64_t one = 1;
	int saved = errno;

	if (!caught)
		caught = signo;
	if (write(event_fd, &one, sizeof(one)) < 0) {
		/* the counter is full: it is readable already */
	}
	errno = saved;
}

int stop_install(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	/* a reader of our output that went away is an error of write(), not death */
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
	return 0;
}

int stop_signal(void)
{
	return caught;
}

int stop_fd(void)
{
	return event_fd;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

int sleep_until(uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd p = { .fd = event_fd, .events = POLLIN };
		uint64_t now = now_ns();
		struct timespec left;

		if (caught)
			return -EINTR;
		if (now >= deadline_ns)
			return 0;
		left.tv_sec = (time_t)((deadline_ns - now) / NS_PER_S);
		left.tv_nsec = (long)((deadline_ns - now) % NS_PER_S);
		ppoll(&p, event_fd >= 0, &left, NULL);
	}
}
