# make demo: paint three photographs.  make test: lint, types, tests.  make test-newest: the suite with the newest JAX.
# make fuzz: the long search for crashes.
PYTHON ?= python3
NEWEST ?= python3.13
BIN := .venv/bin

.PHONY: demo test test-newest fuzz network clean

.venv/demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

# VGG19 trained on ImageNet, 20 MB, once, into the user's cache. Without it the tests that need it are skipped.
network:
	-$(BIN)/jaxstyle weights fetch imagenet-8bit

demo: .venv/demo
	$(BIN)/jaxstyle demo --output demo

test: .venv/test network
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=20

# In an environment of its own: the newest Python and what pip installs there.
test-newest:
	$(NEWEST) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade --editable '.[test]'
	.venv-newest/bin/python -m pip list | grep -i '^jax'
	$(MAKE) network BIN=.venv-newest/bin
	.venv-newest/bin/mypy
	.venv-newest/bin/python -m pytest -n 2 --dist worksteal

fuzz: .venv/test
	$(BIN)/python tests/fuzz.py

clean:
	rm -rf .venv .venv-newest demo
