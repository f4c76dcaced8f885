# SPDX-License-Identifier: GPL-2.0-or-later
# The eBPF object and its skeleton, and once more for kernels whose verifier knows fewer instructions
# (bpf/atomic.bpf.h). kernel.h pins the types, so no kernel or BTF is needed to build.
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror \
	-Wno-unused-parameter -Ibpf

$(O)/bpf/iopath_old.bpf.o: BPF_CFLAGS += -DIOP_OLD
$(O)/bpf/%.bpf.o: bpf/iopath.bpf.c $(wildcard bpf/*.bpf.c bpf/*.h) bpf/bpf.mk
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

.SECONDARY: $(O)/bpf/iopath.bpf.o $(O)/bpf/iopath_old.bpf.o $(O)/bpf/look.bpf.o $(O)/bpf/tags.bpf.o
$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen object $(O)/bpf/$*.linked.o $<
	$(Q)$(BPFTOOL) gen skeleton $(O)/bpf/$*.linked.o name $*_bpf > $@

# Run by user space in its own context, never attached (tracer/look.c, tracer/tags.c).
LOOK_OBJECTS := $(addprefix $(O)/bpf/,look.bpf.o tags.bpf.o)
$(LOOK_OBJECTS): $(O)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) bpf/bpf.mk
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@
