/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options about who does the I/O, and about anomalies. */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "disk.h"
#include "tracer/base/cleanup.h"
#include "trace-opts.h"

static int set_by(const struct trace_cfg *cfg, struct session_opts *o)
{
	for (size_t i = 0; i < cfg->by.nr; i++) {
		enum who_dim dim;

		if (who_dim_parse(cfg->by.v[i], &dim))
			return cmd_fail(&trace_table, EXIT_USAGE,
					"--by %s: neither process, file, cgroup nor device", cfg->by.v[i]);
		if (dim == WHO_FILE && cfg->tier < TIER_VFS)
			return cmd_fail(&trace_table, EXIT_USAGE,
					"--by file: needs --tier vfs or above, tier block sees no files");
		o->by |= (u8)(1u << dim);
	}
	o->by_max = (u32)cfg->by_max;
	return -1;
}

static int read_limits(const struct trace_cfg *cfg, struct anomaly_limits *l)
{
	_cleanup_fclose_ FILE *f = fopen(cfg->limits_file, "re");
	char why[ANOMALY_WHY_LEN];

	if (!f)
		return cmd_fail(&trace_table, EXIT_USAGE, "--anomaly-config %s: %s", cfg->limits_file, strerror(errno));
	if (anomaly_limits_read(l, f, why))
		return cmd_fail(&trace_table, EXIT_USAGE, "--anomaly-config %s: %s", cfg->limits_file, why);
	return -1;
}

/* The file first: what is on the command line counts more. */
static int set_limits(const struct trace_cfg *cfg, struct anomaly_limits *l)
{
	char why[ANOMALY_WHY_LEN];
	int r;

	anomaly_limits_init(l);
	if (cfg->limits_file) {
		r = read_limits(cfg, l);
		if (r >= 0)
			return r;
	}
	for (size_t i = 0; i < cfg->limits.nr; i++)
		if (anomaly_limits_word(l, cfg->limits.v[i], why))
			return cmd_fail(&trace_table, EXIT_USAGE, "--anomaly %s", why);
	return -1;
}

static int set_fail_on(const struct trace_cfg *cfg, const struct session_opts *o, const struct anomaly_limits *l, u32 *ret)
{
	u32 tags = 0;

	for (size_t i = 0; i < cfg->fail_on.nr; i++) {
		enum anomaly_tag t;

		if (anomaly_parse(cfg->fail_on.v[i], &t))
			return cmd_fail(&trace_table, EXIT_USAGE, "--fail-on %s: no such anomaly", cfg->fail_on.v[i]);
		if (l->off[t])
			return cmd_fail(&trace_table, EXIT_USAGE, "--fail-on %s: it is not enabled", cfg->fail_on.v[i]);
		if (t == ANOMALY_WRITEBACK_THROTTLED && cfg->tier < TIER_FILEMAP)
			return cmd_fail(&trace_table, EXIT_USAGE, "--fail-on %s: needs --tier filemap or above",
					cfg->fail_on.v[i]);
		if (t == ANOMALY_FLUSH_SERIALISED && trace_asks_whose(o))
			return cmd_fail(&trace_table, EXIT_USAGE,
					"--fail-on %s: flush commands are no task's, and others of the options ask for some task's or file's alone",
					cfg->fail_on.v[i]);
		tags |= 1u << t;
	}
	*ret = tags;
	return -1;
}

/* Whole disks that --dev names: they are taken to belong together. */
static void set_together(const struct trace_cfg *cfg, struct anomalies *a)
{
	for (size_t i = 0; i < cfg->devs.nr && a->nr_devs < ARRAY_SIZE(a->devs); i++) {
		u32 dev;

		if (!disk_resolve(cfg->devs.v[i], &dev) && !disk_is_partition(dev))
			a->devs[a->nr_devs++] = dev;
	}
}

int trace_set_who(const struct trace_cfg *cfg, struct session_opts *o, struct anomalies *a, struct trace_who *ret)
{
	bool asked = cfg->anomalies || cfg->fail_on.nr;
	int r = set_by(cfg, o);

	if (r >= 0)
		return r;
	ret->shown = o->by;
	if ((cfg->folded || cfg->folded_by != FOLDED_TIME) && !cfg->trace_stacks)
		return cmd_fail(&trace_table, EXIT_USAGE, "--folded: needs --stacks");
	if (cfg->folded_by != FOLDED_TIME && !cfg->folded)
		return cmd_fail(&trace_table, EXIT_USAGE, "--folded-by: needs --folded");
	o->stacks = cfg->trace_stacks != STACKS_NONE;
	o->user_stacks = cfg->trace_stacks == STACKS_USER;
	if (!asked && (cfg->limits.nr || cfg->limits_file || cfg->anomaly_window_ns))
		return cmd_fail(&trace_table, EXIT_USAGE, "%s: needs --anomalies or --fail-on",
				cfg->limits.nr ? "--anomaly" : cfg->limits_file ? "--anomaly-config" : "--anomaly-window");
	if (!asked)
		return -1;
	r = set_limits(cfg, &a->limits);
	if (r < 0)
		r = set_fail_on(cfg, o, &a->limits, &ret->fail_on);
	if (r >= 0)
		return r;
	a->window_ns = cfg->anomaly_window_ns ? cfg->anomaly_window_ns : ANOMALY_WINDOW_NS;
	a->operations = cfg->tier >= TIER_VFS;
	set_together(cfg, a);
	o->by |= 1u << WHO_PROCESS;
	return -1;
}
