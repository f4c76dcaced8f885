# SPDX-License-Identifier: GPL-2.0-or-later
PROGRAMS += iopath-bench
INSTALL_PROGRAMS += iopath-bench
INSTALL_MAN += $(O)/iopath-bench.8
EXTRA_PROGRAMS += $(O)/iopath-bench.8
# xmllint: the tests read the XML that is written with it
# python3-*, cmark-gfm: other parsers of what it writes, for the tests
# kmod: modprobe of null_blk and scsi_debug
DEPS += libsqlite3-dev libxml2-utils kmod sysbench python3-jsonschema python3-junitparser python3-prometheus-client cmark-gfm

# Without main(): the tests link it.
BENCH_LIB := \
	bench/arm.c \
	bench/attribution.c \
	bench/calibrate.c \
	bench/cell.c \
	bench/change.c \
	bench/child.c \
	bench/cmd-compare.c \
	bench/cmd-history.c \
	bench/cmd-list.c \
	bench/cmd-merge.c \
	bench/cmd-preflight.c \
	bench/cmd-report.c \
	bench/cmd-run.c \
	bench/cmd.c \
	bench/compare.c \
	bench/compare-numbers.c \
	bench/confirm.c \
	bench/cpu.c \
	bench/device-loop.c \
	bench/device-null.c \
	bench/device-path.c \
	bench/device-scsi.c \
	bench/device.c \
	bench/energy.c \
	bench/file.c \
	bench/fio.c \
	bench/group.c \
	bench/grid.c \
	bench/guard.c \
	bench/history-csv.c \
	bench/history.c \
	bench/inputs.c \
	bench/job-check.c \
	bench/kmsg.c \
	bench/lab.c \
	bench/latency.c \
	bench/load-command.c \
	bench/load-fio.c \
	bench/load-sysbench.c \
	bench/load-uring.c \
	bench/load.c \
	bench/machine.c \
	bench/merge.c \
	bench/meter.c \
	bench/module.c \
	bench/order.c \
	bench/pass.c \
	bench/past.c \
	bench/pin.c \
	bench/plot.c \
	bench/preflight.c \
	bench/phase-round.c \
	bench/phase.c \
	bench/pmu.c \
	bench/progress.c \
	bench/reader.c \
	bench/replay.c \
	bench/report.c \
	bench/restore.c \
	bench/result.c \
	bench/resume.c \
	bench/run-sets.c \
	bench/run.c \
	bench/set.c \
	bench/setting.c \
	bench/sink.c \
	bench/stat.c \
	bench/stop.c \
	bench/svg.c \
	bench/sysbench.c \
	bench/table.c \
	bench/target.c \
	bench/tee.c \
	bench/throttle.c \
	bench/tracer.c \
	bench/tune.c \
	bench/turns.c \
	bench/undo.c \
	bench/uring.c \
	bench/verdict.c \
	bench/view-ci.c \
	bench/view-cpu.c \
	bench/view-data.c \
	bench/view-html.c \
	bench/view-md.c \
	bench/view-schedulers.c \
	bench/view-text.c \
	bench/view.c \
	bench/why.c \
	bench/words.c \
	bench/workload-settings.c \
	bench/workload.c \
	# EOL
BENCH_LIBS := -ljansson -lsqlite3 -lz -lm -lpthread

iopath-bench_SRC := bench/main.c $(BENCH_LIB) $(BASE_SRC)
iopath-bench_LIBS := $(BENCH_LIBS)

# The man page: its text here, its options from the tables of the program.
$(O)/iopath-bench.8: bench/iopath-bench.8.in $(O)/iopath-bench
	$(call say,MAN,$@)
	$(Q)$(O)/iopath-bench --mdoc > $@.options
	$(Q)sed -e '/^@OPTIONS@$$/{' -e 'r $@.options' -e 'd' -e '}' $< > $@
	$(Q)rm -f $@.options

HELP_TARGETS += make_bench_________overhead_of_a_tier_against_the_budget,_on_a_scratch_device_unless_DEV_names_one
HELP_TARGETS += make_bench-compare_the_tracer_of_revision_BASE=REV_and_this_one,_interleaved_in_one_run;_or_two_KERNELS=_of_the_lab
HELP_TARGETS += make_bench-schedulers_one_HTML_and_Markdown_report_over_all_schedulers_(DEV=,_TIER=,_WORKLOAD=)
HELP_TARGETS += make_bench-merge___the_shards_of_a_run_(RUNS='DIR...')_in_one_report_per_machine,_with_JUnit,_in_OUT=DIR
HELP_TARGETS += make_arms-deps_____install_the_tracers_of_others_that_are_ready-made_arms
HELP_TARGETS += make_arms-smoke____each_ready-made_arm_beside_ours,_in_the_lab_(5_minutes)
HELP_TARGETS += make_browser-deps__install_Chromium,_by_which_the_HTML_report_is_tested
HELP_TARGETS += make_fuzz__________every_parser_of_iopath-bench_for_FUZZ_TIME=_seconds_in_all_(300),_FUZZ=_some_of_them
HELP_VARIABLES += bench:_TIER=full|block|vfs|filemap|all_DEV=loop|/dev/X|lab:nvme_SCHED=none,bfq_WORKLOAD=NAME|FILE.fio
HELP_VARIABLES += bench:_QUICK=1_(smoke_run,_90_s)_LONG=1_(figures_to_publish)_OUT=DIR_SEED=N_ARGS=...

# TIER=all: every tier; a list of arms goes through as it is.
TIER ?= full
bench_tiers = $(if $(filter all,$(TIER)),block$(comma)vfs$(comma)filemap$(comma)full,$(TIER))
comma := ,

# What a disk of the lab needs.
lab_of_dev = $(if $(filter lab:%,$(DEV)),lab-deps)

bench_run = $(O)/iopath-bench run --arms off,off2,$(bench_tiers) --workload-dir workloads \
	$(if $(DEV),--device $(DEV)) $(if $(SCHED),--scheduler $(SCHED)) \
	$(if $(WORKLOAD),--workload $(WORKLOAD)) $(if $(SEED),--seed $(SEED)) \
	$(if $(filter-out 0,$(QUICK)),--quick) $(if $(filter-out 0,$(LONG)),--long) $(ARGS)

# A smoke run shows that everything works; its verdict does not gate. So a run
# that came to its end (exit 0, 1, 3, or 4 with a whole verdict: a noisy
# machine) is what make was asked for.
bench: deps $(lab_of_dev)
	$(Q)$(MAKE) programs
ifneq ($(filter-out 0,$(QUICK)),)
	$(Q)out="$(or $(OUT),results/local/$$(date +%Y%m%d-%H%M%S)-quick)"; \
	$(bench_run) --out "$$out" || case $$? in \
	1|3) ;; \
	4) grep -q '"complete": true' "$$out/verdict.json" 2>/dev/null && ! grep -q '"failed": true' "$$out/verdict.json" || exit 4 ;; \
	*) exit $$? ;; esac
else
	$(Q)$(bench_run) $(if $(filter-out 0,$(LONG)),,--time 14m) --history results/history.db \
		$(if $(OUT),--out $(OUT))
endif

# Two revisions of the tracer, interleaved in one run.
.PHONY: bench-compare bench-schedulers
bench_device = $(if $(DEV),--device $(DEV))
bench_options = $(if $(WORKLOAD),--workload $(WORKLOAD)) \
	$(if $(SEED),--seed $(SEED)) $(if $(filter-out 0,$(QUICK)),--quick) $(if $(filter-out 0,$(LONG)),--long) $(ARGS)
ifneq ($(filter-out 0,$(BISECT)),)
# 2, which make would end with, is "bad" for git bisect run; the death of make ends it.
bench-compare:
	$(Q)echo "bench-compare: make hides the exit codes that git bisect run wants; copy bench/bench-compare and $(O)/iopath-bench, then" \
		"git bisect run sh -c 'make -s programs || exit 125; BISECT=1 BENCH=/COPY/iopath-bench /COPY/bench-compare GOOD $(TIER)'" >&2; \
		kill -TERM $$PPID; exit 2
else
# KERNELS='A B': two kernels of the lab in place of two revisions.
bench-compare: deps $(lab_of_dev)
	$(Q)$(MAKE) programs
ifneq ($(KERNELS),)
	$(Q)$(MAKE) lab-deps
	$(Q)O=$(O) OUT=$(OUT) DISK='$(or $(patsubst lab:%,%,$(DEV)),$(DISK))' bench/bench-kernels '$(KERNELS)' $(TIER) $(if $(SCHED),--scheduler $(SCHED)) $(bench_options)
else
	$(Q)O=$(O) OUT=$(OUT) bench/bench-compare '$(BASE)' $(TIER) $(bench_device) $(if $(SCHED),--scheduler $(SCHED)) $(bench_options)
endif
endif

# What each scheduler does to the workload, and what the tracer costs under it; and in which stage the time goes.
bench-schedulers: deps $(lab_of_dev)
	$(Q)$(MAKE) programs
	$(Q)O=$(O) OUT=$(OUT) TIER=$(TIER) bench/bench-schedulers $(bench_device) $(bench_options)

# Shards of one run, from many machines: RUNS='DIR...' OUT=DIR
.PHONY: bench-merge
bench-merge: deps
	$(Q)$(MAKE) programs
	$(Q)O=$(O) bench/bench-merge '$(OUT)' $(RUNS)

INSTALL_WORKLOADS += $(sort $(wildcard workloads/*.fio workloads/*.sysbench workloads/*.uring))

# What the tests of whole runs measure: a load of known size, a fio of known figures.
PROGRAMS += bench-burn fake-fio
bench-burn_SRC := bench/tests/burn.c
bench-burn_LIBS := -lpthread
fake-fio_SRC := bench/tests/fake-fio.c

BENCH_PRELOADS := $(O)/step-clock.so $(O)/refuse-write.so
test-programs: $(BENCH_PRELOADS)
$(BENCH_PRELOADS): $(O)/%.so: bench/tests/%.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=gnu17 -Wall -Wextra -Werror $(CFLAGS) -fPIC -shared -o $@ $<

BENCH_TESTS := test-bench-arm test-bench-browser test-bench-cell test-bench-clock test-bench-compare test-bench-cpu \
	test-bench-device test-bench-fio test-bench-fuzz test-bench-guard test-bench-history test-bench-input \
	test-bench-lab test-bench-latency test-bench-make test-bench-merge test-bench-own test-bench-past \
	test-bench-plot test-bench-preflight test-bench-proc test-bench-publish test-bench-rate test-bench-readers test-bench-report \
	test-bench-resume test-bench-run test-bench-scripts test-bench-spec test-bench-stat test-bench-stop \
	test-bench-sysbench test-bench-time test-bench-tracers test-bench-tune test-bench-turns test-bench-uring \
	test-bench-verdict test-bench-view test-bench-view-people test-bench-workload test-bench-write
TESTS += $(BENCH_TESTS)
# Their runs are of a fio that only waits; what they set on the machine is set by none of the others.
TESTS_BESIDE := test-bench-own test-bench-scripts test-bench-sysbench test-bench-stop test-bench-tune
test-bench-fuzz_EXTRA := bench/fuzz/target.c
test-bench-preflight_EXTRA := bench/tests/made-machine.c
test-bench-tune_EXTRA := bench/tests/made-machine.c
test-bench-view_EXTRA := bench/tests/rendered.c
test-bench-view-people_EXTRA := bench/tests/rendered.c
BENCH_RUN_TESTS := test-bench-preflight test-bench-clock test-bench-input test-bench-lab test-bench-make test-bench-tune test-bench-device test-bench-own test-bench-publish test-bench-rate test-bench-run test-bench-scripts test-bench-stop test-bench-sysbench test-bench-tracers test-bench-uring test-bench-write
$(foreach t,$(BENCH_TESTS),$(eval $(t)_SRC := bench/tests/$(t).c bench/tests/canned.c bench/tests/schema.c $(value $(t)_EXTRA) \
	$(if $(filter $(t),$(BENCH_RUN_TESTS)),bench/tests/bench-run.c) $(BENCH_LIB) $(BASE_SRC)) \
	$(eval $(t)_LIBS := $(BENCH_LIBS)))
# What of the machine that test has made up.
test-bench-time_LIBS += $(addprefix -Wl$(comma)--wrap=,now_ns cell_run calibrate load_of attribution_run device_open target_open \
	target_close file_read_line setting_write progress_cell)

# The ready-made arms that are tracers of others.
.PHONY: arms-deps
arms-deps:
	$(Q)$(MAKE) deps DEPS='libbpf-tools bpfcc-tools bpftrace blktrace linux-perf'
	$(Q)O=$(O) ci/lab/tools

# Each of them in one table with ours, in the lab: one that does not come up, or shows no event, fails. Some 5 minutes.
.PHONY: arms-smoke
arms-smoke: deps lab-deps arms-deps
	$(Q)$(MAKE) programs
	$(Q)arms=$$($(O)/iopath-bench list | awk '/^[A-Z]/ { on = /^Arms/ } on && /^  [a-z]/ && $$1 != "cond_resched" { print $$1 }' | paste -sd,); \
	KERNEL=6.12 $(O)/iopath-bench run --device lab:nvme --workload-dir workloads --workload randrw-16k-fsync --arms "$$arms" \
		--quick --rounds 1:1 --window 300ms --span 64M --max-steal 100 --time-limit 30m --out $(O)/arms-smoke || \
	case $$? in 1|3) ;; *) exit 1 ;; esac

# test-bench-browser lays the HTML report out with it, and prints it; without it these tests are skipped.
.PHONY: browser-deps
browser-deps:
	$(Q)$(MAKE) deps DEPS=chromium

# The same targets under libFuzzer, with everything of ours instrumented: objects of their own.
.PHONY: fuzz fuzz-deps
FUZZ_TIME ?= 300
FUZZERS := fuzz-bench
fuzz-bench_SRC := bench/fuzz/fuzzer.c bench/fuzz/target.c $(BENCH_LIB) $(BASE_SRC)
fuzz-bench_LIBS := -fsanitize=fuzzer $(BENCH_LIBS)
fuzz-deps:
	$(Q)$(MAKE) deps DEPS='clang libclang-rt-dev $(filter lib%,$(DEPS))'
fuzz: fuzz-deps
	$(Q)$(MAKE) O=$(O)/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined CFLAGS='-O1 -g -fno-sanitize-recover=all' $(O)/fuzz/fuzz-bench
	$(Q)bench/fuzz/fuzz $(O)/fuzz/fuzz-bench $(FUZZ_TIME) $(O)/fuzz/found $(FUZZ)

# The design that this project began with, as an arm.
PROGRAMS += iopath-events
INSTALL_PROGRAMS += iopath-events
iopath-events_SRC := bench/arms/events.c
iopath-events_LIBS := -lbpf
$(O)/bench/arms/events.bpf.o: bench/arms/events.bpf.c bench/arms/event.h bpf/kernel.h
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -I. -c $< -o $@
$(O)/bench/arms/events.skel.h: $(O)/bench/arms/events.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name events_bpf > $@
$(O)/bench/arms/events.o: $(O)/bench/arms/events.skel.h

# What is published: each run is kept in build/publish, and done again when it is removed there.
.PHONY: results-schedulers results-disks
results-schedulers results-disks: results-%: deps
	$(Q)$(MAKE) programs
	$(Q)$(MAKE) lab-deps arms-deps
	$(Q)$(MAKE) deps DEPS=jq
	$(Q)O=$(O) OUT=$(OUT) WORKLOAD=$(WORKLOAD) ARGS='$(ARGS)' RUNS='$(RUNS)' bench/bench-publish $* results/$*.md
HELP_TARGETS += make_results-schedulers,_results-disks_write_results/schedulers.md_and_results/disks.md_(hours;_ARGS=,_RUNS=)
