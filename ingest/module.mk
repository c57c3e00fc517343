# ft-ingest: sockets and decoders.  The decoders alone (decode.h) need neither sockets nor shared memory.
ingest_SRCS := \
	ingest/capture.c \
	ingest/census.c \
	ingest/control.c \
	ingest/forget.c \
	ingest/decode.c \
	ingest/exporter.c \
	ingest/exporter_set.c \
	ingest/exporter_show.c \
	ingest/hourly.c \
	ingest/interface.c \
	ingest/interface_control.c \
	ingest/interface_file.c \
	ingest/interface_store.c \
	ingest/ipfix.c \
	ingest/label.c \
	ingest/kept.c \
	ingest/journal.c \
	ingest/learn.c \
	ingest/netflow5.c \
	ingest/netflow9.c \
	ingest/options.c \
	ingest/program.c \
	ingest/program_settle.c \
	ingest/setting.c \
	ingest/role.c \
	ingest/proxied.c \
	ingest/sets.c \
	ingest/show.c \
	ingest/shuffle.c \
	ingest/sflow.c \
	ingest/sflow24.c \
	ingest/sflow_flow.c \
	ingest/socket.c \
	ingest/source.c \
	ingest/tee.c \
	ingest/stream.c \
	ingest/tcp.c \
	ingest/tcp_answer.c \
	ingest/tcp_read.c \
	ingest/template.c \
	ingest/template_group.c \
	ingest/thread.c \
	ingest/tls.c \
	ingest/waiting.c
ingest_PROGS := ft-ingest:ingest/main.c ft-decode:ingest/decode_main.c ft-sockets:ingest/keeper_main.c
ingest_LIBS := -Wl,--as-needed -lssl -lcrypto
