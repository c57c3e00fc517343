# what every process stands on: configuration, counters, requests, LMDB, kept sockets
TEST_PROGS += conf_test counters_test rpc_test kv_test keeper_test
conf_test_SRCS := tests/unit/conf_test.c
counters_test_SRCS := tests/unit/counters_test.c
rpc_test_SRCS := tests/unit/rpc_test.c
kv_test_SRCS := tests/unit/kv_test.c
keeper_test_SRCS := tests/unit/keeper_test.c
$(BUILD)/tests/keeper_test: $(BUILD)/bin/ft-sockets
$(BUILD)/obj/tests/unit/keeper_test.o: CPPFLAGS += -DFT_SOCKETS_BIN='"$(BUILD)/bin/ft-sockets"'
