FUZZ_PROGS += fuzz_block
fuzz_block_SRCS := tests/fuzz/fuzz_block.c
