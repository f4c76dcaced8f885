/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/base/cleanup.h"
#include "ground-place.h"
#include "ground-run.h"

static char root[] = "/tmp/iopath-test-XXXXXX";
static char why_not[160];
static bool made;
static pid_t maker;
static void (*at_end[4])(void);

/* System calls alone: also runs in a signal handler. */
static void unmake(void)
{
	if (!made || getpid() != maker)
		return;
	made = false;
	for (size_t i = 0; i < sizeof(at_end) / sizeof(at_end[0]) && at_end[i]; i++)
		at_end[i]();
	umount2(root, MNT_DETACH);
	rmdir(root);
}

static void unmake_and_die(int sig)
{
	unmake();
	signal(sig, SIG_DFL);
	raise(sig);
}

static const char *no(const char *what)
{
	snprintf(why_not, sizeof(why_not), "%s: %s", what, strerror(errno));
	return why_not;
}

static const char *make(void)
{
	static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGSEGV, SIGBUS, SIGABRT };

	if (geteuid())
		return "needs root";
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return no("no mount namespace of its own");
	if (!mkdtemp(root))
		return no(root);
	made = true;
	maker = getpid();
	atexit(unmake);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		signal(deadly[i], unmake_and_die);
	if (mount("iopath-test", root, "tmpfs", 0, "size=256m,mode=755"))
		return no("no tmpfs");
	return NULL;
}

const char *place_ready(void)
{
	static bool tried;
	static const char *why;

	if (!tried)
		why = make();
	tried = true;
	return why;
}

void place_at_end(void (*fn)(void))
{
	size_t i = 0;

	while (i < sizeof(at_end) / sizeof(at_end[0]) && at_end[i] && at_end[i] != fn)
		i++;
	if (i == sizeof(at_end) / sizeof(at_end[0]))
		abort();
	at_end[i] = fn;
}

const char *place_path(const char *fmt, ...)
{
	static char ring[8][256];
	static unsigned int next;
	char *at = ring[next++ % 8];
	int n = snprintf(at, sizeof(ring[0]), "%s/", root);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(at + n, sizeof(ring[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	return at;
}

const char *place_script(const char *name, const char *text)
{
	const char *path = place_path("%s", name);
	_cleanup_fclose_ FILE *f = fopen(path, "we");

	if (f)
		fprintf(f, "%s\n", text);
	return path;
}

int place_mount_tmpfs(const char *name, unsigned long bytes)
{
	const char *dir = place_path("%s", name);
	char options[64];

	snprintf(options, sizeof(options), "size=%lu", bytes);
	if (mkdir(dir, 0755) || mount("iopath-test", dir, "tmpfs", 0, options))
		return -errno;
	return 0;
}

int place_mount_ext4(const char *name, const char *device, const char *options)
{
	const char *dir = place_path("%s", name);
	struct proc p = {};
	int status = proc_line(
		&p, "mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard %s",
		device);

	if (status)
		fprintf(stderr, "mkfs.ext4: status %d: %s\n", status, p.err.text);
	proc_free(&p);
	if (status)
		return -EIO;
	if (mkdir(dir, 0755) || mount(device, dir, "ext4", MS_NOATIME, options))
		return -errno;
	return 0;
}

int place_remount(const char *name, unsigned long flags)
{
	return mount(NULL, place_path("%s", name), NULL, MS_REMOUNT | MS_NOATIME | flags, NULL) ? -errno : 0;
}

void place_umount(const char *name)
{
	const char *dir = place_path("%s", name);

	if (umount2(dir, 0))
		umount2(dir, MNT_DETACH);
	rmdir(dir);
}
