#!/usr/bin/env python3
"""Writes corpus/onnx: a small model per operator and some composed ones (package onnx).

The files are stored beside this script; run it to extend them.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OUT = Path(__file__).resolve().parent / "corpus" / "onnx"
random = np.random.default_rng(1)


def f(*shape):
    return random.integers(-4, 5, shape).astype(np.float32) / 4


def i(*values):
    return np.array(values, dtype=np.int64)


def save(name, nodes, shape, constants=(), out=(1, "M"), opset=13):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, list(out))]
    weights = [numpy_helper.from_array(v, k) for k, v in dict(constants).items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())


def one(op, shape, constants=(), opset=13, **attributes):
    constants = dict(constants)
    node = helper.make_node(op, ["x", *constants], ["y"], name="n", **attributes)
    save(op.lower() + (f"{opset}" if opset != 13 else ""), [node], shape, constants, opset=opset)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    one("Gemm", [1, 3], {"w": f(2, 3), "b": f(2)}, transB=1, alpha=0.5)
    one("MatMul", [1, 3], {"w": f(3, 2)})
    one("Conv", [1, 2, 4, 4], {"w": f(2, 1, 3, 3), "b": f(2)}, group=2, pads=[1, 1, 0, 0], strides=[2, 1])
    one("ConvTranspose", [1, 2, 3, 3], {"w": f(2, 1, 2, 2)}, strides=[2, 2])
    for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow"):
        one(op, [1, 3], {"c": np.array([2, 1, 0.5], dtype=np.float32)})
    for op in ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Sin", "Cos", "Sqrt", "Exp", "Sign", "Floor", "Neg",
               "Identity", "Dropout", "Softmax", "Abs", "Log", "Reciprocal"):
        one(op, [1, 3])
    one("Clip", [1, 3], {"lo": np.float32(0), "hi": np.float32(1)})
    one("BatchNormalization", [1, 2, 2, 2], {"s": f(2), "b": f(2), "m": f(2), "v": np.ones(2, np.float32)})
    one("LayerNormalization", [1, 4], {"s": f(4), "b": f(4)}, opset=17)
    for op in ("AveragePool", "MaxPool"):
        one(op, [1, 1, 4, 4], kernel_shape=[2, 2], strides=[2, 2])
    one("GlobalAveragePool", [1, 2, 3, 3])
    one("ReduceMean", [1, 2, 3], axes=[2], keepdims=0)
    one("ReduceSum", [1, 2, 3], {"axes": i(1)}, keepdims=1)
    one("Slice", [1, 5], {"a": i(1), "b": i(4), "c": i(1)})
    one("Gather", [1, 5], {"k": i(0, 3, -1)}, axis=1)
    one("Pad", [1, 1, 2, 2], {"p": i(0, 0, 1, 1, 0, 0, 0, 1)})
    one("Reshape", [1, 4], {"s": i(-1, 2, 2)})
    one("Flatten", [1, 2, 2])
    one("Transpose", [1, 2, 3], perm=[0, 2, 1])
    one("Squeeze", [1, 1, 3], {"a": i(1)})
    one("Unsqueeze", [1, 3], {"a": i(1)})
    one("Expand", [1, 1, 3], {"s": i(1, 2, 3)})
    one("Resize", [1, 1, 2, 2], {"r": f(0), "s": np.array([1, 1, 2, 2], np.float32)}, mode="nearest")
    one("Upsample", [1, 1, 2, 2], {"s": np.array([1, 1, 2, 2], np.float32)}, opset=9)
    one("Concat", [1, 3], {"c": f(1, 2)}, axis=1)
    one("Cast", [1, 3], to=TensorProto.FLOAT)
    node = helper.make_node
    save("split", [node("Split", ["x"], ["a", "b"], axis=1), node("Add", ["a", "b"], ["y"])], [1, 4])
    save("bilinear", [node("Mul", ["x", "x"], ["y"])], [1, 3])
    save("shape", [
        node("Shape", ["x"], ["s"]), node("Gather", ["s", "k"], ["n"], axis=0), node("Unsqueeze", ["n"], ["n1"], axes=[0]),
        node("Concat", ["n1", "m"], ["t"], axis=0), node("Reshape", ["x", "t"], ["y"])],
        ["N", 2, 2], {"k": np.array(0, np.int64), "m": i(-1)}, opset=11)
    save("where", [
        node("ConstantOfShape", ["s"], ["o"], value=helper.make_tensor("v", TensorProto.INT64, [1], [1])),
        node("Equal", ["s", "m"], ["e"]), node("Where", ["e", "o", "s"], ["t"]), node("Expand", ["x", "t"], ["y"])],
        [1, 1, 3], {"s": i(1, 2, 3), "m": i(-1, -1, -1)})
    save("residual", [
        node("Gemm", ["x", "w", "b"], ["h"]), node("Relu", ["h"], ["r"]), node("Gemm", ["r", "v", "b"], ["g"]),
        node("Add", ["x", "g"], ["z"]), node("Sub", ["z", "c"], ["y"])],
        [1, 3], {"w": f(3, 3), "b": f(3), "v": f(3, 3), "c": f(1)})
    save("attention", [
        node("MatMul", ["x", "q"], ["a"]), node("Transpose", ["a"], ["t"], perm=[0, 2, 1]), node("MatMul", ["x", "t"], ["s"]),
        node("Softmax", ["s"], ["p"], axis=2), node("MatMul", ["p", "x"], ["y"])], [1, 3, 2], {"q": f(2, 2)})
    constant = helper.make_tensor("v", TensorProto.FLOAT, [2], [1.5, -2])
    save("constant", [node("Constant", [], ["c"], value=constant), node("Mul", ["x", "c"], ["y"])], [1, 2])


main()
