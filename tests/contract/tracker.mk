TEST_PROGS += tracker_stepping_test
tracker_stepping_test_SRCS := tests/contract/tracker_stepping_test.c tests/contract/step.c
tracker_stepping_test_USES := tracker
TEST_PROGS += tracker_stepping_kept_test
tracker_stepping_kept_test_SRCS := tests/contract/tracker_stepping_kept_test.c tests/contract/step.c
tracker_stepping_kept_test_USES := tracker
