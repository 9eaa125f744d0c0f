#!/usr/bin/env python3
"""Whole instances beside other verifiers: wall-clock time from start to answer.

    whole_instances.py VNNCOMP_FOLDER --out DIR [--peers NAME ...] [--timeout 60]
                       [--acasxu 6] [--mnist 4] [--threads 2] [--sources DIR]

Runs `dahlquist verify` and every peer that is installed on instances of acasxu and
mnist_fc, spread over the benchmarks: ours before and after each peer, so that both
meet the same machine, and the median of ours counts. Peers: Marabou and NeuralSAT
(packages), nnenum and alpha-beta-CROWN (checkouts below --sources; see README.md).
A time that reached the timeout counts as the timeout. An answer that contradicts
expected.csv is reported. DIR receives results.jsonl (a killed run continues there)
and table.md; the table is printed as well."""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from common import instances, markdown, median, program, read

CROWN = """\
general: {{device: cpu, complete_verifier: bab, enable_incomplete_verification: {incomplete}}}
solver: {{batch_size: {batch}, bound_prop_method: {method}, beta-crown: {{iteration: 20}}}}
bab: {{timeout: {timeout}, branching: {branching}}}
attack: {{pgd_restarts: 100, pgd_order: {order}}}
"""
INPUT_SPLIT = "{method: naive, input_split: {enable: True, reorder_bab: True}}"
WORDS = {"unsat": "verified", "sat": "falsified", "holds": "verified", "violated": "falsified",
         "safe": "verified", "unsafe": "falsified", "safe-incomplete": "verified", "unsafe-pgd": "falsified"}


def ours(job):
    return [program("dahlquist"), "verify", job.net, job.spec, "--timeout", str(job.timeout), "--threads", str(job.threads)]


def marabou(job):
    return [sys.executable, "-m", "maraboupy", job.net, job.spec, f"--timeout={int(job.timeout)}", "--verbosity=0",
            f"--summary-file={job.result}", *([f"--num-workers={job.threads}", "--snc"] if job.snc else [])]


def neuralsat(job):
    folder = next(job.sources.glob("neuralsat/src"))
    return [sys.executable, str(folder / "main.py"), "--net", job.net, "--spec", job.spec, "--device", "cpu",
            "--timeout", str(job.timeout), "--result_file", job.result]


def nnenum(job):
    job.environment["PYTHONPATH"] = str(job.sources / "nnenum/src")
    job.environment["OPENBLAS_NUM_THREADS"] = job.environment["OMP_NUM_THREADS"] = "1"
    return [sys.executable, "-m", "nnenum.nnenum", job.net, job.spec, str(job.timeout), job.result, str(job.threads)]


def abcrown(job):
    small = "acasxu" in job.name
    config = job.work / "abcrown.yaml"
    config.write_text(CROWN.format(
        incomplete=not small, batch=1024 if small else 256, method="crown" if small else "alpha-crown",
        timeout=job.timeout, branching=INPUT_SPLIT if small else "{method: kfsb}", order="after" if small else "before"))
    folder = job.sources / "abcrown/complete_verifier"
    job.environment["PYTHONPATH"] = f"{job.sources / 'auto_LiRPA'}:{folder}"
    return [sys.executable, str(folder / "abcrown.py"), "--config", str(config), "--onnx_path", job.net,
            "--vnnlib_path", job.spec, "--timeout", str(job.timeout), "--results_file", job.result]


PEERS = {"Marabou": marabou, "NeuralSAT": neuralsat, "nnenum": nnenum, "α,β-CROWN": abcrown}


class Job:
    """One instance, unpacked."""

    def __init__(self, args, work, net, spec):
        self.name = f"{net.parent.parent.name} {net.name.split('.onnx')[0]} {spec.name.split('.vnnlib')[0]}"
        self.work, self.timeout, self.threads, self.sources = work, args.timeout, args.threads, args.sources
        self.snc = args.threads > 1
        unpacked = []
        for path in (net, spec):
            target = work / path.name.removesuffix(".gz")
            if not target.exists():
                target.write_bytes(read(path))
            unpacked.append(str(target))
        self.net, self.spec = unpacked
        self.result = str(work / "result")

    def run(self, command):
        """(answer, seconds); the answer is the result file's first word or the last one printed."""
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(self.threads), OPENBLAS_NUM_THREADS="1")
        Path(self.result).unlink(missing_ok=True)
        line = command(self)
        start = time.monotonic()
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=self.timeout + 30, env=self.environment)
            text, fault = done.stdout, done.stderr.strip().splitlines()[-1:] if done.returncode else []
        except subprocess.TimeoutExpired:
            text, fault = "timeout", []
        seconds = time.monotonic() - start
        if Path(self.result).exists():
            text = Path(self.result).read_text()
        words = re.findall(r"[A-Za-z][A-Za-z-]*", text.lower())
        known = [WORDS.get(w, w) for w in words if WORDS.get(w, w) in ("verified", "falsified", "timeout", "unknown")]
        answer = known[0] if known else "error" if fault else "unknown"
        if seconds >= self.timeout and answer not in ("verified", "falsified"):
            answer = "timeout"
        return answer, min(seconds, self.timeout), fault


def spread(items, count):
    """`count` of them, evenly."""
    return [items[round(k * (len(items) - 1) / max(count - 1, 1))] for k in range(min(count, len(items)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--acasxu", type=int, default=6)
    parser.add_argument("--mnist", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sources", type=Path, default=Path("sources"))
    args = parser.parse_args()
    args.out, args.sources = args.out.resolve(), args.sources.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    work = args.out / "work"
    work.mkdir(exist_ok=True)
    store = args.out / "results.jsonl"
    done = {}
    if store.exists():
        for text in store.read_text().splitlines():
            row = json.loads(text)
            done[row["instance"], row["peer"], row["timeout"]] = row
    chosen = []
    for name, count in (("acasxu", args.acasxu), ("mnist_fc", args.mnist)):
        chosen += spread([i for i in instances(args.folder / name) if i[3] != "unknown"], count)
    rows = []
    for net, spec, _, expected in chosen:
        job = Job(args, work, net, spec)
        for peer in args.peers:
            key = (job.name, peer, args.timeout)
            if key not in done:
                before = job.run(ours)
                theirs = job.run(PEERS[peer])
                after = job.run(ours)
                if theirs[2]:
                    print(f"{peer} on {job.name}: {theirs[2][0]}", file=sys.stderr)
                done[key] = {"instance": job.name, "peer": peer, "timeout": args.timeout, "expected": expected,
                             "answer": theirs[0], "seconds": theirs[1], "own": [before[0], after[0]],
                             "own seconds": [before[1], after[1]]}
                with open(store, "a") as f:
                    f.write(json.dumps(done[key]) + "\n")
            row = done[key]
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    table = report(args, rows)
    (args.out / "table.md").write_text(table)
    print(table, end="")
    sys.exit(1 if any({row["expected"], a} == {"verified", "falsified"} for row in rows for a in row["own"]) else 0)


def report(args, rows):
    names = list(dict.fromkeys(row["instance"] for row in rows))
    lines = []
    for name in names:
        of = {row["peer"]: row for row in rows if row["instance"] == name}
        own = median([s for row in of.values() for s in row["own seconds"]])
        words = {a for row in of.values() for a in row["own"]}
        line = [name, f"{own:.2f} {'/'.join(sorted(words))}"]
        for peer in args.peers:
            row = of.get(peer)
            line.append("" if row is None else f"{row['seconds']:.1f} {row['answer']}")
        lines.append(line)
    text = markdown(["instance", "dahlquist, s", *(f"{p}, s" for p in args.peers)], lines)
    summary = []
    for peer in args.peers:
        of = [row for row in rows if row["peer"] == peer]
        good = [r for r in of if r["answer"] in ("verified", "falsified")]
        wrong = [r for r in good if {r["answer"], r["expected"]} == {"verified", "falsified"}]
        ratio = [r["seconds"] / median(r["own seconds"]) for r in of if r["answer"] != "error"]
        summary.append([peer, len(of), len(good), len(wrong), f"{median([r['seconds'] for r in of]):.1f}",
                        f"{median([median(r['own seconds']) for r in of]):.2f}",
                        f"{median(ratio):.0f}" if ratio else ""])
    return text + "\n" + markdown(["beside", "instances", "decided by it", "wrong", "its median s", "our median s",
                                   "median ratio"], summary)


if __name__ == "__main__":
    main()
