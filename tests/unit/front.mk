# queryd's front and what it shares with the command line
TEST_PROGS += timeframe_test
timeframe_test_SRCS := tests/unit/timeframe_test.c
