#!/usr/bin/env python3
"""Lower bounds beside auto_LiRPA's: CROWN and alpha-CROWN, values and times.

    bound_quality.py VNNCOMP_FOLDER [--only NAME ...] [--rounds 3] [--count N] [--threads 2]

CROWN: every constraint of every instance, the shortfall relative to auto_LiRPA's
bound in binary64, and the ratio of the times of one pass with all intermediate
bounds (their binary32, the faster of their two). alpha-CROWN: the least margin
of each instance, its median over the instances, and seconds; theirs with and
without optimised intermediate bounds, ours after several numbers of iterations.
Rounds alternate between the programs; a time is a median over instances of the
least over the rounds. Prints Markdown."""

import argparse
import os
import sys
import time
from pathlib import Path

import common
from common import Lirpa, Spec, instances, markdown, median, own_bounds

BENCHMARKS = ["mnist_fc", "acasxu", "cifar10_resnet_2021", "sri_resnet_a"]
ITERATIONS = [2, 4, 8, 16, 32]


def note(*words):
    print(*words, file=sys.stderr, flush=True)


def nets(folder, count):
    """Networks with their specifications."""
    found = {}
    for net, spec, _, _ in instances(folder):
        found.setdefault(net, []).append(spec)
    if folder.name == "acasxu":  # every network has the same few properties: a spread of both
        found = {net: specs for k, (net, specs) in enumerate(found.items()) if k % 5 == 0}
    return {net: specs[:count] for net, specs in found.items()}


def timed(run, boxes):
    """Bounds of all cases of an instance, and the seconds."""
    start = time.perf_counter()
    lower = [run(box, rows) for box, rows in boxes]
    return lower, time.perf_counter() - start


class Theirs:
    """auto_LiRPA on one network: bounds and least seconds per instance."""

    def __init__(self, net, specs, dtype, method, options=None):
        parsed = [Spec(s) for s in specs]
        self.lirpa = Lirpa(net, parsed[0].inputs, dtype, options)
        self.method = method
        self.boxes = [[(self.lirpa.box(lo, hi), rows) for lo, hi, rows in s.cases] for s in parsed]
        self.lower, self.seconds = [None] * len(specs), [float("inf")] * len(specs)
        timed(self.run, self.boxes[0])  # the first call builds the graph

    def run(self, box, rows):
        return self.lirpa.lower(box, rows, self.method)

    def round(self):
        for k, boxes in enumerate(self.boxes):
            self.lower[k], seconds = timed(self.run, boxes)
            self.seconds[k] = min(self.seconds[k], seconds)


class Ours:
    """The same of this program."""

    def __init__(self, net, specs, method):
        self.net, self.specs, self.method = net, specs, method
        self.lower, self.seconds = [None] * len(specs), [float("inf")] * len(specs)

    def round(self):
        for k, line in enumerate(own_bounds(self.method, 2, self.net, self.specs)):
            self.lower[k] = line["lower"]
            self.seconds[k] = min(self.seconds[k], *line["seconds"])


def rounds(count, *sides):
    for _ in range(count):
        for side in sides:
            side.round()


def margins(side):
    return [min(min(case) for case in instance) for instance in side.lower]


def crown(args, folder):
    import torch
    lines = []
    ratios, rows, looser, tighter, worst = [], 0, 0, 0, 0.0
    for net, specs in nets(folder, args.count).items():
        ours = Ours(net, specs, "crown")
        single = Theirs(net, specs, torch.float32, "CROWN")
        rounds(args.rounds, ours, single)
        double = Theirs(net, specs, torch.float64, "CROWN")
        rounds(1, double)
        for mine, theirs in zip(ours.lower, double.lower):
            assert [len(c) for c in mine] == [len(c) for c in theirs], "constraints differ"
            for m, t in zip(sum(mine, []), sum(theirs, [])):
                m = float("-inf") if m is None else m
                shortfall = (t - m) / max(abs(t), 1e-9)
                rows, looser, tighter = rows + 1, looser + (shortfall > 1e-4), tighter + (shortfall < -1e-4)
                worst = max(worst, shortfall)
        ratio = [t / m for m, t in zip(ours.seconds, single.seconds)]
        ratios += ratio
        name = net.name.removesuffix(".gz").removesuffix(".onnx")
        note(f"{folder.name} {name}: {median(ours.seconds) * 1e3:.2f} ms, theirs {median(single.seconds) * 1e3:.2f}, "
             f"binary64 {median(double.seconds) * 1e3:.2f}; rows {rows}, looser {looser}, worst {worst:.1e}")
        lines.append((name, len(specs), median(margins(ours)), median(margins(double)),
                      median(ours.seconds), median(single.seconds), median(double.seconds), median(ratio)))
    if len(lines) > 3:  # many small networks: one line
        lines = [("all", sum(l[1] for l in lines), *[median([l[k] for l in lines]) for k in range(2, 7)], median(ratios))]
    return [[folder.name, name, count, f"{a:.5g}", f"{b:.5g}", f"{tighter} of {rows}", looser, f"{worst:.0e}",
             f"{1e3 * s:.2f}", f"{1e3 * t:.2f}", f"{1e3 * d:.2f}", f"{r:.1f}"]
            for name, count, a, b, s, t, d, r in lines]


def alpha(args, folder):
    import torch
    lines = []
    for net, specs in list(nets(folder, args.count).items())[:3]:
        name = net.name.removesuffix(".gz").removesuffix(".onnx")
        sides = [("auto_LiRPA, last layer only", Theirs(net, specs, torch.float32, "CROWN-Optimized"))]
        if folder.name in ("mnist_fc", "acasxu") or args.full:
            full = {"optimize_bound_args": {"fix_interm_bounds": False, "iteration": 20, "lr_alpha": args.rate}}
            sides.append((f"auto_LiRPA, every layer, rate {args.rate:g}",
                          Theirs(net, specs, torch.float32, "CROWN-Optimized", full)))
        sides += [(f"dahlquist, {n} iterations", Ours(net, specs, f"alpha-crown:{n}")) for n in args.iterations]
        rounds(args.rounds, *(side for _, side in sides))
        for label, side in sides:
            least = margins(side)
            line = [folder.name, name, label, f"{median(least):.4g}", sum(m > 0 for m in least), f"{median(side.seconds):.4f}"]
            note(*line)
            lines.append(line)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", default=BENCHMARKS)
    parser.add_argument("--part", choices=["crown", "alpha"], nargs="+", default=["crown", "alpha"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=18, help="instances per network, at most")
    parser.add_argument("--iterations", type=int, nargs="+", default=ITERATIONS)
    parser.add_argument("--rate", type=float, default=0.5, help="their learning rate [default: their default]")
    parser.add_argument("--full", action="store_true", help="optimise their intermediate bounds on every benchmark")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    import torch
    torch.set_num_threads(args.threads)
    print(f"{common.versions()}, {args.threads} threads\n")
    if "crown" in args.part:
        table = [line for b in args.only for line in crown(args, args.folder / b)]
        print(markdown(["benchmark", "network", "instances", "least margin, median", "theirs, binary64",
                        "rows tighter by 1e-4", "looser by 1e-4", "worst shortfall", "ms", "their ms, binary32",
                        "binary64", "times faster"], table), flush=True)
    if "alpha" in args.part:
        table = [line for b in args.only for line in alpha(args, args.folder / b)]
        print(markdown(["benchmark", "network", "bounds", "least margin, median", "verified", "s, median"], table))


if __name__ == "__main__":
    main()
