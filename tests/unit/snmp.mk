TEST_PROGS += snmp_test
snmp_test_SRCS := tests/unit/snmp_test.c
snmp_test_USES := snmp
