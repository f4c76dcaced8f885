/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel knows files and cgroups of this process by. */
#ifndef IOPATH_TRACER_LOOK_H
#define IOPATH_TRACER_LOOK_H

#include <stddef.h>

#include "bpf/look.h"

/*
 * Of @nr open files (O_PATH will do) into @ret. -errno: as a kernel that does
 * not allow it answers, -EPERM without privilege.
 */
int look_at_files(const int *fds, size_t nr, struct look *ret);

#endif
