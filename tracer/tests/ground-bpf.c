/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <dirent.h>
#include <linux/bpf.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ground-bpf.h"
#include "ground-run.h"
#include "tracer/base/cleanup.h"

enum { MAX_IDS = 4096, WAIT_MS = 5000, STEP_MS = 50 };

struct ids {
	uint32_t v[MAX_IDS];
	int nr;
};

static bool next_id(int cmd, uint32_t *id)
{
	union bpf_attr attr = {};

	attr.start_id = *id;
	if (syscall(SYS_bpf, cmd, &attr, sizeof(attr)))
		return false;
	*id = attr.next_id;
	return true;
}

static uint32_t newest(int cmd)
{
	uint32_t id = 0;

	while (next_id(cmd, &id))
		;
	return id;
}

struct bpf_mark bpf_mark_now(void)
{
	return (struct bpf_mark){
		.prog = newest(BPF_PROG_GET_NEXT_ID),
		.map = newest(BPF_MAP_GET_NEXT_ID),
		.link = newest(BPF_LINK_GET_NEXT_ID),
	};
}

static void ids_since(int cmd, uint32_t since, struct ids *ids)
{
	uint32_t id = since;

	ids->nr = 0;
	while (ids->nr < MAX_IDS && next_id(cmd, &id))
		ids->v[ids->nr++] = id;
}

static void drop(struct ids *ids, uint32_t id)
{
	for (int i = 0; i < ids->nr; i++)
		if (ids->v[i] == id)
			ids->v[i--] = ids->v[--ids->nr];
}

static void drop_named(const char *path, const char *key, struct ids *ids)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	size_t len = strlen(key);
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len))
			drop(ids, (uint32_t)strtoul(line + len, NULL, 10));
}

/* Take out what an open file of process @pid stands for. */
static void drop_held_by(const char *pid, const char *key, struct ids *ids)
{
	char path[64];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo", pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)) != NULL) {
		char file[96];

		snprintf(file, sizeof(file), "%s/%.16s", path, e->d_name);
		if (isdigit((unsigned char)e->d_name[0]))
			drop_named(file, key, ids);
	}
	if (dir)
		closedir(dir);
}

static void drop_held(const char *key, struct ids *ids)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc && (e = readdir(proc)) != NULL)
		if (isdigit((unsigned char)e->d_name[0]))
			drop_held_by(e->d_name, key, ids);
	if (proc)
		closedir(proc);
}

static int orphans(int cmd, uint32_t since, const char *key)
{
	static struct ids ids;

	ids_since(cmd, since, &ids);
	if (ids.nr)
		drop_held(key, &ids);
	return ids.nr;
}

int bpf_orphans_since(const struct bpf_mark *mark)
{
	int n = 0;

	for (int ms = 0; ms < patience_ms(WAIT_MS); ms += STEP_MS) {
		n = orphans(BPF_LINK_GET_NEXT_ID, mark->link, "link_id:") +
		    orphans(BPF_PROG_GET_NEXT_ID, mark->prog, "prog_id:") +
		    orphans(BPF_MAP_GET_NEXT_ID, mark->map, "map_id:");
		if (!n)
			break;
		poll(NULL, 0, STEP_MS);
	}
	return n;
}
