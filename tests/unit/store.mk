# columns, blocks, snapshots, store
TEST_PROGS += codec_test
codec_test_SRCS := tests/unit/codec_test.c
TEST_PROGS += store_test
store_test_SRCS := tests/unit/store_test.c tests/unit/store_help.c
store_test_USES := store
TEST_PROGS += snapshot_test
snapshot_test_SRCS := tests/unit/snapshot_test.c tests/unit/store_help.c
snapshot_test_USES := store
TEST_PROGS += tags_test
tags_test_SRCS := tests/unit/tags_test.c tests/unit/store_help.c
tags_test_USES := store
TEST_PROGS += zone_test
zone_test_SRCS := tests/unit/zone_test.c
TEST_PROGS += store_admin_test
store_admin_test_SRCS := tests/unit/store_admin_test.c tests/unit/store_help.c
store_admin_test_USES := store

TEST_PROGS += store_relate_test
store_relate_test_SRCS := tests/unit/store_relate_test.c tests/unit/store_help.c
store_relate_test_USES := store
