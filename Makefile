# Every entry point of the project.  Non-recursive: each folder has a module.mk that names what it
# builds; this file knows how.  `make help` lists the targets.
#
#   make TINY=1        64-row blocks, 8-slot rings, batches of 2: boundary bugs become frequent
#   make FUZZ=1 CC=clang BUILD=build/fuzz   fuzz targets with libFuzzer
#   make SAN=asan      address + undefined behaviour sanitizers;  SAN=tsan  thread sanitizer
# Variants build beside each other: build/, build/tiny/, build/asan/, build/asan-tiny/ ...

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
AR      ?= ar
TINY    ?=
SAN     ?=
variant := $(strip $(SAN)$(if $(and $(SAN),$(TINY)),-)$(if $(TINY),tiny))
BUILD   ?= build$(if $(variant),/$(variant))
VERSION := 0.1.0

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual \
        -Wpointer-arith -Wvla $(if $(CI),-Werror)
OPT  := -O2 -g -fno-omit-frame-pointer
ifeq ($(SAN),asan)
OPT  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
ifeq ($(SAN),tsan)
OPT  := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
endif
ifneq ($(FUZZ),)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
endif
# The daemons that flows pass are optimised as wholes when they are linked (a tenth less CPU a flow); what tests link is not,
# since that takes seconds a program.  Objects hold both forms.
WHOLE := ft-ingest ft-tracker ft-store ft-queryd
ifeq ($(variant)$(FUZZ),)
ifneq ($(shell $(CC) --version 2>/dev/null | grep -c 'Free Software'),0)
LTO := -flto=auto
OPT := -O2 -g -fomit-frame-pointer -ffat-lto-objects $(LTO)
NO_LTO := -fno-lto
endif
endif
CPPFLAGS_ALL = -D_GNU_SOURCE -DFT_VERSION='"$(VERSION)"' $(if $(TINY),-DFT_TINY=1) $(if $(FUZZ),-DFT_FUZZ=1) -I. -I$(BUILD)/gen $(CPPFLAGS)
CFLAGS_ALL   := -std=c11 $(WARN) $(OPT) -pthread -fPIC $(CFLAGS)
LDFLAGS_ALL   = $(OPT) $(NO_LTO) -pthread $(LDFLAGS)

# ---- what a module.mk may say --------------------------------------------------------------------
#   FOLDER_SRCS  := sources of lib<folder>.a, one a line (everything but the mains)
#   FOLDER_PROGS := program:main-source pairs; built into $(BUILD)/bin
#   FOLDER_USES  := folders whose libraries it links, nearest first (common is always last)
#   FOLDER_LIBS  := linker words (-lzmq ...)
# and targets of its own.
MODULES := common ingest proxy snmp exporter tracker store queryd web render cli deploy tests
include $(wildcard $(addsuffix /module.mk,$(MODULES)))

all_objs :=
all_progs :=
define module_rules
$(1)_OBJS := $$(patsubst %.c,$$(BUILD)/obj/%.o,$$($(1)_SRCS))
all_objs += $$($(1)_OBJS)
$$(BUILD)/lib/lib$(1).a: $$($(1)_OBJS)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$($(1)_OBJS)
$$(foreach p,$$($(1)_PROGS),$$(eval $$(call program_rules,$(1),$$(word 1,$$(subst :, ,$$(p))),$$(word 2,$$(subst :, ,$$(p))))))
endef
# program_rules: folder, program, main source
define program_rules
all_progs += $$(BUILD)/bin/$(2)
all_objs += $$(BUILD)/obj/$$(basename $(3)).o
$$(BUILD)/bin/$(2): $$(BUILD)/obj/$$(basename $(3)).o $$(if $$($(1)_SRCS),$$(BUILD)/lib/lib$(1).a) $$(foreach u,$$($(1)_USES),$$(BUILD)/lib/lib$$(u).a) $$(BUILD)/lib/libcommon.a
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	$$(Q)$$(CC) $$(LDFLAGS_ALL) -o $$@ $$< $$(if $$($(1)_SRCS),$$(BUILD)/lib/lib$(1).a) $$(foreach u,$$($(1)_USES),$$(BUILD)/lib/lib$$(u).a) $$(BUILD)/lib/libcommon.a $$($(1)_LIBS) $$(foreach u,$$($(1)_USES),$$($$(u)_LIBS)) $$(common_LIBS)
endef
$(foreach m,$(filter-out tests deploy,$(MODULES)),$(eval $(call module_rules,$(m))))

$(addprefix $(BUILD)/bin/,$(WHOLE)): NO_LTO :=

Q := $(if $(V),,@)
# generated headers come first: names of settings (a section may be empty or nested, which CPP can't paste)
$(BUILD)/gen/conf_keys.h: common/config.def common/conf_gen.awk
	@mkdir -p $(@D)
	$(Q)awk -f common/conf_gen.awk $< > $@.new && mv $@.new $@
$(BUILD)/obj/%.o: %.c | $(BUILD)/gen/conf_keys.h
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
-include $(all_objs:.o=.d)

.PHONY: all help deps clean deb check check-fast soak run stop bench bench-programs fuzz lint install \
	test-programs print-test-programs fuzz-programs print-fuzz-programs e2e-tools
include web/ui/module.mk
all: $(all_progs)
ifeq ($(NOWEB)$(SAN)$(TINY)$(FUZZ),)
ifneq ($(WEB_NPM),)
all: $(WEB_STAMP)
else
all: no-web
.PHONY: no-web
no-web:
	@echo "  WEB   left out: there is no npm here (make deps installs it; NOWEB=1 says that none is wanted)"
endif
endif

help:
	@echo "make run      install what is missing, build, start every daemon here, show how to use it"
	@echo "make stop     stop what make run started (its data stays in ./run)"
	@echo "make check    install what tests need, build, run them all"
	@echo "make deps     install what a build needs (asks sudo where it must)"
	@echo "make          build everything into build/, programs in build/bin, the web interface in build/web (NOWEB=1: without it)"
	@echo "make soak     the long rounds: kills, stepping, fuzzing"
	@echo "make bench    speed side by side with other collectors"
	@echo "make deb      Debian packages into build/deb"
	@echo "make fuzz | lint | install DESTDIR= | clean"

deps:
	@deploy/deps build

# ---- tests ---------------------------------------------------------------------------------------
test_progs := $(addprefix $(BUILD)/tests/,$(TEST_PROGS) $(FUZZ_PROGS))
fuzz_progs := $(addprefix $(BUILD)/tests/,$(FUZZ_PROGS))
test-programs: $(test_progs)
print-test-programs:
	@echo $(test_progs)
fuzz-programs: $(fuzz_progs)
print-fuzz-programs:
	@echo $(fuzz_progs)
e2e-tools: $(E2E_TOOLS)

check:
	@deploy/deps test
	@tests/run
check-fast:
	@tests/run lint unit
soak:
	@deploy/deps test
	@FT_SOAK=1 FUZZ_SECONDS=$${FUZZ_SECONDS:-60} tests/run unit tiny e2e e2e-asan browser-asan fuzz
fuzz:
	@deploy/deps test
	@tests/run fuzz
lint:
	@tests/run lint
bench:
	@deploy/deps test
	@$(MAKE) --no-print-directory all e2e-tools bench-programs
	@tests/bench/bench
	@tests/bench/bench_formats
	@tests/bench/bench_exporter
	@tests/bench/bench_proxy
bench-programs: $(addprefix $(BUILD)/tests/,$(BENCH_PROGS))

# ---- running -------------------------------------------------------------------------------------
# Flows are collected where npm's registry can't be reached, too; the web interface is then missing, and said to be.
run:
	@deploy/deps run
	@$(MAKE) --no-print-directory -j$$(nproc) all NOWEB=1
	@[ -n "$(NOWEB)" ] || $(MAKE) --no-print-directory all || \
		echo "make run: the web interface was not built (why: above); all else runs.  Once that is mended: make && make run"
	@deploy/run up
stop:
	@deploy/run down

prefix  ?= /usr
install: all
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)/etc/flowtrove $(DESTDIR)$(prefix)/lib/systemd/system \
		$(DESTDIR)$(prefix)/lib/sysusers.d $(DESTDIR)$(prefix)/lib/tmpfiles.d $(DESTDIR)/etc/sysctl.d $(DESTDIR)/etc/logrotate.d \
		$(DESTDIR)$(prefix)/share/man/man1 $(DESTDIR)$(prefix)/share/man/man5 $(DESTDIR)$(prefix)/share/man/man8
	install -m 755 $(all_progs) $(DESTDIR)$(prefix)/bin/
	$(BUILD)/bin/ft-config example > $(DESTDIR)/etc/flowtrove/flowtrove.conf
	[ -e $(DESTDIR)/etc/flowtrove/flowproxy.conf ] || install -m 640 deploy/flowproxy.conf $(DESTDIR)/etc/flowtrove/
	$(BUILD)/bin/ft-config man > $(DESTDIR)$(prefix)/share/man/man5/flowtrove.conf.5
	install -m 644 deploy/systemd/*.service deploy/systemd/*.target $(DESTDIR)$(prefix)/lib/systemd/system/
	install -m 644 deploy/systemd/flowtrove.sysusers $(DESTDIR)$(prefix)/lib/sysusers.d/flowtrove.conf
	install -m 644 deploy/systemd/flowtrove.tmpfiles $(DESTDIR)$(prefix)/lib/tmpfiles.d/flowtrove.conf
	install -d $(DESTDIR)$(prefix)/share/flowtrove
	install -m 644 docs/openapi.yaml $(DESTDIR)$(prefix)/share/flowtrove/
	[ ! -e build/web/index.html ] || { rm -rf $(DESTDIR)$(prefix)/share/flowtrove/web && cp -r build/web $(DESTDIR)$(prefix)/share/flowtrove/web; }
	install -m 644 deploy/sysctl.d/flowtrove.conf $(DESTDIR)/etc/sysctl.d/50-flowtrove.conf
	install -m 644 deploy/logrotate/flowtrove $(DESTDIR)/etc/logrotate.d/flowtrove
	for n in 1 5 8; do for m in docs/man/*.$$n; do [ -e "$$m" ] && install -m 644 "$$m" $(DESTDIR)$(prefix)/share/man/man$$n/; done; done; true

deb: all
	@deploy/deb

clean:
	rm -rf build
