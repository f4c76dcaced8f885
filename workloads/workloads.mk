# SPDX-License-Identifier: GPL-2.0-or-later
# The generator of known I/O; it includes nothing of the tracer's.
PROGRAMS += known-count
known-count_SRC := $(addprefix workloads/,known-count.c known-engine.c known-libaio.c known-manifest.c \
	known-mmap.c known-plan.c known-queue.c known-sync.c known-uring.c)
known-count_LIBS := -luring -laio -lpthread

# What tests with a real kernel share: loop devices on memory, programs run, reports read.
GROUND_SRC := $(addprefix tracer/tests/,ground-attempt.c ground-bpf.c ground-check.c ground-loop.c ground-place.c ground-run.c ground-trace.c)

TESTS += test-known-count
test-known-count_SRC := workloads/tests/test-known-count.c $(GROUND_SRC)
test-known-count_LIBS := -ljansson

# The tracer's counts, stages and manners on a real kernel: black-box, through its command and its JSON.
TRACE_TESTS := test-trace test-trace-filter test-trace-stages test-trace-input
TESTS += $(TRACE_TESTS)
$(foreach t,$(TRACE_TESTS),$(eval $(t)_SRC := tracer/tests/$(t).c $(GROUND_SRC))$(eval $(t)_LIBS := -ljansson))
