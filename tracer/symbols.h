/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of code addresses. The kernel's by /proc/kallsyms; those of processes
 * by their mappings, taken while they live, and the symbols of the mapped
 * files. What has no name is "file+0xoffset", or the bare address.
 */
#ifndef IOPATH_SYMBOLS_H
#define IOPATH_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/wire.h"

#define SYMBOL_LEN 256

struct symbols;

/* -ENOMEM. Nothing is read yet. */
int symbols_new(struct symbols **ret);
void symbols_free(struct symbols *s);

/*
 * Remember the mappings of a process, unless they are known. -ESRCH: it has
 * gone; then its addresses stay bare.
 */
int symbols_see(struct symbols *s, u32 tgid);

/* False when the process is known and no code is there: a frame that is none. */
bool symbols_may_be_code(const struct symbols *s, u32 tgid, u64 address);

/* Always fill @buf. */
const char *symbols_kernel(struct symbols *s, u64 address, char buf[static SYMBOL_LEN]);
const char *symbols_user(struct symbols *s, u32 tgid, u64 address, char buf[static SYMBOL_LEN]);

/* ---- parts, for the tests ---- */

struct symbol {
	u64 address, size;	/* size 0: up to the next one */
	char *name;
};

struct symbol_table {
	struct symbol *v;
	size_t nr, cap;
};

/* Functions of an ELF file, by the addresses that it was linked for. -errno; -ENOEXEC: it is none. */
int symbol_table_read_elf(struct symbol_table *t, const char *path);
/* NULL: it is in none. The table must be sorted, as the readers leave it. */
const struct symbol *symbol_table_find(const struct symbol_table *t, u64 address);
void symbol_table_free(struct symbol_table *t);

#endif
