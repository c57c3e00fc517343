BENCH_PROGS += bench_query
bench_query_SRCS := tests/bench/bench_query.c tests/unit/blockgen.c
bench_query_USES := queryd
bench_query_LIBS := -lm
