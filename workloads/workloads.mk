# SPDX-License-Identifier: GPL-2.0-or-later
# The generator of known I/O; it includes nothing of the tracer's.
PROGRAMS += known-count
known-count_SRC := $(addprefix workloads/,known-count.c known-engine.c known-libaio.c known-manifest.c \
	known-mmap.c known-plan.c known-queue.c known-sync.c known-uring.c)
known-count_LIBS := -luring -laio -lpthread

# The load generator on io_uring; it includes nothing of ours either.
PROGRAMS += iopath-uring
INSTALL_PROGRAMS += iopath-uring
URING_LIB := $(addprefix workloads/,uring-hist.c uring-job.c uring-loop.c uring-plan.c uring-report.c uring-ring.c uring-stream.c)
iopath-uring_SRC := workloads/uring-main.c $(URING_LIB)
iopath-uring_LIBS := -luring -ljansson -lm -lpthread

# The man page: its text here, its options from the table of the program.
INSTALL_MAN += $(O)/iopath-uring.8
EXTRA_PROGRAMS += $(O)/iopath-uring.8
$(O)/iopath-uring.8: workloads/iopath-uring.8.in $(O)/iopath-uring
	$(call say,MAN,$@)
	$(Q)$(O)/iopath-uring --mdoc > $@.options
	$(Q)sed -e '/^@OPTIONS@$$/{' -e 'r $@.options' -e 'd' -e '}' $< > $@
	$(Q)rm -f $@.options

# What tests with a real kernel share: loop devices on memory, programs run, reports read.
GROUND_SRC := $(addprefix tracer/tests/,ground-attempt.c ground-bpf.c ground-cgroup.c ground-check.c ground-loop.c ground-loops.c ground-place.c ground-run.c ground-slow.c ground-trace.c)

TESTS += test-known-count test-uring test-uring-loop
test-uring_SRC := workloads/tests/test-uring.c bench/tests/schema.c $(GROUND_SRC)
test-uring_LIBS := -ljansson
test-uring-loop_SRC := workloads/tests/test-uring-loop.c workloads/uring-hist.c workloads/uring-loop.c workloads/uring-plan.c workloads/uring-stream.c
test-uring-loop_LIBS := -lm
test-known-count_SRC := workloads/tests/test-known-count.c $(GROUND_SRC)
test-known-count_LIBS := -ljansson

# The tracer's counts, stages and manners on a real kernel: black-box, through its command and its JSON.
TRACE_TESTS := test-inflight test-trace test-trace-cache test-trace-cgroup test-trace-filter test-trace-place test-trace-stages test-trace-input
TRACE_TESTS += test-trace-budget test-trace-by test-trace-kinds test-trace-levels test-trace-records test-trace-room test-trace-tree test-trace-who test-trace-anomaly test-trace-stacks test-trace-sums test-top
TESTS += $(TRACE_TESTS)
$(foreach t,$(TRACE_TESTS),$(eval $(t)_SRC := tracer/tests/$(t).c $(GROUND_SRC))$(eval $(t)_LIBS := -ljansson))
test-trace-kinds_LIBS += -luring
