//! Random small graphs from a tape of choices.
//!
//! Every tape gives a valid graph, an exhausted tape answers 0 and small
//! answers give small graphs, so a tape drawn by a property-test library
//! shrinks to a small valid graph.

use std::sync::Arc;

use crate::exact::Rational;
use crate::graph::{Graph, GraphBuilder, NodeId};
use crate::ode::{self, Field};
use crate::ops::{
    Clip, Conv2d, Dense, Diagonal, Gather, Geometry, LinearMap, Param, Pointwise, Product, Reshape,
    Shape, Square, SumPool, Tensor, activation_registry, pointwise_registry,
};

/// A source of choices.
#[derive(Clone, Debug)]
pub struct Tape<'a> {
    choices: &'a [u32],
    at: usize,
}

impl<'a> Tape<'a> {
    /// The choices, first first.
    pub fn new(choices: &'a [u32]) -> Tape<'a> {
        Tape { choices, at: 0 }
    }

    /// The next choice below `n`, 0 when the tape is used up.
    pub fn below(&mut self, n: usize) -> usize {
        let v = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        v as usize % n
    }

    /// A weight: mostly moderate, sometimes zero, exact, tiny or large.
    pub fn weight(&mut self) -> f32 {
        match self.below(16) {
            0 => 0.0,
            1 => 1.0,
            2 => -1.0,
            3 => 0.5,
            4 => -1.0e-40,
            5 => 37.25,
            _ => (self.below(20_001) as f32 - 10_000.0) / 7_919.0,
        }
    }

    fn tensor(&mut self, name: &str, dims: &[usize]) -> Param {
        let shape = Shape::new(dims);
        let data = (0..shape.len()).map(|_| self.weight()).collect();
        Arc::new(Tensor::new(name, shape, data).expect("finite weights of the right count"))
    }

    /// A coefficient, not always a double.
    pub fn rational(&mut self) -> Rational {
        let (p, q) = [(1, 1), (-1, 1), (1, 3), (-7, 10), (3, 2), (0, 1)][self.below(6)];
        Rational::from((p, q))
    }

    fn dense(&mut self, inputs: usize, outputs: usize) -> Arc<dyn LinearMap> {
        let weight = self.tensor("w", &[outputs, inputs]);
        let bias = (self.below(3) > 0).then(|| self.tensor("b", &[outputs]));
        Arc::new(Dense::new(weight, bias).expect("shapes agree"))
    }
}

const VALID: &str = "the generator makes valid graphs";

/// A graph with one input of 1 to 8 elements and a flat output of 1 to 3, made
/// of every operator kind with fan-out, residuals and unrolled ODE blocks.
pub fn graph(tape: &mut Tape<'_>) -> Graph {
    let mut b = GraphBuilder::new();
    let image = tape.below(3) == 2;
    let shape = if image {
        Shape::new(&[1 + tape.below(2), 2, 2])
    } else {
        Shape::new(&[1 + tape.below(4)])
    };
    let mut nodes = vec![b.input("x", shape)];
    for k in 0..1 + tape.below(7) {
        // mostly the last node, sometimes an earlier one: fan-out
        let back = tape.below(4).saturating_sub(1).min(nodes.len() - 1);
        let x = nodes[nodes.len() - 1 - back];
        let node = layer(tape, &mut b, &nodes, x, &format!("n{k}/"));
        nodes.push(node);
    }
    let x = flat(&mut b, nodes[nodes.len() - 1], "flat");
    let outputs = 1 + tape.below(3);
    let map = tape.dense(b.shape(x).len(), outputs);
    let mut output = b.linear("out", map, x).expect(VALID);
    if tape.below(5) == 4 {
        let f = activation_registry()[tape.below(5)].clone();
        output = b.pointwise("out/act", f, output).expect(VALID);
    }
    b.finish(output).expect(VALID)
}

fn flat(b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
    let shape = b.shape(x).clone();
    if shape.dims().len() == 1 {
        return x;
    }
    let out = Shape::new(&[shape.len()]);
    let map = Reshape::new(shape, out).expect(VALID);
    b.linear(name, Arc::new(map), x).expect(VALID)
}

fn layer(
    tape: &mut Tape<'_>,
    b: &mut GraphBuilder,
    all: &[NodeId],
    x: NodeId,
    name: &str,
) -> NodeId {
    let shape = b.shape(x).clone();
    let dims = shape.dims().to_vec();
    match tape.below(11) {
        0 => {
            let registry = pointwise_registry();
            let f = registry[tape.below(registry.len())].clone();
            pointwise(b, f, x, name)
        }
        8 => {
            let y = all.iter().rev().filter(|n| *b.shape(**n) == shape);
            let y = *y.skip(tape.below(2)).chain([&x]).next().expect(VALID);
            let p = Product::elementwise(shape);
            b.product(name, p, x, y).expect(VALID)
        }
        9 => matrix_product(tape, b, x, name),
        10 => {
            let all = activation_registry();
            b.pointwise(name, all[tape.below(all.len())].clone(), x)
                .expect(VALID)
        }
        1 => {
            let x = flat(b, x, &format!("{name}flat"));
            let outputs = 1 + tape.below(4);
            let map = tape.dense(shape.len(), outputs);
            b.linear(name, map, x).expect(VALID)
        }
        2 => {
            let terms: Vec<(Rational, NodeId)> = all
                .iter()
                .rev()
                .filter(|n| *b.shape(**n) == shape)
                .take(3)
                .map(|&n| (tape.rational(), n))
                .collect();
            b.combine(name, &terms).expect(VALID)
        }
        3 => ode_block(tape, b, x, name),
        4 => {
            let values = (0..shape.len()).map(|_| tape.rational()).collect();
            let c = b.constant(format!("{name}c"), shape, values).expect(VALID);
            let terms = [(Rational::from(1), x), (tape.rational(), c)];
            b.combine(name, &terms).expect(VALID)
        }
        5 => {
            let n = shape.len();
            let index = (0..1 + tape.below(5))
                .map(|_| Some(tape.below(n + 1) as u32).filter(|&i| (i as usize) < n))
                .collect::<Vec<_>>();
            let out = Shape::new(&[index.len()]);
            let map = Gather::new(shape, out, index).expect(VALID);
            b.linear(name, Arc::new(map), x).expect(VALID)
        }
        6 => {
            let scale = tape.tensor("s", &[dims[0]]);
            let bias = tape.tensor("t", &[dims[0]]);
            let uncertainty = [0.0, 1e-7][tape.below(2)];
            let map = Diagonal::new(scale, bias, shape, uncertainty).expect(VALID);
            b.linear(name, Arc::new(map), x).expect(VALID)
        }
        _ => windowed(tape, b, x, name),
    }
}

/// `φ(x)`, the operand first brought into the domain, or where `exp` does not
/// overflow at once.
fn pointwise(b: &mut GraphBuilder, f: Arc<dyn Pointwise>, x: NodeId, name: &str) -> NodeId {
    let x = match f.name() {
        "exp" => {
            let clip = Clip::new(Some(-30.0), Some(30.0)).expect(VALID);
            b.pointwise(format!("{name}clip"), Arc::new(clip), x)
                .expect(VALID)
        }
        "log" | "sqrt" | "rsqrt" | "reciprocal" => {
            let shape = b.shape(x).clone();
            let third = vec![Rational::from((1, 3)); shape.len()];
            let c = b.constant(format!("{name}c"), shape, third).expect(VALID);
            let x = b
                .pointwise(format!("{name}square"), Arc::new(Square), x)
                .expect(VALID);
            let one = || Rational::from(1);
            b.combine(format!("{name}positive"), &[(one(), x), (one(), c)])
                .expect(VALID)
        }
        _ => x,
    };
    b.pointwise(name, f, x).expect(VALID)
}

/// A product of two small matrices with elements of `x`.
fn matrix_product(tape: &mut Tape<'_>, b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
    let shape = b.shape(x).clone();
    let (rows, inner, cols) = (1 + tape.below(2), 1 + tape.below(3), 1 + tape.below(2));
    let mut operand = |dims: [usize; 2], which: &str| {
        let n = dims[0] * dims[1];
        let index = (0..n).map(|_| Some(tape.below(shape.len()) as u32));
        let out = Shape::new(&dims);
        let map = Gather::new(shape.clone(), out, index.collect()).expect(VALID);
        b.linear(format!("{name}{which}"), Arc::new(map), x)
            .expect(VALID)
    };
    let (left, right) = (operand([rows, inner], "a"), operand([inner, cols], "b"));
    let p = Product::matmul(b.shape(left).clone(), b.shape(right).clone()).expect(VALID);
    b.product(name, p, left, right).expect(VALID)
}

/// A convolution or an average pool on a three-dimensional node, else a dense layer.
fn windowed(tape: &mut Tape<'_>, b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
    let &[channels, h, w] = b.shape(x).dims() else {
        let map = tape.dense(b.shape(x).len(), 2);
        let x = flat(b, x, &format!("{name}flat"));
        return b.linear(name, map, x).expect(VALID);
    };
    let kernel = [1 + tape.below(h.min(2)), 1 + tape.below(w.min(2))];
    let padding = [tape.below(2), 0, 0, tape.below(2)];
    let stride = [1 + tape.below(2), 1];
    if tape.below(2) == 0 {
        let out = 1 + tape.below(2);
        let g = Geometry::new(
            "conv2d",
            channels,
            [h, w],
            out,
            kernel,
            stride,
            padding,
            [1, 1],
            1,
        )
        .expect(VALID);
        let weight = tape.tensor("k", &[out, channels, kernel[0], kernel[1]]);
        let bias = Some(tape.tensor("b", &[out]));
        let map = Conv2d::new(weight, bias, g).expect(VALID);
        return b.linear(name, Arc::new(map), x).expect(VALID);
    }
    let g = Geometry::new(
        "sum_pool",
        channels,
        [h, w],
        channels,
        kernel,
        stride,
        padding,
        [1, 1],
        channels,
    )
    .expect(VALID);
    let n = (kernel[0] * kernel[1]) as u32;
    let sum = b
        .linear(
            format!("{name}sum"),
            Arc::new(SumPool::new(g).expect(VALID)),
            x,
        )
        .expect(VALID);
    b.combine(name, &[(Rational::from((1, n)), sum)])
        .expect(VALID)
}

/// `z' = W2 φ(W1 z + V t)`, unrolled by a random method.
fn ode_block(tape: &mut Tape<'_>, b: &mut GraphBuilder, x: NodeId, name: &str) -> NodeId {
    let shape = b.shape(x).clone();
    let x = flat(b, x, &format!("{name}flat"));
    let n = shape.len();
    let mut f = GraphBuilder::new();
    let t = (tape.below(2) == 1).then(|| f.input("t", Shape::new(&[1])));
    let z = f.input("z", Shape::new(&[n]));
    let hidden = 1 + tape.below(3);
    let mut y = f.linear("l1", tape.dense(n, hidden), z).expect(VALID);
    if let Some(t) = t {
        let v = f.linear("time", tape.dense(1, hidden), t).expect(VALID);
        let one = || Rational::from(1);
        y = f
            .combine("l1+time", &[(one(), y), (one(), v)])
            .expect(VALID);
    }
    let phi = activation_registry()[tape.below(5)].clone();
    let y = f.pointwise("act", phi, y).expect(VALID);
    let y = f.linear("l2", tape.dense(hidden, n), y).expect(VALID);
    let field = Field::Shared(f.finish(y).expect(VALID));
    let methods = ode::registry();
    let method = &methods[tape.below(methods.len())];
    let (t0, t1) = (Rational::new(), Rational::from((1, 2)));
    ode::unroll(b, name, method, &field, 3, &t0, &t1, x).expect(VALID)
}
