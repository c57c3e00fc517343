TEST_PROGS += exporter_flows_test
exporter_flows_test_SRCS := tests/unit/exporter_flows_test.c
exporter_flows_test_USES := exporter
