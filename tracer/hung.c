/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hung.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "file-path.h"
#include "tracer/base/cleanup.h"
#include "view.h"

#define LOOK_MIN_NS 10000000ull

u64 hung_next(const struct hung *h, u64 now_ns)
{
	u64 wait = h->min_age_ns / 4;

	return h->min_age_ns ? now_ns + (wait > LOOK_MIN_NS ? wait : LOOK_MIN_NS) : UINT64_MAX;
}

/* One look: those found, which become the ones told. */
struct look {
	struct hung *hung;
	FILE *out;
	struct told *found;
	size_t nr, cap;
	int err;
};

static bool told_before(const struct hung *h, const struct unfinished *u)
{
	for (size_t i = 0; i < h->nr_told; i++)
		if (h->told[i].key == u->key && h->told[i].start_ns == u->start_ns)
			return true;
	return false;
}

static int remember(struct look *l, const struct unfinished *u)
{
	if (l->nr == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct told *p = realloc(l->found, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->found = p;
		l->cap = cap;
	}
	l->found[l->nr++] = (struct told){ u->key, u->start_ns };
	return 0;
}

static int tell(struct hung *h, const struct unfinished *u, FILE *out)
{
	char path[PATH_MAX];

	file_path(u, h->tags, path);
	return h->json ? view_json_hung(out, u, path) : view_text_hung(out, u, path);
}

static void on_unfinished(const struct unfinished *u, void *ctx)
{
	struct look *l = ctx;

	if (l->err)
		return;
	if (!told_before(l->hung, u))
		l->err = tell(l->hung, u, l->out);
	if (!l->err)
		l->err = remember(l, u);
}

int hung_look(struct hung *h, struct session *s, u64 now_ns, FILE *out)
{
	struct look l = { .hung = h, .out = out };
	int err = session_unfinished(s, now_ns, h->min_age_ns, false, on_unfinished, &l);

	free(h->told);
	h->told = l.found;
	h->nr_told = l.nr;
	return err ? err : l.err;
}

void hung_free(struct hung *h)
{
	free(h->told);
	tags_close(h->tags);
}
