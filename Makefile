# Each target runs from a fresh clone. The first build compiles RocksDB (some ten minutes on
# two cores); it is kept in $STARLING_CACHE (default ~/.cache/starling) for all later builds.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help testnet build test fmt fmt-check lint docs unit deny sim soak ways folders chaos stops sends memory crash bitrot prune planted fuzz bench rocksdb deps clean

CARGO := ./scripts/cargo
ARGS ?=
SEEDS ?= 100
KILLS ?= 50
STOPS ?= 500
SENDS ?= 200
MINUTES ?= 5
ROUNDS ?= 5
TIMES ?= 20
WAYS := beside-replacement old-copy stale-world lost-guard foreign-ledger
FLIPS ?= 1000
BLOCKS ?= 10000

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

testnet: build ## build and start four validators on this machine (ARGS="…" for more)
	./starling testnet up $(ARGS)

build: rocksdb ## build the binary and link it as ./starling
	$(CARGO) build --release --workspace
	@env=$$(scripts/env.sh); eval "$$env"; ln -sfn "$$CARGO_TARGET_DIR/release/starling" starling

test: test-deps fmt-check rocksdb lint docs unit deny ## everything that must hold: what CI runs

fmt: ## format the sources
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml

fmt-check:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check

lint: rocksdb ## clippy, warnings are errors
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

docs: rocksdb ## build the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --workspace --no-deps

unit: build ## all tests
	$(CARGO) test --release --workspace

deny: ## licences, sources and bans of the dependencies
	./scripts/deny.sh

sim: rocksdb ## one simulated network (ARGS="--nodes 7 --seed 42 --heights 200 --loss 20")
	$(CARGO) run --release -p starling-tests --bin sim -- $(ARGS)

soak: rocksdb ## SEEDS simulated networks, one after the other; stops at the first that fails
	$(CARGO) build --release -p starling-tests --bin sim
	@env=$$(scripts/env.sh); eval "$$env"; for seed in $$(seq $(SEEDS)); do \
	    "$$CARGO_TARGET_DIR/release/sim" --seed $$seed $(ARGS) || { echo "seed $$seed failed"; exit 1; }; \
	done

ways: rocksdb ## SEEDS networks for each way in which a validator comes back with less than it knew
	$(CARGO) build --release -p starling-tests --bin sim
	@env=$$(scripts/env.sh); eval "$$env"; for way in $(WAYS); do \
	    "$$CARGO_TARGET_DIR/release/sim" --way $$way --seeds $(SEEDS) $(ARGS) || exit 1; \
	done

folders: build ## the same with real processes, TIMES times (default 20) each
	STARLING_ROUNDS=$(TIMES) $(CARGO) test --release --workspace --test old_folders -- \
	    --nocapture --test-threads 1

chaos: build ## kill validators KILLS times (default 50) under load, with real processes
	STARLING_KILLS=$(KILLS) $(CARGO) test --release --workspace --test chaos -- --nocapture

stops: build ## stop a validator STOPS times (default 500) on a busy machine; each has to end well
	STARLING_STOPS=$(STOPS) $(CARGO) test --release --workspace --test stops -- --nocapture

sends: build ## SENDS payments at once (default 200) in ROUNDS (5), and 500 through kills and lost answers
	STARLING_SENDS=$(SENDS) STARLING_ROUNDS=$(ROUNDS) \
	    $(CARGO) test --release --workspace --test sending -- at_once_all_become_final --nocapture
	STARLING_SENDS=500 \
	    $(CARGO) test --release --workspace --test sending -- kills_and_losses --nocapture

memory: build ## 2,500 transfers a second for MINUTES (default 5), each node in a group of 256 MiB
	STARLING_MEMORY_SECONDS=$$(( $(MINUTES) * 60 )) STARLING_MEMORY_GROUP=1 \
	    $(CARGO) test --release --workspace --test memory -- --nocapture --test-threads 1

crash: build ## kill an appending process at each of 300 syncs and about 1,000 other calls
	STARLING_KILLS=all $(CARGO) test --release --workspace --test crash -- --nocapture

bitrot: build ## flip FLIPS bits (default 1,000), one at a time, in a ledger of BLOCKS (default 10,000)
	STARLING_FLIPS=$(FLIPS) STARLING_BLOCKS=$(BLOCKS) \
	    $(CARGO) test --release --workspace --test bit_rot -- --nocapture

prune: build ## prune a ledger of BLOCKS (default 10,000) and measure what the disk gets back
	STARLING_BLOCKS=$(BLOCKS) $(CARGO) test --release --workspace --test pruning -- --nocapture

planted: rocksdb ## plant known bugs in a copy of the sources; the simulator has to find each
	./scripts/planted.sh

fuzz: test-deps ## fuzz every decoder, or only TARGET="…", for FUZZ_SECONDS (default 10) each
	./scripts/fuzz.sh $(TARGET)

bench: rocksdb ## the benchmarks
	$(CARGO) bench --profile release --workspace

rocksdb: deps ## compile RocksDB into the cache, once
	@./scripts/rocksdb.sh

deps: ## install what the build needs from Debian (libclang), when it is missing
	@./scripts/deps.sh

.PHONY: test-deps
test-deps:
	@./scripts/deps.sh test

clean: ## remove this checkout's build results; RocksDB and tools stay in the cache
	@env=$$(scripts/env.sh); eval "$$env"; rm -rf "$$CARGO_TARGET_DIR" starling
