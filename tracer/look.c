/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "look.h"

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/look.skel.h"
#include "tracer/base/cleanup.h"

static void look_bpf_destroyp(struct look_bpf **s)
{
	look_bpf__destroy(*s);
}

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

int look_at_files(const int *fds, size_t nr, struct look *ret)
{
	_cleanup_(look_bpf_destroyp) struct look_bpf *s = NULL;
	libbpf_print_fn_t before = libbpf_set_print(say_nothing);
	int err;

	s = look_bpf__open();
	err = s ? look_bpf__load(s) : -errno;
	libbpf_set_print(before);
	for (size_t i = 0; !err && i < nr; i++) {
		u64 args[1] = { (u64)fds[i] };
		LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = args, .ctx_size_in = sizeof(args));

		err = bpf_prog_test_run_opts(bpf_program__fd(s->progs.look_at), &run);
		if (!err)
			ret[i] = s->bss->found;
	}
	return err;
}
