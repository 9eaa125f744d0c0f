//! Maxima, minima and pools, against onnxruntime.

use crate::operators::{Case, agree, is, w};
use crate::wire::{A, floats, ints, node, simple};

fn case(label: impl Into<String>, opset: i64, x: &[i64], nodes: &[Vec<u8>], c: &[Vec<u8>]) -> Case {
    Case {
        label: label.into(),
        bytes: simple(opset, x, nodes, c),
    }
}

#[test]
fn pairs() {
    let mut all = Vec::new();
    for operator in ["Max", "Min"] {
        let two = [
            node("Neg", &["x"], "n", &[]),
            node(operator, &["x", "n"], "y", &[]),
        ];
        all.push(case(operator, 13, &[-1, 5], &two, &[]));
        let three = [
            node("Neg", &["x"], "n", &[]),
            node(operator, &["x", "w", "n"], "y", &[]),
        ];
        all.push(case(
            operator,
            13,
            &[-1, 3, 4],
            &three,
            &[w("w", 3, &[3, 1])],
        ));
        let constant = [node(operator, &["w", "x"], "y", &[])];
        all.push(case(operator, 13, &[-1, 4], &constant, &[w("w", 4, &[4])]));
        let outer = [
            node("Transpose", &["x"], "t", &[("perm", is(&[0, 2, 1]))]),
            node(operator, &["x", "t"], "y", &[]),
        ];
        all.push(case(operator, 13, &[-1, 4, 1], &outer, &[]));
    }
    agree(all);
}

#[test]
fn reductions() {
    let mut all = Vec::new();
    for operator in ["ReduceMax", "ReduceMin"] {
        for (axes, keep) in [(&[1][..], 1), (&[-1, 2], 0), (&[1, 2, 3], 0)] {
            let attributes = [("axes", is(axes)), ("keepdims", A::I(keep))];
            let nodes = [node(operator, &["x"], "y", &attributes)];
            all.push(case(operator, 13, &[-1, 3, 4, 5], &nodes, &[]));
        }
    }
    let nodes = [node("GlobalMaxPool", &["x"], "y", &[])];
    all.push(case("GlobalMaxPool", 13, &[-1, 2, 5, 3], &nodes, &[]));
    let nodes = [node("ReduceMax", &["x", "a"], "y", &[])];
    all.push(case(
        "ReduceMax",
        18,
        &[-1, 2, 5],
        &nodes,
        &[ints("a", &[2])],
    ));
    agree(all);
}

/// Attributes of a pool: kernel, strides, pads, dilations, rounding up.
type Pool<'a> = (&'a [i64], &'a [i64], &'a [i64], &'a [i64], i64);

const POOLS: [Pool<'static>; 9] = [
    (&[2, 2], &[2, 2], &[0, 0, 0, 0], &[1, 1], 0),
    (&[3, 3], &[2, 2], &[1, 1, 1, 1], &[1, 1], 0),
    (&[3, 2], &[1, 1], &[2, 0, 1, 1], &[1, 1], 0),
    (&[4, 4], &[4, 4], &[0, 0, 0, 0], &[1, 1], 0),
    (&[2, 2], &[2, 2], &[0, 0, 0, 0], &[1, 1], 1),
    (&[3, 3], &[2, 2], &[1, 1, 1, 1], &[1, 1], 1),
    (&[2, 3], &[3, 2], &[1, 0, 0, 2], &[1, 1], 1),
    (&[1, 1], &[1, 1], &[0, 0, 0, 0], &[1, 1], 0),
    (&[1, 3], &[1, 2], &[0, 1, 0, 1], &[1, 1], 0),
];

fn pool((kernel, strides, pads, dilations, ceil): Pool<'_>) -> Vec<(&'static str, A)> {
    let mut all = vec![
        ("kernel_shape", is(kernel)),
        ("strides", is(strides)),
        ("pads", is(pads)),
    ];
    if dilations.iter().any(|&d| d != 1) {
        all.push(("dilations", is(dilations)));
    }
    if ceil != 0 {
        all.push(("ceil_mode", A::I(1)));
    }
    all
}

#[test]
fn max_pools() {
    let mut all = Vec::new();
    let dilated: Pool = (&[2, 3], &[1, 2], &[1, 0, 0, 1], &[2, 2], 0);
    for p in POOLS.into_iter().chain([dilated]) {
        let nodes = [node("MaxPool", &["x"], "y", &pool(p))];
        all.push(case(
            format!("max pool {p:?}"),
            13,
            &[-1, 2, 7, 8],
            &nodes,
            &[],
        ));
    }
    for auto in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        let attributes = [
            ("kernel_shape", is(&[3, 2])),
            ("strides", is(&[2, 3])),
            ("auto_pad", A::S(auto)),
        ];
        let nodes = [node("MaxPool", &["x"], "y", &attributes)];
        all.push(case(
            format!("max pool {auto}"),
            13,
            &[-1, 2, 7, 8],
            &nodes,
            &[],
        ));
    }
    let line = [
        ("kernel_shape", is(&[3])),
        ("strides", is(&[2])),
        ("pads", is(&[1, 1])),
    ];
    let nodes = [node("MaxPool", &["x"], "y", &line)];
    all.push(case("max pool of a line", 13, &[-1, 3, 9], &nodes, &[]));
    agree(all);
}

#[test]
fn average_pools() {
    let mut all = Vec::new();
    for include in [0, 1] {
        for p in POOLS {
            let mut attributes = pool(p);
            attributes.push(("count_include_pad", A::I(include)));
            let nodes = [node("AveragePool", &["x"], "y", &attributes)];
            all.push(case(
                format!("average pool {include} {p:?}"),
                19,
                &[-1, 2, 7, 8],
                &nodes,
                &[],
            ));
        }
    }
    let line = [("kernel_shape", is(&[3])), ("pads", is(&[1, 1]))];
    let nodes = [node("AveragePool", &["x"], "y", &line)];
    all.push(case("average pool of a line", 13, &[-1, 3, 9], &nodes, &[]));
    agree(all);
}

#[test]
fn convolutions() {
    let mut all = Vec::new();
    let line = [
        ("strides", is(&[2])),
        ("pads", is(&[1, 2])),
        ("dilations", is(&[2])),
    ];
    let nodes = [node("Conv", &["x", "w", "b"], "y", &line)];
    let weights = [w("w", 1, &[4, 3, 3]), w("b", 2, &[4])];
    all.push(case(
        "convolution of a line",
        13,
        &[-1, 3, 9],
        &nodes,
        &weights,
    ));
    // Large windows apart from each other, the image cut at the right.
    let patches = [("strides", is(&[4, 5]))];
    let nodes = [node("Conv", &["x", "w", "b"], "y", &patches)];
    let weights = [w("w", 1, &[3, 2, 4, 4]), w("b", 2, &[3])];
    all.push(case("patches", 13, &[-1, 2, 9, 13], &nodes, &weights));
    for (label, attributes) in [
        ("plain", vec![]),
        (
            "strided",
            vec![("strides", is(&[2, 3])), ("pads", is(&[1, 0, 0, 1]))],
        ),
        (
            "padded",
            vec![("strides", is(&[2, 2])), ("output_padding", is(&[1, 0]))],
        ),
        (
            "dilated",
            vec![("dilations", is(&[2, 1])), ("kernel_shape", is(&[3, 2]))],
        ),
        (
            "grouped",
            vec![("group", A::I(2)), ("strides", is(&[2, 1]))],
        ),
        (
            "to a shape",
            vec![("strides", is(&[2, 2])), ("output_shape", is(&[9, 10]))],
        ),
        (
            "same",
            vec![("strides", is(&[2, 2])), ("auto_pad", A::S("SAME_UPPER"))],
        ),
    ] {
        let nodes = [node("ConvTranspose", &["x", "w", "b"], "y", &attributes)];
        let out = if label == "grouped" { 6 } else { 3 };
        let weights = [w("w", 1, &[4, 3, 3, 2]), w("b", 2, &[out])];
        all.push(case(
            format!("transposed, {label}"),
            13,
            &[-1, 4, 5, 5],
            &nodes,
            &weights,
        ));
    }
    let line = [("strides", is(&[2])), ("pads", is(&[1, 0]))];
    let nodes = [node("ConvTranspose", &["x", "w"], "y", &line)];
    all.push(case(
        "transposed of a line",
        13,
        &[-1, 4, 5],
        &nodes,
        &[w("w", 1, &[4, 2, 3])],
    ));
    agree(all);
}

/// A window beyond the input, an index output that is used, a bad mode.
#[test]
fn refusals() {
    let read = |nodes: &[Vec<u8>]| {
        let bytes = simple(13, &[1, 1, 4, 4], nodes, &[floats("c", &[2], &[1.0, 2.0])]);
        dahlquist::network::onnx::read_model(bytes)
            .unwrap_err()
            .to_string()
    };
    let attributes = [("kernel_shape", is(&[2, 2])), ("pads", is(&[3, 3, 3, 3]))];
    let message = read(&[node("MaxPool", &["x"], "y", &attributes)]);
    assert!(message.contains("pads"), "{message}");
    let message = read(&[node("MaxPool", &["x"], "y", &[])]);
    assert!(message.contains("kernel_shape"), "{message}");
    let message = read(&[node("Max", &["x", "c"], "y", &[])]);
    assert!(message.contains("broadcast"), "{message}");
}
