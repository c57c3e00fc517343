FUZZ_PROGS += fuzz_filter
fuzz_filter_SRCS := tests/fuzz/fuzz_filter.c
