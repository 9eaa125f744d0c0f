//! The interval-Jacobian bound: the matrix of the difference quotient,
//! enclosed entry by entry by one backward pass.

use super::slopes::Slopes;
use crate::exact::Rational;
use crate::graph::{Backward, Graph, NodeId, Op, backward};
use crate::ops::{LinearMap, Pointwise, Product, Weights};
use crate::rounding::{Boxes, Interval};

/// Multiply-adds allowed for one Jacobian.
const WORK_LIMIT: f64 = 1e10;

/// Pulls a matrix (functionals, node) back; purely linear, nothing accumulates.
struct Jacobian<'a> {
    slopes: &'a Slopes,
}

impl Backward for Jacobian<'_> {
    type Cotangent = Boxes;

    fn constant(&mut self, _: NodeId, _: &[Rational], _: Boxes) {}

    fn linear(&mut self, _: NodeId, _: NodeId, map: &dyn LinearMap, y: Boxes) -> Boxes {
        y.affine(
            |v| map.adjoint(v, Weights::Signed),
            |v| map.adjoint(v, Weights::Absolute),
            |_| 0.0,
            map.adjoint_chain(),
            map.uncertainty(),
        )
    }

    fn pointwise(&mut self, node: NodeId, _: NodeId, _: &dyn Pointwise, y: Boxes) -> Boxes {
        Boxes::from_shape_fn(y.dim(), |s, i| y.at(s, i) * self.slopes.at(node, i))
    }

    fn combine(&mut self, _: NodeId, _: NodeId, c: &Rational, y: &Boxes) -> Boxes {
        Boxes::combine(std::slice::from_ref(c), &[y])
    }

    /// Refused by `analyze`; unbounded all the same.
    fn product(&mut self, _: NodeId, _: [NodeId; 2], p: &Product, y: Boxes) -> [Boxes; 2] {
        p.operands()
            .map(|x| Boxes::from_shape_fn((y.dim().0, x.len()), |_, _| Interval::ENTIRE))
    }

    fn merge(&mut self, _: NodeId, a: Boxes, b: Boxes) -> Boxes {
        Boxes::combine(&[Rational::from(1), Rational::from(1)], &[&a, &b])
    }
}

/// Multiply-adds of one evaluation of the graph, in order of magnitude.
pub(super) fn pass_work(graph: &Graph) -> f64 {
    graph
        .nodes()
        .iter()
        .map(|n| {
            n.shape.len() as f64
                * match &n.op {
                    Op::Linear(map) => map.chain() as f64,
                    Op::Pointwise(_) => 10.0,
                    Op::Combine(c) => 4.0 * c.len() as f64,
                    Op::Product(p) => p.chain() as f64,
                    Op::Input(_) | Op::Constant(_) => 0.0,
                }
        })
        .sum()
}

/// Multiply-adds of the Jacobian, in order of magnitude, if affordable.
pub(super) fn affordable(graph: &Graph) -> bool {
    let rows = graph.output_shape().len() as f64;
    let widest = graph
        .nodes()
        .iter()
        .map(|n| n.shape.len())
        .max()
        .unwrap_or(0);
    rows * pass_work(graph) <= WORK_LIMIT && rows * widest as f64 <= 3e7
}

/// Encloses every matrix `J` with `f(x) - f(y) = J (x - y)` that the slopes
/// allow, for node `at` as a function of one input. Shape (node, in).
pub(super) fn jacobian_of(graph: &Graph, at: NodeId, input: usize, slopes: &Slopes) -> Boxes {
    let m = graph.node(at).shape.len();
    let seed = Boxes::from_shape_fn((m, m), |i, j| {
        if i == j {
            Interval::ONE
        } else {
            Interval::ZERO
        }
    });
    let mut pulled = backward(graph, &mut Jacobian { slopes }, at, seed);
    let n = graph.input_shape(input).len();
    pulled[input]
        .take()
        .unwrap_or_else(|| Boxes::from_shape_fn((m, n), |_, _| Interval::ZERO))
}

/// [`jacobian_of`] the output.
pub(super) fn jacobian(graph: &Graph, input: usize, slopes: &Slopes) -> Boxes {
    jacobian_of(graph, graph.output(), input, slopes)
}
