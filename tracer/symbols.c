/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ksyms.h"
#include "tracer/base/cleanup.h"

/* Processes whose mappings are kept; more stay bare addresses. */
#define MAX_PROCESSES 1024

struct mapping {
	u64 from, to, offset;
	char *file;
};

struct process {
	u32 tgid;
	struct mapping *maps;
	size_t nr;
};

/* A file that is mapped somewhere, read when the first of its addresses is asked for. */
struct image {
	char *file;
	struct symbol_table table;
	struct image *next;
	/* loaded parts: from file offset to the address that was linked for */
	struct {
		u64 offset, size, address;
	} part[16];
	u32 nr_parts;
};

struct symbols {
	struct ksyms *kernel;	/* NULL: not read yet, or hidden */
	bool kernel_read;
	struct process *processes;
	size_t nr;
	struct image *images;
};

int symbols_new(struct symbols **ret)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static void process_free(struct process *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->maps[i].file);
	free(p->maps);
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	ksyms_free(s->kernel);
	for (size_t i = 0; i < s->nr; i++)
		process_free(&s->processes[i]);
	free(s->processes);
	while (s->images) {
		struct image *i = s->images;

		s->images = i->next;
		symbol_table_free(&i->table);
		free(i->file);
		free(i);
	}
	free(s);
}

/* ---- processes ---- */

static const struct process *find_process(const struct symbols *s, u32 tgid)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->processes[i].tgid == tgid)
			return &s->processes[i];
	return NULL;
}

static int read_maps(struct process *p, FILE *f)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, f) > 0) {
		unsigned long long from, to, offset;
		struct mapping *more;
		char perms[5];
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%llx-%llx %4s %llx %*s %*s %n", &from, &to, perms, &offset, &at) < 4 || !at ||
		    perms[2] != 'x')
			continue;
		more = realloc(p->maps, (p->nr + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		p->maps = more;
		p->maps[p->nr] = (struct mapping){ from, to, offset, strdup(line + at) };
		if (!p->maps[p->nr++].file)
			return -ENOMEM;
	}
	return 0;
}

int symbols_see(struct symbols *s, u32 tgid)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;
	struct process p = { .tgid = tgid }, *more;
	int err;

	if (find_process(s, tgid) || s->nr == MAX_PROCESSES)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/maps", tgid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	err = read_maps(&p, f);
	more = err ? NULL : realloc(s->processes, (s->nr + 1) * sizeof(*more));
	if (!more) {
		process_free(&p);
		return -ENOMEM;
	}
	s->processes = more;
	s->processes[s->nr++] = p;
	return 0;
}

static const struct mapping *find_mapping(const struct process *p, u64 address)
{
	for (size_t i = 0; i < p->nr; i++)
		if (address >= p->maps[i].from && address < p->maps[i].to)
			return &p->maps[i];
	return NULL;
}

bool symbols_may_be_code(const struct symbols *s, u32 tgid, u64 address)
{
	const struct process *p = find_process(s, tgid);

	return !p || find_mapping(p, address);
}

/* ---- images ---- */

static void read_parts(struct image *i)
{
	_cleanup_close_ int fd = open(i->file, O_RDONLY | O_CLOEXEC);
	Elf *elf = NULL;
	size_t n = 0;

	elf_version(EV_CURRENT);
	if (fd >= 0)
		elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && !elf_getphdrnum(elf, &n)) {
		for (size_t k = 0; k < n && i->nr_parts < ARRAY_SIZE(i->part); k++) {
			GElf_Phdr ph;

			if (!gelf_getphdr(elf, (int)k, &ph) || ph.p_type != PT_LOAD)
				continue;
			i->part[i->nr_parts].offset = ph.p_offset;
			i->part[i->nr_parts].size = ph.p_filesz;
			i->part[i->nr_parts++].address = ph.p_vaddr;
		}
	}
	elf_end(elf);
}

/* NULL: no memory. */
static struct image *image_of(struct symbols *s, const char *file)
{
	struct image *i;

	for (i = s->images; i; i = i->next)
		if (!strcmp(i->file, file))
			return i;
	i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	i->file = strdup(file);
	if (!i->file) {
		free(i);
		return NULL;
	}
	read_parts(i);
	/* one that cannot be read has no symbols */
	symbol_table_read_elf(&i->table, file);
	i->next = s->images;
	s->images = i;
	return i;
}

static u64 linked_address(const struct image *i, u64 offset)
{
	for (u32 k = 0; k < i->nr_parts; k++)
		if (offset >= i->part[k].offset && offset < i->part[k].offset + i->part[k].size)
			return offset - i->part[k].offset + i->part[k].address;
	return offset;
}

/* ---- names ---- */

const char *symbols_kernel(struct symbols *s, u64 address, char buf[static SYMBOL_LEN])
{
	if (!s->kernel_read && ksyms_load("/proc/kallsyms", &s->kernel))
		s->kernel = NULL;
	s->kernel_read = true;
	if (s->kernel)
		ksyms_name(s->kernel, address, buf, SYMBOL_LEN);
	else
		snprintf(buf, SYMBOL_LEN, "0x%llx", (unsigned long long)address);
	buf[strcspn(buf, "+")] = '\0';
	return buf;
}

const char *symbols_user(struct symbols *s, u32 tgid, u64 address, char buf[static SYMBOL_LEN])
{
	const struct process *p = find_process(s, tgid);
	const struct mapping *m = p ? find_mapping(p, address) : NULL;
	const struct symbol *found;
	struct image *i;
	u64 offset;

	snprintf(buf, SYMBOL_LEN, "0x%llx", (unsigned long long)address);
	/* code that was made at run time has no file */
	if (!m || m->file[0] != '/')
		return buf;
	offset = address - m->from + m->offset;
	i = image_of(s, m->file);
	/* a return address may be the first of the next function: the call is before it */
	found = i ? symbol_table_find(&i->table, linked_address(i, offset - 1)) : NULL;
	if (found)
		snprintf(buf, SYMBOL_LEN, "%s", found->name);
	else
		snprintf(buf, SYMBOL_LEN, "%s+0x%llx", strrchr(m->file, '/') + 1, (unsigned long long)offset);
	return buf;
}
