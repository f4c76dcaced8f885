/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ksyms.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/cleanup.h"

struct ksym {
	u64 address;
	size_t name;	/* offset in names */
};

struct ksyms {
	struct ksym *v;
	size_t nr, cap;
	char *names;
	size_t names_len, names_cap;
};

static void *grown(void *p, size_t *cap, size_t size)
{
	size_t to = *cap ? *cap * 2 : 1 << 14;
	void *q = realloc(p, to * size);

	if (q)
		*cap = to;
	return q;
}

static int add(struct ksyms *k, u64 address, const char *name)
{
	size_t len = strlen(name) + 1;

	if (k->nr == k->cap) {
		void *v = grown(k->v, &k->cap, sizeof(*k->v));

		if (!v)
			return -ENOMEM;
		k->v = v;
	}
	while (k->names_len + len > k->names_cap) {
		void *names = grown(k->names, &k->names_cap, 1);

		if (!names)
			return -ENOMEM;
		k->names = names;
	}
	memcpy(k->names + k->names_len, name, len);
	k->v[k->nr++] = (struct ksym){ address, k->names_len };
	k->names_len += len;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	u64 x = ((const struct ksym *)a)->address, y = ((const struct ksym *)b)->address;

	return x < y ? -1 : x > y;
}

static void ksyms_freep(struct ksyms **k)
{
	ksyms_free(*k);
}

int ksyms_load(const char *path, struct ksyms **ret)
{
	_cleanup_(ksyms_freep) struct ksyms *k = calloc(1, sizeof(*k));
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[512];

	if (!k)
		return -ENOMEM;
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		char *name, type;
		u64 address = strtoull(line, &name, 16);
		int err;

		if (strlen(name) < 4)
			continue;
		type = name[1];
		name += 3;	/* " t name" */
		name[strcspn(name, "\t\n")] = '\0';
		if (!address || !strchr("tTwW", type))
			continue;
		err = add(k, address, name);
		if (err)
			return err;
	}
	if (!k->nr)
		return -EPERM;
	qsort(k->v, k->nr, sizeof(*k->v), by_address);
	*ret = take_ptr(k);
	return 0;
}

void ksyms_free(struct ksyms *k)
{
	if (!k)
		return;
	free(k->v);
	free(k->names);
	free(k);
}

const char *ksyms_name(const struct ksyms *k, u64 address, char *buf, size_t len)
{
	size_t lo = 0, hi = k ? k->nr : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (k->v[mid].address <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo)
		snprintf(buf, len, "%s+0x%llx", k->names + k->v[lo - 1].name,
			 (unsigned long long)(address - k->v[lo - 1].address));
	else
		snprintf(buf, len, "0x%llx", (unsigned long long)address);
	return buf;
}
