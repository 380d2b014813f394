# Everything below runs in .venv, which is made from the lock files on first use.
# It needs Python 3.11 or newer, GNU make 3.81 or newer, and a package index that pip reaches.

PYTHON ?= python3
SOURCE ?=
STORE ?=
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --quiet
PROGRAM := $(RUN) -m notmnist_store
STORE_OPTION = $(if $(STORE),--store "$(STORE)")

# What a calling shell has set must not decide what the environment holds.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install ingest sql audit report test test-slow test-oldest-duckdb test-interop test-spark test-spark-jvm check format docs site bench bench-use bench-near bench-peers facts torture torture-short lock clean

help: ## say what there is to make (the default)
	@echo 'usage: make TARGET [SOURCE="a.tar.gz b.tar.gz"] [STORE=folder] [ARGS="more options"] [PYTHON=python3]'
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/project.done ## make the environment in .venv

ingest: $(VENV)/project.done ## store SOURCE (without it: the archives in data/, else a set drawn from open fonts)
	@$(PROGRAM) ingest $(STORE_OPTION) $(SOURCE) $(ARGS)

sql: $(VENV)/project.done ## ask the store: make sql ARGS=label_counts, make sql ARGS='"select 1"'
	@$(PROGRAM) sql $(STORE_OPTION) $(ARGS)

audit: $(VENV)/project.done ## check the store and a split set: make audit ARGS="--split-set first"
	@$(PROGRAM) audit $(STORE_OPTION) $(ARGS)

report: $(VENV)/project.done ## write report.html on the store: make report ARGS="--split-set first"
	@$(PROGRAM) report $(STORE_OPTION) $(ARGS)

test: $(VENV)/dev.done ## run the tests (ARGS go to pytest)
	@$(RUN) -m pytest --numprocesses auto -m "not slow and not spark" $(ARGS)

test-slow: $(VENV)/dev.done ## run what test leaves out, and every property with many examples drawn anew
	@NOTMNIST_STORE_TESTS=thorough $(RUN) -m pytest --numprocesses auto -m "(slow or hypothesis) and not spark" $(ARGS)

test-oldest-duckdb: $(VENV)/dev.done build/oldest-duckdb/done ## run the SQL tests on the oldest DuckDB supported
	@PYTHONPATH=build/oldest-duckdb $(RUN) -c 'import duckdb; print("DuckDB", duckdb.__version__)'
	@PYTHONPATH=build/oldest-duckdb $(RUN) -m pytest -m sql $(ARGS)

# Imported first: a test that skips for want of them would hold nothing.
test-interop: build/interop/done ## run the tests with the real torch, datasets and mlcroissant
	@build/interop/bin/python -c 'import datasets, junitparser, mlcroissant, torch; \
	  from importlib.metadata import version; \
	  print(*(f"{name} {version(name)}" for name in ("torch", "datasets", "mlcroissant")))'
	@build/interop/bin/python -m pytest -m interop $(ARGS)

test-spark: build/spark/done ## run the tests of --engine spark on Sail
	@build/spark/bin/python -c 'from importlib.metadata import version; import pysail, pyspark; print("Sail", version("pysail"), "client", pyspark.__version__)'
	@build/spark/bin/python -m pytest -m spark $(ARGS)

test-spark-jvm: build/spark-jvm/done ## run those on Spark itself that say more there; needs Java 17
	@build/spark-jvm/bin/python -c 'import pyspark; print("Spark", pyspark.__version__)'
	@java -version
	@NOTMNIST_SPARK_URL='local[2,4]' build/spark-jvm/bin/python -m pytest -m spark_jvm $(ARGS)

check: $(VENV)/dev.done ## check format, style and types
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

format: $(VENV)/dev.done ## put the code into its format
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

docs: $(VENV)/dev.done ## write the pages made from elsewhere: commands, tables, audits, guarantees
	@$(RUN) -m tools.make_commands
	@$(RUN) -m tools.make_tables
	@$(RUN) -m tools.make_audits
	@$(RUN) -m tests.torture --page

site: build/site-tools/done ## write the manual as a site to build/site; a dead link fails
	@NO_MKDOCS_2_WARNING=1 build/site-tools/bin/python -m mkdocs build --strict --quiet --site-dir build/site

bench: $(VENV)/dev.done ## measure ingest: speed and memory (ARGS go to benchmarks/run.py)
	@$(RUN) benchmarks/run.py $(ARGS)

bench-use: build/interop/done ## measure audits, splits, loading (ARGS go to benchmarks/use.py)
	@build/interop/bin/python benchmarks/use.py $(ARGS)

bench-near: build/peers/done ## measure near duplicates beside FAISS and cleanvision
	@build/peers/bin/python benchmarks/radius_join.py $(ARGS)

bench-peers: $(VENV)/dev.done ## measure each task beside other tools, each in an environment made now
	@$(RUN) benchmarks/peers.py $(ARGS)

facts: build/peers/done ## find again what was published on known sets (ARGS go to benchmarks/facts.py)
	@build/peers/bin/python benchmarks/facts.py $(ARGS)

torture: $(VENV)/dev.done ## disturb every command in every way, under 3 hours (ARGS: --part kill, --seed 1)
	@$(RUN) -m tests.torture --record $(ARGS)

torture-short: $(VENV)/dev.done ## a sample of it, in minutes
	@$(RUN) -m tests.torture --short $(ARGS)

# The lock files follow pyproject.toml by hand, not by time stamp: a new lock is a change to review.
lock: ## resolve pyproject.toml anew into requirements/*.lock
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check --quiet install --upgrade pip uv
	@build/lock/bin/python requirements/make_locks.py

clean: ## remove the environment and what was built; never a store and never data/
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# Each *.done file is written last: an interrupted install does not count, and is made anew.

$(VENV)/run.done: requirements/run.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "This needs Python 3.11 or newer; $(PYTHON) is" \
	    "$$($(PYTHON) --version 2>/dev/null || echo 'not there')." >&2; \
	  echo 'try: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo "Making .venv, once: $$(sed -n '1s/^# \(.* to download\).*/\1/p' requirements/run.lock)" >&2
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes -r requirements/run.lock
	@touch $@

$(VENV)/project.done: $(VENV)/run.done pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@echo "Made .venv: $$(du -sm $(VENV) | cut -f1) MB on disk" >&2
	@touch $@

$(VENV)/dev.done: requirements/dev.lock $(VENV)/run.done | $(VENV)/project.done
	@echo "Adding the developers' tools to .venv, once: in all" \
	  "$$(sed -n '1s/^# \(.* to download\).*/\1/p' requirements/dev.lock)" >&2
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.lock
	@touch $@

build/oldest-duckdb/done: requirements/oldest-duckdb.lock $(VENV)/run.done
	@rm -rf build/oldest-duckdb
	@$(PIP) install --no-deps --require-hashes --target build/oldest-duckdb -r $<
	@touch $@

build/site-tools/done: requirements/site.lock
	@rm -rf build/site-tools
	@$(PYTHON) -m venv build/site-tools
	@build/site-tools/bin/python -m pip --disable-pip-version-check --quiet install --no-deps \
	  --require-hashes -r $<
	@touch $@

# Environments over .venv, named as their requirements: the .pth file lets them find what is there.
PURELIB := import sysconfig; print(sysconfig.get_path("purelib"))
build/interop/done build/peers/done build/spark/done build/spark-jvm/done: build/%/done: requirements/%.txt $(VENV)/dev.done
	@echo 'Making build/$*, once: .venv and, over it, what requirements/$*.txt names' >&2
	@rm -rf build/$*
	@$(RUN) -m venv build/$*
	@echo "import site; site.addsitedir(r'$$($(RUN) -c '$(PURELIB)')')" \
	  > "$$(build/$*/bin/python -c '$(PURELIB)')/developers.pth"
	@build/$*/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	@touch $@
