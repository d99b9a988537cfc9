# GlobalMart: `make` or `make help` lists what there is to do.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PORT ?=
STAGE ?=
EMULATOR ?=
NAME ?=
BENCH ?=
SQL ?=
FILE ?=
JOBS ?=
FROM ?=
TO ?=
RATE ?= 500
DURATION ?= 60s

# Only what is set reaches the stack's commands: what is empty keeps its default there. What is set here is meant, even if the
# shell has the same from .local/env.
ifneq ($(PORT),)
export GLOBALMART_PORT := $(PORT)
endif
ifneq ($(STAGE),)
export GLOBALMART_STAGE := $(STAGE)
endif
ifneq ($(EMULATOR),)
export EMULATOR
endif
ifneq ($(JOBS),)
export GLOBALMART_JOBS := $(JOBS)
unexport GLOBALMART_JOBS_SOURCED
endif
ifeq ($(origin GLOBALMART_CART_TIMEOUT),command line)
unexport GLOBALMART_CART_TIMEOUT_SOURCED
endif
export SQL FILE

STACK := localstack/run
CFN_LINT := .local/venv/bin/cfn-lint infra/template.yaml

##@ Start here

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## "; print "usage: make TARGET [VARIABLE=value ...]" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z0-9-]*:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nVariables: PORT=4566, STAGE=local, EMULATOR=ministack|localstack name the local stack; JOBS=... chooses its jobs.\n'

.PHONY: demo
demo: ## The whole tour: set up, RATE=500 events a second for DURATION=60s, verify, query
	@$(STACK) demo --rate "$(RATE)" --duration "$(DURATION)"

##@ The local stack

.PHONY: up
up: ## Build the functions, start the emulator, deploy the stack; again after a change. JOBS=sales,anomalies: only those
	@$(STACK) up

.PHONY: down
down: ## End the emulator and remove all it held
	@$(STACK) down

.PHONY: status
status: ## What runs, and how much is in it
	@$(STACK) status

.PHONY: logs
logs: ## What the functions logged; NAME=sales|...|emulator, FOLLOW=1 to go on
	@$(STACK) logs $(NAME) $(if $(FOLLOW),--follow)

.PHONY: query
query: ## Run SQL in Athena: SQL='select ...' or FILE=infra/athena/event_mix.sql
	@$(STACK) query --sql "$$SQL" --file "$$FILE"

.PHONY: batch
batch: ## Bring the star schema and the analytical tables up to date; FROM=2026-11-01 TO=2026-11-24 makes those days again
	@$(STACK) batch --from "$(FROM)" --to "$(TO)"

.PHONY: env
env: ## Print the variables that point a shell to the stack; or: source .local/env
	@$(STACK) env

##@ Development

.PHONY: test
test: setup ## Every test there is, end-to-end included, with all they need
	$(CFN_LINT)
	cargo build --workspace --bins
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo test --workspace --doc --quiet; \
		cargo nextest run --workspace; \
	else \
		echo "cargo-nextest is not installed ('make tools' does that); running the tests with cargo test, one by one"; \
		cargo test --workspace -- --test-threads=1; \
	fi

.PHONY: test-long
test-long: ## Ten times as many simulated histories of everything that can go wrong: HISTORIES=10000
	@export HISTORIES="$${HISTORIES:-10000}"; \
	if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace --profile long -E 'binary(exactly_once) or binary(messages)'; \
	else \
		cargo test --workspace --test exactly_once --test messages; \
	fi

.PHONY: test-e2e
test-e2e: setup ## Only the end-to-end tests
	cargo build --workspace --bins
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace -E 'package(e2e)'; \
	else \
		cargo test -p e2e -- --test-threads=1; \
	fi

.PHONY: bench
bench: setup ## Measure against peers, all or BENCH="generate send"; writes target/bench/report.json
	cargo run --release -p benches -- $(BENCH)

.PHONY: realism
realism: ## Draw what the generator's shop is like, next to its targets, into docs
	cargo build --workspace --bins
	@"$${CARGO_TARGET_DIR:-target}/debug/realism"

.PHONY: lint
lint: setup ## Formatting, clippy, the template, licences of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(CFN_LINT)
	@if cargo deny --version >/dev/null 2>&1; then \
		cargo deny check --hide-inclusion-graph bans licenses sources; \
		if cargo deny fetch db >/dev/null 2>&1; then \
			cargo deny check --hide-inclusion-graph advisories; \
		else \
			echo "advisories: not checked, the RustSec database cannot be reached from here"; \
		fi; \
	else \
		echo "cargo deny: skipped, it is not installed ('make tools' does that)"; \
	fi

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all

.PHONY: schemas
schemas: ## Write the JSON Schema files of the events anew, from the Rust types
	UPDATE_SCHEMAS=1 cargo test -p events schema

.PHONY: setup
setup: ## Install the local stack's Python packages into .local/venv
	@$(STACK) setup

.PHONY: tools
tools: ## Install cargo-nextest and cargo-deny, which take some minutes to compile
	cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
