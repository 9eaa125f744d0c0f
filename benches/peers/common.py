"""What the scripts share: networks and specifications read independently of the
program, auto_LiRPA around them, and the program's own bounds."""

import gzip
import json
import os
import re
import statistics
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def read(path):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rb") as f:
        return f.read()


def instances(folder):
    """(network, specification, seconds, expected) of a benchmark, as paths."""
    import csv
    expected = {}
    if (folder / "expected.csv").exists():
        with open(folder / "expected.csv", newline="") as f:
            expected = {(r["onnx"], r["vnnlib"]): r["expected"] for r in csv.DictReader(f)}
    with open(folder / "instances.csv", newline="") as f:
        for net, spec, seconds, *_ in csv.reader(f):
            yield folder / net, folder / spec, float(seconds), expected.get((net, spec), "unknown")


# --- specifications


def sexpr(text):
    """Nested lists of the tokens of all commands."""
    stack = [[]]
    for token in re.findall(r"[()]|[^\s()]+", re.sub(r";[^\n]*", "", text)):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    return stack[0]


def linear(term):
    """A variable, a number or a sum/difference/product of them: (coefficients, constant)."""
    if isinstance(term, str):
        return ({term: Fraction(1)}, Fraction(0)) if term[0] in "XY" else ({}, Fraction(term))
    op, *parts = term
    parts = [linear(p) for p in parts]
    if op == "*":
        (scale,) = [c for v, c in parts[:-1] if not v] or [parts[-1][1]]
        rest = parts[-1] if parts[-1][0] else parts[0]
        return {v: scale * c for v, c in rest[0].items()}, scale * rest[1]
    sign = [1] + [-1 if op == "-" else 1] * (len(parts) - 1)
    if op == "-" and len(parts) == 1:
        sign = [-1]
    total, constant = {}, Fraction(0)
    for s, (coefficients, c) in zip(sign, parts):
        for v, a in coefficients.items():
            total[v] = total.get(v, 0) + s * a
        constant += s * c
    return total, constant


class Spec:
    """A union of boxes, each with constraints `row · y + constant <= 0` in the
    order of the file, conjunction after conjunction: `cases` of (lo, hi, rows)."""

    def __init__(self, path):
        commands = sexpr(read(path).decode())
        names = [c[1] for c in commands if c[0] == "declare-const"]
        self.inputs = sum(n[0] == "X" for n in names)
        self.outputs = sum(n[0] == "Y" for n in names)
        bounds, alone, unions = {}, [], []
        for command in commands:
            if command[0] != "assert":
                continue
            formula = command[1]
            if formula[0] == "or":
                unions.append([p[1:] if p[0] == "and" else [p] for p in formula[1:]])
            else:
                self.add(formula, bounds, alone)
        cases = [(bounds, alone)]
        for union in unions:
            split = []
            for part in union:
                own, rows = {}, []
                for formula in part:
                    self.add(formula, own, rows)
                split.append((own, rows))
            if any(own for own, _ in split):  # alternatives of the input
                cases = [({**b, **own}, r + rows) for b, r in cases for own, rows in split]
            else:
                cases = [(b, r + [row for _, rows in split for row in rows]) for b, r in cases]
        self.cases = []
        for b, rows in cases:
            lo = [b[f"X_{i}", "lo"] for i in range(self.inputs)]
            hi = [b[f"X_{i}", "hi"] for i in range(self.inputs)]
            self.cases.append((lo, hi, rows))

    def add(self, formula, bounds, rows):
        op, left, right = formula
        if op in ("<=", ">=", "<", ">"):
            a, b = (left, right) if op[0] == "<" else (right, left)
            (a, ca), (b, cb) = linear(a), linear(b)  # a + ca <= b + cb
            row = {v: a.get(v, 0) - b.get(v, 0) for v in {**a, **b}}
            constant = ca - cb
            if all(v[0] == "X" for v in row):
                (v, c), = row.items()
                bounds[v, "hi" if c > 0 else "lo"] = -constant / c
            else:
                rows.append(([row.get(f"Y_{j}", Fraction(0)) for j in range(self.outputs)], constant))
        else:
            raise ValueError(f"no comparison: {formula}")


# --- networks


def torch_module(path, dtype):
    """The network as a torch module on a batch of flat inputs, for the few operators needed."""
    import numpy as np
    import onnx
    import torch
    from torch import nn

    graph = onnx.load_model_from_string(read(path)).graph
    constants = {t.name: torch.tensor(onnx.numpy_helper.to_array(t).copy()) for t in graph.initializer}
    attributes = lambda node: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    (source,) = [i for i in graph.input if i.name not in constants]
    shape = [d.dim_value for d in source.type.tensor_type.shape.dim]

    def layer(weight, bias):
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight.data, linear.bias.data = weight.clone(), bias.clone()
        return linear

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps, self.layers = [], nn.ModuleList()
            nodes = list(graph.node)
            k = 0
            while k < len(nodes):
                node, a = nodes[k], attributes(nodes[k])
                out = node.output[0]
                if node.op_type == "Constant":
                    constants[out] = torch.tensor(onnx.numpy_helper.to_array(a["value"]).copy())
                elif node.op_type == "Gemm":
                    w, b = constants[node.input[1]], constants[node.input[2]]
                    self.put(layer(w if a.get("transB") else w.T, b), node.input[:1], out)
                elif node.op_type == "MatMul":  # the Add that follows is its bias
                    after = nodes[k + 1]
                    bias = [i for i in after.input if i != out]
                    self.put(layer(constants[node.input[1]].T, constants[bias[0]]), node.input[:1], after.output[0])
                    k += 1
                elif node.op_type == "Conv":
                    w, b = constants[node.input[1]], constants[node.input[2]]
                    pads = a.get("pads", [0, 0, 0, 0])
                    assert pads[:2] == pads[2:] and a.get("group", 1) == 1
                    conv = nn.Conv2d(w.shape[1], w.shape[0], tuple(w.shape[2:]), tuple(a["strides"]), tuple(pads[:2]))
                    conv.weight.data, conv.bias.data = w.clone(), b.clone()
                    self.put(conv, node.input[:1], out)
                elif node.op_type == "Relu":
                    self.put(nn.ReLU(), node.input, out)
                elif node.op_type in ("Flatten", "Reshape"):
                    self.put(nn.Flatten(), node.input[:1], out)
                elif node.op_type == "Add":
                    self.put(None, node.input, out)
                elif node.op_type == "Sub" and not np.any(constants[node.input[1]].numpy()):
                    self.put(nn.Identity(), node.input[:1], out)
                else:
                    raise ValueError(f"operator {node.op_type} of {path}")
                k += 1

        def put(self, module, inputs, out):
            self.steps.append((None if module is None else len(self.layers), list(inputs), out))
            if module is not None:
                self.layers.append(module)

        def forward(self, x):
            values = {source.name: x.reshape(x.shape[0], *shape[1:])} if len(shape) == 4 and shape[2] > 1 else {source.name: x}
            for module, inputs, out in self.steps:
                operands = [values[i] for i in inputs]
                values[out] = operands[0] + operands[1] if module is None else self.layers[module](*operands)
            return values[graph.output[0].name]

    return Net().to(dtype).eval()


def dense_layers(path):
    """Weights and biases of a network of Gemm and Relu alone, as binary32 arrays."""
    import onnx
    graph = onnx.load_model_from_string(read(path)).graph
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    layers = []
    for node in graph.node:
        if node.op_type == "Gemm":
            a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
            w = constants[node.input[1]]
            layers.append((w if a.get("transB") else w.T, constants[node.input[2]]))
        elif node.op_type not in ("Relu", "Flatten"):
            raise ValueError(f"operator {node.op_type} of {path}")
    return layers


# --- auto_LiRPA


class Lirpa:
    """auto_LiRPA's bounds of one network."""

    def __init__(self, net, inputs, dtype, options=None):
        import torch
        from auto_LiRPA import BoundedModule
        torch.set_default_dtype(dtype)
        self.dtype = dtype
        self.module = BoundedModule(torch_module(net, dtype), torch.zeros(1, inputs, dtype=dtype),
                                    bound_opts=options or {}, device="cpu")

    def box(self, lo, hi):
        """The box in the arithmetic of the module, every end rounded to nearest as users do."""
        import torch
        from auto_LiRPA import BoundedTensor, PerturbationLpNorm
        lo = torch.tensor([[float(v) for v in lo]], dtype=self.dtype)
        hi = torch.tensor([[float(v) for v in hi]], dtype=self.dtype)
        return BoundedTensor((lo + hi) / 2, PerturbationLpNorm(norm=float("inf"), x_L=lo, x_U=hi))

    def lower(self, box, rows, method="CROWN"):
        """Lower bounds of the rows (coefficients, constant)."""
        import contextlib
        import io
        import torch
        c = torch.tensor([[[float(v) for v in row] for row, _ in rows]], dtype=self.dtype)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints when it stops early
            if "Optimized" in method:
                lower, _ = self.module.compute_bounds(x=(box,), C=c, method=method, bound_upper=False)
            else:
                with torch.no_grad():
                    lower, _ = self.module.compute_bounds(x=(box,), C=c, method=method, bound_upper=False)
        return [float(l) + float(k) for l, (_, k) in zip(lower[0].detach(), rows)]


def versions():
    import torch
    import auto_LiRPA
    return f"auto_LiRPA {auto_LiRPA.__version__}, torch {torch.__version__}"


# --- dahlquist


def program(name):
    """A built program of this repository."""
    path = REPOSITORY / "target/release" / name
    if not path.exists():
        sys.exit(f"{path} is missing: cargo build --release --features lapack --bins --examples")
    return str(path)


def own_bounds(method, runs, net, specs):
    """Per specification: lower bounds by case, and the seconds of every run."""
    command = [program("examples/query_bounds"), method, str(runs), str(net), *map(str, specs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True,
                          env=dict(os.environ, OPENBLAS_NUM_THREADS="1"))
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- tables


def markdown(columns, lines):
    head = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    return "\n".join(head + ["| " + " | ".join(str(c) for c in line) + " |" for line in lines]) + "\n"


median = statistics.median
