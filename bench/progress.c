/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/stop.h"

void progress_clear(struct progress *pr)
{
	if (pr->shown)
		fprintf(stderr, "\r\033[K");
	pr->shown = false;
}

void progress_say(struct progress *pr, const char *fmt, ...)
{
	va_list ap;

	progress_clear(pr);
	va_start(ap, fmt);
	fprintf(stderr, "iopath-bench: ");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

/* To the first look of every set that is still to come. */
static void time_left(const struct progress *pr, const struct set_progress *p, char *buf, size_t len)
{
	uint64_t cells = p->cells_left + (uint64_t)pr->cells_per_set * (pr->nr_sets - p->key->index - 1);
	uint64_t s = cells * p->cell_ns / NS_PER_S, now = now_ns();

	if (pr->deadline_ns) {
		uint64_t limit = pr->deadline_ns > now ? (pr->deadline_ns - now) / NS_PER_S : 0;

		if (!p->cell_ns || limit < s)
			s = limit;
	} else if (!p->cell_ns) {
		snprintf(buf, len, "time left: not known yet");
		return;
	}
	snprintf(buf, len, "%llum%02llus left", (unsigned long long)(s / 60),
		 (unsigned long long)(s % 60));
}

void progress_cell(const struct set_progress *p, void *arg)
{
	struct progress *pr = arg;
	char left[48], line[256];

	time_left(pr, p, left, sizeof(left));
	snprintf(line, sizeof(line), "[%u/%u] %s %s %s: %s round %u/%u %s, %s", p->key->index + 1,
		 pr->nr_sets, p->key->workload->name, p->key->device->name, p->key->scheduler,
		 p->phase, p->round, p->until, p->arm, left);
	if (pr->terminal) {
		fprintf(stderr, "\r\033[K%.110s", line);
		fflush(stderr);
		pr->shown = true;
	} else if (p->round != pr->last_round || p->key->index != pr->last_set) {
		fprintf(stderr, "%s\n", line);
	}
	pr->last_round = p->round;
	pr->last_set = p->key->index;
}
