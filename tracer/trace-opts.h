/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of `iopath trace`, and the filters that they become. Part of the
 * command: complaints go to stderr.
 */
#ifndef IOPATH_TRACE_OPTS_H
#define IOPATH_TRACE_OPTS_H

#include "anomalies.h"
#include "session.h"
#include "stacks.h"
#include "watch.h"
#include "tracer/base/opt.h"

enum trace_stacks {
	STACKS_NONE,
	STACKS_KERNEL,
	STACKS_USER,	/* those too */
};

struct trace_cfg {
	enum iop_tier tier;
	struct opt_list devs, stacks, ops, cgroups, files, dirs;
	uint64_t pid, tid, sample, top;
	const char *comm;
	uint64_t threshold_ns, min_lat_ns, hung_ns, interval_ns, duration_ns;
	bool json, stats, floor, debug, has_interval, probe_resched, kernel_io, kernel_stack;
	const char *output;
	struct opt_list by;
	uint64_t by_max;
	int trace_stacks;	/* enum trace_stacks */
	int folded_by;		/* enum folded_weight */
	const char *folded;
	bool anomalies;
	struct opt_list limits, fail_on;
	const char *limits_file;
	uint64_t anomaly_window_ns;
	double budget;	/* a share; 0: none */
	struct rooms room;
};

extern const struct opt_table trace_table;

/* Frees what the options hold, not @cfg. */
void trace_cfg_free(struct trace_cfg *cfg);

/* Does a filter, or COMMAND, ask whose an I/O is? Then what is nobody's is left out: the flush commands of devices. */
bool trace_asks_whose(const struct session_opts *o);

/*
 * Filters of @cfg into @o; files and directories among them are held open in
 * @watched, which must outlive the session. -1 to go on, or the exit status
 * after a complaint: a device, task, file or cgroup that does not exist, a
 * filter that the tier cannot honour.
 */
int trace_set_filters(const struct trace_cfg *cfg, struct session_opts *o, struct watch_list *watched);
/* Those of them that name places (trace-places.c): devices, cgroups, files, directories. */
int trace_set_places(const struct trace_cfg *cfg, struct session_opts *o, struct watch_list *watched);

/*
 * --dev and --dev-stack of any command. A disk's partitions are named too: by
 * them, files are known to be on it.
 */
int trace_set_devs(const struct opt_table *t, const struct opt_list *devs, const struct opt_list *stacks,
		   struct session_opts *o);

/* --room: of what is not in use it is refused. -1 or an exit status, as above. */
int trace_set_room(const struct trace_cfg *cfg, struct session_opts *o);

struct trace_who {
	u8 shown;	/* tables in reports: bit per who_dim */
	u32 fail_on;	/* bit per anomaly */
};

/* --by, --anomalies and what belongs to them into @o, @a and *ret. -1 or an exit status, as above. */
int trace_set_who(const struct trace_cfg *cfg, struct session_opts *o, struct anomalies *a, struct trace_who *ret);

#endif
