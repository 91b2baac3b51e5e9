# Everything here needs only Python 3.11 or newer, with its venv module, and make.

PYTHON ?= python3
ENGINE ?= cpu
CONFIG ?= configs/demo.yaml

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/$(ENGINE).lock
DEV_LOCK := requirements/dev.lock
INSTALL := requirements/install.sh

# The names of the stamps hold a hash of what they stand for: other locks, other stamps.
hash_of = $(shell cat $(1) 2>/dev/null | cksum | tr ' ' '-')
STAMP := $(VENV)/.installed-$(ENGINE)-$(call hash_of,$(LOCK) $(INSTALL) pyproject.toml)
DEV_STAMP := $(VENV)/.installed-dev-$(call hash_of,$(LOCK) $(DEV_LOCK) pyproject.toml)

EXCLUDED := requirements/excluded.txt $(wildcard requirements/excluded-$(ENGINE).txt)
COMPILE = $(BIN)/uv pip compile pyproject.toml $(addprefix --override ,$(EXCLUDED)) \
	$$(printf -- '--find-links %s ' $${PIP_FIND_LINKS:-}) --universal --python-version 3.11 \
	--no-annotate --no-header --no-emit-find-links --quiet --upgrade
DROP_EXCLUDED = sed "/sys_platform == 'never'/d"

.DEFAULT_GOAL := help
.PHONY: help environment serve demo loadtest soak test check format lock train-demo-model \
	eval-demo-model train-image-model eval-image-model clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: $(STAMP) ## Install what serving needs, as serve does

serve: $(STAMP) ## Serve CONFIG (configs/demo.yaml) until Ctrl-C; PORT=8123 listens there
	@exec $(BIN)/infercept serve $(CONFIG) $(if $(PORT),--port $(PORT))

demo: $(STAMP) ## Watch interceptions; URL=http://... takes a running server
	@exec $(BIN)/infercept demo --config $(CONFIG) $(if $(URL),--url $(URL))

loadtest: $(DEV_STAMP) ## Load a server with the mix; URL, ARGS="--users 20 --shape spike"
	@exec $(BIN)/python -m loadtest.load --config $(CONFIG) $(if $(URL),--url $(URL)) $(ARGS)

soak: $(DEV_STAMP) ## Load CONFIG for ten minutes: failures, memory, blocks; ARGS="--minutes 60"
	@exec $(BIN)/python -m loadtest.soak --config $(CONFIG) $(ARGS)

test: $(DEV_STAMP) ## Run all tests
	@$(BIN)/pytest

check: $(DEV_STAMP) ## Check format, lint, types and import rules
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(DEV_STAMP) ## Format the code and fix what can be fixed
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .

lock: $(STAMP) ## Pin all dependencies anew; ENGINE=cuda for GPUs
	@echo "pinning $(LOCK)"
	@$(COMPILE) --extra $(ENGINE) --output-file $(VENV)/new.lock
	@$(DROP_EXCLUDED) $(VENV)/new.lock > $(LOCK)
ifeq ($(ENGINE),cpu)
	@echo "pinning $(DEV_LOCK)"
	@$(COMPILE) --extra cpu --extra dev --constraint $(LOCK) --output-file $(VENV)/all.lock
	@$(DROP_EXCLUDED) $(VENV)/all.lock | grep -vxFf $(LOCK) > $(DEV_LOCK)
endif

train-demo-model: $(STAMP) ## Train the adapter of the demo model anew (about an hour)
	@$(BIN)/python -m deployments.models.train_lora

eval-demo-model: $(STAMP) ## Count right calls, answers and games won of the demo model
	@$(BIN)/python -m deployments.models.evaluate

train-image-model: $(STAMP) ## Train the small image model anew (about half an hour)
	@$(BIN)/python -m augment_workers.shapes.train

eval-image-model: $(STAMP) ## Have the small image model draw and count right pictures
	@$(BIN)/python -m augment_workers.shapes.evaluate

clean: ## Remove the environment and all caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf .hypothesis build *.egg-info

$(STAMP):
	@rm -f $(VENV)/.installed-*
	@PYTHON="$(PYTHON)" $(INSTALL) $(VENV) $(LOCK)
	@$(INSTALL) --project $(VENV)
	@touch $@

$(DEV_STAMP): | $(STAMP)
	@rm -f $(VENV)/.installed-dev-*
	@$(INSTALL) $(VENV) $(DEV_LOCK)
	@touch $@
