# Everything here needs only Python 3.11 or newer, with its venv module, and make.

PYTHON ?= python3
ENGINE ?= cpu
CONFIG ?= configs/demo.yaml
# Where torch's CPU build is looked for when the machine's own pip settings do not find it.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/$(ENGINE).lock
DEV_LOCK := requirements/dev.lock
TORCH := $(shell sed -n '/^torch==/{s/ *;.*//;p;}' $(LOCK) 2>/dev/null)

# The names of the stamps hold a hash of what they stand for: other locks, other stamps.
hash_of = $(shell cat $(1) 2>/dev/null | cksum | tr ' ' '-')
STAMP := $(VENV)/.installed-$(ENGINE)-$(call hash_of,$(LOCK) pyproject.toml)
DEV_STAMP := $(VENV)/.installed-dev-$(call hash_of,$(LOCK) $(DEV_LOCK) pyproject.toml)

# uv does not read pip's settings: pass on where pip finds packages, and whom it trusts.
PIP_SETTING = $$($(BIN)/pip config get $(1) 2>/dev/null || true)
UV_PIP = index="$${PIP_INDEX_URL:-$(call PIP_SETTING,global.index-url)}"; \
	cert="$${PIP_CERT:-$(call PIP_SETTING,global.cert)}"; \
	$${index:+env UV_DEFAULT_INDEX="$$index"} $${cert:+env SSL_CERT_FILE="$$cert"} \
	$(BIN)/uv pip install --python $(BIN)/python --no-deps
COMPILE = $(BIN)/uv pip compile pyproject.toml --override requirements/excluded.txt \
	$$(printf -- '--find-links %s ' $${PIP_FIND_LINKS:-}) --universal --python-version 3.11 \
	--no-annotate --no-header --no-emit-find-links --quiet --upgrade
DROP_EXCLUDED = sed "/sys_platform == 'never'/d"

.DEFAULT_GOAL := help
.PHONY: help environment serve demo test check format lock train-demo-model eval-demo-model \
	train-image-model eval-image-model clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: $(STAMP) ## Install what serving needs, as serve does

serve: $(STAMP) ## Serve CONFIG (configs/demo.yaml) until Ctrl-C
	@exec $(BIN)/infercept serve $(CONFIG)

demo: $(STAMP) ## Watch interceptions; URL=http://... takes a running server
	@exec $(BIN)/infercept demo --config $(CONFIG) $(if $(URL),--url $(URL))

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

train-demo-model: $(STAMP) ## Train the adapter of the demo model anew (about ten minutes)
	@$(BIN)/python -m deployments.models.train_lora

eval-demo-model: $(STAMP) ## Ask the demo model held-out questions and count right answers
	@$(BIN)/python -m deployments.models.evaluate

train-image-model: $(STAMP) ## Train the small image model anew (about twenty minutes)
	@$(BIN)/python -m augment_workers.shapes.train

eval-image-model: $(STAMP) ## Have the small image model draw and count right pictures
	@$(BIN)/python -m augment_workers.shapes.evaluate

clean: ## Remove the environment and all caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf .hypothesis build *.egg-info

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		f"{sys.executable} is Python {sys.version.split()[0]}: 3.11 or newer is needed, " \
		"e.g. make PYTHON=python3.12")'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@rm -f $(VENV)/.installed-*
	@echo "installing uv $(UV_VERSION)"
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "installing $(TORCH)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps "$(TORCH)" || { \
		echo "not found with this machine's pip settings; trying $(TORCH_INDEX)"; \
		$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
			--index-url $(TORCH_INDEX) "$(TORCH)"; }
	@echo "installing $$(grep -c == $(LOCK)) packages of $(LOCK)"
	@grep -v '^torch==' $(LOCK) > $(VENV)/without-torch.lock
	@$(UV_PIP) --quiet -r $(VENV)/without-torch.lock
	@echo "installing this project"
	@$(UV_PIP) --quiet --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): | $(STAMP)
	@echo "installing $$(grep -c == $(DEV_LOCK)) packages of $(DEV_LOCK)"
	@rm -f $(VENV)/.installed-dev-*
	@$(UV_PIP) --quiet -r $(DEV_LOCK)
	@touch $@
