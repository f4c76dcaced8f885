/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attribution.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

static int bpf_call(int cmd, union bpf_attr *attr)
{
	int r = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

/* 1: it went away meanwhile. */
static int read_program(uint32_t id, struct bpf_program *ret)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = { .prog_id = id };
	_cleanup_close_ int fd = bpf_call(BPF_PROG_GET_FD_BY_ID, &attr);
	int err;

	if (fd < 0)
		return fd == -ENOENT ? 1 : fd;
	attr = (union bpf_attr){ .info = { .bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = (uintptr_t)&info } };
	err = bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attr);
	if (err)
		return err;
	*ret = (struct bpf_program){ .id = id, .runs = info.run_cnt, .run_ns = info.run_time_ns,
				     .missed = info.recursion_misses };
	snprintf(ret->name, sizeof(ret->name), "%.15s", info.name);
	text_clean(ret->name);
	for (char *c = ret->name; *c; c++)
		if (*c == ' ')
			*c = '_';
	if (!ret->name[0])
		strcpy(ret->name, "(no_name)");
	return 0;
}

int bpf_programs_take(struct bpf_programs *ret)
{
	struct bpf_programs p = { 0 };
	uint32_t id = 0;
	int err = 0;

	for (;;) {
		union bpf_attr attr = { .start_id = id };
		struct bpf_program *bigger;

		err = bpf_call(BPF_PROG_GET_NEXT_ID, &attr);
		if (err)
			break;
		id = attr.next_id;
		bigger = realloc(p.v, (p.nr + 1) * sizeof(*p.v));
		if (!bigger) {
			err = -ENOMEM;
			break;
		}
		p.v = bigger;
		err = read_program(id, &p.v[p.nr]);
		if (err < 0)
			break;
		p.nr += !err;
	}
	if (err != -ENOENT) { /* which is the end of the list */
		bpf_programs_free(&p);
		return err;
	}
	*ret = p;
	return 0;
}

void bpf_programs_free(struct bpf_programs *p)
{
	free(p->v);
	*p = (struct bpf_programs){ 0 };
}

static const struct bpf_program *find(const struct bpf_programs *p, uint32_t id)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (p->v[i].id == id)
			return &p->v[i];
	return NULL;
}

static void add(struct attribution *a, const struct bpf_program *p)
{
	unsigned int i = 0;

	while (i < a->nr && strcmp(a->program[i].name, p->name))
		i++;
	if (i == ATTRIBUTION_MAX)
		return;
	if (i == a->nr) {
		a->program[a->nr++] = *p;
		return;
	}
	a->program[i].runs += p->runs;
	a->program[i].run_ns += p->run_ns;
	a->program[i].missed += p->missed;
}

static int dearest_first(const void *x, const void *y)
{
	const struct bpf_program *a = x, *b = y;

	return (a->run_ns < b->run_ns) - (a->run_ns > b->run_ns);
}

void attribution_between(const struct bpf_programs *others, const struct bpf_programs *from,
			 const struct bpf_programs *to, struct attribution *ret)
{
	ret->nr = 0;
	for (unsigned int i = 0; i < to->nr; i++) {
		const struct bpf_program *was = find(from, to->v[i].id);
		struct bpf_program p = to->v[i];

		if (find(others, p.id))
			continue;
		if (was) {
			p.runs -= was->runs;
			p.run_ns -= was->run_ns;
			p.missed -= was->missed;
		}
		if (p.runs || p.missed)
			add(ret, &p);
	}
	qsort(ret->program, ret->nr, sizeof(ret->program[0]), dearest_first);
}

/* Held by the caller; closing it switches them off again. */
static int statistics_on(void)
{
	union bpf_attr attr = { .enable_stats = { .type = BPF_STATS_RUN_TIME } };

	return bpf_call(BPF_ENABLE_STATS, &attr);
}

static int measure(struct pass_env *e, const struct cell_rates *rates, const struct tracer *t,
		   const struct bpf_programs *others, struct attribution *ret, struct why *why)
{
	struct bpf_programs from = { 0 }, to = { 0 };
	struct pass_result r = { 0 };
	int err = bpf_programs_take(&from);

	if (!err)
		err = pass_run(e, rates->pace, rates->iops, t, &r, why);
	if (!err)
		err = bpf_programs_take(&to);
	if (!err) {
		snprintf(ret->fault, sizeof(ret->fault), "%s", r.fault);
		/* its own count, of the whole run; a command has none */
		ret->ios = r.fio.ios ? r.fio.ios : r.disk_ios;
		attribution_between(others, &from, &to, ret);
		if (!ret->fault[0] && !ret->nr)
			snprintf(ret->fault, sizeof(ret->fault), "no BPF program of this arm ran");
	}
	bpf_programs_free(&from);
	bpf_programs_free(&to);
	pass_result_free(&r);
	return err;
}

int attribution_run(struct pass_env *e, const struct arm *arm, const char *iopath, const struct cell_rates *rates,
		    struct attribution *ret, struct why *why)
{
	_cleanup_close_ int on = statistics_on();
	struct tracer_place where = pass_tracer_place(e);
	struct tracer t = { .child.pidfd = -1 };
	struct tracer_report report = { 0 };
	struct bpf_programs others = { 0 };
	int err = on < 0 ? on : bpf_programs_take(&others), stop_err;

	*ret = (struct attribution){ 0 };
	if (err) {
		snprintf(ret->fault, sizeof(ret->fault), "no statistics of BPF programs: %s", strerror(-err));
		return 0;
	}
	err = tracer_start(arm, iopath, e->device, e->work_dir, &where, e->undo, &t, why);
	if (err == -EPROTO) { /* the tracer's doing */
		snprintf(ret->fault, sizeof(ret->fault), "%.250s", why->text);
		*why = (struct why){ 0 };
		err = 0;
	} else if (!err) {
		err = sleep_until(now_ns() + e->timing.settle_ns);
		if (!err)
			err = measure(e, rates, &t, &others, ret, why);
		stop_err = tracer_stop(&t, e->device, e->undo, &report);
		tracer_report_free(&report);
		if (!err)
			err = stop_err;
	}
	bpf_programs_free(&others);
	return err;
}

void attribution_put(const struct attribution *a, json_t *line)
{
	json_t *programs = json_array();

	for (unsigned int i = 0; i < a->nr; i++) {
		const struct bpf_program *p = &a->program[i];

		json_array_append_new(programs, json_pack("{s:s, s:I, s:I, s:I}", "name", p->name, "runs", (json_int_t)p->runs,
							  "run_time_ns", (json_int_t)p->run_ns, "missed",
							  (json_int_t)p->missed));
	}
	json_object_set_new(line, "ios", json_integer((json_int_t)a->ios));
	json_object_set_new(line, "programs", programs);
	json_object_set_new(line, "fault", json_string(a->fault));
}

int attribution_get(struct reader *r, const json_t *line, struct attribution *ret)
{
	struct attribution a = { .ios = rd_count(r, line, "ios") };
	json_t *programs = rd_array(r, line, "programs"), *p;
	size_t i;

	snprintf(a.fault, sizeof(a.fault), "%s", rd_text(r, line, "fault"));
	text_clean(a.fault);
	if (json_array_size(programs) > ATTRIBUTION_MAX)
		rd_fail(r, "more than %d programs", ATTRIBUTION_MAX);
	json_array_foreach(programs, i, p) {
		const char *name = rd_name(r, p, "name");

		if (r->err)
			break;
		if (strlen(name) >= sizeof(a.program[0].name)) {
			rd_fail(r, "a program's name is too long");
			break;
		}
		a.program[a.nr].runs = rd_count(r, p, "runs");
		a.program[a.nr].run_ns = rd_count(r, p, "run_time_ns");
		a.program[a.nr].missed = rd_count(r, p, "missed");
		strcpy(a.program[a.nr++].name, name);
	}
	if (!r->err && !a.fault[0] && !a.ios)
		rd_fail(r, "an attribution without I/Os");
	if (!r->err)
		*ret = a;
	return r->err;
}
