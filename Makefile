# make demo: paint photographs offline.  make test: lint, types, tests.  make fuzz: the long search for crashes.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test fuzz clean

.venv/demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

.venv/test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

demo: .venv/demo
	$(BIN)/jaxstyle demo --output demo

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal

fuzz: .venv/test
	$(BIN)/python tests/fuzz.py

clean:
	rm -rf .venv demo
