/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/device-make.h"
#include "bench/stop.h"
#include "bench/words.h"
#include "tracer/base/cleanup.h"

int module_load(const char *name, const struct order *params, struct undo *u, struct why *why)
{
	struct words w = { .nr = 0 };
	struct child_end end = { 0 };
	char path[96];
	int err;

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (!access(path, F_OK))
		return 1;
	err = undo_push_module(u, name);
	words_add(&w, "modprobe");
	words_add(&w, "%s", name);
	for (unsigned int i = 0; i < params->nr; i++)
		words_add(&w, "%s=%s", params->item[i].name, params->item[i].value);
	if (!err)
		err = w.err ? w.err : child_run(w.v, 30 * NS_PER_S, NULL, &end);
	words_free(&w);
	if (err == -EINTR)
		return err;
	if (!err && !end.status)
		return 0;
	if (err == -ENOENT)
		return why_fail(why, EXIT_ENVIRONMENT, err, "cannot load module %s: modprobe is not installed", name);
	return why_fail(why, EXIT_SKIPPED, -EOPNOTSUPP, "this kernel has no module %s, or does not take it so (modprobe %s)",
			name, name);
}
