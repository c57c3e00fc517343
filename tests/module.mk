# Tests.  Each tests/*/*.mk adds programs:
#   TEST_PROGS += ring_test
#   ring_test_SRCS := tests/unit/ring_test.c          (objects of its own)
#   ring_test_USES := tracker store                   (folders whose libraries it links; common is always there)
#   ring_test_LIBS := -lfoo
# Every program is run by `make check` without arguments and must end with 0.
TEST_PROGS :=
FUZZ_PROGS :=
include $(wildcard tests/unit/*.mk tests/contract/*.mk tests/fuzz/*.mk tests/bench/*.mk)

define test_rules
$(BUILD)/tests/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS)) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	$$(Q)$$(CC) $$(LDFLAGS_ALL) -o $$@ $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS)) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a $($(1)_LIBS) $(foreach u,$($(1)_USES),$($(u)_LIBS)) $$(common_LIBS) -lcmocka
-include $(patsubst %.c,$(BUILD)/obj/%.d,$($(1)_SRCS))
endef
$(foreach t,$(TEST_PROGS),$(eval $(call test_rules,$(t))))

# Fuzz targets: each defines LLVMFuzzerTestOneInput.  `make check` links them with tests/fuzz/main.c and runs
# the corpus tests/fuzz/<name>.in/; `make fuzz` builds them with clang and libFuzzer.
#   FUZZ_PROGS += fuzz_conf ; fuzz_conf_SRCS := tests/fuzz/fuzz_conf.c ; fuzz_conf_USES := …
define fuzz_rules
$(BUILD)/tests/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS) tests/fuzz/main.c) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a
	@mkdir -p $$(@D)
	@echo "  LD    $$@"
	$$(Q)$$(CC) $$(LDFLAGS_ALL) -o $$@ $(patsubst %.c,$(BUILD)/obj/%.o,$($(1)_SRCS) tests/fuzz/main.c) $(foreach u,$($(1)_USES),$(BUILD)/lib/lib$(u).a) $(BUILD)/lib/libcommon.a $($(1)_LIBS) $(foreach u,$($(1)_USES),$($(u)_LIBS)) $$(common_LIBS)
endef
$(foreach t,$(FUZZ_PROGS),$(eval $(call fuzz_rules,$(t))))
