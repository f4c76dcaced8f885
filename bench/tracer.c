/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tracer.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define READY_TIMEOUT_NS (120 * NS_PER_S) /* emulated, perf and bpftrace take most of it */
#define STOP_GRACE_NS (10 * NS_PER_S)

__attribute__((format(printf, 2, 3))) static void fault(struct tracer_report *r, const char *fmt,
							...)
{
	va_list ap;

	va_start(ap, fmt);
	fault_keep_first(r->fault, sizeof(r->fault), fmt, ap);
	va_end(ap);
}

static uint64_t count_ios(const json_t *devices, const char *device)
{
	uint64_t n = 0;
	json_t *d, *op;
	size_t i, j;

	json_array_foreach(devices, i, d) {
		const char *name = json_string_value(json_object_get(d, "name"));

		if (!name || strcmp(name, device))
			continue;
		json_array_foreach(json_object_get(d, "ops"), j, op)
			n += (uint64_t)json_integer_value(json_object_get(op, "count"));
	}
	return n;
}

void stage_add(struct stage_time *stage, unsigned int *nr, const char *name, double sum_ns)
{
	unsigned int i = 0;

	while (i < *nr && strcmp(stage[i].name, name))
		i++;
	if (i == STAGES_MAX || strlen(name) >= sizeof(stage[0].name))
		return;
	if (i == *nr) {
		strcpy(stage[i].name, name);
		stage[(*nr)++].sum_ns = 0;
	}
	stage[i].sum_ns += sum_ns;
}

/* Over all operations of the device; a stage that is null was not measured. */
static void sum_stages(const json_t *devices, const char *device, struct tracer_report *r)
{
	json_t *d, *op, *stage;
	const char *name;
	size_t i, j;

	json_array_foreach(devices, i, d) {
		const char *dev = json_string_value(json_object_get(d, "name"));

		if (!dev || strcmp(dev, device))
			continue;
		json_array_foreach(json_object_get(d, "ops"), j, op)
			json_object_foreach(json_object_get(op, "stages"), name, stage)
				if (json_is_object(stage) && strcmp(name, "total"))
					stage_add(r->stage, &r->nr_stages, name,
						  json_number_value(json_object_get(stage, "sum_ns")));
	}
}

static uint64_t count_lost(const json_t *summary)
{
	json_t *lost = json_object_get(json_object_get(summary, "coverage"), "lost"), *v;
	const char *cause;
	uint64_t n = 0;

	json_object_foreach(lost, cause, v)
		n += (uint64_t)json_integer_value(v);
	return n;
}

static const char *last_line(char *text)
{
	size_t len = strlen(text);
	char *nl;

	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		text[--len] = '\0';
	nl = strrchr(text, '\n');
	return nl ? nl + 1 : text;
}

void tracer_read_summary(const char *text, const char *device, struct tracer_report *r)
{
	_cleanup_free_ char *copy = strdup(text);
	const char *type;

	r->summary = copy ? json_loads(last_line(copy), 0, NULL) : NULL;
	type = json_string_value(json_object_get(r->summary, "type"));
	if (!type || strcmp(type, "summary")) {
		json_decref(r->summary);
		r->summary = NULL;
		fault(r, "the tracer wrote no summary");
		return;
	}
	r->has_summary = true;
	if (!json_is_array(json_object_get(r->summary, "devices")) ||
	    !json_is_object(json_object_get(r->summary, "coverage")))
		fault(r, "the tracer's summary has no devices or coverage");
	r->traced_ios = count_ios(json_object_get(r->summary, "devices"), device);
	sum_stages(json_object_get(r->summary, "devices"), device, r);
	r->traced_ops = (uint64_t)json_integer_value(
		json_object_get(json_object_get(json_object_get(r->summary, "coverage"), "operations"), "seen"));
	r->lost = count_lost(r->summary);
}

static int spawn(struct tracer *t, const char *iopath, const struct device *d, const char *work_dir,
		 const struct tracer_place *where, int out)
{
	struct child_io io = { .cwd = work_dir, .out_fd = out, .err_fd = out, .cgroup = where->cgroup, .cpus = where->cpus };
	_cleanup_free_ char *command = NULL, *program = NULL;
	char *tier[] = { (char *)iopath, "trace", "--tier", (char *)t->arm->tier, "--json", "--dev",
			 (char *)d->name, "-o", t->summary_path, t->arm->floor ? "--floor" : NULL,
			 NULL };
	char *shell[] = { "/bin/sh", "-c", NULL, NULL };
	int err;

	if (t->arm->program) { /* from where we are: it runs elsewhere */
		tier[0] = program = realpath(t->arm->program, NULL);
		if (!program)
			return -errno;
	}
	if (t->arm->kind == ARM_TIER)
		return child_spawn(tier, &io, &t->child);
	err = arm_expand(t->arm->command, d, work_dir, &command);
	if (err)
		return err;
	shell[2] = command;
	return child_spawn(shell, &io, &t->child);
}

static void discard(struct tracer *t, struct undo *u)
{
	if (t->child.pid) {
		child_stop(&t->child, NULL, 0, false, 0, NULL);
		undo_drop(u);
	}
	sink_free(t->sink);
	if (t->summary_path)
		unlink(t->summary_path);
	free(t->summary_path);
	*t = (struct tracer){ 0 };
}

/* 0, -EINTR, or -EPROTO when it ended or stayed silent. */
static int wait_ready(struct tracer *t, struct undo *u, struct why *why)
{
	bool by_word = t->arm->kind == ARM_TIER || t->arm->ready;
	uint64_t now = now_ns(), deadline = now + (by_word ? READY_TIMEOUT_NS : t->arm->delay_ns);
	struct child_end end;

	while (!by_word || !sink_is_ready(t->sink)) {
		int err;

		now = now_ns();
		if (now >= deadline)
			return !by_word ? 0 :
					  why_fail(why, EXIT_ENVIRONMENT, -EPROTO,
						   "arm %s: not ready after %llu s", t->arm->name,
						   READY_TIMEOUT_NS / NS_PER_S);
		err = child_wait(&t->child, 10 * NS_PER_MS, false, &end);
		if (err == -EINTR)
			return err;
		if (!err) {
			undo_drop(u);
			sink_join(t->sink);
			return why_fail(why, EXIT_ENVIRONMENT, -EPROTO,
					"arm %s ended by itself with status %d %s: %s", t->arm->name,
					end.status,
					sink_is_ready(t->sink) ? "once it was ready" :
								 "before it was ready",
					sink_last_line(t->sink));
		}
	}
	return 0;
}

int tracer_start(const struct arm *arm, const char *iopath, const struct device *d,
		 const char *work_dir, const struct tracer_place *where, struct undo *u, struct tracer *ret,
		 struct why *why)
{
	struct tracer t = { .arm = arm, .child.pidfd = -1 };
	_cleanup_close_ int out = -1;
	int err;

	if (arm->kind == ARM_TIER) {
		if (asprintf(&t.summary_path, "%s/trace.json", work_dir) < 0)
			return -ENOMEM;
		unlink(t.summary_path);
	}
	err = sink_open(arm->kind == ARM_TIER ? TRACER_READY : arm->ready, arm->proof, &t.sink, &out);
	if (!err) {
		err = spawn(&t, iopath, d, work_dir, where, out);
		if (err)
			why_fail(why, EXIT_ENVIRONMENT, err, "arm %s: cannot run %s: %s", arm->name,
				 arm->kind != ARM_TIER ? "/bin/sh" : arm->program ? arm->program : iopath,
				 strerror(-err));
	}
	close(take_fd(&out)); /* or the sink would never see the end */
	if (!err)
		err = undo_push_process(u, t.child.pid, t.child.mark);
	if (!err)
		err = wait_ready(&t, u, why);
	if (!err)
		sink_mark(t.sink);
	if (err) {
		discard(&t, u);
		return err;
	}
	*ret = t;
	return 0;
}

static uint64_t timeval_ns(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * NS_PER_S + (uint64_t)tv->tv_usec * 1000;
}

int tracer_stop(struct tracer *t, const struct device *d, struct undo *u,
		struct tracer_report *ret)
{
	const int signals[] = { t->arm->stop_signal, SIGTERM };
	bool ours = t->arm->kind == ARM_TIER, died;
	struct tracer_report r = { 0 };
	struct child_end end = { 0 };
	int err;

	died = !child_wait(&t->child, 0, true, &end);
	/* a shell passes no signal on, so a command gets it as a group */
	err = died ? 0 : child_stop(&t->child, signals, ARRAY_SIZE(signals), !ours, STOP_GRACE_NS, &end);
	undo_drop(u);
	sink_join(t->sink);
	r.exit_status = end.status;
	r.cpu_ns = timeval_ns(&end.usage.ru_utime) + timeval_ns(&end.usage.ru_stime);
	r.peak_rss_bytes = (uint64_t)end.usage.ru_maxrss << 10;
	r.output_bytes = sink_bytes(t->sink);
	r.output_lines = sink_lines(t->sink);
	r.shown = t->arm->shows == SHOWS_COUNT ? strtoull(sink_last_line(t->sink), NULL, 10) : r.output_lines;
	if (died)
		fault(&r, "the tracer ended by itself with status %d: %.120s", end.status,
		      sink_last_line(t->sink));
	else if (ours && end.status)
		fault(&r, "the tracer ended with status %d: %.120s", end.status,
		      sink_last_line(t->sink));
	if (!ours && !sink_is_proved(t->sink) && t->arm->proof)
		fault(&r, "the tracer showed no event: no line of its output matches %.100s", t->arm->proof);
	else if (!ours && !sink_is_proved(t->sink))
		fault(&r, "the tracer showed no event: no line of output once it was ready (--arm-proof)");
	if (ours) {
		_cleanup_free_ char *text = NULL;

		if (file_read(t->summary_path, &text))
			fault(&r, "the tracer wrote no summary");
		else
			tracer_read_summary(text, d->name, &r);
	}
	discard(t, u);
	*ret = r;
	return err;
}

void tracer_report_free(struct tracer_report *r)
{
	json_decref(r->summary);
	*r = (struct tracer_report){ 0 };
}

static json_t *stages_json(const struct tracer_report *r)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < r->nr_stages; i++)
		json_object_set_new(o, r->stage[i].name, json_real(r->stage[i].sum_ns));
	return o;
}

json_t *tracer_report_json(const struct tracer_report *r)
{
	const json_t *s = r->summary;
	json_t *lost = json_object_get(json_object_get(s, "coverage"), "lost");
	json_t *coverage = json_object_get(s, "coverage"), *cost = json_object_get(s, "cost");

	return json_pack("{s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:O?, s:O?, s:O?, s:o, s:s}", "exit_status",
			 r->exit_status, "cpu_ns", (json_int_t)r->cpu_ns, "peak_rss_bytes",
			 (json_int_t)r->peak_rss_bytes, "output_bytes", (json_int_t)r->output_bytes,
			 "output_lines", (json_int_t)r->output_lines, "traced_ios", s ? json_integer((json_int_t)r->traced_ios) : json_null(),
			 "lost_total", s ? json_integer((json_int_t)r->lost) : json_null(), "lost",
			 lost, "coverage", coverage, "cost", cost, "stages_sum_ns",
			 r->nr_stages ? stages_json(r) : json_null(), "fault", r->fault);
}
