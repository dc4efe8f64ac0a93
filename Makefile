# Each target does its own set-up in .venv, once; `uv` is used where it is installed.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
PYTHON ?= python3
new_env = $(if $(UV),$(UV) venv --seed --allow-existing --python $(PYTHON) $(1),$(PYTHON) -m venv $(1))
pip_in = $(if $(UV),$(UV) pip install --python $(1)/bin/python,$(1)/bin/python -m pip install --disable-pip-version-check)
# Known-good versions, so that the first two commands work next year too; `make test-wheel` tries
# the newest, `make test-lowest` the oldest.
PIP := $(call pip_in,.venv) -c constraints.txt
DEMO := -e ".[local,agents,report]"
RAY := -e ".[bulk,ray]"
# What pip says goes into a log; a dot every other second shows that it is at work.
LOG := build/install.log
install = @mkdir -p build; printf '%s ' "installing what $(1) (once; the log is in $(LOG))"; \
  ($(2)) >>$(LOG) 2>&1 & pid=$$!; \
  while kill -0 $$pid 2>/dev/null; do printf .; sleep 2; done; echo; \
  wait $$pid || { tail -n 30 $(LOG); exit 1; }
# Bytecode is kept, whatever the environment says: hundreds of tests start a Python, which would
# otherwise compile LangChain each time, and pytest each file of tests.
export PYTHONDONTWRITEBYTECODE :=
RUN ?= python -m
EXTRAS := local agents report ledger bulk tokenizer openai limits socks otel deepagents
GROUPS := test lint docs publish mutation

.PHONY: help demo docs docs-images dist constraints test test-all test-ray test-servers test-slow test-peers test-wheel test-pythons test-lowest \
  coverage mutation soak soak-mutants record bench bench-quick lint format clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: .venv/.demo  ## a LangChain agent on a real model: no key, no network but the package registry
	@$(BIN)/python examples/agent.py

# Three on two cores: a test often waits for a clock. Each starts with its share of the tests in
# order, so that a file's fixtures are made once, and takes of another's when it is done.
WORKERS := -n 3 --dist worksteal
ALL := -m "not slow and not servers and not peers and not ray"

test: .venv/.test  ## the tests, in three minutes on two cores; ARGS="-k name" runs some
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

test-slow: .venv/.test  ## the tests that take minutes: a million rows, many processes
	$(BIN)/python -m pytest -m slow $(ARGS)

test-all: .venv/.test  ## the tests with the long ones: matrices, soaks, programs that are killed
	$(BIN)/python -m pytest $(WORKERS) $(ALL) $(ARGS)

test-ray: .venv-ray/.ready  ## bulk runs on a Ray cluster on this machine, an actor killed
	.venv-ray/bin/python -m pytest tests/bulk/test_ray.py -m ray -q -s $(ARGS)

test-servers: .venv/.test  ## real vLLM, llama.cpp, transformers, LiteLLM on a model without weights; ARGS="-k vllm-xml"
	$(BIN)/python -m pytest tests/servers -m servers -q -vv -n 2 --no-loadscope-reorder $(ARGS)

test-peers: .venv-peers/.ready  ## programs of others, and other chat models' test suites, on ChatQwen36
	.venv-peers/bin/python -m pytest tests/peers -m peers -q $(ARGS)

# What is tested is the wheel made from the sdist: its tests run where no checkout is importable.
# The recordings are looked for beside the project.
WHEEL_ENV ?= .venv-wheel
test-wheel: $(WHEEL_ENV)/.ready  ## test-all on the built wheel, not on the checkout
	rm -rf build/wheel && mkdir -p build/wheel/project
	$(WHEEL_ENV)/bin/python -m build --outdir build/wheel . >build/wheel/log
	$(call pip_in,$(WHEEL_ENV)) --quiet --force-reinstall --no-deps build/wheel/*.whl
	tar -xzf build/wheel/*.tar.gz --strip-components=1 -C build/wheel/project
	rm -r build/wheel/project/langchain_qwen36
	ln -s "$(abspath ../shared)" build/wheel/shared
	cd build/wheel/project && "$(abspath $(WHEEL_ENV))/bin/"$(RUN) pytest $(WORKERS) $(ALL) $(ARGS)

coverage:  ## test-wheel, every branch counted: fails below 95 %, and below 100 % of the core
	$(MAKE) test-wheel RUN="coverage run -m"
	$(WHEEL_ENV)/bin/coverage combine --quiet build/wheel/project
	$(WHEEL_ENV)/bin/coverage report --show-missing --skip-covered
	$(WHEEL_ENV)/bin/coverage report --show-missing --skip-covered --fail-under=100 \
	  --include="*/langchain_qwen36/_request/*,*/langchain_qwen36/_response/*,*/langchain_qwen36/_content/*,*/langchain_qwen36/pricing/*,*/langchain_qwen36/gateways/*"

# pyenv keeps its Pythons off the PATH.
PYTHONS ?= 3.11 3.12 3.13 3.14
test-pythons: .venv/.uv  ## test-wheel on each Python that this machine has
	@for version in $(PYTHONS); do \
	  if python=$$(PATH="$$(printf '%s:' ~/.pyenv/versions/$$version.*/bin)$$PATH" \
	      $(BIN)/uv python find --system --no-python-downloads $$version 2>/dev/null); then \
	    $(MAKE) test-wheel UV="$(BIN)/uv" PYTHON=$$python WHEEL_ENV=.venv-wheel-$$version; \
	  else \
	    echo "Python $$version: skipped, it is not on this machine"; \
	  fi; \
	done

test-lowest: .venv/.uv  ## test-wheel with the oldest versions that pyproject.toml allows
	$(MAKE) test-wheel UV="$(BIN)/uv" WHEEL_ENV=.venv-wheel-lowest UV_RESOLUTION=lowest-direct

# In a copy: what stands in the checkout is never mutated.
mutation: .venv/.mutation  ## which mutants of pricing and reader no test notices; ARGS="*money*" is quick
	rm -rf build/mutation && mkdir -p build/mutation
	cp -r langchain_qwen36 tests pyproject.toml build/mutation
	ln -s "$(abspath ../shared)" build/mutation/shared
	cd build/mutation && "$(abspath $(BIN))/python" -m mutmut run $(ARGS)
	cd build/mutation && "$(abspath $(BIN))/python" -m mutmut results

soak: .venv/.test  ## 20,000 calls over mixed faults: all answers right, nothing piles up; ARGS="--calls 2000" is quick
	$(BIN)/python benchmarks/soak.py $(ARGS)

soak-mutants: .venv/.test  ## the soak on a library that is broken on purpose: it must fail each time
	$(BIN)/python benchmarks/soak.py --mutants

record: .venv/.test  ## a gateway's cassettes anew, its key in the environment: GATEWAY=local [MODEL=...]
	@PYTHONPATH=tests $(BIN)/python -m taping.record $(GATEWAY) $(MODEL)

bench: .venv-bench/.ready  ## every goal beside its figure, and the peers'; a quarter of an hour
	.venv-bench/bin/python -m benchmarks --write $(ARGS)

bench-quick: .venv/.test  ## only that the benchmarks still run
	$(BIN)/python -m benchmarks --quick

lint: .venv/.lint  ## ruff, mypy strict, pyright on the public API, spelling, the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/codespell
	$(BIN)/lint-imports

docs: .venv/.docs  ## the documentation's site, into site/; a warning fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file mkdocs.zh.yml

dist: .venv/.docs .venv/.publish  ## the sdist and the wheel, checked as PyPI reads them; the sdist builds its site
	rm -rf dist build/sdist && mkdir -p build/sdist
	$(BIN)/python -m build --outdir dist . >build/sdist/log
	$(BIN)/twine check --strict dist/*
	tar -xzf dist/*.tar.gz --strip-components=1 -C build/sdist
	cd build/sdist && for site in mkdocs.yml mkdocs.zh.yml; do \
	  NO_MKDOCS_2_WARNING=1 "$(abspath $(BIN))/python" -m mkdocs build --strict --quiet --config-file $$site; done

links: .venv/.test  ## every link of the pages leads to a file and a heading that is there, on PyPI too; no network
	$(BIN)/python -m pytest -q tests/project/test_documentation.py tests/project/test_published.py -k "link"

constraints: .venv/.uv  ## constraints.txt anew: the newest versions that fit together, names and versions only
	$(BIN)/uv pip compile --quiet --upgrade --universal --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  $(foreach extra,$(EXTRAS),--extra $(extra)) $(foreach group,$(GROUPS),--group $(group)) \
	  --output-file constraints.txt pyproject.toml

docs-images: .venv/.docs  ## the pictures of the documentation anew, from real calls to gateways here
	$(BIN)/python docs/cost_report.py

format: .venv/.lint  ## let ruff write
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## forget the virtual environment and what tools left
	rm -rf .venv .venv-* build site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@echo "making .venv"
	$(call new_env,.venv)

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	$(call install,the demo needs,$(PIP) $(DEMO))
	@touch $@

# Dependency groups are read by pip from 25.1 on.
.venv/.test: .venv/bin/python pyproject.toml constraints.txt
	$(call install,the tests need,$(if $(UV),,$(PIP) "pip>=25.1" && )$(PIP) $(DEMO) --group test)
	@touch $@

.venv/.lint: .venv/.test
	$(call install,the linters need,$(PIP) --group lint)
	@touch $@

.venv/.mutation: .venv/.test
	$(PIP) --group mutation
	@touch $@

# ruff breaks the reference's signatures into lines.
.venv/.docs: .venv/.lint
	$(call install,the site needs,$(PIP) --group docs)
	@touch $@

.venv/.publish: .venv/.test
	$(call install,the packages need,$(PIP) --group publish)
	@touch $@

.venv/.uv: .venv/bin/python
	$(call install,needs uv,$(PIP) uv)
	@touch $@

$(WHEEL_ENV)/.ready: pyproject.toml
	@echo "installing what the tests of the wheel need (once)"
	$(call new_env,$(WHEEL_ENV))
	$(if $(UV),,$(call pip_in,$(WHEEL_ENV)) --quiet "pip>=25.1")
	$(call pip_in,$(WHEEL_ENV)) ".[local,agents,report]" --group test --group wheel
	@touch $@

.venv-peers/.ready: pyproject.toml
	$(call new_env,.venv-peers)
	$(call install,the programs need,$(if $(UV),,$(call pip_in,.venv-peers) "pip>=25.1" && )$(call pip_in,.venv-peers) $(DEMO) --group test --group peers)
	@touch $@

# An environment of its own: Ray is large, and holds packages back.
.venv-ray/.ready: pyproject.toml
	$(call new_env,.venv-ray)
	$(call install,Ray's tests need,$(if $(UV),,$(call pip_in,.venv-ray) "pip>=25.1" && )$(call pip_in,.venv-ray) $(RAY) --group test)
	@touch $@

# An environment of its own: some peers hold back packages that the others share.
.venv-bench/.ready: pyproject.toml
	@echo "installing the peers (once)"
	$(call new_env,.venv-bench)
	.venv-bench/bin/python -m pip install --quiet "pip>=25.1"
	.venv-bench/bin/python -m pip install --disable-pip-version-check -e . --group bench
	@touch $@
