/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "child.h"
#include "cmd.h"
#include "disk.h"
#include "hung.h"
#include "trace-budget.h"
#include "stacks-map.h"
#include "look.h"
#include "tracer/base/cleanup.h"
#include "trace-opts.h"
#include "trace-records.h"
#include "view-anomaly.h"
#include "view.h"
#include "who-map.h"

/* How often the ring of records is looked at; the programs wake us when it is half full. */
#define DRAIN_NS 100000000ull
/*
 * 32-bit buckets must not wrap between two readings: 17 million I/Os a second
 * in one bucket of one shard, which with 32 processors to a shard is more than
 * each can do.
 */
#define READ_NS 240000000000ull
/* How often room is made for new processes, files and cgroups. */
#define WHO_READ_NS 1000000000ull
/* A command's last requests may still be under way when it ends. */
#define LINGER_NS 200000000ull

/* Everything that a run holds. */
struct trace {
	struct trace_cfg cfg;
	struct kernel kernel;
	struct hook_plan plan;
	struct session *session;
	struct child child;
	int child_status;
	FILE *out;
	int signal_fd;
	bool interval_asked;	/* by SIGUSR1 */
	sigset_t old_mask;
	struct stats now, before, view;
	u64 start_ns, interval_start_ns, cpu_at_start_ns, in_flight_at_start;
	struct who who;
	u64 who_ns;		/* when it was last read */
	struct anomalies anomalies;
	struct stacks stacks;
	FILE *folded;
	int folded_error;	/* -errno of writing it */
	u64 stacks_ns;		/* when processes were last looked for */
	struct trace_who who_opts;
	struct hung hung;
	struct trace_budget budget;
	struct trace_records records;
	struct watch_list watched;
	int write_error;	/* -errno of the first write that failed */
	int stop_signal;
};

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

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

static u64 tv_ns(struct timeval tv)
{
	return (u64)tv.tv_sec * 1000000000ull + (u64)tv.tv_usec * 1000;
}

static u64 own_cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return tv_ns(u.ru_utime) + tv_ns(u.ru_stime);
}

static u64 own_rss_bytes(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long size, rss;

	if (!f || fscanf(f, "%llu %llu", &size, &rss) != 2)
		return 0;
	return rss * (u64)sysconf(_SC_PAGESIZE);
}

/* ---- reports ---- */

static void note_write(struct trace *t, int err)
{
	if (err && !t->write_error)
		t->write_error = err;
}

static void on_anomaly(const struct anomaly *a, void *ctx)
{
	struct trace *t = ctx;

	if (t->write_error)
		return;
	note_write(t, t->cfg.json ? view_json_anomaly(t->out, a, &t->anomalies.limits) :
				    view_text_anomaly(t->out, a, &t->anomalies.limits));
}

static struct report make_report(struct trace *t, const char *type, u64 start_ns, u64 end_ns)
{
	u64 requests = 0, operations = 0;
	struct session_cost c;
	struct report r = {
		.type = type,
		.tier = t->cfg.tier,
		.measured = t->plan.stages,
		.start_ns = start_ns,
		.window_ns = end_ns - start_ns,
		.stats = &t->view,
		.session = t->session,
		.watched = &t->watched,
		.min_lat_ns = t->cfg.min_lat_ns,
		.program_stats = t->cfg.stats,
		.floor = t->cfg.floor,
		.governor = t->cfg.budget ? &t->budget.g : NULL,
		.who = { .who = &t->who,
			 .dims = t->who_opts.shown,
			 .interval = !strcmp(type, "interval"),
			 .operations = t->cfg.tier >= TIER_VFS,
			 .window_ns = end_ns - start_ns },
	};

	session_cost(t->session, &c);
	note_write(t, session_in_flight(t->session, &requests, &operations));
	coverage_from(&t->now, requests, operations, t->in_flight_at_start, c.recursion_misses, &r.coverage);
	r.resched = resched_from(&t->now);
	r.cost = (struct cost){ .user_cpu_ns = own_cpu_ns() - t->cpu_at_start_ns,
				.window_ns = end_ns - t->start_ns,
				.maps_bytes = c.maps_bytes,
				.rss_bytes = own_rss_bytes() };
	return r;
}

static int put_report(struct trace *t, const struct report *r)
{
	return t->cfg.json ? view_json_report(t->out, r) : view_text_report(t->out, r);
}

static bool who_kept(const struct trace *t)
{
	return t->who_opts.shown || t->anomalies.window_ns;
}

/* Everything that was counted; a window that has ended is judged. */
static int read_all(struct trace *t, u64 now, bool last)
{
	int err = session_read(t->session, &t->now);

	t->who_ns = now;
	if (!err && who_kept(t))
		err = who_map_read(t->session, &t->who, now);
	if (err || !t->anomalies.window_ns || (!last && now < t->anomalies.begin_ns + t->anomalies.window_ns))
		return err;
	return anomalies_judge(&t->anomalies, &t->now, &t->who, now, on_anomaly, t);
}

static int report_interval(struct trace *t, u64 end_ns)
{
	struct report r;
	int err = read_all(t, end_ns, false);

	if (!err)
		err = stats_since(&t->view, &t->now, &t->before);
	if (err)
		return err;
	trace_records_tell_top(&t->records, t->session);
	note_write(t, t->records.err);
	r = make_report(t, "interval", t->interval_start_ns, end_ns);
	note_write(t, put_report(t, &r));
	t->interval_start_ns = end_ns;
	who_begin_interval(&t->who);
	return stats_since(&t->before, &t->now, NULL);
}

static int report_summary(struct trace *t, u64 end_ns)
{
	struct report r;
	int err = read_all(t, end_ns, true);

	if (!err)
		err = stats_since(&t->view, &t->now, NULL);
	if (err)
		return err;
	trace_records_tell_top(&t->records, t->session);
	note_write(t, t->records.err);
	r = make_report(t, "summary", t->start_ns, end_ns);
	r.anomalies = t->anomalies.window_ns ? t->anomalies.seen : NULL;
	if (t->cfg.trace_stacks) {
		err = stacks_map_read(t->session, &t->stacks);
		if (err)
			return err;
		r.stacks = &t->stacks;
	}
	note_write(t, put_report(t, &r));
	if (t->folded)
		t->folded_error = stacks_folded(&t->stacks, t->folded, t->cfg.folded_by);
	return 0;
}

/* ---- the run ---- */

static int catch_signals(struct trace *t)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, &t->old_mask))
		return -errno;
	t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->signal_fd < 0 ? -errno : 0;
}

/* True when the run is over. */
static bool take_signals(struct trace *t)
{
	struct signalfd_siginfo si;
	bool over = false;

	while (read(t->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			int status;

			if (t->child.pid > 0 && waitpid(t->child.pid, &status, WNOHANG) > 0) {
				t->child_status = child_exit_code(status);
				t->child.pid = 0;
				over = true;
			}
			continue;
		}
		if (si.ssi_signo == SIGUSR1) {
			t->interval_asked = true;
			continue;
		}
		t->stop_signal = (int)si.ssi_signo;
		/* what the terminal sends, the command has got too: wait for its end */
		if (t->child.pid <= 0)
			over = true;
		else if (si.ssi_code != SI_KERNEL)
			kill(t->child.pid, (int)si.ssi_signo);
	}
	return over;
}

static bool records_wanted(const struct trace *t)
{
	return t->cfg.threshold_ns || t->cfg.sample || t->cfg.top;
}

/* Take what the ring holds, and print it. */
static int drain(struct trace *t)
{
	if (session_drain(t->session) < 0)
		return -EIO;
	if (records_wanted(t)) {
		trace_records_drained(&t->records, t->session);
		note_write(t, t->records.err);
	}
	return 0;
}

/* Time of the next thing to do. */
static u64 next_event(const struct trace *t, u64 now, u64 end_ns)
{
	u64 next = now + READ_NS;

	if (who_kept(t) && t->who_ns + WHO_READ_NS < next)
		next = t->who_ns + WHO_READ_NS;
	if (t->anomalies.window_ns && t->anomalies.begin_ns + t->anomalies.window_ns < next)
		next = t->anomalies.begin_ns + t->anomalies.window_ns;
	if (t->stacks.with_user && t->stacks_ns + STACKS_SEE_NS < next)
		next = t->stacks_ns + STACKS_SEE_NS;
	if (hung_next(&t->hung, now) < next)
		next = hung_next(&t->hung, now);
	if (t->cfg.budget && t->budget.next_ns < next)
		next = t->budget.next_ns;
	if (records_wanted(t) && now + DRAIN_NS < next)
		next = now + DRAIN_NS;
	if (t->cfg.interval_ns && t->interval_start_ns + t->cfg.interval_ns < next)
		next = t->interval_start_ns + t->cfg.interval_ns;
	return end_ns < next ? end_ns : next;
}

static bool who_due(const struct trace *t, u64 now)
{
	return (who_kept(t) && now - t->who_ns >= WHO_READ_NS) ||
	       (t->anomalies.window_ns && now >= t->anomalies.begin_ns + t->anomalies.window_ns);
}

/* What has its own time beside the intervals. */
static int look_who(struct trace *t, u64 now)
{
	int err = 0;

	if (t->stacks.with_user && now - t->stacks_ns >= STACKS_SEE_NS) {
		err = stacks_map_see(t->session, &t->stacks);
		t->stacks_ns = now;
	}
	return err || !who_due(t, now) ? err : read_all(t, now, false);
}

static int look_budget(struct trace *t, u64 now)
{
	int err;

	if (!t->cfg.budget || now < t->budget.next_ns)
		return 0;
	err = session_read(t->session, &t->now);
	return err ? err : trace_budget_look(&t->budget, t->session, stats_requests(&t->now),
					     own_cpu_ns() - t->cpu_at_start_ns, now);
}

static int run_loop(struct trace *t)
{
	u64 end_ns = t->cfg.duration_ns ? t->start_ns + t->cfg.duration_ns : UINT64_MAX;
	u64 read_ns = t->start_ns;

	for (;;) {
		struct pollfd fds[] = { { t->signal_fd, POLLIN, 0 },
					{ session_poll_fd(t->session), POLLIN, 0 } };
		u64 now = now_ns(), next = next_event(t, now, end_ns);
		u64 wait = next > now ? next - now : 0;
		struct timespec ts = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };
		int err;

		if (ppoll(fds, ARRAY_SIZE(fds), &ts, NULL) < 0 && errno != EINTR)
			return -errno;
		err = drain(t);
		if (err)
			return err;
		if (t->write_error || take_signals(t))
			return 0;
		now = now_ns();
		if (now >= end_ns)
			return 0;
		if (t->hung.min_age_ns)
			note_write(t, hung_look(&t->hung, t->session, now, t->out));
		if (t->interval_asked || (t->cfg.interval_ns && now >= t->interval_start_ns + t->cfg.interval_ns)) {
			t->interval_asked = false;
			err = report_interval(t, now);
			if (err)
				return err;
			read_ns = now;
		} else if (now - read_ns >= READ_NS) {
			err = session_read(t->session, &t->now);
			if (err)
				return err;
			read_ns = now;
		}
		err = look_who(t, now);
		if (!err)
			err = look_budget(t, now);
		if (err)
			return err;
	}
}

/* Wait a moment for what the command left in flight. */
static int linger(struct trace *t)
{
	u64 until = now_ns() + LINGER_NS;

	for (;;) {
		const struct timespec ms = { 0, 2000000 };
		u64 requests, operations;
		int err = session_in_flight(t->session, &requests, &operations);

		if (err)
			return err;
		if ((!requests && !operations) || now_ns() > until)
			return 0;
		nanosleep(&ms, NULL);
	}
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
	return refuse_partitions(t, o);
}

/* Where records go. */
static int attach_records(struct trace *t, const struct session_opts *o)
{
	int r;

	if (!records_wanted(t))
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
		t->stacks.max_stacks = MAX_STACKS;
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
		note_write(t, view_json_start(t->out, &r, c.nr_programs));
	fprintf(stderr, "iopath: ready, tier %s%s, %u programs%s\n", tier_names[t->cfg.tier],
		o->floor ? " (floor)" : "", c.nr_programs,
		t->child.pid || t->cfg.duration_ns ? "" : "; Ctrl-C ends");
}

/* From enable to the summary. */
static int trace_session(struct trace *t, struct session_opts *o, char *const command[])
{
	int r;

	t->in_flight_at_start = disk_in_flight(o->devs, o->nr_devs);
	t->cpu_at_start_ns = own_cpu_ns();
	t->start_ns = t->interval_start_ns = t->who_ns = t->anomalies.begin_ns = now_ns();
	session_enable(t->session);
	if (t->cfg.budget)
		trace_budget_begin(&t->budget, t->cfg.budget, t->cfg.tier, t->start_ns);
	announce(t, o);
	if (command) {
		r = start_child(t, command);
		if (r >= 0)
			return r;
	}
	r = run_loop(t);
	if (!r && command)
		r = linger(t);
	session_disable(t->session);
	if (!r)
		r = drain(t);
	if (!r && !t->write_error)
		r = report_summary(t, now_ns());
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
			note_write(t, -errno);
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
	o.extras.tree = command != NULL;
	o.in_flight = t->cfg.hung_ns != 0;
	o.extras.dirtiers = records_wanted(t) || o.in_flight || t->cfg.by.nr;
	o.debug = t->cfg.debug ? stderr : NULL;
	r = catch_signals(t);
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
