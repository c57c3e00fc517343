# queryd: the front (protocol, users) and the engine (filters, views, raw sessions) behind engine.h
queryd_ENGINE := \
	queryd/batch.c \
	queryd/big.c \
	queryd/coded.c \
	queryd/compile.c \
	queryd/leading.c \
	queryd/order.c \
	queryd/engine.c \
	queryd/grammar.c \
	queryd/held.c \
	queryd/interfaces.c \
	queryd/join.c \
	queryd/kernel_mask.c \
	queryd/kernel_sum.c \
	queryd/keys.c \
	queryd/keys_merge.c \
	queryd/keys_text.c \
	queryd/parts.c \
	queryd/places.c \
	queryd/query.c \
	queryd/resolve.c \
	queryd/restrict.c \
	queryd/run.c \
	queryd/scan.c \
	queryd/session_row.c \
	queryd/session_write.c \
	queryd/sessions.c \
	queryd/tables.c \
	queryd/texts.c \
	queryd/view_answer.c \
	queryd/view_detail.c \
	queryd/view_hosts.c \
	queryd/view_rank.c \
	queryd/view_top.c \
	queryd/view_unique.c \
	queryd/wide.c

# the front: server.c, users.c … one a line
queryd_FRONT := \
	queryd/audit.c \
	queryd/auth.c \
	queryd/curve.c \
	queryd/daemons.c \
	queryd/friendly.c \
	queryd/hosts.c \
	queryd/jobs.c \
	queryd/login.c \
	queryd/op_capacity.c \
	queryd/op_exporters.c \
	queryd/op_lookup.c \
	queryd/op_names.c \
	queryd/op_query.c \
	queryd/op_saved.c \
	queryd/op_server.c \
	queryd/op_settings.c \
	queryd/op_switches.c \
	queryd/op_tokens.c \
	queryd/op_users.c \
	queryd/operations.c \
	queryd/prefs.c \
	queryd/request.c \
	queryd/saved.c \
	queryd/server.c \
	queryd/settings.c \
	queryd/throttle.c \
	queryd/tickets.c \
	queryd/users.c \
	queryd/users_file.c \
	queryd/visible.c \
	queryd/workspaces.c

queryd_LIBS := -lmaxminddb
queryd_SRCS := $(queryd_ENGINE) $(queryd_FRONT)
# until the engine's last file is there, nothing can be linked
queryd_PROGS := $(if $(wildcard queryd/sessions.c),ft-queryd:queryd/main.c)
