#!/bin/sh
# install_tool.sh v1: installs what building needs and builds the program.
set -eu
[ "${1:-}" = v1 ] || { echo "usage: $0 v1" >&2; exit 2; }
cd "$(dirname "$0")/.."
scripts/setup.sh build
cargo build --release --locked --features lapack
