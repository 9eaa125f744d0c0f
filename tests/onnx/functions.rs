//! Pointwise functions, against onnxruntime.

use crate::operators::{Case, agree};
use crate::wire::{A, floats, node, simple};

/// `operator` of `x`, or of `|x| + 1/2` where it needs positive numbers.
fn one(operator: &str, opset: i64, positive: bool, attributes: &[(&str, A)]) -> Case {
    let mut nodes = Vec::new();
    let mut x = "x";
    if positive {
        nodes.push(node("Abs", &["x"], "a", &[]));
        nodes.push(node("Add", &["a", "h"], "p", &[]));
        x = "p";
    }
    nodes.push(node(operator, &[x], "y", attributes));
    let half = floats("h", &[], &[0.5]);
    Case {
        label: operator.into(),
        bytes: simple(opset, &[-1, 7], &nodes, &[half]),
    }
}

#[test]
fn functions() {
    let mut all: Vec<Case> = [
        "Abs", "Sign", "Floor", "Ceil", "Exp", "Sin", "Cos", "Erf", "Elu",
    ]
    .into_iter()
    .map(|operator| one(operator, 13, false, &[]))
    .collect();
    for operator in ["Log", "Sqrt", "Reciprocal"] {
        all.push(one(operator, 13, true, &[]));
    }
    all.push(one("HardSigmoid", 13, false, &[]));
    let alpha = |v: f32| ("alpha", A::F(v));
    all.push(one(
        "HardSigmoid",
        13,
        false,
        &[alpha(0.3), ("beta", A::F(0.25))],
    ));
    all.push(one("Elu", 13, false, &[alpha(0.5)]));
    all.push(one("HardSwish", 14, false, &[]));
    all.push(one("Gelu", 20, false, &[]));
    let limits = |lo, hi| [("min", A::F(lo)), ("max", A::F(hi))];
    all.push(one("Clip", 7, false, &limits(-0.5, 1.25)));
    all.push(one("Clip", 7, false, &limits(0.0, f32::MAX)));
    all.push(one("Clip", 7, false, &limits(f32::MIN, f32::MAX)));
    all.push(one("Clip", 13, false, &[]));
    agree(all);
}

#[test]
fn limits_as_operands() {
    let numbers = |lo: f32, hi: f32| [floats("lo", &[], &[lo]), floats("hi", &[], &[hi])];
    let mut all = Vec::new();
    for inputs in [
        &["x", "lo", "hi"][..],
        &["x", "lo"],
        &["x", "", "hi"],
        &["x", "lo", ""],
    ] {
        let nodes = [node("Clip", inputs, "y", &[])];
        all.push(Case {
            label: format!("Clip {inputs:?}"),
            bytes: simple(13, &[-1, 5], &nodes, &numbers(-0.25, 0.75)),
        });
    }
    agree(all);
}

#[test]
fn slopes_below_zero() {
    let mut all = Vec::new();
    for (x, dims) in [(&[-1, 5][..], &[1][..]), (&[-1, 3, 2], &[3, 1])] {
        let nodes = [node("PRelu", &["x", "a"], "y", &[])];
        all.push(Case {
            label: format!("PRelu {x:?}"),
            bytes: simple(13, x, &nodes, &[crate::operators::w("a", 1, dims)]),
        });
    }
    agree(all);
}

#[test]
fn powers() {
    let mut all = Vec::new();
    for exponent in [0.5, 1.0, 2.0, 3.0, 4.0, 7.0, -1.0, -2.0, -0.5, -3.0] {
        let nodes = [
            node("Abs", &["x"], "a", &[]),
            node("Add", &["a", "h"], "p", &[]),
            node("Pow", &["p", "e"], "y", &[]),
        ];
        let constants = [floats("h", &[], &[0.5]), floats("e", &[1], &[exponent])];
        all.push(Case {
            label: format!("power {exponent}"),
            bytes: simple(13, &[-1, 5], &nodes, &constants),
        });
    }
    agree(all);
}

/// `x x` is a square and `x σ(x)` one function of `x`.
#[test]
fn products_that_are_functions() {
    let gate = [
        node("Sigmoid", &["x"], "s", &[]),
        node("Mul", &["s", "x"], "y", &[]),
    ];
    let square = [node("Mul", &["x", "x"], "y", &[])];
    let mut all = Vec::new();
    for (label, nodes, name) in [("silu", &gate[..], "silu"), ("square", &square, "square")] {
        let bytes = simple(13, &[-1, 4], nodes, &[]);
        let network = dahlquist::network::onnx::read_model(bytes.clone()).unwrap();
        let graph = network.lower().unwrap();
        let last = &graph.node(graph.output()).op;
        let dahlquist::graph::Op::Pointwise(f) = last else {
            panic!("{label}: {last:?}");
        };
        assert_eq!(f.name(), name);
        assert_eq!(graph.nodes().len(), 2, "{label}");
        all.push(Case {
            label: label.into(),
            bytes,
        });
    }
    agree(all);
}
