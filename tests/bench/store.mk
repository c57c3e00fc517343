BENCH_PROGS += bench_store
bench_store_SRCS := tests/bench/bench_store.c tests/unit/store_help.c
bench_store_USES := store
