# SPDX-License-Identifier: GPL-2.0-or-later
# The leaf library: libc only. Used by the tracer and by the harness.
BASE_SRC := \
	tracer/base/opt.c \
	tracer/base/parse.c \
	# EOL
