/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "who.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "tracer/base/cleanup.h"

const char *const who_dim_names[NR_WHO_DIMS] = {
#define X(sym, name) name,
	IOP_WHO_DIMS(X)
#undef X
};

const char *const who_class_names[NR_WHO_CLASSES] = {
#define X(sym, name) name,
	IOP_WHO_CLASSES(X)
#undef X
};

int who_dim_parse(const char *word, enum who_dim *ret)
{
	for (int d = 0; d < NR_WHO_DIMS; d++) {
		if (strcmp(word, who_dim_names[d]))
			continue;
		*ret = d;
		return 0;
	}
	return -EINVAL;
}

/* ---- rows ---- */

static int key_order(const struct who_key *a, const struct who_key *b)
{
	if (a->dim != b->dim)
		return a->dim < b->dim ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->sub != b->sub)
		return a->sub < b->sub ? -1 : 1;
	return a->gen < b->gen ? -1 : a->gen > b->gen;
}

/* Index of the first row that is not before @key. */
static size_t place_of(const struct who *w, const struct who_key *key)
{
	size_t lo = 0, hi = w->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (key_order(&w->rows[mid]->key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct who_row *who_find(const struct who *w, const struct who_key *key)
{
	size_t i = place_of(w, key);

	return i < w->nr && !key_order(&w->rows[i]->key, key) ? w->rows[i] : NULL;
}

static bool is_others(const struct who_key *k)
{
	return !k->id && !k->sub && !k->gen;
}

/* Components, innermost first, each with its NUL, as a path. Where it is mounted may not be known: "[sda1]/dir". */
static char *join_path(const struct who_key *key, const struct who_entry *e)
{
	const char *parts[64];
	u32 len = e->name_len < sizeof(e->name) ? e->name_len : sizeof(e->name);
	char disk[DISK_NAME_LEN], *path = malloc(len + DISK_NAME_LEN + 8), *at = path;
	size_t nr = 0;

	if (!path)
		return NULL;
	if (e->flags & WHO_NAME_IN_FS)
		at += sprintf(at, "[%s]", disk_name(key->sub, disk));
	for (u32 i = 0; i < len && nr < ARRAY_SIZE(parts);) {
		parts[nr++] = e->name + i;
		i += (u32)strnlen(e->name + i, len - i) + 1;
	}
	if (e->flags & WHO_NAME_CUT)
		at = stpcpy(at, "...");
	while (nr--)
		at += sprintf(at, "/%.*s", IOP_NAME_LEN, parts[nr]);
	if (at == path)
		strcpy(path, "/");
	return path;
}

/* NULL: no memory, or no name yet. */
static char *name_of(const struct who_key *key, const struct who_entry *e)
{
	char disk[DISK_NAME_LEN];

	switch (key->dim) {
	case WHO_DEVICE:
		return strdup(disk_name(key->sub, disk));
	case WHO_PROCESS:
		return e->flags & WHO_NAMED ? strndup(e->name, IOP_COMM_LEN) : NULL;
	}
	return e->flags & WHO_NAMED ? join_path(key, e) : NULL;
}

static struct who_row *add_row(struct who *w, const struct who_key *key)
{
	size_t at = place_of(w, key);
	struct who_row *r;

	if (w->nr == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct who_row **p = realloc(w->rows, cap * sizeof(*p));

		if (!p)
			return NULL;
		w->rows = p;
		w->cap = cap;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->key = *key;
	memmove(&w->rows[at + 1], &w->rows[at], (w->nr - at) * sizeof(*w->rows));
	w->rows[at] = r;
	w->nr++;
	return r;
}

int who_put(struct who *w, const struct who_key *key, const struct who_entry *e)
{
	struct who_row *r = who_find(w, key);

	if (!r)
		r = add_row(w, key);
	if (!r)
		return -ENOMEM;
	memcpy(r->s, e->s, sizeof(r->s));
	r->last_ns = e->last_ns;
	r->switches = e->switches;
	if (is_others(key) || (r->name && key->dim != WHO_PROCESS))
		return 0;
	/* a process may have another name since */
	if (!r->name || strncmp(r->name, e->name, IOP_COMM_LEN)) {
		char *name = name_of(key, e);

		if (!name)
			return e->flags & WHO_NAMED || key->dim == WHO_DEVICE ? -ENOMEM : 0;
		free(r->name);
		r->name = name;
	}
	return 0;
}

static void row_free(struct who_row *r)
{
	free(r->name);
	free(r->data);
	free(r);
}

void who_free(struct who *w)
{
	for (size_t i = 0; i < w->nr; i++)
		row_free(w->rows[i]);
	free(w->rows);
	*w = (struct who){ 0 };
}

/* ---- intervals ---- */

void who_begin_interval(struct who *w)
{
	for (size_t i = 0; i < w->nr; i++) {
		memcpy(w->rows[i]->base, w->rows[i]->s, sizeof(w->rows[i]->base));
		w->rows[i]->switches_base = w->rows[i]->switches;
	}
}

static u64 bucket_low(u32 b, u32 min_exp)
{
	return b ? 1ull << (b + min_exp) : 0;
}

/* Index of the topmost bucket that filled; -1: none. */
static int top_bucket(const u32 *now, const u32 *base, int nr)
{
	for (int b = nr - 1; b >= 0; b--)
		if (now[b] != base[b])
			return b;
	return -1;
}

static u64 max_since(u64 now, u64 base, int top, int nr, u32 min_exp)
{
	u64 bound;

	if (top < 0)
		return 0;
	/* risen, or too high to tell: what the bucket allows */
	bound = top == nr - 1 ? now : (1ull << (top + 1 + min_exp)) - 1;
	return now > base || now < bound ? now : bound;
}

static void add(struct who_stats *to, const struct who_stats *s)
{
	to->count += s->count;
	to->bytes += s->bytes;
	to->errors += s->errors;
	to->sum_ns += s->sum_ns;
	to->sequential += s->sequential;
	to->deferred += s->deferred;
	to->max_ns = s->max_ns > to->max_ns ? s->max_ns : to->max_ns;
	to->max_bytes = s->max_bytes > to->max_bytes ? s->max_bytes : to->max_bytes;
	for (int i = 0; i < NR_WHO_LATS; i++)
		to->lat[i] += s->lat[i];
	for (int i = 0; i < NR_WHO_SIZES; i++)
		to->size[i] += s->size[i];
}

void who_since(struct who_stats *ret, const struct who_stats *now, const struct who_stats *base)
{
	struct who_stats d = {
		.count = now->count - base->count,
		.bytes = now->bytes - base->bytes,
		.errors = now->errors - base->errors,
		.sum_ns = now->sum_ns - base->sum_ns,
		.sequential = now->sequential - base->sequential,
		.deferred = now->deferred - base->deferred,
	};

	for (int i = 0; i < NR_WHO_LATS; i++)
		d.lat[i] = now->lat[i] - base->lat[i];
	for (int i = 0; i < NR_WHO_SIZES; i++)
		d.size[i] = now->size[i] - base->size[i];
	d.max_ns = max_since(now->max_ns, base->max_ns, top_bucket(now->lat, base->lat, NR_WHO_LATS),
			     NR_WHO_LATS, WHO_LAT_MIN_EXP);
	d.max_bytes = max_since(now->max_bytes, base->max_bytes,
				top_bucket(now->size, base->size, NR_WHO_SIZES), NR_WHO_SIZES,
				WHO_SIZE_MIN_EXP);
	*ret = d;
}

u64 who_max_at_least(const struct who_stats *now, const struct who_stats *base)
{
	int top = top_bucket(now->lat, base->lat, NR_WHO_LATS);

	if (top < 0)
		return 0;
	return now->max_ns > base->max_ns ? now->max_ns : bucket_low((u32)top, WHO_LAT_MIN_EXP);
}

u64 who_size_at_least(const struct who_stats *now, const struct who_stats *base)
{
	int top = top_bucket(now->size, base->size, NR_WHO_SIZES);

	if (top < 0)
		return 0;
	return now->max_bytes > base->max_bytes ? now->max_bytes : bucket_low((u32)top, WHO_SIZE_MIN_EXP);
}

/* ---- ageing ---- */

static int by_last_use(const void *a, const void *b)
{
	const struct who_row *x = *(struct who_row *const *)a, *y = *(struct who_row *const *)b;

	return x->last_ns < y->last_ns ? -1 : x->last_ns > y->last_ns;
}

size_t who_old(const struct who *w, enum who_dim dim, u64 keep_ns, struct who_key *ret)
{
	_cleanup_free_ struct who_row **rows = malloc((w->nr + 1) * sizeof(*rows));
	size_t all = 0, nr = 0, n = 0;

	for (size_t i = 0; rows && i < w->nr; i++) {
		if (w->rows[i]->key.dim != dim || is_others(&w->rows[i]->key))
			continue;
		all++;
		/* 0: it is being made */
		if (w->rows[i]->last_ns)
			rows[nr++] = w->rows[i];
	}
	if (all <= w->max / 4 * 3)
		return 0;
	qsort(rows, nr, sizeof(*rows), by_last_use);
	while (n < nr && all - n > w->max / 2 && rows[n]->last_ns < keep_ns) {
		ret[n] = rows[n]->key;
		n++;
	}
	return n;
}

void who_forget(struct who *w, const struct who_key *key)
{
	size_t i = place_of(w, key);
	struct who_row *r = who_find(w, key);

	if (!r)
		return;
	for (int l = 0; l < NR_WHO_LEVELS; l++)
		for (int c = 0; c < NR_WHO_CLASSES; c++)
			add(&w->gone[key->dim][l][c], &r->s[l][c]);
	w->aged[key->dim]++;
	memmove(&w->rows[i], &w->rows[i + 1], (--w->nr - i) * sizeof(*w->rows));
	row_free(r);
}

/* ---- what to show ---- */

u64 who_total_ns(const struct who_stats s[static NR_WHO_LEVELS][NR_WHO_CLASSES])
{
	u64 n = 0, ns = 0;

	for (int l = 0; l < NR_WHO_LEVELS && !n; l++)
		for (int c = 0; c < NR_WHO_CLASSES; c++) {
			n += s[l][c].count;
			ns += s[l][c].sum_ns;
		}
	return ns;
}

static u64 counted(const struct who_row *r, bool interval, u64 *ret_ns)
{
	u64 n = 0;

	*ret_ns = who_total_ns(r->s) - (interval ? who_total_ns(r->base) : 0);
	for (int l = 0; l < NR_WHO_LEVELS; l++)
		for (int c = 0; c < NR_WHO_CLASSES; c++)
			n += r->s[l][c].count - (interval ? r->base[l][c].count : 0);
	return n;
}

struct ranked {
	const struct who_row *row;
	u64 ns;
};

static int by_time(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->ns > y->ns ? -1 : x->ns < y->ns;
}

size_t who_sorted(const struct who *w, enum who_dim dim, bool interval, const struct who_row **ret)
{
	_cleanup_free_ struct ranked *list = malloc((w->nr + 1) * sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list && i < w->nr; i++) {
		u64 ns;

		if (w->rows[i]->key.dim == dim && counted(w->rows[i], interval, &ns))
			list[n++] = (struct ranked){ w->rows[i], ns };
	}
	if (n)
		qsort(list, n, sizeof(*list), by_time);
	for (size_t i = 0; i < n; i++)
		ret[i] = list[i].row;
	return n;
}

/* ---- what the figures say ---- */

u64 who_percentile(const struct who_stats *s, double p)
{
	double rank = (double)s->count * p / 100, seen = 0;

	for (u32 b = 0; s->count && b < NR_WHO_LATS; b++) {
		u64 high = (1ull << (b + 1 + WHO_LAT_MIN_EXP)) - 1;

		seen += s->lat[b];
		if (seen >= rank && s->lat[b])
			return b == NR_WHO_LATS - 1 || s->max_ns < high ? s->max_ns : high;
	}
	return s->count ? s->max_ns : 0;
}

double who_sequential(const struct who_stats s[static NR_WHO_CLASSES])
{
	u64 n = s[WHO_READ].count + s[WHO_WRITE].count;

	return n ? (double)(s[WHO_READ].sequential + s[WHO_WRITE].sequential) / (double)n : -1;
}

const char *who_pattern(const struct who_stats s[static NR_WHO_CLASSES])
{
	double seq = who_sequential(s);

	return seq < 0 ? NULL : seq >= 0.75 ? "sequential" : seq <= 0.25 ? "random" : "mixed";
}

const char *who_bias(const struct who_stats s[static NR_WHO_CLASSES])
{
	double r = (double)s[WHO_READ].bytes, w = (double)s[WHO_WRITE].bytes;

	if (r + w <= 0)
		return NULL;
	return r >= 0.75 * (r + w) ? "read-heavy" : w >= 0.75 * (r + w) ? "write-heavy" : "balanced";
}

u64 who_common_size(const struct who_stats s[static NR_WHO_CLASSES])
{
	u64 best = 0, size = 0;

	for (u32 b = 0; b < NR_WHO_SIZES; b++) {
		u64 n = (u64)s[WHO_READ].size[b] + s[WHO_WRITE].size[b];

		if (n <= best)
			continue;
		best = n;
		size = b ? bucket_low(b, WHO_SIZE_MIN_EXP) : 1;
	}
	return size;
}
