#!/bin/sh
# run_instance.sh v1 CATEGORY NET.onnx SPEC.vnnlib RESULT TIMEOUT: writes unsat,
# sat and a counterexample, unknown, timeout or error to the file RESULT.
set -eu
[ "${1:-}" = v1 ] && [ $# = 6 ] || {
  echo "usage: $0 v1 CATEGORY ONNX VNNLIB RESULT TIMEOUT" >&2
  exit 2
}
net=$3 spec=$4 result=$5 timeout=$6
program=${DAHLQUIST:-$(dirname "$0")/../target/release/dahlquist}
# The program splits work over the cores itself.
export OPENBLAS_NUM_THREADS=1

witness=$(mktemp)
trap 'rm -f "$witness"' EXIT
# The first word of the only line is the answer.
if answer=$("$program" verify "$net" "$spec" --timeout "$timeout" --witness "$witness"); then
  echo "$answer"
  case "${answer%%[ ,]*}" in
    verified) word=unsat ;;
    falsified) word=sat ;;
    timeout) word=timeout ;;
    *) word=unknown ;;
  esac
else
  word=error
fi
{
  echo "$word"
  [ "$word" != sat ] || cat "$witness"
} > "$result.part"
mv "$result.part" "$result"
