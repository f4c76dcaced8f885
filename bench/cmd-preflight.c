/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/preflight.h"
#include "bench/stop.h"
#include "bench/undo.h"
#include "bench/why.h"

struct preflight_config {
	const char *out, *state_dir;
};

static const struct opt preflight_opts[] = {
	{ "out", 'o', OPT_STR, offsetof(struct preflight_config, out), "DIR",
	  "where results are to go: is there room? (default .)", 0, 0, NULL },
	{ "state-dir", 0, OPT_STR, offsetof(struct preflight_config, state_dir), "DIR",
	  "where the load's logs are to go meanwhile: is there room? (default " UNDO_STATE_DIR ")", 0, 0, NULL },
};

static const struct opt_table preflight_table = {
	.command = "iopath-bench preflight",
	.summary = "Show what would disturb a measurement on this machine now; nothing is changed",
	.operands = "",
	.opts = preflight_opts,
	.nr = sizeof(preflight_opts) / sizeof(preflight_opts[0]),
};

static int run(int argc, char **argv)
{
	struct preflight_config c = { .out = ".", .state_dir = UNDO_STATE_DIR };
	struct preflight notes;
	struct checks checks;
	struct opt_err err;
	int operand, r = opt_parse(&preflight_table, argc, argv, &c, &operand, &err);

	if (r == OPT_HELP) {
		opt_help(&preflight_table, stdout);
		return 0;
	}
	if (r || operand < argc) {
		fprintf(stderr, "iopath-bench preflight: %s%s\n", r ? err.msg : "unexpected: ", r ? "" : argv[operand]);
		return EXIT_USAGE;
	}
	r = stop_install();
	if (!r)
		r = preflight_all(c.out, c.state_dir, PREFLIGHT_WATCH_NS, &checks);
	if (r == -EINTR)
		return EXIT_INCONCLUSIVE;
	if (r) {
		fprintf(stderr, "iopath-bench preflight: %s\n", strerror(-r));
		return EXIT_HARNESS;
	}
	preflight_print(&checks, stdout);
	preflight_notes(&checks, &notes);
	return fflush(stdout) ? EXIT_HARNESS : notes.nr ? EXIT_ENVIRONMENT : EXIT_PASS;
}

const struct cmd cmd_preflight = { "preflight", "what would disturb a measurement here, now", &preflight_table, run };
