/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the JSON views share. */
#ifndef IOPATH_VIEW_JSON_H
#define IOPATH_VIEW_JSON_H

#include <jansson.h>
#include <stdio.h>

#include "governor.h"
#include "tracer/base/cleanup.h"

#define _cleanup_json_ _cleanup_(json_decrefp)

json_t *num(u64 v);
void set_num(json_t *o, const char *key, u64 v);
/* A text that need not be UTF-8: a comm, a file's name. */
json_t *name_json(const char *s);
/* null for NULL and for "". */
json_t *name_or_null(const char *s);
/* One line, written whole. 0 or -errno of the stream. */
int put_line(FILE *out, json_t *o);

/* The thread that submitted what another one began; 0: null. */
json_t *view_json_submitter(u32 tid);
/* What --budget did until @now_ns; @g NULL: null. */
json_t *view_json_budget(const struct governor *g, u64 now_ns);

#endif
