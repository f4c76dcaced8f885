/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guard.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

const struct guard_world guard_world_real = {
	.sysfs = "/sys",
	.mountinfo = "/proc/self/mountinfo",
	.swaps = "/proc/swaps",
};

static int mounted_at(const struct guard_world *w, unsigned int major, unsigned int minor,
		      char *where, size_t len)
{
	_cleanup_fclose_ FILE *f = fopen(w->mountinfo, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		unsigned int ma, mi;
		char at[256];

		/* id parent major:minor root mount-point ... */
		if (sscanf(line, "%*u %*u %u:%u %*s %255s", &ma, &mi, at) == 3 && ma == major &&
		    mi == minor) {
			snprintf(where, len, "%s", at);
			return 1;
		}
	}
	return 0;
}

static int is_swap(const struct guard_world *w, const char *name)
{
	_cleanup_fclose_ FILE *f = fopen(w->swaps, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	if (!f) /* a kernel without swap */
		return errno == ENOENT ? 0 : -errno;
	while (getline(&line, &cap, f) > 0) {
		const char *base;

		line[strcspn(line, " \t\n")] = '\0';
		base = strrchr(line, '/');
		if (base && !strcmp(base + 1, name))
			return 1;
	}
	return 0;
}

static int first_holder(const char *dir, char *holder, size_t len)
{
	_cleanup_free_ char *path = NULL;
	struct dirent *e;
	int found = 0;
	DIR *d;

	if (asprintf(&path, "%s/holders", dir) < 0)
		return -ENOMEM;
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (!found && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(holder, len, "%s", e->d_name);
		found = 1;
	}
	closedir(d);
	return found;
}

static int read_dev(const char *dir, unsigned int *major, unsigned int *minor)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;

	if (asprintf(&path, "%s/dev", dir) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	if (!f)
		return -errno;
	return fscanf(f, "%u:%u", major, minor) == 2 ? 0 : -EPROTO;
}

static int check_one(const struct guard_world *w, const char *path, const char *dir,
		     const char *name, unsigned int major, unsigned int minor, struct why *why)
{
	char what[256];
	int r = mounted_at(w, major, minor, what, sizeof(what));

	if (r > 0)
		return why_fail(why, EXIT_ENVIRONMENT, -EBUSY, "%s: %s is mounted at %s", path,
				name, what);
	if (!r)
		r = is_swap(w, name);
	if (r > 0)
		return why_fail(why, EXIT_ENVIRONMENT, -EBUSY, "%s: %s is swap space", path, name);
	if (!r)
		r = first_holder(dir, what, sizeof(what));
	if (r > 0)
		return why_fail(why, EXIT_ENVIRONMENT, -EBUSY, "%s: %s is in use by %s", path,
				name, what);
	if (r < 0) /* what cannot be checked is not safe */
		return why_fail(why, EXIT_ENVIRONMENT, r, "%s: cannot tell whether it is in use: %s",
				path, strerror(-r));
	return 0;
}

int guard_in_use(const struct guard_world *w, const char *path, unsigned int major,
		 unsigned int minor, struct why *why)
{
	_cleanup_free_ char *dir = NULL;
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	struct dirent *e;
	DIR *d;
	int err;

	if (asprintf(&dir, "%s/dev/block/%u:%u", w->sysfs, major, minor) < 0)
		return -ENOMEM;
	err = check_one(w, path, dir, name, major, minor, why);
	if (err)
		return err;
	d = opendir(dir);
	if (!d)
		return why_fail(why, EXIT_ENVIRONMENT, -errno, "%s: not in sysfs", path);
	while (!err && (e = readdir(d))) {
		_cleanup_free_ char *part = NULL, *mark = NULL;
		unsigned int ma, mi;

		if (e->d_name[0] == '.' || asprintf(&part, "%s/%s", dir, e->d_name) < 0 ||
		    asprintf(&mark, "%s/partition", part) < 0 || access(mark, F_OK))
			continue;
		err = read_dev(part, &ma, &mi);
		if (!err)
			err = check_one(w, path, part, e->d_name, ma, mi, why);
	}
	closedir(d);
	return err;
}

int guard_signatures(const char *path, char *buf, unsigned long len, struct why *why)
{
	char *argv[] = { "wipefs", "--noheadings", "--output", "TYPE", (char *)path, NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end;
	int err = child_run(argv, 10 * NS_PER_S, &out, &end);

	if (!err && end.status)
		err = -EIO;
	if (err == -EINTR)
		return err;
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err,
				"%s: cannot look for signatures: wipefs: %s", path,
				out ? out : strerror(-err));
	for (char *p = out; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ' ' : '\0';
	snprintf(buf, len, "%s", out);
	return 0;
}
