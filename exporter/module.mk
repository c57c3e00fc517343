# ft-exporter: packets to NetFlow and IPFIX.  Uses nothing of the other processes.
exporter_SRCS := \
	exporter/bpf.c \
	exporter/encode.c \
	exporter/live.c \
	exporter/meter.c \
	exporter/options.c \
	exporter/run.c \
	exporter/sender.c \
	exporter/table.c
exporter_PROGS := ft-exporter:exporter/main.c
exporter_LIBS := -Wl,--as-needed -lpcap
