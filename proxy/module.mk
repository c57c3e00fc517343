# ft-proxy: ingest's decoders in front, IPFIX over TCP or TLS behind, a queue on disk between.  ft-import
# goes the same way with what nfdump has kept.
proxy_SRCS := \
	proxy/connections.c \
	proxy/encode.c \
	proxy/feed.c \
	proxy/forward.c \
	proxy/intake.c \
	proxy/link.c \
	proxy/nfdump.c \
	proxy/queue.c \
	proxy/receipts.c \
	proxy/receive.c \
	proxy/settings.c
proxy_PROGS := ft-proxy:proxy/main.c ft-import:proxy/import_main.c
proxy_USES := ingest
