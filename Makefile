# Everything starts here: `make run` on a machine that has only git, make and Python 3.11 or later.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The first Python that runs and is new enough. A shim that answers but starts nothing does not count, so each is asked.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { command -v $$python; break; }; done)

.PHONY: help run test soak lint bench docs requirements clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1|/' | column -t -s '|'

run: $(VENV)/installed ## Run everything with a synthetic shop: http://127.0.0.1:8081
	@exec $(BIN)/ecompulse run --demo

test: $(VENV)/installed-test ## Run all tests; as root on Debian, what they need is installed first
	@scripts/test-requirements
	@$(BIN)/python -m pytest -q

soak: $(VENV)/installed-test ## Kill it 1,000 times under load (KILLS=100, or MINUTES=60; SEED=7 repeats a run), for some hours
	@scripts/test-requirements
	@$(BIN)/python -m tests.crash.soak

lint: $(VENV)/installed-test ## Check style, types, and which room imports which
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo 'Not formatted: run $(BIN)/ruff format .'; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/lint-imports.txt || { cat $(VENV)/lint-imports.txt; exit 1; }
	@echo 'lint: nothing to say'

bench: $(VENV)/installed-test ## Measure; prints ratios taken in one run, and the absolute figures beside them
	@$(BIN)/python -m bench

docs: $(VENV)/installed ## Derive docs/reference from the code
	@$(BIN)/python -m ecompulse.run.reference docs/reference

requirements: $(VENV)/installed-test ## Pin anew what the package and its tests need
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --no-emit-index-url --no-emit-find-links --custom-compile-command 'make requirements' \
		--python-version 3.11 --upgrade pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --no-emit-index-url --no-emit-find-links --custom-compile-command 'make requirements' \
		--python-version 3.11 --upgrade --extra test --extra bench -c requirements.txt pyproject.toml -o requirements-test.txt

clean: ## Take away what was made here, except the data of runs
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'ecompulse needs Python 3.11 or later (with venv), and there is none on this machine.'; \
		echo 'Install one, for example: apt-get install python3 python3-venv, or brew install python@3.13.'; exit 1; }
	@echo 'Making $(VENV) with $(PYTHON) …'
	@$(PYTHON) -m venv $(VENV) || { echo 'The environment could not be made; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }

$(VENV)/installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo 'Installing what ecompulse needs …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/installed-test: requirements-test.txt $(VENV)/installed
	@echo 'Installing what the tests need …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-test.txt
	@touch $@
