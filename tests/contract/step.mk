TEST_PROGS += stage_stepping_test
stage_stepping_test_SRCS := tests/contract/stage_stepping_test.c tests/contract/step.c
