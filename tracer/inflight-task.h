/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks that sleep in the kernel, as /proc has them; part of inflight.h. */
#ifndef IOPATH_INFLIGHT_TASK_H
#define IOPATH_INFLIGHT_TASK_H

#include "inflight.h"

/* Append to @l; -ENOMEM. */
int inflight_add(struct inflight_list *l, struct inflight **ret);

/*
 * Tasks that sleep uninterruptibly, but for those that one of the first @begun
 * entries is an operation of. -errno.
 */
int inflight_tasks(const struct inflight_opts *o, struct inflight_list *l, size_t begun);

#endif
