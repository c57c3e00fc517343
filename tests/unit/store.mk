# columns, blocks, snapshots, store
TEST_PROGS += codec_test
codec_test_SRCS := tests/unit/codec_test.c
