# SPDX-License-Identifier: GPL-2.0-or-later
# The only build entry. Fragments beside the code list its sources; `make help` lists targets.

O       ?= build
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool /usr/bin/bpftool) bpftool)
PREFIX  ?= /usr/local
SANITIZE ?=

# CC defaults to "cc" inside make; gcc is what the packages below bring
ifeq ($(origin CC),default)
CC := gcc
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
MAKEFLAGS += --no-print-directory
endif

VERSION := 0.1.0
ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')

CPPFLAGS += -D_GNU_SOURCE -DIOPATH_VERSION='"$(VERSION)"' -I. -I$(O)
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu17 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -fno-strict-aliasing $(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
ALL_LDFLAGS = $(LDFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE))

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all help deps deps-check test test-programs run-tests bench install uninstall clean check-headers
all: deps-check
	$(Q)$(MAKE) programs compile_commands.json

# What a fresh Debian machine lacks; each entry is used by something in the tree.
DEPS := gcc make pkg-config clang llvm bpftool libbpf-dev libelf-dev libncurses-dev zlib1g-dev libjansson-dev \
	libinih-dev libyaml-dev libcunit1-dev liburing-dev libaio-dev fio e2fsprogs mount util-linux procps

# Fragments add to these lists.
PROGRAMS :=
TESTS :=
CLEAN :=

include tracer/base/base.mk
-include bpf/bpf.mk
-include tracer/tracer.mk
-include workloads/workloads.mk
-include bench/bench.mk
-include ci/ci.mk

OBJ = $(patsubst %.c,$(O)/%.o,$(1))

$(O)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# Written only when the revision is another one, so that nothing is linked again in between.
$(O)/revision.h: FORCE
	@mkdir -p $(@D)
	@revision=$$(tracer/base/revision); line="#define IOPATH_REVISION \"$${revision:+ ($$revision)}\""; \
	[ "$$line" = "$$(cat $@ 2>/dev/null)" ] || { echo "$$line" >$@.$$$$ && mv $@.$$$$ $@; }
$(O)/tracer/main.o $(O)/bench/main.o: $(O)/revision.h
.PHONY: FORCE
FORCE:

# $(call program,NAME,SOURCES,LIBS): link build/NAME
define program
$(O)/$(1): $(call OBJ,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(3)
ALL_SRC += $(2)
endef

ALL_SRC :=
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p),$($(p)_SRC),$($(p)_LIBS))))
$(foreach p,$(FUZZERS),$(eval $(call program,$(p),$($(p)_SRC),$($(p)_LIBS))))
$(foreach p,$(TESTS),$(eval $(call program,$(p),$($(p)_SRC),$($(p)_LIBS) -lcunit)))
ALL_SRC := $(sort $(ALL_SRC))
-include $(patsubst %.c,$(O)/%.d,$(ALL_SRC))

.PHONY: programs
programs: $(addprefix $(O)/,$(PROGRAMS)) $(EXTRA_PROGRAMS)
test-programs: programs $(addprefix $(O)/,$(TESTS))

# Asks dpkg alone, so that it costs nothing when all is there.
missing_deps = $(shell dpkg-query -W -f='$${Package} $${Status}\n' $(DEPS) 2>/dev/null | \
	awk 'BEGIN { n = split("$(DEPS)", want) } / installed$$/ { have[$$1] = 1 } \
	END { for (i = 1; i <= n; i++) if (!have[want[i]]) print want[i] }')

deps-check: deps
deps:
	@missing="$(strip $(missing_deps))"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "make deps: no apt-get here; install the equivalents of: $$missing" >&2; exit 1; fi; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "make deps: packages are missing; run:" >&2; \
		echo "  sudo apt-get install --no-install-recommends $$missing" >&2; exit 1; fi; \
	echo "make deps: installing $$missing"; \
	apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null

# LONG=1: with the fuzzers, first, as the last line is the tests' total; and for the tests' own make it means another thing.
test: deps
ifneq ($(filter-out 0,$(LONG)),)
	$(Q)$(MAKE) fuzz
endif
	$(Q)$(MAKE) run-tests LONG=

run-tests: test-programs
	$(Q)ci/run-tests $(addprefix $(O)/,$(filter-out $(TESTS_BESIDE),$(TESTS))) -- $(addprefix $(O)/,$(TESTS_BESIDE))

# Every header must compile alone.
HEADERS = $(sort $(wildcard tracer/*.h tracer/base/*.h bench/*.h) bpf/wire.h)
check-headers:
	$(Q)for h in $(HEADERS); do \
		$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -Wno-unused-function -x c -fsyntax-only $$h || exit 1; done

compile_commands.json: Makefile $(wildcard */*.mk) $(wildcard */*/*.mk)
	$(Q)args=$$(printf '%s\n' $(subst ",\",$(subst ',,$(CPPFLAGS))) $(ALL_CFLAGS) -c | sed 's/"/\\"/g; s/.*/,"&"/' | tr -d '\n'); \
	{ echo '['; sep=''; for s in $(ALL_SRC); do \
		printf '%s{"directory":"%s","file":"%s","arguments":["%s"%s,"%s"]}\n' "$$sep" "$(CURDIR)" "$$s" "$(CC)" "$$args" "$$s"; \
		sep=','; done; echo ']'; } > $@

install: all
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/iopath/workloads
	$(Q)install -m 755 $(addprefix $(O)/,$(INSTALL_PROGRAMS)) $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 $(INSTALL_MAN) $(DESTDIR)$(PREFIX)/share/man/man8
	$(Q)install -m 644 $(INSTALL_WORKLOADS) $(DESTDIR)$(PREFIX)/share/iopath/workloads

uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(INSTALL_PROGRAMS)))
	$(Q)rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man8/,$(notdir $(INSTALL_MAN)))
	$(Q)rm -rf $(DESTDIR)$(PREFIX)/share/iopath

clean:
	$(Q)rm -rf $(O) compile_commands.json

help:
	@echo 'Targets'
	@echo '  make               build build/iopath and build/iopath-bench'
	@echo '  make test          build and run all tests (the kernel part needs root, else it is skipped); LONG=1: make fuzz before them'
	@$(foreach h,$(HELP_TARGETS),echo '  $(subst _, ,$(h))';)
	@echo '  make deps          install the Debian packages that are missing (as root), else print the line to run'
	@echo '  make install       into $$(DESTDIR)$$(PREFIX)'
	@echo '  make check-headers every header compiles alone'
	@echo '  make clean'
	@echo 'Variables'
	@echo '  O=build V=1 CC=gcc|clang CFLAGS= SANITIZE=address,undefined DESTDIR= PREFIX=/usr/local IOPATH_REVISION='
	@$(foreach h,$(HELP_VARIABLES),echo '  $(subst _, ,$(h))';)
