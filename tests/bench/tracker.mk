BENCH_PROGS += bench_tracker
bench_tracker_SRCS := tests/bench/bench_tracker.c
bench_tracker_USES := tracker
