# SPDX-License-Identifier: GPL-2.0-or-later
# The overhead gate in virtual time: ci/gate/README.md.
GATE_SRC := ci/gate/raw.c ci/gate/decide.c ci/gate/overhead.c ci/gate/report.c

PROGRAMS += iopath-gate
iopath-gate_SRC := ci/gate/main.c ci/gate/programs.c $(GATE_SRC) $(BASE_SRC)
iopath-gate_LIBS := -lbpf -ljansson -linih -lm

GATE_RUN = $(Q)O='$(O)' CLANG='$(CLANG)' setpriv --pdeathsig TERM ci/gate/run

# make folds every failure into 2: the verdict is in build/gate/gate.json.
.PHONY: gate baseline gate-selftest
unexport GATE_ARMS GATE_WORKLOADS
gate baseline: export GATE_KERNEL := $(or $(GATE_KERNEL),6.1)
gate baseline: export GATE_ARMS := $(value GATE_ARMS)
gate baseline: export GATE_WORKLOADS := $(value GATE_WORKLOADS)
gate baseline: deps lab-deps
	$(Q)$(MAKE) $(if $(Q),-s) $(addprefix $(O)/,iopath iopath-events iopath-gate)
	$(GATE_RUN) $(if $(filter baseline,$@),baseline,decide)

# Its reports are read by programs that are not ours.
gate-selftest: deps lab-deps
	$(Q)$(MAKE) deps DEPS='jq libxml2-utils cmark-gfm'
	$(Q)$(MAKE) $(addprefix $(O)/,iopath iopath-events iopath-gate)
	$(Q)O='$(O)' setpriv --pdeathsig TERM ci/gate/selftest

# Ours beside other tracers, in one guest for each of KERNELS: some 10 minutes each.
.PHONY: results-overhead
results-overhead: export KERNELS := $(value KERNELS)
results-overhead: export GATE_ARMS := $(value GATE_ARMS)
results-overhead: export GATE_WORKLOADS := $(value GATE_WORKLOADS)
results-overhead: deps lab-deps arms-deps
	$(Q)$(MAKE) $(addprefix $(O)/,iopath iopath-events iopath-gate)
	$(Q)O='$(O)' CLANG='$(CLANG)' setpriv --pdeathsig TERM ci/gate/publish results/overhead.md

# What is added with more disks and more processors.
.PHONY: results-scaling
results-scaling: export GATE_KERNEL := $(or $(GATE_KERNEL),6.1)
results-scaling: deps lab-deps
	$(Q)$(MAKE) deps DEPS='jq gnuplot-nox'
	$(Q)$(MAKE) $(O)/iopath
	$(Q)O='$(O)' setpriv --pdeathsig TERM ci/gate/scaling results/scaling.png > $(O)/scaling.md
	$(Q)mv $(O)/scaling.md results/scaling.md

HELP_TARGETS += \
	make_results-scaling___write_results/scaling.md:_what_tracing_adds_with_more_disks_and_processors \
	make_results-overhead__write_results/overhead.md:_what_tiers_and_other_tracers_cost_in_virtual_time_(KERNELS=) \
	make_gate__________overhead_in_virtual_time_against_ci/budget.ini_and_the_baseline_(ci/gate/README.md) \
	make_baseline______measure_anew_and_write_results/baseline/,_old_beside_new \
	make_gate-selftest_test_the_gate_itself,_in_real_guests_(10_minutes)
HELP_VARIABLES += gate,_baseline:_kernel,_arms_and_workloads_are_chosen_as_ci/gate/README.md_says

TESTS += test-gate
test-gate_SRC := ci/gate/tests/test-gate.c $(GATE_SRC) $(BASE_SRC)
test-gate_LIBS := -ljansson -linih -lm
