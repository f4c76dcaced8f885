/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view-anomaly.h"

#include <errno.h>
#include <string.h>

#include "tracer/base/parse.h"
#include "view.h"
#include "view-json.h"

#define W 32

static const char *const subject_names[] = {
	[SUBJECT_PROCESS] = "process",
	[SUBJECT_DEVICE] = "device",
	[SUBJECT_SYSTEM] = "system",
};

/* How a value of that name is written. */
static enum limit_type type_of(const char *name)
{
	static const struct {
		const char *end;
		enum limit_type type;
	} ends[] = { { "_ns", LIMIT_NS }, { "_bytes", LIMIT_BYTES }, { "_share", LIMIT_SHARE }, { "_factor", LIMIT_FACTOR } };
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t e = strlen(ends[i].end);

		if (n > e && !strcmp(name + n - e, ends[i].end))
			return ends[i].type;
	}
	return LIMIT_COUNT;
}

static const char *value_text(double v, enum limit_type type, char buf[static W])
{
	switch (type) {
	case LIMIT_NS:
		return fmt_duration((u64)v, buf, W);
	case LIMIT_BYTES:
		return fmt_size((u64)v, buf, W);
	case LIMIT_SHARE:
		snprintf(buf, W, "%.0f%%", 100 * v);
		return buf;
	case LIMIT_FACTOR:
		snprintf(buf, W, "%.3g", v);
		return buf;
	default:
		snprintf(buf, W, "%.0f", v);
		return buf;
	}
}

/* The name without its unit, which the text shows. */
static int name_len(const char *name)
{
	return (int)(type_of(name) == LIMIT_COUNT ? strlen(name) : (size_t)(strrchr(name, '_') - name));
}

int view_text_anomaly(FILE *out, const struct anomaly *a, const struct anomaly_limits *l)
{
	char window[W], v[W];

	fprintf(out, "\nanomaly %s  %s", anomaly_names[a->tag], subject_names[a->subject]);
	if (a->subject == SUBJECT_PROCESS)
		fprintf(out, " %u", a->pid);
	if (a->subject != SUBJECT_SYSTEM)
		fprintf(out, " %s", a->name);
	fprintf(out, "  in %s: %s\n ", fmt_duration(a->window_ns, window, W), anomaly_texts[a->tag]);
	for (u32 i = 0; i < a->nr_values; i++)
		fprintf(out, " %.*s %s", name_len(a->values[i].name), a->values[i].name,
			value_text(a->values[i].v, type_of(a->values[i].name), v));
	fprintf(out, "\n  limits");
	for (int i = 0; i < NR_ANOMALY_LIMITS; i++)
		if (anomaly_limit_infos[i].tag == a->tag)
			fprintf(out, " %s %s", anomaly_limit_infos[i].key,
				value_text(l->v[i], anomaly_limit_infos[i].type, v));
	fprintf(out, "\n");
	errno = 0;
	return fflush(out) || ferror(out) ? (errno ? -errno : -EIO) : 0;
}

static void set_value(json_t *o, const char *key, double v, enum limit_type type)
{
	json_object_set_new(o, key, type == LIMIT_SHARE || type == LIMIT_FACTOR ? json_real(v) :
										  json_integer((json_int_t)v));
}

int view_json_anomaly(FILE *out, const struct anomaly *a, const struct anomaly_limits *l)
{
	static const char *const units[] = { [LIMIT_NS] = "_ns", [LIMIT_BYTES] = "_bytes", [LIMIT_COUNT] = "",
					     [LIMIT_SHARE] = "", [LIMIT_FACTOR] = "" };
	_cleanup_json_ json_t *o = json_pack("{s:s,s:i,s:s,s:s}", "type", "anomaly", "schema", VIEW_SCHEMA, "tag",
					     anomaly_names[a->tag], "what", anomaly_texts[a->tag]);
	json_t *subject = json_pack("{s:s}", "kind", subject_names[a->subject]);
	json_t *values = json_object(), *limits = json_object();
	char key[64];

	if (a->subject == SUBJECT_PROCESS) {
		set_num(subject, "pid", a->pid);
		json_object_set_new(subject, "comm", name_json(a->name));
	} else if (a->subject == SUBJECT_DEVICE) {
		json_object_set_new(subject, "name", name_json(a->name));
	}
	json_object_set_new(o, "subject", subject);
	for (u32 i = 0; i < a->nr_values; i++)
		set_value(values, a->values[i].name, a->values[i].v, type_of(a->values[i].name));
	json_object_set_new(o, "values", values);
	for (int i = 0; i < NR_ANOMALY_LIMITS; i++) {
		const struct anomaly_limit_info *info = &anomaly_limit_infos[i];

		if (info->tag != a->tag)
			continue;
		snprintf(key, sizeof(key), "%s%s", info->key, units[info->type]);
		set_value(limits, key, l->v[i], info->type);
	}
	json_object_set_new(o, "limits", limits);
	set_num(o, "start_ns", a->start_ns);
	set_num(o, "window_ns", a->window_ns);
	return put_line(out, o);
}

void view_text_anomalies(FILE *out, const u64 seen[NR_ANOMALIES])
{
	bool any = false;

	fprintf(out, "\nanomalies");
	for (int t = 0; t < NR_ANOMALIES; t++) {
		if (!seen[t])
			continue;
		fprintf(out, "  %s %llu", anomaly_names[t], (unsigned long long)seen[t]);
		any = true;
	}
	fprintf(out, "%s\n", any ? "" : " none");
}

json_t *view_json_anomalies(const u64 seen[NR_ANOMALIES])
{
	json_t *o = json_object();

	for (int t = 0; t < NR_ANOMALIES; t++)
		set_num(o, anomaly_names[t], seen[t]);
	return o;
}

void view_mdoc_anomalies(FILE *out)
{
	char v[W];

	fprintf(out, ".Bl -tag -width xxxx\n");
	for (int t = 0; t < NR_ANOMALIES; t++) {
		fprintf(out, ".It Cm %s\n%s.\n.Bl -tag -compact -width min_ios\n", anomaly_names[t], anomaly_texts[t]);
		for (int i = 0; i < NR_ANOMALY_LIMITS; i++)
			if (anomaly_limit_infos[i].tag == (enum anomaly_tag)t)
				fprintf(out, ".It Cm %s\n%s (default %s)\n", anomaly_limit_infos[i].key,
					anomaly_limit_infos[i].what,
					value_text(anomaly_limit_infos[i].def, anomaly_limit_infos[i].type, v));
		fprintf(out, ".El\n");
	}
	fprintf(out, ".El\n");
}
