/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top.h"

#include <errno.h>
#include <stdlib.h>

int top_init(struct top *t, u32 max)
{
	*t = (struct top){ .max = max, .v = calloc(max ? max : 1, sizeof(*t->v)) };
	return t->v ? 0 : -ENOMEM;
}

void top_free(struct top *t)
{
	free(t->v);
	*t = (struct top){ 0 };
}

static u64 time_of(const struct top *t, u32 i)
{
	return t->v[i].slow.total_ns;
}

static void swap(struct top *t, u32 a, u32 b)
{
	struct record r = t->v[a];

	t->v[a] = t->v[b];
	t->v[b] = r;
}

static void sift_down(struct top *t, u32 i)
{
	for (;;) {
		u32 least = i, left = 2 * i + 1;

		for (u32 c = left; c < left + 2 && c < t->nr; c++)
			if (time_of(t, c) < time_of(t, least))
				least = c;
		if (least == i)
			return;
		swap(t, i, least);
		i = least;
	}
}

static void sift_up(struct top *t, u32 i)
{
	while (i && time_of(t, i) < time_of(t, (i - 1) / 2)) {
		swap(t, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

void top_take(struct top *t, const struct record *r)
{
	if (t->nr < t->max) {
		t->v[t->nr] = *r;
		sift_up(t, t->nr++);
	} else if (t->max && r->slow.total_ns > time_of(t, 0)) {
		t->v[0] = *r;
		sift_down(t, 0);
	}
	if (t->nr == t->max && t->nr && time_of(t, 0) > t->threshold_ns)
		t->threshold_ns = time_of(t, 0);
}

static int slower_first(const void *a, const void *b)
{
	u64 x = ((const struct record *)a)->slow.total_ns, y = ((const struct record *)b)->slow.total_ns;

	return x > y ? -1 : x < y;
}

void top_sort(struct top *t)
{
	qsort(t->v, t->nr, sizeof(*t->v), slower_first);
}

void top_begin(struct top *t)
{
	t->threshold_ns /= t->nr == t->max ? 2 : 4;
	t->missed_below_ns = t->threshold_ns;
	t->nr = 0;
}

bool top_is_complete(const struct top *t)
{
	return t->nr == t->max || !t->missed_below_ns;
}
