/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "tracer/base/cleanup.h"

static void fill_preflight(const json_t *header, struct preflight *p)
{
	json_t *note;
	size_t i;

	json_array_foreach(json_object_get(header, "preflight"), i, note) {
		const char *s = json_string_value(note);

		if (!s || p->nr == PREFLIGHT_MAX)
			continue;
		snprintf(p->note[p->nr], sizeof(p->note[0]), "%s", s);
		text_clean(p->note[p->nr++]);
	}
}

static void fill_reason(struct replay *r)
{
	const char *reason = json_string_value(json_object_get(r->past.end, "reason"));

	snprintf(r->reason, sizeof(r->reason), "%s",
		 reason ? reason : "the file has no last line: the run crashed, or goes on");
	text_clean(r->reason);
}

/* Of a run that was stopped, which has not passed, nor failed. 0: its file does not say. */
static int stopped_code(const json_t *end)
{
	static const int codes[] = { EXIT_USAGE, EXIT_INCONCLUSIVE, EXIT_ENVIRONMENT, EXIT_HARNESS };
	json_int_t code = json_integer_value(json_object_get(end, "exit_code"));

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (code == codes[i])
			return codes[i];
	return 0;
}

static int64_t cell_ms(const json_t *cell)
{
	return json_integer_value(json_object_get(json_object_get(cell, "saturation"), "start_ms"));
}

static void fill_report(struct replay *r)
{
	const struct past *p = &r->past;

	r->report = (struct report){
		.arms = &p->arms,
		.set = r->set,
		.rounds = p->rounds,
		.budget = p->budget,
		.p99_budget = p->p99_budget,
		.seed = p->seed,
		.smoke = p->smoke,
		.inconclusive_fails = json_is_true(json_object_get(p->header, "inconclusive_fails")),
		.complete = json_is_true(json_object_get(p->end, "complete")),
		.kernel = json_string_value(json_object_get(json_object_get(p->header, "fingerprint"),
							    "kernel")),
		.header = p->header,
		.first_ms = p->nr && p->set[0].nr ? cell_ms(p->set[0].cell[0].json) : 0,
	};
	fill_preflight(p->header, &r->report.preflight);
	if (r->report.complete)
		return;
	fill_reason(r);
	r->report.reason = r->reason;
	r->report.stopped_code = stopped_code(r->past.end);
}

static int decide(struct replay *r, unsigned int index, struct why *why)
{
	struct past_set *past = &r->past.set[index];
	struct report_set *s = &r->set[index];
	struct set_config c = {
		.arms = &r->past.arms,
		.rounds = r->past.rounds,
		.budget = r->past.budget,
		.p99_budget = r->past.p99_budget,
		.seed = past->seed,
		.single_look = r->past.smoke,
		.confirm = !r->past.smoke,
		.kmsg_fd = -1,
	};
	struct workload w = { .name = past->workload };
	struct device d = { .fd = -1, .scratch = past->scratch };
	struct set_key key = { index, &w, &d, past->scheduler, past };
	int err;

	strcpy(d.name, past->device);
	strcpy(d.disk, past->disk);
	strcpy(d.driver, past->driver);
	snprintf(d.order, sizeof(d.order), "%s", past->order ? past->order : "");
	report_set_name(s, &key);
	s->skipped = past->skipped;
	s->failed = past->failed;
	s->seed = past->seed;
	s->started_ms = json_integer_value(json_object_get(past->head, "started_ms"));
	s->hostname = json_string_value(json_object_get(past->head, "hostname"));
	s->first_ms = past->nr ? cell_ms(past->cell[0].json) : 0;
	s->job = json_string_value(json_object_get(past->head, "job"));
	if (s->skipped)
		return 0;
	err = set_run(&c, &key, NULL, NULL, NULL, &s->outcome, why);
	return err == -EINTR ? 0 : err;
}

int replay_load(const char *path, struct replay *ret, struct why *why)
{
	struct replay *r = ret;
	int err;

	*r = (struct replay){ 0 };
	err = past_load(path, 0, &r->past, why);
	if (err)
		return err;
	r->set = calloc(r->past.nr ? r->past.nr : 1, sizeof(*r->set));
	if (!r->set)
		err = -ENOMEM;
	else
		fill_report(r);
	for (unsigned int i = 0; i < r->past.nr && !err; i++) {
		err = decide(r, i, why);
		r->report.nr_sets++;
	}
	if (err)
		replay_free(r);
	return err;
}

void replay_free(struct replay *r)
{
	for (unsigned int i = 0; r->set && i < r->past.nr; i++)
		set_outcome_free(&r->set[i].outcome);
	free(r->set);
	past_free(&r->past);
	*r = (struct replay){ 0 };
}
