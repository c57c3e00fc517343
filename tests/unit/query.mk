# filter language and query engine
TEST_PROGS += filter_test query_test query_sessions_test
filter_test_SRCS := tests/unit/filter_test.c
query_CORPUS := tests/unit/blockgen.c tests/unit/query_naive.c tests/unit/query_naive_corpus.c tests/unit/query_naive_filter.c
query_test_SRCS := tests/unit/query_test.c tests/unit/blockseal.c $(query_CORPUS)
query_test_USES := queryd store
query_sessions_test_SRCS := tests/unit/query_sessions_test.c $(query_CORPUS)
query_sessions_test_USES := queryd
