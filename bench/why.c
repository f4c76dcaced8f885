/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "why.h"

#include <stdarg.h>
#include <stdio.h>

int why_fail(struct why *w, enum bench_exit code, int err, const char *fmt, ...)
{
	va_list ap;

	w->code = code;
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return err;
}
