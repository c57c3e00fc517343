# ft-snmp: keeps sFlow switches registered and reads the names of interfaces.  Only ft-snmp-job speaks SNMP.
snmp_SRCS := \
	snmp/book.c \
	snmp/control.c \
	snmp/desk.c \
	snmp/files.c \
	snmp/interfaces.c \
	snmp/member.c \
	snmp/session.c \
	snmp/sflow_mib.c \
	snmp/sflow_mib12.c \
	snmp/sflow_mib13.c \
	snmp/sflow_rows.c \
	snmp/tell.c \
	snmp/work.c
snmp_PROGS := ft-snmp:snmp/main.c ft-snmp-job:snmp/job_main.c
# ft-snmp itself uses nothing of the library and so must not load it
snmp_LIBS := -Wl,--as-needed -lnetsnmp
