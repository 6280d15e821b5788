# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The tools of .venv, and no environment of the caller's
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

# Three at a time, since many wait for an array; one group of tests/conftest.py on one worker; no test may hang
PYTEST := pytest --timeout 1200
PYTEST_PARALLEL := $(PYTEST) --numprocesses 3 --dist loadscope --no-loadscope-reorder -m "not slow"

.DEFAULT_GOAL := help
.PHONY: help setup demo check test test-slow test-stable torture fuzz fix bench docs release lock clean

help: ## list these targets
	@sed -n 's/^\([a-z][a-z_%-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

setup: ## make .venv, and this checkout a collection that Ansible finds
	@tests/gates/setup

demo: setup ## start simulated arrays and manage them (no array needed)
	ansible-playbook playbooks/quickstart.yml

check: setup ## the fast half of `make test`: ruff, mypy, yamllint, unit tests
	$(PYTEST_PARALLEL) tests/unit tests/gates/test_static.py

test: setup ## every test and every gate but those of `make test-slow`; with T=expression those whose names match
	$(PYTEST_PARALLEL) $(if $(T),-k '$(T)')

test-slow: setup ## kernel iSCSI on an emulated host, Cinder with RabbitMQ, large images, roles on hosts (root; two hours)
	$(PYTEST) --timeout 5400 -m slow

test-stable: setup ## of the slow tests those that are stable, for SECONDS at most
	$(PYTEST) --timeout 0 --stable $(or $(SECONDS),3000)

gate-%: setup ## one gate of `make test`, with its output: gate-sanity, gate-collection, gate-installed ...
	$(PYTEST) --verbose -m "not slow" tests/gates/test_$*.py

mutants: setup ## turn each comparison, condition and default of what decides about data round: do the tests notice?
	python tests/mutants.py $(if $(T),'$(T)')

torture: setup ## every operation against arrays that behave otherwise than is assumed; T='TEXT ...' selects, SECONDS=, SEED=
	PYTHONPATH=collections:roles/array_simulator/files:. python -m tests.module.torture $(T) --seconds $(or $(SECONDS),inf) \
		--seed $(or $(SEED),1)

fuzz: setup ## damaged and invented answers of every array, at random; T='TARGET ...' selects, INPUTS=, SEED=
	PYTHONPATH=collections:roles/array_simulator/files:. python -m tests.module.fuzz $(T) \
		--inputs $(or $(INPUTS),200000) --seed $(or $(SEED),1)

fix: setup ## let ruff mend what it can
	ruff check --fix .

bench: setup ## count requests and measure time
	python tests/bench/run.py

rows: setup ## write what follows from the descriptions of the arrays: option documentation, choices, README table
	PYTHONPATH=collections:. python -m tests.support.rows

docs: setup ## the module reference as a web site, in build/docs
	tests/gates/docs

release: setup ## prepare the release of VERSION=X.Y.Z, and print how to publish it
	tests/gates/release $(VERSION)

lock: setup ## renew constraints-dev.txt with the newest versions
	tests/gates/lock

clean: ## remove what these targets made in the checkout
	rm -rf .venv .ansible .cache .molecule .nox build collections dist
	find . -type d \( -name __pycache__ -o -name .hypothesis -o -name '.*_cache' \) -prune -exec rm -rf {} +
