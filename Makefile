# `make mnist` and `make test` do all the set-up by themselves; a second run sets up nothing.
PYTHON ?= python3
VENV := .venv
LAVA := .venv-lava
PIP := --disable-pip-version-check --quiet --constraint constraints.txt
INPUTS := pyproject.toml constraints.txt

.PHONY: setup mnist test race lint docs clean

setup: $(VENV)/.ready $(LAVA)/.ready

$(VENV)/.ready: $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: install a newer one, or name it: make PYTHON=python3.12" >&2; exit 2; }
	@echo "setting up $(VENV) (simulator)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install $(PIP) --editable '.[dev]'
	@touch $@

# Without a Python 3.10 the stamp is not written: the search is repeated next time, and everything but Lava works.
$(LAVA)/.ready: $(INPUTS)
	@python310=$$(tools/find-python310) || exit 0; \
	  echo "setting up $(LAVA) (Lava)"; \
	  { test -x $(LAVA)/bin/python || "$$python310" -m venv $(LAVA); } && \
	  $(LAVA)/bin/pip install $(PIP) --editable '.[dev]' && touch $@

# Each step takes up what is there: a second run trains nothing again.
RUN := runs/mnist
BIOGRAD := $(VENV)/bin/biograd
mnist: setup
	@$(BIOGRAD) train --preset mnist --out $(RUN) --resume
	@$(BIOGRAD) export $(RUN)
	@$(BIOGRAD) deploy $(RUN)/model.nir --target emulator
	@if test -f $(LAVA)/.ready; then $(BIOGRAD) deploy $(RUN)/model.nir --target lava --samples 100; \
	  else echo "the Lava simulation was left out: no Python 3.10" >&2; fi
	@$(BIOGRAD) benchmark --suite quick --run $(RUN)
	@$(BIOGRAD) report $(RUN)
	@$(BIOGRAD) draw $(RUN)

# A file is tested by one process, several files at once: half the time on two cores.
TOGETHER := -n auto --maxprocesses 4 --dist loadfile
test: setup
	@$(VENV)/bin/python -m pytest $(TOGETHER) tests
	@if test -f $(LAVA)/.ready; then $(LAVA)/bin/python -m pytest $(TOGETHER) tests/hardware; \
	  else echo "the Lava tests were left out: no Python 3.10" >&2; fi

# SpikingJelly in an environment of its own, for the races: its dependencies would replace torch.
PEERS := .venv-peers
$(PEERS)/.ready: $(INPUTS)
	@echo "setting up $(PEERS) (SpikingJelly)"
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/pip install $(PIP) --editable '.[dev]'
	@$(PEERS)/bin/pip install --disable-pip-version-check --quiet --no-deps spikingjelly==0.0.0.0.14 loguru
	@touch $@

race: $(PEERS)/.ready
	@$(PEERS)/bin/python -m biograd benchmark --suite speed

lint: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/vulture

# The documentation's own packages (130 MB, most of it icons and locales) are not part of the set-up.
$(VENV)/.docs-ready: $(VENV)/.ready
	@echo "setting up $(VENV) (documentation)"
	@$(VENV)/bin/pip install $(PIP) --editable '.[dev,docs]'
	@touch $@

# Runs the tutorials, documents every module, and fails where a link leads nowhere (two minutes).
# The site takes the place of the last one only when it is complete.
SITE := build/site
docs: setup $(VENV)/.docs-ready
	@OMP_NUM_THREADS=1 MPLBACKEND=agg NO_MKDOCS_2_WARNING=1 \
	  $(VENV)/bin/mkdocs build --quiet --strict --site-dir $(SITE)
	@rm -rf docs/site && mv $(SITE) docs/site
	@echo "wrote docs/site/index.html"

clean:
	rm -rf $(VENV) $(LAVA) build *.egg-info docs/site .pytest_cache .mypy_cache .ruff_cache
