/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "latency.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP 64	/* of memory */

/* Where @ns is, or would be. */
static unsigned int find(const struct latency_bins *b, uint64_t ns)
{
	unsigned int lo = 0, hi = b->nr;

	if (hi && b->bin[hi - 1].ns < ns) /* as writers have them */
		return hi;
	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (b->bin[mid].ns < ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int latency_bins_add(struct latency_bins *b, uint64_t ns, uint64_t n)
{
	unsigned int at = find(b, ns);

	if (at < b->nr && b->bin[at].ns == ns) {
		b->bin[at].n += n;
		return 0;
	}
	if (!(b->nr % STEP)) {
		struct latency_bin *bigger = realloc(b->bin, (b->nr + STEP) * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		b->bin = bigger;
	}
	memmove(&b->bin[at + 1], &b->bin[at], (b->nr - at) * sizeof(*b->bin));
	b->bin[at] = (struct latency_bin){ ns, n };
	b->nr++;
	return 0;
}

int latency_bins_merge(struct latency_bins *into, const struct latency_bins *from)
{
	int err = 0;

	for (unsigned int i = 0; i < from->nr && !err; i++)
		err = latency_bins_add(into, from->bin[i].ns, from->bin[i].n);
	return err;
}

void latency_bins_free(struct latency_bins *b)
{
	free(b->bin);
	*b = (struct latency_bins){ 0 };
}

uint64_t latency_bins_count(const struct latency_bins *b)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < b->nr; i++)
		n += b->bin[i].n;
	return n;
}

uint64_t latency_bins_quantile(const struct latency_bins *b, double share)
{
	double rank = share * (double)latency_bins_count(b) * (1 - 1e-12); /* .07 * 100 is a little more than 7 */
	uint64_t seen = 0;

	for (unsigned int i = 0; i < b->nr; i++) {
		seen += b->bin[i].n;
		if ((double)seen >= rank)
			return b->bin[i].ns;
	}
	return 0;
}

json_t *latency_bins_json(const struct latency_bins *b)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < b->nr; i++) {
		json_array_append_new(a, json_integer((json_int_t)b->bin[i].ns));
		json_array_append_new(a, json_integer((json_int_t)b->bin[i].n));
	}
	return a;
}

void latency_bins_get(struct reader *r, const json_t *o, uint64_t count, struct latency_bins *ret)
{
	struct latency_bins b = { 0 };
	uint64_t left = count;
	const json_t *a;

	if (!rd_has(o, "bins"))
		return;
	a = rd_array(r, o, "bins");
	for (size_t i = 0; i + 1 < json_array_size(a) && !r->err; i += 2) {
		json_int_t ns = json_integer_value(json_array_get(a, i)), n = json_integer_value(json_array_get(a, i + 1));

		if (!json_is_integer(json_array_get(a, i)) || ns < 0 || n < 1 || (uint64_t)n > left ||
		    (b.nr && b.bin[b.nr - 1].ns >= (uint64_t)ns))
			rd_fail(r, "\"bins\" is not ascending values, each with a count");
		else
			r->err = latency_bins_add(&b, (uint64_t)ns, (uint64_t)n);
		left -= r->err ? 0 : (uint64_t)n;
	}
	if (!r->err && (left || json_array_size(a) % 2))
		rd_fail(r, "\"bins\" is not all of %llu", (unsigned long long)count);
	if (r->err)
		latency_bins_free(&b);
	else
		*ret = b;
}
