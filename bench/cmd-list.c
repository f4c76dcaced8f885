/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/arm.h"
#include "bench/cmd.h"
#include "bench/device.h"
#include "bench/inputs.h"
#include "bench/workload.h"
#include "tracer/base/cleanup.h"

struct list_config {
	const char *workload_dir;
};

static const struct opt list_opts[] = {
	{ "workload-dir", 0, OPT_STR, offsetof(struct list_config, workload_dir), "DIR",
	  "where the workloads are (default: beside the program)", 0, 0, NULL },
};

static const struct opt_table list_table = {
	.command = "iopath-bench list",
	.summary = "Show the workloads, arms, devices and schedulers there are",
	.operands = "",
	.opts = list_opts,
	.nr = ARRAY_SIZE(list_opts),
};

static int print_workloads(const char *given)
{
	_cleanup_free_ char *dir = NULL;
	char **names = NULL;
	unsigned int nr = 0;
	int err = inputs_workload_dir(given, &dir);

	if (!err)
		err = workload_names(dir, &names, &nr);
	if (err) {
		fprintf(stderr, "iopath-bench list: workloads: %s: %s\n", given ? given : "?",
			strerror(-err));
		return EXIT_ENVIRONMENT;
	}
	printf("Workloads (--workload NAME, FILE.fio, FILE.sysbench or FILE.uring; * without any)\n");
	for (unsigned int i = 0; i < nr; i++) {
		struct workload w = { 0 };
		struct why why = { 0 };

		if (workload_load(names[i], dir, &w, &why))
			printf("  %-28s unusable: %s\n", names[i], why.text);
		else
			printf("%c %-28s %s\n", w.is_default ? '*' : ' ', w.name, w.purpose);
		workload_free(&w);
		free(names[i]);
	}
	free(names);
	return 0;
}

static int run(int argc, char **argv)
{
	struct list_config c = { 0 };
	struct opt_err err;
	int operand, r = opt_parse(&list_table, argc, argv, &c, &operand, &err), code;

	if (r == OPT_HELP) {
		opt_help(&list_table, stdout);
		return 0;
	}
	if (r || operand < argc) {
		fprintf(stderr, "iopath-bench list: %s%s\n", r ? err.msg : "unexpected: ",
			r ? "" : argv[operand]);
		return EXIT_USAGE;
	}
	code = print_workloads(c.workload_dir);
	if (code)
		return code;
	printf("\nArms (--arms)\n");
	arm_print(stdout);
	printf("\nDevices (--device)\n");
	device_print(stdout);
	printf("\nSchedulers (--scheduler)\n ");
	for (int i = 0; scheduler_names[i]; i++)
		printf(" %s", scheduler_names[i]);
	putchar('\n');
	return fflush(stdout) ? EXIT_HARNESS : 0;
}

const struct cmd cmd_list = { "list", "workloads, arms, devices and schedulers", &list_table, run };
