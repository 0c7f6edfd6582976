# Everything lives in .venv, and what generates load in .venv-bench; nothing is installed on the machine, but for Chromium
# by `make test` when it is root.

PYTHON ?= python3
RUN = .venv/bin/python
E2E ?= 1

# Handed on to `conclave up` when they are given: make up PORT=8001 LAYER=channels-redis WORKERS=2
export PORT LAYER SERVER WORKERS DATA DEMO LIMITS HOST DATABASE_URL REDIS_URL E2E

.DEFAULT_GOAL := help
.PHONY: help up test check ci ci-full bench lock installed tools browser generators

help:
	@echo "make up      start Conclave on http://localhost:8000"
	@echo "make test    run all tests"
	@echo "make check   style, types, import contracts, migrations"
	@echo "make ci      all that must pass: check and test"
	@echo "make ci-full the same, with every scenario of the measurements"
	@echo "make bench   measure: BENCH=fanout, BENCH='ramp --layers redis'; without, what a broadcast costs on both layers"
	@echo "make lock    lock the dependencies again"

up: installed
	@exec $(RUN) manage.py up

test: tools browser generators
	$(RUN) -m pytest -n 3 --no-loadscope-reorder $(TESTS)

check: tools
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	.venv/bin/lint-imports
	$(RUN) -W "ignore:Got an error checking a consistent" manage.py makemigrations --check --dry-run  # without a database

ci: check test

ci-full:
	SCENARIOS=all $(MAKE) ci

bench: installed
	$(RUN) manage.py bench $(or $(BENCH),broadcast --quick)

installed:
	@$(PYTHON) infra/install.py requirements.lock

tools:
	@$(PYTHON) infra/install.py requirements-dev.lock

browser:
	@$(PYTHON) infra/browser.py

generators:
	@$(PYTHON) infra/install.py requirements-bench.lock

LOCKING = --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header pyproject.toml

# Hashes for every platform. Neither names nor asks for a package index other than the one uv is set to.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/"; exit 2; }
	uv pip compile $(LOCKING) -o requirements.lock
	uv pip compile $(LOCKING) --group dev -c requirements.lock -o requirements-dev.lock
	uv pip compile $(filter-out pyproject.toml,$(LOCKING)) --group bench -o requirements-bench.lock
