TEST_PROGS += addr_test core_test ring_test stage_test shm_test
addr_test_SRCS := tests/unit/addr_test.c
core_test_SRCS := tests/unit/core_test.c
ring_test_SRCS := tests/unit/ring_test.c
stage_test_SRCS := tests/unit/stage_test.c
shm_test_SRCS := tests/unit/shm_test.c
TEST_PROGS += element_list_test
element_list_test_SRCS := tests/unit/element_list_test.c
