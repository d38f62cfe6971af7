# make demo   the main job on the embedded sandbox CRM
# make test   everything that must hold before a change lands (what CI runs)
# make check  the part of it without tests: lint, types, import rules
# make quick  what one runs while working: that, and the tests that need no server
# make mutations  damaged configurations, mappings, criteria, playbooks, plans and answers of the CRM, thousands of each; takes many minutes
# make stories a company's years at random, for longer, in memory and over HTTP; ARGS="--hypothesis-seed=7" plays the same ones again,
#             KAMSYNC_LINE_SEEDS=7-8 the story of seed 7 over HTTP
# make golden rewrites the golden files with what the program says now; look at the diff before you commit it
# make pictures takes the README's pictures of the console anew; needs Chromium
# make faults every fault on every kind of call, on both CRMs; takes some minutes
# make long   what is tested small in the suite, at full size: a console over a hundred thousand accounts, an installation from
#             the package registry; takes some minutes
# make lock  writes requirements.txt, every package of an installation with its hashes, from constraints.txt (wants uv)
# make audit known flaws, licences and a CycloneDX list of what an installation brings along; wants a package registry
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEVREADY := $(VENV)/.ready-dev
COMPILED := $(VENV)/.compiled
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q
# Set in many a container; each of the hundreds of processes that the tests start would then compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE
# Processes for the test suite: two a core and one more, since a good part of its time is waiting for servers; each takes half a gigabyte.
JOBS   ?= $(shell getconf _NPROCESSORS_ONLN | awk '{ jobs = 2 * $$1 + 1; print (jobs > 6 ? 6 : jobs) }')

.PHONY: lock audit quick mutations stories golden faults long demo test check lint types imports pytest wheel format bench clean

demo: $(READY)
	@$(BIN)/kamsync demo $(ARGS)

# Types are checked by one process beside the tests, which leave a core idle here and there.
test: lint
	@$(MAKE) --no-print-directory -j2 types pytest

# The import rules are among the tests of the architecture too, so `test` and `quick` leave them to these.
check: lint types imports

quick: lint types
	$(BIN)/pytest -n 2 tests/test_architecture.py tests/decide tests/store tests/report tests/run --deselect tests/store/test_any_machine.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("kamsync needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# What is imported is compiled then: of thousands of files, hundreds.
$(READY): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing kamsync and its libraries (once)"
	@$(PIP) install --no-compile -c constraints.txt -e .
	@touch $@

$(DEVREADY): $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing kamsync, its libraries and the development tools (once)"
	@$(PIP) install --no-compile -c constraints.txt -e '.[dev,keyring,notify,metrics,otel,report,parquet,calibrate,fleet]'
	@touch $@ $(READY)

lint: $(DEVREADY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEVREADY)
	$(BIN)/mypy kamsync connectors/kamsync_salesforce connectors/kamsync_hubspot tests bench

imports: $(DEVREADY)
	$(BIN)/lint-imports --no-cache

stories: $(DEVREADY)
	KAMSYNC_STORIES=$${KAMSYNC_STORIES:-1000} $(BIN)/pytest -n 2 -m "slow or not slow" tests/story/test_story.py tests/story/test_board.py tests/story/test_year.py tests/story/test_on_the_line.py tests/story/test_year_on_the_line.py $(ARGS)

faults: $(DEVREADY)
	$(BIN)/pytest -n $(JOBS) -m slow tests/journeys/test_faults.py tests/accidents/test_weather.py tests/fleet/test_killed_workers.py

long: $(DEVREADY)
	$(BIN)/pytest -n $(JOBS) -m slow tests/console tests/packaging

mutations: $(DEVREADY)
	KAMSYNC_MUTATIONS=1000 $(BIN)/pytest -n $(JOBS) tests/config/test_mutations.py tests/config/test_any_programme.py tests/journeys/test_mutated_answers.py

# What the tests load is compiled by one process, once: each of theirs would compile it otherwise, all at the same time.
$(COMPILED): $(DEVREADY)
	@$(BIN)/pytest --collect-only >/dev/null
	@touch $@

# A file's tests on one worker: what it makes once for all of them would be made on each.
pytest: $(COMPILED)
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

golden: $(DEVREADY)
	$(BIN)/pytest --golden

pictures: $(DEVREADY)
	$(BIN)/python -m tests.console.pictures docs/pictures

format: $(DEVREADY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(DEVREADY)
	uv pip compile pyproject.toml $(addprefix --extra ,keyring notify metrics otel report parquet calibrate fleet) -c constraints.txt --universal \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements.txt

audit: $(DEVREADY)
	@mkdir -p build/audit
	@$(BIN)/python -m bench.audit

wheel: $(DEVREADY)
	$(BIN)/python -m build --wheel --sdist

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
