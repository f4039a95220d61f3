# Two commands do everything: `make serve` and `make test`. `make help` lists the rest.
#
# On Linux the package index's torch is a CUDA build of several gigabytes. A machine without a GPU
# takes PyTorch's CPU wheels, which are the same version, from their own index:
#     PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make serve
# Whatever else pip is told by its environment or its configuration file holds here too.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
STORE ?= models

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
# Pinned versions decide what is installed, and what is compiled is compiled then: nothing but these
# files makes an installation stale.
PINS := pyproject.toml constraints.txt $(wildcard model_store/vae/native/*.[ch])

.DELETE_ON_ERROR:
.PHONY: help serve test setup lint format clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/serving.stamp ## Serve STORE on HOST:PORT, after training the demo if it is empty
	@ls "$(STORE)"/*/*.safetensors >/dev/null 2>&1 || $(BIN)/vae-train digits --store "$(STORE)"
	@exec $(BIN)/vae-serve --store "$(STORE)" --host "$(HOST)" --port "$(PORT)"

test: setup lint ## Run every check: format, lint, types, import contracts, tests with coverage
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --cov $(PYTEST_FLAGS)

setup: $(VENV)/developing.stamp ## Create .venv with everything in it

lint: $(VENV)/developing.stamp ## Run the checks that need no test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/hadolint Dockerfile
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/developing.stamp ## Format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove .venv and every cache; models stay
	rm -rf $(VENV) .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/serving.stamp: $(PINS) | $(BIN)/python
	@echo "Installing into $(VENV); the first time takes a minute or two."
	@$(INSTALL) ".[train]"
	@touch $@

# Holds all that serving.stamp stands for, so `make serve` after it has nothing to install.
$(VENV)/developing.stamp: $(PINS) | $(BIN)/python
	@echo "Installing into $(VENV); the first time takes a minute or two."
	@$(INSTALL) ".[train,dev]"
	@touch $(VENV)/serving.stamp $@
