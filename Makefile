# make demo    set up and run the example search
# make test    set up and run the whole test suite
# make test-fast  what takes less than a few seconds and needs no service
# make setup   only make .venv with everything that the tests need
# make services  install PostgreSQL and Chromium, which the tests need, on Debian

PYTHON ?= python3
# processes that share the tests, by files; each has TensorFlow: 2 to 4 GB
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

.PHONY: setup services demo test test-fast check clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

demo: setup
	$(BIN)/python examples/random_search.py

services:
	tests/install_services.sh

test: setup services
	$(PYTEST) --services

test-fast: setup
	$(PYTEST) -m "not slow"

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.check_docstrings
	$(BIN)/mypy

clean:
	rm -rf $(VENV) results
