/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "preflight.h"

#include <errno.h>
#include <glob.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/cpu.h"
#include "bench/file.h"
#include "bench/setting.h"
#include "bench/stop.h"
#include "bench/tune.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define BUSY_LIMIT_PCT 10	/* per core: 0.1 */
#define STEAL_LIMIT_PCT 1
#define HOT_MILLIDEGREES 85000
#define OUT_MIN (64ull << 20)

__attribute__((format(printf, 4, 5))) static void add(struct checks *c, const char *name, enum check_state state,
						      const char *fmt, ...)
{
	struct check *k = &c->check[c->nr];
	va_list ap;

	if (c->nr == PREFLIGHT_MAX)
		return;
	c->nr++;
	k->name = name;
	k->state = state;
	va_start(ap, fmt);
	vsnprintf(k->text, sizeof(k->text), fmt, ap);
	va_end(ap);
}

static int read_below(const char *root, const char *path, char *buf, size_t len)
{
	_cleanup_free_ char *whole = NULL;

	if (asprintf(&whole, "%s%s", root, path) < 0)
		return -ENOMEM;
	return setting_read(whole, buf, len);
}

/* ---- files ---- */

static void check_governor(const char *root, struct checks *c)
{
	_cleanup_free_ char *pattern = NULL;
	char word[SETTING_MAX], other[SETTING_MAX] = "";
	unsigned int nr = 0, others = 0;
	glob_t g;

	if (asprintf(&pattern, "%s/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor", root) < 0 ||
	    glob(pattern, 0, NULL, &g)) {
		add(c, "governor", CHECK_ABSENT, "no frequency scaling to be seen (a virtual machine, or fixed)");
		return;
	}
	for (size_t i = 0; i < g.gl_pathc; i++) {
		if (setting_read(g.gl_pathv[i], word, sizeof(word)))
			continue; /* of a core that is off */
		nr++;
		if (!strcmp(word, "performance"))
			continue;
		others++;
		strcpy(other, word);
	}
	globfree(&g);
	if (others)
		add(c, "governor", CHECK_DOUBTFUL, "%s on %u of %u cores, not performance: the clock follows the load", other,
		    others, nr);
	else if (nr)
		add(c, "governor", CHECK_OK, "performance");
	else
		add(c, "governor", CHECK_ABSENT, "not known: no core's can be read");
}

static void check_turbo(const char *root, struct checks *c)
{
	char word[SETTING_MAX];
	bool on;

	if (!read_below(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", word, sizeof(word)))
		on = !strcmp(word, "0");
	else if (!read_below(root, "/sys/devices/system/cpu/cpufreq/boost", word, sizeof(word)))
		on = strcmp(word, "0");
	else {
		add(c, "turbo", CHECK_ABSENT, "no switch for it");
		return;
	}
	add(c, "turbo", on ? CHECK_DOUBTFUL : CHECK_OK, on ? "on: the clock depends on heat and on how many cores are busy" :
							      "off");
}

static void check_smt(const char *root, struct checks *c)
{
	char word[SETTING_MAX];

	if (read_below(root, "/sys/devices/system/cpu/smt/active", word, sizeof(word)))
		add(c, "smt", CHECK_ABSENT, "not known");
	else if (!strcmp(word, "1"))
		add(c, "smt", CHECK_INFO, "on: what runs on a sibling slows a core down");
	else
		add(c, "smt", CHECK_OK, "off");
}

static void check_thp(const char *root, struct checks *c)
{
	char word[SETTING_MAX];

	if (read_below(root, "/sys/kernel/mm/transparent_hugepage/enabled", word, sizeof(word)))
		add(c, "thp", CHECK_ABSENT, "no transparent huge pages");
	else if (!strcmp(word, "always"))
		add(c, "thp", CHECK_DOUBTFUL, "always: pages are collapsed and compacted in the background");
	else
		add(c, "thp", CHECK_OK, "%s", word);
}

static void check_irqbalance(const char *root, struct checks *c)
{
	pid_t pid = tune_find_process(root, "irqbalance");

	if (pid)
		add(c, "irqbalance", CHECK_DOUBTFUL, "runs (pid %d): interrupts move between cores", pid);
	else
		add(c, "irqbalance", CHECK_OK, "does not run");
}

static void check_bpf_stats(const char *root, struct checks *c)
{
	char word[SETTING_MAX];

	if (read_below(root, "/proc/sys/kernel/bpf_stats_enabled", word, sizeof(word)))
		add(c, "bpf_stats", CHECK_ABSENT, "this kernel has none");
	else if (strcmp(word, "0"))
		add(c, "bpf_stats", CHECK_BIASES, "kernel.bpf_stats_enabled is on: it makes every BPF program dearer");
	else
		add(c, "bpf_stats", CHECK_OK, "off");
}

static void check_heat(const char *root, struct checks *c)
{
	_cleanup_free_ char *pattern = NULL;
	char word[SETTING_MAX];
	long hottest = -1;
	glob_t g;

	if (asprintf(&pattern, "%s/sys/class/thermal/thermal_zone*/temp", root) < 0 || glob(pattern, 0, NULL, &g)) {
		add(c, "heat", CHECK_ABSENT, "no sensor");
		return;
	}
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (!setting_read(g.gl_pathv[i], word, sizeof(word)) && atol(word) > hottest)
			hottest = atol(word);
	globfree(&g);
	add(c, "heat", hottest >= HOT_MILLIDEGREES ? CHECK_DOUBTFUL : CHECK_OK, "%ld degrees%s", hottest / 1000,
	    hottest >= HOT_MILLIDEGREES ? ": the processor slows down to cool off" : "");
}

static void check_pmu(const char *root, struct checks *c)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/sys/bus/event_source/devices/cpu", root) < 0)
		return;
	if (access(path, F_OK))
		add(c, "pmu", CHECK_ABSENT, "no cycles and instructions per I/O");
	else
		add(c, "pmu", CHECK_OK, "present");
}

/* Of @path, or of where it will be made. */
static int statvfs_above(const char *path, struct statvfs *ret)
{
	_cleanup_free_ char *p = strdup(path);

	if (!p)
		return -ENOMEM;
	while (statvfs(p, ret)) {
		char *slash = strrchr(p, '/');

		if (errno != ENOENT || !strcmp(p, "/") || !strcmp(p, "."))
			return -errno;
		if (!slash)
			strcpy(p, ".");
		else
			slash[slash == p] = '\0';
	}
	return 0;
}

static void check_space(const char *name, const char *what, const char *dir, struct checks *c)
{
	struct statvfs v;
	uint64_t bytes;
	char text[32];
	int err = dir ? statvfs_above(dir, &v) : 0;

	if (!dir)
		return;
	if (err) {
		add(c, name, CHECK_ABSENT, "%.80s: %s", dir, strerror(-err));
		return;
	}
	bytes = (uint64_t)v.f_bavail * v.f_frsize;
	if (bytes < OUT_MIN)
		add(c, name, CHECK_DOUBTFUL, "%s left for %s", fmt_size(bytes, text, sizeof(text)), what);
	else
		add(c, name, CHECK_OK, "%s for %s", fmt_size(bytes, text, sizeof(text)), what);
}

/* Its events that perf and BPF open are not seen here: check_tracers(). */
static void check_ftrace(const char *root, struct checks *c)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[64], word[SETTING_MAX];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/current_tracer", places[i]);
		if (read_below(root, path, word, sizeof(word)))
			continue;
		if (strcmp(word, "nop")) {
			add(c, "ftrace", CHECK_BIASES, "the %.40s tracer is on: its cost is in every arm", word);
			return;
		}
		snprintf(path, sizeof(path), "%s/events/enable", places[i]);
		if (!read_below(root, path, word, sizeof(word)) && strcmp(word, "0"))
			add(c, "ftrace", CHECK_BIASES, "events are on: their cost is in every arm");
		else
			add(c, "ftrace", CHECK_OK, "off");
		return;
	}
	add(c, "ftrace", CHECK_ABSENT, "no tracefs");
}

static void check_blktrace(const char *root, struct checks *c)
{
	_cleanup_free_ char *pattern = NULL;
	glob_t g;

	if (asprintf(&pattern, "%s/sys/kernel/debug/block/*/trace0", root) < 0)
		return;
	if (glob(pattern, 0, NULL, &g)) {
		add(c, "blktrace", CHECK_OK, "does not run");
		return;
	}
	add(c, "blktrace", CHECK_BIASES, "runs on %zu disks: its cost is in every arm", g.gl_pathc);
	globfree(&g);
}

void preflight_files(const char *root, const char *out, const char *state, struct checks *ret)
{
	struct checks c = { .nr = 0 };

	check_governor(root, &c);
	check_turbo(root, &c);
	check_smt(root, &c);
	check_thp(root, &c);
	check_irqbalance(root, &c);
	check_heat(root, &c);
	check_pmu(root, &c);
	check_bpf_stats(root, &c);
	check_ftrace(root, &c);
	check_blktrace(root, &c);
	check_space("space", "the results", out, &c);
	check_space("log space", "the load's logs", state, &c);
	*ret = c;
}

/* ---- what must be asked or watched ---- */

/*
 * Those of systemd-nsresourced (systemd 256 and later) stay for good: on LSM, and on a kprobe where a user namespace ends,
 * which no I/O comes by. As the kernel cuts their names.
 */
#define NSRESOURCED "userns_restrict"

/* Of a kind that perf_event_open() attaches, without a link. */
static bool is_on_a_probe(const struct bpf_prog_info *program)
{
	return program->type == BPF_PROG_TYPE_KPROBE || program->type == BPF_PROG_TYPE_TRACEPOINT ||
	       program->type == BPF_PROG_TYPE_PERF_EVENT;
}

bool preflight_is_tracer(const struct bpf_link_info *link, const struct bpf_prog_info *program)
{
	if (!strncmp(program->name, NSRESOURCED, strlen(NSRESOURCED)))
		return false;
	if (!link)
		return is_on_a_probe(program);
	switch (link->type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
	case BPF_LINK_TYPE_PERF_EVENT:
	case BPF_LINK_TYPE_KPROBE_MULTI:
		return true;
	case BPF_LINK_TYPE_TRACING: /* LSM's and XDP's dispatcher's are of this type too */
		return link->tracing.attach_type == BPF_TRACE_FENTRY || link->tracing.attach_type == BPF_TRACE_FEXIT;
	default:
		return false;
	}
}

/* What the kernel says of the object with @id; @get_fd is the command that opens one. */
static bool get_info(int get_fd, uint32_t id, void *info, uint32_t len)
{
	_cleanup_close_ int fd = -1;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id; /* in one place with link_id */
	fd = (int)syscall(SYS_bpf, get_fd, &attr, sizeof(attr));
	if (fd < 0)
		return false;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = len;
	attr.info.info = (uintptr_t)info;
	return !syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
}

static bool is_tracers_link(uint32_t id)
{
	struct bpf_prog_info program = { 0 }; /* without a name where it is gone by now */
	struct bpf_link_info link = { 0 };

	if (!get_info(BPF_LINK_GET_FD_BY_ID, id, &link, sizeof(link)))
		return false;
	get_info(BPF_PROG_GET_FD_BY_ID, link.prog_id, &program, sizeof(program));
	return preflight_is_tracer(&link, &program);
}

static bool is_tracers_program(uint32_t id)
{
	struct bpf_prog_info program = { 0 };

	return get_info(BPF_PROG_GET_FD_BY_ID, id, &program, sizeof(program)) && preflight_is_tracer(NULL, &program);
}

static unsigned int count_ids(int next, bool (*counts)(uint32_t id))
{
	unsigned int nr = 0;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	while (!syscall(SYS_bpf, next, &attr, sizeof(attr))) {
		nr += counts(attr.next_id);
		attr.start_id = attr.next_id;
	}
	return nr;
}

/* BPF that is attached now: another tracer's cost would be in every arm. */
static void check_tracers(struct checks *c)
{
	unsigned int links = count_ids(BPF_LINK_GET_NEXT_ID, is_tracers_link),
		     programs = count_ids(BPF_PROG_GET_NEXT_ID, is_tracers_program);

	if (links || programs)
		add(c, "tracers", CHECK_BIASES, "BPF of others, %u links and %u programs for probes: their cost is in every arm",
		    links, programs);
	else
		add(c, "tracers", CHECK_OK, "no BPF of others");
}

static int check_load(uint64_t watch_ns, struct checks *c)
{
	double busy = 0, steal = 0;
	int err = cpu_busy_now(watch_ns, &busy, &steal);

	if (err == -EINTR)
		return err;
	if (err) {
		add(c, "load", CHECK_ABSENT, "cannot be read");
		return 0;
	}
	add(c, "load", busy > BUSY_LIMIT_PCT ? CHECK_DOUBTFUL : CHECK_OK, "the machine is %.0f%% busy before the run starts",
	    busy);
	add(c, "steal", steal > STEAL_LIMIT_PCT ? CHECK_DOUBTFUL : CHECK_OK, "%.1f%% of the CPU time goes to other guests",
	    steal);
	return 0;
}

int preflight_all(const char *out, const char *state, uint64_t watch_ns, struct checks *ret)
{
	int err;

	preflight_files("", out, state, ret);
	err = check_load(watch_ns, ret);
	check_tracers(ret); /* last: the programs of one that has just ended go a moment later */
	return err;
}

void preflight_notes(const struct checks *c, struct preflight *ret)
{
	ret->nr = 0;
	ret->bias[0] = '\0';
	for (unsigned int i = 0; i < c->nr; i++) {
		const struct check *k = &c->check[i];

		if (k->state != CHECK_DOUBTFUL && k->state != CHECK_BIASES)
			continue;
		snprintf(ret->note[ret->nr], sizeof(ret->note[0]), "%s: %.140s", k->name, k->text);
		if (k->state == CHECK_BIASES && !ret->bias[0])
			strcpy(ret->bias, ret->note[ret->nr]);
		ret->nr++;
	}
}

static const char *const states[] = { [CHECK_OK] = "ok", [CHECK_ABSENT] = "absent", [CHECK_INFO] = "note",
				      [CHECK_DOUBTFUL] = "doubtful", [CHECK_BIASES] = "biases" };

void preflight_summary(const struct checks *c, char *buf, size_t len)
{
	FILE *f = fmemopen(buf, len, "w");
	unsigned int said = 0;

	buf[0] = '\0';
	if (!f)
		return;
	for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
		unsigned int nr = 0;

		for (unsigned int i = 0; i < c->nr; i++) {
			if (c->check[i].state != s)
				continue;
			if (!nr++)
				fprintf(f, "%s%s ", said++ ? "; " : "", states[s]);
			fprintf(f, "%s%s", nr > 1 ? ", " : "", c->check[i].name);
		}
	}
	fclose(f);
}

void preflight_print(const struct checks *c, FILE *f)
{
	for (unsigned int i = 0; i < c->nr; i++)
		fprintf(f, "%-11s %-9s %s\n", c->check[i].name, states[c->check[i].state], c->check[i].text);
}
