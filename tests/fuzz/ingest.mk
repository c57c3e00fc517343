# the decoders
FUZZ_PROGS += fuzz_netflow5 fuzz_netflow9 fuzz_ipfix
fuzz_netflow5_SRCS := tests/fuzz/fuzz_netflow5.c
fuzz_netflow5_USES := ingest
fuzz_netflow9_SRCS := tests/fuzz/fuzz_netflow9.c
fuzz_netflow9_USES := ingest
fuzz_ipfix_SRCS := tests/fuzz/fuzz_ipfix.c
fuzz_ipfix_USES := ingest
FUZZ_PROGS += fuzz_stream
fuzz_stream_SRCS := tests/fuzz/fuzz_stream.c
fuzz_stream_USES := ingest
FUZZ_PROGS += fuzz_show
fuzz_show_SRCS := tests/fuzz/fuzz_show.c
fuzz_show_USES := ingest
