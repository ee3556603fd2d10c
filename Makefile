# Targets for people; `make` alone lists them. Everything that is built or fetched goes to ./bin and Go's own caches.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Caddy's built-in certificate authority and fosite need two generations of one library; without Caddy's optional
# database backends they agree. xcaddy sets the same tags by itself.
export GOFLAGS := -tags=nobadger,nomysql,nopgx
export PATH := $(CURDIR)/bin:$(PATH)

MODULE := github.com/regrant/regrant
# A few seconds each. Counted and not timed, since Go before 1.27 may fail a target when its time is up (golang/go#75804).
FUZZTIME ?= 5000x

# Where the tests that start programs find them.
export REGRANT_BIN := $(CURDIR)/bin

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo demo-keycloak demo-kratos demo-hydra up up-keycloak up-kratos up-hydra
demo: clients build ## One recovery from beginning to end, then one by each method, against the small identity provider
	@exec bin/demo -idp demo
demo-keycloak: clients build ## A plain Keycloak set up, tried, examined and recovered from, and faults that are planted and found
	@exec bin/demo -idp keycloak
demo-kratos: clients build bin/kratos ## The same with Ory Kratos
	@exec bin/demo -idp kratos
demo-hydra: clients build bin/kratos bin/hydra ## The same with Ory Hydra: with a login app of its own, and with Kratos as that
	@exec bin/demo -idp hydra
	@exec bin/demo -idp kratos-hydra
up: build ## Start everything with the small identity provider and keep it running
	@exec bin/demo -idp demo -up
up-keycloak: build ## Start everything with Keycloak and keep it running
	@exec bin/demo -idp keycloak -up
up-kratos: clients build bin/kratos ## Start everything with Ory Kratos and keep it running
	@exec bin/demo -idp kratos -up
up-hydra: clients build bin/hydra ## Start everything with Ory Hydra and keep it running
	@exec bin/demo -idp hydra -up

.PHONY: check lint vet
check: lint vet ## Lint, vet and the quick tests: before each commit
	go test -short ./...
lint: bin/golangci-lint ## Format and static checks
	golangci-lint run --allow-serial-runners ./...
	go mod tidy -diff
vet: ## go vet
	go vet ./...

.PHONY: test clients fuzz soak bench
test: clients build bin/caddy-crashpoints bin/caddy-voucher bin/hydra bin/kratos lint vet ## Everything that a change must pass
	go test -race -shuffle=on -count=1 -timeout 75m ./...
	go test -run TakeTheSameTime -count=1 ./internal/gateway
	.ci/fuzz $(FUZZTIME)
clients: ## Install the real clients of the tests, as root with apt, or say what is missing
	@tools/clients
fuzz: ## Every fuzz target; FUZZTIME=10m for a long run
	.ci/fuzz $(FUZZTIME)
soak: clients build bin/caddy-crashpoints bin/hydra bin/kratos ## Recoveries, reloads and crashes for up to an hour
	REGRANT_SOAK=1 go test -race -run Soak -count=1 -timeout 60m -parallel 4 ./... # they wait more than they compute
bench: build bin/hydra bin/kratos ## Measure, and write docs/performance.md: a quarter of an hour on a quiet machine
	@exec bin/bench

PROGRAMS := bin/caddy bin/regrant bin/demoidp bin/demo bin/bench
SOURCES := go.mod go.sum $(shell find attest storage upstream fosite internal caddymodule cmd integration -type f ! -name '*_test.go')

.PHONY: build
build: $(PROGRAMS) ## bin/caddy with the gateway inside, bin/regrant, and what the demo needs

bin/regrant: $(SOURCES)
	@CGO_ENABLED=0 go build -trimpath -o $@ ./cmd/regrant
bin/demoidp: $(SOURCES)
	@go build -o $@ ./integration/demoidp
bin/demo: $(SOURCES)
	@go build -o $@ ./integration/cmd/demo
bin/bench: $(SOURCES)
	@go build -o $@ ./integration/cmd/bench

# The go command asks the network for our own module before it looks at --replace; in a checkout, git answers from there.
bin/caddy: private export GOPRIVATE := $(MODULE)
ifneq ($(wildcard .git),)
bin/caddy: private export GIT_CONFIG_COUNT := 1
bin/caddy: private export GIT_CONFIG_KEY_0 := url.file://$(CURDIR).insteadOf
bin/caddy: private export GIT_CONFIG_VALUE_0 := https://$(MODULE)
endif
bin/caddy: bin/xcaddy $(filter-out cmd/% integration/%,$(SOURCES))
	@xcaddy build "$$(go list -m -f '{{.Version}}' github.com/caddyserver/caddy/v2)" \
		--with $(MODULE)/caddymodule --replace $(MODULE)=$(CURDIR) --output $@ >bin/xcaddy.log 2>&1 || { cat bin/xcaddy.log; exit 1; }

# Caddy with a method of somebody else's, as docs/methods.md says. Whatever it is built of, the line above has fetched: the
# module cache answers, and nobody else is asked.
bin/caddy-voucher: private export GOPROXY = file://$(shell go env GOMODCACHE)/cache/download
bin/caddy-voucher: private export GONOPROXY := none
bin/caddy-voucher: private export GOSUMDB := off
bin/caddy-voucher: bin/caddy $(wildcard integration/testdata/guestmethod/*)
	@xcaddy build "$$(go list -m -f '{{.Version}}' github.com/caddyserver/caddy/v2)" \
		--with $(MODULE)/caddymodule --replace $(MODULE)=$(CURDIR) \
		--with example.com/voucher=$(CURDIR)/integration/testdata/guestmethod --output $@ >$@.log 2>&1 || { cat $@.log; exit 1; }

# Caddy that dies where a test tells it to; see internal/recovery/points.go. Nothing that people get is built like this.
bin/caddy-crashpoints: $(SOURCES)
	@GOFLAGS= go build -tags nobadger,nomysql,nopgx,crashpoints -o $@ ./integration/cmd/crashcaddy

# The tools are pinned in a module of their own, so that none of their dependencies reaches ours.
bin/golangci-lint bin/xcaddy: tools/go.mod tools/go.sum
bin/golangci-lint:
	@go build -C tools -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/xcaddy:
	@go build -C tools -o $(CURDIR)/$@ github.com/caddyserver/xcaddy/cmd/xcaddy

# Real servers, in modules of their own too. The first time, each takes minutes.
bin/hydra: tools/hydra/go.mod tools/hydra/go.sum
	@CGO_ENABLED=0 go build -C tools/hydra -o $(CURDIR)/$@ github.com/ory/hydra/v2
bin/kratos: tools/kratos/go.mod tools/kratos/go.sum
	@CGO_ENABLED=0 go build -C tools/kratos -o $(CURDIR)/$@ github.com/ory/kratos
