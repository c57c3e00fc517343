BENCH_PROGS += bench_decode
bench_decode_SRCS := tests/bench/bench_decode.c
bench_decode_USES := ingest
