FUZZ_PROGS += fuzz_conf fuzz_rpc
fuzz_conf_SRCS := tests/fuzz/fuzz_conf.c
fuzz_rpc_SRCS := tests/fuzz/fuzz_rpc.c
