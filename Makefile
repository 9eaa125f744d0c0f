# make demo   train, attack, certify and check three small networks; writes demo/report.html
# make test   everything that can fail: format, lints, tests, proofs, docs, examples
# make proofs | bench | doc
# Each command installs what it needs first (scripts/setup.sh).

CARGO ?= cargo
FEATURES ?= lapack,testkit
OUT ?= demo
FLAGS = --release --locked --features $(FEATURES)
export XDG_RUNTIME_DIR ?= /tmp
# The executor splits work over the cores itself; threads inside BLAS would only compete.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test proofs bench doc setup-build setup-test lint unit clean

demo: setup-build
	$(CARGO) run $(FLAGS) -- demo --out $(OUT)

test: setup-test lint unit proofs

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy $(FLAGS) --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(FLAGS) --no-deps

unit:
	$(CARGO) test $(FLAGS) --no-fail-fast
	for example in certify_model analyze_scheme solver_ci; do $(CARGO) run $(FLAGS) --example $$example || exit 1; done
	# The test kit: our solvers pass, three crates fail as docs/solver-findings.md lists (minutes each).
	for example in dahlquist ode_solvers diffsol differential_equations; do $(CARGO) run $(FLAGS) --example testkit_$$example || exit 1; done
	$(CARGO) check --release --locked --no-default-features

proofs: setup-test
	$(MAKE) -C proofs check

bench: setup-build
	$(CARGO) bench --profile release --locked --features $(FEATURES)

doc: setup-build
	$(CARGO) doc $(FLAGS) --no-deps

setup-build:
	@scripts/setup.sh build

setup-test:
	@scripts/setup.sh test

clean:
	$(CARGO) clean
	$(MAKE) -C proofs clean
	rm -rf $(OUT)
