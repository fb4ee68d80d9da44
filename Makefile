# Every target works from a fresh clone: it sets up what is missing first.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test lint format bench chaos conformance upstream controllers docs clean

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: ## Virtual environment, locked dependencies, missing system packages
	@PYTHON=$(PYTHON) tools/setup.sh

setup-test:
	@PYTHON=$(PYTHON) tools/setup.sh test

demo: ## The whole story on this machine: push, build, deploy, roll out, drift, heal
	@started=$$(date +%s.%N); PYTHON=$(PYTHON) tools/setup.sh && \
	TOWLINE_SETUP_STARTED=$$started exec $(BIN)/python -m towline.demo $(if $(REPORT),--report $(REPORT))

test: setup-test ## Unit, contract and end-to-end tests
	@$(BIN)/pytest

lint: setup-test ## Format, style, types and layer contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup-test ## Rewrite the code in the project's format
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup-test ## Latency and memory of the spine and the embedded cluster, speed of renders; medians
	@$(BIN)/python benchmarks/spine.py
	@$(BIN)/python benchmarks/drydock.py
	@$(BIN)/python benchmarks/render_monorepo.py
	@$(BIN)/python benchmarks/render_helm.py
	@$(BIN)/python benchmarks/render_kustomize.py

chaos: setup-test ## Longer fault suites: kill -9 at every stage of the story, and of the cluster's store
	@TOWLINE_CHAOS=long $(BIN)/pytest tests/e2e -m e2e
	@TOWLINE_CHAOS=long $(BIN)/pytest tests/contract/drydock_storage

conformance: setup-test ## The API and controller contract suite against a real control plane (builds it with Go)
	@tools/conformance.sh

upstream: setup-test ## Kubernetes' own end-to-end tests against Drydock (builds them with Go)
	@tools/upstream_tests.sh

controllers: setup-test ## Argo CD's and Flux's controllers, unmodified, on Drydock and a real server (builds them)
	@tools/controllers.sh

docs: setup ## Check the documentation: links, file names, examples
	@$(BIN)/python tools/check_docs.py

clean: ## Remove the virtual environment, caches and the demo's data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist .towline
