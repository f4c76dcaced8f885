/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The object: one file per tier, compiled as one unit, since they share maps,
 * configuration and inlined helpers. User space loads just the programs that
 * the tier asks for.
 */
#include "block.bpf.c"
#include "vfs.bpf.c"
#include "filemap.bpf.c"
#include "full.bpf.c"
#include "stacks.bpf.h"
