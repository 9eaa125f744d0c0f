//! `Resize`, `Upsample`, `Pad`, `Tile` and `Expand`, against onnxruntime.

use crate::operators::{Case, agree};
use crate::wire::{A, floats, ints, node, simple};

fn case(label: impl Into<String>, opset: i64, x: &[i64], nodes: &[Vec<u8>], c: &[Vec<u8>]) -> Case {
    Case {
        label: label.into(),
        bytes: simple(opset, x, nodes, c),
    }
}

const IMAGE: [i64; 4] = [-1, 2, 4, 3];

#[test]
fn nearest_elements() {
    let mut all = Vec::new();
    let scales = floats("s", &[4], &[1.0, 1.0, 2.0, 3.0]);
    let nodes = [node(
        "Upsample",
        &["x", "s"],
        "y",
        &[("mode", A::S("nearest"))],
    )];
    all.push(case(
        "upsample",
        9,
        &IMAGE,
        &nodes,
        std::slice::from_ref(&scales),
    ));
    let nodes = [node("Resize", &["x", "s"], "y", &[])];
    all.push(case("resize, opset 10", 10, &IMAGE, &nodes, &[scales]));
    for transformation in [
        "asymmetric",
        "half_pixel",
        "pytorch_half_pixel",
        "align_corners",
    ] {
        for nearest in ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"] {
            for (y, x) in [(2.0, 2.0), (0.5, 1.0), (1.5, 2.0), (0.75, 4.0)] {
                let attributes = [
                    ("coordinate_transformation_mode", A::S(transformation)),
                    ("nearest_mode", A::S(nearest)),
                ];
                let nodes = [node("Resize", &["x", "", "s"], "y", &attributes)];
                let label = format!("resize {transformation} {nearest} {y} {x}");
                let scales = floats("s", &[4], &[1.0, 1.0, y, x]);
                all.push(case(label, 13, &IMAGE, &nodes, &[scales]));
            }
        }
    }
    let nodes = [node("Resize", &["x", "", "", "n"], "y", &[])];
    all.push(case(
        "resize to sizes",
        13,
        &[1, 2, 4, 3],
        &nodes,
        &[ints("n", &[1, 2, 6, 9])],
    ));
    let nodes = [node("Resize", &["x", "e", "s"], "y", &[])];
    let constants = [
        floats("e", &[0], &[]),
        floats("s", &[4], &[1.0, 1.0, 2.0, 2.0]),
    ];
    all.push(case(
        "resize with an empty region",
        11,
        &IMAGE,
        &nodes,
        &constants,
    ));
    agree(all);
}

#[test]
fn borders() {
    let mut all = Vec::new();
    for mode in ["constant", "reflect", "edge"] {
        let attributes = [("mode", A::S(mode))];
        let nodes = [node("Pad", &["x", "p"], "y", &attributes)];
        let pads = ints("p", &[0, 0, 2, 1, 0, 0, 1, 2]);
        all.push(case(format!("pad {mode}"), 13, &IMAGE, &nodes, &[pads]));
    }
    let nodes = [node("Pad", &["x", "p"], "y", &[])];
    let pads = ints("p", &[0, 0, -1, 1, 0, 0, -1, -2]);
    all.push(case("crop", 13, &IMAGE, &nodes, &[pads]));
    let nodes = [node("Pad", &["x", "p", "v"], "y", &[])];
    let constants = [
        ints("p", &[0, 1, 0, 0, 0, 0, 0, 2]),
        floats("v", &[], &[1.5]),
    ];
    all.push(case("pad with a number", 13, &IMAGE, &nodes, &constants));
    let nodes = [node("Pad", &["x", "p", "", "a"], "y", &[])];
    let constants = [ints("p", &[1, 2]), ints("a", &[-1])];
    all.push(case("pad one axis", 18, &IMAGE, &nodes, &constants));
    agree(all);
}

#[test]
fn repetitions() {
    let mut all = Vec::new();
    let nodes = [node("Tile", &["x", "r"], "y", &[])];
    all.push(case(
        "tile",
        13,
        &[-1, 2, 3],
        &nodes,
        &[ints("r", &[1, 3, 2])],
    ));
    let nodes = [node("Expand", &["x", "s"], "y", &[])];
    all.push(case(
        "expand",
        13,
        &[1, 1, 3],
        &nodes,
        &[ints("s", &[1, 4, 1])],
    ));
    agree(all);
}
