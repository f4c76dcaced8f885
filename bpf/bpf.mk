# SPDX-License-Identifier: GPL-2.0-or-later
# The eBPF object and its skeleton. kernel.h pins the types, so no kernel or BTF is needed to build.
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror \
	-Wno-unused-parameter -Ibpf

$(O)/bpf/iopath.bpf.o: bpf/iopath.bpf.c $(wildcard bpf/*.bpf.c bpf/*.h) bpf/bpf.mk
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(O)/bpf/iopath.skel.h: $(O)/bpf/iopath.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen object $(O)/bpf/iopath.linked.o $<
	$(Q)$(BPFTOOL) gen skeleton $(O)/bpf/iopath.linked.o name iopath_bpf > $@
