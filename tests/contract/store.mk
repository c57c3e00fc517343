# store: crash points, stepping, golden bytes, damage
TEST_PROGS += store_crash_test
store_crash_test_SRCS := tests/contract/store_crash_test.c tests/unit/store_help.c
store_crash_test_USES := store
TEST_PROGS += store_stepping_test
store_stepping_test_SRCS := tests/contract/store_stepping_test.c tests/contract/step.c tests/unit/store_help.c
store_stepping_test_USES := store
TEST_PROGS += store_damage_test
store_damage_test_SRCS := tests/contract/store_damage_test.c tests/unit/store_help.c
store_damage_test_USES := store
TEST_PROGS += block_golden_test
block_golden_test_SRCS := tests/contract/block_golden_test.c tests/unit/store_help.c
block_golden_test_USES := store
TEST_PROGS += store_full_test
store_full_test_SRCS := tests/contract/store_full_test.c tests/unit/store_help.c
store_full_test_USES := store
TEST_PROGS += catalog_test
catalog_test_SRCS := tests/contract/catalog_test.c
