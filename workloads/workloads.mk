# SPDX-License-Identifier: GPL-2.0-or-later
# The generator of known I/O; it includes nothing of the tracer's.
PROGRAMS += known-count
known-count_SRC := $(addprefix workloads/,known-count.c known-engine.c known-libaio.c known-manifest.c \
	known-mmap.c known-plan.c known-queue.c known-sync.c known-uring.c)
known-count_LIBS := -luring -laio -lpthread
