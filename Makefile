# Every verb has a line after ## which `make` alone prints. Works with GNU make 3.81, the one that macOS has.
# Another Python: make setup PYTHON=python3.12; it is kept until `make clean`.

PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime-installed
TEST := .venv/.test-installed
CLOUD := .venv/.cloud-installed
CHECKOV := .venv-checkov/.installed
REHEARSAL := .venv-rehearsal/.installed
PEERS := .venv-peers/.installed
STAGE ?= dev
DEPLOYED = $(if $(TEMPLATES),--templates $(TEMPLATES)) $(if $(IMAGE),--image $(IMAGE)) $(if $(ALLOW_REPLACE),--allow-replace $(ALLOW_REPLACE))
SHELF = $(if $(BUCKET),--bucket $(BUCKET)) $(if $(FOLDER),--folder $(FOLDER))
SOURCES := runtime tests requirements app.py stacks deploy $(wildcard bench docker migrations)

.DEFAULT_GOAL := help
.PHONY: help setup run token apidocs status verify stop psql migrate rollback backup restore drill schema test check format prove bench peers image ca synth access cost rehearse checkov plan deploy tunnel destroy parquet lock clean

help:  ## print these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(RUNTIME) $(TEST) $(CLOUD) $(REHEARSAL) $(PEERS)  ## make .venv with everything that running and testing need

run: $(RUNTIME)  ## start PostgreSQL, the simulated venue and three sample bots, and show them
	@$(BIN)/python -m runtime run

token: $(RUNTIME)  ## print a token for the API; WHO=local AS=viewer (or operator, admin) HOURS=12
	@$(BIN)/python -m runtime token $(if $(WHO),--user $(WHO)) $(if $(AS),--role $(AS)) $(if $(HOURS),--hours $(HOURS))

status: $(RUNTIME)  ## say how the bots are; exit code 0 only if all are alive and ticking
	@$(BIN)/python -m runtime status

verify: $(RUNTIME)  ## recompute positions and trades from the fills and print any difference
	@$(BIN)/python -m runtime verify

stop: $(RUNTIME)  ## stop everything that `make run` started
	@$(BIN)/python -m runtime stop

psql: $(RUNTIME)  ## open a SQL prompt on the bots' database
	@$(BIN)/python -m runtime psql

migrate: $(RUNTIME)  ## bring the database to the newest schema, or to REV=...
	@$(BIN)/python -m runtime migrate $(REV)

rollback: $(RUNTIME)  ## take the database back to the schema REV=...
	@$(if $(REV),,$(error which schema? say: make rollback REV=0001))
	@$(BIN)/python -m runtime rollback $(REV)

backup: $(RUNTIME)  ## dump the whole ledger into .holdfast/backups, or to BUCKET=.. or FOLDER=..
	@$(BIN)/python -m runtime backup $(SHELF)

restore: $(RUNTIME)  ## put the newest backup, or FROM=.. or AT=.., into a new database INTO=..
	@$(if $(INTO),,$(error into which new database? say: make restore INTO=again))
	@$(BIN)/python -m runtime restore --into $(INTO) $(if $(FROM),--from $(FROM)) $(if $(AT),--at $(AT)) $(SHELF)

drill: $(RUNTIME)  ## prove the newest backup, or FROM=..: restore it elsewhere, verify it, trade on it
	@$(BIN)/python -m runtime drill $(if $(FROM),--from $(FROM)) $(SHELF)

apidocs: $(TEST)  ## write the routes of docs/api.md again from what the API says of itself
	@$(BIN)/python -m tests.api.rewrite

schema: $(RUNTIME)  ## write runtime/store/schema.sql again from the migrations
	@$(BIN)/python -m runtime schema

test: $(TEST) $(CLOUD) $(REHEARSAL) $(PEERS)  ## run the whole test-suite; PYTEST="-k lease -x" narrows it
	@$(BIN)/python -m pytest -n 2 $(PYTEST)

check: $(TEST) $(CLOUD)  ## lint, formatting, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(SOURCES)
	@$(BIN)/lint-imports --no-logo

format: $(TEST)  ## fold and sort the sources as `make check` wants them
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

prove: $(TEST)  ## kill the bot at every line and message and count what was lost; SEED=.. POINT=.. DEPTH=..
	@$(BIN)/python -m tests.crash $(if $(SEED),--seed $(SEED)) $(if $(POINT),--point '$(POINT)') $(if $(DEPTH),--depth $(DEPTH))

bench: $(TEST)  ## print the figures of the README, measured here
	@$(BIN)/python -m bench

peers: $(PEERS)  ## hold our figures of performance against those of empyrical, on curves of real prices
	@PYTHONPATH=. .venv-peers/bin/python -m tests.peers

image:  ## build the container image; TAG=... names it, ARCH=arm64 or amd64 builds for another machine
	@$(PYTHON) docker/build.py "$(TAG)" "$(ARCH)"

ca: $(RUNTIME)  ## write docker/rds-ca.pem again: the authorities of RDS, from an npm package
	@$(BIN)/python docker/refresh_ca.py

synth: $(CLOUD)  ## write the AWS templates of STAGE=dev (or prod) to cdk.out, without an account
	@rm -rf cdk.out/$(STAGE)
	@CDK_VALIDATION=false CDK_OUTDIR=cdk.out/$(STAGE) CDK_CONTEXT_JSON='{"stage":"$(STAGE)"}' $(BIN)/python app.py
	@ls cdk.out/$(STAGE)/*.template.json

access: $(CLOUD)  ## write the template of who may deploy and look at STAGE=.. to cdk.out/STAGE-access
	@rm -rf cdk.out/$(STAGE)-access
	@CDK_VALIDATION=false CDK_OUTDIR=cdk.out/$(STAGE)-access CDK_CONTEXT_JSON='{"stage":"$(STAGE)","only":"access"}' $(BIN)/python app.py
	@ls cdk.out/$(STAGE)-access/*.template.json

cost: synth  ## say what STAGE=dev (or prod) costs in a month, and the difference to AGAINST=tag-or-folder; has a limit
	@$(BIN)/python -m deploy.cost --stage $(STAGE) $(if $(AGAINST),--against "$(AGAINST)")

plan: $(if $(TEMPLATES),$(RUNTIME),synth)  ## say what `make deploy` would do to STAGE=dev and change nothing; IMAGE=, TEMPLATES=folder
	@$(BIN)/python -m deploy plan --stage $(STAGE) $(DEPLOYED)

deploy: $(if $(TEMPLATES),$(RUNTIME),synth)  ## bring STAGE=dev up or to a new image; IMAGE=digest or tag, TEMPLATES=folder
	@$(BIN)/python -m deploy deploy --stage $(STAGE) $(DEPLOYED)

tunnel: $(if $(TEMPLATES),$(RUNTIME),synth)  ## reach the page of STAGE=dev at http://127.0.0.1:8080/, or PORT=.., by the account's session channel
	@$(BIN)/python -m deploy tunnel --stage $(STAGE) $(if $(TEMPLATES),--templates $(TEMPLATES)) $(if $(PORT),--port $(PORT))

destroy: $(CLOUD)  ## take STAGE=dev down, last backup first; PLAN=yes only says how; CONFIRM=, WITHOUT_BACKUP=yes, LEAVE=, PURGE=yes
	@$(BIN)/python -m deploy destroy --stage $(STAGE) $(if $(PLAN),--plan) $(if $(CONFIRM),--confirm $(CONFIRM)) \
		$(if $(WITHOUT_BACKUP),--without-backup) $(if $(LEAVE),--leave $(LEAVE)) $(if $(PURGE),--purge)

rehearse: $(REHEARSAL) $(TEST) $(CLOUD)  ## deploy, break, roll back, back up, restore and destroy on a simulated AWS; SHORT=yes, KEEP=yes
	@$(BIN)/python -m deploy.rehearsal $(if $(SHORT),--short) $(if $(KEEP),--keep)

checkov: $(CHECKOV) $(TEST) $(CLOUD)  ## let checkov look at the templates of prod; at most two findings are waived
	@$(MAKE) --no-print-directory synth STAGE=prod >/dev/null
	@$(BIN)/python -m tests.stacks.checkov .venv-checkov/bin/checkov cdk.out/prod

parquet: $(RUNTIME)  ## install what `learning-data --format parquet` needs
	@$(PYTHON) requirements/install.py parquet

lock: $(RUNTIME)  ## write requirements/*.txt again from pyproject.toml; UPGRADE=1 takes newer versions
	@$(BIN)/python requirements/lock.py $(if $(UPGRADE),--upgrade)

clean:  ## remove .venv and caches; the bots' data stays
	rm -rf .venv .venv-checkov .venv-peers .venv-rehearsal cdk.out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements/runtime.txt requirements/page.txt
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON) here: install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) requirements/install.py runtime
	@$(PYTHON) requirements/install.py page
	@touch $@

$(TEST): requirements/test.txt $(RUNTIME)
	@$(PYTHON) requirements/install.py test
	@touch $@

$(REHEARSAL): requirements/rehearsal.txt
	@$(PYTHON) requirements/install.py rehearsal
	@touch $@

$(PEERS): requirements/peers.txt
	@$(PYTHON) requirements/install.py peers
	@touch $@

$(CHECKOV): requirements/checkov.txt
	@$(PYTHON) requirements/install.py checkov
	@touch $@

$(CLOUD): requirements/cloud.txt $(RUNTIME)
	@$(PYTHON) requirements/install.py cloud
	@touch $@
