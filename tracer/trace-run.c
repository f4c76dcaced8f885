/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stacks-map.h"
#include "trace.h"
#include "tracer/base/cleanup.h"

/* How often the ring of records is looked at; the programs wake us when it is half full. */
#define DRAIN_NS 100000000ull
/*
 * How often it is looked whether 32-bit buckets could wrap: what may be left of
 * one then takes 27 million I/Os a second in one bucket of one shard, which
 * with 32 processors to a shard is more than each can do.
 */
#define WRAP_NS 120000000000ull
/* How often room is made for new processes, files and cgroups. */
#define WHO_READ_NS 1000000000ull
/* A command's last requests may still be under way when it ends. */
#define LINGER_NS 200000000ull

int trace_catch_signals(struct trace *t)
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

int trace_drain(struct trace *t)
{
	if (session_drain(t->session) < 0)
		return -EIO;
	if (trace_has_records(t)) {
		trace_records_drained(&t->records, t->session);
		trace_note_write(t, t->records.err);
	}
	return 0;
}

/* Time of the next thing to do. */
static u64 next_event(const struct trace *t, u64 now, u64 end_ns)
{
	u64 next = now + WRAP_NS;

	if (trace_keeps_who(t) && t->who_ns + WHO_READ_NS < next)
		next = t->who_ns + WHO_READ_NS;
	if (t->anomalies.window_ns && t->anomalies.begin_ns + t->anomalies.window_ns < next)
		next = t->anomalies.begin_ns + t->anomalies.window_ns;
	if (t->stacks.with_user && t->stacks_ns + STACKS_SEE_NS < next)
		next = t->stacks_ns + STACKS_SEE_NS;
	if (hung_next(&t->hung, now) < next)
		next = hung_next(&t->hung, now);
	if (t->cfg.budget && t->budget.next_ns < next)
		next = t->budget.next_ns;
	if (trace_has_records(t) && now + DRAIN_NS < next)
		next = now + DRAIN_NS;
	if (t->cfg.interval_ns && t->interval_start_ns + t->cfg.interval_ns < next)
		next = t->interval_start_ns + t->cfg.interval_ns;
	return end_ns < next ? end_ns : next;
}

static bool who_due(const struct trace *t, u64 now)
{
	return (trace_keeps_who(t) && now - t->who_ns >= WHO_READ_NS) ||
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
	return err || !who_due(t, now) ? err : trace_read_all(t, now, false);
}

static int look_budget(struct trace *t, u64 now)
{
	int err;

	if (!t->cfg.budget || now < t->budget.next_ns)
		return 0;
	err = session_read(t->session, &t->now);
	return err ? err : trace_budget_look(&t->budget, t->session, stats_requests(&t->now),
					     trace_cpu_ns() - t->cpu_at_start_ns, now);
}

int trace_loop(struct trace *t)
{
	u64 end_ns = t->cfg.duration_ns ? t->start_ns + t->cfg.duration_ns : UINT64_MAX;
	u64 looked_ns = t->start_ns;

	for (;;) {
		struct pollfd fds[] = { { t->signal_fd, POLLIN, 0 },
					{ session_poll_fd(t->session), POLLIN, 0 } };
		u64 now = trace_now_ns(), next = next_event(t, now, end_ns);
		u64 wait = next > now ? next - now : 0;
		struct timespec ts = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };
		int err;

		if (ppoll(fds, ARRAY_SIZE(fds), &ts, NULL) < 0 && errno != EINTR)
			return -errno;
		err = trace_drain(t);
		if (err)
			return err;
		if (t->write_error || take_signals(t))
			return 0;
		now = trace_now_ns();
		if (now >= end_ns)
			return 0;
		if (t->hung.min_age_ns)
			trace_note_write(t, hung_look(&t->hung, t->session, now, t->out));
		if (t->interval_asked || (t->cfg.interval_ns && now >= t->interval_start_ns + t->cfg.interval_ns)) {
			t->interval_asked = false;
			err = trace_report_interval(t, now);
			if (err)
				return err;
			looked_ns = now;
		} else if (now - looked_ns >= WRAP_NS) {
			err = session_may_wrap(t->session, &t->now) ? session_read(t->session, &t->now) : 0;
			if (err)
				return err;
			looked_ns = now;
		}
		err = look_who(t, now);
		if (!err)
			err = look_budget(t, now);
		if (err)
			return err;
	}
}

int trace_linger(struct trace *t)
{
	u64 until = trace_now_ns() + LINGER_NS;

	for (;;) {
		const struct timespec ms = { 0, 2000000 };
		u64 requests, operations;
		int err = session_in_flight(t->session, &requests, &operations);

		if (err)
			return err;
		if ((!requests && !operations) || trace_now_ns() > until)
			return 0;
		nanosleep(&ms, NULL);
	}
}
