# `make demo` and `make test` need Python 3.11 or later, and a package index; everything goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench clean
# `test` means: first lint, then docs, then pytest, whose closing line comes last.
.NOTPARALLEL:

help:
	@echo "make demo    install, fit an autoencoder to real data, write a model and a report into demo/"
	@echo "make test    install with test needs, then lint, docs and the whole test suite"
	@echo "make lint    ruff, import contract, pyright"
	@echo "make docs    build the documentation into site/, any warning is an error"
	@echo "make bench   print the table ours beside PCA (ARGS=... is handed on)"
	@echo "make clean   remove what was built, except .venv"

demo: .venv/installed
	$(BIN)/isthmus demo --to demo

test: export OMP_NUM_THREADS = 1
test: lint docs
	$(BIN)/pytest -n 2 --durations=15 --doctest-modules tests src/isthmus

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python

docs: .venv/installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/installed-test
	$(BIN)/python benchmarks/pca.py $(ARGS)

clean:
	rm -rf build dist site demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second run install nothing, until the requirements change.
.venv/installed: pyproject.toml constraints.txt src/isthmus/_version.py | $(BIN)/python
	$(PIP) -e .
	@touch $@

.venv/installed-test: pyproject.toml constraints.txt src/isthmus/_version.py | $(BIN)/python
	$(PIP) -e ".[test,docs]"
	@touch $@ .venv/installed

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here. Install Python 3.11 or later, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else f"Isthmus needs Python 3.11 or later, but $(PYTHON) is {v}. Name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
