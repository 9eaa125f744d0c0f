#!/usr/bin/env python3
"""nodepy beside `dahlquist multistep analyze --brief`: time and wrong verdicts.

    python3 -m venv VENV && VENV/bin/pip install nodepy six scipy matplotlib mpmath
    VENV/bin/python benches/peers/nodepy_multistep.py target/release/dahlquist [TABLE.csv]

Three sets of first-order methods: the 10,000 random ones of benches/multistep.rs, methods with a pair of
parasitic roots of modulus sqrt(1 +- 10^-e), and the first-order rows of a table with a column zero_stable.
Verdicts that differ are decided again: by construction for the second set, by the table for the third, and
for the first with mpmath at 400 digits, where no root of a random method is closer to the circle than that.
"""

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
from nodepy import linear_multistep_method as lm

MASK = (1 << 64) - 1


def random_methods(count):
    """The generator of benches/multistep.rs."""
    state = 1

    def draw(size):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        value = state >> 33
        return value % (2 * size + 1) - size

    methods = []
    for i in range(count):
        size = 16 if i % 4 == 0 else 2
        q = [draw(size) for _ in range(7)] + [16]
        alpha = [0] * 9
        for j, c in enumerate(q):
            alpha[j + 1] += c
            alpha[j] -= c
        beta = [draw(16) for _ in range(9)]
        methods.append(([Fraction(a, 16) for a in alpha], [Fraction(b, 16) for b in beta], None))
    return methods


def near_the_circle():
    """(r - 1)(r^2 - 2 a r + b), a = p/q sqrt-free, b = 1 +- 10^-e: the pair has modulus sqrt(b); and b = 1."""
    methods = []
    for e in range(6, 17):
        for sign in (1, -1, 0):
            for a in (Fraction(0), Fraction(3, 5), Fraction(-4, 5), Fraction(1, 3)):
                b = 1 + sign * Fraction(1, 10**e)
                rho = [-b, 2 * a + b, -2 * a - 1, Fraction(1)]
                methods.append((rho, [Fraction(0), Fraction(0), Fraction(1), Fraction(0)], sign <= 0))
    # Double roots on the circle: (r - 1)(r^2 - 2 a r + 1)^2.
    for a in (Fraction(0), Fraction(3, 5), Fraction(-4, 5), Fraction(1, 3)):
        pair = [Fraction(1), -2 * a, Fraction(1)]
        rho = multiply([Fraction(-1), Fraction(1)], multiply(pair, pair))
        methods.append((rho, [Fraction(1)] * 6, False))
    return methods


def multiply(p, q):
    product = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            product[i + j] += a * b
    return product


def from_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if not r["kind"].startswith("second")]
    parse = lambda text: [Fraction(t) for t in text.split()]
    return [(parse(r["alpha"]), parse(r["beta"]), r["zero_stable"] == "yes") for r in rows]


def ours(program, methods):
    """Verdicts, wall and CPU seconds of the whole command, reading and writing included."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "methods.csv"
        with open(table, "w", encoding="utf-8") as file:
            file.write("name,kind,alpha,beta\n")
            for i, (alpha, beta, _) in enumerate(methods):
                text = lambda list: " ".join(str(c) for c in list)
                file.write(f"m{i},explicit,{text(alpha)},{text(beta)}\n")
        start, used = time.perf_counter(), children()
        command = [program, "multistep", "analyze", "--brief", "--json", "--file", str(table)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        seconds = time.perf_counter() - start, children() - used
    found = [json.loads(line) for line in lines]
    return [(f["zero_stable"], f["order"]) for f in found], seconds


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def theirs(methods):
    """nodepy's verdicts in binary64; making the method is not timed, but its order is (as is ours)."""
    wall, cpu, verdicts = 0.0, 0.0, []
    for alpha, beta, _ in methods:
        a, b = (np.array([float(c) for c in list]) for list in (alpha, beta))
        method = lm.LinearMultistepMethod(a, b, description="given")
        start, used = time.perf_counter(), time.process_time()
        verdicts.append((bool(method.is_zero_stable()), method.order()))
        wall += time.perf_counter() - start
        cpu += time.process_time() - used
    return verdicts, (wall, cpu)


def at_400_digits(alpha):
    """The root condition with roots to 400 digits; only for methods without roots near the circle but 1."""
    mpmath.mp.dps = 400
    roots = mpmath.polyroots([mpmath.mpf(c.numerator) / c.denominator for c in reversed(alpha)], maxsteps=4000, extraprec=4000)
    outside = sum(abs(r) > 1 + mpmath.mpf(10) ** -100 for r in roots)
    on = [r for r in roots if abs(abs(r) - 1) <= mpmath.mpf(10) ** -100]
    double = any(abs(x - y) < mpmath.mpf(10) ** -50 for i, x in enumerate(on) for y in on[:i])
    return outside == 0 and not double


def compare(name, methods, program):
    mine, my_seconds = ours(program, methods)
    other, seconds = theirs(methods)
    wrong, mistaken = 0, 0
    for (alpha, _, known), (stable, _), (claimed, _) in zip(methods, mine, other):
        truth = known
        if truth is None:
            truth = stable if stable == claimed else at_400_digits(alpha)
        wrong += claimed != truth
        mistaken += stable != truth
    time_of = lambda pair: f"{pair[0]:.2f} s wall, {pair[1]:.2f} s CPU"
    print(f"{name}: {len(methods)} methods")
    print(f"  dahlquist {time_of(my_seconds)}, {mistaken} wrong verdicts")
    print(f"  nodepy    {time_of(seconds)}, {wrong} wrong verdicts", flush=True)


def main():
    program = sys.argv[1]
    compare("random, degree 8", random_methods(10_000), program)
    compare("next to and on the circle", near_the_circle(), program)
    if len(sys.argv) > 2:
        compare("table", from_table(sys.argv[2]), program)


if __name__ == "__main__":
    main()
