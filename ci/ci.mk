# SPDX-License-Identifier: GPL-2.0-or-later
# The VM lab: ci/README.md.

LAB_DEPS := qemu-system-x86 gcc libc6-dev cpio kmod xz-utils zstd util-linux procps \
	debian-archive-keyring e2fsprogs xfsprogs dmsetup cryptsetup-bin fio bpftool

LAB_KERNELS_KNOWN = $(shell awk '!/^\#/ { print $$1 }' ci/lab/kernels)

.PHONY: lab lab-deps lab-kernels lab-selftest
lab-deps:
	$(Q)$(MAKE) deps DEPS='$(LAB_DEPS)'

# CMD reaches the guest's shell as it was typed: make expands nothing in it.
unexport CMD
lab: export LAB_CMD = $(value CMD)
lab: lab-deps
	$(Q)O='$(O)' setpriv --pdeathsig TERM ci/lab/run

# Fetch them all now: what `make lab` would do at the first use of each.
lab-kernels: lab-deps
	$(Q)for k in $(or $(KERNELS),$(LAB_KERNELS_KNOWN)); do O='$(O)' ci/lab/kernel $$k || exit; done

lab-selftest: lab-deps
	$(Q)O='$(O)' ci/lab/selftest $(KERNELS)

HELP_TARGETS += \
	make_lab___________run_CMD_in_a_VM:_KERNEL=6.1_DISK=nvme,virtio,scsi_CMD=..._(ci/README.md) \
	make_lab-kernels___fetch_the_kernels_of_the_lab \
	make_lab-selftest__test_the_lab_itself_(KERNELS="5.10_6.1_6.12_7.2")
HELP_VARIABLES += KERNEL=_DISK=_MODE=realtime|virtual_FS=_TIMEOUT=_SMP=_MEM=_CMDLINE=_ACCEL=____for_make_lab
# The templates for GitHub and GitLab, carried out.
TESTS += test-templates
test-templates_SRC := ci/tests/test-templates.c ci/tests/template.c ci/tests/yaml.c tracer/tests/ground-run.c $(BASE_SRC)
test-templates_LIBS := -lyaml -ljansson -lm

TESTS += test-makefile
test-makefile_SRC := ci/tests/test-makefile.c
test-makefile_LIBS := -ljansson -lm

-include ci/gate.mk
-include ci/validate.mk
-include ci/truth.mk
