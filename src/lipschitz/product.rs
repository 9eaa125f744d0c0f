//! The product bound: norms of the layers, multiplied along paths and added at
//! combinations.

use super::affine::NormCache;
use super::matrix::ceiling;
use super::slopes::Slopes;
use crate::exact::Rational;
use crate::graph::{Forward, Graph, NodeId, forward};
use crate::ops::{self, LinearMap, Pointwise, Shape};
use crate::rounding::Interval;
use crate::rounding::eft::{add_up, mul_up};

/// An upper bound of `|c|`.
pub(super) fn magnitude(c: &Rational) -> f64 {
    Interval::from_rational(c).mag()
}

/// Interprets a graph by Lipschitz constants with respect to one input:
/// `Lip(A x + b) <= ‖A‖ Lip(x)`, `Lip(φ(x)) <= sup|φ'| Lip(x)`,
/// `Lip(Σ c_k x_k) <= Σ |c_k| Lip(x_k)`.
struct Product<'a> {
    norms: Vec<f64>,
    slopes: &'a Slopes,
}

impl Forward for Product<'_> {
    type Value = f64;

    fn constant(&mut self, _: NodeId, _: &[Rational], _: &Shape) -> f64 {
        0.0
    }

    fn linear(&mut self, node: NodeId, _: &dyn LinearMap, x: &f64) -> f64 {
        mul_up(self.norms[node.index()], *x)
    }

    fn pointwise(&mut self, node: NodeId, _: &dyn Pointwise, x: &f64) -> f64 {
        mul_up(self.slopes.sup(node), *x)
    }

    fn combine(&mut self, _: NodeId, c: &[Rational], xs: &[&f64]) -> f64 {
        c.iter().zip(xs).fold(0.0, |sum, (c, &&x)| {
            ceiling(add_up(sum, mul_up(magnitude(c), x)))
        })
    }

    /// Refused by `analyze`; unbounded all the same.
    fn product(&mut self, _: NodeId, _: &ops::Product, _: &f64, _: &f64) -> f64 {
        f64::INFINITY
    }
}

/// Lipschitz constants (proved upper bounds) of every node with respect to
/// input `input`, the other inputs held fixed.
pub(super) fn product(
    graph: &Graph,
    input: usize,
    slopes: &Slopes,
    cache: &mut NormCache,
) -> Vec<f64> {
    let norms = cache.of_graph(graph);
    let seeds = (0..graph.inputs().len())
        .map(|k| if k == input { 1.0 } else { 0.0 })
        .collect();
    forward(graph, &mut Product { norms, slopes }, seeds)
}
