# Thin on purpose: each target is an npm script, so that everything runs on the Node of node_modules/.bin.

.DEFAULT_GOAL := help
.PHONY: help install up status logs down reset demo load-test audit rebuild compare log-state log-trail log-check bench experiment experiments test test-compose guards check format screenshots

# What npm installed, and from which lock file. Touched after npm, so that a newer lock file installs again.
stamp := node_modules/.driftlab-installed
# Node keeps what it has compiled, in the folder that the processes of the laboratory use too: see topology.ts.
run := NODE_COMPILE_CACHE=$(CURDIR)/node_modules/.cache/node npm run --silent

# RUNTIME=docker: the same targets on docker-compose.yml, with nothing installed here.
RUNTIME ?= native
compose := docker compose
all_lanes := cdc,dual-write,event-sourcing
auditor := $(compose) exec auditor node services/auditor/src/main.ts
ifneq ($(filter-out native docker,$(RUNTIME)),)
$(error RUNTIME is native or docker, not $(RUNTIME))
endif

require-service = $(if $(SERVICE),,echo "Which one? make logs SERVICE=cache-updater; make status lists them." >&2; exit 2)
require-name = $(if $(NAME),,echo "Which one? make experiment NAME=interleavings; experiments/README.md lists them." >&2; exit 2)

help: ## list these targets; most take RUNTIME=docker
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(stamp) ## start everything, drive both lanes, print the verdict, clean up (DURATION=60s RATE=150 SEED=7)
	@$(run) demo

ifeq ($(RUNTIME),docker)

up:
	@$(if $(EVENT_SOURCING),QUERIES_LANES=$(all_lanes)) $(compose) $(if $(EVENT_SOURCING),--profile event-sourcing) up --detach --build
# Its end is the end of the start. Not `logs --follow`, which waits for ever where it has ended already.
	@id=$$($(compose) ps --all --quiet welcome) && code=$$(docker wait $$id) && \
	docker logs --since "$$(docker inspect --format '{{.State.StartedAt}}' $$id)" $$id && exit $$code

status:
	@$(compose) ps --all
	@$(compose) stats --no-stream
	@$(compose) run --rm --no-deps connector node infra/connect/show-failure.ts

logs:
	@$(require-service)
	@$(compose) logs $(if $(FOLLOW),--follow) $(SERVICE)

down:
	@$(compose) --profile '*' down

reset:
	@$(compose) --profile '*' down --volumes

load-test:
	@$(compose) run --rm k6

audit:
	@$(auditor) $(if $(LANE),--lane $(LANE))

log-state log-trail log-check:
	@$(compose) exec $(foreach name,ORDER SKU OFFSET AT LANE JSON,--env $(name)) auditor node services/order-processor/src/log-tool.ts $(@:log-%=%)

else

up: $(stamp) ## install what is missing and start everything; prints the addresses (EVENT_SOURCING=1: that lane too)
	@$(run) lab -- up $(if $(EVENT_SOURCING),--event-sourcing)

status: $(stamp) ## what runs, where, since when, with how much memory
	@$(run) lab -- status

logs: $(stamp) ## the log of one component (SERVICE=cache-updater, FOLLOW=1 to go on)
	@$(require-service)
	@$(run) lab -- logs $(SERVICE) $(if $(FOLLOW),--follow)

down: $(stamp) ## stop everything; the data stays
	@$(run) lab -- down

reset: $(stamp) ## stop everything and delete data, state and logs; downloads stay
	@$(run) lab -- reset

load-test: $(stamp) ## drive load at a running stack (LANE=cdc RATE=150 DURATION=60s SEED=7)
	@$(run) load-test

screenshots: $(stamp) ## pictures of the live page of a running stack, for the README (docs/images)
	@$(run) screenshots

audit: $(stamp) ## compare every store with the system of record, once (LANE=event-sourcing)
	@$(run) audit $(if $(LANE),-- --lane $(LANE))

log-state: $(stamp) ## an order as of a moment (ORDER=id, or SKU=limited-…; OFFSET=n or AT=time; LANE=event-sourcing JSON=1)
	@$(run) log-tool -- state

log-trail: $(stamp) ## every event that led to an order (ORDER=id, or SKU=limited-…)
	@$(run) log-tool -- trail

log-check: $(stamp) ## read the whole event log: chain of hashes, gaps, unreadable events
	@$(run) log-tool -- check

endif

rebuild: $(stamp) ## derive a store anew while it is in use (STORE=redis|elasticsearch|clickhouse|all LANE=cdc KEEP=1)
	@$(run) rebuild

compare: $(stamp) ## what differs between the generation that KEEP=1 left and the current one (STORE=… LANE=cdc)
	@$(run) rebuild -- compare

install: $(stamp) ## only install what is missing
	@$(run) lab -- install

bench: $(stamp) ## measure latency, throughput, idle cost and memory
	@$(run) bench

experiment: $(stamp) ## run one experiment and print its verdict (NAME=interleavings QUICK=1 SEED=7)
	@$(require-name)
	@$(run) experiments -- $(NAME)

experiments: $(stamp) ## run every experiment, print all verdicts, draw the charts (QUICK=1 for fewer trials)
	@$(run) experiments

test: $(stamp) ## the whole test suite, on real components
	@$(run) test

test-compose: $(stamp) ## docker-compose.yml on a real engine, brought along where the machine has none
	@$(run) test:compose

guards: $(stamp) ## take each guard out of a copy of this tree; its test must then fail (GUARD=redis for some)
	@$(run) guards -- $(GUARD)

check: $(stamp) ## types, lint, format and unit tests; needs nothing running
	@$(run) check

format: $(stamp) ## put every file into the project's format
	@$(run) format

# Not `npm ci`: it insists on the optional packages of every platform, and some registries lack a few of those.
$(stamp): package-lock.json
	npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@
