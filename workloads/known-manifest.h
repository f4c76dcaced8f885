/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was done, as one JSON object. */
#ifndef KNOWN_MANIFEST_H
#define KNOWN_MANIFEST_H

#include <stdio.h>

#include "known-engine.h"

/* 0, or -errno when @out could not take all of it. */
int manifest_write(FILE *out, const struct plan *p, const struct worker *workers,
		   const struct tally *discards);

#endif
