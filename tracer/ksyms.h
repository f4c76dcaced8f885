/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel addresses to names, by /proc/kallsyms. */
#ifndef IOPATH_KSYMS_H
#define IOPATH_KSYMS_H

#include <stddef.h>

#include "bpf/wire.h"

struct ksyms;

/* Functions of a file like /proc/kallsyms. -errno; -EPERM: the addresses are hidden from us. */
int ksyms_load(const char *path, struct ksyms **ret);
void ksyms_free(struct ksyms *k);

/* "name+0x10", or the address itself when there is no such function. Returns @buf. */
const char *ksyms_name(const struct ksyms *k, u64 address, char *buf, size_t len);

#endif
