# Command line tools: each its main file here; what they share goes into cli_SRCS.
cli_SRCS := \
	cli/client.c \
	cli/ctl_drain.c \
	cli/ctl_elements.c \
	cli/ctl_exporters.c \
	cli/ctl_interfaces.c \
	cli/ctl_print.c \
	cli/ctl_proxy.c \
	cli/ctl_status.c \
	cli/ctl_switches.c \
	cli/export.c \
	cli/late.c \
	cli/options.c \
	cli/parquet.c \
	cli/picture.c \
	cli/plain.c \
	cli/table.c \
	cli/view.c
cli_PROGS := \
	ft-chart:cli/ft_chart.c \
	ft-config:cli/ft_config.c \
	ft-ctl:cli/ft_ctl.c \
	ftsq:cli/ftsq.c \
	ftstat:cli/ftstat.c \
	ftum:cli/ftum.c
cli_USES := render
# only ft-chart draws: the others must not load Cairo
cli_LIBS := -Wl,--as-needed
