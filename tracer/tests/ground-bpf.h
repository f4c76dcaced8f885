/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BPF objects of the machine: has a program that ended left any behind? */
#ifndef GROUND_BPF_H
#define GROUND_BPF_H

#include <stdint.h>

/* The newest ids; ids only grow. */
struct bpf_mark {
	uint32_t prog, map, link;
};

struct bpf_mark bpf_mark_now(void);
/*
 * How many programs, maps and links made since @mark are held by no process:
 * what is held by another tracer that runs beside us is not ours to count.
 * Waits up to some seconds, since the kernel frees them late.
 */
int bpf_orphans_since(const struct bpf_mark *mark);

#endif
