# The two commands of the README are `make demo` and `make test`; each sets up what it needs, says what it does, and is
# quick the second time.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
RUN := .venv/bin/

.PHONY: help setup demo up test check web bench full clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1|/' | column -t -s '|'

.venv/.ready: pyproject.toml uv.lock tools/setup.sh
	@PYTHON=$(PYTHON) bash tools/setup.sh

setup: .venv/.ready ## install uv and the locked dependencies into .venv

src/trackside/server/static/index.html: .venv/.ready $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)
	@bash tools/web.sh

web: src/trackside/server/static/index.html ## build the UI

demo: .venv/.ready web ## run the pipeline example end to end
	@$(RUN)trackside demo --home .demo

up: .venv/.ready web ## server, UI and agent on the demo's data, until Ctrl-C
	@TRACKSIDE_HOME=$(CURDIR)/.demo $(RUN)trackside up

check: .venv/.ready ## lint, format, types, who imports whom
	@$(RUN)ruff check && $(RUN)ruff format --check && $(RUN)mypy && $(RUN)lint-imports

test: .venv/.ready web check ## all of that, and the tests
	@bash tools/test-parts.sh
	@$(RUN)pytest -m "not slow and not full"

full: .venv/.ready web ## the long tests too
	@bash tools/test-parts.sh
	@$(RUN)pytest

bench: .venv/.ready ## print the table of our figures
	@$(RUN)python -m benchmarks

clean: ## remove what the other targets made
	rm -rf .venv .tools .demo dist src/trackside/server/static web/node_modules
