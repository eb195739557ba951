# `make lab` opens the course, `make test` proves it; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help lab quick test weekly lint notebooks checkpoints bench clean environment test-tools

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install -qq
LAB_ARGS ?=
# Other random numbers for the tests: those of this week.
STREAM ?= $(shell date +%G%V)
# JupyterLab refuses to run as root unless told that this is meant (containers, continuous integration).
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# Written last, into the environment: the pins, the interpreter and the place it was made for.
stamp = $$(cat $(1) pyproject.toml | cksum) $$($(PY) --version 2>&1) $(CURDIR)

# One thread per process (two processes run the tests), and the sizes a learner meets.
quick test weekly notebooks checkpoints: export OMP_NUM_THREADS := 1
quick test notebooks: export STOCHPHYS_SIZE := default
# As on Binder, large arrays go back to the system when they go: otherwise the heap of glibc keeps up to 200 MB more,
# from run to run another number.
quick test weekly notebooks checkpoints: export MALLOC_MMAP_THRESHOLD_ := 4194304
PYTEST := $(PY) -m pytest -q -n 2 --dist=loadscope -p tests.budget $(if $(CI),--color=no)

help:
	@echo 'make lab        open the course in JupyterLab (installs it first)'
	@echo 'make quick      format, lint, types and every test of a second or less: two minutes'
	@echo 'make test       format, lint, types, physics, every notebook, Colab, Binder, a browser'
	@echo 'make weekly     what takes longer, and all tests with other random numbers (STREAM=7)'
	@echo 'make notebooks  run the notebooks and store their outputs (NAMES="21_neep ..." for some)'
	@echo 'make checkpoints train the networks that notebooks load, a quarter of an hour (NAMES="23_beads_032 ...")'
	@echo 'make bench      speed and memory against a baseline'
	@echo 'make clean      remove the environment and all caches'

lab: environment
	$(PY) -m jupyterlab --ip=127.0.0.1 --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(AS_ROOT) $(LAB_ARGS)

quick: lint
	$(PYTEST) -m 'not slow and not weekly' tests

test: lint
	$(PYTEST) --durations=10 --nbval-lax --nbval-current-env --nbval-cell-timeout=300 \
		tests notebooks

weekly: lint
	$(PYTEST) -m weekly tests
	$(PYTEST) --hypothesis-profile=weekly tests/test_properties.py
	$(PYTEST) --stream=$(STREAM) tests

lint: test-tools
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

notebooks: environment
	$(PY) tools/store_notebooks.py $(NAMES)

checkpoints: environment
	$(PY) tools/make_checkpoints.py $(NAMES)

bench: environment
	$(PY) -m benchmarks

clean:
	rm -rf $(VENV) test-artefacts .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info

environment:
	@if [ ! -e $(VENV) ]; then \
		echo "Making $(VENV). This downloads 0.5 GB (3 GB where torch comes with CUDA) and takes some minutes."; \
	elif [ "$$(cat $(VENV)/.stamp 2>&1)" = "$(call stamp,requirements.txt)" ]; then exit 0; \
	elif $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "$(VENV) is unfinished or does not match requirements.txt: installing over it."; \
	else \
		echo "$(VENV) is broken, its Python or pip does not start: making it anew."; rm -rf $(VENV); \
	fi; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "This course needs Python 3.11 or newer, by another name: make lab PYTHON=python3.12"; exit 1; }; \
	set -e; rm -f $(VENV)/.stamp; \
	[ -e $(VENV) ] || $(PYTHON) -m venv $(VENV); \
	$(PIP) -r requirements.txt; \
	$(PIP) --no-deps --no-build-isolation -e .; \
	echo "$(call stamp,requirements.txt)" > $(VENV)/.stamp

test-tools: environment
	@if [ "$$(cat $(VENV)/.stamp-test 2>&1)" = "$(call stamp,requirements*.txt)" ]; then exit 0; fi; \
	set -e; echo "Adding the test tools to $(VENV)."; \
	$(PIP) -r requirements-test.txt; \
	echo "$(call stamp,requirements*.txt)" > $(VENV)/.stamp-test
