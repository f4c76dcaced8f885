# SPDX-License-Identifier: GPL-2.0-or-later
# Exact counts on kernels × disks × schedulers × tiers, and what the doctor says: ci/README.md.
PROGRAMS += iopath-validate
VALIDATE_SRC := $(addprefix ci/validate/,cell.c differ.c doctor.c judge.c report.c table.c target.c work.c) \
	$(addprefix tracer/tests/,ground-loop.c ground-place.c ground-run.c ground-trace.c) $(BASE_SRC)
iopath-validate_SRC := ci/validate/main.c $(VALIDATE_SRC)
iopath-validate_LIBS := -ljansson -lm

TESTS += test-validate
test-validate_SRC := ci/validate/tests/test-validate.c $(VALIDATE_SRC)
test-validate_LIBS := -ljansson -lm

VALIDATE := validate validate-merge lab-smoke doctor-check doctor-expect
VALIDATE_RUN = $(Q)O='$(O)' setpriv --pdeathsig TERM ci/validate/run
DOCTOR_KERNELS = $(or $(KERNELS),$(LAB_KERNELS_KNOWN))

.PHONY: $(VALIDATE) validate-programs
validate-programs: deps lab-deps
	$(Q)$(MAKE) $(if $(Q),-s) $(addprefix $(O)/,iopath known-count iopath-validate)

$(VALIDATE): validate-programs
validate: export KERNELS := $(value KERNELS)
validate: export DISKS := $(value DISKS)
validate: export SCHEDS := $(value SCHEDS)
validate: export TIERS := $(value TIERS)
validate: export SHARD := $(value SHARD)
validate:
	$(VALIDATE_RUN) validate

# Of what all shards have left.
validate-merge:
	$(Q)KERNELS= DISKS= SCHEDS= TIERS= SHARD= O='$(O)' ci/validate/run merge

# Devices that only a kernel with modules can make: those tests of the harness skip on many hosts.
SMOKE_DEVICES := a_partition_that_is_mounted_keeps_the_whole_disk a_member_of_a_dm_device_is_refused \
	swap_is_refused a_device_that_vanishes_ends_the_run a_disk_that_is_pulled_ends_the_run \
	null_blk_is_made_and_removed scsi_debug_is_made_and_removed polled_completions_are_measured_where_a_device_has_them
lab-smoke:
	$(Q)$(MAKE) $(if $(Q),-s) $(addprefix $(O)/,iopath iopath-bench iopath-uring fake-fio test-bench-device)
	$(Q)KERNEL=6.1 DISK=null_blk O='$(O)' setpriv --pdeathsig TERM ci/lab/run '$(O)/test-bench-device $(SMOKE_DEVICES)'
	$(Q)O='$(O)' setpriv --pdeathsig TERM ci/lab/selftest --bench
	$(Q)KERNELS=6.1 DISKS='nvme virtio scsi' SCHEDS='none mq-deadline' TIERS= SHARD= VALIDATE_OUT='$(O)/lab-smoke' \
		O='$(O)' setpriv --pdeathsig TERM ci/validate/run validate

doctor-check doctor-expect: export KERNELS := $(DOCTOR_KERNELS)
doctor-check doctor-expect: export VALIDATE_OUT = $(O)/doctor
doctor-check:
	$(VALIDATE_RUN) doctor
doctor-expect:
	$(VALIDATE_RUN) expect

HELP_TARGETS += \
	make_validate______exact_counts_on_kernels_x_disks_x_schedulers_x_tiers_(ci/README.md) \
	make_validate-merge__results/validation.md_of_what_shards_have_left \
	make_lab-smoke_____the_same_on_6.1,_three_disks,_two_schedulers;_and_the_harness_on_devices_that_it_makes_and_in_the_lab \
	make_doctor-check__what_iopath_doctor_says_on_the_kernels_of_the_lab,_against_ci/expect/ \
	make_doctor-expect_renew_ci/expect/,_old_beside_new
HELP_VARIABLES += KERNELS=_DISKS=_SCHEDS=_TIERS=_SHARD=i/n____for_make_validate
