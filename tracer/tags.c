/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tags.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/tags.skel.h"
#include "tracer/base/cleanup.h"

struct tags_reader {
	struct tags_bpf *skel;
};

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

int tags_open(const struct kernel *k, struct tags_reader **ret)
{
	_cleanup_(tags_closep) struct tags_reader *r = calloc(1, sizeof(*r));
	libbpf_print_fn_t before;
	int err;

	if (!r)
		return -ENOMEM;
	before = libbpf_set_print(say_nothing);
	r->skel = tags_bpf__open();
	err = r->skel ? 0 : -errno;
	if (!err) {
		r->skel->rodata->cfg = (struct tags_config){ .direct = k->direct, .wait = k->wait };
		memcpy(r->skel->rodata->cfg.fn_end, k->fn_end, sizeof(k->fn_end));
		err = tags_bpf__load(r->skel);
	}
	libbpf_set_print(before);
	if (!err)
		*ret = take_ptr(r);
	return err;
}

void tags_close(struct tags_reader *r)
{
	if (!r)
		return;
	tags_bpf__destroy(r->skel);
	free(r);
}

static int look(struct tags_reader *r, int fd, u32 hctx, u32 from)
{
	u64 args[3] = { (u64)fd, hctx, from };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = args, .ctx_size_in = sizeof(args));

	return bpf_prog_test_run_opts(bpf_program__fd(r->skel->progs.walk_tags), &run);
}

int tags_each(struct tags_reader *r, u32 dev, tags_fn fn, void *ctx)
{
	const struct tags *found = &r->skel->bss->found;
	_cleanup_close_ int fd = -1;
	char path[64];
	u32 nr_hctx = 1;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", dev >> 20, dev & 0xfffff);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (u32 hctx = 0; hctx < nr_hctx; hctx++) {
		u32 from = 0;

		do {
			int err = look(r, fd, hctx, from);

			if (err)
				return err;
			if (!found->nr_tags)
				return hctx ? 0 : -ENOTSUP;
			nr_hctx = found->nr_hctx;
			for (u32 i = 0; i < found->nr; i++)
				fn(dev, &found->v[i], ctx);
			from += TAGS_AT_ONCE;
		} while (from < found->nr_tags);
	}
	return 0;
}

bool tags_carried(struct tags_reader *r, u64 rq, u64 bio, struct tag_file *ret)
{
	u64 args[2] = { rq, bio };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = args, .ctx_size_in = sizeof(args));
	const struct tag_file *file = &r->skel->bss->found.v[0].file;

	if (bpf_prog_test_run_opts(bpf_program__fd(r->skel->progs.tell_carried), &run) || !file->path_len)
		return false;
	*ret = *file;
	return true;
}

bool tags_file(struct tags_reader *r, u64 file, u64 uring_req, struct tag_file *ret)
{
	u64 args[2] = { file, uring_req };
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (bpf_prog_test_run_opts(bpf_program__fd(r->skel->progs.tell_file), &run) || !r->skel->bss->told.path_len)
		return false;
	*ret = r->skel->bss->told;
	return true;
}
