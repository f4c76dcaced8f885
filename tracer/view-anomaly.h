/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anomalies in the two forms. 0 or -errno of the stream. */
#ifndef IOPATH_VIEW_ANOMALY_H
#define IOPATH_VIEW_ANOMALY_H

#include <jansson.h>
#include <stdio.h>

#include "anomaly.h"

int view_text_anomaly(FILE *out, const struct anomaly *a, const struct anomaly_limits *l);
int view_json_anomaly(FILE *out, const struct anomaly *a, const struct anomaly_limits *l);
/* How often each was told: of a summary. */
void view_text_anomalies(FILE *out, const u64 seen[NR_ANOMALIES]);
json_t *view_json_anomalies(const u64 seen[NR_ANOMALIES]);
/* Tags, limits and defaults as a list of the man page. */
void view_mdoc_anomalies(FILE *out);

#endif
