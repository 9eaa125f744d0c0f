#!/usr/bin/env python3
"""Runs ONNX models in onnxruntime, to compare with this crate's own evaluation.

With no arguments: reads one JSON object per line from standard input,

    {"model": PATH, "inputs": [[...], ...], "check": true|false, "optimise": true|false}

and writes one per line: {"outputs": [[...], ...]} or {"error": TEXT}. Each
input is one flat sample. A model with a symbolic batch axis gets all samples
in one batch, another one sample after another. "check" runs the onnx checker,
shape inference included, first; with no inputs nothing is run.

With MODEL LOGITS.jsonl: each line {"input": [...], "logits": [...]}; prints the
largest absolute difference and exits 1 if it exceeds 1e-4 of the largest logit.

A path that ends in .gz is unpacked in memory. Optimisations of the runtime are
switched off unless asked for: they would replace the operators under test.
"""

import gzip
import json
import sys

import numpy as np
import onnx
import onnxruntime


def load(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        return f.read()


def run(model, inputs, optimise=False):
    level = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    )
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
    (port,) = session.get_inputs()
    x = np.asarray(inputs, dtype=np.float64).astype(np.float32)
    batched = bool(port.shape) and not isinstance(port.shape[0], int)
    if batched:
        y = session.run(None, {port.name: x.reshape([len(x)] + list(port.shape[1:]))})[0]
        assert len(y) == len(x), f"{len(x)} samples in, {len(y)} out"
        rows = y
    else:
        rows = [session.run(None, {port.name: s.reshape(port.shape)})[0] for s in x]
    return [np.asarray(r, dtype=np.float64).reshape(-1).tolist() for r in rows]


def answer(job):
    model = load(job["model"])
    if job.get("check"):
        onnx.checker.check_model(model, full_check=True)
    if not job["inputs"]:
        return []
    return run(model, job["inputs"], job.get("optimise", False))


def compare(path, expected_path):
    with open(expected_path, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f if line.strip()]
    expected = np.array([line["logits"] for line in lines], dtype=np.float64)
    found = np.array(run(load(path), [line["input"] for line in lines]))
    difference = float(np.abs(found - expected).max())
    print(f"{len(lines)} samples, largest difference {difference:.3g}")
    return difference <= 1e-4 * float(np.abs(expected).max())


def main():
    if len(sys.argv) == 3:
        sys.exit(0 if compare(sys.argv[1], sys.argv[2]) else 1)
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    for line in sys.stdin:
        try:
            result = {"outputs": answer(json.loads(line))}
        except Exception as error:  # any failure of one model is that model's answer
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
