PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVERS := prometheus promtool prometheus-pushgateway prometheus-alertmanager amtool mtail initdb chromium systemd-analyze logrotate faketime
PACKAGES := prometheus prometheus-pushgateway prometheus-alertmanager mtail postgresql chromium systemd logrotate faketime
LOCK := --quiet --upgrade --universal --python-version 3.13 --generate-hashes --no-annotate --custom-compile-command "make lock"
export REQUIRE_SERVERS

.PHONY: demo test lint format rules dashboards reference manifests lock screenshots sbom image chaos bench honesty sizing servers clean

demo: $(VENV)/demo  ## a real model, monitored through several incidents; SECONDS=100 runs the whole scenario in 100 seconds
	@$(BIN)/python -m deploy.demo $(if $(SECONDS),--seconds $(SECONDS))

# By name: files of many tests are not begun first, or the few that take minutes, of alerts and the demo, would end last.
# Three at a time on two cores, because many tests wait.
test: $(VENV)/installed servers  ## all tests, those of a file one after another
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m tests.english

format: $(VENV)/installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

rules: $(VENV)/installed  ## what is generated in alerts/, after a change of feature-drift.yaml; checks all rules
	$(BIN)/python -m alerts.generate
	$(BIN)/python -m alerts --check

reference: $(VENV)/installed  ## CONFIGURATION.md and METRICS.md of exporter/, alerts/ALERTS.md
	$(BIN)/python -m tests.documentation

manifests: $(VENV)/installed  ## what kustomize and Helm are told of alerts/ and dashboards/
	$(BIN)/python -m deploy

lock: $(VENV)/installed  ## the image's dependencies: the newest, with their hashes
	$(BIN)/uv pip compile $(LOCK) --extra sql --extra otlp pyproject.toml --output-file requirements.lock
	echo hatchling | $(BIN)/uv pip compile $(LOCK) - --output-file build.lock

sbom: $(VENV)/installed  ## sbom.cdx.json, of the image's Python packages; `make image` adds one of all that is in it
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
		--output-file sbom.cdx.json

IMAGE ?= prediction-exporter

image:  ## $(IMAGE):VERSION, for both architectures, with an SBOM; needs Docker's buildx. ARGS="--push --build-arg BASE=..."
	docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max \
		--tag $(IMAGE):$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/__init__.py) $(ARGS) .

dashboards: $(VENV)/installed  ## dashboards/json/*.json, from dashboards/*.py
	$(BIN)/python -m dashboards dashboards/json

screenshots: $(VENV)/installed servers  ## dashboards/screenshots/*.webp; needs npm, 700 MB and ten minutes
	cd dashboards/screenshots/renderer && npm ci && npm run build
	$(BIN)/python -m tests.screenshots dashboards/screenshots

chaos: $(VENV)/installed servers  ## five million records, a hundred kills; then a minute of each mode of logrotate
	CHAOS_KILLS=50 CHAOS_RECORDS=2500000 CHAOS_SECONDS=60 $(BIN)/pytest -s tests/chaos

bench: $(VENV)/installed servers  ## the tables of measurements in the README; half an hour
	$(BIN)/python -m tests.benchmarks

honesty: $(VENV)/installed .venv-honesty/installed  ## tests/honesty/results.md: power and false alarms, beside other tools; ten minutes
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.honesty .venv-honesty/bin/python

# The other tools need other versions of libraries.
.venv-honesty/installed: tests/honesty/requirements.txt
	$(PYTHON) -m venv .venv-honesty
	.venv-honesty/bin/pip install --quiet --disable-pip-version-check --requirement tests/honesty/requirements.txt
	@touch $@

sizing: $(VENV)/installed  ## the tables of deploy/SIZING.md; half an hour
	$(BIN)/python -m tests.benchmarks.sizing

# Without them the tests that need them are skipped, and say so; with REQUIRE_SERVERS=1 they fail.
servers:
	@PATH="$$PATH:/usr/sbin$$(printf ':%s' /usr/lib/postgresql/*/bin)"; \
	missing=$$(for name in $(SERVERS); do command -v $$name >/dev/null || echo $$name; done); \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $(PACKAGES) >/dev/null; \
	elif [ -n "$$missing" ]; then \
		echo "not installed, and their tests are skipped:" $$missing "(apt-get install $(PACKAGES))"; \
	fi

# What the demo needs is installed much sooner than what the tests need.
$(VENV)/demo: pyproject.toml deploy/demo/requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable . --requirement deploy/demo/requirements.txt
	@touch $@

$(VENV)/installed: $(VENV)/demo
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
