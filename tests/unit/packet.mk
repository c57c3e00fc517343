TEST_PROGS += packet_test sflow_test
packet_test_SRCS := tests/unit/packet_test.c
sflow_test_SRCS := tests/unit/sflow_test.c
sflow_test_USES := ingest
