# The commands of the product.  `make help` lists them; README.md tells the story.
# DATABASE_URL (postgres://, mysql://, sqlite:///) and REDIS_URL lead every target to servers of yours.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
export LOCAL_SERVICES := 1

# Tests run in parallel; at least two processes, so that they meet each other on every machine.
CPUS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WORKERS := $(shell n=$(CPUS); [ $$n -lt 2 ] && n=2; [ $$n -gt 8 ] && n=8; echo $$n)
# Whole processes, browsers, kills and measurements have targets of their own.
SLOW_TESTS := tests/flows tests/browser tests/faults tests/benchmarks
# How soon a reader sees a result is told by the clock: nothing may run beside it.
ALONE := tests/flows/test_live_evening.py
ON_TEST_SERVERS := $(PY) -m project.local test --
# Checks of the code itself need no server, only settings that can be read.
WITHOUT_SERVERS := env SECRET_KEY=only-to-read-the-settings DATABASE_URL=$${DATABASE_URL:-sqlite:///:memory:} \
	REDIS_URL=$${REDIS_URL:-redis://127.0.0.1:6379/0}

.DEFAULT_GOAL := help
.PHONY: help run test test-e2e test-suite check openapi messages migrate-check bench faults lock install install-test

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

run: install ## start the whole product with its own PostgreSQL and Redis (PORT=8001, HOST=0.0.0.0 to change the address)
	@$(PY) -m project.local run

test: install-test ## unit and integration tests in parallel, with the coverage gate (80 % overall, 90 % services)
	@rm -f .coverage .coverage.*
	$(ON_TEST_SERVERS) $(PY) -m pytest tests $(SLOW_TESTS:%=--ignore=%) -n $(WORKERS) --dist loadfile \
		--cov=apps --cov=project --cov-report= $(ARGS)
	@$(PY) -m tests.coverage_gate

test-suite: install-test ## the same tests without the coverage gate, for example DATABASE_URL=sqlite:////tmp/t.sqlite3
	$(ON_TEST_SERVERS) $(PY) -m pytest tests $(SLOW_TESTS:%=--ignore=%) -n $(WORKERS) --dist loadfile $(ARGS)

# Real browsers and processes share the processors with the other worker.  What fails there is told, and must pass when
# it is tried once more alone.
define STORIES
	$(ON_TEST_SERVERS) $(PY) -m pytest $(1) $(2) $(ARGS) || { test $$? = 1 && echo "Once more, alone, what failed:" && \
		$(ON_TEST_SERVERS) $(PY) -m pytest $(1) --last-failed --last-failed-no-failures none $(ARGS); }
endef

test-e2e: install-test ## whole stories with real processes and a real Chromium
	@$(PY) -m tests.browser_ready
	@# A session each: the task types that flows declare for themselves don't belong on the product's screens.
	$(call STORIES,tests/flows --ignore=$(ALONE),-n $(WORKERS) --dist loadfile)
	$(call STORIES,$(ALONE),)
	$(call STORIES,tests/browser,-n $(WORKERS) --dist worksteal)

check: install-test ## lint, format, types, import contracts, migrations, OpenAPI files and message catalogues
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(WITHOUT_SERVERS) $(BIN)/mypy apps project
	$(BIN)/lint-imports
	$(WITHOUT_SERVERS) $(PY) manage.py makemigrations --check --dry-run
	$(WITHOUT_SERVERS) $(PY) manage.py openapi --check
	$(WITHOUT_SERVERS) $(PY) manage.py messages --check

openapi: install-test ## write docs/contracts/*.yaml from the code
	$(WITHOUT_SERVERS) $(PY) manage.py openapi

messages: install-test ## collect texts into the message catalogues and compile them
	$(WITHOUT_SERVERS) $(PY) manage.py messages

migrate-check: install-test ## migrate a scratch database zero → head → zero → head
	$(ON_TEST_SERVERS) $(PY) -m tests.migration_round_trip

bench: install-test ## measure beside the peers: make bench [BENCH=taskhub]
	$(ON_TEST_SERVERS) $(PY) -m tests.benchmarks $(BENCH)

faults: install-test ## kill processes and count what was lost: make faults [FAULT=taskhub]
	$(ON_TEST_SERVERS) $(PY) -m tests.faults $(FAULT)

# Extras stay in the lock: an older pip looks for `coverage[toml]` before it has read the pin of `coverage`.
lock: install-test ## resolve the dependencies anew into the two lock files
	$(BIN)/pip-compile -q --generate-hashes --allow-unsafe --no-strip-extras --no-emit-index-url --no-emit-options \
		--extra local --extra mysql --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile -q --generate-hashes --allow-unsafe --no-strip-extras --no-emit-index-url --no-emit-options \
		--extra local --extra mysql --extra test --extra bench --constraint requirements.lock \
		--output-file requirements-test.lock pyproject.toml

install: ## make .venv and install what the product needs
	@$(PYTHON) project/bootstrap.py requirements.lock

install-test: ## the same for tests, checks and figures
	@$(PYTHON) project/bootstrap.py requirements-test.lock
