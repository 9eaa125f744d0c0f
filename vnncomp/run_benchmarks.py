#!/usr/bin/env python3
"""Runs `dahlquist verify` on folders of instances and prints a table.

    run_benchmarks.py FOLDER --out DIR [--timeout 120] [--only NAME ...]

FOLDER is one benchmark (it holds instances.csv: onnx,vnnlib,seconds without a
header) or a folder of such. Where expected.csv lies beside it, answers are
compared. A counterexample counts only if it replays: its input as decimals and the
output that onnxruntime (float32) has there must satisfy every assertion of the
specification in exact arithmetic. Without
onnxruntime counterexamples are compared with expected.csv alone, and the table
says so.

DIR receives results.jsonl (one line per instance; a second run with the same
options continues there), instances.csv, table.csv and table.md. "wrong" are
verified instances that are expected to be falsified, and counterexamples that do
not replay. A replayed counterexample to an instance that is expected to be
verified is listed by itself: the label is refuted. Seconds are wall-clock times
of the whole process.
"""

import argparse
import csv
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).resolve().parent
GRACE = 10  # seconds beyond the timeout before the process is killed
COLUMNS = ["benchmark", "instances", "solved", "verified", "falsified", "wrong", "refuted labels",
           "unknown", "timeouts", "errors", "total s", "median s"]


def read(path):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rb") as f:
        return f.read()


# --- the replay: an evaluator of its own, not the program's reader

TOKEN = re.compile(r"[()]|[^\s()]+")


def tokens(path):
    text = re.sub(r";[^\n]*", "", read(path).decode())
    return (m.group() for m in TOKEN.finditer(text))


def compare(op, args):
    pairs = list(zip(args, args[1:]))
    return all({"<=": a <= b, "<": a < b, ">=": a >= b, ">": a > b, "=": a == b}[op] for a, b in pairs)


def quotient(args):
    value = args[0]
    for a in args[1:]:
        value /= a
    return value


def product(args):
    value = Fraction(1)
    for a in args:
        value *= a
    return value


def apply(op, args):
    if op in ("<=", "<", ">=", ">", "="):
        return compare(op, args)
    return {
        "and": all,
        "or": any,
        "not": lambda a: not a[0],
        "=>": lambda a: a[-1] or not all(a[:-1]),
        "+": sum,
        "-": lambda a: -a[0] if len(a) == 1 else a[0] - sum(a[1:]),
        "*": product,
        "/": quotient,
        "assert": lambda a: a[0],
    }[op](args)


def holds(path, point):
    """Whether every assertion of the file holds at `point`, a map from names to fractions."""
    stack = [[]]
    skip = 0  # depth inside a command that asserts nothing
    result = True
    opened = False
    for token in tokens(path):
        if skip:
            skip += {"(": 1, ")": -1}.get(token, 0)
        elif token == "(":
            opened = True
        elif opened:
            opened = False
            if len(stack) == 1 and token != "assert":
                skip = 1
            else:
                stack.append([token])
        elif token == ")":
            op, *args = stack.pop()
            value = apply(op, args)
            if len(stack) == 1:
                result = result and value
            else:
                stack[-1].append(value)
        elif token in point:
            stack[-1].append(point[token])
        elif token in ("true", "false"):
            stack[-1].append(token == "true")
        else:
            stack[-1].append(Fraction(token))
    return result


def replay(net, spec, witness):
    """None if the counterexample is confirmed, else what is wrong; LookupError without onnxruntime."""
    try:
        import numpy as np
        import onnxruntime
    except ImportError as e:
        raise LookupError(str(e)) from e
    pairs = re.findall(r"\(\s*([XY])_(\d+)\s+([^\s()]+)\s*\)", witness)
    values = {kind: {int(i): v for k, i, v in pairs if k == kind} for kind in "XY"}
    x = [Fraction(values["X"][i]) for i in range(len(values["X"]))]
    narrow = np.array([float(v) for v in x]).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(read(net), options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    names = inputs[0]
    shape = [d if isinstance(d, int) and d > 0 else 1 for d in names.shape]
    y = session.run(None, {names.name: narrow.reshape(shape)})[0].flatten()
    if not np.all(np.isfinite(y)):
        return "the output is not finite"
    point = {f"X_{i}": v for i, v in enumerate(x)}
    point.update({f"Y_{j}": Fraction(float(v)) for j, v in enumerate(y)})
    return None if holds(spec, point) else "onnxruntime's output does not violate, or the input is outside"


# --- running

def run(program, net, spec, seconds, extra):
    """The program's answer as a row."""
    with tempfile.TemporaryDirectory() as folder:
        witness = Path(folder) / "witness"
        command = [program, "verify", str(net), str(spec), "--timeout", str(seconds),
                   "--witness", str(witness), "--json", *extra]
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
        start = time.monotonic()
        row = {}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE, env=environment)
            if done.returncode == 0:
                answer = json.loads(done.stdout)
                row = {"result": answer["result"], "reason": answer.get("reason"), "counters": answer.get("counters")}
            else:
                lines = done.stderr.strip().splitlines()
                row = {"result": "error", "reason": lines[-1] if lines else f"exit code {done.returncode}"}
        except subprocess.TimeoutExpired:
            row = {"result": "timeout", "reason": f"killed {GRACE} s after the timeout"}
        row["seconds"] = round(time.monotonic() - start, 3)
        if row["result"] == "falsified":
            try:
                fault = replay(net, spec, witness.read_text())
                row["replay"] = fault or "confirmed"
            except LookupError:
                row["replay"] = "not replayed"
            except Exception as e:  # noqa: BLE001 - whatever it is, the witness is not confirmed
                row["replay"] = f"{type(e).__name__}: {e}"
        return row


def verdict(row):
    """solved, wrong, refuted, unknown, timeout or error."""
    result, expected = row["result"], row["expected"]
    if result == "verified":
        return "wrong" if expected == "falsified" else "solved"
    if result == "falsified":
        if row["replay"] == "not replayed":
            return "wrong" if expected == "verified" else "solved"
        if row["replay"] != "confirmed":
            return "wrong"
        return "refuted" if expected == "verified" else "solved"
    return result


def instances(folder):
    expected = {}
    table = folder / "expected.csv"
    if table.exists():
        with open(table, newline="") as f:
            expected = {(r["onnx"], r["vnnlib"]): r["expected"] for r in csv.DictReader(f)}
    with open(folder / "instances.csv", newline="") as f:
        for line in csv.reader(f):
            if line:
                onnx, vnnlib, seconds = line[:3]
                yield onnx, vnnlib, float(seconds), expected.get((onnx, vnnlib), "unknown")


def summary(name, rows):
    kinds = [verdict(r) for r in rows]
    seconds = [r["seconds"] for r in rows]
    good = [r["result"] for r, k in zip(rows, kinds) if k in ("solved", "refuted")]
    return [name, len(rows), len(good), good.count("verified"), good.count("falsified"), kinds.count("wrong"),
            kinds.count("refuted"), kinds.count("unknown"), kinds.count("timeout"), kinds.count("error"),
            f"{sum(seconds):.1f}", f"{statistics.median(seconds):.2f}"]


def markdown(lines):
    head = ["| " + " | ".join(COLUMNS) + " |", "|---" + "|--:" * (len(COLUMNS) - 1) + "|"]
    return "\n".join(head + ["| " + " | ".join(str(c) for c in line) + " |" for line in lines]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="where results go")
    parser.add_argument("--timeout", type=float, default=120, help="cap of each instance's seconds [default: 120]")
    parser.add_argument("--only", nargs="+", default=[], help="benchmarks to run [default: all]")
    parser.add_argument("--match", default="", help="only instances whose line contains this text")
    parser.add_argument("--program", default=os.environ.get("DAHLQUIST", str(HERE.parent / "target/release/dahlquist")))
    parser.add_argument("--pass", dest="extra", nargs="+", default=[], metavar="OPTION",
                        help="options for the program, without their dashes: threads=2")
    args = parser.parse_args()
    extra = [f"--{option}" for option in args.extra]

    folders = [args.folder] if (args.folder / "instances.csv").exists() else \
        sorted(f.parent for f in args.folder.glob("*/instances.csv"))
    folders = [f for f in folders if not args.only or f.name in args.only]
    if not folders:
        sys.exit(f"{args.folder}: no instances.csv")
    args.out.mkdir(parents=True, exist_ok=True)
    store = args.out / "results.jsonl"
    done = {}
    if store.exists():
        with open(store) as f:
            for line in f:
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the line a killed run was writing
                done[row["key"]] = row
        store.write_text("".join(json.dumps(r) + "\n" for r in done.values()))

    lines, everything = [], []
    for folder in folders:
        rows = []
        for onnx, vnnlib, seconds, expected in instances(folder):
            seconds = min(seconds, args.timeout)
            key = " ".join([folder.name, onnx, vnnlib, f"{seconds:g}", *extra])
            if args.match not in key:
                continue
            if key not in done:
                row = {"key": key, "benchmark": folder.name, "onnx": onnx, "vnnlib": vnnlib, "timeout": seconds}
                row.update(run(args.program, folder / onnx, folder / vnnlib, seconds, extra))
                done[key] = row
                with open(store, "a") as f:
                    f.write(json.dumps(row) + "\n")
            row = dict(done[key], expected=expected)  # labels may be corrected between runs
            rows.append(row)
            note = row.get("replay") or row.get("reason") or ""
            print(f"{folder.name} {onnx} {vnnlib}: {row['result']} ({verdict(row)}, expected {expected}), "
                  f"{row['seconds']:.2f} s {note}", file=sys.stderr)
        if rows:
            lines.append(summary(folder.name, rows))
            everything += rows
    if not everything:
        sys.exit("no instance matches")
    lines.append(summary("all", everything))

    with open(args.out / "instances.csv", "w", newline="") as f:
        fields = ["benchmark", "onnx", "vnnlib", "timeout", "expected", "result", "verdict", "replay", "reason", "seconds"]
        writer = csv.DictWriter(f, fields, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(dict(r, verdict=verdict(r)) for r in everything)
    with open(args.out / "table.csv", "w", newline="") as f:
        csv.writer(f).writerows([COLUMNS, *lines])
    table = markdown(lines)
    unreplayed = sum(r.get("replay") == "not replayed" for r in everything)
    if unreplayed:
        table += f"\n{unreplayed} counterexamples were not replayed: onnxruntime cannot be imported.\n"
    (args.out / "table.md").write_text(table)
    print(table, end="")
    sys.exit(1 if any(verdict(r) == "wrong" for r in everything) else 0)


if __name__ == "__main__":
    main()
