/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ci/validate/doctor.h"
#include "tracer/tests/ground-trace.h"

json_t *doctor_ask(void)
{
	struct proc p = {};
	json_t *doctor = NULL;
	int status = proc_line(&p, "iopath doctor --json");

	if (!status)
		doctor = json_loads(p.out.text, 0, NULL);
	if (!doctor)
		fprintf(stderr, "iopath-validate: iopath doctor ended with %d: %s\n", status, p.err.text);
	proc_free(&p);
	return doctor;
}

/* A point has several rows; the one that was chosen counts. */
static void add_hooks(json_t *digest, json_t *hooks)
{
	json_t *hook;
	size_t i;

	json_array_foreach(hooks, i, hook) {
		const char *point = text_at(hook, "point");

		if (json_is_true(json_at(hook, "chosen")))
			json_object_set_new(digest, point,
					    json_sprintf("%s %s", text_at(hook, "backend"), text_at(hook, "target")));
		else if (!json_object_get(digest, point))
			json_object_set_new(digest, point, json_null());
	}
}

static json_t *tiers_digest(json_t *tiers)
{
	json_t *digest = json_object(), *tier;
	size_t i;

	json_array_foreach(tiers, i, tier)
		json_object_set_new(digest, text_at(tier, "tier"),
				    json_pack("{s:O, s:O}", "state", json_at(tier, "state"), "not_measured",
					      json_at(tier, "not_measured")));
	return digest;
}

json_t *doctor_digest(json_t *doctor, bool patches)
{
	json_t *digest = json_object(), *stages = json_object(), *hooks = json_object(), *stage;
	size_t i;

	if (!patches)
		json_object_set(digest, "kernel", json_at(doctor, "kernel"));
	json_object_set(digest, "backends", json_at(doctor, "backends"));
	json_object_set(digest, "async_bios_tied", json_at(doctor, "async_bios_tied"));
	json_object_set(digest, "stand_ins", json_at(doctor, "stand_ins"));
	json_object_set(digest, "stamps_exact", json_at(doctor, "stamps_exact"));
	json_object_set_new(digest, "tiers", tiers_digest(json_at(doctor, "tiers")));
	json_array_foreach(json_at(doctor, "stages"), i, stage) {
		json_object_set_new(stages, text_at(stage, "stage"),
				    json_sprintf("%s, tier %s",
						 json_is_true(json_at(stage, "measured")) ? "measured" : "not measured",
						 text_at(stage, "tier")));
		add_hooks(hooks, json_at(stage, "hooks"));
	}
	add_hooks(hooks, json_at(doctor, "other_hooks"));
	json_object_set_new(digest, "stages", stages);
	json_object_set_new(digest, "hooks", hooks);
	return digest;
}
