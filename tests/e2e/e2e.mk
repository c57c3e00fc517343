# The traffic generator of the end-to-end tests and the benchmark: a program of its own that shares nothing with
# what it tests.
E2E_TOOLS += $(BUILD)/tests/trafficgen
$(BUILD)/tests/trafficgen: tests/e2e/gen/trafficgen.c
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -g -o $@ $< -lm
