/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stacks-map.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

typedef int (*key_fn)(struct session *s, struct stacks *st, const struct stack_key *key);

static int each_key(struct session *s, struct stacks *st, key_fn fn)
{
	int fd = session_map_fd(s, "stack_stats"), err = 0;
	struct stack_key key, *prev = NULL;

	while (!err && !bpf_map_get_next_key(fd, prev, &key)) {
		err = fn(s, st, &key);
		prev = &key;
	}
	return err;
}

static int see(struct session *s, struct stacks *st, const struct stack_key *key)
{
	int err = symbols_see(st->symbols, key->tgid);

	(void)s;
	return err == -ESRCH ? 0 : err;
}

int stacks_map_see(struct session *s, struct stacks *st)
{
	return each_key(s, st, see);
}

/* NULL: there is none. */
static const u64 *frames_of(int fd, s32 id, u64 *frames)
{
	u32 key = (u32)id;

	memset(frames, 0, WHO_STACK_FRAMES * sizeof(*frames));
	return id >= 0 && !bpf_map_lookup_elem(fd, &key, frames) ? frames : NULL;
}

static int take(struct session *s, struct stacks *st, const struct stack_key *key)
{
	int fd = session_map_fd(s, "stacks");
	u64 kernel[WHO_STACK_FRAMES], user[WHO_STACK_FRAMES];
	struct stack_stats stats;

	if (bpf_map_lookup_elem(session_map_fd(s, "stack_stats"), key, &stats))
		return errno == ENOENT ? 0 : -errno;
	return stacks_put(st, key, &stats, frames_of(fd, key->kernel, kernel), frames_of(fd, key->user, user));
}

int stacks_map_read(struct session *s, struct stacks *st)
{
	int fd = session_map_fd(s, "stack_losses"), err = each_key(s, st, take);

	for (u32 i = 0; !err && i < NR_STACK_LOSSES; i++)
		if (bpf_map_lookup_elem(fd, &i, &st->lost[i]))
			err = -errno;
	stacks_sort(st);
	return err;
}
