# ft-exporter: packets to NetFlow and IPFIX.  Uses nothing of the other processes.
exporter_SRCS := \
	exporter/encode.c \
	exporter/libpcap.c \
	exporter/live.c \
	exporter/meter.c \
	exporter/options.c \
	exporter/run.c \
	exporter/sender.c \
	exporter/table.c
exporter_PROGS := ft-exporter:exporter/main.c
exporter_LIBS := -Wl,--as-needed -lpcap
