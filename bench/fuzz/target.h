/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is fuzzed: everything that reads text of others. A target takes any bytes
 * and must neither crash, leak nor break what it promises (asserted there). They
 * are the same functions for libFuzzer (make fuzz) and for the files in
 * corpus/NAME/, which every `make test` goes through: whatever a fuzzer found
 * stays found.
 */
#ifndef BENCH_FUZZ_TARGET_H
#define BENCH_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
	const char *name;
	void (*run)(const uint8_t *data, size_t len);
};

extern const struct fuzz_target fuzz_targets[];
extern const size_t nr_fuzz_targets;

/* NULL: there is none of that name. */
const struct fuzz_target *fuzz_find(const char *name);

#endif
