//! ONNX files by hand: a protocol buffer encoder of a few lines, independent
//! of the one under test.

/// An attribute's value.
#[derive(Clone)]
pub enum A {
    I(i64),
    F(f32),
    S(&'static str),
    Is(Vec<i64>),
    Ss(Vec<String>),
    T(Vec<u8>),
    G(Vec<u8>),
    Gs(Vec<Vec<u8>>),
}

fn varint(mut v: u64, out: &mut Vec<u8>) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

pub fn number(field: u64, v: i64, out: &mut Vec<u8>) {
    varint(field << 3, out);
    varint(v as u64, out);
}

pub fn bytes(field: u64, v: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(v.len() as u64, out);
    out.extend(v);
}

pub fn attribute(name: &str, a: &A) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(1, name.as_bytes(), &mut out);
    let kind = match a {
        A::F(v) => {
            varint(2 << 3 | 5, &mut out);
            out.extend(v.to_le_bytes());
            1
        }
        A::I(v) => {
            number(3, *v, &mut out);
            2
        }
        A::S(v) => {
            bytes(4, v.as_bytes(), &mut out);
            3
        }
        A::T(v) => {
            bytes(5, v, &mut out);
            4
        }
        A::G(v) => {
            bytes(6, v, &mut out);
            5
        }
        A::Is(v) => {
            v.iter().for_each(|&v| number(8, v, &mut out));
            7
        }
        A::Ss(v) => {
            v.iter().for_each(|v| bytes(9, v.as_bytes(), &mut out));
            8
        }
        A::Gs(v) => {
            v.iter().for_each(|v| bytes(11, v, &mut out));
            10
        }
    };
    number(20, kind, &mut out);
    out
}

pub fn node_in(
    domain: &str,
    operator: &str,
    inputs: &[&str],
    output: &str,
    attributes: &[(&str, A)],
) -> Vec<u8> {
    let mut out = Vec::new();
    inputs.iter().for_each(|i| bytes(1, i.as_bytes(), &mut out));
    bytes(2, output.as_bytes(), &mut out);
    bytes(4, operator.as_bytes(), &mut out);
    for (name, a) in attributes {
        bytes(5, &attribute(name, a), &mut out);
    }
    bytes(7, domain.as_bytes(), &mut out);
    out
}

pub fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, A)]) -> Vec<u8> {
    node_in("", operator, inputs, output, attributes)
}

pub fn tensor(name: &str, dims: &[i64], kind: i64, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    dims.iter().for_each(|&d| number(1, d, &mut out));
    number(2, kind, &mut out);
    bytes(8, name.as_bytes(), &mut out);
    bytes(9, raw, &mut out);
    out
}

pub fn floats(name: &str, dims: &[i64], data: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, dims, 1, &raw)
}

pub fn ints(name: &str, data: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, &[data.len() as i64], 7, &raw)
}

/// A value of float elements; extent -1 is symbolic.
pub fn value(name: &str, dims: Option<&[i64]>) -> Vec<u8> {
    let mut tensor = Vec::new();
    number(1, 1, &mut tensor);
    if let Some(dims) = dims {
        let mut shape = Vec::new();
        for &d in dims {
            let mut dim = Vec::new();
            match d {
                -1 => bytes(2, b"batch", &mut dim),
                d => number(1, d, &mut dim),
            }
            bytes(1, &dim, &mut shape);
        }
        bytes(2, &shape, &mut tensor);
    }
    let (mut kind, mut out) = (Vec::new(), Vec::new());
    bytes(1, &tensor, &mut kind);
    bytes(1, name.as_bytes(), &mut out);
    bytes(2, &kind, &mut out);
    out
}

pub fn graph(
    nodes: &[Vec<u8>],
    initializers: &[Vec<u8>],
    inputs: &[Vec<u8>],
    output: &str,
) -> Vec<u8> {
    let mut out = Vec::new();
    nodes.iter().for_each(|n| bytes(1, n, &mut out));
    bytes(2, b"graph", &mut out);
    initializers.iter().for_each(|t| bytes(5, t, &mut out));
    inputs.iter().for_each(|i| bytes(11, i, &mut out));
    bytes(12, &value(output, None), &mut out);
    out
}

pub fn model(opset: i64, graph: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    number(1, 7, &mut out);
    bytes(7, graph, &mut out);
    for (domain, version) in [("", opset), ("ai.dahlquist", 1)] {
        let mut import = Vec::new();
        bytes(1, domain.as_bytes(), &mut import);
        number(2, version, &mut import);
        bytes(8, &import, &mut out);
    }
    out
}

/// A model of one input `x` and one output `y`.
pub fn simple(opset: i64, x: &[i64], nodes: &[Vec<u8>], initializers: &[Vec<u8>]) -> Vec<u8> {
    model(
        opset,
        &graph(nodes, initializers, &[value("x", Some(x))], "y"),
    )
}
