# Command line tools: each its main file here; what they share goes into cli_SRCS.
cli_SRCS := \
	cli/ctl_drain.c \
	cli/ctl_print.c \
	cli/ctl_status.c
cli_PROGS := \
	ft-config:cli/ft_config.c \
	ft-ctl:cli/ft_ctl.c
cli_USES :=
cli_LIBS :=
