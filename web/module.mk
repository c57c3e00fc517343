# ft-webd, the gateway; the interface it serves is built by web/ui
web_SRCS := \
	web/webd/files.c \
	web/webd/http.c \
	web/webd/http_parse.c \
	web/webd/http_reply.c \
	web/webd/manual.c \
	web/webd/metrics.c \
	web/webd/op.c \
	web/webd/relay.c \
	web/webd/session.c \
	web/webd/tls.c \
	web/webd/upstream.c \
	web/webd/web.c
web_PROGS := ft-webd:web/webd/main.c
web_LIBS := -levent_openssl -levent_core -levent_extra -lssl -lcrypto
