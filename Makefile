# The verbs that people type; CI types the same.
TARGET := $(or $(CARGO_TARGET_DIR),target)

.DEFAULT_GOAL := help
.PHONY: help run servers test bench fuzz check audit

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## everything, with private servers and a demo: ARGS="--no-demo", ARGS="--fresh"
	@scripts/install-servers
	cargo build --locked --release -p offhook
	exec $(TARGET)/release/offhook dev $(ARGS)

servers: ## private servers around a command (default: your shell): CMD='psql $$DATABASE_URL'
	@scripts/install-servers
	cargo build --locked -p offhook
	exec $(TARGET)/debug/offhook servers -- sh -c '$(or $(CMD),exec "$${SHELL:-sh}")'

test: ## all tests, against real servers
	@scripts/install-servers tests
	cargo build --locked --workspace --bins
	cargo test --locked --workspace $(ARGS)

bench: ## the benchmarks, each beside a baseline: ARGS="cache", ARGS="memory", ARGS="outage", ARGS="answer --seconds=10"
	@scripts/install-servers tests
	cargo build --locked --release -p offhook
	cargo bench --locked -p offhook-tests --bench bench $(if $(ARGS),-- $(ARGS))

fuzz: ## look for bytes that break a source, by a nightly compiler: ARGS="retell 300", ARGS="all 60 --keep"
	@scripts/fuzz $(ARGS)

check: ## format, lints, documentation
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

audit: ## licences, bans and sources of the dependencies; advisories where their database can be reached
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny --locked check bans licenses sources
	cargo deny --locked fetch db && cargo deny --locked check advisories || echo "advisories not checked: their database can't be reached" >&2
