//! Products and quotients of two computed values, against onnxruntime.

use crate::operators::{Case, agree, is, w};
use crate::wire::{A, floats, ints, node, simple};

fn case(label: impl Into<String>, x: &[i64], nodes: &[Vec<u8>], c: &[Vec<u8>]) -> Case {
    Case {
        label: label.into(),
        bytes: simple(13, x, nodes, c),
    }
}

#[test]
fn elementwise() {
    let mut all = Vec::new();
    for operator in ["Mul", "Div"] {
        let nodes = [
            node("Abs", &["x"], "a", &[]),
            node("Add", &["a", "h"], "p", &[]),
            node("ReduceSum", &["p", "axis"], "s", &[]),
            node(operator, &["x", "p"], "one", &[]),
            node(operator, &["one", "s"], "two", &[]),
            node(operator, &["c", "p"], "three", &[]),
            node("Add", &["two", "three"], "y", &[]),
        ];
        let constants = [
            floats("h", &[], &[0.5]),
            ints("axis", &[-1]),
            floats("c", &[3], &[1.0, -2.5, 0.3]),
        ];
        for x in [&[-1, 3][..], &[-1, 4, 3], &[1, 2, 2, 3], &[1, 1, 3]] {
            all.push(case(format!("{operator} {x:?}"), x, &nodes, &constants));
        }
    }
    agree(all);
}

#[test]
fn matrices() {
    let mut all = Vec::new();
    let attention = [
        node("Transpose", &["x"], "t", &[("perm", is(&[0, 1, 3, 2]))]),
        node("MatMul", &["x", "t"], "a", &[]),
        node("MatMul", &["a", "x"], "y", &[]),
    ];
    all.push(case("attention", &[-1, 2, 3, 4], &attention, &[]));
    all.push(case("attention, one head", &[-1, 1, 3, 4], &attention, &[]));
    // Leading axes that are repeated, and operands with one axis.
    let broadcast = [
        node("ReduceSum", &["x", "axis"], "s", &[("keepdims", A::I(1))]),
        node("Transpose", &["s"], "t", &[("perm", is(&[0, 1, 3, 2]))]),
        node("MatMul", &["x", "t"], "y", &[]),
    ];
    let axis = [ints("axis", &[1])];
    all.push(case("repeated heads", &[-1, 2, 3, 4], &broadcast, &axis));
    let vector = [
        node("Relu", &["x"], "r", &[]),
        node("MatMul", &["x", "r"], "y", &[]),
    ];
    all.push(case("two vectors", &[4], &vector, &[]));
    let stacked = [node("MatMul", &["x", "w"], "y", &[])];
    all.push(case(
        "stacked weights",
        &[-1, 2, 3, 4],
        &stacked,
        &[w("w", 1, &[2, 4, 5])],
    ));
    let left = [node("MatMul", &["w", "x"], "y", &[])];
    for dims in [&[5, 3][..], &[3], &[2, 5, 3]] {
        let weights = [w("w", 1, dims)];
        all.push(case(
            format!("left {dims:?}"),
            &[-1, 2, 3, 4],
            &left,
            &weights,
        ));
    }
    let gram = [
        node("Reshape", &["x", "shape"], "m", &[]),
        node(
            "Gemm",
            &["m", "m", "m2"],
            "y",
            &[("transA", A::I(1)), ("alpha", A::F(0.3))],
        ),
    ];
    let constants = [ints("shape", &[3, 4]), w("m2", 5, &[4, 1])];
    all.push(case("gemm of computed values", &[1, 12], &gram, &constants));
    let bias = [
        node("Relu", &["x"], "c", &[]),
        node(
            "Gemm",
            &["x", "w", "c"],
            "y",
            &[("beta", A::F(-0.7)), ("transB", A::I(1))],
        ),
    ];
    all.push(case(
        "gemm with a computed bias",
        &[1, 4],
        &bias,
        &[w("w", 1, &[4, 4])],
    ));
    let swapped = [
        node("Reshape", &["x", "shape"], "m", &[]),
        node("Gemm", &["w", "m"], "y", &[("transB", A::I(1))]),
    ];
    let constants = [ints("shape", &[3, 4]), w("w", 5, &[2, 4])];
    all.push(case(
        "gemm with computed weights",
        &[1, 12],
        &swapped,
        &constants,
    ));
    agree(all);
}
