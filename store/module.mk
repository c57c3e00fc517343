store_SRCS := \
	store/admin.c \
	store/catalog.c \
	store/change.c \
	store/columns.c \
	store/examine.c \
	store/expire.c \
	store/groups.c \
	store/index.c \
	store/intake.c \
	store/journal.c \
	store/look.c \
	store/open_block.c \
	store/recover.c \
	store/relate.c \
	store/repair.c \
	store/rescan.c \
	store/seal.c \
	store/segment.c \
	store/serve.c \
	store/tags.c \
	store/trim.c
store_PROGS := ft-store:store/main.c
store_LIBS := -lmaxminddb
