BENCH_PROGS += bench_sink
bench_sink_SRCS := tests/bench/bench_sink.c
bench_sink_USES := proxy ingest
