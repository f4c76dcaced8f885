/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All BPF programs of the kernel, with the run counts that kernel.bpf_stats_enabled keeps.
 * Not bpftool: that attaches a program of its own to find out who holds one.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "ci/gate/gate.h"
#include "tracer/base/cleanup.h"

/* The kernel keeps 15 characters; BTF has the whole name. */
static void full_name(const struct bpf_prog_info *info, int fd, char *name, size_t len)
{
	struct bpf_func_info func;
	struct bpf_prog_info again = { .nr_func_info = 1,
				       .func_info_rec_size = sizeof(func),
				       .func_info = (__u64)(unsigned long)&func };
	__u32 size = sizeof(again);
	const struct btf_type *t;
	struct btf *btf;

	snprintf(name, len, "%s", info->name);
	if (!info->btf_id || !info->nr_func_info || bpf_obj_get_info_by_fd(fd, &again, &size))
		return;
	btf = btf__load_from_kernel_by_id(info->btf_id);
	if (!btf)
		return;
	t = btf__type_by_id(btf, func.type_id);
	if (t)
		snprintf(name, len, "%s", btf__name_by_offset(btf, t->name_off));
	btf__free(btf);
}

int gate_list_programs(FILE *out)
{
	json_t *list = json_array();
	__u32 id = 0;
	int err;

	while (!bpf_prog_get_next_id(id, &id)) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
		struct bpf_prog_info info = { 0 };
		__u32 size = sizeof(info);
		char name[NAME_LEN];

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		full_name(&info, fd, name, sizeof(name));
		json_array_append_new(list, json_pack("{s:I, s:s, s:I, s:I, s:I, s:I}", "id", (json_int_t)id,
						      "name", name, "runs", (json_int_t)info.run_cnt,
						      "run_ns", (json_int_t)info.run_time_ns,
						      "insns", (json_int_t)info.verified_insns,
						      "jited_bytes", (json_int_t)info.jited_prog_len));
	}
	err = errno == ENOENT ? json_dumpf(list, out, JSON_COMPACT) : -1;
	json_decref(list);
	return err;
}

const char *gate_libbpf_version(void)
{
	return libbpf_version_string();
}
