# The commands of the house. `make` alone lists them.

# `dist` builds for release, minutes on two cores.
.PHONY: help dev test conformance check bench bench-language dist ci

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

dev: ## run the server on an embedded Postgres, with demo functions
	cargo run -- dev

test: ## every test; installs what is missing first (Postgres' binaries, boto3, AWS CLI)
	./.ci/test

conformance: ## the comparison with recordings of AWS, which needs their data; CASE=text for some of it
	./.ci/conformance

check: ## format and lint, without running anything
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

bench: ## speed of the release binary on a durable Postgres; figures and a line of JSON
	cargo build --release -p server
	cargo bench -p tests --bench bench -- $(ARGS)

bench-language: ## what the language costs: Maps, expressions; DEFINITION=path compiles the largest there
	cargo bench -p machine --bench language

dist: ## an archive with a program that needs no libraries, its checksum, and a try of both
	./.ci/dist
	./.ci/try-dist

ci: ## all that CI does
	./.ci/run
