# SPDX-License-Identifier: GPL-2.0-or-later
# The tracer against what is known otherwise: ci/README.md, "Ground truth".
PROGRAMS += truth-load
truth-load_SRC := ci/truth/load.c
truth-load_LIBS := -luring
# its functions are told by their frames
$(O)/ci/truth/load.o: ALL_CFLAGS += -fno-omit-frame-pointer

.PHONY: lab-truth truth-smoke
lab-truth: export KERNELS := $(or $(KERNELS),6.1)
# The tracer's own tests run there too (truth/native.sh).
lab-truth: export TRUTH_TESTS := $(TRACE_TESTS)
truth-smoke: export TRUTH_TESTS := test-trace-sums
lab-truth: export CASES := $(value CASES)
# With each change: cases that share one tracer, since to start one takes longer than most of them.
truth-smoke: export KERNELS := 6.1
truth-smoke: export CASES = $(file <ci/truth/smoke)
truth-smoke: export TRUTH_OUT := $(O)/truth-smoke
lab-truth truth-smoke: TRUTH_DEPS := jq blktrace strace
lab-truth: TRUTH_DEPS += btrfs-progs bcache-tools
lab-truth truth-smoke: deps lab-deps
	$(Q)$(MAKE) deps DEPS='$(TRUTH_DEPS)'
	$(Q)$(MAKE) $(addprefix $(O)/,iopath truth-load known-count $(TRUTH_TESTS))
	$(Q)O='$(O)' setpriv --pdeathsig TERM ci/truth/run

.PHONY: results-truth
results-truth:
	$(Q)ci/truth/page '$(or $(TRUTH_OUT),$(O)/truth)/verdicts' > results/truth.md.new && mv results/truth.md.new results/truth.md

HELP_TARGETS += \
	make_results-truth_results/truth.md_of_what_lab-truth_has_left,_kernel_x_case \
	make_lab-truth_____injected_delays,_other_tools,_hostile_life,_in_the_lab_(KERNELS=_CASES=) \
	make_truth-smoke___the_part_of_it_that_runs_with_each_change:_6.1
