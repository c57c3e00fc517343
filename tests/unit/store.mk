# columns, blocks, snapshots, store
TEST_PROGS += codec_test
codec_test_SRCS := tests/unit/codec_test.c
TEST_PROGS += store_test
store_test_SRCS := tests/unit/store_test.c tests/unit/store_help.c
store_test_USES := store
