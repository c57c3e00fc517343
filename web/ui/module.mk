# The interface: build/web, from web/ui, with npm.  Rebuilt when a source, the lock file or the protocol changed; nothing of
# it is needed to build the daemons: NOWEB=1 leaves it out, as does a machine without npm (make says so).
#   make web          build it now          make web-check     types and tests of it
WEB_UI    := web/ui
WEB_OUT   := build/web
WEB_NPM   := $(shell command -v npm 2>/dev/null)
WEB_SRC   := $(shell find $(WEB_UI) -path $(WEB_UI)/node_modules -prune -o -type f ! -name '*.gen.ts' -print 2>/dev/null) docs/devices.md
WEB_STAMP := build/web.stamp
WEB_DEPS  := $(WEB_UI)/node_modules/.stamp
NPM_QUIET := --no-audit --no-fund --no-update-notifier --loglevel=error

.PHONY: web web-check
web: $(WEB_STAMP)

# Installed packages are those of the lock file; their scripts are not run (none is needed).
$(WEB_DEPS): $(WEB_UI)/package.json $(WEB_UI)/package-lock.json
	$(Q)cd $(WEB_UI) && { cmp -s package-lock.json node_modules/.lock || \
		{ echo "  NPM   $(WEB_UI)" && npm ci --ignore-scripts $(NPM_QUIET) >/dev/null && cp package-lock.json node_modules/.lock; }; }
	@touch $@

# Times of files change with every switch of branches, so what counts in the end is a sum of what is in them.
# Built beside and moved: who serves the folder never sees half of it.
$(WEB_STAMP): $(WEB_DEPS) $(WEB_SRC) $(wildcard docs/protocol/*.json)
	$(Q)mkdir -p build; sum=$$(cat $(WEB_UI)/package-lock.json $(sort $(WEB_SRC)) docs/protocol/*.json | sha256sum); \
	if [ -e $(WEB_OUT)/index.html ] && [ "$$(cat $@ 2>/dev/null)" = "$$sum" ]; then touch $@; else \
		echo "  WEB   $(WEB_OUT)"; rm -f $@; \
		(cd $(WEB_UI) && WEB_OUT=$(CURDIR)/$(WEB_OUT).new npm run -s build) && \
		rm -rf $(WEB_OUT).old && { [ ! -e $(WEB_OUT) ] || mv $(WEB_OUT) $(WEB_OUT).old; } && \
		mv $(WEB_OUT).new $(WEB_OUT) && rm -rf $(WEB_OUT).old && echo "$$sum" >$@; fi

web-check: $(WEB_DEPS)
	$(Q)cd $(WEB_UI) && npm run -s check
