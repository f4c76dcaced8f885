/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workload.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/file.h"
#include "bench/workload-settings.h"
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define FLOW_MAX 1000 /* fio's bound of a flow weight */
#define PACER_IOPS 50
/* The pacer begins first, and jobs with many files or clones much later: without it they stand still. */
#define PACER_MORE_MS 10000

/* Replaced by the harness; a trailing * is a prefix. */
static const char *const owned_keys[] = {
	"filename", "directory", "filename_format", "runtime", "timeout", "time_based",
	"ramp_time", "loops", "number_ios", "io_size", "io_limit", "rate*", "thinktime*", "thinkcycles",
	"flow*", "write_bw_log", "write_lat_log", "write_iops_log", "write_hist_log", "write_iolog",
	"log_*", "per_job_logs", "group_reporting", "randrepeat",
	"allrandrepeat", "randseed", "rand_seed", "disk_util", "steadystate*", "ss", "ss_ramp", "ss_dur", "exitall*", "create_only",
	"unlink", "status-interval", "lat_percentiles", "percentile_list", "slat_percentiles", "clat_percentiles", NULL,
};

/* Would make a cell something else than one steady state. */
static const char *const refused_keys[] = {
	"stonewall", "wait_for_previous", "wait_for", "exec_prerun", "exec_postrun", "startdelay",
	"start_delay", "include", "read_iolog", "offset_increment_percent", "size_percent", "idle-prof", NULL,
};

const char *const *workload_dropped(void)
{
	return owned_keys;
}

const char *const *workload_refused(enum workload_kind kind)
{
	return kind == WORKLOAD_FIO ? refused_keys : workload_settings_owned(kind);
}

static bool key_in(const char *line, const char *const *keys)
{
	size_t len = strcspn(line, " \t=\r\n");

	for (size_t i = 0; keys[i]; i++) {
		size_t klen = strlen(keys[i]);

		if (keys[i][klen - 1] == '*' ? len >= klen - 1 && !strncmp(line, keys[i], klen - 1) :
					       len == klen && !strncmp(line, keys[i], klen))
			return true;
	}
	return false;
}

static const char *skip_blank(const char *s)
{
	return s + strspn(s, " \t");
}

static bool is_comment(const char *s)
{
	return *s == '#' || *s == ';';
}

static int parse_directive(const char *line, struct workload *w, struct why *why)
{
	_cleanup_free_ char *copy = strdup(line);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *word = strtok_r(copy, " \t\r", &save); word; word = strtok_r(NULL, " \t\r", &save)) {
		uint64_t n;

		if (!strcmp(word, "target=ext4"))
			w->on_ext4 = true;
		else if (!strcmp(word, "target=files"))
			w->on_ext4 = w->many_files = true;
		else if (!strcmp(word, "default"))
			w->is_default = true;
		else if (!strncmp(word, "cpus=", 5) && !parse_u64(word + 5, &n) && n && n < 1024)
			w->cpus = (unsigned int)n;
		else if (strcmp(word, "target=device"))
			return why_fail(why, EXIT_USAGE, -EINVAL,
					"workload %s: not understood after \"iopath:\": %s", w->name,
					word);
	}
	return 0;
}

static int parse_line(const char *line, struct workload *w, unsigned int *jobs, struct why *why)
{
	const char *s = skip_blank(line);

	if (is_comment(s)) {
		s = skip_blank(s + 1);
		if (!strncmp(s, "iopath:", 7))
			return parse_directive(s + 7, w, why);
		return 0;
	}
	if (w->kind != WORKLOAD_FIO)
		return workload_check_setting(s, w, why);
	if (*s == '[' && strncmp(s, "[global]", 8))
		(*jobs)++;
	if (key_in(s, refused_keys))
		return why_fail(why, EXIT_USAGE, -EINVAL,
				"workload %s: \"%s\": a cell measures one steady state", w->name, s);
	return 0;
}

static int check_name(const char *name, struct why *why)
{
	for (const char *p = name; *p; p++) /* it goes into tables and JSON */
		if (*p <= ' ' || *p > '~')
			return why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: not a plain name", name);
	return *name && strlen(name) < 64 ? 0 :
	       why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: a name of 1 to 63 characters is needed", name);
}

/* Of a complaint about a workload, its beginning. */
static size_t complaint_prefix(const char *name, const struct why *why)
{
	size_t len = strlen("workload ") + strlen(name);

	return !strncmp(why->text, "workload ", 9) && !strncmp(why->text + 9, name, len - 9) && why->text[len] == ':' ? len : 0;
}

/* "workload x: what" becomes "workload x:LINE: what". */
static int at_line(const char *name, unsigned int line, int err, struct why *why)
{
	struct why told = *why;
	size_t len = complaint_prefix(name, why);

	if (len)
		why_fail(why, told.code, err, "%.*s:%u%s", (int)len, told.text, line, told.text + len);
	return err;
}

static int parse_lines(char *text, struct workload *w, unsigned int *jobs, struct why *why)
{
	int err = 0;
	unsigned int nr = 0;

	for (char *l = text, *next; l && !err; l = next) {
		next = strchr(l, '\n');
		if (next)
			*next++ = '\0';
		nr++;
		if (*l)
			err = at_line(w->name, nr, parse_line(l, w, jobs, why), why);
	}
	return err;
}

int workload_parse(const char *name, enum workload_kind kind, const char *text, struct workload *ret,
		   struct why *why)
{
	_cleanup_free_ char *copy = strdup(text);
	struct workload w = { .kind = kind, .name = strdup(name), .text = strdup(text) };
	unsigned int jobs = 0;
	int err = check_name(name, why);

	if (kind == WORKLOAD_SYSBENCH)
		w.on_ext4 = w.many_files = true;
	if (copy && is_comment(skip_blank(copy))) {
		const char *s = skip_blank(skip_blank(copy) + 1);

		w.purpose = strndup(s, strcspn(s, "\r\n"));
	} else {
		w.purpose = strdup("");
	}
	if (!copy || !w.name || !w.text || !w.purpose)
		err = -ENOMEM;
	if (!err)
		err = parse_lines(copy, &w, &jobs, why);
	if (!err && kind != WORKLOAD_FIO)
		err = workload_check_settings(&w, why);
	else if (!err && !jobs)
		err = why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: no job section in it", name);
	if (err) {
		workload_free(&w);
		return err;
	}
	w.open_loop = workload_has_rate(&w);
	*ret = w;
	return 0;
}

void workload_free(struct workload *w)
{
	free(w->name);
	free(w->path);
	free(w->purpose);
	free(w->text);
	*w = (struct workload){ 0 };
}

static const struct {
	const char *suffix;
	enum workload_kind kind;
} suffixes[] = { { ".fio", WORKLOAD_FIO }, { ".sysbench", WORKLOAD_SYSBENCH }, { ".uring", WORKLOAD_URING } };

/* The suffix of a file name that makes it a workload, or -1. */
static int find_suffix(const char *base)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t len = strlen(base), n = strlen(suffixes[i].suffix);

		if (len > n && !strcmp(base + len - n, suffixes[i].suffix))
			return (int)i;
	}
	return -1;
}

static int load_file(const char *path, const char *stem, enum workload_kind kind, struct workload *ret,
		     struct why *why)
{
	_cleanup_free_ char *text = NULL, *copy = strdup(path);
	int err = copy ? file_read(path, &text) : -ENOMEM;

	if (!err)
		err = workload_parse(stem, kind, text, ret, why);
	if (!err)
		ret->path = take_ptr(copy);
	if (err && complaint_prefix(stem, why)) { /* its file says more than its name */
		struct why told = *why;

		why_fail(why, told.code, err, "%s%s", path, told.text + complaint_prefix(stem, &told));
	}
	return err;
}

int workload_load(const char *name, const char *dir, struct workload *ret, struct why *why)
{
	_cleanup_free_ char *stem = NULL;
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	int suffix = find_suffix(base), err = -ENOENT;

	if (suffix >= 0) {
		stem = strndup(base, strlen(base) - strlen(suffixes[suffix].suffix));
		err = stem ? load_file(name, stem, suffixes[suffix].kind, ret, why) : -ENOMEM;
		return err && !why->text[0] ? why_fail(why, EXIT_USAGE, err, "--workload %s: %s", name,
						       strerror(-err)) : err;
	}
	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && err == -ENOENT; i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s%s", dir, name, suffixes[i].suffix) < 0)
			return -ENOMEM;
		err = load_file(path, base, suffixes[i].kind, ret, why);
	}
	if (err == -ENOENT)
		return why_fail(why, EXIT_USAGE, err,
				"--workload %s: no such workload (iopath-bench list shows them)", name);
	return err && !why->text[0] ? why_fail(why, EXIT_USAGE, err, "--workload %s: %s", name, strerror(-err)) :
				      err;
}

int workload_from_command(const char *text, struct workload *ret, struct why *why)
{
	size_t len = strcspn(text, "=");
	struct workload w = { .kind = WORKLOAD_COMMAND };
	int err;

	if (!len || !text[len] || !text[len + 1])
		return why_fail(why, EXIT_USAGE, -EINVAL, "--workload-command %s: not NAME=COMMAND", text);
	w.name = strndup(text, len);
	w.purpose = strdup("a command");
	w.text = strdup(text + len + 1);
	w.on_ext4 = w.many_files = strstr(text + len, "{dir}");
	err = w.name && w.purpose && w.text ? check_name(w.name, why) : -ENOMEM;
	if (err)
		workload_free(&w);
	else
		*ret = w;
	return err;
}

static unsigned int nr_clones(const struct pace *p, unsigned int section)
{
	return p->clones[section] ? p->clones[section] : 1;
}

static void render_pacers(FILE *f, const struct job_params *p)
{
	unsigned int id = 1;

	for (unsigned int s = 0; s < p->pace->nr; s++) {
		for (unsigned int i = 0; i < nr_clones(p->pace, s); i++) {
			fprintf(f,
				"[" PACER_JOB "]\nioengine=null\nrw=read\nbs=4k\nsize=1g\ntime_based\n"
				"runtime=%llums\nrate_iops=%u\nflow=1\nflow_id=%u\nflow_sleep=1000\n",
				(unsigned long long)p->runtime_ms + PACER_MORE_MS, p->pace->pacer_iops, id++);
			if (p->cpus)
				fprintf(f, "cpus_allowed=%s\n", p->cpus);
		}
	}
}

static void render_global(FILE *f, const struct workload *w, const struct job_params *p)
{
	fprintf(f, "[global]\n%s=%s\ntime_based\nruntime=%llums\nrandrepeat=1\ndisk_util=0\n",
		w->many_files ? "directory" : "filename", p->filename, (unsigned long long)p->runtime_ms);
	fprintf(f, "percentile_list=50:90:99:99.9\n");
	if (p->size_bytes)
		fprintf(f, "size=%llu\n", (unsigned long long)p->size_bytes);
	if (p->cpus)
		fprintf(f, "cpus_allowed=%s\n", p->cpus);
	if (p->log_prefix)
		fprintf(f, "write_iops_log=%s\nlog_avg_msec=100\nlog_unix_epoch=1\n", p->log_prefix);
	/* polls at a twentieth of the pacer's period; the first job that is done ends the pacers */
	if (p->pace)
		fprintf(f, "flow_sleep=%u\nexitall\n", 50000 / p->pace->pacer_iops + 100);
	if (p->create_only)
		fprintf(f, "create_only=1\n");
}

/* A section of the job file: its lines, written out when it ends. */
struct section {
	char name[128];		/* "[name]"; "" in front of the first */
	char *lines;
	size_t len;
	FILE *f;
	unsigned int index;	/* among the jobs */
};

static int section_open(struct section *s)
{
	s->f = open_memstream(&s->lines, &s->len);
	return s->f ? 0 : -errno;
}

/* As often as it has clones, each in a flow of its own; *id counts the flows. */
static int section_close(struct section *s, const struct workload *w, const struct job_params *p,
			 unsigned int *id, FILE *out)
{
	bool is_job = s->name[0] && strncmp(s->name, "[global]", 8);
	bool paced = is_job && p->pace && s->index < p->pace->nr;
	unsigned int times = paced ? nr_clones(p->pace, s->index) : 1;

	if (fclose(s->f)) {
		free(s->lines);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < times; i++) {
		if (s->name[0])
			fprintf(out, "%s\n", s->name);
		if (paced)
			fprintf(out, "flow_id=%u\nflow=%u\n", (*id)++, p->pace->weight[s->index]);
		if (paced && w->many_files && times > 1) /* the files that its clones have */
			fprintf(out, "filename_format=%.*s.%u.$filenum\n", (int)strcspn(s->name + 1, "]"),
				s->name + 1, i);
		fwrite(s->lines, 1, s->len, out);
	}
	free(s->lines);
	s->index += is_job;
	return 0;
}

int workload_render(const struct workload *w, const struct job_params *p, char **ret)
{
	_cleanup_free_ char *copy = strdup(w->text);
	char *out = NULL, *save = NULL;
	struct section section = { .name = "" };
	unsigned int id = 1;
	size_t len;
	FILE *f;
	int err;

	if (!copy)
		return -ENOMEM;
	f = open_memstream(&out, &len);
	if (!f)
		return -errno;
	if (p->pace)
		render_pacers(f, p);
	render_global(f, w, p);
	err = section_open(&section);
	for (char *l = err ? NULL : strtok_r(copy, "\n", &save); l && !err; l = strtok_r(NULL, "\n", &save)) {
		static const char *const clones[] = { "numjobs", NULL };
		const char *s = skip_blank(l);

		if (is_comment(s) || key_in(s, owned_keys) ||
		    (p->pace && key_in(s, clones)))
			continue;
		if (*s != '[') {
			fprintf(section.f, "%s\n", l);
			continue;
		}
		err = section_close(&section, w, p, &id, f);
		snprintf(section.name, sizeof(section.name), "%.*s", (int)strcspn(s, "\r"), s);
		if (!err)
			err = section_open(&section);
	}
	if (!err)
		err = section_close(&section, w, p, &id, f);
	if (fclose(f) || err) {
		free(out);
		return err ? err : -ENOMEM;
	}
	*ret = out;
	return 0;
}

void workload_unused(const struct workload *w, char *buf, size_t len)
{
	_cleanup_free_ char *copy = w->kind == WORKLOAD_FIO ? strdup(w->text) : NULL;
	unsigned int line = 0, more = 0;
	size_t at = 0;

	buf[0] = '\0';
	for (char *next = copy, *l; (l = strsep(&next, "\n"));) {
		const char *s = skip_blank(l);
		char one[96];
		int n;

		line++;
		if (is_comment(s) || !key_in(s, owned_keys))
			continue;
		n = snprintf(one, sizeof(one), "%s%.60s (line %u)", at ? ", " : "", s, line);
		/* room for " and 1000 more" */
		if (at + (size_t)n + 16 >= len) {
			more++;
			continue;
		}
		strcpy(buf + at, one);
		at += (size_t)n;
	}
	if (more)
		snprintf(buf + at, len - at, " and %u more", more);
}

int pace_plan(const double *target, unsigned int nr, struct pace *ret, double *ret_total)
{
	struct pace p = { .pacer_iops = PACER_IOPS, .nr = nr };
	double max = 0, total = 0;

	if (!nr || nr > WORKLOAD_MAX_JOBS)
		return -EINVAL;
	for (unsigned int i = 0; i < nr; i++) {
		if (!(target[i] > 0))
			return -EINVAL;
		max = fmax(max, target[i]);
	}
	if (max < 20 * PACER_IOPS) /* a slow disk: keep the weights fine enough */
		p.pacer_iops = (unsigned int)fmax(1, max / 20);
	p.pacer_iops = (unsigned int)fmax(p.pacer_iops, ceil(max / FLOW_MAX));
	for (unsigned int i = 0; i < nr; i++) {
		p.weight[i] = (unsigned int)fmin(FLOW_MAX, fmax(1, round(target[i] / p.pacer_iops)));
		total += (double)p.weight[i] * p.pacer_iops;
	}
	*ret = p;
	*ret_total = total;
	return 0;
}

static int is_job_file(const struct dirent *e)
{
	return find_suffix(e->d_name) >= 0;
}

int workload_names(const char *dir, char ***ret, unsigned int *ret_nr)
{
	struct dirent **entries;
	int nr = scandir(dir, &entries, is_job_file, alphasort);
	char **names;

	if (nr < 0)
		return -errno;
	names = calloc((size_t)nr + 1, sizeof(*names));
	for (int i = 0; i < nr; i++) {
		const char *name = entries[i]->d_name;

		if (names)
			names[i] = strndup(name, strlen(name) - strlen(suffixes[find_suffix(name)].suffix));
		free(entries[i]);
	}
	free(entries);
	if (!names)
		return -ENOMEM;
	*ret = names;
	*ret_nr = (unsigned int)nr;
	return 0;
}
