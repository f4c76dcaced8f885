/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks that know what they were about: a failure prints the case it
 * belongs to, the thing, what it is and what it should be.
 */
#ifndef GROUND_CHECK_H
#define GROUND_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/* Name the case that the checks below belong to; shown when one fails. */
void check_case(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Where to find what the case did; shown with its first failure. */
void check_evidence(const char *text);

/* What fails from here on counts only if check_attempt_over() says so. */
void check_attempt(void);
void check_attempt_over(bool counts);

bool check_same(const char *what, int64_t got, int64_t want);
bool check_between(const char *what, int64_t got, int64_t low, int64_t high);
bool check_true(const char *what, bool holds);
bool check_text(const char *what, const char *got, const char *want);
/* @got must contain @part. */
bool check_has(const char *what, const char *got, const char *part);

#endif
