# The four commands of every checkout: run, test, check, bench. Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JAVASCRIPT := tests/javascript

.PHONY: run test check verify hooks bench chaos docs clean

run: $(VENV)/.installed
	@$(BIN)/tidewire serve --demo $(ARGS)

test: $(VENV)/.installed $(JAVASCRIPT)/node_modules/.installed verify
	@scripts/ensure_chromium.sh
	$(BIN)/pytest --numprocesses auto --dist worksteal $(ARGS)

check: $(VENV)/.installed
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .
	@$(MAKE) --no-print-directory verify

verify: $(VENV)/.installed
	$(BIN)/ruff format --quiet --check .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo | tail -n 2
	$(BIN)/python scripts/generate_docs.py --check

hooks:
	git config core.hooksPath scripts/hooks

bench: $(VENV)/.installed
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: $(VENV)/.installed $(JAVASCRIPT)/node_modules/.installed
	@scripts/ensure_chromium.sh
	@$(BIN)/python -m tests.chaos $(ARGS)

docs: $(VENV)/.installed
	$(BIN)/python scripts/generate_docs.py

clean:
	rm -rf $(VENV) $(JAVASCRIPT)/node_modules benchmarks/build

$(VENV)/.installed: pyproject.toml client/pyproject.toml constraints.txt $(wildcard src/tidewire/*/*/*.c)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tidewire needs Python 3.11 or newer (set PYTHON=...)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ./client --editable '.[dev]'
	@touch $@

$(JAVASCRIPT)/node_modules/.installed: $(JAVASCRIPT)/package.json
	@echo "Installing the JavaScript SDKs for the tests ..."
	@cd $(JAVASCRIPT) && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@
