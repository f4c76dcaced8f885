/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "view-json.h"
#include "view-who.h"

json_t *view_json_buckets(const u32 *n, u32 nr, u32 min_exp)
{
	json_t *list = json_array();

	for (u32 b = 0; b < nr; b++)
		if (n[b])
			json_array_append_new(list, json_pack("[I,I]", b ? (json_int_t)1 << (b + min_exp) : 0,
							      (json_int_t)n[b]));
	return list;
}

static json_t *or_null(u64 v, bool known)
{
	return known ? json_integer((json_int_t)v) : json_null();
}

static json_t *class_json(const struct who_stats *s)
{
	json_t *o = json_object();
	bool any = s->count;

	set_num(o, "count", s->count);
	set_num(o, "bytes", s->bytes);
	set_num(o, "errors", s->errors);
	set_num(o, "sum_ns", s->sum_ns);
	json_object_set_new(o, "mean_ns", or_null(any ? s->sum_ns / s->count : 0, any));
	json_object_set_new(o, "p99_below_ns", or_null(who_percentile(s, 99), any));
	json_object_set_new(o, "max_ns", or_null(s->max_ns, any));
	json_object_set_new(o, "max_bytes", or_null(s->max_bytes, any));
	set_num(o, "sequential", s->sequential);
	set_num(o, "deferred", s->deferred);
	json_object_set_new(o, "latency_from_ns", view_json_buckets(s->lat, NR_WHO_LATS, WHO_LAT_MIN_EXP));
	json_object_set_new(o, "size_from_bytes", view_json_buckets(s->size, NR_WHO_SIZES, WHO_SIZE_MIN_EXP));
	return o;
}

static json_t *text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *level_json(const struct who_stats s[NR_WHO_CLASSES])
{
	json_t *o = json_object();
	double seq = who_sequential(s);

	for (int c = 0; c < NR_WHO_CLASSES; c++)
		json_object_set_new(o, who_class_names[c], class_json(&s[c]));
	json_object_set_new(o, "sequential_share", seq < 0 ? json_null() : json_real(seq));
	json_object_set_new(o, "pattern", text_or_null(who_pattern(s)));
	json_object_set_new(o, "bias", text_or_null(who_bias(s)));
	return o;
}

static void set_levels(json_t *o, const struct view_who *v, bool operations,
		       const struct who_stats s[NR_WHO_LEVELS][NR_WHO_CLASSES])
{
	json_object_set_new(o, "operations",
			    v->operations && operations ? level_json(s[WHO_OPS]) : json_null());
	json_object_set_new(o, "bios", level_json(s[WHO_BIOS]));
}

static void set_dev(json_t *o, const char *key, u32 dev)
{
	json_object_set_new(o, key, json_sprintf("%u:%u", dev >> 20, dev & 0xfffff));
}

static void set_identity(json_t *o, const struct view_who *v, const struct who_row *r)
{
	const struct who_key *k = &r->key;
	json_t *name = r->name ? name_json(r->name) : json_null();

	switch (k->dim) {
	case WHO_PROCESS:
		set_num(o, "pid", k->sub);
		set_num(o, "started_ns", k->id);
		json_object_set_new(o, "comm", name);
		set_num(o, "device_switches", r->switches - (v->interval ? r->switches_base : 0));
		break;
	case WHO_FILE:
		json_object_set_new(o, "path", name);
		set_num(o, "inode", k->id);
		set_num(o, "generation", k->gen);
		set_dev(o, "dev", k->sub);
		break;
	case WHO_CGROUP:
		json_object_set_new(o, "path", name);
		set_num(o, "id", k->id);
		set_num(o, "hierarchy", k->sub);
		break;
	default:
		json_object_set_new(o, "name", name);
		set_dev(o, "dev", k->sub);
	}
}

static json_t *gone_json(const struct view_who *v, enum who_dim dim)
{
	json_t *o;

	if (v->interval || !v->who->aged[dim])
		return json_null();
	o = json_object();
	set_levels(o, v, dim != WHO_DEVICE, v->who->gone[dim]);
	return o;
}

static json_t *dim_json(const struct view_who *v, enum who_dim dim)
{
	_cleanup_free_ const struct who_row **rows = malloc((v->who->nr + 1) * sizeof(*rows));
	size_t nr = rows ? who_sorted(v->who, dim, v->interval, rows) : 0;
	json_t *o = json_object(), *list = json_array(), *others = json_null();

	for (size_t i = 0; i < nr; i++) {
		struct who_stats s[NR_WHO_LEVELS][NR_WHO_CLASSES];
		json_t *row = json_object();

		view_who_figures(v, rows[i], s);
		if (rows[i]->key.id || rows[i]->key.sub) {
			set_identity(row, v, rows[i]);
			json_array_append_new(list, row);
		} else {
			others = row;
		}
		set_levels(row, v, dim != WHO_DEVICE, s);
	}
	json_object_set_new(o, "rows", list);
	json_object_set_new(o, "others", others);
	set_num(o, "aged_out", v->who->aged[dim]);
	json_object_set_new(o, "aged", gone_json(v, dim));
	set_num(o, "max_entries", v->who->max);
	return o;
}

json_t *view_json_who(const struct view_who *v)
{
	json_t *o = json_object();

	for (int d = 0; d < NR_WHO_DIMS; d++)
		if (v->dims & 1u << d)
			json_object_set_new(o, who_dim_names[d], dim_json(v, d));
	return o;
}
