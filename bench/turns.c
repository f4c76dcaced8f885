/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "turns.h"

#include <limits.h>

struct turn turn_of(const struct set_outcome *o, const struct arm_list *arms, const struct rounds *rounds)
{
	struct turn t = { .over = !o->yielded, .need = 1, .least_ns = o->round_ns };

	if (o->confirm_left) {
		t.need = o->confirm_left;
		t.least_ns *= o->confirm_left;
		return t;
	}
	if (o->attribution_left) {
		t.need = UINT_MAX;
		return t;
	}
	if (o->rounds < rounds->min) /* it has not had its first look */
		t.need = rounds->min - o->rounds;
	for (unsigned int a = 0; a < arms->nr; a++) {
		for (int m = 0; m < METRIC_NR; m++) {
			const struct decision *d = &o->decision[a][m];

			if ((a == arms->twin && arms->nr > 2) || d->verdict != VERDICT_UNDECIDED || d->rounds_needed <= o->rounds)
				continue;
			if (d->rounds_needed - o->rounds > t.need)
				t.need = d->rounds_needed - o->rounds;
		}
	}
	return t;
}

int turns_next(const struct turn *t, unsigned int nr, uint64_t left_ns)
{
	int best = -1;

	for (unsigned int i = 0; i < nr; i++) {
		if (t[i].over || t[i].least_ns >= left_ns)
			continue;
		if (best < 0 || t[i].need < t[best].need)
			best = (int)i;
	}
	return best;
}
