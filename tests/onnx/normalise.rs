//! `Softmax`, `LogSoftmax` and `LayerNormalization`, against onnxruntime.

use crate::operators::{Case, agree, w};
use crate::wire::{A, node, simple};

#[test]
fn weights_that_sum_to_one() {
    let mut all = Vec::new();
    for operator in ["Softmax", "LogSoftmax"] {
        for (opset, axis, x) in [
            (13, Some(-1), &[-1, 5][..]),
            (13, Some(1), &[-1, 3, 4]),
            (13, None, &[-1, 2, 3]),
            (9, None, &[-1, 2, 3]),
            (9, Some(2), &[-1, 2, 3]),
            (13, Some(-1), &[-1, 4, 1]),
        ] {
            let attributes: Vec<_> = axis.map(|a| ("axis", A::I(a))).into_iter().collect();
            let nodes = [
                node(operator, &["x"], "s", &attributes),
                node("Add", &["s", "x"], "y", &[]),
            ];
            all.push(Case {
                label: format!("{operator} {opset} {axis:?} {x:?}"),
                bytes: simple(opset, x, &nodes, &[]),
            });
        }
    }
    agree(all);
}

#[test]
fn layers() {
    let mut all = Vec::new();
    for (axis, x, dims) in [
        (-1, &[-1, 6][..], &[6][..]),
        (-1, &[-1, 3, 4], &[4]),
        (1, &[-1, 3, 4], &[3, 4]),
    ] {
        for inputs in [&["x", "g", "b"][..], &["x", "g"]] {
            let attributes = [("axis", A::I(axis)), ("epsilon", A::F(1e-2))];
            let nodes = [node("LayerNormalization", inputs, "y", &attributes)];
            all.push(Case {
                label: format!("layer normalisation {axis} {x:?}"),
                bytes: simple(17, x, &nodes, &[w("g", 1, dims), w("b", 2, dims)]),
            });
        }
    }
    agree(all);
}
