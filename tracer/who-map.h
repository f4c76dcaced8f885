/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the programs' entries and struct who. */
#ifndef IOPATH_WHO_MAP_H
#define IOPATH_WHO_MAP_H

#include "session.h"
#include "who.h"

/* Make the entries for what finds no room; before session_enable(). -errno. */
int who_map_init(struct session *s, u8 dims);
/* Read all entries into @w, and take away the old ones. -errno. */
int who_map_read(struct session *s, struct who *w, u64 now_ns);

#endif
