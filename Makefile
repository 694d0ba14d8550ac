# make demo       install what the demo needs, and run the example search
# make test       set up and run the whole test suite
# make test-fast  what takes less than a few seconds and needs no service
# make check      lint, format, spelling, docstrings, types
# make docs       the site, in docs/_build/html; a warning is an error
# make dist       sdist and wheel: built twice, compared, checked, tested
# make test-lowest, make test-nightly   the fast tests with other dependencies
# make lock       uv.lock anew
# make setup      only make .venv with everything that the above need
# make services   install PostgreSQL and Chromium, which the tests need, on Debian

PYTHON ?= python3
# processes that share the tests; each has TensorFlow: 2 to 4 GB
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PYTEST := python -m pytest --numprocesses $(WORKERS) --dist worksteal
FAST := -m "not slow"
NIGHTLY := https://pypi.anaconda.org/scientific-python-nightly-wheels/simple

.PHONY: setup services demo test test-fast test-lowest test-nightly check docs dist \
	check-tag lock clean

setup: $(VENV)/.installed

$(VENV)/.pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable ".[plot]"
	touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/python examples/random_search.py

services:
	tests/install_services.sh

test: setup services
	$(BIN)/$(PYTEST) --services

test-fast: setup
	$(BIN)/$(PYTEST) $(FAST)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/python -m tests.check_docstrings
	$(BIN)/mypy

docs: setup
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going \
		--doctree-dir docs/_build/doctrees $(SPHINX) docs docs/_build/html

# Versions that pyproject.toml has as its lowest.
test-lowest: setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-lowest
	$(BIN)/uv pip install --quiet --python .venv-lowest --resolution lowest-direct \
		--editable . --group test --group lint
	.venv-lowest/bin/$(PYTEST) $(FAST)

# scikit-learn as it will be released next.
test-nightly: setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-nightly
	$(BIN)/uv pip install --quiet --python .venv-nightly --editable . --group test --group lint
	$(BIN)/uv pip install --quiet --python .venv-nightly --extra-index-url $(NIGHTLY) \
		--index-strategy unsafe-best-match --upgrade-package scikit-learn \
		"scikit-learn>=0.dev0"
	.venv-nightly/bin/$(PYTEST) $(FAST)

dist: setup
	$(BIN)/python -m tests.check_distribution

# Whether a tag is that of the version: make check-tag TAG=v0.1.0
check-tag:
	grep -Fqx '__version__ = "$(TAG:v%=%)"' skdl/__init__.py

lock: setup
	$(BIN)/uv lock

clean:
	rm -rf $(VENV) .venv-lowest .venv-nightly results dist docs/_build docs/gallery \
		docs/api/generated
