# Everything a developer does, in one place. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help install accurate meanings assets run test coverage lint check peers bench migration lock clean

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
ASSETS := app/static/vendor/.built

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(INSTALLED) ## the environment, pinned with hashes

$(INSTALLED): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Нужен Python 3.11 или новее"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "Нет модуля venv: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

accurate: install ## the optional accurate tier of the classifier, pinned with hashes
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/accurate.txt

meanings: install ## what `classifier train --meanings` needs, pinned with hashes
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/meanings.txt

assets: $(ASSETS) ## front-end packages from npm into app/static/vendor

$(ASSETS): package.json package-lock.json tools/build_assets.py $(INSTALLED)
	$(BIN)/python tools/build_assets.py

run: install assets ## the service with embedded servers and a demonstration city
	@$(BIN)/appeals up --demo

test: install assets ## all tests: pure, database, HTTP, system, one journey in Chromium
	@$(BIN)/python tools/ensure_chromium.py
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: ARGS += --cov --cov-report=term --cov-fail-under=90
coverage: test ## the same tests, and what they do not reach; takes nearly twice the time

lint: install ## ruff, mypy strict, layers, templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint app/templates --lint --quiet

check: lint test ## what must be green before a change lands

peers: .venv-peers/.installed ## compare our parsers with client libraries, in an environment of its own
	.venv-peers/bin/python -m pytest -c /dev/null --rootdir . --noconftest -p no:cacheprovider -q tests/peers

.venv-peers/.installed: requirements/peers.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/peers.txt
	@touch $@

bench: install assets ## measure speed; writes build/bench.json
	$(BIN)/python -m tests.bench $(ARGS)

migration: install ## a new migration: make migration NAME="what changes"
	$(BIN)/python tools/new_migration.py "$(NAME)"

lock: install ## pin the newest versions again
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/base.txt
	$(BIN)/uv pip compile pyproject.toml --extra meanings --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -c requirements/base.txt -o requirements/meanings.txt
	$(BIN)/uv pip compile pyproject.toml --extra accurate --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -c requirements/base.txt -o requirements/accurate.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -c requirements/base.txt -o requirements/dev.txt
	$(BIN)/uv pip compile requirements/peers.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/peers.txt

clean: ## forget the environment and what was built; the data folder stays
	rm -rf .venv .venv-peers build app/static/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
