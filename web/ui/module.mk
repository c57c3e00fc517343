# The interface: build/web, from web/ui, with npm.  Rebuilt when a source, the lock file or the protocol changed; nothing of
# it is needed to build the daemons: NOWEB=1 leaves it out, as does a machine without npm (make says so).
#   make web          build it now          make web-check     types and tests of it
WEB_UI    := web/ui
WEB_OUT   := build/web
WEB_NPM   := $(shell command -v npm 2>/dev/null)
WEB_SRC   := $(shell find $(WEB_UI) -path $(WEB_UI)/node_modules -prune -o -type f ! -name '*.gen.ts' -print 2>/dev/null)
WEB_STAMP := build/web.stamp
WEB_DEPS  := $(WEB_UI)/node_modules/.stamp
NPM_QUIET := --no-audit --no-fund --no-update-notifier --loglevel=error

.PHONY: web web-check
web: $(WEB_STAMP)

# Installed packages are those of the lock file; their scripts are not run (none is needed).
$(WEB_DEPS): $(WEB_UI)/package.json $(WEB_UI)/package-lock.json
	@echo "  NPM   $(WEB_UI)"
	$(Q)cd $(WEB_UI) && npm ci --ignore-scripts $(NPM_QUIET)
	@touch $@

# Built beside and moved: who serves the folder never sees half of it.
$(WEB_STAMP): $(WEB_DEPS) $(WEB_SRC) $(wildcard docs/protocol/*.json)
	@echo "  WEB   $(WEB_OUT)"
	@mkdir -p build
	$(Q)cd $(WEB_UI) && WEB_OUT=$(CURDIR)/$(WEB_OUT).new npm run -s build
	@rm -rf $(WEB_OUT).old && { [ ! -e $(WEB_OUT) ] || mv $(WEB_OUT) $(WEB_OUT).old; } && mv $(WEB_OUT).new $(WEB_OUT) && rm -rf $(WEB_OUT).old
	@touch $@

web-check: $(WEB_DEPS)
	$(Q)cd $(WEB_UI) && npm run -s check
