/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cmd.h"
#include "disk.h"
#include "look.h"
#include "stacks-map.h"
#include "trace.h"
#include "tracer/base/cleanup.h"
#include "who-map.h"

enum { OUTPUT_BUF_BYTES = 64 << 10 };

static void trace_finish(struct trace *t)
{
	session_close(t->session);
	child_destroy(&t->child);
	kernel_release(&t->kernel);
	if (t->signal_fd >= 0)
		close(t->signal_fd);
	if (t->out && t->out != stdout)
		fclose(t->out);
	hung_free(&t->hung);
	who_free(&t->who);
	anomalies_free(&t->anomalies);
	stacks_free(&t->stacks);
	fclosep(&t->folded);
	stats_free(&t->now);
	stats_free(&t->before);
	stats_free(&t->view);
	watch_free(&t->watched);
	trace_records_free(&t->records);
	trace_cfg_free(&t->cfg);
}

static int start_child(struct trace *t, char *const argv[])
{
	int err = child_release(&t->child);

	if (err)
		return cmd_fail(&trace_table, err == -ENOENT ? 127 : 126, "%s: %s", argv[0],
				strerror(-err));
	return -1;
}

static int open_output(struct trace *t)
{
	if (t->cfg.folded) {
		t->folded = fopen(t->cfg.folded, "we");
		if (!t->folded)
			return cmd_fail(&trace_table, EXIT_ERROR, "--folded %s: %s", t->cfg.folded, strerror(errno));
	}
	t->out = stdout;
	if (!t->cfg.output)
		return -1;
	t->out = fopen(t->cfg.output, "we");
	if (!t->out)
		return cmd_fail(&trace_table, EXIT_ERROR, "%s: %s", t->cfg.output, strerror(errno));
	/* records come fast, and are flushed with each drain */
	setvbuf(t->out, NULL, _IOFBF, OUTPUT_BUF_BYTES);
	return -1;
}

/* Writeback of the report is none of its business; a file that is on no disk has none. */
static int exclude_output(const struct trace *t, struct session_opts *o)
{
	int fd = fileno(t->out), err;
	struct look l;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !major(st.st_dev))
		return -1;
	err = look_at_files(&fd, 1, &l);
	if (err)
		return cmd_fail(&trace_table, EXIT_ENVIRONMENT, "asking the kernel about the output file: %s",
				strerror(-err));
	o->own_file = l.inode;
	return -1;
}

/* A filter that this kernel's bios cannot answer. */
static int refuse_partitions(const struct trace *t, const struct session_opts *o)
{
	char name[DISK_NAME_LEN];

	for (u32 i = 0; t->kernel.no_partitions && i < o->nr_devs; i++)
		if (disk_is_lone_partition(o->devs[i], o->devs, o->nr_devs))
			return cmd_fail(&trace_table, EXIT_ENVIRONMENT,
					"partition %s: kernel %s does not tell partitions apart where bios are queued; name the disk",
					disk_name(o->devs[i], name), t->kernel.release);
	return -1;
}

/* Kinds of operations that functions alone tell. */
static int refuse_ops(const struct trace *t, const struct session_opts *o)
{
	u32 told = ~(1u << KIND_FAULT | 1u << KIND_MKWRITE);

#define X(sym, function, program, via, kind)  \
	if (t->plan.chosen[POINT_##sym] >= 0) \
		told |= 1u << KIND_##kind;
	IOP_FAULT_FUNCTIONS(X)
#undef X
	for (u32 i = 0; i < NR_KINDS; i++)
		if (o->kind_mask & ~told & 1u << i)
			return cmd_fail(&trace_table, EXIT_ENVIRONMENT, "--op %s: no hook for it on kernel %s; see `iopath doctor'",
					kind_names[i], t->kernel.release);
	return -1;
}

static int probe(struct trace *t, const struct session_opts *o)
{
	u32 missing;
	int r = cmd_probe(&trace_table, &t->kernel);

	if (r >= 0)
		return r;
	if (!t->kernel.cap_bpf || !t->kernel.cap_perfmon)
		return cmd_fail(&trace_table, EXIT_ENVIRONMENT,
				"no permission: needs root, or CAP_BPF and CAP_PERFMON");
	hook_choose(&t->kernel, &t->plan);
	if (hook_tier_state(&t->plan, t->cfg.tier, &missing) == TIER_UNAVAILABLE)
		return cmd_fail(&trace_table, EXIT_ENVIRONMENT,
				"tier %s is not available on kernel %s; see `iopath doctor'",
				tier_names[t->cfg.tier], t->kernel.release);
	if (t->cfg.probe_resched && t->plan.chosen[POINT_RESCHED_CALL] < 0)
		return cmd_fail(&trace_table, EXIT_ENVIRONMENT,
				"--cond-resched=probe: no hook for it on kernel %s; see `iopath doctor'",
				t->kernel.release);
	if (t->cfg.kernel_io && t->plan.chosen[POINT_VFS_READ] < 0)
		return cmd_fail(&trace_table, EXIT_ENVIRONMENT,
				"--kernel-io: no hook for it on kernel %s; see `iopath doctor'", t->kernel.release);
	r = refuse_ops(t, o);
	return r < 0 ? refuse_partitions(t, o) : r;
}

/* Where records go. */
static int attach_records(struct trace *t, const struct session_opts *o)
{
	int r;

	if (!trace_has_records(t))
		return -1;
	t->records.out = t->out;
	t->records.json = t->cfg.json;
	t->records.each = t->cfg.threshold_ns || t->cfg.sample;
	t->records.adapt = o->top;
	t->records.view.measured = t->plan.stages;
	r = top_init(&t->records.top, (u32)t->cfg.top);
	if (!r && o->kernel_stack)
		r = ksyms_load("/proc/kallsyms", &t->records.symbols);
	/* addresses are told then */
	if (r == -EPERM)
		r = 0;
	if (r)
		return cmd_fail(&trace_table, EXIT_ERROR, "names of kernel functions: %s", strerror(-r));
	r = session_on_record(t->session, trace_records_take, &t->records);
	if (r)
		return cmd_fail(&trace_table, EXIT_ERROR, "ring buffer: %s", strerror(-r));
	return -1;
}

static int attach(struct trace *t, struct session_opts *o)
{
	char why[SESSION_WHY_LEN];
	int r = session_open(o, &t->kernel, &t->plan, &t->session, why);

	/* the types of the whole kernel have served: 5 MB */
	kernel_release(&t->kernel);

	if (r)
		return cmd_fail(&trace_table, r == -EPERM ? EXIT_ENVIRONMENT : EXIT_ERROR, "%s", why);
	return attach_records(t, o);
}

static int attach_rest(struct trace *t, struct session_opts *o)
{
	int r;

	t->who.max = o->by_max;
	if (o->stacks) {
		r = symbols_new(&t->stacks.symbols);
		if (r)
			return cmd_fail(&trace_table, EXIT_ERROR, "%s", strerror(-r));
		t->stacks.with_user = o->user_stacks;
		t->stacks.max_stacks = room_or(&o->rooms, ROOM_STACKS, MAX_STACKS);
	}
	if (o->by) {
		r = who_map_init(t->session, o->by);
		if (r)
			return cmd_fail(&trace_table, EXIT_ERROR, "statistics by who: %s", strerror(-r));
	}
	if (o->extras.tree) {
		r = session_follow(t->session, (u32)t->child.pid);
		if (r)
			return cmd_fail(&trace_table, EXIT_ERROR, "following the command: %s",
					strerror(-r));
	}
	return -1;
}

static void announce(struct trace *t, const struct session_opts *o)
{
	struct session_cost c;
	struct report r = { .tier = t->cfg.tier,
			    .measured = t->plan.stages,
			    .start_ns = t->start_ns,
			    .floor = t->cfg.floor };

	session_cost(t->session, &c);
	if (t->cfg.json)
		trace_note_write(t, view_json_start(t->out, &r, c.nr_programs));
	fprintf(stderr, "iopath: ready, tier %s%s, %u programs%s\n", tier_names[t->cfg.tier],
		o->floor ? " (floor)" : "", c.nr_programs,
		t->child.pid || t->cfg.duration_ns ? "" : "; Ctrl-C ends");
}

/* From enable to the summary. */
static int trace_session(struct trace *t, struct session_opts *o, char *const command[])
{
	int r;

	t->in_flight_at_start = disk_in_flight(o->devs, o->nr_devs);
	t->cpu_at_start_ns = trace_cpu_ns();
	t->start_ns = t->interval_start_ns = t->who_ns = t->anomalies.begin_ns = trace_now_ns();
	session_enable(t->session);
	if (t->cfg.budget)
		trace_budget_begin(&t->budget, t->cfg.budget, t->cfg.tier, t->start_ns);
	announce(t, o);
	if (command) {
		r = start_child(t, command);
		if (r >= 0)
			return r;
	}
	r = trace_loop(t);
	if (!r && command)
		r = trace_linger(t);
	session_disable(t->session);
	if (!r)
		r = trace_drain(t);
	if (!r && !t->write_error)
		r = trace_report_summary(t, trace_now_ns());
	if (r)
		return cmd_fail(&trace_table, EXIT_ERROR, "%s", strerror(-r));
	return -1;
}

static int finish_output(struct trace *t)
{
	if (t->out != stdout) {
		FILE *f = take_ptr(t->out);

		errno = 0;
		if (fclose(f))
			trace_note_write(t, -errno);
	}
	if (t->folded_error)
		return cmd_fail(&trace_table, EXIT_ERROR, "--folded %s: %s", t->cfg.folded, strerror(-t->folded_error));
	/* a reader that went away (`| head`) needs no complaint */
	if (t->write_error == -EPIPE)
		return EXIT_ERROR;
	if (t->write_error)
		return cmd_fail(&trace_table, EXIT_ERROR, "%s: %s",
				t->cfg.output ? t->cfg.output : "standard output",
				strerror(-t->write_error));
	return -1;
}

/* -1, or what was not to be seen was. */
static int fail_on(const struct trace *t)
{
	for (int tag = 0; tag < NR_ANOMALIES; tag++)
		if (t->who_opts.fail_on & 1u << tag && t->anomalies.seen[tag])
			return cmd_fail(&trace_table, EXIT_ANOMALY, "--fail-on %s: told %llu times",
					anomaly_names[tag], (unsigned long long)t->anomalies.seen[tag]);
	return -1;
}

static int trace_main(struct trace *t, int argc, char **argv)
{
	struct session_opts o = { 0 };
	char **command = NULL;
	int operand, r = cmd_parse(&trace_table, argc, argv, &t->cfg, &operand);

	if (r >= 0)
		return r;
	if (operand < argc) {
		if (strcmp(argv[operand - 1], "--"))
			return cmd_fail(&trace_table, EXIT_USAGE, "%s: a command comes after --",
					argv[operand]);
		command = argv + operand;
	}
	o.extras.tree = command != NULL;
	r = trace_set_filters(&t->cfg, &o, &t->watched);
	if (r < 0)
		r = trace_set_who(&t->cfg, &o, &t->anomalies, &t->who_opts);
	if (r < 0)
		r = probe(t, &o);
	if (r < 0)
		r = open_output(t);
	if (r < 0)
		r = exclude_output(t, &o);
	if (r >= 0)
		return r;
	if (!t->cfg.has_interval)
		t->cfg.interval_ns = command || t->cfg.json ? 0 : 1000000000;
	t->hung = (struct hung){ .min_age_ns = t->cfg.hung_ns, .json = t->cfg.json };
	/* without it there is less to tell */
	if (t->cfg.hung_ns && tags_open(&t->kernel, &t->hung.tags))
		t->hung.tags = NULL;
	if (t->cfg.budget && t->cfg.floor)
		return cmd_fail(&trace_table, EXIT_USAGE, "--budget: --floor measures nothing that could be left out");
	o.tier = t->cfg.tier;
	o.floor = t->cfg.floor;
	o.program_stats = t->cfg.stats;
	o.extras.resched_calls = t->cfg.probe_resched;
	o.extras.kernel_io = t->cfg.kernel_io;
	o.threshold_ns = t->cfg.threshold_ns;
	o.sample = (u32)t->cfg.sample;
	o.top = t->cfg.top && !t->cfg.threshold_ns;
	o.kernel_stack = t->cfg.kernel_stack;
	o.watched = true;
	o.in_flight = t->cfg.hung_ns != 0;
	o.debug = t->cfg.debug ? stderr : NULL;
	r = trace_set_room(&t->cfg, &o);
	if (r >= 0)
		return r;
	r = trace_catch_signals(t);
	if (!r && command)
		r = child_fork(&t->child, command);
	if (r)
		return cmd_fail(&trace_table, EXIT_ERROR, "%s", strerror(-r));
	r = attach(t, &o);
	if (r < 0)
		r = attach_rest(t, &o);
	if (r < 0)
		r = trace_session(t, &o, command);
	if (r < 0)
		r = finish_output(t);
	if (r < 0 && !t->child_status)
		r = fail_on(t);
	return r < 0 ? t->child_status : r;
}

static int trace_run(int argc, char **argv)
{
	_cleanup_(trace_finish) struct trace t = {
		.cfg = { .tier = TIER_FULL, .by_max = 1024 },
		.child = CHILD_NONE,
		.signal_fd = -1,
	};

	return trace_main(&t, argc, argv);
}

const struct cmd cmd_trace = { "trace", &trace_table, trace_run };
