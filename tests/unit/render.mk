TEST_PROGS += chart_test
chart_test_SRCS := tests/unit/chart_test.c
chart_test_USES := render
