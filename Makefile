# The two commands of the README are `make demo` and `make test`; both are safe to run again and quick the second time.
PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
BIN    := $(VENV)/bin

.PHONY: help demo test coverage check format bench lock clean
help: ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## set everything up and run the main job (ARGS="--duration 60 --headless --report report.json")
	@scripts/system-packages mosquitto
	@$(BIN)/promessa demo $(ARGS)

test: $(VENV)/.dev check ## set up what the tests need and pass them all
	@scripts/system-packages mosquitto influxd nginx openssl gcc
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: ## the tests, and which lines and branches they reach; up to twice as long
	@$(MAKE) test ARGS="--cov --cov-report=term:skip-covered $(ARGS)"

check: $(VENV)/.dev ## format, lint, types and the dependency rules of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## print the figures of docs/benchmarks.md
	@scripts/system-packages mosquitto influxd nginx
	$(BIN)/python -m benchmarks $(ARGS)

lock: ## renew requirements/*.txt from pyproject.toml (needs uv)
	scripts/lock

clean: ## remove what these commands made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.* *.egg-info

$(BIN)/python:
	@scripts/virtual-environment $(PYTHON) $(VENV)

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	@scripts/install-locked $(VENV) requirements/demo.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@scripts/install-locked $(VENV) requirements/dev.txt
	@touch $(VENV)/.demo $@
