# What people and CI call. Everything lives in $(VENV), which is made on first use; repeated calls install nothing.
#
#   make install     the package, editable, with all that development needs
#   make quickstart  BOHB on scikit-learn's digits, from nothing but Python and pip
#   make test        all tests, doctests included (ARGS="-k name" narrows)
#   make lint        ruff and mypy
#   make format      rewrites the sources in the one format that lint accepts
#   make docs        the documentation, in docs/_build/html
#   make examples    every example, in a temporary folder
#   make bench       every benchmark; prints the tables, fails if one misses its mark
#   make bench-quality        how good the configurations are that each optimizer finds (ARGS="--optimizers BOHB ...")
#   make bench-peers          what bench-quality compares with: other packages, in environments of their own (4 GB)
#   make bench-quality-short  the same in a minute, on a few small problems
#   make chaos       ten minutes in which workers and masters are killed and paused; prints what came of it
#   make matrix      the fast tests on each Python here, oldest and newest dependencies (MATRIX=ends: the two ends)
#   make clean       removes what the above made

PYTHON ?= python3
VENV ?= .venv
QUICKSTART_VENV ?= .venv-quickstart
MATRIX ?= all
ARGS ?=

BIN = $(VENV)/bin
METADATA = setup.py hpbandster_ng/__init__.py
SOURCES = hpbandster_ng tests examples benchmarks scripts docs setup.py conftest.py
PRESENT = $(wildcard $(SOURCES))

.DELETE_ON_ERROR:
.PHONY: install quickstart test lint format docs examples bench bench-quality bench-peers bench-quality-short chaos matrix clean

install: $(VENV)/.installed-dev

# A stamp says which extra is installed; it ages when the metadata changes.
$(VENV)/.installed-%: $(METADATA) scripts/make_venv.sh
	scripts/make_venv.sh "$(PYTHON)" "$(VENV)"
	$(BIN)/python -m pip install -qq --editable ".[$*]"
	touch $@

$(QUICKSTART_VENV)/.installed: $(METADATA) scripts/make_venv.sh
	scripts/make_venv.sh "$(PYTHON)" "$(QUICKSTART_VENV)"
	$(QUICKSTART_VENV)/bin/python -m pip install -qq --editable ".[quickstart]"
	touch $@

quickstart: $(QUICKSTART_VENV)/.installed
	$(QUICKSTART_VENV)/bin/python examples/quickstart.py $(ARGS)

# Compiled first: where Python may write no bytecode, each of their thousand processes would compile the package again.
test: $(VENV)/.installed-dev
	$(BIN)/python -m compileall -q $(wildcard hpbandster_ng tests)
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check $(PRESENT)
	$(BIN)/ruff format --check $(PRESENT)
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format $(PRESENT)

docs: $(VENV)/.installed-dev
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

examples: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/e2e/test_examples.py tests/e2e/test_examples_from_within.py $(ARGS)

bench: $(VENV)/.installed-bench
	@status=0; for file in benchmarks/bench_*.py; do \
		echo "== $$file"; $(BIN)/python "$$file" || status=1; done; exit $$status

bench-quality: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.quality $(ARGS)

bench-peers:
	scripts/make_peers_venvs.sh "$(PYTHON)"
	@status=0; for file in benchmarks/quality/peers/[!_]*.py; do \
		peer=$$(basename "$$file" .py); python=.bench/venvs/$$peer/bin/python; \
		[ -x "$$python" ] || python=.bench/venvs/peers/bin/python; \
		echo "== contract of $$peer"; \
		OPENBLAS_NUM_THREADS=1 "$$python" -W ignore -m tests.benchmarks.peers_contract "$$peer" || status=1; \
	done; exit $$status

chaos: $(VENV)/.installed-dev
	$(BIN)/python -m tests.e2e.chaos $(ARGS)

bench-quality-short: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.quality --short $(ARGS)

matrix:
	$(PYTHON) scripts/matrix.py $(MATRIX)

clean:
	rm -rf $(VENV) $(QUICKSTART_VENV) .matrix docs/_build build dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
