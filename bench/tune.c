/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tune.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/setting.h"
#include "tracer/base/cleanup.h"

static const struct knob {
	const char *name;
	const char *pattern;	/* of files */
	const char *value;
} knobs[] = {
	{ "governor", "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor", "performance" },
	{ "turbo off", "/sys/devices/system/cpu/intel_pstate/no_turbo", "1" },
	{ "turbo off", "/sys/devices/system/cpu/cpufreq/boost", "0" },
	{ "transparent huge pages", "/sys/kernel/mm/transparent_hugepage/enabled", "never" },
};

__attribute__((format(printf, 3, 4))) static void tell(tune_say *say, json_t *lines, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	say(text);
	if (lines)
		json_array_append_new(lines, json_string(text));
}

/* 1: changed, *was is what it was; 0: nothing to do; -errno: refused. *ret_fatal: not of the knob's doing. */
static int turn(const char *path, const char *value, struct undo *u, char *was, size_t len, int *ret_fatal)
{
	int err = setting_read(path, was, len);

	if (err || !strcmp(was, value))
		return err == -ENOENT ? 0 : err;
	*ret_fatal = undo_push_setting(u, path, was);
	if (*ret_fatal)
		return *ret_fatal;
	err = setting_write_once(path, value);
	if (!err)
		return 1;
	undo_back_to(u, undo_mark(u) - 1, NULL); /* it may have become something else */
	return err;
}

static int turn_all(const char *root, const struct knob *k, struct undo *u, tune_say *say, json_t *lines)
{
	_cleanup_free_ char *pattern = NULL;
	char was[SETTING_MAX], first[SETTING_MAX] = "";
	unsigned int changed = 0;
	int fatal = 0, err = 0;
	glob_t g;

	if (asprintf(&pattern, "%s%s", root, k->pattern) < 0)
		return -ENOMEM;
	if (glob(pattern, 0, NULL, &g))
		return 0;
	for (size_t i = 0; i < g.gl_pathc && !fatal && err >= 0; i++) {
		err = turn(g.gl_pathv[i], k->value, u, was, sizeof(was), &fatal);
		if (err > 0 && !changed++)
			strcpy(first, was);
	}
	globfree(&g);
	if (changed)
		tell(say, lines, "%s: %s (was %s), %u file%s", k->name, k->value, first, changed, changed > 1 ? "s" : "");
	if (err < 0 && !fatal)
		tell(say, NULL, "%s: cannot be set to %s: %s", k->name, k->value, strerror(-err));
	return fatal;
}

/* ---- irqbalance ---- */

pid_t tune_find_process(const char *root, const char *comm)
{
	_cleanup_free_ char *dir = NULL;
	struct dirent *e;
	pid_t found = 0;
	DIR *d;

	if (asprintf(&dir, "%s/proc", root) < 0)
		return 0;
	d = opendir(dir);
	while (d && !found && (e = readdir(d))) {
		char path[PATH_MAX], name[64];

		if (strspn(e->d_name, "0123456789") != strlen(e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s/comm", dir, e->d_name);
		if (!file_read_line(path, name, sizeof(name)) && !strcmp(name, comm))
			found = atoi(e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

/* Stopped in its tracks: whatever started it needs not know, and going on is one signal. */
static int stop_irqbalance(const char *root, struct undo *u, tune_say *say, json_t *lines)
{
	pid_t pid = tune_find_process(root, "irqbalance");
	int err;

	if (!pid)
		return 0;
	err = undo_push_stopped(u, pid);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (kill(pid, SIGSTOP)) {
		tell(say, NULL, "irqbalance (pid %d) cannot be stopped: %s", pid, strerror(errno));
		return undo_drop(u);
	}
	tell(say, lines, "irqbalance: stopped (pid %d)", pid);
	return 0;
}

int tune_machine(const char *root, struct undo *u, tune_say *say, json_t *lines)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(knobs) && !err; i++)
		err = turn_all(root, &knobs[i], u, say, lines);
	return err ? err : stop_irqbalance(root, u, say, lines);
}

/* ---- interrupts ---- */

/* The device above @disk that has interrupts lists them as msi_irqs/NUMBER. */
static int find_msi(const char *root, const char *disk, char *buf, size_t len)
{
	char link[PATH_MAX], real[PATH_MAX], *slash;
	size_t stop;

	snprintf(link, sizeof(link), "%s/sys/block/%s/device", root, disk);
	if (!realpath(link, real))
		return -ENOENT;
	stop = strlen(root) + strlen("/sys/devices");
	while (strlen(real) > stop && (slash = strrchr(real, '/'))) {
		if ((size_t)snprintf(buf, len, "%s/msi_irqs", real) < len && !access(buf, F_OK))
			return 0;
		*slash = '\0';
	}
	return -ENOENT;
}

/* By what the hardware was told, which may be one core of those that it is allowed. */
static json_t *irq_json(const char *root, const char *irq, int moved)
{
	static const char *const files[] = { "effective_affinity_list", "smp_affinity_list" };
	char path[PATH_MAX], cpus[SETTING_MAX] = "";

	for (size_t i = 0; i < ARRAY_SIZE(files) && !cpus[0]; i++) {
		snprintf(path, sizeof(path), "%s/proc/irq/%s/%s", root, irq, files[i]);
		if (setting_read(path, cpus, sizeof(cpus)))
			cpus[0] = '\0';
	}
	return json_pack("{s:i, s:s?, s:b}", "irq", atoi(irq), "cpus", cpus[0] ? cpus : NULL, "moved", moved);
}

int tune_interrupts(const char *root, const char *disk, const char *cpus, struct undo *u, tune_say *say, json_t *ret_irqs)
{
	unsigned int moved = 0, refused = 0;
	char dir[PATH_MAX], was[SETTING_MAX];
	struct dirent *e;
	int fatal = 0;
	DIR *d = find_msi(root, disk, dir, sizeof(dir)) ? NULL : opendir(dir);

	while (d && !fatal && (e = readdir(d))) {
		char path[PATH_MAX];
		int r;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/proc/irq/%s/smp_affinity_list", root, e->d_name);
		r = turn(path, cpus, u, was, sizeof(was), &fatal);
		moved += r > 0;
		refused += r < 0;
		json_array_append_new(ret_irqs, irq_json(root, e->d_name, r > 0));
	}
	if (d)
		closedir(d);
	if (moved)
		tell(say, NULL, "%s: %u interrupts to core %s", disk, moved, cpus);
	if (refused && !fatal)
		tell(say, NULL, "%s: %u interrupts are the kernel's to place, and stay", disk, refused);
	return fatal;
}
