# Pictures of views: a library of the command line (and whatever else prints charts).
render_SRCS := \
	render/chart.c
render_LIBS := $(shell pkg-config --libs pangocairo cairo-svg cairo-pdf 2>/dev/null || echo -lpangocairo-1.0 -lpango-1.0 -lcairo -lgobject-2.0)
$(BUILD)/obj/render/%.o: CPPFLAGS += $(shell pkg-config --cflags pangocairo 2>/dev/null)
