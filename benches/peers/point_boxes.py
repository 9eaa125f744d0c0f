#!/usr/bin/env python3
"""Boxes of radius zero: does a lower bound exceed the exact margin?

    point_boxes.py VNNCOMP_FOLDER [--work DIR]

Takes the centre of every property of mnist_fc as a binary32 point and evaluates the
network there in integers. A bound of a margin at that point must not exceed the
exact value. Each margin also gives a false property, `margin > exact + 1e-8`:
nobody may call it verified. Counts both for dahlquist (CROWN, alpha-CROWN, and the
whole program on the false properties) and, where it can be imported, for
auto_LiRPA in binary32 and binary64. Prints Markdown; exit code 1 if dahlquist is
ever wrong."""

import argparse
import collections
import subprocess
import sys
import tempfile
from decimal import Decimal, ROUND_CEILING, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np

from common import Lirpa, Spec, dense_layers, instances, markdown, own_bounds, program, versions

UNIT = 149  # every binary32 number is a multiple of 2^-149
GAP = Fraction(1, 10**8)


def integers(array):
    """Binary32 numbers as multiples of 2^-149."""
    mantissa, exponent = np.frexp(array.astype(np.float64))
    whole = (mantissa * 2**24).astype(np.int64).astype(object)
    return np.vectorize(lambda m, e: m << (e - 24 + UNIT) if e >= 24 - UNIT else m >> (24 - UNIT - e),
                        otypes=[object])(whole, exponent.astype(object))


def evaluate(layers, x):
    """The network's outputs in exact arithmetic."""
    value, unit = integers(x), UNIT
    for k, (w, b) in enumerate(layers):
        value, unit = w.dot(value) + (b * (1 << unit)), unit + UNIT
        if k + 1 < len(layers):
            value = np.array([max(v, 0) for v in value], dtype=object)
    return [Fraction(int(v), 1 << unit) for v in value]


def decimal(value):
    return f"{Decimal(float(value)):f}"


def upward(value):
    """A decimal just above a fraction."""
    with localcontext() as context:
        context.prec, context.rounding = 40, ROUND_CEILING
        return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def write(path, x, outputs, constraints):
    lines = [f"(declare-const X_{i} Real)" for i in range(len(x))]
    lines += [f"(declare-const Y_{j} Real)" for j in range(outputs)]
    for i, v in enumerate(x):
        lines += [f"(assert (<= X_{i} {decimal(v)}))", f"(assert (>= X_{i} {decimal(v)}))"]
    members = "".join(f"(and (<= (- Y_{p} Y_{q}) {c}))" for p, q, c in constraints)
    path.write_text("\n".join(lines + [f"(assert (or {members}))\n"]))


class Count:
    def __init__(self):
        self.counts = collections.Counter()

    def add(self, bound, exact, verified):
        self.counts["rows"] += 1
        self.counts["above"] += bound > exact
        self.counts["verified"] += verified

    def line(self, net, name):
        c = self.counts
        return [net, name, c["rows"], c["above"], c["verified"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, help="where the specifications are written [default: a temporary folder]")
    args = parser.parse_args()
    try:
        import torch
        peers = [("binary32", torch.float32, np.float32), ("binary64", torch.float64, np.float64)]
        print(versions(), "\n")
    except ImportError as e:
        peers = []
        print(f"without auto_LiRPA: {e}\n")
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    nets = {}
    for net, spec, _, _ in instances(args.folder / "mnist_fc"):
        nets.setdefault(net, []).append(spec)
    lines, wrong = [], 0
    for net, specs in nets.items():
        layers = dense_layers(net)
        exact_layers = [(integers(w), integers(b)) for w, b in layers]
        points, margins, falsehoods = [], [], []
        for spec in map(Spec, specs):
            (lo, hi, rows), = spec.cases
            x = np.array([float((a + b) / 2) for a, b in zip(lo, hi)]).astype(np.float32)
            y = evaluate(exact_layers, x)
            # Y_p >= Y_q is the counterexample: the margin is y_q - y_p
            pairs = [(row.index(1), row.index(-1)) for row, _ in rows]
            points.append((x, rows))
            margins.append([y[p] - y[q] for p, q in pairs])
            k = len(points)
            write(work / f"point-{k}.vnnlib", x, spec.outputs, [(p, q, 0) for p, q in pairs])
            limits = [upward(m + GAP) for m in margins[-1]]
            falsehoods.append([Fraction(c) for c in limits])
            write(work / f"false-{k}.vnnlib", x, spec.outputs, [(p, q, c) for (p, q), c in zip(pairs, limits)])
            for r, ((p, q), c) in enumerate(zip(pairs, limits)):
                write(work / f"false-{k}-{r}.vnnlib", x, spec.outputs, [(p, q, c)])
        name = net.name.removesuffix(".gz").removesuffix(".onnx")
        bounds = lambda method, name: [line["lower"][0] for line in own_bounds(
            method, 1, net, [work / f"{name}-{k + 1}.vnnlib" for k in range(len(points))])]
        for method in ["crown", "alpha-crown"]:
            count = Count()
            for of_points, false, exact in zip(bounds(method, "point"), bounds(method, "false"), margins):
                for bound, f, m in zip(of_points, false, exact, strict=True):
                    count.add(Fraction(bound), m, f > 0)
            lines.append(count.line(name, f"dahlquist, {method}"))
            wrong += count.counts["above"] + count.counts["verified"]
        answers = collections.Counter()
        for k, rows in enumerate(margins):
            for r in range(len(rows)):
                command = [program("dahlquist"), "verify", str(net), str(work / f"false-{k + 1}-{r}.vnnlib"), "--timeout", "1"]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                answers[done.stdout.split(",")[0].split()[0]] += 1
        words = ", ".join(f"{n} {word}" for word, n in sorted(answers.items()))
        lines.append([name, f"dahlquist verify: {words}", sum(answers.values()), "", answers["verified"]])
        wrong += answers["verified"]
        for label, dtype, narrow in peers:
            lirpa, count = Lirpa(net, len(points[0][0]), dtype), Count()
            for (x, rows), exact, limits in zip(points, margins, falsehoods):
                bounds = lirpa.lower(lirpa.box(x, x), rows)
                for bound, m, c in zip(bounds, exact, limits):
                    count.add(Fraction(bound), m, narrow(bound) > narrow(float(c)))
            lines.append(count.line(name, f"auto_LiRPA, CROWN, {label}"))
        for line in lines[-5:]:
            print(*line, file=sys.stderr, flush=True)
    print(markdown(["network", "bounds", "rows", "bounds above the exact margin", "false properties verified"], lines))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
