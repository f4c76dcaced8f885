# SPDX-License-Identifier: GPL-2.0-or-later
TRACER_SRC := \
	tracer/disk.c \
	tracer/hist.c \
	tracer/hook.c \
	tracer/kernel.c \
	tracer/session.c \
	tracer/stats.c \
	# EOL

TRACER_LIBS := -lbpf -ljansson -lm

PROGRAMS += iopath
iopath_SRC := tracer/main.c tracer/cmd-doctor.c tracer/cmd-trace.c tracer/view.c tracer/view-json.c \
	tracer/view-text.c tracer/child.c $(TRACER_SRC) $(BASE_SRC)
iopath_LIBS := $(TRACER_LIBS)
$(O)/tracer/session.o: $(O)/bpf/iopath.skel.h

TESTS += test-base
test-base_SRC := tracer/base/tests/test-base.c $(BASE_SRC)
test-base_LIBS := -lm
