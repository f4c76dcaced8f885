/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols.h"
#include "tracer/base/cleanup.h"

static int add(struct symbol_table *t, u64 address, u64 size, const char *name)
{
	if (t->nr == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 1024;
		struct symbol *p = realloc(t->v, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		t->v = p;
		t->cap = cap;
	}
	t->v[t->nr] = (struct symbol){ address, size, strdup(name) };
	return t->v[t->nr++].name ? 0 : -ENOMEM;
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	/* of several names at one address the one with a size, which is found last */
	return x->size < y->size ? -1 : x->size > y->size;
}

static void sort(struct symbol_table *t)
{
	if (t->nr)
		qsort(t->v, t->nr, sizeof(*t->v), by_address);
}

static int read_section(struct symbol_table *t, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data && sh->sh_entsize ? sh->sh_size / sh->sh_entsize : 0;
	int err = 0;

	for (size_t i = 0; !err && i < n; i++) {
		const char *name;
		GElf_Sym sym;

		if (!gelf_getsym(data, (int)i, &sym) || GELF_ST_TYPE(sym.st_info) != STT_FUNC || !sym.st_value)
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		if (name && *name)
			err = add(t, sym.st_value, sym.st_size, name);
	}
	return err;
}

int symbol_table_read_elf(struct symbol_table *t, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf_Scn *scn = NULL;
	int err = 0;
	Elf *elf;

	if (fd < 0)
		return -errno;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		return -ENOEXEC;
	}
	while (!err && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) && (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM))
			err = read_section(t, elf, scn, &sh);
	}
	elf_end(elf);
	sort(t);
	return err;
}

const struct symbol *symbol_table_find(const struct symbol_table *t, u64 address)
{
	size_t lo = 0, hi = t->nr;
	const struct symbol *s;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->v[mid].address <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	s = &t->v[lo - 1];
	return !s->size || address < s->address + s->size ? s : NULL;
}

void symbol_table_free(struct symbol_table *t)
{
	for (size_t i = 0; i < t->nr; i++)
		free(t->v[i].name);
	free(t->v);
	*t = (struct symbol_table){ 0 };
}
