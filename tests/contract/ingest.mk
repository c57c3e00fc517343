# ingest: its stage stepped; LMDB and stage together killed at every write
TEST_PROGS += ingest_stepping_test ingest_crash_test
ingest_stepping_test_SRCS := tests/contract/ingest_stepping_test.c tests/contract/ingest_world.c tests/contract/step.c
ingest_stepping_test_USES := proxy ingest
ingest_crash_test_SRCS := tests/contract/ingest_crash_test.c tests/contract/ingest_world.c
ingest_crash_test_USES := ingest
# an exporter forgotten, stepped and killed
TEST_PROGS += ingest_stepping_forget_test
ingest_stepping_forget_test_SRCS := tests/contract/ingest_stepping_forget_test.c tests/contract/ingest_world.c tests/contract/step.c
ingest_stepping_forget_test_USES := ingest
# the thread of TCP connections, killed at every system call
TEST_PROGS += ingest_tcp_crash_test
ingest_tcp_crash_test_SRCS := tests/contract/ingest_tcp_crash_test.c tests/contract/ingest_world.c
ingest_tcp_crash_test_USES := ingest
