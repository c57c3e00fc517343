tracker_SRCS := \
	tracker/attributes.c \
	tracker/direction.c \
	tracker/emit.c \
	tracker/epoch.c \
	tracker/expire.c \
	tracker/kept.c \
	tracker/nsel.c \
	tracker/segment.c \
	tracker/service_ports.c \
	tracker/session.c \
	tracker/settings.c \
	tracker/shard.c \
	tracker/table.c \
	tracker/thread.c
tracker_PROGS := ft-tracker:tracker/main.c
