/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of `iopath trace`, and the filters that they become. Part of the
 * command: complaints go to stderr.
 */
#ifndef IOPATH_TRACE_OPTS_H
#define IOPATH_TRACE_OPTS_H

#include "session.h"
#include "tracer/base/opt.h"

struct trace_cfg {
	enum iop_tier tier;
	struct opt_list devs, ops;
	uint64_t pid, tid, sample;
	const char *comm;
	uint64_t threshold_ns, hung_ns, interval_ns, duration_ns;
	bool json, stats, floor, debug, has_interval, probe_resched, kernel_io;
	const char *output;
};

extern const struct opt_table trace_table;

/*
 * Filters of @cfg into @o. -1 to go on, or the exit status after a complaint:
 * a device or task that does not exist, a filter that the tier cannot honour.
 */
int trace_set_filters(const struct trace_cfg *cfg, struct session_opts *o);

#endif
