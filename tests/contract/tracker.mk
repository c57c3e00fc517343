TEST_PROGS += tracker_stepping_test
tracker_stepping_test_SRCS := tests/contract/tracker_stepping_test.c tests/contract/step.c
tracker_stepping_test_USES := tracker
