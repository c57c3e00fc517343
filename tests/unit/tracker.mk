# the tracker over plain memory
TEST_PROGS += tracker_direction_test
tracker_direction_test_SRCS := tests/unit/tracker_direction_test.c tests/unit/tracker_world.c
tracker_direction_test_USES := tracker
TEST_PROGS += tracker_session_test
tracker_session_test_SRCS := tests/unit/tracker_session_test.c tests/unit/tracker_world.c
tracker_session_test_USES := tracker
TEST_PROGS += tracker_differential_test
tracker_differential_test_SRCS := tests/unit/tracker_differential_test.c tests/unit/tracker_world.c
tracker_differential_test_USES := tracker
TEST_PROGS += tracker_thread_test
tracker_thread_test_SRCS := tests/unit/tracker_thread_test.c tests/unit/tracker_world.c
tracker_thread_test_USES := tracker
TEST_PROGS += tracker_kept_test
tracker_kept_test_SRCS := tests/unit/tracker_kept_test.c tests/unit/tracker_world.c
tracker_kept_test_USES := tracker
