TEST_PROGS += packet_test sflow_test sflow24_test
packet_test_SRCS := tests/unit/packet_test.c
sflow_test_SRCS := tests/unit/sflow_test.c
sflow_test_USES := ingest
sflow24_test_SRCS := tests/unit/sflow24_test.c
sflow24_test_USES := ingest
