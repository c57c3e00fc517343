# Tests.  Each tests/*/*.mk adds programs:
#   TEST_PROGS += ring_test
#   ring_test_SRCS := tests/unit/ring_test.c          (objects of its own)
#   ring_test_USES := tracker store                   (folders whose libraries it links; common is always there)
#   ring_test_LIBS := -lfoo
# Every program is run by `make check` without arguments and must end with 0.
TEST_PROGS :=
FUZZ_PROGS :=
BENCH_PROGS :=
E2E_TOOLS :=
include $(wildcard tests/unit/*.mk tests/contract/*.mk tests/fuzz/*.mk tests/bench/*.mk tests/e2e/*.mk)

define test_rules
$(BUILD)/tests/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS)) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	$$(Q)$$(CC) $$(LDFLAGS_ALL) -o $$@ $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS)) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a $($(1)_LIBS) $(foreach u,$($(1)_USES),$($(u)_LIBS)) $$(common_LIBS) -lcmocka
-include $(patsubst %.c,$(BUILD)/obj/%.d,$($(1)_SRCS))
endef
$(foreach t,$(TEST_PROGS) $(BENCH_PROGS),$(eval $(call test_rules,$(t))))

# Fuzz targets: each defines LLVMFuzzerTestOneInput.  `make check` links them with tests/fuzz/main.c and runs
# the corpus tests/fuzz/<name>.in/; `make fuzz` builds them with clang and libFuzzer.
# Benchmarks: BENCH_PROGS += bench_x, as TEST_PROGS; built and run by `make bench`.
# Tools of the end-to-end tests: E2E_TOOLS += $(BUILD)/tests/NAME with a rule of its own.
#   FUZZ_PROGS += fuzz_conf ; fuzz_conf_SRCS := tests/fuzz/fuzz_conf.c ; fuzz_conf_USES := …
fuzz_main := $(if $(FUZZ),,tests/fuzz/main.c)
define fuzz_rules
$(BUILD)/tests/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS) $(fuzz_main)) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	$$(Q)$$(CC) $$(LDFLAGS_ALL) $(if $(FUZZ),-fsanitize=fuzzer) -o $$@ $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS) $(fuzz_main)) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a $($(1)_LIBS) $(foreach u,$($(1)_USES),$($(u)_LIBS)) $$(common_LIBS)
-include $(patsubst %.c,$(BUILD)/obj/%.d,$($(1)_SRCS))
endef
$(foreach t,$(FUZZ_PROGS),$(eval $(call fuzz_rules,$(t))))
