# ft-exporter; what it encodes is read by ingest's decoders
TEST_PROGS += exporter_flows_test exporter_encode_test
exporter_flows_test_SRCS := tests/unit/exporter_flows_test.c
exporter_flows_test_USES := exporter
exporter_encode_test_SRCS := tests/unit/exporter_encode_test.c
exporter_encode_test_USES := exporter ingest
