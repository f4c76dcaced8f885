/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "bench/cmd.h"
#include "bench/why.h"
#include "revision.h"
#include "tracer/base/cleanup.h"

static const struct cmd *const cmds[] = { &cmd_run, &cmd_report, &cmd_compare, &cmd_merge, &cmd_history, &cmd_list, &cmd_preflight };

static void help(FILE *out)
{
	fprintf(out, "usage: iopath-bench COMMAND [OPTION]...\n"
		     "What a tracer costs the workload, with a verdict against a budget.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		fprintf(out, "  %-10s %s\n", cmds[i]->name, cmds[i]->summary);
	fprintf(out, "\niopath-bench COMMAND --help shows its options.\n"
		     "Exit status: 0 pass, 1 over budget, 2 usage, 3 inconclusive, 4 the environment cannot\n"
		     "run it, 5 harness error, 77 skipped.\n");
}

/* The options of all commands in mdoc(7): the build puts them into the man page. */
static void mdoc(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		const struct opt_table *t = cmds[i]->options;

		printf(".Ss %s%s%s\n%s.\n", t->command, *t->operands ? " " : "", t->operands, t->summary);
		opt_mdoc(t, stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("iopath-bench " IOPATH_VERSION IOPATH_REVISION);
		return 0;
	}
	if (!strcmp(argv[1], "--mdoc")) {
		mdoc();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		if (!strcmp(argv[1], cmds[i]->name))
			return cmds[i]->run(argc - 1, argv + 1);
	fprintf(stderr, "iopath-bench: unknown command %s (see iopath-bench --help)\n", argv[1]);
	return EXIT_USAGE;
}
