/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "who-map.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>

#include "tracer/base/cleanup.h"

#define BATCH 64
/* What was used this recently stays, however full it is. */
#define KEEP_NS 1000000000ull

int who_map_init(struct session *s, u8 dims)
{
	static const struct who_entry blank;
	int fd = session_map_fd(s, "who");

	for (u32 d = 0; d < NR_WHO_DIMS; d++) {
		struct who_key others = { .dim = d };

		if (dims & 1u << d && bpf_map_update_elem(fd, &others, &blank, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int read_entries(int fd, struct who *w, struct who_key *keys, struct who_entry *entries)
{
	DECLARE_LIBBPF_OPTS(bpf_map_batch_opts, opts);
	struct who_key at;
	bool first = true;

	for (;;) {
		u32 n = BATCH;
		int err = bpf_map_lookup_batch(fd, first ? NULL : &at, &at, keys, entries, &n, &opts) ?
				  -errno :
				  0;

		if (err && err != -ENOENT)
			return err;
		for (u32 i = 0; i < n; i++) {
			int r = who_put(w, &keys[i], &entries[i]);

			if (r)
				return r;
		}
		if (err)
			return 0;
		first = false;
	}
}

/* What it has counted until now; where the kernel cannot do both at once (before 5.14), a moment before. */
static int take_out(int fd, const struct who_key *key, struct who_entry *e)
{
	if (!bpf_map_lookup_and_delete_elem(fd, key, e))
		return 0;
	if (errno == ENOENT)
		return -ENOENT;
	return bpf_map_lookup_elem(fd, key, e) || bpf_map_delete_elem(fd, key) ? -errno : 0;
}

static int drop_old(int fd, struct who *w, enum who_dim dim, u64 now_ns)
{
	_cleanup_free_ struct who_key *keys = malloc((w->nr + 1) * sizeof(*keys));
	_cleanup_free_ struct who_entry *last = malloc(sizeof(*last));
	size_t n = keys ? who_old(w, dim, now_ns > KEEP_NS ? now_ns - KEEP_NS : 0, keys) : 0;

	if (!keys || !last)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int err = take_out(fd, &keys[i], last);

		if (!err)
			err = who_put(w, &keys[i], last);
		if (err && err != -ENOENT)
			return err;
		who_forget(w, &keys[i]);
	}
	return 0;
}

int who_map_read(struct session *s, struct who *w, u64 now_ns)
{
	int fd = session_map_fd(s, "who"), err;
	_cleanup_free_ struct who_key *keys = malloc(BATCH * sizeof(*keys));
	_cleanup_free_ struct who_entry *entries = malloc(BATCH * sizeof(*entries));

	if (!keys || !entries)
		return -ENOMEM;
	err = read_entries(fd, w, keys, entries);
	for (int d = 0; !err && d < NR_WHO_DIMS; d++)
		err = drop_old(fd, w, d, now_ns);
	return err;
}
