# SPDX-License-Identifier: GPL-2.0-or-later
TRACER_SRC := \
	tracer/anomaly.c \
	tracer/anomaly-limits.c \
	tracer/anomalies.c \
	tracer/cgroup.c \
	tracer/disk.c \
	tracer/critical.c \
	tracer/disk-info.c \
	tracer/disk-tree.c \
	tracer/hist.c \
	tracer/hook.c \
	tracer/kernel.c \
	tracer/ksyms.c \
	tracer/room.c \
	tracer/look.c \
	tracer/object.c \
	tracer/preempt.c \
	tracer/record.c \
	tracer/session.c \
	tracer/session-config.c \
	tracer/session-cost.c \
	tracer/standin.c \
	tracer/stacks.c \
	tracer/stacks-map.c \
	tracer/stamp.c \
	tracer/stats.c \
	tracer/symbol-table.c \
	tracer/symbols.c \
	tracer/tags.c \
	tracer/unfinished.c \
	tracer/who.c \
	tracer/who-map.c \
	# EOL

TRACER_LIBS := -lbpf -lelf -linih -ljansson -lm

PROGRAMS += iopath
iopath_SRC := \
	tracer/child.c \
	tracer/cmd-doctor.c \
	tracer/cmd-inflight.c \
	tracer/cmd-top.c \
	tracer/cmd-trace.c \
	tracer/governor.c \
	tracer/hung.c \
	tracer/trace-budget.c \
	tracer/view-budget.c \
	tracer/top.c \
	tracer/trace-records.c \
	tracer/trace-report.c \
	tracer/trace-run.c \
	tracer/json-line.c \
	tracer/view-record.c \
	tracer/view-record-json.c \
	tracer/view-record-text.c \
	tracer/file-path.c \
	tracer/inflight-task.c \
	tracer/inflight.c \
	tracer/main.c \
	tracer/top-lines.c \
	tracer/trace-opts.c \
	tracer/trace-places.c \
	tracer/trace-who.c \
	tracer/view-anomaly.c \
	tracer/view-inflight.c \
	tracer/view-json.c \
	tracer/view-stacks.c \
	tracer/view-text.c \
	tracer/view-who-json.c \
	tracer/view-who-text.c \
	tracer/task-info.c \
	tracer/view.c \
	tracer/watch.c \
	$(TRACER_SRC) $(BASE_SRC)
iopath_LIBS := -lncursesw -ltinfo $(TRACER_LIBS)
$(O)/tracer/object.o: $(O)/bpf/iopath.skel.h $(O)/bpf/iopath_old.skel.h
$(O)/tracer/look.o: $(O)/bpf/look.skel.h
$(O)/tracer/tags.o: $(O)/bpf/tags.skel.h

# The man page: its text here, its options from the tables of the program.
$(O)/iopath.8: tracer/iopath.8.in $(O)/iopath
	$(call say,MAN,$@)
	$(Q)$(O)/iopath --mdoc > $@.options
	$(Q)$(O)/iopath --mdoc-anomalies > $@.anomalies
	$(Q)sed -e '/^@OPTIONS@$$/{' -e 'r $@.options' -e 'd' -e '}' \
		-e '/^@ANOMALIES@$$/{' -e 'r $@.anomalies' -e 'd' -e '}' $< > $@
	$(Q)rm -f $@.options $@.anomalies
EXTRA_PROGRAMS += $(O)/iopath.8
INSTALL_PROGRAMS += iopath
INSTALL_MAN += $(O)/iopath.8

TESTS += test-base test-hist test-hook
test-base_SRC := tracer/base/tests/test-base.c $(BASE_SRC)
test-base_LIBS := -lm
test-hist_SRC := tracer/tests/test-hist.c tracer/hist.c tracer/stats.c
test-hist_LIBS := -lm
test-hook_SRC := tracer/tests/test-hook.c tracer/hook.c tracer/stamp.c tracer/disk.c $(BASE_SRC)
test-hook_LIBS := -lm

TESTS += test-preempt
test-preempt_SRC := tracer/tests/test-preempt.c tracer/preempt.c

TESTS += test-governor
test-governor_SRC := tracer/tests/test-governor.c tracer/governor.c

TESTS += test-stamps
test-stamps_SRC := tracer/tests/test-stamps.c
TESTS += test-record
test-record_SRC := tracer/tests/test-record.c tracer/critical.c tracer/record.c tracer/top.c tracer/ksyms.c
TESTS += test-disk-tree
test-disk-tree_SRC := tracer/tests/test-disk-tree.c tracer/disk-tree.c
TESTS += test-anomaly test-who
test-anomaly_SRC := tracer/tests/test-anomaly.c tracer/anomaly.c tracer/anomaly-limits.c tracer/who.c \
	tracer/disk.c $(BASE_SRC)
test-anomaly_LIBS := -linih -lm
test-who_SRC := tracer/tests/test-who.c tracer/who.c tracer/disk.c $(BASE_SRC)
test-who_LIBS := -lm
TESTS += test-top-lines
test-top-lines_SRC := tracer/tests/test-top-lines.c tracer/top-lines.c tracer/view-who-text.c tracer/who.c tracer/disk.c $(BASE_SRC)
test-top-lines_LIBS := -lm
TESTS += test-stacks
test-stacks_SRC := tracer/tests/test-stacks.c tracer/disk.c tracer/ksyms.c tracer/stacks.c tracer/symbol-table.c tracer/symbols.c \
	tracer/who.c $(BASE_SRC)
test-stacks_LIBS := -lelf -lm
TESTS += test-unfinished
test-unfinished_SRC := tracer/tests/test-unfinished.c tracer/unfinished.c
# What a view prints.
VIEW_SRC := \
	tracer/anomaly-limits.c \
	tracer/cgroup.c \
	tracer/critical.c \
	tracer/disk-info.c \
	tracer/disk-tree.c \
	tracer/disk.c \
	tracer/ksyms.c \
	tracer/record.c \
	tracer/json-line.c \
	tracer/view-record.c \
	tracer/view-record-json.c \
	tracer/view-record-text.c \
	tracer/hist.c \
	tracer/hook.c \
	tracer/file-path.c \
	tracer/inflight-task.c \
	tracer/stacks.c \
	tracer/stats.c \
	tracer/symbol-table.c \
	tracer/symbols.c \
	tracer/governor.c \
	tracer/view-anomaly.c \
	tracer/view-budget.c \
	tracer/view-inflight.c \
	tracer/view-json.c \
	tracer/view-stacks.c \
	tracer/view-text.c \
	tracer/view-who-json.c \
	tracer/view-who-text.c \
	tracer/task-info.c \
	tracer/view.c \
	tracer/watch.c \
	tracer/who.c \
	tracer/tests/printed.c \
	bench/tests/schema.c $(BASE_SRC)
VIEW_TESTS := test-view test-view-record
TESTS += $(VIEW_TESTS)
$(foreach t,$(VIEW_TESTS),$(eval $(t)_SRC := tracer/tests/$(t).c $(VIEW_SRC))$(eval $(t)_LIBS := -lelf -linih -ljansson -lm))
