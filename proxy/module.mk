# ft-proxy: ingest's decoders in front, IPFIX over TCP or TLS behind, a queue on disk between.
proxy_SRCS := \
	proxy/connections.c \
	proxy/encode.c \
	proxy/forward.c \
	proxy/intake.c \
	proxy/link.c \
	proxy/queue.c \
	proxy/receive.c \
	proxy/settings.c
proxy_PROGS := ft-proxy:proxy/main.c
proxy_USES := ingest
