#!/bin/sh
# prepare_instance.sh v1 CATEGORY NET.onnx SPEC.vnnlib: nothing is converted, so
# there is only to see that the files can be read and that the program runs.
set -eu
[ "${1:-}" = v1 ] && [ $# = 4 ] || { echo "usage: $0 v1 CATEGORY ONNX VNNLIB" >&2; exit 2; }
for file in "$3" "$4"; do
  [ -r "$file" ] || { echo "$0: cannot read $file" >&2; exit 1; }
done
"${DAHLQUIST:-$(dirname "$0")/../target/release/dahlquist}" --version >/dev/null
