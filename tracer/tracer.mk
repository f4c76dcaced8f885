# SPDX-License-Identifier: GPL-2.0-or-later
TESTS += test-base
test-base_SRC := tracer/base/tests/test-base.c $(BASE_SRC)
test-base_LIBS := -lm
