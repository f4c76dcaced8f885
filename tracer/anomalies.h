/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Anomalies of a running trace: at the end of each window the figures are
 * gathered, judged (anomaly.h), told and counted. Statistics by process must be
 * kept in the programs for it.
 */
#ifndef IOPATH_ANOMALIES_H
#define IOPATH_ANOMALIES_H

#include "anomaly.h"
#include "stats.h"

#define ANOMALY_WINDOW_NS 1000000000ull

struct anomalies {
	struct anomaly_limits limits;
	u64 window_ns;		/* 0: not asked for */
	u64 begin_ns;		/* of this window */
	bool operations;	/* judge these; else bios */
	u32 devs[16];		/* devices that belong together, by --dev */
	u32 nr_devs;
	u64 seen[NR_ANOMALIES];
	struct stats base, since;
};

typedef void (*anomaly_fn)(const struct anomaly *a, void *ctx);

/*
 * Judge what was counted since the last call; @fn is called for each anomaly.
 * @now and @who have just been read. -ENOMEM.
 */
int anomalies_judge(struct anomalies *a, const struct stats *now, struct who *who, u64 now_ns, anomaly_fn fn,
		    void *ctx);
void anomalies_free(struct anomalies *a);

#endif
