/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "hook.h"
#include "revision.h"
#include "tracer/base/cleanup.h"
#include "view-anomaly.h"

static const struct cmd *const cmds[] = { &cmd_doctor, &cmd_trace, &cmd_top, &cmd_inflight };

int cmd_fail(const struct opt_table *t, int status, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", t->command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int cmd_parse(const struct opt_table *t, int argc, char **argv, void *cfg, int *ret_operand)
{
	struct opt_err err;
	int r = opt_parse(t, argc, argv, cfg, ret_operand, &err);

	if (r == OPT_HELP) {
		opt_help(t, stdout);
		return EXIT_OK;
	}
	if (r)
		return cmd_fail(t, r == -ENOMEM ? EXIT_ERROR : EXIT_USAGE, "%s", err.msg);
	return -1;
}

int cmd_probe(const struct opt_table *t, struct kernel *k)
{
	const char *names[MAX_HOOK_ROWS];
	int r = kernel_probe(k, names, hook_symbols(names));

	if (r)
		return cmd_fail(t, EXIT_ENVIRONMENT, "kernel %s: no BTF (/sys/kernel/btf/vmlinux): %s",
				k->release, strerror(-r));
	return -1;
}

static void usage(FILE *out)
{
	fprintf(out, "usage: iopath COMMAND [OPTION]...\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		fprintf(out, "  %-8s %s\n", cmds[i]->name, cmds[i]->opts->summary);
	fprintf(out, "\n`iopath COMMAND --help' lists the options of a command; `iopath --version'.\n");
}

/* The options of all commands in mdoc(7): the build puts them into the man page. */
static void mdoc(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		const struct opt_table *t = cmds[i]->opts;

		printf(".Ss %s %s\n%s.\n", t->command, t->operands, t->summary);
		opt_mdoc(t, stdout);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++)
		if (!strcmp(argv[1], cmds[i]->name))
			return cmds[i]->run(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("iopath " IOPATH_VERSION IOPATH_REVISION);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--mdoc")) {
		mdoc();
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--mdoc-anomalies")) {
		view_mdoc_anomalies(stdout);
		return EXIT_OK;
	}
	fprintf(stderr, "iopath: unknown command %s\n", argv[1]);
	return EXIT_USAGE;
}
