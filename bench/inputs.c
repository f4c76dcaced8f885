/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inputs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/file.h"
#include "bench/job-check.h"
#include "bench/stop.h"
#include "tracer/base/cleanup.h"

#define VERSION_TIMEOUT_NS (60 * NS_PER_S) /* a cold start under emulation takes its time */
#define QUICK_WORKLOAD "randread-4k-qd1"

const char *const scheduler_names[] = { "none", "mq-deadline", "bfq", "kyber", NULL };

int inputs_own_dir(char *buf, size_t len)
{
	ssize_t n = readlink("/proc/self/exe", buf, len - 1);
	char *slash;

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (slash)
		*slash = '\0';
	return 0;
}

int inputs_workload_dir(const char *given, char **ret)
{
	static const char *const places[] = { "../workloads", "../share/iopath/workloads" };
	char dir[PATH_MAX];
	int err;

	if (given) {
		*ret = strdup(given);
		return *ret ? 0 : -ENOMEM;
	}
	err = inputs_own_dir(dir, sizeof(dir));
	for (size_t i = 0; i < ARRAY_SIZE(places) && !err; i++) {
		_cleanup_free_ char *path = NULL, *job = NULL;

		if (asprintf(&path, "%s/%s", dir, places[i]) < 0 ||
		    asprintf(&job, "%s/" QUICK_WORKLOAD ".fio", path) < 0)
			return -ENOMEM;
		if (access(job, R_OK))
			continue;
		*ret = take_ptr(path);
		return 0;
	}
	return err ? err : -ENOENT;
}

static int check_schedulers(const struct run_config *c, struct inputs *in, struct why *why)
{
	const struct opt_list *l = &c->schedulers;

	in->scheduler = calloc(l->nr + 1, sizeof(*in->scheduler));
	if (!in->scheduler)
		return -ENOMEM;
	for (size_t i = 0; i < l->nr; i++) {
		for (int k = 0; scheduler_names[k]; k++)
			if (!strcmp(scheduler_names[k], l->v[i]))
				in->scheduler[in->nr_schedulers] = scheduler_names[k];
		if (!in->scheduler[in->nr_schedulers])
			return why_fail(why, EXIT_USAGE, -EINVAL,
					"--scheduler %s: no such scheduler (none, mq-deadline, bfq, kyber)",
					l->v[i]);
		for (unsigned int k = 0; k < in->nr_schedulers; k++)
			if (in->scheduler[k] == in->scheduler[in->nr_schedulers])
				return why_fail(why, EXIT_USAGE, -EEXIST, "scheduler %s is named twice", l->v[i]);
		in->nr_schedulers++;
	}
	if (!in->nr_schedulers)
		in->scheduler[in->nr_schedulers++] = scheduler_names[0];
	return 0;
}

/* A list is split at commas, and so was the order of one device: "a=1" behind it belongs to it. */
static bool is_param(const char *word)
{
	size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz_0123456789");

	return len && word[len] == '=';
}

static int join_spec(const struct opt_list *l, size_t *at, char *buf, size_t len)
{
	size_t n = (size_t)snprintf(buf, len, "%s", l->v[(*at)++]);

	for (; *at < l->nr && n < len && strchr(buf, ':') && buf[0] != '/' && is_param(l->v[*at]); (*at)++)
		n += (size_t)snprintf(buf + n, len - n, ",%s", l->v[*at]);
	return n < len ? 0 : -ENAMETOOLONG;
}

/* A device that is named otherwise than by --device would stay forbidden. */
static int check_overwrite(const struct opt_list *l, const struct inputs *in, struct why *why)
{
	for (size_t i = 0; i < l->nr; i++) {
		bool found = false;

		for (unsigned int k = 0; k < in->nr_devices; k++)
			found |= !in->device[k].maker && !strcmp(in->device[k].text, l->v[i]);
		if (!found)
			return why_fail(why, EXIT_USAGE, -EINVAL, "--overwrite %s: no --device is that, word for word", l->v[i]);
	}
	return 0;
}

static int check_devices(const struct run_config *c, struct inputs *in, struct why *why)
{
	const struct opt_list *l = &c->devices;
	size_t at = 0;
	int err = 0;

	in->device = calloc(l->nr + 1, sizeof(*in->device));
	if (!in->device)
		return -ENOMEM;
	while (at < l->nr && !err) {
		struct device_spec *spec = &in->device[in->nr_devices];
		char text[sizeof(spec->text)];

		err = join_spec(l, &at, text, sizeof(text));
		err = err ? why_fail(why, EXIT_USAGE, err, "--device %.60s…: too long", text) :
			    device_spec_parse(text, spec, why);
		if (!err && !spec->maker && access(spec->text, F_OK))
			err = why_fail(why, EXIT_USAGE, -errno, "--device %s: %s", text, strerror(errno));
		in->nr_devices += !err;
	}
	if (!l->nr)
		err = device_spec_parse("loop", &in->device[in->nr_devices++], why);
	return err ? err : check_overwrite(&c->overwrite, in, why);
}

static int keep_workload(struct inputs *in, struct why *why)
{
	struct workload *w = &in->workload[in->nr_workloads++];

	for (struct workload *o = in->workload; o < w; o++)
		if (!strcmp(o->name, w->name))
			return why_fail(why, EXIT_USAGE, -EEXIST, "workload %s is named twice",
					w->name);
	return 0;
}

static int add_workload(struct inputs *in, const char *name, const char *dir, struct why *why)
{
	int err = workload_load(name, dir, &in->workload[in->nr_workloads], why);

	return err ? err : keep_workload(in, why);
}

/* All in @dir, or those that are marked as default. */
static int add_shipped(struct inputs *in, const char *dir, char **names, unsigned int nr, bool all,
		       struct why *why)
{
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++) {
		struct workload w = { 0 };

		err = workload_load(names[i], dir, &w, why);
		if (!err && (all || w.is_default)) {
			in->workload[in->nr_workloads] = w;
			err = keep_workload(in, why);
		} else if (!err) {
			workload_free(&w);
		}
	}
	return err;
}

static int add_all(const struct run_config *c, struct inputs *in, const char *dir, char **names,
		   unsigned int nr, struct why *why)
{
	bool none = !c->workloads.nr && !c->workload_commands.nr;
	int err = 0;

	in->workload = calloc(c->workloads.nr + c->workload_commands.nr + nr + 1, sizeof(*in->workload));
	if (!in->workload)
		return -ENOMEM;
	for (size_t i = 0; i < c->workloads.nr && !err; i++)
		err = !strcmp(c->workloads.v[i], "all") ? add_shipped(in, dir, names, nr, true, why) :
							  add_workload(in, c->workloads.v[i], dir, why);
	for (size_t i = 0; i < c->workload_commands.nr && !err; i++) {
		err = workload_from_command(c->workload_commands.v[i], &in->workload[in->nr_workloads], why);
		if (!err)
			err = keep_workload(in, why);
	}
	if (!err && none && c->quick)
		err = add_workload(in, QUICK_WORKLOAD, dir, why);
	else if (!err && none)
		err = add_shipped(in, dir, names, nr, false, why);
	if (!err && !in->nr_workloads)
		err = why_fail(why, EXIT_ENVIRONMENT, -ENOENT, "--workload-dir %s: no default workload in it", dir);
	return err;
}

static int check_workloads(const struct run_config *c, struct inputs *in, struct why *why)
{
	_cleanup_free_ char *dir = NULL;
	char **names = NULL;
	unsigned int nr = 0;
	int err = inputs_workload_dir(c->workload_dir, &dir);
	bool all = !c->workloads.nr && !c->workload_commands.nr && !c->quick;

	for (size_t i = 0; i < c->workloads.nr; i++)
		all |= !strcmp(c->workloads.v[i], "all");
	if (err == -ENOENT && all)
		return why_fail(why, EXIT_ENVIRONMENT, err,
				"the shipped workloads are not beside the program; use --workload-dir");
	if (!dir)
		dir = strdup(".");
	if (!dir)
		return -ENOMEM;
	err = all ? workload_names(dir, &names, &nr) : 0;
	if (err)
		return why_fail(why, EXIT_ENVIRONMENT, err, "--workload-dir %s: %s", dir, strerror(-err));
	err = add_all(c, in, dir, names, nr, why);
	for (unsigned int i = 0; i < nr; i++)
		free(names[i]);
	free(names);
	return err;
}

/* A program of others: where it is, and the first line of its --version, which begins with @name. */
static int check_program(const char *given, const char *name, char **ret_path, char *version, size_t len,
			 struct why *why)
{
	char *argv[] = { (char *)given, "--version", NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end;
	int err;

	*ret_path = strchr(given, '/') ? realpath(given, NULL) : NULL;
	if (!*ret_path)
		*ret_path = strdup(given);
	if (!*ret_path)
		return -ENOMEM;
	err = child_run(argv, VERSION_TIMEOUT_NS, &out, &end);
	if (err == -ENOENT)
		return why_fail(why, EXIT_ENVIRONMENT, err, "%s is not installed", given);
	if (err == -EINTR)
		return err;
	if (err || end.status)
		return why_fail(why, EXIT_ENVIRONMENT, -EIO, "%s --version failed: %.*s", given,
				out && *out ? (int)strcspn(out, "\n") : 100, out && *out ? out : strerror(-err));
	if (strncmp(out, name, strlen(name)))
		return why_fail(why, EXIT_ENVIRONMENT, -EIO, "%s is not %s: its version is \"%.*s\"", given, name,
				(int)strcspn(out, "\n"), out);
	snprintf(version, len, "%.*s", (int)strcspn(out, "\n"), out);
	return 0;
}

static bool wants(const struct inputs *in, enum workload_kind kind)
{
	for (unsigned int i = 0; i < in->nr_workloads; i++)
		if (in->workload[i].kind == kind)
			return true;
	return false;
}

/* Ours: beside this program unless told. */
static int check_uring(const struct run_config *c, struct inputs *in, struct why *why)
{
	_cleanup_free_ char *beside = NULL;
	char dir[PATH_MAX];
	int err = inputs_own_dir(dir, sizeof(dir));

	if (!err && asprintf(&beside, "%s/iopath-uring", dir) < 0)
		err = -ENOMEM;
	return err ? err : check_program(c->uring ? c->uring : beside, "iopath-uring", &in->uring,
					 in->versions.uring, sizeof(in->versions.uring), why);
}

static int check_jobs(const struct inputs *in, struct why *why)
{
	const char *const program[] = { [WORKLOAD_FIO] = in->fio, [WORKLOAD_SYSBENCH] = in->sysbench, [WORKLOAD_URING] = in->uring,
					[WORKLOAD_COMMAND] = NULL };
	int err = 0;

	for (unsigned int i = 0; i < in->nr_workloads && !err; i++)
		if (program[in->workload[i].kind])
			err = job_check(&in->workload[i], program[in->workload[i].kind], why);
	return err;
}

static int check_programs(const struct run_config *c, struct inputs *in, struct why *why)
{
	int err = 0;

	if (wants(in, WORKLOAD_FIO))
		err = check_program(c->fio, "fio", &in->fio, in->versions.fio, sizeof(in->versions.fio), why);
	if (!err && wants(in, WORKLOAD_SYSBENCH)) {
		err = check_program(c->sysbench, "sysbench", &in->sysbench, in->versions.sysbench,
				    sizeof(in->versions.sysbench), why);
		if (err == -ENOENT) { /* its sets are skipped, with the reason; the others are not lost */
			free(take_ptr(in->sysbench));
			*why = (struct why){ 0 };
			err = 0;
		}
	}
	if (!err && wants(in, WORKLOAD_URING))
		err = check_uring(c, in, why);
	return err ? err : check_jobs(in, why);
}

/* The tracer's own word; one that does not say is measured all the same. */
static int ask_iopath(struct inputs *in)
{
	char *argv[] = { in->iopath, "--version", NULL };
	_cleanup_free_ char *out = NULL;
	struct child_end end = { 0 };
	int err = child_run(argv, VERSION_TIMEOUT_NS, &out, &end);

	if (err == -EINTR || err == -ENOMEM)
		return err;
	if (!err && !end.status && !strncmp(out, "iopath ", 7))
		snprintf(in->versions.iopath, sizeof(in->versions.iopath), "%.*s", (int)strcspn(out, "\n"), out);
	return 0;
}

static int check_iopath(const struct run_config *c, struct inputs *in, struct why *why)
{
	char dir[PATH_MAX];
	bool ours = false;
	int err;

	if (c->iopath) {
		in->iopath = realpath(c->iopath, NULL);
		if (!in->iopath)
			in->iopath = strdup(c->iopath);
	} else {
		err = inputs_own_dir(dir, sizeof(dir));
		if (err)
			return err;
		if (asprintf(&in->iopath, "%s/iopath", dir) < 0)
			return -ENOMEM;
	}
	if (!in->iopath)
		return -ENOMEM;
	for (unsigned int i = 0; i < in->arms.nr; i++) {
		const struct arm *a = &in->arms.v[i];
		const char *program = a->program ? a->program : in->iopath;

		if (a->kind != ARM_TIER)
			continue;
		if (access(program, X_OK))
			return why_fail(why, EXIT_ENVIRONMENT, -errno, "arm %s needs iopath: %s: %s",
					a->name, program, strerror(errno));
		ours |= !a->program;
	}
	return ours ? ask_iopath(in) : 0;
}

/* Absolute: children run in another directory, and it is printed at the end. */
static int choose_out(const struct run_config *c, struct inputs *in)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	if (c->out) {
		in->out = strdup(c->out);
		return in->out ? 0 : -ENOMEM;
	}
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	return asprintf(&in->out, "results/local/%s", stamp) < 0 ? -ENOMEM : 0;
}

int inputs_check(const struct run_config *c, struct inputs *ret, struct why *why)
{
	const struct arm_words words = { &c->arms, &c->commands, &c->iopaths, &c->ready, &c->proof, &c->stop, &c->delay };
	struct inputs *in = ret;
	int err;

	*in = (struct inputs){ 0 };
	err = arm_list_parse(&words, &in->arms, why);
	if (!err)
		err = check_schedulers(c, in, why);
	if (!err)
		err = check_devices(c, in, why);
	if (!err)
		err = check_workloads(c, in, why);
	if (!err && geteuid())
		err = why_fail(why, EXIT_ENVIRONMENT, -EPERM,
			       "needs root: it makes devices, mounts, switches schedulers and loads BPF programs");
	if (!err)
		err = check_programs(c, in, why);
	if (!err)
		err = check_iopath(c, in, why);
	if (!err)
		err = choose_out(c, in);
	return err;
}

void inputs_free(struct inputs *in)
{
	for (unsigned int i = 0; i < in->nr_workloads; i++)
		workload_free(&in->workload[i]);
	free(in->workload);
	free(in->device);
	free(in->scheduler);
	free(in->iopath);
	free(in->fio);
	free(in->sysbench);
	free(in->uring);
	free(in->out);
	*in = (struct inputs){ 0 };
}

unsigned int inputs_nr_sets(const struct inputs *in)
{
	return in->nr_devices * in->nr_schedulers * in->nr_workloads;
}
