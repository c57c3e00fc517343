# decoders
TEST_PROGS += decode_test
decode_test_SRCS := tests/unit/decode_test.c
decode_test_USES := ingest
# a record's bytes, sixteen at a time
TEST_PROGS += shuffle_test
shuffle_test_SRCS := tests/unit/shuffle_test.c
shuffle_test_USES := ingest
# datagrams to sessions: both processes' folders
TEST_PROGS += pitfalls_test
pitfalls_test_SRCS := tests/unit/pitfalls_test.c tests/unit/tracker_world.c
pitfalls_test_USES := ingest tracker
TEST_PROGS += label_test
label_test_SRCS := tests/unit/label_test.c
label_test_USES := ingest
TEST_PROGS += replay_test
replay_test_SRCS := tests/unit/replay_test.c tests/unit/tracker_world.c
replay_test_USES := ingest tracker
TEST_PROGS += tee_test
tee_test_SRCS := tests/unit/tee_test.c
tee_test_USES := ingest
TEST_PROGS += exporter_test
exporter_test_SRCS := tests/unit/exporter_test.c
exporter_test_USES := ingest
# messages in a TCP stream
TEST_PROGS += stream_test
stream_test_SRCS := tests/unit/stream_test.c
stream_test_USES := ingest
TEST_PROGS += interface_test
interface_test_SRCS := tests/unit/interface_test.c
interface_test_USES := ingest queryd
# what strangers cost
TEST_PROGS += flood_test
flood_test_SRCS := tests/unit/flood_test.c
flood_test_USES := ingest
# the file of what was learnt
TEST_PROGS += learn_test
learn_test_SRCS := tests/unit/learn_test.c
learn_test_USES := ingest
