# queryd's front and what it shares with the command line
TEST_PROGS += timeframe_test
timeframe_test_SRCS := tests/unit/timeframe_test.c
TEST_PROGS += jobs_test
jobs_test_SRCS := tests/unit/jobs_test.c
jobs_test_USES := queryd
TEST_PROGS += users_test
users_test_SRCS := tests/unit/users_test.c
users_test_USES := queryd
TEST_PROGS += server_test
server_test_SRCS := tests/unit/server_test.c tests/unit/engine_stub.c
server_test_USES := queryd
TEST_PROGS += options_test
options_test_SRCS := tests/unit/options_test.c
options_test_USES := cli
