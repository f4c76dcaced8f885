/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace-opts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"
#include "view.h"

#define F(f) offsetof(struct trace_cfg, f)

static int parse_tier(const char *arg, void *field, struct opt_err *err)
{
	if (!tier_parse(arg, field))
		return 0;
	snprintf(err->msg, sizeof(err->msg), "no such tier (block, vfs, filemap, full)");
	return -EINVAL;
}

static int parse_interval(const char *arg, void *field, struct opt_err *err)
{
	struct trace_cfg *cfg = (struct trace_cfg *)((char *)field - F(interval_ns));
	int r = parse_duration_ns(arg, &cfg->interval_ns);

	if (r || (cfg->interval_ns && cfg->interval_ns < 10000000)) {
		snprintf(err->msg, sizeof(err->msg), "not a duration of 10ms or more (0: none)");
		return -EINVAL;
	}
	cfg->has_interval = true;
	return 0;
}

static int parse_sample(const char *arg, void *field, struct opt_err *err)
{
	uint64_t *n = field;
	char *end;

	errno = 0;
	*n = strncmp(arg, "1/", 2) || arg[2] < '1' || arg[2] > '9' ? 0 : strtoull(arg + 2, &end, 10);
	if (*n && !*end && !errno && *n <= UINT32_MAX)
		return 0;
	snprintf(err->msg, sizeof(err->msg), "not 1/N, with N from 1 to %u", UINT32_MAX);
	return -EINVAL;
}

static int parse_budget(const char *arg, void *field, struct opt_err *err)
{
	double *share = field;
	char *end;

	errno = 0;
	*share = strtod(arg, &end) / 100;
	if (end != arg && (!*end || !strcmp(end, "%")) && !errno && *share >= 0.001 && *share <= 1)
		return 0;
	snprintf(err->msg, sizeof(err->msg), "not a percentage from 0.1%% to 100%%");
	return -EINVAL;
}

static int parse_resched(const char *arg, void *field, struct opt_err *err)
{
	bool *probe = field;

	*probe = !strcmp(arg, "probe");
	if (*probe || !strcmp(arg, "switch"))
		return 0;
	snprintf(err->msg, sizeof(err->msg), "neither switch nor probe");
	return -EINVAL;
}

static int parse_stacks(const char *arg, void *field, struct opt_err *err)
{
	int *which = field;

	*which = !strcmp(arg, "user") ? STACKS_USER : STACKS_KERNEL;
	if (*which == STACKS_USER || !*arg || !strcmp(arg, "kernel"))
		return 0;
	snprintf(err->msg, sizeof(err->msg), "neither kernel nor user");
	return -EINVAL;
}

static int parse_folded_by(const char *arg, void *field, struct opt_err *err)
{
	int *weight = field;

	*weight = !strcmp(arg, "count") ? FOLDED_COUNT : FOLDED_TIME;
	if (*weight == FOLDED_COUNT || !strcmp(arg, "time"))
		return 0;
	snprintf(err->msg, sizeof(err->msg), "neither time nor count");
	return -EINVAL;
}

static const struct opt trace_opts[] = {
	{ "tier", 't', OPT_PARSE, F(tier), "TIER",
	  "how much of the path to see: block, vfs, filemap or full, each with those before it (default full)",
	  0, 0, parse_tier },
	{ "dev", 'd', OPT_LIST, F(devs), "DEV", "only this disk or partition; repeatable", 0, 0, NULL },
	{ "dev-stack", 0, OPT_LIST, F(stacks), "DEV",
	  "only this device, what stands on it (partitions, dm, md) and what it stands on; repeatable", 0, 0, NULL },
	{ "pid", 'p', OPT_U64, F(pid), "PID", "only this process", 1, 4194304, NULL },
	{ "tid", 0, OPT_U64, F(tid), "TID", "only this thread", 1, 4194304, NULL },
	{ "comm", 'c', OPT_STR, F(comm), "NAME", "only tasks of this name", 0, 0, NULL },
	{ "cgroup", 0, OPT_APPEND, F(cgroups), "PATH",
	  "only tasks in this cgroup or below it, of v2 or of a v1 controller; without a leading / below the mount of v2; repeatable",
	  0, 0, NULL },
	{ "file", 0, OPT_APPEND, F(files), "PATH",
	  "only I/O of this file, whatever its name becomes (from tier vfs); repeatable", 0, 0, NULL },
	{ "dir", 0, OPT_APPEND, F(dirs), "PATH", "only I/O of files below this directory (from tier vfs); repeatable",
	  0, 0, NULL },
	{ "op", 0, OPT_LIST, F(ops), "OP,...",
	  "only these operations: read, write, flush, flush_command, discard, write_zeroes, other, and from tier vfs fsync, fdatasync, sync_file_range, sync, msync, copy, fallocate, readahead, fault, mkwrite",
	  0, 0, NULL },
	{ "min-lat", 0, OPT_DURATION, F(min_lat_ns), "DUR",
	  "count only operations and requests that took this long or longer", 1, 1e15, NULL },
	{ "threshold", 'w', OPT_DURATION, F(threshold_ns), "DUR",
	  "print each operation (tier block: request) that took this long or longer", 1, 1e15, NULL },
	{ "hung", 0, OPT_DURATION, F(hung_ns), "DUR",
	  "print each operation (tier block: request) that has not finished after this time, while it hangs", 1e6,
	  1e15, NULL },
	{ "sample", 0, OPT_PARSE, F(sample), "1/N",
	  "print each Nth operation (tier block: request) as well; 1/1 is all", 0, 0, parse_sample },
	{ "top", 0, OPT_U64, F(top), "N",
	  "print the N slowest operations (tier block: requests) of each interval, or of the run where there are no intervals",
	  1, 1000, NULL },
	{ "kernel-stack", 0, OPT_FLAG, F(kernel_stack), NULL,
	  "let each of those tell where in the kernel its first bio was submitted (from tier vfs; costs more)", 0, 0, NULL },
	{ "interval", 'i', OPT_PARSE, F(interval_ns), "DUR",
	  "print a table at every interval (default 1s; none with COMMAND or --json)", 0, 0,
	  parse_interval },
	{ "duration", 0, OPT_DURATION, F(duration_ns), "DUR", "stop after this time", 1e6, 1e15, NULL },
	{ "by", 0, OPT_LIST, F(by), "WHO,...",
	  "statistics by process, file, cgroup or device as well: counts, bytes, latency, pattern, sizes", 0, 0,
	  NULL },
	{ "by-max", 0, OPT_U64, F(by_max), "N",
	  "room for N processes, N files and so on (default 1024); the least recently used make place", 4, 65536,
	  NULL },
	{ "stacks", 0, OPT_PARSE, F(trace_stacks), "[=user]",
	  "who starts block I/O: kernel stacks with the latency of the bios queued there; with user, the stack in user space too",
	  0, 0, parse_stacks },
	{ "folded", 0, OPT_STR, F(folded), "FILE", "write the stacks there, a line each, as flame graphs take them", 0, 0,
	  NULL },
	{ "folded-by", 0, OPT_PARSE, F(folded_by), "WEIGHT",
	  "weight of a line: time, summed latency in ns (default), or count", 0, 0, parse_folded_by },
	{ "anomalies", 0, OPT_FLAG, F(anomalies), NULL,
	  "tell what is out of the ordinary, each window: high or rising latency, queues, throttling and so on (man page)",
	  0, 0, NULL },
	{ "anomaly", 0, OPT_APPEND, F(limits), "TAG.key=VALUE",
	  "another limit for an anomaly, or enabled=no; repeatable", 0, 0, NULL },
	{ "anomaly-config", 0, OPT_STR, F(limits_file), "FILE", "limits from an INI file: [TAG], key = value", 0, 0,
	  NULL },
	{ "anomaly-window", 0, OPT_DURATION, F(anomaly_window_ns), "DUR", "the window (default 1s)", 1e7, 1e15, NULL },
	{ "fail-on", 0, OPT_LIST, F(fail_on), "TAG,...", "exit with 3 if one of these anomalies was told", 0, 0, NULL },
	{ "json", 'j', OPT_FLAG, F(json), NULL, "print JSON lines, the last one the summary", 0, 0, NULL },
	{ "output", 'o', OPT_STR, F(output), "FILE", "write there instead of to standard output", 0, 0, NULL },
	{ "cond-resched", 0, OPT_PARSE, F(probe_resched), "HOW",
	  "tier full: `switch' sees the switches that a cond_resched caused (default), `probe' counts its calls too (costs much)",
	  0, 0, parse_resched },
	{ "kernel-io", 0, OPT_FLAG, F(kernel_io), NULL,
	  "follow what kernel threads read from files and write to them too (costs more)", 0, 0, NULL },
	{ "stats", 0, OPT_FLAG, F(stats), NULL,
	  "count and time each run of each eBPF program (costs more)", 0, 0, NULL },
	{ "budget", 0, OPT_PARSE, F(budget), "PCT",
	  "keep tracing below this share of the processor time in use: go down a tier or more when it costs more, and up again when there is room",
	  0, 0, parse_budget },
	ROOM_OPT(F(room)),
	{ "floor", 0, OPT_FLAG, F(floor), NULL,
	  "attach the hooks of the tier with programs that return at once, and measure nothing", 0, 0,
	  NULL },
	{ "debug", 0, OPT_FLAG, F(debug), NULL,
	  "print on standard error what libbpf and the verifier say", 0, 0, NULL },
};

const struct opt_table trace_table = {
	"iopath trace", "follow storage I/O through the kernel and say in which stage the time went",
	"[-- COMMAND...]", trace_opts, ARRAY_SIZE(trace_opts)
};

void trace_cfg_free(struct trace_cfg *cfg)
{
	struct opt_list *lists[] = { &cfg->devs, &cfg->stacks, &cfg->ops, &cfg->cgroups, &cfg->files, &cfg->dirs, &cfg->by,
				     &cfg->limits, &cfg->fail_on };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		opt_list_free(lists[i]);
}

#define NONE_OF_THEM (1u << 31)

/* Words of --op: block operations and kinds of operation that each lets through. */
static bool op_word(const char *word, u32 *bops, u32 *kinds)
{
	bool known = false;

	for (u32 i = 0; i < NR_BOPS; i++)
		if (!strcmp(word, bop_names[i]))
			*bops |= 1u << i, known = true;
	for (u32 i = 0; i < NR_KINDS; i++)
		if (!strcmp(word, kind_names[i]))
			*kinds |= 1u << i, known = true;
	if (*bops & 1u << BOP_FLUSH)
		*bops |= 1u << BOP_FLUSH_COMMAND;
	return known;
}

/* Block operations that a kind of operation, which is none of them, causes. */
static u32 bops_of_kinds(u32 kinds)
{
	const u32 readers = 1u << KIND_FAULT | 1u << KIND_READAHEAD;

	if (kinds & readers)
		return 1u << BOP_READ;
	if (kinds & (1u << KIND_MKWRITE | 1u << KIND_COPY))
		return 1u << BOP_READ | 1u << BOP_WRITE;
	/* a synchronising call: flushes, and the writes before them */
	return 1u << BOP_FLUSH | 1u << BOP_WRITE;
}

bool trace_asks_whose(const struct session_opts *o)
{
	return o->tgid || o->tid || o->comm || o->nr_cgroups || o->nr_files || o->nr_dirs || o->extras.tree;
}

/* -1 or an exit status. */
static int set_ops(const struct trace_cfg *cfg, struct session_opts *o)
{
	u32 bops = 0, kinds = 0;

	if (!cfg->ops.nr)
		return -1;
	for (size_t i = 0; i < cfg->ops.nr; i++) {
		u32 b = 0, k = 0;

		if (!op_word(cfg->ops.v[i], &b, &k))
			return cmd_fail(&trace_table, EXIT_USAGE, "--op %s: no such operation",
					cfg->ops.v[i]);
		if (!b && cfg->tier < TIER_VFS)
			return cmd_fail(&trace_table, EXIT_USAGE,
					"--op %s: needs --tier vfs or above, tier block sees requests alone",
					cfg->ops.v[i]);
		if (b == 1u << BOP_FLUSH_COMMAND && trace_asks_whose(o))
			return cmd_fail(&trace_table, EXIT_USAGE,
					"--op %s: is no task's, and others of the options ask for some task's or file's alone",
					cfg->ops.v[i]);
		if (!b)
			b = bops_of_kinds(k);
		bops |= b;
		kinds |= k;
	}
	o->bop_mask = bops ? bops : NONE_OF_THEM;
	o->kind_mask = kinds ? kinds : NONE_OF_THEM;
	return -1;
}

static bool task_exists(uint64_t id)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u", (unsigned int)id);
	return !access(path, F_OK);
}

int trace_set_filters(const struct trace_cfg *cfg, struct session_opts *o, struct watch_list *watched)
{
	int r;

	if (cfg->pid && !task_exists(cfg->pid))
		return cmd_fail(&trace_table, EXIT_USAGE, "--pid %u: no such process",
				(unsigned int)cfg->pid);
	if (cfg->tid && !task_exists(cfg->tid))
		return cmd_fail(&trace_table, EXIT_USAGE, "--tid %u: no such thread",
				(unsigned int)cfg->tid);
	if (cfg->comm && (!*cfg->comm || strlen(cfg->comm) >= IOP_COMM_LEN))
		return cmd_fail(&trace_table, EXIT_USAGE, "--comm %s: a task's name has 1 to %d letters",
				cfg->comm, IOP_COMM_LEN - 1);
	if (cfg->probe_resched && cfg->tier < TIER_FULL)
		return cmd_fail(&trace_table, EXIT_USAGE, "--cond-resched=probe: needs --tier full");
	if (cfg->kernel_io && cfg->tier < TIER_VFS)
		return cmd_fail(&trace_table, EXIT_USAGE, "--kernel-io: needs --tier vfs or above");
	if (cfg->kernel_stack && cfg->tier < TIER_VFS)
		return cmd_fail(&trace_table, EXIT_USAGE,
				"--kernel-stack: needs --tier vfs or above, tier block does not see operations");
	if (cfg->kernel_stack && !cfg->threshold_ns && !cfg->sample && !cfg->top)
		return cmd_fail(&trace_table, EXIT_USAGE,
				"--kernel-stack: needs --threshold, --sample or --top, whose records show it");
	o->tgid = (u32)cfg->pid;
	o->tid = (u32)cfg->tid;
	o->comm = cfg->comm;
	o->min_lat_ns = cfg->min_lat_ns;
	r = trace_set_places(cfg, o, watched);
	return r >= 0 ? r : set_ops(cfg, o);
}

int trace_set_room(const struct trace_cfg *cfg, struct session_opts *o)
{
	bool records = o->threshold_ns || o->sample || o->top;
	const struct {
		bool used;
		const char *needs;
	} uses[NR_ROOMS] = {
		[ROOM_OPERATIONS] = { o->tier >= TIER_VFS, "--tier vfs or above" },
		[ROOM_BIOS] = { true, "" },
		[ROOM_REQUESTS] = { true, "" },
		[ROOM_RING] = { records, "--threshold, --sample or --top, whose records go through it" },
		[ROOM_PROCESSES] = { o->extras.tree, "a command" },
		[ROOM_DIRTY_FILES] = { session_asks_dirtiers(o), "records, --by, --hung or a filter by task" },
		[ROOM_STACKS] = { o->stacks, "--stacks" },
	};

	for (int i = 0; i < NR_ROOMS; i++)
		if (cfg->room.n[i] && !uses[i].used)
			return cmd_fail(&trace_table, EXIT_USAGE, "--room %s: needs %s", room_names[i], uses[i].needs);
	o->rooms = cfg->room;
	return -1;
}
