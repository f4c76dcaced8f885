/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resume.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/machine.h"
#include "tracer/base/cleanup.h"

static int take_argv(struct resume *r, struct why *why)
{
	json_t *argv = json_object_get(r->past.header, "argv"), *word;
	size_t i;

	r->argv = calloc(json_array_size(argv) + 1, sizeof(*r->argv));
	if (!r->argv)
		return -ENOMEM;
	json_array_foreach(argv, i, word) {
		if (!json_is_string(word))
			return why_fail(why, EXIT_USAGE, -EPROTO, "%s:1: \"argv\" is not all text",
					r->past.path);
		r->argv[r->argc] = strdup(json_string_value(word));
		if (!r->argv[r->argc++])
			return -ENOMEM;
	}
	return r->argc ? 0 : why_fail(why, EXIT_USAGE, -EPROTO, "%s:1: \"argv\" is empty", r->past.path);
}

/* Disks, paths and arguments are those of a guest. */
static int check_lab(const struct resume *r, const char *dir, struct why *why)
{
	const char *kernel = json_string_value(json_object_get(r->past.header, "lab"));

	if (!kernel || machine_lab_kernel())
		return 0;
	return why_fail(why, EXIT_USAGE, -EINVAL, "--resume %s: it ran in the lab (kernel %.20s), and that machine is gone; run it again",
			dir, kernel);
}

int resume_open(const char *dir, struct resume *ret, struct why *why)
{
	struct resume r = { .dir = realpath(dir, NULL) };
	const char *cwd;
	int err = r.dir ? 0 : -errno;

	if (err)
		return why_fail(why, EXIT_USAGE, err, "--resume %s: %s", dir, strerror(-err));
	err = past_load(r.dir, PAST_ALLOW_CUT_OFF, &r.past, why);
	if (!err && json_object_get(r.past.header, "merged_from"))
		err = why_fail(why, EXIT_USAGE, -EINVAL, "--resume %s: it was merged from others; resume those", dir);
	if (!err && json_is_true(json_object_get(r.past.end, "complete")))
		err = why_fail(why, EXIT_USAGE, -EALREADY, "--resume %s: that run is complete", dir);
	if (!err)
		err = check_lab(&r, dir, why);
	if (!err)
		err = take_argv(&r, why);
	cwd = json_string_value(json_object_get(r.past.header, "cwd"));
	if (!err && cwd && chdir(cwd))
		err = why_fail(why, EXIT_ENVIRONMENT, -errno, "--resume %s: cannot go to %s, where it was started: %s",
			       dir, cwd, strerror(errno));
	*ret = r;
	if (err)
		resume_close(ret);
	return err;
}

void resume_close(struct resume *r)
{
	past_free(&r->past);
	for (int i = 0; i < r->argc; i++)
		free(r->argv[i]);
	free(r->argv);
	free(r->dir);
	*r = (struct resume){ 0 };
}

static bool same_timing(const struct past *past, const struct timing *t)
{
	static const char *const keys[] = { "settle_ns", "discard_ns", "window_ns" };
	const uint64_t now[] = { t->settle_ns, t->discard_ns, t->window_ns };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if ((uint64_t)json_integer_value(json_object_get(past->header, keys[i])) != now[i])
			return false;
	return true;
}

int resume_check(const struct past *past, const json_t *header, const struct arm_list *arms,
		 const struct timing *timing, struct why *why)
{
	bool same_arms = past->arms.nr == arms->nr;

	if (strcmp(machine_field(past->header, "key"), machine_field(header, "key")))
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO,
				"%s:1: not the machine, kernel or fio that the run began with", past->path);
	if (!machine_same_tracer(past->header, header))
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "%s:1: the run began with another tracer: %.60s, now %.60s",
				past->path, machine_field(past->header, "iopath"), machine_field(header, "iopath"));
	for (unsigned int a = 0; a < arms->nr && same_arms; a++)
		same_arms = !strcmp(past->arms.v[a].name, arms->v[a].name);
	if (!same_arms || !same_timing(past, timing))
		return why_fail(why, EXIT_USAGE, -EPROTO,
				"%s:1: arms or lengths are not what the arguments come to now", past->path);
	return 0;
}

static int check_device(const struct past_set *p, const struct device *d, struct why *why)
{
	json_t *now = device_fingerprint(d);
	struct difference what;
	bool differs = device_differs(json_object_get(p->head, "device"), now, false, &what);

	json_decref(now);
	if (!differs)
		return 0;
	return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "%s:%u: %s is another device now: its %s was %s, and is %s", p->path,
			p->line, p->device, what.name, what.a, what.b);
}

static int check_job(const struct past_set *p, const struct workload *w, struct why *why)
{
	const char *job = json_string_value(json_object_get(p->head, "job"));

	if (job && !strcmp(job, w->text))
		return 0;
	return why_fail(why, EXIT_USAGE, -EPROTO, "%s:%u: workload %s has changed since then", p->path, p->line,
			w->name);
}

int resume_set(const struct past *past, unsigned int index, const struct report_set *s,
	       const struct device *d, const struct workload *w, const struct past_set **ret,
	       struct why *why)
{
	const struct past_set *p;
	int err = 0;

	*ret = NULL;
	if (!past || index >= past->nr)
		return 0;
	p = &past->set[index];
	if (strcmp(p->workload, s->workload) || strcmp(p->scheduler, s->scheduler) ||
	    strcmp(p->driver, s->driver) || (!s->scratch && strcmp(p->device, s->device)))
		return why_fail(why, EXIT_USAGE, -EPROTO,
				"%s:%u: %s on %s under %s, where %s on %s under %s is due now", p->path, p->line,
				p->workload, p->device, p->scheduler, s->workload, s->device, s->scheduler);
	if (!p->skipped != !s->skipped)
		return why_fail(why, EXIT_ENVIRONMENT, -EPROTO, "%s:%u: %s", p->path, p->line,
				p->skipped ? "skipped then, but it could be run now" :
					     "measured then, but it cannot be run now");
	if (!s->skipped)
		err = check_device(p, d, why);
	if (!err && !s->skipped)
		err = check_job(p, w, why);
	if (!err)
		*ret = p;
	return err;
}

int resume_replay(const struct set_config *c, const struct set_key *key, struct set_outcome *ret,
		  bool *ret_done, struct why *why)
{
	struct set_config dry = *c;
	int err;

	dry.live = false;
	err = set_run(&dry, key, NULL, NULL, NULL, ret, why);
	*ret_done = !err;
	if (err == -EINTR) {
		set_outcome_free(ret);
		*ret = (struct set_outcome){ 0 };
		err = 0;
	}
	return err;
}
