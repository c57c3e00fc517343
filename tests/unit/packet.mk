TEST_PROGS += packet_test
packet_test_SRCS := tests/unit/packet_test.c
