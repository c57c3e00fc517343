FUZZ_PROGS += fuzz_timeframe fuzz_operations
fuzz_timeframe_SRCS := tests/fuzz/fuzz_timeframe.c
fuzz_operations_SRCS := tests/fuzz/fuzz_operations.c
fuzz_operations_USES := queryd
