FUZZ_PROGS += fuzz_packet fuzz_sflow
fuzz_packet_SRCS := tests/fuzz/fuzz_packet.c
fuzz_sflow_SRCS := tests/fuzz/fuzz_sflow.c
fuzz_sflow_USES := ingest
