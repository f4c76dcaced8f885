/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include "bench/file.h"
#include "bench/setting.h"
#include "tracer/base/cleanup.h"

static json_t *line_or_null(const char *path)
{
	char line[256];

	if (file_read_line(path, line, sizeof(line)))
		return json_null();
	for (size_t n = strlen(line); n && line[n - 1] == ' ';) /* SCSI and NVMe pad their names */
		line[--n] = '\0';
	return json_string(line);
}

/* The marked word of "always [madvise] never". */
static json_t *choice_or_null(const char *path)
{
	char word[SETTING_MAX];

	return setting_read(path, word, sizeof(word)) ? json_null() : json_string(word);
}

static json_t *cpu_model(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/cpuinfo", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !colon)
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		return json_string(colon + 2);
	}
	return json_null();
}

static uint64_t fnv1a(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

static void set_key(json_t *o)
{
	static const char *const parts[] = { "cpu_model", "nr_cpus", "kernel", "arch", "fio", "sysbench", "uring" };
	_cleanup_free_ char *text = NULL;
	json_t *basis = json_object();
	char hex[32];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		json_object_set(basis, parts[i], json_object_get(o, parts[i]));
	text = json_dumps(basis, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(basis);
	snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)fnv1a(text ? text : ""));
	json_object_set_new(o, "key", json_string(hex));
}

int machine_kernel_option(const char *root, const char *release, const char *name)
{
	static const char *const places[] = { "%s/proc/config.gz", "%s/boot/config-%s", "%s/lib/modules/%s/config" };
	size_t len = strlen(name);
	char path[PATH_MAX], line[256];
	bool found = false, on = false;

	for (size_t i = 0; i < ARRAY_SIZE(places) && !found; i++) {
		gzFile f; /* reads what is not packed as well */

		snprintf(path, sizeof(path), places[i], root, release);
		f = gzopen(path, "rbe");
		while (f && gzgets(f, line, sizeof(line))) {
			found = true;
			on |= !strncmp(line, "CONFIG_", 7) && !strncmp(line + 7, name, len) && !strncmp(line + 7 + len, "=y", 2);
		}
		if (f)
			gzclose(f);
	}
	return found ? on : -ENOENT;
}

json_t *machine_fingerprint(const struct load_versions *v)
{
	struct utsname uts = { 0 };
	int irq_time;
	json_t *o;

	uname(&uts);
	irq_time = machine_kernel_option("", uts.release, "IRQ_TIME_ACCOUNTING");
	o = json_pack("{s:s, s:s, s:s, s:o, s:i, s:I, s:s, s:s}", "kernel", uts.release,
		      "kernel_build", uts.version, "arch", uts.machine, "cpu_model", cpu_model(),
		      "nr_cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes",
		      (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), "fio",
		      v->fio, "iopath_bench", IOPATH_VERSION);
	text_clean(uts.nodename); /* its name makes no other machine of it: not in the key */
	json_object_set_new(o, "hostname", json_string(uts.nodename));
	json_object_set_new(o, "governor",
			    line_or_null("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
	json_object_set_new(o, "no_turbo", line_or_null("/sys/devices/system/cpu/intel_pstate/no_turbo"));
	json_object_set_new(o, "smt", line_or_null("/sys/devices/system/cpu/smt/active"));
	json_object_set_new(o, "clocksource",
			    line_or_null("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
	json_object_set_new(o, "thp", choice_or_null("/sys/kernel/mm/transparent_hugepage/enabled"));
	json_object_set_new(o, "preempt", choice_or_null("/sys/kernel/debug/sched/preempt"));
	json_object_set_new(o, "pmu", json_boolean(!access("/sys/bus/event_source/devices/cpu", F_OK)));
	json_object_set_new(o, "bpf_stats", line_or_null("/proc/sys/kernel/bpf_stats_enabled"));
	json_object_set_new(o, "irq_time_accounting", irq_time < 0 ? json_null() : json_boolean(irq_time));
	if (v->sysbench[0])
		json_object_set_new(o, "sysbench", json_string(v->sysbench));
	if (v->uring[0])
		json_object_set_new(o, "uring", json_string(v->uring));
	/* what is under test makes no other machine: not in the key */
	json_object_set_new(o, "iopath", v->iopath[0] ? json_string(v->iopath) : json_null());
	set_key(o);
	return o;
}

const char *machine_field(const json_t *header, const char *key)
{
	const char *s = json_string_value(json_object_get(json_object_get(header, "fingerprint"), key));

	return s ? s : "?";
}

bool machine_same_tracer(const json_t *a, const json_t *b)
{
	const char *x = machine_field(a, "iopath"), *y = machine_field(b, "iopath");

	return !strcmp(x, y) || !strcmp(x, "?") || !strcmp(y, "?");
}

const char *machine_lab_kernel(void)
{
	return getenv("LAB_KERNEL");
}

/* null: not a blk-mq disk. */
static json_t *hw_queues(const char *disk)
{
	char path[128];
	struct dirent *e;
	int nr = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/block/%s/mq", disk);
	d = opendir(path);
	if (!d)
		return json_null();
	while ((e = readdir(d)))
		nr += e->d_name[0] != '.';
	closedir(d);
	return json_integer(nr);
}

/* The driver of the adapter: a SCSI disk's own is "sd" whatever it hangs on. */
static json_t *scsi_host(const char *disk)
{
	char link[128], real[PATH_MAX], path[PATH_MAX + 64], *host;

	snprintf(link, sizeof(link), "/sys/block/%s/device", disk);
	host = realpath(link, real) ? strstr(real, "/host") : NULL;
	if (!host)
		return json_null();
	host[1 + strcspn(host + 1, "/")] = '\0';
	snprintf(path, sizeof(path), "/sys/class/scsi_host%s/proc_name", host);
	return line_or_null(path);
}

json_t *device_fingerprint(const struct device *d)
{
	char model[128];
	json_t *null_blk, *o = json_pack("{s:s, s:s, s:s, s:I, s:b}", "name", d->name, "disk", d->disk,
			      "driver", d->driver, "size_bytes", (json_int_t)d->size_bytes,
			      "scratch", (int)d->scratch);

	snprintf(model, sizeof(model), "/sys/block/%s/device/model", d->disk);
	json_object_set_new(o, "model", line_or_null(model));
	json_object_set_new(o, "order", d->order[0] ? json_string(d->order) : json_null());
	json_object_set_new(o, "place", d->place[0] ? json_string(d->place) : json_null());
	json_object_set_new(o, "nr_hw_queues", hw_queues(d->disk));
	json_object_set_new(o, "scsi_host", scsi_host(d->disk));
	json_object_set_new(o, "queue", settings_snapshot("/sys", d->disk));
	null_blk = null_blk_snapshot("", d->disk);
	if (null_blk)
		json_object_set_new(o, "null_blk", null_blk);
	return o;
}

/* ---- two of them ---- */

static void field_text(const json_t *v, char *buf, size_t len)
{
	_cleanup_free_ char *dump = json_is_string(v) || json_is_null(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);

	snprintf(buf, len, "%s", json_is_string(v) ? json_string_value(v) : dump ? dump : "none");
	text_clean(buf);
}

static bool next_difference(const json_t *a, const json_t *b, const char *const names[], size_t nr, size_t *at,
			    struct difference *ret)
{
	while (*at < nr) {
		const char *name = names[(*at)++];
		const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);

		if (!x || !y || json_equal(x, y))
			continue;
		ret->name = name;
		field_text(x, ret->a, sizeof(ret->a));
		field_text(y, ret->b, sizeof(ret->b));
		return true;
	}
	return false;
}

bool device_differs(const json_t *a, const json_t *b, bool kernels, struct difference *ret)
{
	/* the last is the kernel's to choose */
	static const char *const names[] = { "driver", "model", "size_bytes", "scsi_host", "order", "nr_hw_queues" };
	size_t at = 0;

	return next_difference(a, b, names, ARRAY_SIZE(names) - kernels, &at, ret);
}

bool machine_setting_differs(const json_t *a, const json_t *b, size_t *at, struct difference *ret)
{
	static const char *const names[] = { "governor", "no_turbo", "smt", "thp", "preempt", "clocksource",
					     "irq_time_accounting", "kernel_build" };

	return next_difference(json_object_get(a, "fingerprint"), json_object_get(b, "fingerprint"), names,
			       ARRAY_SIZE(names), at, ret);
}

void machine_last_cpus(unsigned int n, char *buf, unsigned long len)
{
	cpu_set_t set;
	unsigned long at = 0;

	buf[0] = '\0';
	if (sched_getaffinity(0, sizeof(set), &set))
		return;
	for (int c = CPU_SETSIZE - 1; c >= 0 && n; c--) {
		if (!CPU_ISSET(c, &set))
			continue;
		at += (unsigned long)snprintf(buf + at, len - at, "%s%d", at ? "," : "", c);
		if (at >= len)
			return;
		n--;
	}
}
