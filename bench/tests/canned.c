/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "canned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/file.h"
#include "bench/stat.h"
#include "tracer/base/cleanup.h"

struct canned canned_default(void)
{
	return (struct canned){
		.arm = { "off", "off2", "full" },
		.nr_arms = 3,
		.rounds = 8,
		.max_rounds = 8,
		.smoke = true,
		.noise_pct = .5,
		.rate_iops = 7000,
		.seed = 1,
		.budget = 5,
		.kernel = "6.12.9",
		.key = "0123456789abcdef",
		.workload = "randread-4k-qd1",
		.scheduler = "none",
	};
}

static void put_header(const struct canned *c, FILE *f)
{
	fprintf(f,
		"{\"type\":\"header\",\"schema\":\"iopath.bench/1\",\"fingerprint\":{\"kernel\":\"%s\",\"arch\":\"x86_64\",\"hostname\":\"ci-7\","
		"\"cpu_model\":\"A <CPU> & \\\"more\\\"\",\"nr_cpus\":%u,\"memory_bytes\":1024,\"fio\":\"fio-3.33\",\"key\":\"%s\"%s%s%s%s%s%s},"
		"\"seed\":%u,\"argv\":[\"run\",\"--quick\"],\"smoke\":%s,\"budget\":%g,\"rounds\":[%u,%u],\"arms\":[",
		c->kernel, c->cpus ? c->cpus : 2, c->key, c->governor ? ",\"governor\":\"" : "", c->governor ? c->governor : "",
		c->governor ? "\"" : "", c->tracer ? ",\"iopath\":\"" : "", c->tracer ? c->tracer : "",
		c->tracer ? "\"" : "", c->seed, c->smoke ? "true" : "false", c->budget, c->max_rounds < 8 ? 1 : 8,
		c->max_rounds);
	for (unsigned int a = 0; a < c->nr_arms; a++)
		fprintf(f, "%s\"%s\"", a ? "," : "", c->arm[a]);
	fputc(']', f);
	if (c->shards)
		fprintf(f, ",\"shard\":{\"index\":%u,\"of\":%u}", c->shard, c->shards);
	fputs(",\"settle_ns\":1,\"discard_ns\":1,\"window_ns\":1000000000,\"preflight\":[\"a note\"]}\n", f);
}

static void put_device(const struct canned *c, FILE *f)
{
	if (c->disk)
		fprintf(f, "\"device\":{\"name\":\"%s\",\"disk\":\"%s\",\"driver\":\"nvme\",\"size_bytes\":%llu,\"scratch\":false,"
			   "\"model\":\"%s\",\"queue\":{}}",
			c->disk, c->disk, c->size_bytes, c->model);
	else
		fprintf(f, "\"device\":{\"name\":\"loop%u\",\"disk\":\"loop%u\",\"driver\":\"loop\",\"size_bytes\":1048576,"
			   "\"scratch\":true,%s%s%s\"model\":null,\"queue\":{}}",
			c->seed, c->seed, c->order ? "\"order\":\"" : "", c->order ? c->order : "", c->order ? "\"," : "");
}

static void put_set(const struct canned *c, unsigned int set, const char *scheduler, FILE *f)
{
	fprintf(f, "{\"type\":\"set\",\"set\":%u,\"workload\":\"%s\",", set, c->workload);
	put_device(c, f);
	fprintf(f,
		",\"scheduler\":\"%s\",\"cpus\":null,\"job\":\"[a]\\nrw=read\\n\",\"capacity_iops\":10000.0,\"fixed_rate_iops\":7000.0,\"nr_cores\":2,"
		"\"pace\":{\"pacer_iops\":50,\"weights\":[140]}}\n",
		scheduler);
}

static double noisy(const struct canned *c, struct rng *r, double v)
{
	return v * (1 + (rng_uniform(r) - .5) / 100 * c->noise_pct);
}

/* @target_iops 0: saturation */
static void put_pass(const struct canned *c, struct rng *r, const char *name, double iops, double ns_per_io,
		     double target_iops, double slower, FILE *f)
{
	double busy = noisy(c, r, iops * ns_per_io);
	char target[16] = "null", bins[160];

	snprintf(bins, sizeof(bins), ",\"bins\":[%.0f,5000,%.0f,4000,%.0f,900,%.0f,90,%.0f,10]", 11000 * slower, 15000 * slower,
		 30000 * slower, 90000 * slower, 1000000 * slower);

	if (target_iops > 0)
		snprintf(target, sizeof(target), "%.1f", target_iops);
	fprintf(f,
		"\"%s\":{\"start_ms\":1000,\"end_ms\":2000,\"window_s\":1.0,\"ios\":%.0f,\"bytes\":%.0f,\"iops\":%.9f,"
		"\"target_iops\":%s,\"cpu_ns_per_io\":%.6f,\"disk_ios\":12000,\"latency\":{\"read\":{\"count\":10000,"
		"\"mean_ns\":%.1f,\"p50_ns\":%.0f,\"p90_ns\":%.0f,\"p99_ns\":%.0f,\"p999_ns\":%.0f,\"max_ns\":%.0f%s},"
		"\"write\":null,\"sync\":null},\"cpu\":{\"busy_source\":\"timer_list\",\"window_ns\":1000000000,\"busy_ns\":%.0f,"
		"\"steal_ns\":0,\"system_pct\":%.6f,\"cores\":[",
		name, iops, iops * 4096, iops, target, ns_per_io,
		12000.5 * slower, 11000 * slower, 15000 * slower, 30000 * slower, 90000 * slower, 1000000 * slower,
		c->bins ? bins : "", busy, busy / 4e7);
	for (int i = 0; i < 2; i++)
		fprintf(f,
			"%s{\"cpu\":%d,\"busy_ns\":%.0f,\"user_ns\":0,\"system_ns\":%.0f,\"irq_ns\":0,\"softirq_ns\":0,"
			"\"idle_ns\":1,\"iowait_ns\":0,\"steal_ns\":0}",
			i ? "," : "", i, noisy(c, r, i ? busy / 4 : busy * 3 / 4), busy / 4);
	fprintf(f, "]},\"usage\":{\"source\":\"cgroup\",\"workload\":{\"user_ns\":%.0f,\"system_ns\":%.0f},\"tracer\":null,"
		   "\"kthreads_ns\":%.0f,\"cycles\":null,\"instructions\":null,\"energy_uj\":%.0f},", busy / 8, busy / 4,
		busy / 8, iops * 3);
	fputs("\"tracer_cpu_ns\":0,\"tracer_rss_bytes\":0,\"scheduler_before\":\"none\",\"scheduler_after\":\"none\","
	      "\"fio\":{\"version\":\"fio-3.33\",\"exit_status\":0,\"error\":0,\"prefix\":\"\",\"stderr\":\"\"},\"flags\":[],"
	      "\"fault\":\"\"}", f);
}

/* The last arm under the second scheduler, if it is to die there. */
static bool is_dead(const struct canned *c, unsigned int set, unsigned int arm)
{
	return c->dies_second && set == 1 && arm == c->nr_arms - 1;
}

static void put_death(const struct canned *c, unsigned int set, const char *scheduler, unsigned int attempt, FILE *f)
{
	fprintf(f,
		"{\"type\":\"cell\",\"set\":%u,\"workload\":\"%s\",\"device\":\"loop0\",\"scheduler\":\"%s\",\"arm\":\"%s\","
		"\"phase\":\"main\",\"round\":0,\"attempt\":%u,\"position\":0,\"valid\":false,\"fault\":\"the tracer died\","
		"\"arm_fault\":true,\"took_ns\":1,\"saturation\":null,\"fixed_rate\":null,\"tracer\":null}\n",
		set, c->workload, scheduler, c->arm[c->nr_arms - 1], attempt);
}

static void put_cell(const struct canned *c, unsigned int set, const char *scheduler, bool confirm,
		     unsigned int round, unsigned int arm, struct rng *r, FILE *f)
{
	double more = set && c->loss_pct[arm] > 0 ? c->second_loss_pct : 0;
	double loss = confirm && c->not_confirmed ? 0 : (c->loss_pct[arm] + more) / 100;

	fprintf(f,
		"{\"type\":\"cell\",\"set\":%u,\"workload\":\"%s\",\"device\":\"loop0\",\"scheduler\":\"%s\",\"arm\":\"%s\","
		"\"phase\":\"%s\",\"round\":%u,\"attempt\":%u,\"position\":%u,\"valid\":true,\"fault\":\"\",\"arm_fault\":false,"
		"\"took_ns\":1000000,",
		set, c->workload, scheduler, c->arm[arm], confirm ? "confirm" : "main", round,
		is_dead(c, set, c->nr_arms - 1) ? 2 : 0, arm);
	put_pass(c, r, "saturation", noisy(c, r, 10000 * (1 - loss)), 15000, 0, 1 + loss, f);
	fputc(',', f);
	put_pass(c, r, "fixed_rate", c->rate_iops, noisy(c, r, 20000 * (1 + loss)), c->rate_iops, 1, f);
	if (c->low_iops > 0) {
		fputc(',', f);
		put_pass(c, r, "low_rate", c->low_iops, noisy(c, r, 25000), c->low_iops, 1, f);
	}
	if (arm < 2)
		fputs(",\"tracer\":null}\n", f);
	else
		fputs(",\"tracer\":{\"exit_status\":0,\"cpu_ns\":5,\"peak_rss_bytes\":6,\"output_bytes\":7,\"traced_ios\":22000,"
		      "\"lost_total\":3,\"lost\":{},\"coverage\":{},\"cost\":{},\"fault\":\"\"}}\n", f);
}

static void put_cells(const struct canned *c, unsigned int set, const char *scheduler, struct rng *r, FILE *f)
{
	put_set(c, set, scheduler, f);
	for (unsigned int i = 0; i < 2 && is_dead(c, set, c->nr_arms - 1); i++)
		put_death(c, set, scheduler, i, f);
	for (unsigned int i = 0; i < c->rounds; i++)
		for (unsigned int a = 0; a < c->nr_arms && !is_dead(c, set, a); a++)
			put_cell(c, set, scheduler, false, i, a, r, f);
	for (unsigned int i = 0; i < c->confirm_rounds; i++)
		for (unsigned int a = 0; a < c->nr_arms; a++)
			put_cell(c, set, scheduler, true, i, a, r, f);
	fprintf(f, "{\"type\":\"attribution\",\"set\":%u,\"arm\":\"%s\",\"ios\":1000,\"programs\":[{\"name\":\"rq_complete\","
		   "\"runs\":2000,\"run_time_ns\":300000,\"missed\":1}],\"fault\":\"\"}\n", set, c->arm[c->nr_arms - 1]);
	if (!c->no_end)
		fprintf(f, "{\"type\":\"set_end\",\"set\":%u,\"rounds\":%u,\"confirm_rounds\":%u,\"redone\":0}\n", set,
			c->rounds, c->confirm_rounds);
}

char *canned_text(const struct canned *c)
{
	struct rng r = { c->seed };
	unsigned int set = 0;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		abort();
	put_header(c, f);
	put_cells(c, set++, c->scheduler, &r, f);
	if (c->second_scheduler)
		put_cells(c, set++, c->second_scheduler, &r, f);
	if (c->second_order) {
		struct canned other = *c;

		memset(other.loss_pct, 0, sizeof(other.loss_pct));
		other.order = c->second_order;
		other.seed++;
		put_cells(&other, set++, c->scheduler, &r, f);
	}
	for (unsigned int i = 1; i <= c->more_sets; i++) {
		struct canned other = *c;
		char name[64];

		snprintf(name, sizeof(name), "%s-%u", c->workload, i);
		other.workload = name;
		put_cells(&other, set++, c->scheduler, &r, f);
	}
	if (c->skipped)
		fprintf(f,
			"{\"type\":\"skipped\",\"set\":%u,\"workload\":\"%s\",\"device\":\"loop0\",\"driver\":\"loop\",\"scratch\":true,"
			"\"scheduler\":\"%s\",\"reason\":\"the kernel does not offer it\"}\n",
			set++, c->workload, c->skipped);
	if (!c->no_end)
		fputs("{\"type\":\"summary\",\"complete\":true,\"verdict\":\"PASS\",\"exit_code\":0,\"reason\":null}\n", f);
	fclose(f);
	return text;
}

char *canned_edit(const char *text, const char *from, const char *to)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		abort();
	while (*text) {
		const char *p = strstr(text, from);

		fprintf(f, "%.*s%s", p ? (int)(p - text) : (int)strlen(text), text, p ? to : "");
		text = p ? p + strlen(from) : text + strlen(text);
	}
	fclose(f);
	return out;
}

int canned_write(const struct canned *c, const char *path)
{
	_cleanup_free_ char *text = canned_text(c);

	return file_replace(path, text);
}

void canned_place(const char *name, char dir[static 64])
{
	snprintf(dir, 64, "/tmp/%s.XXXXXX", name);
	if (!mkdtemp(dir))
		abort();
}

void canned_program(char path[static 512])
{
	char own[512];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own));
	char *slash = n > 0 ? memrchr(own, '/', (size_t)n) : NULL;

	if (!slash || snprintf(path, 512, "%.*s/iopath-bench", (int)(slash - own), own) >= 512)
		abort();
}
