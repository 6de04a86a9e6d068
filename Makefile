# `make` lists each target that has a `##` comment.
.DEFAULT_GOAL := help
.PHONY: help setup lock fmt lint typecheck lint-imports shellcheck test test-slow test-deployed test-recipes run deployed token revoke-tokens preview replay benchmark benchmark-sweep benchmark-failover benchmark-import benchmark-cold-start mutation-check build-documents package permissions checkov check-subnets catalog catalog-page clean

PYTHON ?= python3
UV := .uv/bin/uv
BIN := .venv/bin
ON_LOCAL = $(if $(LOCAL),env AWS_ENDPOINT_URL=$(LOCAL) AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1)

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

setup: .venv/.ready ## Install what development and the local cloud need into .venv (one to three minutes)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "gpudesk needs Python 3.11 or later. Name one: make setup PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip --quiet --disable-pip-version-check install uv==0.13.9

# Bytecode is compiled here: simulated instances mount .venv read-only, and would compile it again at each start.
.venv/.ready: requirements.txt requirements-dev.txt | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python requirements-dev.txt
	@touch $@

lock: | $(UV) ## Lock newer versions, with the hashes of all files: requirements-dev.txt, local/deployed/runtime.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --excludes requirements-exclude.txt --overrides requirements-overrides.txt requirements-dev.in -o requirements-dev.txt
	$(UV) pip compile --quiet --python-version 3.13 --python-platform x86_64-manylinux_2_34 --generate-hashes --no-emit-index-url --no-header --no-annotate local/deployed/runtime.in -o local/deployed/runtime.txt

fmt: setup ## Format and sort imports
	$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

lint: setup ## Check style and likely mistakes with ruff
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

typecheck: setup ## Check the types with mypy (strict)
	$(BIN)/mypy

lint-imports: setup ## Check the import contracts
	$(BIN)/lint-imports

shellcheck: setup ## Check every script that runs on an instance with ShellCheck
	$(BIN)/shellcheck $$(find ssm_documents local examples chalicelib/data/recipes -name '*.sh') \
		ssm_documents/gpudesk-image/gpudesk-machine-secrets tools/gpudesk-session .ci/*

# Three processes on two cores: many tests wait for a program.
test: lint typecheck lint-imports shellcheck ## Run all checks and tests
	$(BIN)/pytest -n 3 --durations=10

test-slow: setup ## Run all tests, with 10,000 generated histories instead of 60
	HYPOTHESIS_PROFILE=slow $(BIN)/pytest -n 2 -m "slow or not slow"

test-deployed: setup | $(UV) ## Run the tests of the zip: its functions, on the local cloud (needs Python 3.13 on x86_64)
	@UV=$(UV) $(BIN)/pytest -m deployed tests/deploy tests/local/deployed

test-recipes: setup ## Run the recipe d2l-pytorch on a real Debian root (needs root, debootstrap, 6 minutes, 15 GB); not part of test
	$(BIN)/pytest -m recipe -s tests/recipes

run: setup ## Run the local cloud and the API: play the demo, then serve (ONCE=1, DEMO=0, SPEED=, PORT=, CLOUD_PORT=, SIMULATE=1, REGIONS=us-west-2,...)
	@$(BIN)/python -m local.run

deployed: package ## Like run, with the templates, the zip and the policies of a deployment (ONCE=1 and all variables of run)
	@UV=$(UV) $(BIN)/python -m local.deployed

token: setup ## Create a bearer token: OWNER=ada [ROLE=user, admin or bot]; for the local cloud LOCAL=http://127.0.0.1:4566
	@$(ON_LOCAL) $(BIN)/python -m tools.make_token --role "$${ROLE:-user}" -- "$$OWNER"

revoke-tokens: setup ## Revoke all bearer tokens of an owner: OWNER=ada; for the local cloud LOCAL=http://127.0.0.1:4566
	@$(ON_LOCAL) $(BIN)/python -m tools.revoke_tokens -- "$$OWNER"

preview: setup ## Print what a sweep would do now, without doing it; for the local cloud LOCAL=http://127.0.0.1:4566
	@$(ON_LOCAL) $(BIN)/python -m tools.preview

replay: ## Try a policy on the history of an instance: HISTORY=FILE.jsonl [POLICY=FILE.json]; prints JSON lines
	@test -n "$$HISTORY" || { echo 'HISTORY is missing. Run: make replay HISTORY=FILE.jsonl [POLICY=FILE.json]' >&2; exit 2; }
	@$(MAKE) --no-print-directory --silent setup >&2
	@$(BIN)/python -m tools.replay "$$HISTORY" $${POLICY:+"$$POLICY"}

benchmark: setup ## Compare the idle rule with others on a generated month of a team's use; prints tables in Markdown
	@$(BIN)/python -m benchmarks.idle_rules

benchmark-sweep: setup ## Measure what a sweep costs for 1 to 10,000 instances, and compare it with Cloud Custodian (COUNTS=1,10); about 15 minutes
	@COUNTS="$(COUNTS)" $(BIN)/python -m benchmarks.sweep

benchmark-failover: setup ## Compare orders in which a launch tries zones on simulated months of capacity (SEEDS=, LAUNCHES=); two minutes
	@SEEDS="$(SEEDS)" LAUNCHES="$(LAUNCHES)" $(BIN)/python -m benchmarks.failover

benchmark-import: setup ## Measure what an import of app.py costs beside the libraries that it loads
	@$(BIN)/python -m benchmarks.import_cost

benchmark-cold-start: setup ## Measure the zip and the CPU time of a cold start from it (needs Python 3.13 on x86_64)
	@UV=$(UV) $(BIN)/python -m benchmarks.cold_start

mutation-check: setup ## Break 30 decisions of the domain, one at a time, and check that tests fail (COUNT=, SEED=); about 15 minutes
	@$(BIN)/python -m tools.mutation_check $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

permissions: setup ## Write docs/permissions.md from the policies in deploy/policies
	@$(BIN)/python -m deploy.permissions_page

# checkov pins libraries that the tests need in other versions, so it has an environment of its own (220 MB).
build/checkov/.ready: | $(UV)
	@$(UV) venv --quiet --clear --python $(PYTHON) build/checkov
	@$(UV) pip install --quiet --python build/checkov/bin/python checkov==3.3.30
	@touch $@

checkov: setup build/checkov/.ready ## Check the templates with checkov (STAGE=dev); installs it on the first run (220 MB, a minute)
	@$(BIN)/python -m deploy.checkov build/checkov/bin/checkov "$${STAGE:-dev}"

build-documents: setup ## Write the SSM documents to build/ssm_documents
	$(BIN)/python -m ssm_documents.compose build/ssm_documents

package: setup | $(UV) ## Write the templates and the zip of a stage to build/package, without an AWS account (STAGE=dev)
	@UV=$(UV) $(BIN)/python -m deploy package --stage "$${STAGE:-dev}"

check-subnets: setup ## Name the subnets from which instances would not reach what they need (STAGE=dev); reads the account
	@$(ON_LOCAL) $(BIN)/python -m tools.check_subnets "$${STAGE:-dev}"

catalog: setup ## Read instance types, prices and images from AWS into chalicelib/data/catalog (REGIONS=, OUT=); reads the account
	@$(ON_LOCAL) $(BIN)/python -m tools.refresh_catalog $(if $(REGIONS),--regions $(REGIONS)) $(if $(OUT),--out $(OUT))

catalog-page: setup ## Write docs/gpu-types.md from chalicelib/data/catalog
	@$(BIN)/python -m tools.catalog_page

clean: ## Remove what the other targets created: .venv .uv .gpudesk build
	rm -rf .venv .uv .gpudesk build
