/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer's two functions. FUZZ_TARGET in the environment names what is fuzzed. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/fuzz/target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_TARGET");

	(void)argc;
	(void)argv;
	target = name ? fuzz_find(name) : NULL;
	if (!target) {
		fprintf(stderr, "FUZZ_TARGET=%s: expected one of", name ? name : "");
		for (size_t i = 0; i < nr_fuzz_targets; i++)
			fprintf(stderr, " %s", fuzz_targets[i].name);
		fputc('\n', stderr);
		exit(2);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	target->run(data, len);
	return 0;
}
