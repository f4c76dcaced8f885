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
#include "tracer/base/cleanup.h"
#include "tracer/base/parse.h"

#define FLOW_MAX 1000 /* fio's bound of a flow weight */
#define PACER_IOPS 50

/* Replaced by the harness; a trailing * is a prefix. */
static const char *const owned_keys[] = {
	"filename", "directory", "filename_format", "runtime", "timeout", "time_based",
	"ramp_time", "loops", "number_ios", "io_size", "io_limit", "rate*", "thinktime*", "thinkcycles",
	"flow*", "write_bw_log", "write_lat_log", "write_iops_log", "write_hist_log", "write_iolog",
	"log_*", "per_job_logs", "group_reporting", "randrepeat",
	"allrandrepeat", "randseed", "rand_seed", "disk_util", "steadystate*", "ss", "ss_ramp", "ss_dur", "exitall*", "create_only",
	"unlink", "status-interval", "lat_percentiles", "percentile_list", "slat_percentiles", "clat_percentiles",
};

/* Would make a cell something else than one steady state. */
static const char *const refused_keys[] = {
	"stonewall", "wait_for_previous", "wait_for", "exec_prerun", "exec_postrun", "startdelay",
	"start_delay", "include", "read_iolog", "offset_increment_percent", "size_percent", "idle-prof",
};

static bool key_in(const char *line, const char *const *keys, size_t nr)
{
	size_t len = strcspn(line, " \t=\r\n");

	for (size_t i = 0; i < nr; i++) {
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
	if (*s == '[' && strncmp(s, "[global]", 8))
		(*jobs)++;
	if (key_in(s, refused_keys, ARRAY_SIZE(refused_keys)))
		return why_fail(why, EXIT_USAGE, -EINVAL,
				"workload %s: \"%s\": a cell measures one steady state", w->name, s);
	return 0;
}

int workload_parse(const char *name, const char *text, struct workload *ret, struct why *why)
{
	_cleanup_free_ char *copy = strdup(text);
	struct workload w = { .name = strdup(name), .text = strdup(text) };
	unsigned int jobs = 0;
	char *save = NULL;
	int err = 0;

	for (const char *p = name; *p; p++) /* it goes into tables and JSON */
		if (*p <= ' ' || *p > '~')
			err = why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: not a plain name", name);
	if (copy && is_comment(skip_blank(copy))) {
		const char *s = skip_blank(skip_blank(copy) + 1);

		w.purpose = strndup(s, strcspn(s, "\r\n"));
	} else {
		w.purpose = strdup("");
	}
	if (!copy || !w.name || !w.text || !w.purpose)
		err = -ENOMEM;
	for (char *l = err ? NULL : strtok_r(copy, "\n", &save); l && !err;
	     l = strtok_r(NULL, "\n", &save))
		err = parse_line(l, &w, &jobs, why);
	if (!err && !jobs)
		err = why_fail(why, EXIT_USAGE, -EINVAL, "workload %s: no job section in it", name);
	if (err) {
		workload_free(&w);
		return err;
	}
	*ret = w;
	return 0;
}

void workload_free(struct workload *w)
{
	free(w->name);
	free(w->purpose);
	free(w->text);
	*w = (struct workload){ 0 };
}

int workload_load(const char *name, const char *dir, struct workload *ret, struct why *why)
{
	_cleanup_free_ char *path = NULL, *text = NULL, *stem = NULL;
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	size_t len = strlen(base);
	bool is_file = len > 4 && !strcmp(base + len - 4, ".fio");
	int err;

	if (is_file ? !(path = strdup(name)) : asprintf(&path, "%s/%s.fio", dir, name) < 0)
		return -ENOMEM;
	err = file_read(path, &text);
	if (err == -ENOENT && !is_file)
		return why_fail(why, EXIT_USAGE, err,
				"--workload %s: no such workload (iopath-bench list shows them)", name);
	if (err)
		return why_fail(why, EXIT_USAGE, err, "--workload %s: %s", name, strerror(-err));
	stem = strndup(base, is_file ? len - 4 : len);
	return stem ? workload_parse(stem, text, ret, why) : -ENOMEM;
}

static void render_pacer(FILE *f, const struct job_params *p)
{
	fprintf(f,
		"[" PACER_JOB "]\nioengine=null\nrw=read\nbs=4k\nsize=1g\ntime_based\n"
		"runtime=%llums\nrate_iops=%u\nflow=1\nflow_id=1\nflow_sleep=1000\n",
		(unsigned long long)p->runtime_ms, p->pace->pacer_iops);
	if (p->cpus)
		fprintf(f, "cpus_allowed=%s\n", p->cpus);
}

static void render_global(FILE *f, const struct job_params *p)
{
	fprintf(f, "[global]\nfilename=%s\ntime_based\nruntime=%llums\nrandrepeat=1\ndisk_util=0\n",
		p->filename, (unsigned long long)p->runtime_ms);
	fprintf(f, "percentile_list=50:90:99:99.9\n");
	if (p->size_bytes)
		fprintf(f, "size=%llu\n", (unsigned long long)p->size_bytes);
	if (p->cpus)
		fprintf(f, "cpus_allowed=%s\n", p->cpus);
	if (p->log_prefix)
		fprintf(f, "write_iops_log=%s\nlog_avg_msec=100\nlog_unix_epoch=1\n", p->log_prefix);
	if (p->pace) /* polls at a twentieth of the pacer's period */
		fprintf(f, "flow_id=1\nflow_sleep=%u\n", 50000 / p->pace->pacer_iops + 100);
	if (p->create_only)
		fprintf(f, "create_only=1\n");
}

int workload_render(const struct workload *w, const struct job_params *p, char **ret)
{
	_cleanup_free_ char *copy = strdup(w->text);
	char *out = NULL, *save = NULL;
	size_t len;
	unsigned int job = 0;
	FILE *f;

	if (!copy)
		return -ENOMEM;
	f = open_memstream(&out, &len);
	if (!f)
		return -errno;
	if (p->pace)
		render_pacer(f, p);
	render_global(f, p);
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		const char *s = skip_blank(l);

		if (is_comment(s) || key_in(s, owned_keys, ARRAY_SIZE(owned_keys)))
			continue;
		fprintf(f, "%s\n", l);
		if (*s == '[' && strncmp(s, "[global]", 8) && p->pace && job < p->pace->nr)
			fprintf(f, "flow=%u\n", p->pace->weight[job++]);
	}
	if (fclose(f)) {
		free(out);
		return -ENOMEM;
	}
	*ret = out;
	return 0;
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
	size_t len = strlen(e->d_name);

	return len > 4 && !strcmp(e->d_name + len - 4, ".fio");
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
		if (names)
			names[i] = strndup(entries[i]->d_name, strlen(entries[i]->d_name) - 4);
		free(entries[i]);
	}
	free(entries);
	if (!names)
		return -ENOMEM;
	*ret = names;
	*ret_nr = (unsigned int)nr;
	return 0;
}
