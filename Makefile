# The commands of a working copy. `make demo` and `make test` need Python 3.11 or newer and nothing else.
PYTHON ?= python3
PORT ?= 8000
SANDBOX_PORT ?= 8001
# One more than two cores: browsers and servers spend part of each test waiting.
WORKERS ?= 3
RUN := .venv/bin/python
export PORT SANDBOX_PORT
# Hundreds of processes start in the tests: none of them compiles what another has.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_LINK_MODE := copy
export UV_CUSTOM_COMPILE_COMMAND := make lock

.PHONY: help demo reset test test-long cluster test-cluster test-keycloak test-alarms rehearse-restore test-bare test-image \
	test-helm check docs prose setup bench lock format messages

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | expand -t 10

demo: setup  ## run the whole thing: site, worker, local Stripe, database; Ctrl-C ends it. OIDC=keycloak adds a Keycloak
	@exec $(RUN) -m dev.demo

reset:  ## delete the demo's data
	@$(PYTHON) dev/reset.py

test: setup  ## every test, on a real PostgreSQL, in a real browser
	@$(RUN) -m dev.programs
	$(RUN) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

test-long: setup  ## the tests that search for trouble, for the better part of an hour
	LONG_TESTS=1 $(RUN) -m pytest -n 0 -s $$(grep -rl --include='test_*.py' 'tests.support.effort' tests) $(ARGS)

cluster: setup  ## all of it on several servers, on this machine; Ctrl-C ends it
	@exec $(RUN) -m dev.cluster

test-cluster: setup  ## the cluster under load while its parts fail: three minutes, or MINUTES=60
	@$(RUN) -m dev.trial

test-keycloak: setup  ## sign-in, tokens and sessions with a real Keycloak; needs Java, Maven and Chromium
	@$(RUN) -m dev.keycloak
	$(RUN) -m pytest -n 0 $(or $(ARGS),tests/keycloak)

test-alarms: setup  ## a real Prometheus with the alert rules, and three alarms made to happen: five minutes
	ALARM_TESTS=1 $(RUN) -m pytest tests/alarms -n 0 -s $(ARGS)

rehearse-restore: setup  ## lose a database and restore it to a moment; ARGS="--filler 1000" for one of 1000 MB
	@$(RUN) -m dev.backups $(ARGS)

test-bare:  ## make demo and make test on a Debian 13 made for it, with Python and make only; as root
	@dev/bare.sh

test-image: setup  ## build the image by its Dockerfile and run it as compose.yaml does, with podman; as root
	@$(RUN) -m dev.image

test-helm: setup  ## the Helm chart: lint, what it renders against the real schemas, what it refuses; needs Go or helm
	@$(RUN) -m dev.chart

check: setup docs prose  ## linters, types, import contracts, migrations, templates, translations, prose, docs, OpenAPI, Docker, GitHub
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/sqlfluff lint --disable-progress-bar --nocolor credits/ledger/sql
	.venv/bin/mypy .
	.venv/bin/lint-imports --no-logo
	$(RUN) manage.py makemigrations --check --dry-run
	$(RUN) -m dev.messages --check
	.venv/bin/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html' 'sandbox/*.html')
	$(RUN) manage.py spectacular --validate --fail-on-warn --file .local/openapi.yaml
	.venv/bin/hadolint Dockerfile
	.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	.venv/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml

docs: setup  ## the docs as a site in .local/docs-site; fails on a broken link
	@$(RUN) -m dev.docs_site
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build

prose: setup  ## banned words, and what to write instead
	.venv/bin/codespell --regex "(?i)\b($$(sed 's/->.*//' dev/banned-words.txt | paste -sd '|' -))\b" $(or $(ARGS),.)

messages: setup  ## bring the translations in locale/ up to date with the code
	$(RUN) -m dev.messages

bench: setup  ## speed, as ratios from one run; QUICK=1 for two minutes, WRITE=1 for docs/benchmarks.md
	$(RUN) -m bench $(if $(QUICK),--quick) $(if $(WRITE),--write) $(ARGS)

setup:
	@$(PYTHON) dev/bootstrap.py

format: setup  ## format code and templates
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
	.venv/bin/djade --target-version 5.2 $$(git ls-files 'templates/*.html' 'sandbox/*.html')

lock:  ## update the pinned requirements, with hashes
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements-dev.in -o requirements-dev.txt
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements.in -c requirements-dev.txt -o requirements.txt
	echo uv | .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url - -c requirements-dev.txt -o dev/uv.txt
	grep -x babel requirements-dev.in | .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url - -c requirements-dev.txt -o dev/babel.txt
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url bench/requirements.in -o bench/requirements.txt
