# `make` lists the chores. A person and CI call the same names.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

# What developers need besides is compiled when it is first imported; most of it never is.
LAZILY := --no-compile
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help:  ## List the chores
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade -c constraints.txt pip
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/all: $(VENV)/core
	$(PIP) install $(LAZILY) -c constraints.txt --group test --group lint --group docs -e .
	@touch $@

$(VENV)-milvus/ready:
	$(PYTHON) -m venv $(VENV)-milvus
	timeout 300 $(VENV)-milvus/bin/python -m pip --disable-pip-version-check -q install $(LAZILY) 'milvus==2.3.5' 'setuptools<80'
	@touch $@

milvus: $(VENV)-milvus/ready  ## Install the Milvus server that its tests start

setup: $(VENV)/all  ## Make the environment with everything that developers need

demo: $(VENV)/core  ## Index a gallery drawn by code, search it, show the result
	$(BIN)/visavis demo --out demo

format: $(VENV)/all  ## Format the code
	$(BIN)/ruff check --fix -q
	$(BIN)/ruff format -q

lint: $(VENV)/all  ## Look for mistakes and loose style
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md docs src tests benchmarks recipes

types: $(VENV)/all  ## Check the types
	$(BIN)/mypy

test: $(VENV)/all  ## Run the tests
	$(BIN)/python tests/side_by_side.py -q

test-cluster: $(VENV)/all  ## Kill a worker, a node and the command among 5,000 images
	VISAVIS_TEST_RAY_IMAGES=5000 $(BIN)/python -m pytest -q tests/integration/cluster/test_ray.py

docs: $(VENV)/all  ## Serve the documentation on http://127.0.0.1:8001
	$(BIN)/zensical serve -a 127.0.0.1:8001

docs-check: $(VENV)/all  ## Build the documentation; any warning is an error
	$(BIN)/zensical build --strict

bench: $(VENV)/all  ## Measure speed against floors in the same run (benchmarks/out/*.json)
	$(BIN)/python -m benchmarks

bench-serve: $(VENV)/all  ## Measure the HTTP API under load
	$(BIN)/python -m benchmarks serve

bench-milvus: $(VENV)/all milvus  ## Measure an index in a real Milvus, which is killed in the end
	$(BIN)/python -m benchmarks.bench_milvus

# The pictures, the weights that the model starts from, and the text model are named by hand.
MODEL_USAGE = make model DATA="DIR DIR" WEIGHTS=DIR MINILM=DIR OUT=DIR [TUNED=FILE]
ifneq ($(filter model,$(MAKECMDGOALS)),)
$(foreach name,DATA WEIGHTS MINILM OUT,$(if $(strip $($(name))),,$(error $(name) is not given; say $(MODEL_USAGE))))
endif
model: $(VENV)/all  ## Make the built-in model: make model DATA="DIR DIR" WEIGHTS=DIR MINILM=DIR OUT=DIR [TUNED=FILE]
	$(BIN)/python -m recipes.visavis_s --data $(DATA) --weights "$(WEIGHTS)" \
	  --minilm "$(MINILM)" --out "$(OUT)" $(if $(TUNED),--tuned "$(TUNED)")

build: $(VENV)/all  ## Build wheel and sdist, install the wheel into a clean environment, try it
	rm -rf dist build/wheel
	$(PIP) install -c constraints.txt build
	$(BIN)/python -m build -q
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt dist/*.whl
	build/wheel/bin/visavis --version

check: lint types test docs-check  ## What must pass before a push

clean:  ## Remove everything that was made here
	rm -rf $(VENV) $(VENV)-milvus build dist site demo benchmarks/out .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help setup milvus demo format lint types test test-cluster docs docs-check bench bench-serve bench-milvus model build check clean
