# Every target sets up what it needs: Python 3.11 or newer, make, a compiler and a package registry are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := $(shell find src -type f -not -name '*.pyc')
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: test test-system lint types demo crash bench bench-restart reference clean wheel

$(VENV)/.dependencies: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the tests need (once)"
	@$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); e = p["project"]["optional-dependencies"]; print("\n".join([*p["project"]["dependencies"], *e["postgres"], *e["demo"], *p["dependency-groups"]["test"], *p["build-system"]["requires"]]))' > $(VENV)/wanted.txt
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

demo: $(VENV)/.wheel
	@$(BIN)/paramedic demo $(if $(STAY),--stay) $(if $(JSON),--json)

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache
