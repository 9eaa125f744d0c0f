//! Constants that a file computes: shapes as exporters derive them, and exact
//! arithmetic.

use dahlquist::exact::Rational;
use dahlquist::graph::{Op, eval_f64};
use dahlquist::network::onnx::read_model;

use crate::operators::{Case, agree, is, w};
use crate::wire::{A, floats, ints, node, simple, tensor};

fn case(label: &str, opset: i64, x: &[i64], nodes: &[Vec<u8>], c: &[Vec<u8>]) -> Case {
    Case {
        label: label.into(),
        bytes: simple(opset, x, nodes, c),
    }
}

fn scalar(name: &str, v: i64) -> Vec<u8> {
    tensor(name, &[], 7, &v.to_le_bytes())
}

/// `x.view(x.shape[0], -1, 2)` and the like, as PyTorch writes it.
#[test]
fn shapes() {
    let view = [
        node("Shape", &["x"], "s", &[]),
        node("Gather", &["s", "zero"], "n", &[("axis", A::I(0))]),
        node("Unsqueeze", &["n", "axes"], "u", &[]),
        node("Concat", &["u", "rest"], "target", &[("axis", A::I(0))]),
        node("Reshape", &["x", "target"], "y", &[]),
    ];
    let constants = [
        scalar("zero", 0),
        ints("axes", &[0]),
        ints("rest", &[-1, 2]),
    ];
    let mut all = vec![case("view", 13, &[-1, 3, 4], &view, &constants)];
    let end = [
        node(
            "Shape",
            &["x"],
            "s",
            &[("start", A::I(1)), ("end", A::I(-1))],
        ),
        node(
            "Concat",
            &["m", "s", "rest"],
            "target",
            &[("axis", A::I(0))],
        ),
        node("Reshape", &["x", "target"], "y", &[]),
    ];
    all.push(case(
        "part of a shape",
        15,
        &[1, 3, 4],
        &end,
        &[ints("m", &[1]), ints("rest", &[-1])],
    ));
    // Expand with -1 for extents that stay: Where(Equal(s, -1), 1, s).
    let expand = [
        node(
            "ConstantOfShape",
            &["two"],
            "ones",
            &[("value", A::T(ints("", &[1])))],
        ),
        node("Mul", &["ones", "minus"], "less", &[]),
        node("Equal", &["wanted", "less"], "keep", &[]),
        node("Where", &["keep", "ones", "wanted"], "target", &[]),
        node("Expand", &["c", "target"], "e", &[]),
        node("Sub", &["x", "e"], "y", &[]),
    ];
    let constants = [
        ints("two", &[2]),
        ints("wanted", &[1, -1]),
        scalar("minus", -1),
        w("c", 1, &[3]),
    ];
    all.push(case("expand", 13, &[-1, 3], &expand, &constants));
    let divided = [
        node("Shape", &["x"], "s", &[]),
        node("Slice", &["s", "a", "b"], "last", &[]),
        node("Div", &["last", "two"], "half", &[]),
        node("Cast", &["half"], "f", &[("to", A::I(1))]),
        node("Floor", &["f"], "g", &[]),
        node("Cast", &["g"], "i", &[("to", A::I(7))]),
        node("Slice", &["x", "zero", "i", "b"], "y", &[]),
    ];
    let constants = [
        ints("a", &[1]),
        ints("b", &[2]),
        ints("two", &[2]),
        ints("zero", &[0]),
    ];
    // The axes operand is the list [2]: slice the last axis.
    all.push(case(
        "half of an extent",
        13,
        &[-1, 5, 6],
        &divided,
        &constants,
    ));
    let range = [
        node("Range", &["zero", "limit", "two"], "r", &[]),
        node("Gather", &["x", "r"], "y", &[("axis", A::I(1))]),
    ];
    let constants = [scalar("zero", 0), scalar("limit", 5), scalar("two", 2)];
    all.push(case("range", 13, &[-1, 6], &range, &constants));
    agree(all);
}

#[test]
fn weights_that_are_computed() {
    let mut all = Vec::new();
    let transposed = [
        node("Transpose", &["w"], "t", &[]),
        node("MatMul", &["x", "t"], "y", &[]),
    ];
    all.push(case(
        "transposed weights",
        13,
        &[-1, 4],
        &transposed,
        &[w("w", 1, &[3, 4])],
    ));
    let squared = [
        node("MatMul", &["w", "v"], "p", &[]),
        node("Add", &["p", "eye"], "q", &[]),
        node("MatMul", &["x", "q"], "y", &[]),
    ];
    let constants = [w("w", 1, &[4, 4]), w("v", 2, &[4, 4]), w("eye", 3, &[4, 4])];
    all.push(case(
        "product of weights",
        13,
        &[-1, 4],
        &squared,
        &constants,
    ));
    let hidden = [
        node("MatMul", &["c", "w"], "a", &[]),
        node("Relu", &["a"], "r", &[]),
        node("Sigmoid", &["r"], "s", &[]),
        node("Mul", &["x", "s"], "y", &[]),
    ];
    all.push(case(
        "a constant layer",
        13,
        &[-1, 4],
        &hidden,
        &[w("c", 1, &[3]), w("w", 2, &[3, 4])],
    ));
    let chosen = [
        node("Greater", &["c", "d"], "m", &[]),
        node("Not", &["m"], "k", &[]),
        node("Where", &["k", "x", "d"], "y", &[]),
    ];
    all.push(case(
        "masked",
        13,
        &[-1, 4],
        &chosen,
        &[w("c", 1, &[4]), w("d", 2, &[4])],
    ));
    let reduced = [
        node("ReduceMean", &["c"], "m", &[("axes", is(&[0]))]),
        node("ReduceMax", &["c"], "n", &[("axes", is(&[0]))]),
        node("Sub", &["n", "m"], "d", &[]),
        node("Div", &["x", "d"], "y", &[]),
    ];
    all.push(case(
        "reduced constants",
        13,
        &[-1, 4],
        &reduced,
        &[w("c", 1, &[3, 4])],
    ));
    agree(all);
}

#[test]
fn parts_of_a_tensor() {
    let mut all = Vec::new();
    let split = |attributes: &[(&str, A)], inputs: &[&str]| {
        let mut n = node("Split", inputs, "a", attributes);
        crate::wire::bytes(2, b"b", &mut n);
        [n, node("Concat", &["b", "a"], "y", &[("axis", A::I(1))])]
    };
    let axis = ("axis", A::I(-1));
    let lengths = ("split", is(&[1, 5]));
    all.push(case(
        "split by an attribute",
        9,
        &[-1, 6],
        &split(&[axis.clone(), lengths], &["x"]),
        &[],
    ));
    let operand = split(std::slice::from_ref(&axis), &["x", "l"]);
    all.push(case(
        "split by an operand",
        13,
        &[-1, 6],
        &operand,
        &[ints("l", &[4, 2])],
    ));
    all.push(case(
        "equal parts",
        13,
        &[-1, 6],
        &split(std::slice::from_ref(&axis), &["x"]),
        &[],
    ));
    let uneven = [axis, ("num_outputs", A::I(2))];
    all.push(case(
        "a shorter last part",
        18,
        &[-1, 5],
        &split(&uneven, &["x"]),
        &[],
    ));
    agree(all);
}

/// The quotient by constants that have no binary32 reciprocal is exact.
#[test]
fn division_is_exact() {
    for (divisors, expected) in [
        (vec![3.0, 3.0, 3.0, 3.0], vec![(1, 3); 4]),
        (
            vec![3.0, 7.0, 3.0, 2.0],
            vec![(1, 3), (1, 7), (1, 3), (1, 2)],
        ),
    ] {
        let nodes = [node("Div", &["x", "c"], "y", &[])];
        let bytes = simple(13, &[1, 4], &nodes, &[floats("c", &[4], &divisors)]);
        let graph = read_model(bytes).unwrap().lower().unwrap();
        let Op::Combine(coefficients) = &graph.node(graph.output()).op else {
            panic!("not a combination");
        };
        for e in expected {
            assert!(coefficients.contains(&Rational::from(e)), "{e:?}");
        }
    }
}

/// A matrix of double precision is a sum of binary32 ones.
#[test]
fn double_precision_weights_are_exact() {
    let raw: Vec<u8> = [0.1f64, 1.0 / 3.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let weights = tensor("w", &[2, 1], 11, &raw);
    let bytes = simple(
        13,
        &[1, 2],
        &[node("MatMul", &["x", "w"], "y", &[])],
        &[weights],
    );
    let graph = read_model(bytes).unwrap().lower().unwrap();
    assert_eq!(eval_f64(&graph, &[1.0, 0.0]), [0.1]);
    assert_eq!(eval_f64(&graph, &[0.0, 1.0]), [1.0 / 3.0]);
}

#[test]
fn bad_arithmetic() {
    let read = |nodes: &[Vec<u8>], c: &[Vec<u8>]| {
        read_model(simple(13, &[1, 2], nodes, c))
            .unwrap_err()
            .to_string()
    };
    let use_it = node("Reshape", &["x", "s"], "y", &[]);
    let zero = [ints("a", &[4]), ints("b", &[0])];
    let message = read(&[node("Div", &["a", "b"], "s", &[]), use_it.clone()], &zero);
    assert!(message.contains("zero divisor"), "{message}");
    let large = [ints("a", &[i64::MAX]), ints("b", &[2])];
    let message = read(
        &[node("Mul", &["a", "b"], "s", &[]), use_it.clone()],
        &large,
    );
    assert!(message.contains("overflow"), "{message}");
    let mixed = [ints("a", &[1]), floats("b", &[1], &[2.0])];
    let message = read(&[node("Add", &["a", "b"], "s", &[]), use_it], &mixed);
    assert!(message.contains("integers"), "{message}");
    // Squaring again and again does not fill the memory.
    let mut nodes = vec![node("Mul", &["c", "c"], "v0", &[])];
    for k in 0..60 {
        let x = format!("v{k}");
        nodes.push(node("Mul", &[&x, &x], &format!("v{}", k + 1), &[]));
    }
    nodes.push(node("Mul", &["x", "v60"], "y", &[]));
    let message = read(&nodes, &[floats("c", &[1], &[1.1])]);
    assert!(message.contains("bits"), "{message}");
}
