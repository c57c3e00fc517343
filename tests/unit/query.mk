# filter language and query engine
TEST_PROGS += filter_test
filter_test_SRCS := tests/unit/filter_test.c
