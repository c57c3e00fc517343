# decoders
TEST_PROGS += decode_test
decode_test_SRCS := tests/unit/decode_test.c
decode_test_USES := ingest
