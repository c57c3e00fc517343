# ft-proxy: its queue, and what it makes of flows, read back by ingest's decoder
TEST_PROGS += proxy_test
proxy_test_SRCS := tests/unit/proxy_test.c
proxy_test_USES := proxy ingest
