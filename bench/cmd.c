/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd.h"

#include <errno.h>
#include <string.h>

int cmd_parse(const struct opt_table *t, int argc, char **argv, void *cfg, int max, char **operands,
	      int *ret_nr, struct opt_err *err)
{
	int nr = 0, r, at;

	for (;;) {
		bool rest;

		r = opt_parse(t, argc, argv, cfg, &at, err);
		if (r || at >= argc)
			break;
		/* what stands in the place of the program's name is not looked at */
		rest = at > 1 && !strcmp(argv[at - 1], "--");
		do {
			if (nr == max) {
				snprintf(err->msg, sizeof(err->msg), "unexpected: %s", argv[at]);
				return -EINVAL;
			}
			operands[nr++] = argv[at++];
		} while (rest && at < argc);
		argc -= at - 1;
		argv += at - 1;
	}
	*ret_nr = nr;
	return r;
}
