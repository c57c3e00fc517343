BENCH_PROGS += bench_blast
bench_blast_SRCS := tests/bench/bench_blast.c
